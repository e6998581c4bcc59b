"""The light of the filmed face laid onto the generated one, compared where both show skin. Knows pictures alone.

Section 4.1 of the normalisation in reverse: there the frame is brought to the light of the reference; here the person's
atlas is brought to the light of the frame. Compared at a quarter of the atlas' size, since light is smooth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

__all__ = ["SIZE", "Light", "LightMatch"]

SIZE = 64
"""Side of the pictures that are compared."""
PATCHES = 16
"""Patches along a side, each with a gain of its own."""
KEEP = 0.8
"""Share of the light of the frames before in that of a frame."""
ROUNDS = 4
"""Of re-weighting."""
MISFIT = 0.06
"""Difference of luma at which a pixel counts by 1 / e."""
NEAR, FAR, TRUST = 1.0, 4.0, 0.05
"""Patches over which gains are smoothed; over which gaps in the skin are filled in, and how much those count."""
LEAST_GAIN, MOST_GAIN = 0.25, 4.0
LEAST_CONTRAST, MOST_CONTRAST = 0.8, 1.25
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, kw_only=True, eq=False)
class Light:
    """What makes a colour of the atlas one of the frame: `contrast * gain * colour + shift`."""

    gain: NDArray[np.float32]
    """(16, 16) of each patch of the atlas."""
    contrast: np.float32
    shift: NDArray[np.float32]
    """(3,)."""

    def on(self, texture: NDArray[np.float32], rows: slice, columns: slice, side: int) -> NDArray[np.float32]:
        """A part of an atlas under this light.

        Args:
            texture: (h, w, 3) the part.
            rows: Of the atlas.
            columns: Of the atlas.
            side: Of the atlas.
        """
        gain = _at(_at(self.gain, rows, side).T, columns, side).T
        return texture * gain[..., None] * self.contrast + self.shift


class LightMatch:
    """Light that follows the frames of one shot, smoothed over time."""

    def __init__(self) -> None:
        self._light: Light | None = None

    def begin(self) -> None:
        """Forget the frames so far: a cut."""
        self._light = None

    def match(self, own: NDArray[np.float32], filmed: NDArray[np.float32], skin: NDArray[np.float32]) -> Light:
        """The light under which the person's atlas looks like the filmed face.

        Args:
            own: (64, 64, 3) the person's atlas, made smaller.
            filmed: (64, 64, 3) the atlas of the frame.
            skin: (64, 64) weights: 0 where either shows no skin, and in the mouth.
        """
        new = _light(own, filmed, skin)
        before = self._light
        if before is not None:
            new = Light(
                gain=np.exp(KEEP * np.log(before.gain) + (1 - KEEP) * np.log(new.gain)),
                contrast=np.float32(KEEP * before.contrast + (1 - KEEP) * new.contrast),
                shift=np.asarray(KEEP * before.shift + (1 - KEEP) * new.shift, np.float32),
            )
        self._light = new
        return new


def _light(own: NDArray[np.float32], filmed: NDArray[np.float32], skin: NDArray[np.float32]) -> Light:
    mine, theirs = own @ _LUMA, filmed @ _LUMA
    weights: Any = skin
    gain, whole = np.ones((PATCHES, PATCHES), np.float32), np.ones_like(mine)
    for _ in range(ROUNDS):
        above, below = _sums(weights * mine * theirs), _sums(weights * mine * mine)
        above = gaussian_filter(above, NEAR) + TRUST * gaussian_filter(above, FAR)
        below = gaussian_filter(below, NEAR) + TRUST * gaussian_filter(below, FAR)
        gain = np.where(below > 1e-6, above / np.maximum(below, 1e-6), 1)
        gain = np.clip(gain, LEAST_GAIN, MOST_GAIN).astype(np.float32)
        every = slice(0, SIZE)
        whole = _at(_at(gain, every, SIZE).T, every, SIZE).T
        weights = skin * np.exp(-np.square((theirs - whole * mine) / MISFIT))
    total = float(weights.sum())
    if total < 1:
        return Light(gain=gain, contrast=np.float32(1), shift=np.zeros(3, np.float32))
    share = (weights / total)[..., None]
    lit = own * whole[..., None]
    mean_own, mean_filmed = (share * lit).sum((0, 1)), (share * filmed).sum((0, 1))
    spread_own = (share[..., 0] * np.square((lit - mean_own) @ _LUMA)).sum()
    spread_filmed = (share[..., 0] * np.square((filmed - mean_filmed) @ _LUMA)).sum()
    # both are noisy, so the ratio of deviations and not a regression, which noise would flatten; and one for all
    # channels: skin alone does not tell how much redder lips become
    contrast = np.clip(np.sqrt((spread_filmed + 1e-4) / (spread_own + 1e-4)), LEAST_CONTRAST, MOST_CONTRAST)
    return Light(
        gain=gain,
        contrast=np.float32(contrast),
        shift=(mean_filmed - contrast * mean_own).astype(np.float32),
    )


def _sums(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """(16, 16) sums over patches."""
    side = SIZE // PATCHES
    return values.reshape(PATCHES, side, PATCHES, side).sum((1, 3))


def _at(values: NDArray[np.float32], rows: slice, side: int) -> NDArray[np.float32]:
    """Patches' values at some rows of an atlas, linear between the middles of patches."""
    place = (np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5) * PATCHES / side - 0.5
    low = np.clip(place.astype(np.int32), 0, PATCHES - 2)
    share = np.clip(place - low, 0, 1)[:, None]
    return np.asarray(values[low] * (1 - share) + values[low + 1] * share, np.float32)
