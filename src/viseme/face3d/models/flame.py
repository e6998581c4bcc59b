"""FLAME (Li et al., "Learning a model of facial shape and expression from 4D scans", 2017), from the user's own file.

The published file is a pickle and is never loaded; its arrays, saved with `numpy.savez` under the same names, are:
v_template (V, 3) metres, shapedirs (V, 3, 400: 300 shape, 100 expression), posedirs (V, 3, 36), J_regressor (5, V)
dense, weights (V, 5), f (F, 3). Joints: root, neck, jaw, left eye, right eye. V is 5,023 and F 9,976 as published.

The jaw is a joint there and linear here: its three rotations become columns, linearised at the closed mouth, beside 61
expression columns. Landmarks come from files beside it: `mediapipe_landmark_embedding.npz` (lmk_face_idx, lmk_b_coords,
landmark_indices: 105 of mp468, from the FLAME site) and/or `landmark_embedding.npz` (full_lmk_faces_idx and
full_lmk_bary_coords, 68 iBUG points, from DECA's `landmark_embedding.npy` saved as npz); one of them is needed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from viseme.core.errors import FaceError
from viseme.face3d.interface import PARTS, FaceModel
from viseme.face3d.models.conversion import Parts, convert
from viseme.face3d.models.source import Source, digest, find, read_npz

__all__ = ["load_flame"]

FILES = ("flame2023.npz", "flame2020.npz", "generic_model.npz", "FLAME_NEUTRAL.npz", "flame.npz")
MEDIAPIPE, IBUG = "mediapipe_landmark_embedding.npz", "landmark_embedding.npz"
NUM_SHAPE, NUM_EXPRESSION = 300, 100
NUM_ID, NUM_EXP = 80, 61
JAW, EYES = 2, (3, 4)
JAW_SIGMA = {"jaw_pitch": 0.15, "jaw_yaw": 0.03, "jaw_roll": 0.03}
"""Radians at coefficient 1: FLAME has no prior on joints; what speech uses."""
TO_DM = 10.0


def load_flame(path: str | Path) -> FaceModel:
    """Read the npz.

    Args:
        path: The npz or the folder that holds it, with the landmark files beside it.

    Raises:
        FaceError: a pickle, or a file or key is missing or has another shape; the message names it.
    """
    file = find(Path(path), FILES, what="FLAME as an npz of plain arrays, with its landmark file")
    data = read_npz(file)
    mean = data.numbers("v_template", (None, 3))
    num = len(mean)
    directions = data.numbers("shapedirs", (num, 3, NUM_SHAPE + NUM_EXPRESSION))
    pose = data.numbers("posedirs", (num, 3, 36))
    weights = data.numbers("weights", (num, 5))
    joints = data.numbers("J_regressor", (5, num)) @ mean
    triangles = data.indices("f", (None, 3), limit=num)
    jaw = np.stack([_jaw_column(k, mean, weights, joints, pose) for k in range(3)], -1) * list(JAW_SIGMA.values())
    expression = directions[..., NUM_SHAPE : NUM_SHAPE + NUM_EXP]
    part = np.zeros(num, np.int64)
    for joint, name in zip(EYES, ("eye_l", "eye_r")):
        part[weights[:, joint] > 0.5] = PARTS.index(name)
    anchors, files = _landmark_files(file, triangles)
    return convert(
        Parts(
            name="flame",
            mean=mean * TO_DM,
            id_basis=directions[..., :NUM_ID] * TO_DM,
            exp_basis=np.concatenate([expression, jaw], -1) * TO_DM,
            triangles=triangles,
            vertex_part=part,
            anchors=anchors,
            expression_names=(*(f"expression{k:02d}" for k in range(NUM_EXP)), *JAW_SIGMA),
            expression_sigma=np.array([*([1.0] * NUM_EXP), *JAW_SIGMA.values()]),
            licence="FLAME: see the licence of your release (2023: CC BY 4.0; earlier: research only)",
            source_hash=digest([file, *files]),
        ),
        str(file),
    )


def _jaw_column(axis: int, mean: Any, weights: Any, joints: Any, pose: Any) -> Any:
    """(V, 3) displacement per radian of the jaw about `axis`, at rest: linear blend skinning and pose correctives."""
    turn = np.zeros(3)
    turn[axis] = 1.0
    skew = np.cross(np.eye(3), turn)  # d(rotation)/d(angle) at 0
    swing = np.cross(turn, mean - joints[JAW]) * weights[:, JAW : JAW + 1]
    corrective = pose[..., 9 * (JAW - 1) : 9 * JAW] @ skew.reshape(-1)
    return swing + corrective


def _landmark_files(file: Path, triangles: Any) -> tuple[dict[str, Any], list[Path]]:
    anchors: dict[str, Any] = {}
    files = [file.with_name(name) for name in (MEDIAPIPE, IBUG) if file.with_name(name).is_file()]
    for embedding in files:
        data = read_npz(embedding)
        if embedding.name == MEDIAPIPE:
            faces = data.indices("lmk_face_idx", (None,), limit=len(triangles))
            rows = data.indices("landmark_indices", faces.shape, limit=468)
            anchors["mp468"] = rows, triangles[faces], data.numbers("lmk_b_coords", (len(faces), 3))
        else:
            faces = _one(data, "full_lmk_faces_idx", 68).astype(np.int64)
            if faces.min() < 0 or faces.max() >= len(triangles):
                raise FaceError(f"{embedding}: 'full_lmk_faces_idx' goes beyond {len(triangles)} triangles")
            weights = _one(data, "full_lmk_bary_coords", 68 * 3).reshape(68, 3)
            anchors["ibug68"] = np.arange(68), triangles[faces], weights
    if not anchors:
        raise FaceError(f"{file.parent} holds neither {MEDIAPIPE} nor {IBUG}; put one beside {file.name}")
    return anchors, files


def _one(data: Source, key: str, size: int) -> Any:
    """The values of `key` without a batch axis of 1."""
    value = data.numbers(key)
    if value.size != size:
        raise FaceError(f"{data.path}: {key!r} has shape {value.shape}, expected {size} values")
    return value.reshape(-1)
