"""Exact time: rational inside, seconds at the edge. Knows no media library.

Zero is the first video frame's presentation time, or the first audio sample's where there is no video. Negative times
are legal: audio may begin before the video does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "FrameGrid",
    "Seconds",
    "Unit",
    "as_frames",
    "as_seconds",
    "format_time",
    "in_frames",
    "parse_time",
    "with_frames",
]


@dataclass(frozen=True)
class Unit:
    """A mark on a number's type that says what it counts: `Annotated[float, Unit("seconds")]`."""

    name: str


Seconds: TypeAlias = Annotated[float, Unit("seconds")]
"""A number of seconds; on the command line also 137ms or 2s."""


def as_seconds(value: Fraction | float | int | str) -> Fraction:
    """Seconds as an exact fraction, from a number, "1:02:03.5" or "250ms".

    Floats are read at microsecond precision, so `as_seconds(0.1) == Fraction(1, 10)`.

    Raises:
        ValueError: the text is not a time, or the number is not finite.
    """
    if isinstance(value, Fraction):
        return value
    if isinstance(value, str):
        return parse_time(value)
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a time")
    return Fraction(round(value * 1_000_000), 1_000_000)


def parse_time(text: str) -> Fraction:
    """Read "83.5", "1:23.5", "0:01:23.5", "-250ms" or "0.25s" as exact seconds.

    Raises:
        ValueError: the text is none of these.

    Example:
        >>> parse_time("1:02:03.5")
        Fraction(7447, 2)
        >>> parse_time("-250ms")
        Fraction(-1, 4)
    """
    body = text.strip().lower().replace("\N{MINUS SIGN}", "-")
    sign = -1 if body.startswith("-") else 1
    body = body.lstrip("+-")
    try:
        if body.endswith("ms"):
            return sign * Fraction(body[:-2].strip()) / 1000
        if body.endswith("s"):
            body = body[:-1].strip()
        total = Fraction(0)
        for part in body.split(":"):
            total = total * 60 + Fraction(part)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{text!r} is not a time; write seconds, 1:23.5 or 250ms") from None
    return sign * total


def format_time(seconds: Fraction | float) -> str:
    """Write seconds as h:mm:ss.mmm.

    Example:
        >>> format_time(62.5)
        '0:01:02.500'
    """
    millis = round(abs(seconds) * 1000)
    sign = "-" if seconds < 0 and millis else ""
    minutes, ms = divmod(millis, 60_000)
    return f"{sign}{minutes // 60}:{minutes % 60:02d}:{ms // 1000:02d}.{ms % 1000:03d}"


def as_frames(seconds: float | None, rate: float | None) -> float | None:
    """A delay in frames of a file, to hundredths; None where either is not known.

    Example:
        >>> as_frames(0.134, 30.0), as_frames(-0.04, 24000 / 1001), as_frames(None, 25.0), as_frames(0.1, None)
        (4.02, -0.96, None, None)
    """
    return None if seconds is None or not rate else round(seconds * rate, 2)


def in_frames(seconds: float, rate: float | None) -> str:
    """A delay in frames of a file, in words; empty where its rate is not known.

    Example:
        >>> in_frames(0.134, 30.0), in_frames(-0.04, 24000 / 1001), in_frames(0.1, None)
        ('4.0 frames at 30', '\N{MINUS SIGN}1.0 frames at 23.976', '')
    """
    if not rate:
        return ""
    frames = seconds * rate
    sign = "\N{MINUS SIGN}" if frames < -0.05 else ""
    return f"{sign}{abs(frames):.1f} frames at {rate:.5g}"


def with_frames(words: str, seconds: float | None, rate: float | None) -> str:
    """Words about a delay, followed by the delay in frames where both are known.

    Example:
        >>> with_frames("audio lags by 120 ms", 0.12, 25.0), with_frames("cannot tell", None, 25.0)
        ('audio lags by 120 ms (3.0 frames at 25)', 'cannot tell')
    """
    told = "" if seconds is None else in_frames(seconds, rate)
    return f"{words} ({told})" if told else words


@dataclass(frozen=True)
class FrameGrid:
    """Evenly spaced instants: step `i` lies at `start + i * step` seconds, 0 <= i < `num`.

    Model steps reach seconds only through the grid their output carries.

    Example:
        >>> FrameGrid(Fraction(0), Fraction(1, 25), 50).time(25)
        Fraction(1, 1)
    """

    start: Fraction
    step: Fraction
    num: int

    def __post_init__(self) -> None:
        if self.step <= 0 or self.num < 0:
            raise ValueError(f"a grid needs step > 0 and num >= 0, got {self.step}, {self.num}")

    @classmethod
    def covering(cls, first: Fraction | float, last: Fraction | float, step: Fraction) -> FrameGrid:
        """The grid through multiples of `step` inside the closed interval [first, last]."""
        low = math.ceil(as_seconds(first) / step)
        high = math.floor(as_seconds(last) / step)
        return cls(low * step, step, max(0, high - low + 1))

    @property
    def end(self) -> Fraction:
        """One step past the last instant."""
        return self.start + self.num * self.step

    def time(self, index: int) -> Fraction:
        """Exact seconds of step `index` (which may lie outside the grid)."""
        return self.start + index * self.step

    def times(self) -> NDArray[np.float64]:
        """Seconds of all steps, shape (num,)."""
        import numpy as np

        return float(self.start) + float(self.step) * np.arange(self.num, dtype=np.float64)

    def index(self, time: Fraction | float) -> int:
        """The step nearest to `time`, which may lie outside [0, num)."""
        return math.floor((as_seconds(time) - self.start) / self.step + Fraction(1, 2))
