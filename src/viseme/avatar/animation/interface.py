"""What a moving face is, and the formats it is written in. Read this first.

A format is one small file with one writer, and one row of `animation_formats`; another package adds a row by an entry
point. Knows numbers; refuses to know where the motion came from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import ConfigError, OutputError
from viseme.core.registry import Registry
from viseme.faces.rotation import rotation_matrix
from viseme.provenance.consent import Consent
from viseme.provenance.statement import statement, statement_line

__all__ = ["AnimationFormat", "FaceAnimation", "FaceMesh", "animation_formats", "format_of"]


@dataclass(frozen=True, kw_only=True)
class FaceMesh:
    """A face at rest and the shapes that move it: vertices plus the sum of weights times shapes."""

    vertices: NDArray[np.float32]
    """(V, 3) metres; +x image right, +y up, +z out of the face."""
    triangles: NDArray[np.int32]
    """(F, 3) counter-clockwise seen from outside."""
    uv: NDArray[np.float32]
    """(V, 2) in [0, 1], v up."""
    shape_names: tuple[str, ...]
    """K names."""
    shapes: NDArray[np.float32]
    """(K, V, 3) metres that weight 1 adds."""
    texture: NDArray[np.uint8]
    """(H, W, 3) RGB colour of the surface."""
    pivot: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Metres; where the neck turns."""
    is_default_head: bool = False
    """Whether the renderer of the default face model draws it."""

    def at(self, weights: NDArray[np.floating]) -> NDArray[np.float32]:
        """(V, 3) the vertices under (K,) weights."""
        used = np.flatnonzero(weights)
        return (self.vertices + np.tensordot(weights[used], self.shapes[used], 1)).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class FaceAnimation:
    """A face over time."""

    rate: Fraction
    """Frames a second."""
    names: tuple[str, ...]
    """ARKit's names of the 52 expression units."""
    weights: NDArray[np.float32]
    """(T, 52) from 0 to 1."""
    pose: NDArray[np.float32]
    """(T, 3) pitch, yaw, roll of the head in radians: positive = down, nose to image right, counter-clockwise."""
    duration: float
    """Seconds of the audio."""
    mesh: FaceMesh
    mesh_weights: NDArray[np.float32]
    """(T, K) of the shapes of the mesh."""
    tongue: NDArray[np.float32] | None = None
    """(T, 3) tip raised, back raised, blade forward, each 0 to 1; None = not known."""
    samples: NDArray[np.float32] | None = field(default=None, repr=False)
    """(S,) the voice at 16 kHz, from time 0; None = there is none."""
    source: str = ""
    """The audio file, or what was said."""
    model: str = "viseme"
    """Id of what moved it."""
    consent: Consent | None = field(default=None, repr=False)
    """Of the person whose face it is; None = the default head."""

    @property
    def statement(self) -> dict[str, Any]:
        """That it is synthetic, for a field of a file."""
        return statement(self.model, self.consent)

    @property
    def statement_line(self) -> str:
        """The same for a comment."""
        return statement_line(self.model, self.consent)

    @property
    def times(self) -> NDArray[np.float64]:
        """(T,) seconds of the frames."""
        return np.arange(len(self.weights)) / float(self.rate)

    def moved(self) -> Iterator[NDArray[np.float32]]:
        """(V, 3) vertices of every frame, metres, the head turned about its pivot."""
        pivot = np.asarray(self.mesh.pivot, np.float32)
        for weights, turn in zip(self.mesh_weights, rotation_matrix(self.pose.astype(np.float64))):
            yield ((self.mesh.at(weights) - pivot) @ turn.T + pivot).astype(np.float32)

    def column(self, name: str) -> NDArray[np.float32]:
        """(T,) weights of one unit."""
        return self.weights[:, self.names.index(name)]


class AnimationFormat(Protocol):
    """One format: a module-level object with a writer."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Ends of file names that mean this format; a name may mean it only by `--format`."""
        ...

    @property
    def summary(self) -> str:
        """What it is, in half a line."""
        ...

    def write(self, animation: FaceAnimation, out: Path) -> None:
        """Write the file, complete or not at all; of a sequence, the files beside it.

        It says that it is synthetic (`FaceAnimation.statement`) wherever the format has a place for that.

        Raises:
            OutputError: it cannot be written.
        """
        ...


animation_formats: Registry[AnimationFormat] = Registry(
    "animation_format",
    {
        "glb": "viseme.avatar.animation.glb:GLB",
        "obj": "viseme.avatar.animation.obj:OBJ",
        "ply": "viseme.avatar.animation.ply:PLY",
        "arkit": "viseme.avatar.animation.arkit:ARKIT",
        "livelink": "viseme.avatar.animation.live_link:LIVE_LINK",
        "rhubarb-tsv": "viseme.avatar.animation.cue_files:TSV",
        "rhubarb-xml": "viseme.avatar.animation.cue_files:XML",
        "rhubarb-json": "viseme.avatar.animation.cue_files:JSON",
        "rhubarb-dat": "viseme.avatar.animation.cue_files:DAT",
        "video": "viseme.avatar.animation.film:PLAIN",
        "cartoon": "viseme.avatar.animation.film:CARTOON",
    },
)


def format_of(out: Path, name: str | None = None) -> str:
    """Name of the format that a file is written in.

    Args:
        out: The file; the end of its name decides where `name` is None.
        name: One of `animation_formats`.

    Raises:
        ConfigError: there is no such format.
        OutputError: no format has that end.

    Example:
        >>> format_of(Path("a.glb")), format_of(Path("a.csv")), format_of(Path("a.json"), "rhubarb-json")
        ('glb', 'livelink', 'rhubarb-json')
    """
    if name is not None:
        if name not in animation_formats:
            raise ConfigError(f"there is no animation format {name!r}; known: {', '.join(animation_formats)}")
        return name
    known: dict[str, str] = {}
    for candidate in animation_formats:
        for suffix in animation_formats[candidate].suffixes:
            known.setdefault(suffix, candidate)
    if out.suffix.lower() not in known:
        raise OutputError(
            f"{out}: no animation format ends in {out.suffix or 'nothing'!r}; known: {', '.join(sorted(known))}"
        )
    return known[out.suffix.lower()]
