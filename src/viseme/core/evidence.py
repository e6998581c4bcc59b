"""What a report draws of an answer: curves, levels and small frames. Never in the JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # NumPy takes .2 s to import: a command that only reports a missing file does without
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["CheckEvidence", "FaceStrip"]


@dataclass(frozen=True, kw_only=True)
class FaceStrip:
    """Small frames of one face at even times, for the report."""

    track_id: int
    times: NDArray[np.float64]
    """(N,) seconds."""
    images: NDArray[np.uint8]
    """(N, H, W, 3) RGB."""


@dataclass(frozen=True, kw_only=True)
class CheckEvidence:
    """What the report draws. Never in the JSON."""

    curve_delays: NDArray[np.float64]
    """(L,) candidate delays, seconds."""
    curve_scores: NDArray[np.float64]
    """(L,) summed log-likelihood ratio, higher is better; NaN where nothing overlapped."""
    curve_posterior: NDArray[np.float64]
    """(L,) sums to 1."""
    mouth_times: NDArray[np.float64]
    """(T,) seconds."""
    mouth_opening: NDArray[np.float64]
    """(T,) lip aperture over face width of the strongest track; NaN where unseen."""
    audio_times: NDArray[np.float64]
    """(A,) seconds, as recorded (not shifted)."""
    audio_level_db: NDArray[np.float64]
    """(A,) short-time level, decibels below full scale."""
    track_curves: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    """track_id -> (L,) summed log-likelihood ratio of that face."""
    strips: tuple[FaceStrip, ...] = ()
