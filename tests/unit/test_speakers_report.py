"""Who speaks when, in every format, from one small result."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest

import stubs
from viseme.core.results import Reason, RejectedTrack
from viseme.core.speakers import FaceState, FaceTimeline, SpeakersResult, StateSegment, VoiceSegment, VoiceState
from viseme.report.speakers import FORMATS, person_name, speakers_html, turns


def face(track_id: int, person: int, start: float, parts: list[tuple[float, FaceState]]) -> FaceTimeline:
    bounds = [start, *(end for end, _ in parts)]
    num = round((bounds[-1] - start) / 0.04)
    times = start + np.arange(num) * 0.04
    return FaceTimeline(
        track_id=track_id,
        person=person,
        person_confidence=0.9,
        shot=0,
        face_size_px=80.0,
        times=times,
        scores=np.linspace(-1, 1, num).astype(np.float32),
        boxes=np.tile(np.array([10, 20, 60, 80], np.float32), (num, 1)),
        segments=tuple(StateSegment(start=a, end=b, state=s) for a, (b, s) in zip(bounds, parts)),
    )


def small_result(file: str) -> SpeakersResult:
    """Two people in three faces, of whom one says other words."""
    speak, quiet = FaceState.SPEAKING, FaceState.NOT_SPEAKING
    return SpeakersResult(
        file=file,
        faces=(
            face(0, 0, 0.0, [(1.0, quiet), (2.0, speak)]),
            face(3, 0, 2.0, [(3.0, speak), (4.0, FaceState.DUBBING_SUSPECTED)]),
            face(4, 1, 2.0, [(2.6, FaceState.CANNOT_TELL), (4.0, speak)]),
        ),
        voice=(
            VoiceSegment(start=0.2, end=0.8, state=VoiceState.OFFSCREEN),
            VoiceSegment(start=1.0, end=4.0, state=VoiceState.ONSCREEN, speakers=(0, 3)),
        ),
        rejected=(
            RejectedTrack(
                track_id=1, start=0, end=0.2, reason=Reason.TRACK_TOO_SHORT, measured=0.2, limit=0.4, unit="s"
            ),
        ),
        duration=4.0,
        width=200,
        height=100,
        score_unit="log-odds of speaking",
        audio_times=np.arange(80) * 0.05,
        audio_level_db=np.linspace(-50, -10, 80),
    )


@pytest.fixture
def result() -> SpeakersResult:
    return small_result('somewhere/my clip<"&>.mp4')


def test_turns_join_across_a_cut(result: SpeakersResult) -> None:
    assert turns(result) == [(0.2, 0.8, "offscreen"), (1.0, 3.0, "A"), (2.6, 4.0, "B")]


def test_rttm(result: SpeakersResult) -> None:
    lines = FORMATS["rttm"](result).splitlines()
    assert lines[1] == 'SPEAKER my_clip<"&> 1 1.000 2.000 <NA> <NA> A <NA> <NA>'
    assert all(len(line.split()) == 10 for line in lines)


def test_subtitles(result: SpeakersResult) -> None:
    assert FORMATS["srt"](result).split("\n\n")[1] == "2\n00:00:01,000 --> 00:00:03,000\nperson A"
    assert FORMATS["vtt"](result).startswith("WEBVTT\n\n00:00:00.200 --> 00:00:00.800\n<v offscreen>")


def test_csv(result: SpeakersResult) -> None:
    rows = list(csv.DictReader(io.StringIO(FORMATS["csv"](result))))
    assert [r["state"] for r in rows[:2]] == ["not_speaking", "speaking"]
    assert rows[-1]["kind"] == "voice"
    assert rows[-1]["id"] == "0 3"


def test_ava_rows(result: SpeakersResult) -> None:
    rows = list(csv.reader(io.StringIO(FORMATS["ava"](result))))
    assert len(rows) == sum(len(f.times) for f in result.faces)
    assert {r[6] for r in rows} == {"SPEAKING_AUDIBLE"}
    assert [float(v) for v in rows[0][2:6]] == [0.05, 0.2, 0.3, 0.8]
    assert len({(r[1], r[7]) for r in rows}) == len(rows)


def test_json_is_complete_and_plain(result: SpeakersResult) -> None:
    answer = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert answer["schema"] == "viseme.speakers/1"
    first = answer["faces"][0]
    assert {"id", "start", "end", "scores", "segments"} <= set(first)
    assert first["scores"][0] == [0.0, -1.0]
    assert first["segments"][0] == {"start": 0.0, "end": 1.0, "state": "not_speaking"}
    assert len(first["boxes"]) == len(first["scores"])
    assert answer["voice"][0]["state"] == "voice_offscreen"
    assert answer["rejected"][0]["reason"] == "track_too_short"


def test_the_page_escapes_names_and_asks_nobody(result: SpeakersResult) -> None:
    page = speakers_html(result)
    assert "<svg" in page
    assert re.search(r'aria-label="Who speaks when: [^"]*person A \d', page)
    assert page.count("<th ") == page.count('<th scope="col"')
    assert 'my clip<"' not in page
    assert "http" not in page.replace("http-equiv", "")


def test_an_empty_result_is_written_too() -> None:
    empty = SpeakersResult(file="a.mp4", faces=(), voice=())
    assert 'aria-label="Who speaks when: nobody speaks"' in speakers_html(empty)
    assert FORMATS["rttm"](empty) == ""
    assert FORMATS["ava"](empty) == ""
    assert json.dumps(empty.to_json(), allow_nan=False)


def test_names() -> None:
    assert [person_name(i) for i in (0, 25, 26, 701, 702)] == ["A", "Z", "AA", "ZZ", "AAA"]


def test_the_delay_is_told_in_frames_too(result: SpeakersResult) -> None:
    delay = stubs.estimate(0.134)
    faces = tuple(replace(f, delay=delay) for f in result.faces)
    told = replace(result, delay=delay, faces=faces, frame_rate=30.0)
    assert "shift the audio by -134 ms (4.0 frames at 30)" in speakers_html(told)
    answer = told.to_json()
    assert [answer["delay_frames"], *(f["delay_frames"] for f in answer["faces"])] == [4.02] * 4
