"""The table of face models: facts, licences, where to get them, and whether they are there. Loads none of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from viseme.core.errors import ConfigError
from viseme.core.results import to_jsonable
from viseme.face3d.interface import FACE_MODELS, model_folder

__all__ = ["FaceModelInfo", "face_models"]


@dataclass(frozen=True, kw_only=True, slots=True)
class FaceModelInfo:
    """One face model."""

    name: str
    """What `load_face_model` takes."""
    what: str
    """In a sentence."""
    vertices: int
    triangles: int | None
    """None where its makers do not say."""
    identity: int
    """Identity columns as loaded."""
    expression: int
    """Expression columns as loaded."""
    texture: int
    """Texture columns as loaded; a model without albedo gets the default model's."""
    licence: str
    source: str
    """Where to get it."""
    files: str
    """What to put into the folder."""
    bundled: bool = False
    found: bool = False
    """Whether it is bundled, or a file of it lies in its folder."""
    folder: str = ""
    """Where it is looked for when no path is given."""

    def to_json(self) -> dict[str, Any]:
        """Plain values, for `--json`."""
        return to_jsonable(self)


_RECORDS: dict[str, dict[str, Any]] = {
    "default": {
        "what": "MakeHuman's head with ARKit expressions, teeth and tongue, built by tools/build_face_model.py",
        "vertices": 4861,
        "triangles": 9584,
        "identity": 80,
        "expression": 64,
        "texture": 80,
        "licence": "CC0-1.0",
        "source": "in the package",
        "files": "nothing",
        "bundled": True,
    },
    "bfm": {
        "what": "BFM-2009 with FaceWarehouse expressions, as Deep3D uses it: the papers' model",
        "vertices": 35709,
        "triangles": 70789,
        "identity": 80,
        "expression": 64,
        "texture": 80,
        "licence": "research only, not redistributable",
        "source": "https://faces.dmi.unibas.ch/bfm and https://github.com/Juyong/3DFace",
        "files": "BFM_model_front.mat; or 01_MorphableModel.mat, Exp_Pca.bin, std_exp.txt, BFM_front_idx.mat, "
        "BFM_exp_idx.mat, facemodel_info.mat",
    },
    "flame": {
        "what": "FLAME head, its jaw joint made linear",
        "vertices": 5023,
        "triangles": 9976,
        "identity": 80,
        "expression": 64,
        "texture": 80,
        "licence": "2023 release: CC BY 4.0; earlier ones: research only",
        "source": "https://flame.is.tue.mpg.de",
        "files": "flame2023.npz (the pickle's arrays saved as npz) and mediapipe_landmark_embedding.npz or "
        "landmark_embedding.npz",
    },
    "ict": {
        "what": "ICT-FaceKit Light: face, mouth socket, gums, tongue and teeth; 53 of its 57 expression files, those "
        "that vertex_indices.json names",
        "vertices": 18844,
        "triangles": 37548,
        "identity": 80,
        "expression": 53,
        "texture": 80,
        "licence": "MIT",
        "source": "https://github.com/ICT-VGL/ICT-FaceKit",
        "files": "the OBJ files and vertex_indices.json of FaceXModel",
    },
    "gnm": {
        "what": "GNM Head v3, 80 of 253 identity and 64 of 383 expression columns",
        "vertices": 17821,
        "triangles": None,
        "identity": 80,
        "expression": 64,
        "texture": 80,
        "licence": "Apache-2.0",
        "source": "https://github.com/google/GNM",
        "files": "gnm_head.npz and head_sparse_68.txt",
    },
}


def face_models(folder: str | Path | None = None) -> tuple[FaceModelInfo, ...]:
    """Every face model: what it is, its licence, where to get it, and whether it is there.

    Args:
        folder: Where each model has a folder of its name. Default: `face_models` in the cache folder.

    Returns:
        The default first, then by name. Models added by other packages are listed with what is known: their name.

    Raises:
        ConfigError: `folder` is not a folder.
    """
    if folder is not None and not Path(folder).is_dir():
        raise ConfigError(f"{folder} is not a folder; give the folder that holds one folder a face model")
    infos = []
    for name in sorted(FACE_MODELS, key=lambda n: (n != "default", n)):
        place = model_folder(name) if folder is None else Path(folder) / name
        facts = _RECORDS.get(name) or {
            "what": "added by another package",
            "vertices": 0,
            "triangles": None,
            "identity": 0,
            "expression": 0,
            "texture": 0,
            "licence": "see that package",
            "source": "that package",
            "files": "see that package",
        }
        there = bool(facts.get("bundled")) or (place.is_dir() and any(place.iterdir()))
        infos.append(FaceModelInfo(name=name, found=there, folder="" if facts.get("bundled") else str(place), **facts))
    return tuple(infos)
