"""Identity: seeded heads from the named controls, aligned, and their principal components."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from face_model.wheel import DATA, Wheel

SEED = 20240607
NUM_HEADS, NUM_ID, NUM_TEX = 1500, 80, 80
CONTROL_SIGMA = 0.2
LOCAL_FOLDERS = ("cheek", "chin", "ears", "eyebrows", "eyes", "forehead", "head", "mouth", "neck", "nose")
AXES = {
    "decr": -1, "incr": 1, "down": -1, "up": 1, "in": -1, "out": 1, "backward": -1, "forward": 1,
    "concave": -1, "convex": 1, "compress": -1, "uncompress": 1,
}  # fmt: skip
AXIS_OF = {"decr": "size", "incr": "size", "down": "y", "up": "y", "in": "x", "out": "x", "backward": "z"} | {
    "forward": "z", "concave": "curve", "convex": "curve", "compress": "size", "uncompress": "size"
}  # fmt: skip
SIDEWAYS = ("head-trans", "mouth-trans", "neck-trans", "nose-trans")
"""Their "in/out" moves the midline sideways: not left/right symmetric, left out."""


def controls(wheel: Wheel) -> dict[tuple[str, str], dict[str, list[str]]]:
    """(stem, axis) -> {"-": target names, "+": target names}; left and right travel together."""
    table: dict[tuple[str, str], dict[str, list[str]]] = {}
    for folder in LOCAL_FOLDERS:
        for name in sorted(n for n in wheel.names if n.startswith(f"{DATA}targets/{folder}/")):
            if not name.endswith(".target.gz"):
                continue
            stem = re.sub(r"^[lr]-", "", Path(name).name.removesuffix(".target.gz"))
            base, _, end = stem.rpartition("-")
            if end not in AXES:
                base, axis, sign = stem, "shape", "+"
            else:
                axis, sign = AXIS_OF[end], "+" if AXES[end] > 0 else "-"
            if not (base in SIDEWAYS and axis == "x"):
                table.setdefault((base, axis), {}).setdefault(sign, []).append(name)
    return table


def sample_heads(wheel: Wheel, rng: np.random.Generator, num_vertices: int, keep: np.ndarray):
    """Displacements (NUM_HEADS, len(keep), 3) of seeded heads and the count of named controls."""
    targets: list[np.ndarray] = []
    weights: list[np.ndarray] = []

    def add(names: list[str], weight: np.ndarray) -> None:
        targets.append(sum(wheel.target(name, num_vertices)[keep] for name in names))
        weights.append(weight)

    macro = f"{DATA}targets/macrodetails/"
    ethnicity = rng.dirichlet((0.7, 0.7, 0.7), NUM_HEADS)
    gender = rng.uniform(0, 1, NUM_HEADS)
    age = rng.beta(2, 3, NUM_HEADS)  # 0 young adult .. 1 old
    for sex, w_sex in (("female", 1 - gender), ("male", gender)):
        for years, w_age in (("young", 1 - age), ("old", age)):
            for index, race in enumerate(("african", "asian", "caucasian")):
                add([f"{macro}{race}-{sex}-{years}.target.gz"], w_sex * w_age * ethnicity[:, index])
            add([f"{macro}universal-{sex}-{years}-averagemuscle-averageweight.target.gz"], w_sex * w_age)
    table = controls(wheel)
    for (_, axis), sides in sorted(table.items()):
        draw = np.clip(rng.normal(0, CONTROL_SIGMA, NUM_HEADS), -1, 1)
        if axis == "shape":
            draw = abs(draw)
        for sign, names in sorted(sides.items()):
            add(names, np.maximum(draw if sign == "+" else -draw, 0))
    moves = np.tensordot(np.array(weights).T, np.array(targets), axes=1)
    return moves, len({stem for stem, _ in table})


def procrustes(heads: np.ndarray, on: np.ndarray, rounds: int = 3) -> np.ndarray:
    """Rotate, scale and centre each head (N, V, 3) onto the mean, by the vertices `on`; the mean keeps its size."""
    heads = heads - heads[:, on].mean(1, keepdims=True)
    size = np.sqrt((heads[:, on] ** 2).sum((1, 2)).mean())
    for _ in range(rounds):
        mean = heads.mean(0)[on]
        mean *= size / np.sqrt((mean**2).sum())
        u, s, vt = np.linalg.svd(np.einsum("nvi,vj->nij", heads[:, on], mean))
        flip = np.ones_like(s)
        flip[:, 2] = np.sign(np.linalg.det(u @ vt))
        rotation = (u * flip[:, None]) @ vt
        scale = (s * flip).sum(1) / (heads[:, on] ** 2).sum((1, 2))
        heads = np.einsum("nvi,nij->nvj", heads, rotation) * scale[:, None, None]
    return heads


def pca(heads: np.ndarray, num: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean (V, 3), basis (V, 3, num) times its standard deviations, kept share of variance."""
    flat = heads.reshape(len(heads), -1)
    mean = flat.mean(0)
    centred = flat - mean
    values, vectors = np.linalg.eigh(centred @ centred.T / (len(heads) - 1))
    order = np.argsort(values)[::-1][:num]
    basis = centred.T @ vectors[:, order] / np.sqrt(len(heads) - 1)  # columns: unit direction times sigma
    basis *= np.sign(basis[abs(basis).argmax(0), np.arange(num)])
    shape = heads.shape[1:]
    return mean.reshape(shape), basis.reshape(*shape, num), values[order].sum() / values.sum()
