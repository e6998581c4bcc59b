"""What the commands write about the bundled samples is what docs/schemas promises."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from schemas import validate
from short_clip import short_clip, write_film
from viseme.cli.main import main
from viseme.standardization import read_standardized
from viseme.weights import assets_folder

LATE = assets_folder() / "samples" / "sample_late_137ms.mp4"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def lines(capfd: pytest.CaptureFixture[str]) -> list[dict]:
    return [json.loads(line) for line in capfd.readouterr().out.splitlines()]


def test_check_and_its_file_of_answers(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(LATE), "--json", "--out", "answers.jsonl"]) == 0
    (answer,) = lines(capfd)
    validate("check", answer)
    assert answer["tracks"]
    validate("check", json.loads(Path("answers.jsonl").read_text()))


def test_fix(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["fix", str(LATE), "-o", "fixed.mp4", "--delay", "137ms", "--json"]) == 0
    (answer,) = lines(capfd)
    validate("fix", answer)


def test_find_speakers(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["find-speakers", str(LATE), "--json"]) == 0
    (answer,) = lines(capfd)
    validate("find-speakers", answer)
    assert answer["faces"]
    Path("bad.mp4").write_bytes(b"bad")
    Path("worse.mp4").write_bytes(b"worse")
    assert main(["find-speakers", "bad.mp4", "worse.mp4", "--json"]) == 1
    for failure in lines(capfd):
        validate("find-speakers", failure)


@pytest.mark.slow
def test_find_speakers_live(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["find-speakers", "--live", str(LATE), "--every", "0.4", "--delay", "137ms", "--keep-frames"]) == 0
    header, *steps, end = lines(capfd)
    for line in (header, *steps, end):
        validate("live", line)
    assert (header["event"], end["event"]) == ("header", "end")
    assert any(step["faces"] for step in steps)


def test_standardize(capfd: pytest.CaptureFixture[str]) -> None:
    film = write_film(Path("film.mkv"), short_clip(30))
    assert main(["standardize", str(film), "-o", "a.safetensors", "--as", "arkit", "--json"]) == 0
    (answer,) = lines(capfd)
    validate("standardize", answer)
    assert answer["tracks"]
    (face,) = read_standardized("a.safetensors").faces
    assert face.tensors["arkit"].shape == (len(face.times), 52)


def test_truths_of_synthetic_clips() -> None:
    if shutil.which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed")
    size = ["--width", "160", "--height", "120"]
    assert main(["synth", "head.mp4", "--text", "Map.", "--truth", "head.json", *size]) == 0
    validate("synth", json.loads(Path("head.json").read_text()))
    assert main(["synth", "conversation", "talk.mp4", "--seconds", "2", "--recorded", "0", *size]) == 0
    validate("conversation", json.loads(Path("talk.json").read_text()))
