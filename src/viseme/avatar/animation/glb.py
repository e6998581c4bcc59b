"""glTF 2.0 in one file (.glb): the mesh with its shapes as morph targets, their weights and the head's turns as an
animation. Blender, Unity, Unreal, three.js and Babylon.js read it.

Knows the format; lengths are metres, the face looks along +z, as glTF wants it.

Source:
    Khronos Group, "glTF 2.0 Specification", sections 3.7.2.2 (morph targets) and 3.11 (animations).
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.avatar.animation.interface import FaceAnimation
from viseme.face3d.interface import vertex_normals
from viseme.faces.rotation import rotation_matrix
from viseme.media.files import replacing
from viseme.media.png import png_bytes

__all__ = ["GLB", "GlbFormat"]

_FLOAT, _UINT = 5126, 5125
_VERTEX_BUFFER, _INDEX_BUFFER = 34962, 34963
_KINDS = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}


class _Buffer:
    """The binary chunk, and the tables of `bufferViews` and `accessors` that point into it."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def view(self, data: bytes, target: int | None = None) -> int:
        """Append bytes; the number of their view."""
        self.data += b"\0" * (-len(self.data) % 4)
        view = {"buffer": 0, "byteOffset": len(self.data), "byteLength": len(data)}
        self.views.append(view if target is None else {**view, "target": target})
        self.data += data
        return len(self.views) - 1

    def accessor(self, values: NDArray[Any], target: int | None = None) -> int:
        """Append (N,) or (N, C) numbers with their bounds; the number of their accessor."""
        whole = values.dtype.kind in "iu"
        stored = np.ascontiguousarray(values, "<u4" if whole else "<f4")
        rows = stored.reshape(len(stored), -1)
        self.accessors.append(
            {
                "bufferView": self.view(stored.tobytes(), target),
                "componentType": _UINT if whole else _FLOAT,
                "count": len(stored),
                "type": _KINDS[rows.shape[1]],
                "min": rows.min(0).tolist(),
                "max": rows.max(0).tolist(),
            }
        )
        return len(self.accessors) - 1


@dataclass(frozen=True)
class GlbFormat:
    """See `AnimationFormat`."""

    suffixes: tuple[str, ...] = (".glb",)
    summary: str = "glTF 2.0: mesh, morph targets and their animation in one file"

    def write(self, animation: FaceAnimation, out: Path) -> None:
        """Write one file."""
        head, buffer = _document(animation)
        text = json.dumps(head, separators=(",", ":"), allow_nan=False).encode()
        text += b" " * (-len(text) % 4)
        buffer += b"\0" * (-len(buffer) % 4)
        chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(buffer), b"BIN\0") + buffer
        with replacing(out) as file:
            file.write(struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks)


GLB = GlbFormat()


def _document(animation: FaceAnimation) -> tuple[dict[str, Any], bytes]:
    """The JSON chunk and the binary one."""
    mesh, buffer = animation.mesh, _Buffer()
    pivot = np.asarray(mesh.pivot, np.float32)
    attributes = {
        "POSITION": buffer.accessor(mesh.vertices - pivot, _VERTEX_BUFFER),
        "NORMAL": buffer.accessor(_normals(mesh.vertices, mesh.triangles), _VERTEX_BUFFER),
        "TEXCOORD_0": buffer.accessor(mesh.uv * [1, -1] + [0, 1], _VERTEX_BUFFER),  # glTF counts v downwards
    }
    targets = [{"POSITION": buffer.accessor(shape, _VERTEX_BUFFER)} for shape in mesh.shapes]
    indices = buffer.accessor(mesh.triangles.ravel(), _INDEX_BUFFER)
    image = buffer.view(png_bytes(mesh.texture))
    times = buffer.accessor(animation.times)
    weights = buffer.accessor(animation.mesh_weights.ravel())
    turns = buffer.accessor(_quaternions(animation.pose))
    channels = [(weights, "weights"), (turns, "rotation")]
    head = {
        "asset": {"version": "2.0", "generator": "viseme", "extras": {"provenance": animation.statement}},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": "head", "mesh": 0, "translation": pivot.tolist()}],
        "meshes": [
            {
                "name": "face",
                "primitives": [{"attributes": attributes, "indices": indices, "material": 0, "targets": targets}],
                "weights": [0.0] * len(targets),
                "extras": {"targetNames": list(mesh.shape_names)},
            }
        ],
        "materials": [
            {
                "name": "skin",
                "doubleSided": True,  # the cheeks are seen from inside, through the mouth
                "pbrMetallicRoughness": {
                    "baseColorTexture": {"index": 0},
                    "metallicFactor": 0.0,
                    "roughnessFactor": 0.6,
                },
            }
        ],
        "textures": [{"source": 0, "sampler": 0}],
        "samplers": [{"magFilter": 9729, "minFilter": 9987}],
        "images": [{"bufferView": image, "mimeType": "image/png"}],
        "animations": [
            {
                "name": "speech",
                "samplers": [{"input": times, "output": o, "interpolation": "LINEAR"} for o, _ in channels],
                "channels": [
                    {"sampler": i, "target": {"node": 0, "path": path}} for i, (_, path) in enumerate(channels)
                ],
            }
        ],
        "bufferViews": buffer.views,
        "accessors": buffer.accessors,
        "buffers": [{"byteLength": len(buffer.data)}],
    }
    return head, bytes(buffer.data)


def _normals(vertices: NDArray[np.float32], triangles: NDArray[np.int32]) -> NDArray[np.float32]:
    """(V, 3) unit normals that are alike on both sides of a seam of the texture."""
    _, same = np.unique(np.round(vertices, 7), axis=0, return_inverse=True)
    same = same.ravel()
    joined = np.zeros((same.max() + 1, 3), np.float32)
    joined[same] = vertices
    found = vertex_normals(joined, same[triangles])[same]
    found[np.linalg.norm(found, axis=1) < 0.5] = (0, 0, 1)  # a vertex without triangles
    return found.astype(np.float32)


def _quaternions(pose: NDArray[np.floating]) -> NDArray[np.float32]:
    """(T, 4) x, y, z, w of pitch, yaw, roll."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_matrix(rotation_matrix(np.asarray(pose, np.float64))).as_quat().astype(np.float32)
