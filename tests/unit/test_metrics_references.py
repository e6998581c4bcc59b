"""Every metric against an independent implementation: `pytest -s` prints name, ours, reference and difference.

A reference is written as its definition reads, pixel by pixel and frame by frame, or comes from another library; a
number alone was made by the program that its comment names.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
import scipy.linalg
from scipy import ndimage

from viseme.metrics.canny_edges import canny_edges
from viseme.metrics.cpbd import cpbd
from viseme.metrics.fdd import upper_face_deviation
from viseme.metrics.frechet_distance import RunningGaussian, frechet_distance
from viseme.metrics.jitter import jitter
from viseme.metrics.leakage import lip_distance
from viseme.metrics.lve import lip_vertex_error
from viseme.metrics.wer import normalised_words, word_errors


class Case(NamedTuple):
    """One comparison."""

    name: str
    ours: Callable[[], float]
    reference: Callable[[], float]
    tolerance: float = 1e-9


RNG = np.random.default_rng(7)
ROWS, COLUMNS = np.mgrid[:128, :192]
GREY = np.rint(
    128
    + 70 * np.sign(np.sin(ROWS / 23 + 1) * np.sin(COLUMNS / 17))
    + 30 * np.sin(ROWS * COLUMNS / 900)
    + 25 * np.sin(COLUMNS / 2.5) * (ROWS < 70)
).clip(0, 255)
"""(128, 192) steps, ripples and gradients, from sines alone."""
BLURRED = np.rint(ndimage.gaussian_filter(GREY, 1.5))
FEATURES = RNG.normal(size=(400, 12)) @ RNG.normal(size=(12, 12)), RNG.normal(size=(300, 12)) + 0.3
MESH, OTHER_MESH, REST = RNG.normal(size=(9, 20, 3)), RNG.normal(size=(7, 20, 3)), RNG.normal(size=(20, 3))
CHOSEN = [1, 4, 5, 17]
SAID, READ = "Set white with P two, soon. Bin green!", "set light with p two two soon been green"


def cpbd_pixel_by_pixel(image: np.ndarray) -> float:
    """As the paper tells it, with the edges of the public package."""
    height, width = image.shape
    power = (ndimage.convolve(image, np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]]) / 8)) ** 2
    power = np.where(power > 2 * math.sqrt(power.mean()), power, 0)
    canny = canny_edges(image, low=0.1, high=0.2)
    num = sharp = 0
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            if y >= height // 64 * 64 or x >= width // 64 * 64:
                continue
            top, left = y // 64 * 64, x // 64 * 64
            if canny[top : top + 64, left : left + 64].sum() <= 0.002 * 64 * 64:
                continue
            here = power[y, x]
            if not (here > max(power[y, x - 1], power[y, x + 1]) or here > max(power[y - 1, x], power[y + 1, x])):
                continue
            slope_x, slope_y = image[y, x + 1] - image[y, x - 1], image[y + 1, x] - image[y - 1, x]
            angle = 45 * round(math.degrees(math.atan2(slope_y, slope_x)) / 45) if slope_x else 0
            if abs(angle) not in (0, 180):
                continue
            way = 1 if angle == 0 else -1
            block = image[top : top + 64, left : left + 64]
            noticeable = 5 if int(block.max() - block.min()) <= 50 else 3
            edge = _one_side(image[y], x, -1, -way) + _one_side(image[y], x, 1, way)
            num += 1
            sharp += round(100 * (1 - math.exp(-((edge / noticeable) ** 3.6)))) <= 63
    return sharp / num


def _one_side(row: np.ndarray, x: int, step: int, way: int) -> int:
    """Pixels from `x` to where the row stops rising (way 1) or falling (-1), from its neighbour on."""
    at = x + step
    while 0 <= at + step < len(row) and way * (row[at + step] - row[at]) > 0 and abs(at - x) <= 100:
        at += step
    return abs(at - x)


def frechet_by_sqrtm() -> float:
    (mean_a, cov_a), (mean_b, cov_b) = ((f.mean(0), np.cov(f, rowvar=False)) for f in FEATURES)
    root = scipy.linalg.sqrtm(cov_a @ cov_b)
    return float(((mean_a - mean_b) ** 2).sum() + np.trace(cov_a + cov_b - 2 * root.real))


def frechet_of_streams() -> float:
    seen = [RunningGaussian(), RunningGaussian()]
    for gaussian, features in zip(seen, FEATURES):
        for start in range(0, len(features), 33):
            gaussian.add(features[start : start + 33])
    return seen[0].distance(seen[1])


def diagonal_distance() -> float:
    """2^2 between the means, (2 - 1)^2 + (3 - 1)^2 between the deviations."""
    return frechet_distance([1, 2], np.diag([4, 9]), [1, 0], np.eye(2))


def lve_frame_by_frame() -> float:
    worst = [max(math.dist(MESH[t, v], MESH[t - 1, v]) for v in CHOSEN) for t in range(len(MESH))]
    return sum(worst) / len(worst)


def fdd_vertex_by_vertex() -> float:
    def spread(mesh: np.ndarray, v: int) -> float:
        away = [math.dist(frame[v], REST[v]) for frame in mesh]
        mean = sum(away) / len(away)
        return math.sqrt(sum((a - mean) ** 2 for a in away) / len(away))

    return sum(spread(OTHER_MESH, v) - spread(MESH, v) for v in CHOSEN) / len(CHOSEN)


def jitter_point_by_point() -> float:
    bends = [MESH[t - 1] - 2 * MESH[t] + MESH[t + 1] for t in range(1, len(MESH) - 1)]
    return sum(float((bend**2).sum()) for bend in bends) / (len(bends) * MESH.shape[1])


def edits_by_recursion() -> float:
    said, read = normalised_words(SAID), normalised_words(READ)

    @cache
    def least(i: int, j: int) -> int:
        if i == 0 or j == 0:
            return i + j
        return min(least(i - 1, j) + 1, least(i, j - 1) + 1, least(i - 1, j - 1) + (said[i - 1] != read[j - 1]))

    return least(len(said), len(read))


def lips_point_by_point() -> float:
    total = 0.0
    for ours, theirs in zip(MESH[:7], OTHER_MESH):
        middle = [sum(p[axis] for p in ours) / 20 - sum(p[axis] for p in theirs) / 20 for axis in range(3)]
        total += sum(math.dist(p, q + middle) for p, q in zip(ours, theirs)) / 20
    return total / 7


CASES = (
    Case("cpbd, pixel by pixel", lambda: cpbd(GREY), lambda: cpbd_pixel_by_pixel(GREY)),
    Case("cpbd of a blurred frame, pixel by pixel", lambda: cpbd(BLURRED), lambda: cpbd_pixel_by_pixel(BLURRED)),
    # the package cpbd 1.0.7 with scikit-image 0.26.0
    Case("cpbd, package cpbd", lambda: cpbd(GREY), lambda: 0.042172154823801274),
    Case("cpbd of a blurred frame, package cpbd", lambda: cpbd(BLURRED), lambda: 0.045394736842105265),
    Case("Canny edges, scikit-image", lambda: canny_edges(GREY, low=0.1, high=0.2).sum(), lambda: 3027, 2),
    Case("Canny edges, high, scikit-image", lambda: canny_edges(GREY, low=40, high=120).sum(), lambda: 887, 2),
    Case("Fréchet distance, scipy.linalg.sqrtm", frechet_of_streams, frechet_by_sqrtm, 1e-8),
    Case(
        "Fréchet distance, closed form", lambda: frechet_distance([1, 2], np.diag([4, 9]), [1, 0], np.eye(2)), lambda: 9
    ),
    Case("lve", lambda: lip_vertex_error(MESH, np.roll(MESH, 1, 0), CHOSEN), lve_frame_by_frame),
    Case("fdd", lambda: upper_face_deviation(MESH, OTHER_MESH, REST, CHOSEN), fdd_vertex_by_vertex),
    Case("jitter", lambda: jitter(MESH), jitter_point_by_point),
    Case("wer, edits", lambda: word_errors(normalised_words(SAID), normalised_words(READ)), edits_by_recursion),
    Case("leakage, lip distance", lambda: lip_distance(MESH[:7], OTHER_MESH), lips_point_by_point),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_metric_agrees_with_its_reference(case: Case) -> None:
    ours, reference = float(case.ours()), float(case.reference())
    print(f"\n{case.name:45} ours {ours:.9g}  reference {reference:.9g}  difference {ours - reference:.2g}")
    assert ours == pytest.approx(reference, abs=case.tolerance)
