"""Audio whose delay is not one: each piece put where its frames are, and audio that drifts played at the right speed.

Knows samples and seconds; refuses to know lips and containers. Everything is read once, in order.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.media.audio import read_audio
from viseme.media.retimed_piece import RetimedPiece

__all__ = ["at_quiet_moments", "retimed"]

Samples = tuple[Fraction, Any, NDArray[np.float32]]
"""Seconds on the container's clock, a frame that tells rate and layout, (C, S)."""
BLOCK = 8192
"""Samples made at a time."""
HALF_TAPS = 24
"""Samples on either side of one that is read between others."""
FADE_S = 0.004
"""Seconds over which a piece fades in and out, so that a cut does not click."""
LOOK_S = 0.5
"""Seconds around a jump in which a quieter moment is sought."""
LEVEL_RATE = 16_000
LEVEL_S = 0.04


def at_quiet_moments(
    path: str | os.PathLike[str], pieces: Sequence[RetimedPiece], *, stream: int = 0
) -> tuple[RetimedPiece, ...]:
    """The same pieces, each jump moved by up to half a second to where cutting is heard least.

    Args:
        path: The file whose audio is cut.
        pieces: In order, without drift.
        stream: Its audio stream.
    """
    settled = list(pieces[:1])
    for piece in pieces[1:]:
        steps = np.arange(-LOOK_S, LOOK_S + 1e-9, 0.01)
        loud = sum(_levels(path, stream, float(piece.start + before.delay), steps) for before in (settled[-1], piece))
        cost = np.asarray(loud) * (1 + 0.2 * np.abs(steps))  # of two that are as quiet, the nearer
        moved = piece.start + Fraction(float(steps[int(np.argmin(cost))])).limit_denominator(1000)
        settled.append(replace(piece, start=max(moved, settled[-1].start)))
    return tuple(settled)


def _levels(
    path: str | os.PathLike[str], stream: int, middle: float, steps: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Root mean square of the audio around a moment, in windows of `LEVEL_S`, plus a little."""
    begin = middle + steps[0] - LEVEL_S
    end = middle + steps[-1] + LEVEL_S
    held = np.zeros(math.ceil((end - begin) * LEVEL_RATE) + 1)
    for block in read_audio(path, rate=LEVEL_RATE, stream=stream, start=begin, end=end):
        at = round((float(block.start) - begin) * LEVEL_RATE)
        low, high = max(0, at), min(len(held), at + len(block.samples))
        held[low:high] = block.samples[low - at : high - at]
    total = np.concatenate([[0.0], np.cumsum(held**2)])
    centre = np.rint((middle + steps - begin) * LEVEL_RATE).astype(int)
    half = round(LEVEL_S / 2 * LEVEL_RATE)
    low, high = np.clip(centre - half, 0, len(held)), np.clip(centre + half, 0, len(held))
    return np.asarray(np.sqrt((total[high] - total[low]) / (2 * half)) + 1e-4, np.float64)


def retimed(source: Iterator[Samples], pieces: Sequence[RetimedPiece], *, origin: Fraction) -> Iterator[Samples]:
    """Samples where the frames are; between pieces there may be holes, where the source has nothing for the frames.

    Args:
        source: Contiguous samples of one rate.
        pieces: At least one, in order of time.
        origin: Container-clock seconds of the first frame.

    Yields:
        As the source, in order.
    """
    held = _Held(source)
    if not held.fill(0):
        return
    for number, (piece, end) in enumerate(_with_ends(pieces)):
        yield from _piece(held, piece, None if number == 0 else piece.start, end, origin)


def _with_ends(pieces: Sequence[RetimedPiece]) -> list[tuple[RetimedPiece, Fraction | None]]:
    """Each piece with the moment at which it ends: where the next begins, or where it meets the next one's audio."""
    out: list[tuple[RetimedPiece, Fraction | None]] = []
    for piece, after in pairwise(pieces):
        meets = (after.source_time(after.start) - piece.delay + piece.drift * piece.start) / (1 + piece.drift)
        out.append((piece, min(after.start, meets)))
    return [*out, (pieces[-1], None)]


def _piece(
    held: _Held, piece: RetimedPiece, start: Fraction | None, end: Fraction | None, origin: Fraction
) -> Iterator[Samples]:
    """The samples of one piece."""
    rate = held.rate
    speed = 1 + piece.drift
    offset = (piece.delay - piece.drift * piece.start - (held.begin - origin)) * rate  # source = speed * out + offset
    first = math.ceil(-offset / speed) if start is None else math.ceil(start * rate)
    first = max(first, math.ceil(-offset / speed))
    last = None if end is None else math.ceil(end * rate)
    at, opening = first, start is not None
    while last is None or at < last:
        num = BLOCK if last is None else min(BLOCK, last - at)
        samples = held.read(speed, offset, at, num)
        if samples.shape[1]:
            closing = last is not None and at + samples.shape[1] >= last
            yield origin + Fraction(at, rate), held.frame, _faded(samples, rate, opening, closing)
        if samples.shape[1] < num:
            return
        at, opening = at + num, False


def _faded(samples: NDArray[np.float32], rate: int, opening: bool, closing: bool) -> NDArray[np.float32]:
    num = min(round(FADE_S * rate), samples.shape[1])
    ramp = np.linspace(0, 1, num, endpoint=False, dtype=np.float32)
    out = samples.copy() if opening or closing else samples
    if opening:
        out[:, :num] *= ramp
    if closing:
        out[:, samples.shape[1] - num :] *= ramp[::-1]
    return out


class _Held:
    """Samples of a source, as many as are needed at a time."""

    def __init__(self, source: Iterator[Samples]) -> None:
        self._source = source
        self._parts: NDArray[np.float32] = np.zeros((1, 0), np.float32)
        self._first = 0
        """Number of the first sample that is held."""
        self._ended = False
        self.begin = Fraction(0)
        self.rate = 1
        self.frame: Any = None

    def fill(self, upto: int) -> bool:
        """Hold samples up to number `upto`, as far as there are any; whether that one is there."""
        new: list[NDArray[np.float32]] = []
        num = self._first + self._parts.shape[1]
        while num <= upto and not self._ended:
            found = next(self._source, None)
            if found is None:
                self._ended = True
                break
            at, frame, samples = found
            if self.frame is None:
                self.begin, self.rate = at, int(frame.sample_rate)
                self._parts = np.zeros((len(samples), 0), np.float32)
            self.frame = frame
            new.append(samples)
            num += samples.shape[1]
        if new:
            self._parts = np.concatenate([self._parts, *new], axis=1)
        return upto < num

    def read(self, speed: Fraction, offset: Fraction, at: int, num: int) -> NDArray[np.float32]:
        """`num` output samples from `at`, where output `n` is the source's `speed * n + offset`; fewer at its end."""
        if speed == 1:
            low = at + round(offset)
            self.fill(low + num)
            self._forget(low)
            return self._parts[:, low - self._first : low - self._first + num]
        places = np.array([float(speed * at + offset)]) + float(speed) * np.arange(num)
        self.fill(int(places[-1]) + HALF_TAPS + 1)
        self._forget(int(places[0]) - HALF_TAPS)
        inside = places < self._first + self._parts.shape[1]
        return _between(self._parts, np.asarray(places[inside] - self._first, np.float64))

    def _forget(self, before: int) -> None:
        if before > self._first:
            self._parts, self._first = self._parts[:, before - self._first :], before


def _between(samples: NDArray[np.float32], places: NDArray[np.float64]) -> NDArray[np.float32]:
    """(C, N) samples at places between others.

    Args:
        samples: (C, S).
        places: (N,) in samples; outside there is silence.

    Source:
        Windowed sinc, Kaiser with beta 10: 100 dB, and flat to .92 of half the rate, as the speed is all but one.
    """
    wide = np.pad(samples, ((0, 0), (HALF_TAPS, HALF_TAPS)))
    whole = np.floor(places).astype(int)
    taps = np.arange(1 - HALF_TAPS, HALF_TAPS + 1)
    away = taps[None] - (places - whole)[:, None]
    window = np.i0(10 * np.sqrt(np.clip(1 - (away / HALF_TAPS) ** 2, 0, None))) / np.i0(10.0)
    weights = (np.sinc(away) * window).astype(np.float32)
    at = whole[:, None] + taps[None] + HALF_TAPS
    at = np.clip(at, 0, wide.shape[1] - 1)
    return np.stack([np.einsum("nt,nt->n", row[at], weights) for row in wide]).astype(np.float32)
