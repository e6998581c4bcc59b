"""What may be done to frames before faces are sought, and to audio before it is compared. Knows images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from viseme.media import Frame
from viseme.media.images import decode_image, encode_jpeg, resize, warp_affine
from viseme.reproduce.measured_clips import MeasuredClip

__all__ = ["FRAME_DISTURBANCES", "babble_of", "noise_at"]

BABBLE_SAMPLES = 400_000


def _warped(matrix: Callable[[int, int], NDArray[np.floating]]) -> Callable[[Frame], Frame]:
    def disturb(frame: Frame) -> Frame:
        height, width = frame.image.shape[:2]
        return replace(frame, image=warp_affine(frame.image, matrix(width, height), width, height))

    return disturb


def _about_the_middle(turn_deg: float, factor: float) -> Callable[[int, int], NDArray[np.floating]]:
    """Counter-clockwise turn and scale that leave the middle of the image where it is."""
    cos, sin = factor * np.cos(np.deg2rad(turn_deg)), factor * np.sin(np.deg2rad(turn_deg))
    linear = np.array([[cos, sin], [-sin, cos]])

    def matrix(width: int, height: int) -> NDArray[np.floating]:
        middle = np.array([width / 2, height / 2])
        return np.column_stack([linear, middle - linear @ middle])

    return matrix


def _shifted(part: float) -> Callable[[int, int], NDArray[np.floating]]:
    return lambda width, height: np.array([[1, 0, part * width], [0, 1, part * height]], float)


def _jpeg(frame: Frame) -> Frame:
    return replace(frame, image=decode_image(encode_jpeg(frame.image, 40)))


def _half(frame: Frame) -> Frame:
    height, width = frame.image.shape[:2]
    small = resize(frame.image, width // 2, height // 2)
    return replace(frame, image=small, scale=frame.scale * (width // 2) / width)


FRAME_DISTURBANCES: dict[str, Callable[[Frame], Frame]] = {
    "rotation +15": _warped(_about_the_middle(15, 1)),
    "rotation -15": _warped(_about_the_middle(-15, 1)),
    "scale .5": _warped(_about_the_middle(0, 0.5)),
    "scale 2": _warped(_about_the_middle(0, 2)),
    "crop shift +10 %": _warped(_shifted(0.1)),
    "crop shift -10 %": _warped(_shifted(-0.1)),
    "JPEG 40": _jpeg,
    "half resolution": _half,
}
"""Name -> what is done to every frame."""


def babble_of(clips: Sequence[MeasuredClip]) -> NDArray[np.float32]:
    """All clips at once, equally loud."""
    parts = [np.resize(c.samples, BABBLE_SAMPLES) / max(float(c.samples.std()), 1e-6) for c in clips]
    return np.asarray(np.sum(parts, axis=0), np.float32)


def noise_at(
    babble: NDArray[np.float32], samples: NDArray[np.float32], snr_db: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """As much babble as the samples are long, so many decibels below them."""
    noise = np.resize(babble[int(rng.integers(len(babble) // 2)) :], len(samples))
    return (noise * (samples.std() / noise.std() * 10 ** (-snr_db / 20))).astype(np.float32)
