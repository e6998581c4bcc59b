"""The file that ships: its header and its arrays, bases as 8 bits a number."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from face_model.embedding import IBUG_FROM_MP, subsets
from face_model.expressions import EXPRESSION_SIGMA
from face_model.identity import SEED
from face_model.landmarks import Embedded
from face_model.mesh import HeadCut
from face_model.wheel import WHEEL

__all__ = ["Parts", "asset_arrays"]


@dataclass
class Parts:
    """Everything that was built, in decimetres around the middle of the front of the mean face."""

    cut: HeadCut
    mean: np.ndarray
    """(H, 3)."""
    bust: np.ndarray
    """(B, 3)."""
    bases: dict[str, np.ndarray]
    """`id_basis`, `exp_basis` and `tex_basis`, (H, 3, K)."""
    tex_mean: np.ndarray
    """(H, 3)."""
    names: list[str]
    """Of the expressions."""
    masks: dict[str, np.ndarray]
    """(H,) each."""
    fields: dict[str, np.ndarray]
    """(H,) each."""
    bust_occlusion: np.ndarray
    """(B,)."""
    landmarks: Embedded


def asset_arrays(parts: Parts, wheel_sha256: str) -> dict[str, np.ndarray]:
    """What `viseme.face3d.interface.load_default_model` reads."""
    cut = parts.cut
    arrays: dict[str, np.ndarray] = {
        "header": np.array(json.dumps(_header(parts, wheel_sha256))),
        "mean": parts.mean.astype(np.float32),
        "tex_mean": parts.tex_mean.astype(np.float16),
        "triangles": cut.triangles.astype(np.uint16),
        "uv": cut.uv.astype(np.float16),
        "uv_triangles": cut.uv_triangles.astype(np.uint16),
        "part": cut.part[cut.triangles[:, 0]].astype(np.int8),
        "masks": np.packbits(np.array(list(parts.masks.values())), axis=1),
        "fields": np.array(list(parts.fields.values())).astype(np.float16),
        "expression_sigma": np.full(len(parts.names), EXPRESSION_SIGMA),
        "bust": parts.bust.astype(np.float32),
        "bust_triangles": cut.bust_triangles.astype(np.uint16),
        "bust_occlusion": parts.bust_occlusion.astype(np.float16),
        "ring": cut.ring.astype(np.uint16),
    }
    for key, value in parts.bases.items():
        arrays[key], arrays[f"{key}_scale"] = quantise(value)
    pick = {"mp468": np.arange(468), "mp478": np.arange(478), "ibug68": np.array(IBUG_FROM_MP)}
    for scheme, rows in pick.items():
        arrays[f"{scheme}_triangle"] = parts.landmarks.triangle[rows].astype(np.uint16)
        arrays[f"{scheme}_weights"] = parts.landmarks.weights[rows].astype(np.float32)
    return arrays


def _header(parts: Parts, wheel_sha256: str) -> dict[str, object]:
    return {
        "format": "viseme.face/1",
        "name": "default",
        "licence": "CC0-1.0 (MakeHuman / MPFB2 assets; face units by Mika Suominen)",
        "source": WHEEL,
        "source_sha256": wheel_sha256,
        "seed": SEED,
        "expression_names": parts.names,
        "masks": list(parts.masks),
        "fields": list(parts.fields),
        "schemes": ["mp468", "mp478", "ibug68"],
        "subsets": subsets(),
    }


def quantise(basis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(V, 3, K) -> (K, V*3) int8 and (K,) scales."""
    flat = basis.reshape(-1, basis.shape[-1]).T
    scale = np.maximum(abs(flat).max(1), 1e-12) / 127
    return np.round(flat / scale[:, None]).astype(np.int8), scale.astype(np.float32)
