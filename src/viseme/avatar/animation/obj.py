"""A Wavefront OBJ file for every frame, with one MTL and one PNG: `talk_0000.obj`, ..., `talk.mtl`, `talk.png`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from viseme.avatar.animation.interface import FaceAnimation, FaceMesh
from viseme.media.files import replacing
from viseme.media.png import png_bytes

__all__ = ["OBJ", "ObjFormat", "frame_path"]


def frame_path(out: Path, number: int) -> Path:
    """Where frame `number` of a sequence lies.

    Example:
        >>> frame_path(Path("talk.obj"), 7).name
        'talk_0007.obj'
    """
    return out.with_name(f"{out.stem}_{number:04d}{out.suffix}")


@dataclass(frozen=True)
class ObjFormat:
    """See `AnimationFormat`; the head's turns are in the vertices."""

    suffixes: tuple[str, ...] = (".obj",)
    summary: str = "a Wavefront OBJ for every frame, with MTL and PNG"

    def write(self, animation: FaceAnimation, out: Path) -> None:
        """Write the sequence."""
        mesh = animation.mesh
        material, image = out.with_suffix(".mtl"), out.with_suffix(".png")
        with replacing(image) as file:
            file.write(png_bytes(mesh.texture))
        with replacing(material) as file:
            look = f"Ka 1 1 1\nKd 1 1 1\nKs 0 0 0\nillum 1\nmap_Kd {image.name}\n"
            file.write(f"# {animation.statement_line}\nnewmtl face\n{look}".encode())
        faces = _faces(mesh)
        for number, vertices in enumerate(animation.moved()):
            head = f"# unit: metre; frame {number} of {len(animation.weights)} at {animation.rate} a second\n"
            head += f"# {animation.statement_line}\n"
            lines = "".join(f"v {x:.6f} {y:.6f} {z:.6f}\n" for x, y, z in vertices.tolist())
            with replacing(frame_path(out, number)) as file:
                file.write(f"{head}mtllib {material.name}\no face\n{lines}{faces}".encode())


OBJ = ObjFormat()


def _faces(mesh: FaceMesh) -> str:
    """Texture coordinates and triangles: the same in every frame."""
    uv = "".join(f"vt {u:.6f} {v:.6f}\n" for u, v in mesh.uv.tolist())
    triangles = (np.asarray(mesh.triangles) + 1).tolist()
    return uv + "usemtl face\n" + "".join(f"f {a}/{a} {b}/{b} {c}/{c}\n" for a, b, c in triangles)
