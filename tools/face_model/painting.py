"""What is painted on the skin: brows, beard and hairline as fields, and the mean albedo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from face_model.mesh import PARTS, HeadCut, read_mask
from face_model.wheel import Wheel

SKIN_TONE = np.array([0.72, 0.53, 0.43])
MELANIN = np.array([-0.150, -0.142, -0.132])
HAEMOGLOBIN = np.array([0.018, -0.014, -0.012])
YELLOW = np.array([0.008, 0.004, -0.020])


def blob(points: np.ndarray, centre: np.ndarray, radius: float) -> np.ndarray:
    """(V,) a Gaussian around a point, 1 in its middle."""
    return np.exp(-(((points - centre) ** 2).sum(1)) / (2 * radius**2))


def smooth(x: np.ndarray) -> np.ndarray:
    """A step from 0 to 1 without corners, for x from 0 to 1."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def polyline_distance(points: np.ndarray, line: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance to a polyline and the fraction of its length at the nearest point."""
    best, where = np.full(len(points), np.inf), np.zeros(len(points))
    for k in range(len(line) - 1):
        a, d = line[k], line[k + 1] - line[k]
        s = np.clip(((points - a) @ d) / (d @ d), 0, 1)
        gap = np.linalg.norm(points - a - s[:, None] * d, axis=1)
        closer = gap < best
        best[closer], where[closer] = gap[closer], (k + s[closer]) / (len(line) - 1)
    return best, where


def brow_field(mean: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """(V,) 0 to 1 where brows grow."""
    field = np.zeros(len(mean))
    for upper, lower in (
        ((70, 63, 105, 66, 107), (46, 53, 52, 65, 55)),
        ((300, 293, 334, 296, 336), (276, 283, 282, 295, 285)),
    ):
        line = 0.5 * (marks[list(upper)] + marks[list(lower)])
        gap, along = polyline_distance(mean, line)
        half = 0.016 + 0.022 * along  # thin tail (0) to full head (1)
        field = np.maximum(field, np.clip(1.5 - gap / half, 0, 1) * smooth((1.02 - along) / 0.2))
    return field


def scalp_field(mean: np.ndarray, marks: np.ndarray, ears: np.ndarray) -> np.ndarray:
    """Decimetres inside an average hairline; negative on the face, ears and neck."""
    ear = mean[ears > 0.5]
    centre = np.array([0.0, marks[[33, 263], 1].mean() + 0.1, ear[:, 2].mean()])
    ray = mean - centre
    radius = np.linalg.norm(ray, axis=1)
    azimuth = np.degrees(abs(np.arctan2(ray[:, 0], ray[:, 2])))
    height = np.degrees(np.arcsin(ray[:, 1] / radius))
    top = marks[10] - centre
    forehead = np.degrees(np.arcsin(top[1] / np.linalg.norm(top)))
    line = np.interp(
        azimuth,
        [0, 15, 32, 44, 54, 62, 70, 77, 84, 92, 108, 125, 150, 180],
        [forehead + 9, forehead + 10, forehead + 10, forehead + 1, 33, 22, 8, -10, -14, 6, -10, -30, -38, -40],
    )
    inside = np.radians(height - line) * radius
    return np.where(ears > 0.3, np.minimum(inside, -0.2), inside)


def beard_field(mean: np.ndarray, marks: np.ndarray, lips: np.ndarray, front: np.ndarray) -> np.ndarray:
    """0 to 1 where stubble grows: upper lip, chin, jaw and a little of the neck."""
    side = abs(mean[:, 0])
    ear_x = abs(marks[[234, 454], 0]).mean()
    line = np.interp(
        side,
        [0, abs(marks[[98, 327], 0]).mean(), abs(marks[[61, 291], 0]).mean() + 0.08, 0.75 * ear_x, ear_x],
        [
            marks[2, 1],
            marks[[98, 327], 1].mean() - 0.04,
            marks[[61, 291], 1].mean() + 0.02,
            marks[[132, 361], 1].mean(),
            marks[[93, 323], 1].mean(),
        ],
    )
    below = smooth((line - mean[:, 1]) / 0.10 + 0.3)
    above = smooth((mean[:, 1] - (marks[152, 1] - 0.35)) / 0.25)
    forward = smooth((mean[:, 2] - (marks[[234, 454], 2].mean() - 0.1)) / 0.2)
    return below * above * forward * (1 - np.clip(lips * 1.5, 0, 1)) * front


@dataclass
class Regions:
    """(V,) weights in [0, 1] on the head."""

    part: np.ndarray
    lips: np.ndarray
    eyelids: np.ndarray
    ears: np.ndarray
    inside: np.ndarray
    face: np.ndarray

    @property
    def mouth_interior(self) -> np.ndarray:
        """(V,) the skin inside the mouth, teeth and tongue."""
        return ((self.inside > 0.3) & (self.part == 0)) | np.isin(self.part, (1, 2, 3))


def read_regions(wheel: Wheel, cut: HeadCut) -> Regions:
    """The masks of the base mesh on the skin of the head."""
    names = ("lips", "eyelids", "ears", "inside-mouth", "face")
    return Regions(cut.part, *(read_mask(wheel.mask(n), cut.vertex_uv) * (cut.part == 0) for n in names))


def eye_coordinates(mean: np.ndarray, part: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Vertices of one eye and (N,) distance from its axis over its radius; the back half far away."""
    ball = np.flatnonzero(part == PARTS.index(name))
    low, high = mean[ball].min(0), mean[ball].max(0)
    centre = (low + high) / 2
    distance = np.linalg.norm((mean[ball] - centre)[:, :2], axis=1) / ((high - low)[1] / 2)
    return ball, np.where(mean[ball, 2] > centre[2], distance, 4.0)


def mean_albedo(mean: np.ndarray, regions: Regions, brow: np.ndarray, marks: np.ndarray | None) -> np.ndarray:
    """(V, 3) RGB of the mean face; cheeks, nose and chin are redder where landmarks are known."""
    colour = np.tile(SKIN_TONE, (len(mean), 1))
    if marks is not None:
        for index, radius, amount in (
            (50, 0.2, 0.9),
            (280, 0.2, 0.9),
            (4, 0.13, 0.9),
            (199, 0.12, 0.5),
            (151, 0.25, 0.2),
        ):
            colour += amount * blob(mean, marks[index], radius)[:, None] * HAEMOGLOBIN
    colour += 0.9 * regions.ears[:, None] * HAEMOGLOBIN
    colour += 0.55 * regions.eyelids[:, None] * np.array([-0.10, -0.10, -0.08])
    colour += np.clip(regions.lips * 1.25, 0, 1)[:, None] * (np.array([0.62, 0.33, 0.31]) - SKIN_TONE)
    colour += 0.85 * brow[:, None] * (np.array([0.25, 0.18, 0.14]) - colour)
    inside = (regions.inside > 0.3) & (regions.part == 0)
    colour[inside] = (0.42, 0.16, 0.15)
    colour[regions.part == 1] = (0.66, 0.33, 0.32)
    for teeth in (2, 3):
        colour[regions.part == teeth] = (0.84, 0.80, 0.72)
    for name in ("eye_l", "eye_r"):
        ball, distance = eye_coordinates(mean, regions.part, name)
        colour[ball] = (0.80, 0.77, 0.75)
        colour[ball[distance < 0.55]] = (0.30, 0.21, 0.14)
        colour[ball[distance < 0.22]] = (0.03, 0.03, 0.03)
    return colour
