"""What bad input gets from the real command: one line that says what, on which file, what to do; never a number."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import wave
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from viseme.media import VideoWriter
from viseme.weights import assets_folder

SAMPLES = sorted((assets_folder() / "samples").glob("*.mp4"))
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
AUDIO_RATE = 16_000


def viseme(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "viseme.cli.main", *words],
        cwd=cwd,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=120,
    )


def film(path: Path, *, frames: int = 30, audio: bool = True, level: float = 0.3) -> Path:
    """Grey noise without a face, and a tone."""
    rng = np.random.default_rng(0)
    with VideoWriter(path, width=96, height=64, rate=Fraction(25), audio_rate=AUDIO_RATE if audio else None) as video:
        for index in range(frames):
            video.write(rng.integers(90, 160, (64, 96, 3), dtype=np.uint8), Fraction(index, 25))
        if audio:
            time = np.arange(frames * AUDIO_RATE // 25) / AUDIO_RATE
            video.write_audio((level * np.sin(2 * np.pi * 220 * time)).astype(np.float32), Fraction(0))
    return path


def tone(path: Path, seconds: float = 1.0) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(AUDIO_RATE)
        file.writeframes((3000 * np.sin(np.arange(int(seconds * AUDIO_RATE)))).astype("<i2").tobytes())
    return path


def refused(done: subprocess.CompletedProcess[str], name: str, *, words: str = "") -> None:
    assert done.returncode == 1, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("viseme: error: ")
    assert name in lines[0]
    assert words in lines[0]
    assert "Traceback" not in done.stderr


ODD_NAMES = ("with space.mp4", 'quo\'te "x".mp4', "two\nlines.mp4", "-dash.mp4", "%d.mp4", "a:b.mp4", "[x].mp4")
GARBAGE = {
    "empty.mp4": b"",
    "letter.mp4": b"this is a letter, not a video\n" * 40,
    "zeros.mp4": b"\x00" * 5000,
    "noise.mp4": bytes(range(256)) * 40,
    "empty\n.mp4": b"",
}


@pytest.fixture(scope="session")
def batch(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """The answers about every kind of bad file, from one run; `stderr` and `returncode` besides."""
    folder = tmp_path_factory.mktemp("bad")
    for name, content in GARBAGE.items():
        (folder / name).write_bytes(content)
    whole = film(folder / "whole.mp4")
    (folder / "cut.mp4").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    film(folder / "silent.mp4", audio=False)
    tone(folder / "song.wav").rename(folder / "song.mp4")
    for name in ("video.txt", *ODD_NAMES):
        (folder / name).write_bytes(whole.read_bytes())
    for frames in (1, 2):
        film(folder / f"{frames}.mp4", frames=frames)
    names = sorted(p.name for p in folder.iterdir())
    done = viseme("check", "--json", "--", *names, "missing.mp4", cwd=folder)
    answers = {a["file"]: a for a in map(json.loads, done.stdout.splitlines())}
    assert sorted(answers) == sorted([*names, "missing.mp4"])
    return {**answers, "run": {"returncode": done.returncode, "stderr": done.stderr}}


def error_of(answer: dict) -> str:
    assert answer["verdict"] is None
    assert answer["audio_delay"] is None
    return f"{answer['error']['type']}: {answer['error']['message']}"


def test_every_error_is_one_line_without_a_traceback(batch: dict[str, dict]) -> None:
    failed = [a for name, a in batch.items() if name != "run" and a["error"]]
    lines = batch["run"]["stderr"].splitlines()
    assert batch["run"]["returncode"] == 1
    assert len(lines) == len(failed) + 1, "a line each and a summary"
    assert all(line.startswith("viseme: error: ") for line in lines[:-1])
    assert "unexpected" not in batch["run"]["stderr"], "every fault was foreseen"


def test_a_missing_file(batch: dict[str, dict]) -> None:
    assert "does not exist" in error_of(batch["missing.mp4"])


@pytest.mark.parametrize("name", GARBAGE)
def test_what_is_no_media_is_unreadable(batch: dict[str, dict], name: str) -> None:
    assert error_of(batch[name]).startswith("UnreadableMedia")


def test_a_truncated_file_gets_no_number(batch: dict[str, dict]) -> None:
    assert batch["cut.mp4"]["audio_delay"] is None


def test_no_audio(batch: dict[str, dict]) -> None:
    assert error_of(batch["silent.mp4"]).startswith("NoAudio")
    assert "--audio" in error_of(batch["silent.mp4"])


def test_no_frame_and_a_wrong_extension(batch: dict[str, dict]) -> None:
    assert error_of(batch["song.mp4"]).startswith("NoVideo")


@pytest.mark.parametrize("name", ["video.txt", *ODD_NAMES])
def test_a_readable_file_is_read_whatever_it_is_called(batch: dict[str, dict], name: str) -> None:
    assert batch[name]["verdict"] == "cannot_tell"
    assert batch[name]["reasons"] == ["no_face"]


@pytest.mark.parametrize("name", ["1.mp4", "2.mp4"])
def test_a_frame_or_two_get_no_number(batch: dict[str, dict], name: str) -> None:
    assert batch[name]["audio_delay"] is None


def test_a_single_bad_file(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"")
    refused(viseme("check", "clip.mp4", cwd=tmp_path), "clip.mp4", words="is empty")


def test_a_folder_of_good_and_bad_is_answered_to_the_end(tmp_path: Path) -> None:
    film(tmp_path / "1.mp4", frames=10)
    (tmp_path / "2.mp4").write_bytes(b"")
    film(tmp_path / "3.mp4", frames=10)
    done = viseme("check", ".", "--json", "--report", "r.html", "--csv", "t.csv", cwd=tmp_path)
    assert done.returncode == 1
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [Path(a["file"]).name for a in answers] == ["1.mp4", "2.mp4", "3.mp4"]
    assert [a["verdict"] for a in answers] == ["cannot_tell", None, "cannot_tell"]
    assert done.stderr.splitlines()[-1] == "0 answered, 2 cannot tell, 1 failed"
    assert (tmp_path / "r.html").stat().st_size > 5000
    assert len((tmp_path / "t.csv").read_text().splitlines()) == 4


def test_options_out_of_range_end_it_before_any_work(tmp_path: Path) -> None:
    film(tmp_path / "1.mp4", frames=5)
    for words in (["--tracker", "nosuch"], ["--weights", "nosuch"]):
        done = viseme("check", "1.mp4", *words, cwd=tmp_path)
        assert done.returncode in (1, 2), words
        assert "Traceback" not in done.stderr
        assert "unexpected" not in done.stderr, words
        assert done.stdout == ""


def test_fix_refuses_and_leaves_nothing(tmp_path: Path) -> None:
    film(tmp_path / "clip.mp4")
    done = viseme("fix", "clip.mp4", "-o", "out.mp4", cwd=tmp_path)
    assert done.returncode == 3
    assert done.stderr.startswith("viseme: error: clip.mp4: cannot tell")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.mp4"]


def test_fix_with_a_given_delay(tmp_path: Path) -> None:
    film(tmp_path / "clip.mp4")
    done = viseme("fix", "clip.mp4", "-o", "out.mp4", "--delay", "-80.5ms", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "by +80.5 ms" in done.stdout
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.mp4", "out.mp4"]


def test_fix_on_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    film(tmp_path / "clip.mp4", frames=50)
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000)); "
        "from viseme.cli.main import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "fix", "clip.mp4", "-o", "out.mp4", "--delay", "100ms"],
        cwd=tmp_path,
        env={**ENVIRONMENT, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
    )
    refused(done, "out.mp4", words="cannot be written")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.mp4"]


def test_the_samples_can_be_checked(tmp_path: Path) -> None:
    assert len(SAMPLES) == 2
    for sample in SAMPLES:
        done = viseme("check", str(sample), "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        assert json.loads(done.stdout)["tracks"]
