"""What a face model is: a mean, three linear bases, a mesh, masks and landmarks. Read this first.

Knows arrays; refuses to know frames, cameras and networks. Units are decimetres, axes right-handed: +x image
right, +y up, +z out of the face; the origin is the mean of the `face_front` vertices of the mean shape. Identity and
texture columns carry their standard deviation, so coefficients are unit-variance; expression is so in units of
`expression_spread`. No torch is imported here: arrays are NumPy, and every function also takes torch tensors once
the caller has made them (`FaceModel.tensors`).
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import FaceError
from viseme.core.registry import Registry
from viseme.face3d.linear_model import form_albedo, form_shape
from viseme.weights.cache import cache_folder

if TYPE_CHECKING:
    import torch

__all__ = [
    "FACE_MODELS",
    "PARTS",
    "FaceModel",
    "FaceModelLoader",
    "Landmarks",
    "load_default_model",
    "load_face_model",
    "model_folder",
    "vertex_normals",
]

PARTS = ("skin", "tongue", "teeth_u", "teeth_l", "eye_l", "eye_r")
"""Names of the values of `FaceModel.part`. Left is the subject's left, at image right."""

ASSET_FORMAT = "viseme.face/1"

NAMED_SHAPES_SPREAD = 0.12
"""`expression_spread` of models whose columns are named shapes at .35 of their full extent. Of the default model by
calibration, see "Standardisation" in `docs/decisions.md`; ICT-FaceKit's is taken over from it, not measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Landmarks:
    """Points fixed to the surface: each lies in a triangle at given weights."""

    triangle: NDArray[np.int32]
    """(K,) index into `FaceModel.triangles`."""
    weights: NDArray[np.float64]
    """(K, 3) barycentric, each row sums to 1."""
    subsets: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    """Name (`lips`, `contour`, `nose`, ...) -> landmark indices."""

    def __len__(self) -> int:
        return len(self.triangle)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bust:
    """Neck and shoulders below the head, so that a frame has no hole there. It has no coefficients of its own."""

    vertices: NDArray[np.float32]
    """(Vb, 3) in the model's frame, for the mean head."""
    triangles: NDArray[np.int32]
    """(Fb, 3) indices into head vertices followed by bust vertices: the seam is shared."""
    ring: NDArray[np.int32]
    """(R,) head vertices on the seam."""
    ring_mean: NDArray[np.float32]
    """(R, 3) where they lie on the mean head."""
    occlusion: NDArray[np.float32]
    """(Vb,) share of the surround that each vertex sees, 0 to 1."""

    def pull(self) -> NDArray[np.float64]:
        """(Vb, R) share of each seam vertex's displacement that a bust vertex takes; fades out over a decimetre."""
        gap = np.linalg.norm(self.vertices[:, None] - self.ring_mean[None], axis=-1)
        weights = 1.0 / (gap + 0.05) ** 3
        return weights * np.exp(-((gap.min(1, keepdims=True) / 1.2) ** 2)) / weights.sum(1, keepdims=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class FaceModel:
    """A linear face: `S = mean + id_basis a + exp_basis b`, `T = tex_mean + tex_basis d`."""

    name: str
    mean: NDArray[np.float32]
    """(V, 3) decimetres."""
    id_basis: NDArray[np.float32]
    """(V, 3, A)."""
    exp_basis: NDArray[np.float32]
    """(V, 3, E)."""
    tex_mean: NDArray[np.float32]
    """(V, 3) RGB albedo in [0, 1]."""
    tex_basis: NDArray[np.float32]
    """(V, 3, D); D may be 0."""
    triangles: NDArray[np.int32]
    """(F, 3) counter-clockwise seen from outside."""
    uv: NDArray[np.float32]
    """(U, 2) in [0, 1], v up."""
    uv_triangles: NDArray[np.int32]
    """(F, 3) index into `uv`."""
    part: NDArray[np.int8]
    """(F,) index into `PARTS`."""
    masks: Mapping[str, NDArray[np.bool_]]
    """Name (`face_front`, `skin`, `lips`, `mouth_interior`, `eyes`, ...) -> (V,) vertices."""
    landmarks: Mapping[str, Landmarks]
    """Scheme (`mp468`, `mp478`, `ibug68`) -> points on the surface."""
    expression_names: tuple[str, ...]
    """E names."""
    expression_sigma: NDArray[np.float64]
    """(E,) activation of a named expression at coefficient 1: `b = activation / sigma`."""
    licence: str
    source_hash: str
    """sha256 of what it was built from."""
    fields: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    """Name -> (V,) values for drawing: `brow`, `beard`, `scalp` (decimetres inside the hairline), `occlusion`, ..."""
    bust: Bust | None = None
    expression_spread: float = 1.0
    """Unit in which priors, which suppose unit variance, count expression: about how far a coefficient strays in
    speech, mean over columns; 1 where the columns carry their own deviation."""

    def shape(self, alpha: Any = None, beta: Any = None) -> NDArray[np.float32]:
        """Vertices (V, 3) in decimetres for identity `alpha` (<= A,) and expression `beta` (<= E,).

        Fewer coefficients than columns stand for zeros in the rest; None for all zeros.
        """
        return form_shape(self.arrays(), _vector(alpha), _vector(beta))

    def albedo(self, delta: Any = None) -> NDArray[np.float32]:
        """Vertex colours (V, 3), RGB, clipped to [0, 1], for `delta` (<= D,)."""
        return np.clip(form_albedo(self.arrays(), _vector(delta)), 0.0, 1.0)

    def expression(self, activations: Mapping[str, float]) -> NDArray[np.float32]:
        """(E,) coefficients for named activations; 1 is the full shape.

        Raises:
            ValueError: a name is not in `expression_names`.
        """
        beta = np.zeros(len(self.expression_names), dtype=np.float32)
        for name, value in activations.items():
            if name not in self.expression_names:
                raise ValueError(f"the face model {self.name!r} has no expression {name!r}")
            index = self.expression_names.index(name)
            beta[index] = value / self.expression_sigma[index]
        return beta

    def normals(self, vertices: NDArray[Any]) -> NDArray[np.float64]:
        """Unit vertex normals (V, 3)."""
        return vertex_normals(vertices, self.triangles)

    def landmark_points(self, vertices: Any, scheme: str = "mp468") -> Any:
        """Where the landmarks of `scheme` lie on `vertices` (..., V, 3): (..., K, 3); NumPy or torch."""
        points = self._landmarks(scheme)
        corners = vertices[..., self.triangles[points.triangle].astype(np.int64), :]
        weights = points.weights.astype(np.float32)
        if isinstance(vertices, np.ndarray):
            return np.einsum("...kcd,kc->...kd", corners, weights)
        return (corners * corners.new_tensor(weights)[..., None]).sum(-2)

    def landmark_bases(self, scheme: str = "mp468") -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Mean (K, 3), identity (K, 3, A) and expression (K, 3, E) bases of the landmarks."""
        points = self._landmarks(scheme)
        corners = self.triangles[points.triangle]

        def at(basis: NDArray[Any]) -> NDArray[Any]:
            return np.einsum("kc...,kc->k...", basis[corners].astype(np.float64), points.weights)

        return at(self.mean), at(self.id_basis), at(self.exp_basis)

    def outer_triangles(self, *, interior: bool = False) -> NDArray[np.int32]:
        """(F', 3) what a standard frame shows: skin and eyes; mouth cavity, teeth and tongue only with `interior`."""
        if interior:
            return np.ascontiguousarray(self.triangles)
        inside = self.masks.get("mouth_interior", np.zeros(len(self.mean), bool))
        mouth = np.isin(self.part, [PARTS.index(name) for name in ("tongue", "teeth_u", "teeth_l")])
        return np.ascontiguousarray(self.triangles[~(inside[self.triangles].all(1) | mouth)])

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """What the equations of `viseme.face3d.formation` need, by name: means and bases."""
        return {name: getattr(self, name) for name in ("mean", "id_basis", "exp_basis", "tex_mean", "tex_basis")}

    def tensors(self, *, device: Any = None, dtype: Any = None) -> dict[str, torch.Tensor]:
        """The arrays as torch tensors, for a differentiable pipeline (imports torch)."""
        import torch

        dtype = dtype or torch.float32
        tensors = {name: torch.as_tensor(a, dtype=dtype, device=device) for name, a in self.arrays().items()}
        tensors["triangles"] = torch.as_tensor(self.triangles, dtype=torch.int64, device=device)
        return tensors

    def _landmarks(self, scheme: str) -> Landmarks:
        try:
            return self.landmarks[scheme]
        except KeyError:
            known = ", ".join(sorted(self.landmarks))
            raise ValueError(f"the face model {self.name!r} has no landmarks {scheme!r}; known: {known}") from None


def vertex_normals(vertices: NDArray[Any], triangles: NDArray[Any]) -> NDArray[np.float64]:
    """Area-weighted unit normals (V, 3); zero where a vertex has no triangle.

    Example:
        >>> square = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0.0]])
        >>> vertex_normals(square, np.array([[0, 1, 2]]))[0].tolist()
        [0.0, 0.0, 1.0]
    """
    a, b, c = (vertices[triangles[:, k]].astype(np.float64) for k in range(3))
    across = np.cross(b - a, c - a)
    normal = np.zeros((len(vertices), 3))
    for axis in range(3):
        weights = np.repeat(across[:, axis], 3)
        normal[:, axis] = np.bincount(triangles.ravel(), weights, len(vertices))
    return normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)


def _vector(coefficients: Any) -> NDArray[np.float32] | None:
    if coefficients is None:
        return None
    values = np.asarray(coefficients, dtype=np.float32)
    if values.ndim != 1:
        raise ValueError(f"expected one row of coefficients, got shape {values.shape}")
    return values


class FaceModelLoader(Protocol):
    """Makes a model; a registry entry is a callable of this form."""

    def __call__(self, path: str | Path) -> FaceModel: ...


FACE_MODELS: Registry[FaceModelLoader] = Registry(
    "face_model",
    {
        "default": "viseme.face3d.interface:load_default_model",
        "bfm": "viseme.face3d.models.bfm:load_bfm",
        "flame": "viseme.face3d.models.flame:load_flame",
        "ict": "viseme.face3d.models.ict:load_ict",
        "gnm": "viseme.face3d.models.gnm:load_gnm",
    },
)


def load_face_model(name: str = "default", path: str | Path | None = None) -> FaceModel:
    """The face model registered as `name`; loaded once per process and path.

    Args:
        name: See `viseme.face3d.models.face_models`.
        path: The user's own file or folder. Default: the packaged file of `default`, `model_folder(name)` of others.

    Raises:
        ConfigError: no such model; the message lists the known ones.
        FaceError: its file is missing, partial or damaged.
    """
    if path is None and name != "default":
        path = model_folder(name)
    return _load(name, None if path is None else str(Path(path).absolute()))


@lru_cache(maxsize=4)
def _load(name: str, path: str | None) -> FaceModel:
    return load_default_model() if path is None else FACE_MODELS[name](path)


def model_folder(name: str) -> Path:
    """Where the files of a model that does not ship are looked for: `face_models/NAME` in the cache folder."""
    return cache_folder() / "face_models" / name


def load_default_model(path: str | Path | None = None) -> FaceModel:
    """The packaged model: MakeHuman's head under CC0-1.0, built by `tools/build_face_model.py`.

    Args:
        path: Another file that program has written.
    """
    asset = files("viseme.face3d") / "assets" / "default_face.npz" if path is None else Path(path)
    try:
        with asset.open("rb") as stream:
            return _read_npz(stream, str(asset))
    except FaceError:
        raise
    except KeyError as error:
        raise FaceError(f"{asset} is a partial face model: {error.args[0]}") from error
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise FaceError(f"{asset} is not a readable face model: {error}") from error


def _read_npz(stream: Any, where: str) -> FaceModel:
    with np.load(stream, allow_pickle=False) as data:
        header = json.loads(str(data["header"]))
        if header.get("format") != ASSET_FORMAT:
            raise FaceError(f"{where} is not a face model of format {ASSET_FORMAT}; reinstall the package")

        def basis(key: str) -> NDArray[np.float32]:
            """Stored mode by mode, as differences along vertices would be: (modes, V*3) int8 and a scale each."""
            values = data[key].astype(np.float32) * data[f"{key}_scale"][:, None]
            return np.ascontiguousarray(values.T).reshape(-1, 3, values.shape[0])

        triangles = data["triangles"].astype(np.int32)
        bits = np.unpackbits(data["masks"], axis=1, count=len(data["mean"])).astype(bool)
        landmarks = {
            scheme: Landmarks(
                triangle=data[f"{scheme}_triangle"].astype(np.int32),
                weights=data[f"{scheme}_weights"].astype(np.float64),
                subsets={k: np.array(v) for k, v in header["subsets"].get(scheme, {}).items()},
            )
            for scheme in header["schemes"]
        }
        return FaceModel(
            name=header["name"],
            mean=data["mean"],
            id_basis=basis("id_basis"),
            exp_basis=basis("exp_basis"),
            tex_mean=data["tex_mean"].astype(np.float32),
            tex_basis=basis("tex_basis"),
            triangles=triangles,
            uv=data["uv"].astype(np.float32),
            uv_triangles=data["uv_triangles"].astype(np.int32),
            part=data["part"],
            masks=dict(zip(header["masks"], bits)),
            landmarks=landmarks,
            expression_names=tuple(header["expression_names"]),
            expression_sigma=data["expression_sigma"],
            licence=header["licence"],
            source_hash=header["source_sha256"],
            fields=dict(zip(header["fields"], data["fields"].astype(np.float32))),
            bust=Bust(
                vertices=data["bust"],
                triangles=data["bust_triangles"].astype(np.int32),
                ring=data["ring"].astype(np.int32),
                ring_mean=data["mean"][data["ring"]],
                occlusion=data["bust_occlusion"].astype(np.float32),
            ),
            expression_spread=NAMED_SHAPES_SPREAD,
        )
