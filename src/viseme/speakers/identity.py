"""Which tracks are one person: the shape and the looks of the upper face, never the mouth, and the voice. Knows tracks
of one file.

Two tracks seen at the same time are two people. For the rest, the distances of two faces and of what is heard while
they speak are turned into a probability.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist

from viseme.speakers.appearance import Appearance
from viseme.speakers.interface import STEP_S, AudioSteps, FaceSteps
from viseme.speakers.timeline import SPEAKING

__all__ = ["Membership", "people", "voices_of"]


@dataclass(frozen=True)
class Membership:
    """To whom a track belongs."""

    person: int
    confidence: float


Voice = NDArray[np.float64] | None
LEAST_VOICE_S = 1.0
"""Seconds that a face must speak alone for its voice to count."""


def voices_of(faces: Sequence[FaceSteps], states: Sequence[NDArray[np.int8]], audio: AudioSteps) -> list[Voice]:
    """For each face (40,) the mean mel spectrum of its voice, decibels around its own mean, over the louder 70 % of the
    steps at which it alone speaks; None where these are fewer than `LEAST_VOICE_S`."""
    num = len(audio.bands)
    spoken = np.zeros((len(faces), num), bool)
    for row, face, state in zip(spoken, faces, states):
        at = np.arange(face.first, face.first + face.num) - audio.first
        inside = (at >= 0) & (at < num)
        row[at[inside]] = (state == SPEAKING)[inside]
    alone = spoken & (spoken.sum(0) == 1)
    return [_spectrum(audio.bands[row]) for row in alone]


def _spectrum(bands: NDArray[np.floating]) -> Voice:
    if len(bands) * STEP_S < LEAST_VOICE_S:
        return None
    levels = np.maximum(bands.astype(np.float64), -60)
    loud = (10 ** (levels / 10)).sum(1)
    levels = levels[loud >= np.percentile(loud, 30)]
    return (levels - levels.mean(1, keepdims=True)).mean(0)


def distances(rows: Sequence[NDArray[np.float64] | None]) -> NDArray[np.float64]:
    """(N, N) root mean square distance of vectors; NaN where one is missing."""
    size = next((len(row) for row in rows if row is not None), 1)
    stacked = np.array([np.full(size, np.nan) if row is None else row for row in rows])
    return cdist(stacked, stacked) / np.sqrt(size)


WEIGHTS = (6.0, -70.0, -10.0)
"""Of 1, the distance of shapes and the distance of looks, in the log-odds that two tracks are one person."""
VOICE_WEIGHTS = (2.2, -0.53)
"""Of 1 and the distance of voices, added to that: half of a logistic regression on 544 pairs of tracks of 500 synthetic
conversations, because a person's voice varies more than a made one."""
MOST_BY_VOICE = 1.5
"""Log-odds that a voice can give or take: a face is the better witness."""


def log_odds(shape: ArrayLike, look: ArrayLike, voice: ArrayLike = np.nan) -> NDArray[np.float64]:
    """Log-odds that two tracks are one person, from the distances of their shapes (eye distances), looks (logarithms)
    and voices (decibels); a face's distance that is missing (NaN) is taken as ambiguous, a voice's says nothing."""
    constant, by_shape, by_look = WEIGHTS
    middle_shape, middle_look = 0.04, 0.3
    shape = np.nan_to_num(np.asarray(shape, np.float64), nan=middle_shape)
    look = np.nan_to_num(np.asarray(look, np.float64), nan=middle_look)
    heard = np.nan_to_num(VOICE_WEIGHTS[0] + VOICE_WEIGHTS[1] * np.asarray(voice, np.float64), nan=0.0)
    return constant + by_shape * shape + by_look * look + np.clip(heard, -MOST_BY_VOICE, MOST_BY_VOICE)


def _pairs(faces: Sequence[FaceSteps], appearance: Appearance, voices: Sequence[Voice]) -> NDArray[np.float64]:
    """(N, N) log-odds that two tracks are one person; minus infinity where they overlap in time or nothing was seen of
    one."""
    shape, look = zip(*(appearance.describe(face.track_id) for face in faces))
    odds = log_odds(distances(shape), distances(look), distances(voices))
    first = np.array([face.first for face in faces])
    end = first + np.array([face.num for face in faces])
    overlap = (first[:, None] < end[None]) & (first[None] < end[:, None])
    unseen = np.array([a is None and b is None for a, b in zip(shape, look)])
    return np.where(overlap | unseen[:, None] | unseen, -np.inf, odds)


def people(faces: Sequence[FaceSteps], appearance: Appearance, voices: Sequence[Voice]) -> dict[int, Membership]:
    """Join tracks that never overlap in time and probably show one person, the surest pair first.

    Args:
        faces: Of one file.
        appearance: What was seen of them.
        voices: For each face, as from `voices_of`.

    Returns:
        Track id -> person, numbered by first appearance, and the probability that joining it was right.
    """
    order = list(faces)
    if not order:
        return {}
    total = _pairs(order, appearance, voices)  # sums between groups; what may not be joined stays at minus infinity
    groups = [[i] for i in range(len(order))]
    sure = np.ones(len(order))
    while True:
        sizes = np.array([max(len(group), 1) for group in groups])
        mean = total / (sizes[:, None] * sizes)
        x, y = (int(i) for i in np.unravel_index(mean.argmax(), mean.shape))
        if mean[x, y] <= 0:
            break
        one, other = sorted((x, y))
        probability = float(1 / (1 + np.exp(-mean[x, y])))
        smaller = min(groups[one], groups[other], key=len)
        both = [*groups[one], *groups[other]] if len(groups[one]) == len(groups[other]) else smaller
        sure[both] = np.minimum(sure[both], probability)
        groups[one], groups[other] = groups[one] + groups[other], []
        total[one] += total[other]
        total[:, one] += total[:, other]
        total[other], total[:, other], total[one, one] = -np.inf, -np.inf, -np.inf
    groups = [group for group in groups if group]
    groups.sort(key=lambda g: min(order[i].first for i in g))
    return {order[i].track_id: Membership(n, float(sure[i])) for n, group in enumerate(groups) for i in group}
