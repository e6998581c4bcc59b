"""CPBD and jitter as `viseme score` feeds them: pairs of faces, gaps, and what is left out."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from viseme.faces.schemes import EYE_CORNERS, IBUG68_MOUTH
from viseme.metrics.cpbd import EVERY, Cpbd, cpbd
from viseme.metrics.interface import FramePair
from viseme.metrics.jitter import Jitter, jitter_ratio

RNG = np.random.default_rng(2)
SHARP = ndimage.gaussian_filter(RNG.integers(0, 2, (16, 16, 3)).repeat(16, 0).repeat(16, 1) * 200.0, (0.5, 0.5, 0))


@dataclass
class Face:
    """A face whose crops are all one image."""

    landmarks: np.ndarray = field(default_factory=lambda: np.zeros((478, 3), np.float32))
    image: np.ndarray = field(default_factory=lambda: SHARP.astype(np.uint8))
    time: float = 0.0
    box: np.ndarray = field(default_factory=lambda: np.array([0.0, 0.0, 1.0, 1.0]))
    square: np.ndarray = field(default_factory=lambda: np.zeros(3))

    def crop(self, name: str) -> np.ndarray:
        return self.image[128:] if name == "lower256" else self.image


def face(mouth: np.ndarray, scale: float = 100.0) -> Face:
    """With the eyes one apart and the mouth (20, 2) below them."""
    landmarks = np.zeros((478, 3))
    landmarks[EYE_CORNERS, 0] = 0, scale
    landmarks[IBUG68_MOUTH, :2] = mouth * scale
    return Face(landmarks)


def test_every_fifth_frame_is_measured_without_a_reference() -> None:
    gathered = Cpbd().start()
    blurred = Face(image=ndimage.gaussian_filter(SHARP, (4, 4, 0)).astype(np.uint8))
    for number in range(12):
        gathered.add(FramePair(number / 25, blurred if number % EVERY else Face(), None))
    found = gathered.compute()
    assert {name: m.num_frames for name, m in found.items()} == {"cpbd": 3, "cpbd@lower256": 3}
    grey = np.asarray(Image.fromarray(Face().image).convert("L"))
    assert found["cpbd"].value == pytest.approx(cpbd(grey))
    assert found["cpbd@lower256"].value == pytest.approx(cpbd(grey[128:]))
    assert found["cpbd"].value > 0.5


def test_jitter_is_that_of_the_same_frames_whatever_the_size_of_the_face() -> None:
    shaking, steady = RNG.normal(size=(30, 20, 2)), RNG.normal(size=(30, 20, 2)) * 0.3
    gathered = Jitter().start()
    for number, (one, other) in enumerate(zip(shaking, steady)):
        gathered.add(FramePair(number / 25, face(one, 40.0), face(other, 200.0)))
    found = gathered.compute()["jitter"]
    assert found.num_frames == 28
    assert found.value == pytest.approx(jitter_ratio(shaking, steady), rel=1e-4)


def test_jitter_does_not_reach_over_a_gap() -> None:
    gathered = Jitter().start()
    for time in (0.0, 0.04, 0.08, 0.2, 0.24):
        gathered.add(FramePair(time, face(RNG.normal(size=(20, 2))), face(RNG.normal(size=(20, 2)))))
    assert gathered.compute()["jitter"].num_frames == 1
    assert np.isnan(Jitter().start().compute()["jitter"].value)


def test_a_still_face_has_no_jitter() -> None:
    gathered, held = Jitter().start(), face(RNG.normal(size=(20, 2)))
    for number in range(5):
        gathered.add(FramePair(number / 25, held, face(RNG.normal(size=(20, 2)))))
    assert gathered.compute()["jitter"].value == 0
