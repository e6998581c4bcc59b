"""How colours of people differ: named modes of the albedo, then smooth fields on the skin."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array, diags_array
from scipy.sparse.linalg import eigsh

from face_model.identity import NUM_TEX, SEED
from face_model.painting import HAEMOGLOBIN, MELANIN, YELLOW, Regions, blob, eye_coordinates, smooth


def albedo_modes(
    mean: np.ndarray, triangles: np.ndarray, regions: Regions, brow: np.ndarray, beard: np.ndarray, scalp: np.ndarray,
    marks: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """(V, 3, NUM_TEX): named modes first, then low surface harmonics in three colour directions."""
    skin = ((regions.part == 0) & (regions.inside < 0.3)).astype(float)
    lips = np.clip(regions.lips * 1.25, 0, 1)
    ball = np.zeros(len(mean))
    for name in ("eye_l", "eye_r"):
        index, distance = eye_coordinates(mean, regions.part, name)
        ball[index] = (distance < 0.55) & (distance > 0.22)
    cheeks = blob(mean, marks[50], 0.22) + blob(mean, marks[280], 0.22)
    socket = blob(mean, marks[230], 0.12) + blob(mean, marks[450], 0.12)
    named = [
        (skin * (1 - 0.35 * lips), MELANIN),
        (skin, HAEMOGLOBIN),
        (skin * (1 - lips), YELLOW),
        (lips, np.array([0.02, -0.04, -0.03])),
        (lips, np.array([-0.05, -0.03, -0.03])),
        (brow, np.array([-0.10, -0.09, -0.07])),
        (brow, np.array([0.06, 0.03, -0.01])),
        (regions.eyelids, np.array([-0.09, -0.10, -0.09])),
        (skin * socket, np.array([-0.05, -0.05, -0.03])),
        (beard, np.array([-0.11, -0.10, -0.08])),
        (skin * cheeks, 1.3 * HAEMOGLOBIN),
        (skin * blob(mean, marks[4], 0.14), 1.3 * HAEMOGLOBIN),
        (regions.ears, 1.2 * HAEMOGLOBIN),
        (smooth(scalp / 0.2 + 0.5) * skin, np.array([-0.18, -0.15, -0.12])),
        (ball, np.array([0.10, 0.12, 0.16])),
        (ball, np.array([-0.08, 0.04, 0.01])),
        (((regions.part == 2) | (regions.part == 3)).astype(float), np.array([-0.05, -0.06, -0.09])),
    ]
    modes = [weight[:, None] * colour for weight, colour in named]
    harmonics = surface_harmonics(mean, triangles, skin, (NUM_TEX - len(named) + 2) // 3)
    for k in range(harmonics.shape[1]):
        for axis in (0.07 * MELANIN, 0.11 * HAEMOGLOBIN, 0.10 * YELLOW):
            modes.append(harmonics[:, k, None] * axis / (1 + 0.05 * k))
    raw = np.stack(modes[:NUM_TEX], -1).reshape(-1, NUM_TEX)
    q, r = np.linalg.qr(raw)
    return (q * np.diag(r)).reshape(-1, 3, NUM_TEX)  # orthogonal, each with what of it the earlier ones lack


def surface_harmonics(points: np.ndarray, triangles: np.ndarray, weight: np.ndarray, num: int) -> np.ndarray:
    """(V, num) smooth fields on the skin, unit root mean square: low eigenvectors of the graph Laplacian."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    length = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1)
    w = np.maximum(weight[edges].min(1), 1e-4) / (length + 1e-3)
    n = len(points)
    graph = coo_array(
        (np.r_[w, w], (np.r_[edges[:, 0], edges[:, 1]], np.r_[edges[:, 1], edges[:, 0]])), shape=(n, n)
    ).tocsr()
    laplacian = diags_array(graph.sum(1)) - graph
    start = np.random.default_rng(SEED).normal(size=n)
    live = np.flatnonzero(weight > 0.5)
    small = laplacian[live][:, live]
    _, vectors = eigsh(small.tocsc(), k=num + 1, sigma=-1e-3, which="LM", v0=start[live])
    field = np.zeros((n, num))
    field[live] = vectors[:, 1:] * np.sqrt(len(live))
    return field * np.sign(field[abs(field).argmax(0), np.arange(num)])
