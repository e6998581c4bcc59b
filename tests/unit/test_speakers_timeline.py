"""States and voices on hand-drawn timelines."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from viseme.core.speakers import FaceState, VoiceState
from viseme.speakers.interface import FEATURES, STEP_S, AudioSteps, FaceSteps, Scored
from viseme.speakers.timeline import (
    TimelineConfig,
    cleaned,
    hysteresis,
    read_states,
    runs,
    segments,
    voice_segments,
)

REPEAT = 10
"""Steps of one drawn character: .4 s."""


def drawn(text: str, table: dict[str, float]) -> np.ndarray:
    return np.repeat([table[c] for c in text], REPEAT).astype(np.float32)


def face(motion: str, *, first: int = 0, seen: str | None = None, track_id: int = 0) -> FaceSteps:
    """`m` = mouth moves, `.` = still; seen: `-` = not seen."""
    num = len(motion) * REPEAT
    features = np.zeros((num, len(FEATURES)), np.float32)
    features[:, FEATURES.index("motion")] = drawn(motion, {"m": 0.05, ".": 0.001})
    features[:, FEATURES.index("lips")] = drawn(motion, {"m": 0.3, ".": 0.01})
    features[:, FEATURES.index("seen")] = 1 if seen is None else drawn(seen, {"-": 0, "+": 1})
    features[:, FEATURES.index("audio")] = 1
    return FaceSteps(track_id=track_id, shot=0, first=first, features=features, boxes=np.zeros((num, 4), np.float32))


def heard(text: str, first: int = 0) -> AudioSteps:
    voice = drawn(text, {"v": 3.0, ".": -3.0})
    return AudioSteps(first=first, voice=voice, bands=np.zeros((len(voice), 40), np.float16))


def scored(text: str) -> Scored:
    return Scored(speaking=drawn(text, {"#": 3.0, ".": -3.0, "?": 0.1}))


def read(faces: list[FaceSteps], scores: list[str], audio: AudioSteps):
    return read_states(faces, [scored(s) for s in scores], audio, 0.0, TimelineConfig())


def letters(states: np.ndarray) -> str:
    return "".join(".#?d"[s] for s in states[REPEAT // 2 :: REPEAT])


def test_a_dialogue() -> None:
    faces = [face("mmmm......"), face("......mmmm", track_id=1)]
    states, voiced = read(faces, ["####......", "......####"], heard("vvvv..vvvv"))
    assert [letters(s) for s in states] == ["####......", "......####"]
    voices = voice_segments(faces, states, voiced, 0)
    assert [(v.state, v.speakers) for v in voices] == [(VoiceState.ONSCREEN, (0,)), (VoiceState.ONSCREEN, (1,))]
    assert [(round(v.start, 2), round(v.end, 2)) for v in voices] == [(0.0, 1.6), (2.4, 4.0)]


def test_a_voice_of_nobody_in_view() -> None:
    faces = [face("..........")]
    states, voiced = read(faces, [".........."], heard("..vvvvv..."))
    assert letters(states[0]) == ".........."
    (voice,) = voice_segments(faces, states, voiced, 0)
    assert voice.state is VoiceState.OFFSCREEN
    assert (voice.start, voice.end) == (pytest.approx(0.8), pytest.approx(2.8))


def test_a_voice_goes_on_when_the_camera_cuts_away() -> None:
    faces = [face("mmmm")]
    states, voiced = read(faces, ["####"], heard("vvvvvvvv"))
    voices = voice_segments(faces, states, voiced, 0)
    assert [v.state for v in voices] == [VoiceState.ONSCREEN, VoiceState.OFFSCREEN]


def test_lips_that_speak_to_a_voice_nobody_owns_are_dubbed() -> None:
    faces = [face("mmmmmmmmmm")]
    states, voiced = read(faces, [".........."], heard("vvvvvvvvvv"))
    assert letters(states[0]) == "dddddddddd"
    assert voice_segments(faces, states, voiced, 0)[0].state is VoiceState.DUBBED


def test_somebody_who_chews_while_another_speaks_is_not_dubbed() -> None:
    faces = [face("mmmmmmmmmm"), face("mmmmmmmmmm", track_id=1)]
    states, _ = read(faces, ["..........", "##########"], heard("vvvvvvvvvv"))
    assert letters(states[0]) == ".........."


def test_a_face_that_is_not_seen_while_a_voice_is_heard_cannot_be_told() -> None:
    faces = [face("..........", seen="++----++++")]
    states, voiced = read(faces, [".........."], heard("vvvvvvv..."))
    assert letters(states[0]) == "..????...."
    kinds = [v.state for v in voice_segments(faces, states, voiced, 0)]
    assert kinds == [VoiceState.OFFSCREEN, VoiceState.UNSURE, VoiceState.OFFSCREEN]


def test_scores_in_between_cannot_be_told() -> None:
    states, _ = read([face("..........")], ["...????..."], heard("vvvvvvvvvv"))
    assert letters(states[0]) == "...????..."


def test_without_audio_nothing_can_be_told() -> None:
    one = face("mmmm")
    one.features[:, FEATURES.index("audio")] = 0
    states, voiced = read([one], ["####"], AudioSteps(first=0, voice=np.zeros(0), bands=np.zeros((0, 40), np.float16)))
    assert letters(states[0]) == "????"
    assert len(voiced) == 0


def test_segments_cover_a_face_without_gaps() -> None:
    parts = segments(np.array([0, 0, 1, 1, 1, 2], np.int8), 25)
    assert [p.state for p in parts] == [FaceState.NOT_SPEAKING, FaceState.SPEAKING, FaceState.CANNOT_TELL]
    assert parts[0].start == pytest.approx(25 * STEP_S)
    assert all(a.end == pytest.approx(b.start) for a, b in pairwise(parts))
    assert parts[-1].end == pytest.approx(31 * STEP_S)


def test_hysteresis_and_cleaning() -> None:
    assert hysteresis(np.array([0.6, 0.9, 0.6, 0.1, 0.6]), 0.5, 0.8).tolist() == [True, True, True, False, False]
    mask = np.zeros(50, bool)
    mask[10:20] = mask[24:40] = True
    assert runs(cleaned(mask, 0.2, 0.0)) == [(10, 40)]
    assert runs(cleaned(mask, 0.0, 0.56)) == [(24, 40)]
    edge = np.zeros(20, bool)
    edge[:6] = True
    assert runs(cleaned(edge, 0.2, 0.2)) == [(0, 6)]


@pytest.mark.parametrize(("ratio", "letter"), [(1.0, "?"), (-1.0, "d")])
def test_lips_that_fit_the_voice_are_never_called_dubbed(ratio: float, letter: str) -> None:
    talker = face("mmmmmmmm")
    talker.features[:, FEATURES.index("ratio")] = ratio
    says = Scored(speaking=drawn("........", {".": -3.0}), dubbed=drawn("dddddddd", {"d": 3.0}))
    (states,), _ = read_states([talker], [says], heard("vvvvvvvv"), 0.0, TimelineConfig())
    assert letters(states) == letter * 8


def test_where_no_voice_is_heard_nobody_is_dubbed() -> None:
    says = Scored(speaking=drawn("........", {".": -3.0}), dubbed=drawn("dddddddd", {"d": 3.0}))
    (states,), voiced = read_states([face("mmmmmmmm")], [says], heard("........"), 0.0, TimelineConfig())
    assert not voiced.any()
    assert letters(states) == "." * 8
