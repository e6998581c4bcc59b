"""Phones as classes: their names, and which one is said in each frame. Knows names and times."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from viseme.expert.interface import RATE

__all__ = ["PAUSE", "PHONES", "UNKNOWN", "collapsed", "phones_of_frames"]

PHONES = (
    "SIL", "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY", "JH",
    "K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH",
)  # fmt: skip
"""ARPABET, a pause first."""
PAUSE, UNKNOWN = 0, -1
"""Classes of a frame in which nobody speaks, and of one of which nothing is known."""


def phones_of_frames(names: Sequence[str], times: NDArray[np.floating], num: int, start: float) -> NDArray[np.int64]:
    """(T,) class of the phone in the middle of each frame, `UNKNOWN` where none is given.

    Args:
        names: (P,) ARPABET.
        times: (P, 2) start and end of each, seconds, in order.
        num: T, frames of 1 / 25 s.
        start: Seconds of the start of the first frame.

    Example:
        >>> phones_of_frames(["SIL", "AA"], np.array([[0, 0.08], [0.08, 0.16]]), 5, 0.0).tolist()
        [0, 0, 1, 1, -1]
    """
    middle = start + (np.arange(num) + 0.5) / RATE
    at = np.searchsorted(times[:, 0], middle, side="right") - 1
    classes = np.array([PHONES.index(n) if n in PHONES else UNKNOWN for n in names], np.int64)
    inside = (at >= 0) & (middle < times[np.maximum(at, 0), 1])
    return np.where(inside, classes[np.maximum(at, 0)], UNKNOWN)


def collapsed(classes: NDArray[np.integer]) -> list[str]:
    """Names of the phones of a clip: a class that is repeated counts once, a pause is no phone.

    Example:
        >>> collapsed(np.array([0, 1, 1, 0, 1, 2]))
        ['AA', 'AA', 'AE']
    """
    starts = np.flatnonzero(np.diff(classes, prepend=PAUSE))
    return [PHONES[int(classes[i])] for i in starts if classes[i] != PAUSE]
