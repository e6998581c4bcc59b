"""Evidence of one face against one audio, gathered in stretches as both stream by.

Knows lip motion, mel powers and sync models; refuses to know files. Memory grows by one delay curve every two seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.face3d.lips import LipMotion
from viseme.sync.estimator import STEP, DelayCurve, banded, log_ratios
from viseme.sync.interface import SyncModel

__all__ = [
    "BLOCK",
    "VIDEO_STEP",
    "FaceEvidence",
    "Stretch",
    "compare",
    "embed_audio",
    "embed_lips",
    "embed_pairs",
    "normalise_mels",
    "score_pairs",
    "to_grid",
]

VIDEO_STEP = 0.04
"""Seconds between frame windows."""
BLOCK = 50
"""Frame windows of one stored curve: two seconds."""
ENOUGH = 20
"""Pairs from which the evidence per window of a stretch means something."""
CONTEXT = 0.5
"""Seconds of audio around the reach of the delays that the audio stream sees beyond what is scored."""


LOUD = 200.0
"""Summed mel power that the 90th percentile frame is brought to."""
FLOOR = 1e-3
"""Added to a mel power before its logarithm."""


def normalise_mels(power: NDArray[np.floating], like: NDArray[np.floating] | None = None) -> NDArray[np.float32]:
    """Log-mels that depend neither on loudness nor on the colour of the channel.

    Args:
        power: (..., A, M) mel band powers; each stretch is treated on its own.
        like: (..., A', M) powers whose loudness and colour are taken out; None = those of `power`.

    Returns:
        (..., A, M) logarithms: the gain puts the 90th percentile of the frames' powers at one level everywhere, and
        each band's mean over time is removed.
    """
    power = np.asarray(power, np.float32)
    if power.size == 0:
        return np.zeros(power.shape, np.float32)
    like = power if like is None else np.asarray(like, np.float32)
    loud = np.quantile(like.sum(-1), 0.9, axis=-1)[..., None, None]
    gain = (LOUD / np.maximum(loud, 1e-9)).astype(np.float32)
    logs = np.log(power * gain + np.float32(FLOOR))
    of_like = logs if like is power else np.log(like * gain + np.float32(FLOOR))
    return (logs - of_like.mean(-2, keepdims=True)) / 3


def to_grid(motion: LipMotion) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Lip motion at multiples of 40 ms, see `to_grid_points`."""
    return to_grid_points(motion.times, motion.points)


def to_grid_points(times: NDArray[np.floating], points: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Points at multiples of 40 ms, by linear interpolation between real time stamps; of frames, the nearest.

    Args:
        times: (T,) seconds, rising.
        points: (T, K, 3) floating, or (T, C, H, W) uint8 frames.

    Returns:
        times (N,) seconds and points (N, K, 3), or frames (N, C, H, W).
    """
    low, high = np.ceil(times[0] / VIDEO_STEP - 1e-6), np.floor(times[-1] / VIDEO_STEP + 1e-6)
    grid = np.arange(int(low), int(high) + 1) * VIDEO_STEP
    at = np.interp(grid, times, np.arange(len(times)))
    if points.dtype == np.uint8:
        return grid.astype(np.float64), points[np.rint(at).astype(int)]
    left = np.clip(np.floor(at).astype(int), 0, max(len(times) - 2, 0))
    right = np.minimum(left + 1, len(times) - 1)
    part = (at - left).astype(np.float32)[:, None, None]
    return grid.astype(np.float64), (points[left] * (1 - part) + points[right] * part).astype(np.float32)


def embed_pairs(
    models: Sequence[SyncModel], points: NDArray[np.floating], mels: NDArray[np.floating]
) -> list[tuple[NDArray[np.float32], NDArray[np.float32], float]]:
    """Embeddings of every frame window and of the audio every 10 ms, and the factor on their dot product.

    Args:
        models: One or several of the same input.
        points: (T, K, 3) on the 40 ms grid, the mean is removed here; or (T, C, H, W) uint8 frames, as they are.
        mels: (A, M) normalised, A > 0.

    Returns:
        For each model (T, D), (A, D) and a number; row `j` of the audio belongs to the instant one and a half frames
        after frame `j`'s centre.
    """
    seen = embed_lips(models, points if points.dtype == np.uint8 else points - points.mean(0))
    return [(s, h, m.scale) for s, h, m in zip(seen, embed_audio(models, mels), models)]


def embed_lips(models: Sequence[SyncModel], points: NDArray[Any]) -> list[NDArray[np.float32]]:
    """For each model (T, D) embeddings of (T, K, 3) points, mean removed, or of (T, C, H, W) uint8 frames."""
    given = np.ascontiguousarray(points, np.float32)
    if points.dtype == np.uint8:
        given = given / np.float32(255)
    return [model.embed_video(given) for model in models]


def embed_audio(models: Sequence[SyncModel], mels: NDArray[np.floating]) -> list[NDArray[np.float32]]:
    """For each model (A, D) embeddings of (A, M) normalised mels every 10 ms, A > 0; see `embed_pairs`."""
    num = len(mels)
    padded = np.pad(mels, ((0, 3 + (-num) % 4), (0, 0)))
    span = num + (-num) % 4
    phases = np.stack([padded[r : r + span] for r in range(4)]).astype(np.float32)
    out = []
    for model in models:
        heard = model.embed_audio(phases)
        out.append(heard.transpose(1, 0, 2).reshape(-1, heard.shape[-1])[:num])
    return out


def score_pairs(models: Sequence[SyncModel], points: NDArray[Any], mels: NDArray[np.floating]) -> NDArray[np.float32]:
    """Raw scores of every frame window with the audio every 10 ms, averaged over models.

    Args:
        models: One or several of the same input.
        points: (T, K, 3) on the 40 ms grid, the mean is removed here; or (T, C, H, W) uint8 frames, as they are.
        mels: (A, M) normalised.

    Returns:
        (T, A); column `j` belongs to the instant one and a half frames after frame `j`'s centre.
    """
    total = np.zeros((len(points), len(mels)), np.float32)
    if total.size == 0:
        return total
    for seen, heard, scale in embed_pairs(models, points, mels):
        total += (seen @ heard.T) * np.float32(scale)
    return (total / len(models)).astype(np.float32)


@dataclass(frozen=True)
class Stretch:
    """Evidence of up to two seconds of one face."""

    start: float
    end: float
    scores: NDArray[np.float32]
    """(L,) summed log-likelihood ratios."""
    counts: NDArray[np.int16]
    """(L,) pairs summed."""
    num_windows: int


@dataclass
class FaceEvidence:
    """What is known of one face so far."""

    track_id: int
    stretches: list[Stretch] = field(default_factory=list)

    def curve(self, lags: NDArray[np.int64], start: float = -np.inf, end: float = np.inf) -> DelayCurve:
        """Sum of the stretches whose middle lies in [start, end)."""
        scores, counts = np.zeros(len(lags)), np.zeros(len(lags), np.int64)
        best = np.full(len(lags), -np.inf)
        for stretch in self.stretches:
            if start <= (stretch.start + stretch.end) / 2 < end:
                scores += stretch.scores
                counts += stretch.counts
                level = stretch.scores / np.maximum(stretch.counts, 1)
                best = np.maximum(best, np.where(stretch.counts >= ENOUGH, level, -np.inf))
        return DelayCurve(lags, scores, counts, best)


def compare(
    models: Sequence[SyncModel],
    times: NDArray[np.floating],
    points: NDArray[Any],
    first_frame: int,
    power: NDArray[np.floating],
    lags: NDArray[np.int64],
    *,
    scored_from: float = -np.inf,
) -> list[Stretch]:
    """Score one stretch of lip motion against the audio around it.

    Args:
        models: Sync models of one visual input.
        times: (T,) seconds on the 40 ms grid.
        points: (T, K, 3) lip motion there, or (T, C, H, W) uint8 frames.
        first_frame: Number of the first audio frame, see `viseme.audio.clock`.
        power: (A, M) mel powers; only what really exists.
        lags: (L,) candidate delays in 10 ms steps.
        scored_from: Windows before this time are context and not scored.

    Returns:
        One entry for every two seconds of scored windows.
    """
    if len(times) == 0:
        return []
    ratios = log_ratios(score_pairs(models, points, normalise_mels(power)))
    # column j is the instant (first_frame + j + 2) / 100 s
    centres = np.rint(np.asarray(times) / STEP).astype(np.int64) - (first_frame + 2)
    band, present = banded(ratios, centres, lags)
    keep = np.flatnonzero(np.asarray(times) >= scored_from - 1e-6)
    out = []
    for at in range(0, len(keep), BLOCK):
        rows = keep[at : at + BLOCK]
        out.append(
            Stretch(
                float(times[rows[0]]),
                float(times[rows[-1]] + VIDEO_STEP),
                band[rows].sum(0).astype(np.float32),
                present[rows].sum(0).astype(np.int16),
                len(rows),
            )
        )
    return out
