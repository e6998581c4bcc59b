"""A person who does not exist, as prepared clips: the mouth opens with the loudness of a buzzing voice."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.face3d.atlas import Cylinder

__all__ = ["MadeUpPerson"]

RATE, FPS = 16_000, 25
_LIPS = np.array([13, 14, 17, 0, 78, 308, 82, 312, 87, 317])


class MadeUpPerson:
    """`TrainingClips` in memory: clips of two seconds, the first and last fifth of each silent."""

    def __init__(self, num: int = 12, seconds: float = 2.0) -> None:
        rng = np.random.default_rng(0)
        self.reference = rng.normal(0, 0.05, (468, 3)).astype(np.float32)
        self.reference[[13, 14]] = 0  # closed lips
        self.reference[[234, 454]] = [[-1, 0, 0], [1, 0, 0]]
        self.reference_atlas = rng.uniform(0.2, 0.6, (256, 256, 3)).astype(np.float32)
        self.cylinder = Cylinder(z0=-1.0, radius=1.0, row_scale=80.0, row_shift=120.0, offsets=np.zeros((468, 2)))
        self.left_out, self.delays = (), (0.0,)
        self._open = np.zeros((468, 3), np.float32)
        self._open[_LIPS] = rng.normal(0, 0.05, (len(_LIPS), 3))
        self._open[14] = (0, -0.2, 0)
        self._dark = np.zeros((128, 128, 1), np.float32)
        self._dark[50:80, 40:90] = -0.2
        self._heard = rng.normal(0, 1, (2, 256, 24)).astype(np.float32)
        self._clips = [self._clip(np.random.default_rng(i), seconds) for i in range(num)]

    def __len__(self) -> int:
        return len(self._clips)

    def read(self, number: int, *names: str) -> list[NDArray[Any]]:
        """See `TrainingClips.read`."""
        return [self._clips[number][name] for name in names]

    def _clip(self, rng: np.random.Generator, seconds: float) -> dict[str, NDArray[Any]]:
        times = np.arange(round(seconds * FPS)) / FPS
        knots = rng.uniform(0.2, 1, 12) * (np.abs(np.linspace(-1, 1, 12)) < 0.65)
        opening = np.interp(times, np.linspace(0, seconds, 12), knots).astype(np.float32)
        at = np.arange(round(seconds * RATE)) / RATE
        buzz = np.sign(np.sin(2 * np.pi * 120 * at)) * 0.2 + rng.normal(0, 0.05, len(at))
        loud = np.interp(at, times, opening)
        lips = self.reference_atlas[105:233, 64:192] + opening[:, None, None, None] * self._dark
        return {
            "times": times,
            "vertices": self.reference + opening[:, None, None] * self._open,
            "lips": np.rint(lips * 255).astype(np.uint8),
            "valid": np.ones((len(times), 128, 128), bool),
            "stft": (opening[:, None, None, None] * self._heard).astype(np.float16),
            "weights": np.repeat(opening[:, None], 52, 1),
            "samples": (buzz * loud * 0.6).astype(np.float16),
            "start": np.array(0.0),
        }
