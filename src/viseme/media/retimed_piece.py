"""A stretch of a film whose audio lies elsewhere. Plain numbers: a command that only plans needs no more."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

__all__ = ["RetimedPiece"]


@dataclass(frozen=True, kw_only=True)
class RetimedPiece:
    """A stretch of frames whose audio lies elsewhere."""

    start: Fraction
    """Seconds from the first frame; the first piece holds everything before it too."""
    delay: Fraction
    """Seconds by which the audio is late at `start`; negative = early."""
    drift: Fraction = Fraction(0)
    """Seconds of delay gained a second."""

    def source_time(self, time: Fraction) -> Fraction:
        """Where in the source the audio of a moment lies."""
        return time + self.delay + self.drift * (time - self.start)
