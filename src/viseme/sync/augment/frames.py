"""The same face before another camera. Knows frames alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["FrameChange", "other_camera"]


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameChange:
    """How far the frames of a training crop are changed, all of a crop alike."""

    shift_px: int = 3
    """Largest shift either way."""
    gain: float = 0.25
    """Standard deviation of the logarithm of brightness; a third of it of each colour's."""
    noise: float = 0.02
    """Largest standard deviation of sensor noise, of 1."""


def other_camera(frames: NDArray[np.uint8], change: FrameChange, rng: np.random.Generator) -> NDArray[np.float32]:
    """(T, C, H, W) in [0, 1]."""
    reach = change.shift_px
    x, y = rng.integers(-reach, reach + 1, 2)
    out = np.roll(frames, (y, x), (2, 3)) if reach else frames
    if y:  # what came in from the other side is the edge repeated
        out[:, :, slice(0, y) if y > 0 else slice(y, None)] = out[:, :, [y if y > 0 else y - 1]]
    if x:
        out[..., slice(0, x) if x > 0 else slice(x, None)] = out[..., [x if x > 0 else x - 1]]
    if rng.random() < 0.5:
        out = out[..., ::-1]
    gains = np.exp(rng.normal(0, change.gain) + rng.normal(0, change.gain / 3, out.shape[1])).astype(np.float32)
    lit = out.astype(np.float32) * (gains / 255)[:, None, None]
    grain = np.float32(rng.uniform(0, change.noise)) * rng.standard_normal((8, *lit.shape[1:]), np.float32)
    return (lit + grain[rng.integers(8, size=len(lit))]).clip(0, 1)
