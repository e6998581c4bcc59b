"""What one fold gave, on disk: one number a held-out collection for each row."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.reproduce.table1.rows import FIT_PARTS, PARTS

__all__ = ["FoldAnswer"]


@dataclass(frozen=True, kw_only=True)
class FoldAnswer:
    """What one fold of one seed gave: row -> (K,) mean lip distance of each held-out collection, pixels of the crop."""

    fold: int
    seed: int
    names: tuple[str, ...]
    face_px: NDArray[np.float64]
    """(K,) mean face width, pixels of the crop."""
    e1: dict[str, NDArray[np.float64]]
    freed: dict[str, NDArray[np.float64]]
    """As `e1` with the overfitted network's coefficients freed and fitted on as ground truth."""
    e2: dict[str, NDArray[np.float64]]
    motion: dict[str, NDArray[np.float64]]
    """As `e2`, each landmark's mean difference taken out."""
    fit: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    """As `e1` without networks; then the parts above are empty."""
    fit_e2: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write as arrays, complete or not at all."""
        arrays: dict[str, Any] = {"names": np.array(self.names), "face_px": self.face_px, "at": [self.fold, self.seed]}
        for part in PARTS + FIT_PARTS:
            arrays |= {f"{part}/{name}": values for name, values in getattr(self, part).items()}
        temporary = path.with_suffix(".partial.npz")
        np.savez(temporary, **arrays)
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> FoldAnswer:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as data:
            parts: dict[str, dict[str, NDArray[np.float64]]] = {part: {} for part in PARTS + FIT_PARTS}
            for key in data.files:
                part, _, name = key.partition("/")
                if name:
                    parts[part][name] = data[key]
            names = tuple(str(n) for n in data["names"])
            fold, seed = (int(v) for v in data["at"])
            return cls(fold=fold, seed=seed, names=names, face_px=data["face_px"], **parts)
