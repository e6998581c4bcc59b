"""A binary PLY file for every frame, with a colour at every vertex: `talk_0000.ply`, ..."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viseme.avatar.animation.interface import FaceAnimation
from viseme.avatar.animation.obj import frame_path
from viseme.media.files import replacing

__all__ = ["PLY", "PlyFormat"]

_VERTEX = np.dtype([("place", "<f4", 3), ("colour", "u1", 3)])
_FACE = np.dtype([("num", "u1"), ("corners", "<i4", 3)])


@dataclass(frozen=True)
class PlyFormat:
    """See `AnimationFormat`; the head's turns are in the vertices."""

    suffixes: tuple[str, ...] = (".ply",)
    summary: str = "a binary PLY with vertex colours for every frame"

    def write(self, animation: FaceAnimation, out: Path) -> None:
        """Write the sequence."""
        mesh = animation.mesh
        points = np.zeros(len(mesh.vertices), _VERTEX)
        points["colour"] = _colours(mesh.texture, mesh.uv)
        faces = np.zeros(len(mesh.triangles), _FACE)
        faces["num"], faces["corners"] = 3, mesh.triangles
        head = (
            f"ply\nformat binary_little_endian 1.0\ncomment unit: metre\ncomment {animation.statement_line}\n"
            f"element vertex {len(points)}\n"
            + "".join(f"property float {axis}\n" for axis in "xyz")
            + "".join(f"property uchar {colour}\n" for colour in ("red", "green", "blue"))
            + f"element face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
        ).encode()
        for number, vertices in enumerate(animation.moved()):
            points["place"] = vertices
            with replacing(frame_path(out, number)) as file:
                file.write(head + points.tobytes() + faces.tobytes())


PLY = PlyFormat()


def _colours(texture: NDArray[np.uint8], uv: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(V, 3) the texture at (V, 2) coordinates, nearest pixel."""
    height, width, _ = texture.shape
    column = np.clip((uv[:, 0] * width).astype(int), 0, width - 1)
    row = np.clip(((1 - uv[:, 1]) * height).astype(int), 0, height - 1)
    return texture[row, column]
