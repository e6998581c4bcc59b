"""What training frames go through: turned, moved, scaled, blurred, compressed, recoloured. Points move with them.

Knows arrays; refuses to know networks. Everything comes from the generator that is passed in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import ConfigError
from viseme.faces.crops import CROP_SIZE
from viseme.media.images import decode_image, encode_jpeg, gaussian_blur, warp_affine

__all__ = ["FrameAugment", "augment_frame"]


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameAugment:
    """How far frames are changed. All zeros: not at all."""

    turn_deg: float = 8.0
    """Largest turn in the frame plane."""
    scale: float = 0.08
    """Largest change of size, as a fraction."""
    shift_px: float = 8.0
    """Largest shift, pixels of the 224-pixel crop."""
    blur: float = 0.3
    """Probability of a Gaussian blur."""
    blur_px: float = 2.5
    """Its largest standard deviation."""
    jpeg: float = 0.4
    """Probability of a second compression."""
    jpeg_quality: tuple[int, int] = (25, 90)
    """Its quality."""
    colour: float = 0.15
    """Standard deviation of the logarithm of brightness, and a third of it of each channel's."""

    def __post_init__(self) -> None:
        low, high = self.jpeg_quality
        numbers = (self.turn_deg, self.shift_px, self.blur_px, self.colour)
        if min(numbers) < 0 or not 0 <= self.scale < 1 or not 1 <= low <= high <= 100:
            raise ConfigError(f"impossible augmentation: {self}")
        if not (0 <= self.blur <= 1 and 0 <= self.jpeg <= 1):
            raise ConfigError("blur and jpeg are probabilities, 0 to 1")


def augment_frame(
    image: NDArray[np.uint8], points: NDArray[np.floating], config: FrameAugment, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """One crop and its landmarks, changed together.

    Args:
        image: (224, 224, 3) RGB.
        points: (K, 2) pixels, centres at +0.5.
        config: How far.
        rng: Where chance comes from; the same state gives the same frame.

    Returns:
        The same shapes. Where the crop is left, the edge is repeated.
    """
    turn = np.deg2rad(rng.uniform(-config.turn_deg, config.turn_deg))
    size = 1 + rng.uniform(-config.scale, config.scale)
    linear = size * np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    middle = np.full(2, CROP_SIZE / 2)
    shift = middle - linear @ middle + rng.uniform(-config.shift_px, config.shift_px, 2)
    if config.turn_deg or config.scale or config.shift_px:
        out = warp_affine(image, np.c_[linear, shift], CROP_SIZE, CROP_SIZE)
    else:
        out = image
    if rng.random() < config.blur:
        out = gaussian_blur(out, max(float(rng.uniform(0, config.blur_px)), 0.1))
    if rng.random() < config.jpeg:
        quality = int(rng.integers(config.jpeg_quality[0], config.jpeg_quality[1] + 1))
        out = decode_image(encode_jpeg(out, quality))
    if config.colour:
        gains = np.exp(rng.normal(0, config.colour) + rng.normal(0, config.colour / 3, 3))
        levels = np.arange(256) / 255
        table = np.stack([(levels * gain).clip(0, 1) for gain in gains], -1)
        out = (table * 255 + 0.5).astype(np.uint8)[out, np.arange(3)]
    moved = points @ linear.T + shift
    return out, moved.astype(np.float32)
