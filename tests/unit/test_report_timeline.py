"""Timelines for editing programs, read again by OpenTimelineIO's own readers."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import opentimelineio as otio
import pytest

from viseme.cli.main import main
from viseme.core.errors import MissingExtra, OutputError
from viseme.core.results import CheckResult, DelayEstimate, DelayPiece, Reason, Verdict
from viseme.core.speakers import FaceState, FaceTimeline, SpeakersResult, StateSegment, VoiceSegment, VoiceState
from viseme.report.timeline import frame_rate_of, refuse_timeline, write_timeline
from viseme.weights import assets_folder

SAMPLE = assets_folder() / "samples" / "sample_late_137ms.mp4"
NTSC = 30000 / 1001


def estimate(delay: float | None, *reasons: Reason, pieces: tuple[DelayPiece, ...] = ()) -> DelayEstimate:
    verdict = Verdict.CANNOT_TELL if delay is None else Verdict.OUT_OF_SYNC
    return DelayEstimate(
        audio_delay=delay, interval=None, confidence=0.9, verdict=verdict, reasons=reasons, pieces=pieces
    )


def check(found: DelayEstimate, *, rate: float = 25.0, duration: float | None = 10.0) -> CheckResult:
    return CheckResult(file="a folder/my talk.mp4", estimate=found, duration=duration, frame_rate=rate)


def piece(start: float, end: float, delay: float) -> DelayPiece:
    return DelayPiece(start=start, end=end, audio_delay=delay, interval=(delay, delay), confidence=0.9)


def face(person: int, *parts: tuple[float, float]) -> FaceTimeline:
    return FaceTimeline(
        track_id=person,
        person=person,
        person_confidence=1.0,
        shot=0,
        face_size_px=80.0,
        times=np.arange(0, 10, 0.04),
        scores=np.zeros(250, np.float32),
        boxes=np.zeros((250, 4), np.float32),
        segments=tuple(StateSegment(start=a, end=b, state=FaceState.SPEAKING) for a, b in parts),
    )


def read(path: Path, rate: float = 25.0) -> Any:
    return otio.adapters.read_from_file(str(path), **({"rate": rate} if path.suffix == ".edl" else {}))


def spans(track: Any) -> list[tuple[str, float, float, float]]:
    """(Kind, start on the timeline, start in the source, duration) of every item, frames. Black is a gap."""
    rows = []
    for item in track:
        at, own = item.range_in_parent(), item.trimmed_range()
        of_file = isinstance(getattr(item, "media_reference", None), otio.schema.ExternalReference)
        kind, source = ("Clip", own.start_time.value) if of_file else ("Gap", 0)
        rows.append((kind, at.start_time.value, source, at.duration.value))
    return rows


def tracks(path: Path, rate: float = 25.0) -> tuple[Any, list[Any]]:
    """The video track and the audio tracks."""
    timeline = read(path, rate)
    (video,) = timeline.video_tracks()
    return video, list(timeline.audio_tracks())


@pytest.mark.parametrize("kind", ["otio", "edl"])
def test_late_audio_is_taken_from_later(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"talk.{kind}"
    write_timeline(path, check(estimate(0.2)))
    video, (audio,) = tracks(path)
    assert spans(video) == [("Clip", 0, 0, 250)]
    assert spans(audio) == [("Clip", 0, 5, 245)]
    assert audio[0].name == "my talk.mp4"
    url = audio[0].media_reference.target_url
    assert url == (Path.cwd() / "a folder" / "my talk.mp4").as_uri()


@pytest.mark.parametrize("kind", ["otio", "edl"])
def test_early_audio_begins_later(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"talk.{kind}"
    write_timeline(path, check(estimate(-0.2)))
    _, (audio,) = tracks(path)
    assert spans(audio) == [("Gap", 0, 0, 5), ("Clip", 5, 0, 245)]


def test_fractions_of_a_frame_stay_in_otio_and_are_rounded_in_an_edl(tmp_path: Path) -> None:
    for kind in ("otio", "edl"):
        write_timeline(tmp_path / f"talk.{kind}", check(estimate(0.137), rate=NTSC))
    _, (audio,) = tracks(tmp_path / "talk.otio")
    start = audio[0].source_range.start_time
    assert start.rate == pytest.approx(NTSC, abs=1e-9)
    assert start.to_seconds() == pytest.approx(0.137, abs=1e-9)
    _, (audio,) = tracks(tmp_path / "talk.edl", NTSC)
    assert spans(audio) == [("Clip", 0, 4, 295)]


def test_a_fraction_of_a_frame_early_keeps_cuts_on_frames(tmp_path: Path) -> None:
    write_timeline(tmp_path / "talk.otio", check(estimate(-0.05)))
    _, (audio,) = tracks(tmp_path / "talk.otio")
    assert spans(audio)[1] == ("Clip", 2, 0.75, 248)


@pytest.mark.parametrize("kind", ["otio", "edl"])
def test_pieces_are_clips(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"talk.{kind}"
    found = estimate(0.2, pieces=(piece(0.5, 4.0, -0.2), piece(4.0, 9.0, 0.2)))
    write_timeline(path, check(found))
    _, (audio,) = tracks(path)
    assert spans(audio) == [("Gap", 0, 0, 5), ("Clip", 5, 0, 95), ("Clip", 100, 105, 145)]


@pytest.mark.parametrize("kind", ["otio", "edl"])
def test_without_a_delay_the_audio_stays_and_a_marker_says_why(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"talk.{kind}"
    write_timeline(path, check(estimate(None, Reason.NO_VOICE)))
    video, (audio,) = tracks(path)
    assert spans(audio) == [("Clip", 0, 0, 250)]
    (marker,) = video[0].markers
    assert marker.name == "audio not moved: no voice"
    assert marker.color == "RED"
    if kind == "otio":
        assert marker.comment.startswith("Nobody was heard speaking")


def test_without_audio_there_is_no_audio_track(tmp_path: Path) -> None:
    write_timeline(tmp_path / "talk.otio", check(estimate(None, Reason.NO_AUDIO)))
    video, audio = tracks(tmp_path / "talk.otio")
    assert audio == []
    assert len(video[0].markers) == 1


def test_audio_of_another_file_is_named(tmp_path: Path) -> None:
    write_timeline(tmp_path / "talk.otio", check(estimate(0.2)), audio="mic.wav")
    video, (audio,) = tracks(tmp_path / "talk.otio")
    assert (video[0].name, audio[0].name) == ("my talk.mp4", "mic.wav")


@pytest.mark.parametrize("kind", ["otio", "edl"])
def test_speakers_are_markers(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"talk.{kind}"
    result = SpeakersResult(
        file="talk.mp4",
        faces=(face(0, (1.0, 2.0), (5.0, 6.0)), face(1, (2.0, 4.0))),
        voice=(VoiceSegment(start=7.0, end=8.0, state=VoiceState.OFFSCREEN),),
        delay=estimate(0.2),
        delay_taken_out=0.2,
        duration=10.0,
        frame_rate=25.0,
    )
    write_timeline(path, result)
    video, (audio,) = tracks(path)
    told = [(m.name, m.marked_range.start_time.value) for m in video[0].markers]
    assert told == [("A speaks", 25), ("B speaks", 50), ("A speaks", 125), ("voice offscreen", 175)]
    assert spans(audio) == [("Clip", 0, 5, 245)]
    if kind == "otio":
        assert [m.marked_range.duration.value for m in video[0].markers] == [25, 50, 25, 25]
        assert [m.color for m in video[0].markers] == ["GREEN", "CYAN", "GREEN", "WHITE"]


@pytest.mark.parametrize("name", ["talk.aaf", "talk.xml", "talk"])
def test_other_formats_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"\.otio, \.edl or \.fcpxml"):
        refuse_timeline(tmp_path / name)


def test_no_timeline_without_video(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no timeline"):
        write_timeline(tmp_path / "talk.edl", check(estimate(None, Reason.NO_VIDEO), duration=None))
    assert list(tmp_path.iterdir()) == []


def test_only_otio_needs_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(name: str) -> Any:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr("viseme.core.extras.import_module", gone)
    with pytest.raises(MissingExtra, match=r"viseme\[otio\]"):
        refuse_timeline(tmp_path / "talk.otio")
    write_timeline(tmp_path / "talk.edl", check(estimate(0.2)))


@pytest.mark.parametrize("kind", ["otio", "edl"])
@pytest.mark.parametrize(("rate", "code", "start"), [(NTSC, "10:00:00;00", 1078920), (25.0, "01:00:00:12", 90012)])
def test_sources_and_timeline_begin_at_the_time_code_of_the_file(
    kind: str, rate: float, code: str, start: int, tmp_path: Path
) -> None:
    path = tmp_path / f"talk.{kind}"
    write_timeline(path, replace(check(estimate(5 / rate), rate=rate), timecode=code))
    timeline = read(path, rate)
    (video,), (audio,) = timeline.video_tracks(), timeline.audio_tracks()
    assert [round(item.source_range.start_time.value, 3) for item in (video[0], audio[0])] == [start, start + 5]
    begin = timeline.global_start_time
    if kind == "otio":
        assert video[0].media_reference.available_range.start_time.value == begin.value == start
    else:
        first = next(line for line in path.read_text().splitlines() if line.startswith("001"))
        assert first.split()[-4] == first.split()[-2] == code
        assert ("FCM: DROP FRAME" in path.read_text()) == (";" in code)


def test_audio_of_another_file_has_no_time_code(tmp_path: Path) -> None:
    write_timeline(tmp_path / "talk.otio", replace(check(estimate(0.2)), timecode="01:00:00:00"), audio="mic.wav")
    video, (audio,) = tracks(tmp_path / "talk.otio")
    assert (spans(video)[0][2], spans(audio)[0][2]) == (90000, 5)


def test_rates_that_no_editor_knows_stay() -> None:
    assert frame_rate_of(27.31) == Fraction(2731, 100)
    assert frame_rate_of(None) == 25


@pytest.mark.parametrize("command", ["check", "find-speakers"])
def test_commands_write_the_sample_as_a_timeline(command: str, tmp_path: Path) -> None:
    path = tmp_path / "talk.otio"
    assert main([command, str(SAMPLE), "--json", "--timeline", str(path)]) == 0
    video, (audio,) = tracks(path)
    assert audio[0].source_range.start_time.to_seconds() == pytest.approx(0.137, abs=0.02)
    assert [m.name for m in video[0].markers] == ([] if command == "check" else ["A speaks"])


@pytest.mark.parametrize("command", ["check", "find-speakers"])
def test_commands_refuse_a_timeline_before_they_work(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, str(SAMPLE), "--timeline", str(tmp_path / "talk.aaf")]) == 1
    assert "end its name in .otio, .edl or .fcpxml" in capsys.readouterr().err
    assert main([command, str(SAMPLE), str(SAMPLE.with_name("sample_in_sync.mp4")), "--timeline", "t.edl"]) == 2
    assert "one" in capsys.readouterr().err
