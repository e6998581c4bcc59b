"""What the bench asks, how it counts, and what it does to frames, on clips made up here."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from viseme.core.results import Verdict
from viseme.faces import FaceTrackChunk
from viseme.media import Frame
from viseme.reproduce.measured_clips import MeasuredClip
from viseme.reproduce.sync_bench.disturbances import FRAME_DISTURBANCES, babble_of, noise_at
from viseme.reproduce.sync_bench.questions import MANY_CLIPS, Question, cut_chunks, known_shifts, mismatched_audio
from viseme.reproduce.sync_bench.summary import summary_lines
from viseme.reproduce.sync_bench.trials import Trial

SECONDS = 4.0


def chunk(track_id: int, start: float, num: int, *, last: bool, salt: int = 0) -> FaceTrackChunk:
    rng = np.random.default_rng([track_id, salt])
    return FaceTrackChunk(
        track_id=track_id,
        shot=0,
        times=start + np.arange(num) * 0.04,
        landmarks=rng.normal(0, 50, (num, 478, 3)).astype(np.float32),
        boxes=np.tile(np.array([0, 0, 100, 100], np.float32), (num, 1)),
        observed=np.ones(num, bool),
        confidence=np.ones(num, np.float32),
        last=last,
    )


def clip(name: str, *, source: str = "one", speaker: str = "", salt: int = 0, start: float = 0.0) -> MeasuredClip:
    samples = np.random.default_rng(salt).normal(0, 0.1, round(SECONDS * 16000)).astype(np.float32)
    chunks = (chunk(0, 0.0, 50, last=False, salt=salt), chunk(0, 2.0, 50, last=True, salt=salt))
    return MeasuredClip(
        name=name,
        source=source,
        speaker=speaker or name,
        audio_delay=0.0,
        chunks=chunks,
        samples=samples,
        audio_start=start,
    )


def test_a_clip_knows_its_length_and_its_faces() -> None:
    one = clip("a")
    assert one.seconds == pytest.approx(SECONDS)
    assert not one.several_faces()
    other = replace(one, chunks=(*one.chunks, chunk(1, 3.0, 60, last=True)))
    assert other.several_faces()
    assert [track[0].track_id for track in other.tracks()] == [0, 1]
    later = replace(one, chunks=(*one.chunks, chunk(1, 4.0, 10, last=True)))
    assert not later.several_faces()


def test_one_scene_by_two_microphones_is_one_recording() -> None:
    near = clip("near", salt=1)
    far = replace(clip("far", salt=1), samples=near.samples * 0.1)
    assert near.same_recording(far)
    assert not near.same_recording(clip("other", salt=2))


def test_a_window_is_cut_as_if_the_file_ended_there() -> None:
    kept = cut_chunks(clip("a").chunks, 1.6, 2.4)
    assert [len(c.times) for c in kept] == [10, 10]
    assert [c.last for c in kept] == [False, True]
    (only,) = cut_chunks(clip("a").chunks, 0.4, 1.2)
    assert only.last
    assert (only.times[0], len(only.times)) == (pytest.approx(0.4), 20)


@pytest.mark.parametrize(("shift", "start"), [(0.25, 0.0), (-0.25, 0.0), (0.0, 0.1), (0.5, -0.2)])
def test_audio_is_moved_and_trimmed_to_the_video(shift: float, start: float) -> None:
    one = clip("a", start=start)
    samples, begin = Question(group="whole", lips=one, audio=None, shift=shift, trimmed=True).samples()
    assert begin == pytest.approx(max(0.0, start + shift), abs=1e-4)
    end = begin + len(samples) / 16000
    assert end == pytest.approx(min(SECONDS, start + shift + SECONDS), abs=1e-4)
    first = round((begin - start - shift) * 16000)
    np.testing.assert_array_equal(samples, one.samples[first : first + len(samples)])
    around, begin = Question(group="whole", lips=one, audio=None, shift=shift).samples()
    assert (len(around), begin) == (len(one.samples), pytest.approx(start + shift))


def test_a_window_keeps_the_audio_around_it() -> None:
    one = replace(clip("a"), samples=np.zeros(16000 * 10, np.float32))
    samples, begin = Question(group="1 s", lips=one, audio=None, window=(3.0, 4.0)).samples()
    assert begin == pytest.approx(0.5)
    assert len(samples) == 6 * 16000


def test_chance_does_not_depend_on_the_other_clips() -> None:
    def asked(*clips: MeasuredClip) -> list[tuple]:
        return [(q.group, q.shift, q.window) for q in known_shifts(clips, 3) if q.lips.name == "a"]

    one, two = clip("a"), clip("b")
    assert asked(one, two) == asked(one) == asked(two, one)
    assert len(asked(one)) == 9
    assert {g for g, _, _ in asked(one)} == {"whole", "1 s", "2 s"}


def test_a_speaker_of_many_clips_is_asked_once_a_clip() -> None:
    crowd = [clip(f"c{i}", speaker="one") for i in range(MANY_CLIPS + 1)]
    questions = list(known_shifts([*crowd, clip("other")], 4))
    assert sum(q.lips.speaker == "one" and q.group == "whole" for q in questions) == len(crowd)
    assert sum(q.lips.name == "other" and q.group == "whole" for q in questions) == 4


def test_mismatched_audio_is_of_another_recording() -> None:
    clips = [clip(f"c{i}", source="one" if i < 3 else "two", salt=i) for i in range(6)]
    clips.append(replace(clip("c0-far", salt=0), speaker="c0"))
    questions = list(mismatched_audio(clips, 2))
    assert len(questions) == 2 * 2 * len(clips)
    for question in questions:
        assert question.audio is not None
        assert not question.lips.same_recording(question.audio)
    assert {q.audio.source == q.lips.source for q in questions if q.audio} == {True, False}


def trial(group: str, **values: object) -> Trial:
    given = {"source": "s", "known": True, "error": 0.0, "answered": True, "verdict": Verdict.OUT_OF_SYNC}
    given |= {"confidence": 1.0, "best_right": True, "with_speech": True, "relative": 0.0}
    return Trial(group=group, **{**given, **values})  # type: ignore[arg-type]


def test_lines_count_answers_truth_and_consistency_apart() -> None:
    silent = {"answered": False, "error": None, "relative": None, "confidence": 0.0, "best_right": False}
    trials = [trial("whole"), trial("whole", error=0.05, best_right=False), trial("whole", **silent)]
    trials += [trial("whole", known=False, error=0.01), trial("2 s", with_speech=False)]
    trials += [trial("mismatched", known=False, error=None, relative=None, best_right=False)] * 4
    lines = {line[:58].strip(): line[58:].split() for line in summary_lines(trials)}
    assert lines["whole clips: answered"][0] == "75.0%"
    assert lines["whole clips: right among answers"][0] == "66.7%"
    assert lines["whole clips, delay known: right among answers"][0] == "50.0%"
    assert lines["whole clips, delay unknown: consistent with the clip"][0] == "100.0%"
    assert lines["2 s windows with speech: answered"][-5:-3] == ["=", "0"]
    assert lines["mismatched audio: not in_sync"][0] == "100.0%"
    assert lines["mismatched audio: a delay is told, which is wrong"][0] == "100.0%"
    # nine trials; five are sure and wrong: one of a shift, four that found a delay where there is none
    assert lines["calibration error (ECE, 10 bins)"][0] == "0.556"


def frame(height: int = 80, width: int = 120) -> Frame:
    image = np.zeros((height, width, 3), np.uint8)
    image[20:24, 90:94] = 255
    return Frame(index=0, time=Fraction(0), image=image, scale=1.0, key=True)


def middle(shown: Frame) -> np.ndarray:
    rows, columns = np.nonzero(shown.image[..., 0] > 100)
    return np.array([columns.mean() + 0.5, rows.mean() + 0.5])


def turned(degrees: float) -> tuple[float, float]:
    """Where the spot at (92, 22) lies after a counter-clockwise turn about the middle, y down."""
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return 60 + 32 * cos - 18 * sin, 40 - 18 * cos - 32 * sin


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("scale .5", (60 + 32 / 2, 40 - 18 / 2)),
        ("crop shift +10 %", (92 + 12, 22 + 8)),
        ("crop shift -10 %", (92 - 12, 22 - 8)),
        ("JPEG 40", (92, 22)),
        ("rotation +15", turned(15)),
        ("rotation -15", turned(-15)),
    ],
)
def test_disturbances_move_a_spot_where_they_should(name: str, place: tuple[float, float]) -> None:
    shown = FRAME_DISTURBANCES[name](frame())
    assert shown.image.shape == (80, 120, 3)
    assert middle(shown) == pytest.approx(np.array(place), abs=0.8)


def test_half_resolution_tells_its_scale() -> None:
    shown = FRAME_DISTURBANCES["half resolution"](frame())
    assert shown.image.shape == (40, 60, 3)
    assert shown.scale == 0.5


def test_babble_lies_as_far_below_the_voice_as_asked() -> None:
    clips = [clip("a", salt=1), clip("b", salt=2)]
    noise = noise_at(babble_of(clips), clips[0].samples, 15.0, np.random.default_rng(0))
    assert len(noise) == len(clips[0].samples)
    assert 20 * np.log10(clips[0].samples.std() / noise.std()) == pytest.approx(15, abs=0.01)
