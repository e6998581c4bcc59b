"""What training of an avatar came to. Knows numbers and one image; refuses to know networks and files' contents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.core.card import Card

__all__ = ["AvatarTrainResult"]


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class AvatarTrainResult(Card):
    """An avatar that was trained, and how close it comes to the person on frames that were held out."""

    out: Path
    """The avatar."""
    subject: str
    """Whose face it is, as the consent statement says."""
    preset: str
    num_frames: int
    """Frames trained on."""
    seconds: float
    """Wall clock of the call."""
    measured: Mapping[str, float]
    """On the last tenth of the frames, see `viseme.avatar.measure.measure_avatar`."""
    sheet: NDArray[np.uint8]
    """(H, W, 3) held-out frames, real above made."""
    times: NDArray[np.float64]
    """(T,) seconds of the held-out frames, one after the other."""
    openings: NDArray[np.float32]
    """(2, T) distance of the lips in them, in percent of the face's width: made, then real."""

    def facts(self) -> Mapping[str, Any]:
        """What was made, and how well it follows."""
        shown = {name: self.measured[name] for name in ("ssim", "mouth_percent", "opening_correlation", "vsc")}
        return {"out": str(self.out), "preset": self.preset, "frames": self.num_frames, **shown}

    def to_json(self) -> dict[str, Any]:
        """Plain values; without frames and curves."""
        return {
            "out": str(self.out),
            "subject": self.subject,
            "preset": self.preset,
            "num_frames": self.num_frames,
            "seconds": self.seconds,
            "measured": dict(self.measured),
        }

    def __str__(self) -> str:
        m = self.measured
        return (
            f"{self.out}: {self.num_frames} frames, {self.seconds / 60:.1f} min; on {m['frames']:.0f} frames held out: "
            f"SSIM {m['ssim']:.3f} (still face {m['ssim_still']:.3f}), lips {m['mouth_percent']:.2f} % of the face's "
            f"width off (still face {m['mouth_still_percent']:.2f} %), opening follows by "
            f"{m['opening_correlation']:.2f}, sync confidence {m['vsc']:.2f} (real {m['vsc_real']:.2f}); in silence "
            f"the mouth is {m['silent_opening']:.2f} times as open as the person's"
        )
