"""From scores to states: hysteresis, short gaps, voices that belong to nobody, mouths that speak other words.

Knows arrays on one clock; refuses to know how scores came about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_closing, binary_opening

from viseme.core.speakers import FaceState, StateSegment, VoiceSegment, VoiceState
from viseme.speakers.interface import STEP_S, AudioSteps, FaceSteps, Scored

__all__ = [
    "TimelineConfig",
    "face_states",
    "hysteresis",
    "read_states",
    "runs",
    "segments",
    "voice_segments",
    "voice_states",
    "without_dubbing",
]

CODES = (FaceState.NOT_SPEAKING, FaceState.SPEAKING, FaceState.CANNOT_TELL, FaceState.DUBBING_SUSPECTED)
SILENT, SPEAKING, UNKNOWN, DUBBED = range(4)


@dataclass(frozen=True, kw_only=True, slots=True)
class TimelineConfig:
    """How scores become stretches."""

    band: float = 0.5
    """A face begins to speak above threshold + band and ends below threshold - band; each scorer has its own."""
    fill_s: float = 0.4
    """Pauses up to this long inside speech belong to it, seconds."""
    least_s: float = 0.24
    """Speech shorter than this is none, seconds."""
    profile: float = 0.8
    """Radians of yaw beyond which a mouth cannot be read."""
    dubbed_s: float = 2.0
    """A mouth must speak other words for so long before dubbing is suspected, seconds."""


def runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Half-open [begin, end) of every stretch of True.

    Example:
        >>> runs(np.array([0, 1, 1, 0, 1], bool))
        [(1, 3), (4, 5)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2])]


def hysteresis(scores: NDArray[np.floating], low: float, high: float) -> NDArray[np.bool_]:
    """True from where a score passes `high` back to where it had passed `low`, and on to where it falls below it.

    Example:
        >>> hysteresis(np.array([0, 1, 2, 1, 0, 1, 0]), 1, 2).astype(int).tolist()
        [0, 1, 1, 1, 0, 0, 0]
    """
    out = np.zeros(len(scores), bool)
    for begin, end in runs(scores >= low):
        out[begin:end] = bool((scores[begin:end] >= high).any())
    return out


def cleaned(mask: NDArray[np.bool_], fill_s: float, least_s: float) -> NDArray[np.bool_]:
    """Short gaps filled, then short stretches dropped."""
    pad = round(max(fill_s, least_s) / STEP_S) + 2
    wide = np.pad(mask, pad)
    fill, least = round(fill_s / STEP_S), round(least_s / STEP_S)
    if fill > 0:
        wide = binary_closing(wide, np.ones(fill + 1))
    if least > 1:
        wide = binary_opening(wide, np.ones(least))
    return np.asarray(wide[pad : len(wide) - pad], bool)


def face_states(
    face: FaceSteps,
    scores: NDArray[np.floating],
    voiced: NDArray[np.bool_],
    threshold: float,
    config: TimelineConfig,
) -> NDArray[np.int8]:
    """(T,) codes into `CODES` of one face, dubbing not yet considered."""
    speaking = hysteresis(scores, threshold - config.band, threshold + config.band)
    speaking = cleaned(speaking, config.fill_s, config.least_s)
    states = np.where(speaking, SPEAKING, SILENT).astype(np.int8)
    blind = (face.column("seen") < 0.5) | (face.column("yaw") > config.profile)
    blind = cleaned(blind, 0.2, 0.2)
    unsure = ~speaking & (np.abs(scores - threshold) < config.band) & voiced
    unsure = cleaned(unsure, 0.0, config.fill_s)
    states[unsure] = UNKNOWN
    states[blind & voiced] = UNKNOWN
    states[face.column("audio") < 0.5] = UNKNOWN
    return states


def read_states(
    faces: Sequence[FaceSteps], scored: Sequence[Scored], audio: AudioSteps, threshold: float, config: TimelineConfig
) -> tuple[list[NDArray[np.int8]], NDArray[np.bool_]]:
    """From scores to states.

    Args:
        faces: All of one file.
        scored: What the scorer said of each.
        audio: On the clock of the video.
        threshold: Score from which a face speaks.
        config: How.

    Returns:
        For each face (T,) codes into `CODES`, and (V,) where a voice is heard, pauses up to .3 s filled.
    """
    voiced = cleaned(audio.voice > 0, 0.3, 0.16)
    states = [
        face_states(face, s.speaking, audio.at(face, voiced) > 0.5, threshold, config) for face, s in zip(faces, scored)
    ]
    explained = np.zeros(len(voiced), bool)
    for face, state in zip(faces, states):
        where, inside = _window(face, audio.first, len(voiced))
        explained[where] |= state[inside] == SPEAKING
    explained = cleaned(explained, 1.0, 0.0)
    for face, s, state in zip(faces, scored, states):
        where, inside = _window(face, audio.first, len(voiced))
        heard = np.zeros(face.num, bool)
        heard[inside] = voiced[where]
        if s.dubbed is not None:
            apart = cleaned((s.dubbed > 0) & heard, 0.6, 0.4)
        else:
            moving = cleaned((face.column("motion") > MOVING) & (face.column("lips") > LIPS), 0.6, 0.6)
            alone = heard.copy()
            alone[inside] &= ~explained[where]
            apart = cleaned(moving & alone & (face.column("seen") > 0.5), 0.8, config.dubbed_s)
        apart &= (state != SPEAKING) & (face.column("audio") > 0.5)
        state[apart] = DUBBED
        state[_in_sync(face, apart)] = UNKNOWN
    return states, voiced


def _in_sync(face: FaceSteps, apart: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(T,) stretches of `apart` in which the lips fit what is heard after all: nobody is dubbed with his own words."""
    out = np.zeros(face.num, bool)
    ratios = face.column("ratio")
    for begin, end in runs(apart):
        out[begin:end] = np.nansum(ratios[begin:end]) > 0
    return out


def without_dubbing(states: NDArray[np.int8]) -> NDArray[np.int8]:
    """(T,) the states of a face that is seen on too few frames a second to tell whose words its lips speak."""
    return np.where(states == DUBBED, UNKNOWN, states).astype(np.int8)


MOVING = 0.02
"""Spread of the lip aperture over 0.6 s, eye distances, of a mouth that speaks."""
LIPS = 0.08
"""Root mean square speed of the lip points, eye distances a second, of a mouth that speaks."""


def _window(face: FaceSteps, first: int, num: int) -> tuple[slice, slice]:
    """Where a face lies on the voice's steps, and which of its own steps those are."""
    begin, end = max(face.first, first), min(face.first + face.num, first + num)
    end = max(begin, end)
    return slice(begin - first, end - first), slice(begin - face.first, end - face.first)


def segments(states: NDArray[np.int8], first: int) -> tuple[StateSegment, ...]:
    """Stretches without gaps; a step lasts from its own time to the next."""
    edges = np.flatnonzero(np.diff(states)) + 1
    bounds = [0, *edges.tolist(), len(states)]
    return tuple(
        StateSegment(start=(first + a) * STEP_S, end=(first + b) * STEP_S, state=CODES[states[a]])
        for a, b in pairwise(bounds)
        if b > a
    )


def voice_states(
    faces: Sequence[FaceSteps], states: Sequence[NDArray[np.int8]], voiced: NDArray[np.bool_], first: int
) -> NDArray[np.int8]:
    """(V,) 0 = no voice, else 1 + the number of a `VoiceState`; none lasts for less than .3 s beside another."""
    kinds = list(VoiceState)
    code = {kind: 1 + kinds.index(kind) for kind in kinds}
    found = {s: np.zeros(len(voiced), bool) for s in (SPEAKING, UNKNOWN, DUBBED)}
    for face, state in zip(faces, states):
        where, inside = _window(face, first, len(voiced))
        for s, mask in found.items():
            mask[where] |= state[inside] == s
    near = cleaned(found[SPEAKING], 0.6, 0.0)
    out = np.where(found[UNKNOWN], code[VoiceState.UNSURE], code[VoiceState.OFFSCREEN])
    out = np.where(found[DUBBED], code[VoiceState.DUBBED], out)
    out = np.where(near, code[VoiceState.ONSCREEN], out)
    return _without_splinters(np.where(voiced, out, 0).astype(np.int8), round(0.3 / STEP_S))


def voice_segments(
    faces: Sequence[FaceSteps], states: Sequence[NDArray[np.int8]], voiced: NDArray[np.bool_], first: int
) -> tuple[VoiceSegment, ...]:
    """Stretches of the audio in which somebody is heard, each with whose voice it is."""
    kinds = list(VoiceState)
    codes = voice_states(faces, states, voiced, first)
    edges = np.flatnonzero(np.diff(codes)) + 1
    bounds = [0, *edges.tolist(), len(codes)]
    out = []
    for a, b in pairwise(bounds):
        if b <= a or codes[a] == 0:
            continue
        kind = kinds[codes[a] - 1]
        who = []
        for face, state in zip(faces, states):
            begin, end = max(face.first, first + a), min(face.first + face.num, first + b)
            speaking = (state[max(0, begin - face.first) : max(0, end - face.first)] == SPEAKING).sum()
            if kind is VoiceState.ONSCREEN and speaking > 0.3 * (b - a):
                who.append(face.track_id)
        out.append(VoiceSegment(start=(first + a) * STEP_S, end=(first + b) * STEP_S, state=kind, speakers=tuple(who)))
    return tuple(out)


def _without_splinters(codes: NDArray[np.int8], least: int) -> NDArray[np.int8]:
    """Voice of one kind for less than `least` steps takes the kind of the longer voice beside it."""
    out = codes.copy()
    for begin, end in runs(codes > 0):
        part = out[begin:end]
        while True:
            edges = [0, *(np.flatnonzero(np.diff(part)) + 1).tolist(), len(part)]
            if len(edges) <= 2:
                break
            lengths = np.diff(edges)
            shortest = int(lengths.argmin())
            if lengths[shortest] >= least:
                break
            before = lengths[shortest - 1] if shortest else -1
            after = lengths[shortest + 1] if shortest + 1 < len(lengths) else -1
            source = edges[shortest] - 1 if before >= after else edges[shortest + 1]
            part[edges[shortest] : edges[shortest + 1]] = part[source]
    return out
