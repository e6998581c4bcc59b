"""Time maths of streams: stamps to seconds, odd stamps, turned frames. Knows no files and no PyAV."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

__all__ = ["AudioClock", "FrameClock", "Orientation", "fitted_size", "orientation"]

GAP = Fraction(20, 1000)
"""Seconds by which audio stamps may disagree with the sample count before a gap or an overlap is believed."""


@dataclass(frozen=True)
class Orientation:
    """How a stored frame is turned for display: mirrored left-right first, then turned clockwise."""

    degrees: int = 0
    """Clockwise, one of 0, 90, 180, 270."""
    mirrored: bool = False

    @property
    def sideways(self) -> bool:
        """Width and height change places."""
        return self.degrees in (90, 270)


def orientation(matrix: Sequence[int]) -> Orientation:
    """The nearest quarter turn of a display matrix `(a b u, c d v, x y w)`, 16.16 fixed point.

    A stored point (x, y) is shown at (a x + c y, b x + d y); y points down.

    Example:
        >>> orientation((0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30))
        Orientation(degrees=90, mirrored=False)
    """
    a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
    if c == 0 and d == 0:
        return Orientation()
    quarter = round(math.degrees(math.atan2(-c, d)) / 90) % 4
    return Orientation(90 * quarter, a * d - b * c < 0)


def fitted_size(width: int, height: int, aspect: Fraction, max_side: int | None) -> tuple[int, int, int, int]:
    """Sizes in pixels: `(display width, display height, output width, output height)`, before any turn.

    Pixels that are not square (`aspect` = width / height of one pixel) are made square by shrinking the longer
    direction, so nothing is ever up-scaled.

    Example:
        >>> fitted_size(720, 576, Fraction(16, 15), 384)
        (720, 540, 384, 288)
    """
    if aspect <= 0:
        aspect = Fraction(1)
    wide = Fraction(width) * min(aspect, Fraction(1))
    high = Fraction(height) / max(aspect, Fraction(1))
    scale = Fraction(1) if max_side is None else min(Fraction(1), Fraction(max_side) / max(wide, high))
    whole = [max(1, math.floor(v + Fraction(1, 2))) for v in (wide, high, wide * scale, high * scale)]
    return whole[0], whole[1], whole[2], whole[3]


@dataclass
class FrameClock:
    """Turns decoded stamps into strictly increasing seconds and counts what was wrong with them."""

    step: Fraction
    """Seconds between frames where a stamp is missing."""
    last: Fraction | None = None
    num_missing: int = 0
    num_dropped: int = 0

    def place(self, stamp: Fraction | None) -> Fraction | None:
        """Seconds of the next frame in display order; None where it must be dropped (not after the one before)."""
        if stamp is None:
            self.num_missing += 1
            stamp = Fraction(0) if self.last is None else self.last + self.step
        elif self.last is not None and stamp <= self.last:
            self.num_dropped += 1
            return None
        self.last = stamp
        return stamp


@dataclass
class AudioClock:
    """Decides where each decoded piece of audio goes on an even grid of samples.

    The grid begins at the first stamp. A piece within `GAP` of where the sample count expects it is taken as it
    comes (containers round their stamps); farther off, zeros are put in or samples cut away.
    """

    rate: int
    """Samples per second of the stream."""
    start: Fraction | None = None
    """Seconds of the first sample."""
    count: int = 0
    """Samples placed so far."""
    gaps: list[tuple[Fraction, Fraction]] = field(default_factory=list)
    """(seconds, length) of gaps filled."""
    overlaps: list[tuple[Fraction, Fraction]] = field(default_factory=list)
    """(seconds, length) of overlaps cut."""

    @property
    def now(self) -> Fraction:
        """Seconds at which the next sample goes."""
        assert self.start is not None
        return self.start + Fraction(self.count, self.rate)

    def place(self, stamp: Fraction | None, num: int) -> tuple[int, int]:
        """`(zeros to put before, samples to cut from the front)` of a piece of `num` samples stamped `stamp`."""
        if self.start is None:
            self.start = Fraction(0) if stamp is None else stamp
        error = Fraction(0) if stamp is None else stamp - self.now
        zeros = cut = 0
        if error > GAP:
            zeros = math.floor(error * self.rate + Fraction(1, 2))
            self.gaps.append((self.now, error))
        elif error < -GAP:
            cut = min(num, math.floor(-error * self.rate + Fraction(1, 2)))
            self.overlaps.append((self.now, -error))
        self.count += zeros + num - cut
        return zeros, cut
