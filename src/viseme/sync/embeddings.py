"""Embeddings of lips and of audio: what is resampled, normalised and given to the sync models.

Knows arrays and sync models; refuses to know faces, delays and files. Lips come at 25 steps a second, step `n` at
0.04 n seconds of the clip's clock; audio is embedded at every frame of its clock, 100 a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.sync.interface import SyncModel

__all__ = [
    "CONTEXT",
    "VIDEO_STEP",
    "EmbeddedAudio",
    "embed_audio",
    "embed_lips",
    "normalise_mels",
    "to_grid_points",
    "without_mean",
]

VIDEO_STEP = 0.04
"""Seconds between steps."""
CONTEXT = 0.5
"""Seconds of audio around the reach of the delays that the audio stream sees beyond what is scored."""
PIECE_FRAMES, MARGIN_FRAMES = 520, 48
"""Audio frames that are embedded at once, and further ones on either side that go into their embeddings: the audio
stream sees 31. Both are multiples of 4."""
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


def to_grid_points(times: NDArray[np.floating], points: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Points at multiples of 40 ms, by linear interpolation between real time stamps; of images, the nearest.

    Args:
        times: (T,) seconds, rising.
        points: (T, K, 3) floating, or (T, C, H, W) uint8 images.

    Returns:
        times (N,) seconds and points (N, K, 3), or images (N, C, H, W).
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


def without_mean(points: NDArray[Any]) -> NDArray[Any]:
    """(T, K, 3) points less their mean over time; (T, C, H, W) uint8 images as they are."""
    return points if points.dtype == np.uint8 or not len(points) else points - points.mean(0)


def embed_lips(models: Sequence[SyncModel], points: NDArray[Any]) -> list[NDArray[np.float32]]:
    """For each model (T, D) embeddings of (T, K, 3) points, mean removed, or of (T, C, H, W) uint8 images, T > 0."""
    given = np.ascontiguousarray(points, np.float32)
    if points.dtype == np.uint8:
        given = given / np.float32(255)
    return [model.embed_video(given) for model in models]


def embed_audio(models: Sequence[SyncModel], mels: NDArray[np.floating]) -> list[NDArray[np.float32]]:
    """Embeddings of the audio every 10 ms. Memory does not grow with its length, but for what is returned.

    Args:
        models: One or several.
        mels: (A, M) normalised, A > 0.

    Returns:
        For each model (A, D); row `j` belongs to the instant one and a half frames after frame `j`'s centre.
    """
    num = len(mels)
    padded = np.pad(mels, ((0, 3 + (-num) % 4), (0, 0)))
    span = num + (-num) % 4
    phases = np.stack([padded[r : r + span] for r in range(4)]).astype(np.float32)
    out = []
    for model in models:
        found = _in_pieces(model, phases)
        out.append(found.transpose(1, 0, 2).reshape(-1, found.shape[-1])[:num])
    return out


def _in_pieces(model: SyncModel, phases: NDArray[np.float32]) -> NDArray[np.float32]:
    """`SyncModel.embed_audio` of any length, (P, A / 4, D) of (P, A, M): the answer is that of the whole."""
    num, parts = phases.shape[1], []
    for at in range(0, num, PIECE_FRAMES):
        begin, end = max(0, at - MARGIN_FRAMES), min(at + PIECE_FRAMES + MARGIN_FRAMES, num)
        found = model.embed_audio(np.ascontiguousarray(phases[:, begin:end]))
        parts.append(found[:, (at - begin) // 4 : (min(at + PIECE_FRAMES, num) - begin) // 4])
    return np.concatenate(parts, axis=1)


@dataclass(frozen=True, eq=False)
class EmbeddedAudio:
    """A stretch of audio as every model embeds it, every 10 ms."""

    first: int
    """Number of the first audio frame, see `viseme.audio.clock`."""
    values: tuple[NDArray[np.float32], ...]
    """For each model (A, D); row `j` belongs to the instant (first + j + 2) / 100 s."""

    def __len__(self) -> int:
        """Audio frames."""
        return len(self.values[0]) if self.values else 0

    @classmethod
    def of(
        cls,
        models: Sequence[SyncModel],
        first: int,
        power: NDArray[np.floating],
        like: NDArray[np.floating] | None = None,
    ) -> EmbeddedAudio:
        """Embed mel powers.

        Args:
            models: One or several.
            first: Number of the first frame.
            power: (A, M) mel powers; only what really exists.
            like: See `normalise_mels`.
        """
        if not len(power):
            return cls(first, tuple(np.zeros((0, 1), np.float32) for _ in models))
        return cls(first, tuple(embed_audio(models, normalise_mels(power, like))))
