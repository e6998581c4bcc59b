"""Streams of a conversation against the same film as a file: scores, states, the latency, and what goes wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from media_files import piped
from viseme.cli.main import main
from viseme.core.errors import ConfigError, NoAudio
from viseme.core.live import LiveStep
from viseme.core.speakers import FaceState, FaceTimeline, SpeakersResult, VoiceState
from viseme.media import AudioBlock, Frame, VideoWriter, pipe, read_audio, read_frames
from viseme.media.live import LiveMedia
from viseme.speakers import live
from viseme.speakers.interface import load_scorer
from viseme.speakers.live import find_speakers_live
from viseme.speakers.pipeline import find_speakers
from viseme.speakers.stream import LATE_S, LiveWork
from viseme.sync.checkpoint import load_sync_weights
from viseme.weights import assets_folder

SAMPLES = assets_folder() / "samples"
IN_SYNC = SAMPLES / "sample_in_sync.mp4"
LATE = SAMPLES / "sample_late_137ms.mp4"
MIDDLE_PX = 200
"""Left of it is one person, right of it the other."""
KNOWN_S = 3.0
"""Seconds until loudness, colour and the mean face are known well enough for the tolerances below."""
SURE = 5.0
"""Log-odds beyond which one certainty is as good as another."""
SCORE = {"evidence": (0.2, 0.6), "head": (0.1, 0.5), "cosine": (0.05, 0.2)}
"""Largest median and 95th percentile of the difference between live and batch scores after `KNOWN_S`."""
STATES = 0.95
"""Least share of steps with the same state, after `KNOWN_S`."""


def conversation(out: Path, *, audio_on: bool = True) -> Path:
    """Two people side by side: the left one speaks, then the right one, who is the same in the mirror."""
    shown = [p.image[::2, ::2] for p in read_frames(IN_SYNC)]
    times = [p.time for p in read_frames(IN_SYNC)]
    step, rate = times[1], 1 / times[1]
    heard = np.concatenate([b.samples for b in read_audio(IN_SYNC)])[: round(len(shown) * step * 16000)]
    height, width = shown[0].shape[:2]
    with VideoWriter(out, width=2 * width, height=height, rate=rate, audio_rate=16000 if audio_on else None) as video:
        for i in range(2 * len(shown)):
            left, right = shown[min(i, len(shown) - 1)], shown[max(i - len(shown), 0)][:, ::-1]
            video.write(np.ascontiguousarray(np.concatenate([left, right], 1)), i * step)
        if audio_on:
            video.write_audio(np.concatenate([heard, heard]), Fraction(0))
    return out


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return conversation(tmp_path_factory.mktemp("film") / "film.mkv")


@pytest.fixture(scope="module")
def recorded(film: Path) -> Callable[[str], SpeakersResult]:
    """What a scorer says of the film as a file, asked once."""
    return cache(lambda scorer: find_speakers(film, scorer=scorer, align="none"))


def stream(data: bytes, **options) -> tuple[live.LiveSpeakers, list[LiveStep]]:
    with (
        open(piped(data), "rb") as file,
        closing(find_speakers_live(file, **{"keep_frames": True, **options})) as steps,
    ):
        return steps, list(steps)


def there(face: FaceTimeline, time: float) -> tuple[float, FaceState] | None:
    """Score and state of a face at a step."""
    at = round((time - face.times[0]) / 0.04)
    if not 0 <= at < len(face.times):
        return None
    return float(face.scores[at]), next(s.state for s in face.segments if s.start - 1e-6 <= time < s.end - 1e-6)


def pairs(steps: list[LiveStep], result: SpeakersResult) -> Iterator[tuple[float, FaceState, float, FaceState]]:
    """Live score and state beside those of the file, of the same face at the same step."""
    for step in steps:
        for one in step.faces if step.time >= KNOWN_S else ():
            beside = [f for f in result.faces if (f.boxes[0][0] > MIDDLE_PX) == (one.box[0] > MIDDLE_PX)]
            if found := there(beside[0], step.time):
                yield one.score, one.state, *found


@pytest.mark.parametrize(
    "scorer", [pytest.param(name, marks=[] if name == "head" else [pytest.mark.slow]) for name in SCORE]
)
def test_a_stream_says_what_the_file_says(film: Path, recorded: Callable[[str], SpeakersResult], scorer: str) -> None:
    run, steps = stream(film.read_bytes(), scorer=scorer, align="none")
    result = recorded(scorer)
    both = list(pairs(steps, result))
    assert len(both) > 50
    apart = np.abs(np.diff(np.clip([(a, b) for a, _, b, _ in both], -SURE, SURE)))
    median, most = SCORE[scorer]
    assert np.median(apart) < median
    assert np.quantile(apart, 0.95) < most
    assert np.mean([s == t for _, s, _, t in both]) >= STATES
    speaking = {s.time: [f.box[0] > MIDDLE_PX for f in s.faces if f.state is FaceState.SPEAKING] for s in steps}
    half = result.faces[0].end / 2
    assert all(speaking[t] == [False] for t in speaking if 1.2 < t < half - 1.2)
    assert all(speaking[t] == [True] for t in speaking if half + 1.2 < t < 2 * half - 1.2)
    assert all(s.voice is VoiceState.ONSCREEN for s in steps if 1.2 < s.time < half - 1.2)
    assert [s.time for s in steps] == pytest.approx([0.2 * i for i in range(len(steps))])
    assert run.end.dropped == 0
    assert run.end.duration == pytest.approx(2 * half, abs=0.1)


@pytest.mark.slow
def test_mpeg_ts_says_the_same(film: Path, tmp_path: Path, recorded: Callable[[str], SpeakersResult]) -> None:
    other = conversation(tmp_path / "film.ts")
    _, steps = stream(other.read_bytes(), scorer="evidence", align="none")
    both = list(pairs(steps, recorded("evidence")))
    assert np.mean([s == t for _, s, _, t in both]) >= STATES
    assert np.median(np.abs([a - b for a, _, b, _ in both])) < 0.5  # AAC is not FLAC


@pytest.mark.slow
def test_the_latency_is_what_is_stated(film: Path) -> None:
    """By the times of frames: at each step, the newest one that was handed over, whatever the wall clock says."""
    work = LiveWork(load_sync_weights(), load_scorer("evidence"))
    handed = [0.0]

    def watched(media: LiveMedia) -> Iterator[Frame | AudioBlock]:
        for item in media:
            if isinstance(item, Frame):
                handed.append(float(item.time))
            yield item
        handed.append(np.inf)

    with open(piped(film.read_bytes()), "rb") as file, closing(LiveMedia(file)) as media:
        late = np.array([handed[-1] - step.time for step in work.steps(watched(media))])
    stated = work.header("", "none", (1, 1)).latency_s
    late = late[np.isfinite(late)]
    assert len(late) > 30
    assert late.min() >= stated - 1e-6, "told before all of it was known"
    assert late.max() <= stated + handed[2] + 1e-6, "more than one frame late"


@pytest.mark.slow
def test_a_shorter_latency_is_kept_too(film: Path, recorded: Callable[[str], SpeakersResult]) -> None:
    run, steps = stream(film.read_bytes(), scorer="head", align="none", latency=1.2)
    told = [s for s in steps if s.newest < run.end.duration - 1e-6]
    assert run.header.latency_s == 1.2
    assert run.header.context_s > 3
    assert max(s.newest - s.time for s in told) <= 1.2 + 0.05
    same = [s == t for _, s, _, t in pairs(steps, recorded("head"))]
    assert np.mean(same) > 0.8


@pytest.mark.slow
def test_the_delay_is_learned_on_the_way() -> None:
    _, steps = stream(LATE.read_bytes(), scorer="evidence")
    assert steps[0].delay is None
    assert not any(f.state is FaceState.DUBBING_SUSPECTED for s in steps if s.delay is None for f in s.faces)
    told = [s for s in steps if s.delay is not None]
    assert [s.delay for s in told] == pytest.approx([0.137] * len(told), abs=0.02)
    assert {f.state for s in told if s.time < 4 for f in s.faces} == {FaceState.SPEAKING}
    _, given = stream(LATE.read_bytes(), scorer="evidence", delay=0.137)
    assert {f.state for s in given if 1 < s.time < 4 for f in s.faces} == {FaceState.SPEAKING}


def test_a_stream_that_breaks_off_is_told_to_its_end(film: Path) -> None:
    data = film.read_bytes()
    run, steps = stream(data[: len(data) // 2], scorer="evidence")
    assert 1 < run.end.duration < 8
    assert steps[-1].time == pytest.approx(run.end.duration, abs=0.21)


@pytest.mark.slow
def test_audio_that_stops_is_not_waited_for_for_ever(film: Path) -> None:
    work = LiveWork(load_sync_weights(), load_scorer("evidence"))
    with open(piped(film.read_bytes()), "rb") as file, closing(LiveMedia(file)) as media:
        kept = (i for i in media if isinstance(i, Frame) or i.end < 2)
        steps = list(work.steps(kept))
    before_end = [s for s in steps if s.newest < steps[-1].newest]
    assert max(s.newest - s.time for s in before_end) < work.late + LATE_S + 0.1
    assert {f.state for s in before_end if s.time > 3 for f in s.faces} == {FaceState.CANNOT_TELL}


def test_frames_that_are_too_much_are_dropped_and_told(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is always behind has no patience; audio is complete all the same."""
    monkeypatch.setattr(live, "PATIENCE_S", -1e9)
    monkeypatch.setattr(live, "WAITING", 4)
    warnings: list[str] = []
    run, steps = stream(film.read_bytes(), scorer="evidence", keep_frames=False, on_warning=warnings.append)
    assert run.end.dropped > 20
    assert run.end.dropped + run.end.frames == 2 * len(list(read_frames(IN_SYNC)))
    assert all("slower than real time" in w for w in warnings)
    assert 0 < len(warnings) < 10
    assert run.end.warnings == tuple(warnings)
    assert steps[-1].dropped == run.end.dropped
    assert run._work.audio.end == pytest.approx(9.84, abs=0.05), "audio was lost"
    assert run._work.audio.num_frames == pytest.approx(984, abs=3)


def test_a_stream_without_audio_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoAudio):
        stream(conversation(tmp_path / "silent.mkv", audio_on=False).read_bytes())


def test_a_stream_has_one_delay() -> None:
    with pytest.raises(ConfigError, match="file or none"):
        find_speakers_live("-", align="track")  # type: ignore[arg-type]


# the command


def test_the_command_prints_a_line_a_step(
    film: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipe, "GROWTH_S", 0.0)
    assert main(["find-speakers", "--live", str(film), "--every", "1", "--delay", "0ms", "--keep-frames"]) == 0
    out, err = capfd.readouterr()
    lines = [json.loads(line) for line in out.splitlines()]
    assert {line["schema"] for line in lines} == {"viseme.speakers.live/1"}
    assert [line["event"] for line in lines] == ["header", *["step"] * (len(lines) - 2), "end"]
    assert (lines[0]["align"], lines[0]["every"], lines[0]["width"]) == ("given", 1.0, 2 * MIDDLE_PX)
    assert lines[0]["latency_s"] == pytest.approx(sum(lines[0]["context_parts"].values()), abs=1e-3)
    assert [line["time"] for line in lines[1:-1]] == pytest.approx(range(len(lines) - 2))
    assert set(lines[3]) >= {"time", "newest", "faces", "voice", "delay", "backlog_s", "dropped", "rejected"}
    assert {frozenset(face) for face in lines[3]["faces"]} == {frozenset({"id", "score", "state", "box"})}
    assert err == ""


def test_the_help_states_the_latency(capfd: pytest.CaptureFixture[str]) -> None:
    """The numbers are computed; the text must follow them."""
    assert main(["find-speakers", "--help"]) == 0
    told = " ".join(capfd.readouterr().out.replace("│", " ").split())
    bundle = load_sync_weights()
    for scorer in ("head", "evidence"):
        for delays in ((-0.45, 0.45), (0.0, 0.0)):
            seconds = LiveWork(bundle, load_scorer(scorer), delays=delays).latency.seconds
            assert f"{seconds:.2f} s" in told, (scorer, delays)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["--live", "-", "a.mp4"], "one SOURCE"),
        (["--live", "-", "--csv", "a.csv"], "whole VIDEO"),
        (["--live", "-", "--align", "track"], "--align file or none"),
        (["--live", "-", "--delay", "120"], "needs a unit"),
        (["--live", "-", "--every", "0"], "more than 0"),
        (["a.mp4", "--delay", "120ms"], "belong to --live"),
        (["a.mp4", "--every", "1"], "belong to --live"),
        ([], "--live SOURCE"),
    ],
)
def test_nonsense_is_refused(words: list[str], hint: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["find-speakers", *words]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert hint in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("data", "words"), [(b"", "standard input is empty"), (bytes(range(256)) * 999, "standard input is not a readable")]
)
def test_a_pipe_of_nothing_or_garbage_is_one_line(data: bytes, words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "viseme.cli.main", "find-speakers", "--live", "-"],
        input=data,
        capture_output=True,
        timeout=240,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 1
    assert done.stdout == b""
    assert done.stderr.decode().startswith("viseme: error: ")
    assert words in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1
