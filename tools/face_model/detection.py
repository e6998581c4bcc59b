"""Landmarks found on frames of the head in several poses, and brought back to its surface."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from viseme.face3d.camera import Camera, place, project
from viseme.face3d.interface import vertex_normals
from viseme.face3d.raster import visible_triangles

POSES = [(0, 0), (0.0, 0.14), (0.0, -0.14), (0.10, 0), (-0.10, 0), (0.08, 0.10), (0.08, -0.10)]


def flat_frame(vertices: np.ndarray, triangles: np.ndarray, colours: np.ndarray, pose: np.ndarray, size: int):
    """(H, W, 3) uint8 frame under a soft frontal light, and what is needed to go back to the surface."""

    camera = Camera(width=size, height=size, focal=0.78 * 1015 * size / 224)
    placed = place(vertices, pose)
    uvd = project(placed, camera)
    ids, _ = visible_triangles(uvd, triangles.astype(np.int32), size, size)
    lit = np.clip(0.45 + 0.6 * vertex_normals(placed, triangles) @ np.array([0.15, 0.3, 0.94]), 0, 1.05)
    rows, columns = np.nonzero(ids >= 0)
    t = ids[rows, columns]
    weights = screen_weights(uvd, triangles[t], columns + 0.5, rows + 0.5)
    image = np.full((size, size, 3), 0.55)
    image[rows, columns] = ((colours * lit[:, None])[triangles[t]] * weights[..., None]).sum(1)
    return (np.clip(image, 0, 1) * 255).astype(np.uint8), uvd, ids


def screen_weights(uvd: np.ndarray, corners: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """(N, 3) perspective-correct weights of pixels (u, v) in triangles with these corners."""
    a, b, c = (uvd[corners[:, k]] for k in range(3))
    w = np.stack(
        [
            ((b[:, 0] - u) * (c[:, 1] - v) - (b[:, 1] - v) * (c[:, 0] - u)) / a[:, 2],
            ((c[:, 0] - u) * (a[:, 1] - v) - (c[:, 1] - v) * (a[:, 0] - u)) / b[:, 2],
            ((a[:, 0] - u) * (b[:, 1] - v) - (a[:, 1] - v) * (b[:, 0] - u)) / c[:, 2],
        ],
        -1,
    )
    return w / w.sum(1, keepdims=True)


def detect(image: np.ndarray) -> np.ndarray:
    """(478, 2) pixels, from the networks inside MediaPipe 0.10.14."""
    try:
        import mediapipe
    except ImportError:
        raise SystemExit(
            "landmarks are found with MediaPipe: pip install mediapipe==0.10.14 in an environment of its own"
        ) from None

    with mediapipe.solutions.face_mesh.FaceMesh(
        static_image_mode=True, max_num_faces=1, refine_landmarks=True, min_detection_confidence=0.3
    ) as net:
        found = net.process(image).multi_face_landmarks
    if not found:
        raise SystemExit("the tracker found no face on the mean head")
    return np.array([[p.x, p.y] for p in found[0].landmark]) * image.shape[1::-1]


def surface_points(vertices, triangles, colours, allowed) -> tuple[np.ndarray, float]:
    """(478, 3) mean place on the mesh of the landmarks detected in several poses, and the share that hit skin.

    `allowed` (F,) 0 never, 1 for face landmarks, 2 for the ten iris landmarks.
    """
    found, hit = [], []
    for pitch, yaw in POSES:
        pose = np.array([pitch, yaw, 0, 0, 0, 0])
        image, uvd, ids = flat_frame(vertices, triangles, colours, pose, 512)
        marks = detect(image)
        points = np.empty((478, 3))
        for group, rows in ((1, slice(0, 468)), (2, slice(468, 478))):
            ys, xs = np.nonzero((ids >= 0) & (allowed[ids] == group))
            gap, near = cKDTree(np.c_[xs + 0.5, ys + 0.5]).query(marks[rows])
            t = ids[ys[near], xs[near]]
            inside = gap < 1.0
            u = np.where(inside, marks[rows, 0], xs[near] + 0.5)
            v = np.where(inside, marks[rows, 1], ys[near] + 0.5)
            weights = screen_weights(uvd, triangles[t], u, v)
            points[rows] = (vertices[triangles[t]] * weights[..., None]).sum(1)
            if group == 1:
                hit.append(inside.mean())
        found.append(points)
    return np.median(found, axis=0), float(np.mean(hit))
