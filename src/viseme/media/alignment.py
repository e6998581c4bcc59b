"""Measures whether audio really lies where it was meant to lie, by decoding both files and comparing them."""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from viseme.media.audio import read_audio

__all__ = ["TOLERANCE", "lag_of", "misplacement", "window"]

TOLERANCE = Fraction(15, 10_000)
"""Seconds by which written audio may lie beside its intended place."""

RATE = 16000
WINDOW = Fraction(8)
NUM_WINDOWS = 15
REACH = Fraction(1, 5)
FLOOR = 1e-4
"""Root mean square below which a window is too quiet to compare."""


def window(path: str | os.PathLike[str], stream: int, start: Fraction) -> NDArray[np.float32]:
    """`WINDOW` seconds of audio from `start`, zeros where there is none."""
    held = np.zeros(int(WINDOW * RATE), np.float32)
    for block in read_audio(path, rate=RATE, stream=stream, start=start, end=start + WINDOW):
        at = round((block.start - start) * RATE)
        low, high = max(0, at), min(len(held), at + len(block.samples))
        held[low:high] = block.samples[low - at : high - at]
    return held


def lag_of(a: NDArray[np.float32], b: NDArray[np.float32], reach: int) -> tuple[int, float]:
    """Samples by which `b` is later than `a` (within `reach`), and the correlation there, at most 1.

    Example:
        >>> x = np.random.default_rng(0).normal(size=1000).astype(np.float32)
        >>> lag, corr = lag_of(x, np.roll(x, 7), 20)
        >>> lag, corr > 0.9
        (7, True)
    """
    size = 1 << (len(a) + reach).bit_length()  # wraps only beyond `reach`
    cross = np.fft.irfft(np.conj(np.fft.rfft(a, size)) * np.fft.rfft(b, size), size)
    lags = np.arange(-reach, reach + 1)
    values = cross[lags] / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12)
    good = np.flatnonzero(values >= values.max() * 0.995)
    best = good[np.argmin(np.abs(lags[good]))]
    return int(lags[best]), float(values[best])


def misplacement(
    read_source: Callable[[Fraction], NDArray[np.float32]],
    read_out: Callable[[Fraction], NDArray[np.float32]],
    *,
    begin: Fraction,
) -> Fraction | None:
    """Seconds by which audio in the output is late against its intended place; None where all is silent.

    Args:
        read_source: Intended output second -> a window of the source's audio.
        read_out: Output second -> a window of the output's audio.
        begin: Output second at which the audio begins.
    """
    for number in range(NUM_WINDOWS):
        at = begin + number * WINDOW
        a = read_source(at)
        if float(np.sqrt(np.mean(a**2))) < FLOOR:
            continue
        lag, likeness = lag_of(a, read_out(at), int(REACH * RATE))
        return Fraction(lag, RATE) if likeness > 0.3 else REACH
    return None
