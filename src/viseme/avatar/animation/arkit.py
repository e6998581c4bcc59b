"""ARKit weights as JSON: `provenance`, `fps`, `names`, and one row of `weights` a frame."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from viseme.avatar.animation.interface import FaceAnimation
from viseme.media.files import replacing

__all__ = ["ARKIT", "ArkitFormat"]


@dataclass(frozen=True)
class ArkitFormat:
    """See `AnimationFormat`."""

    suffixes: tuple[str, ...] = (".json",)
    summary: str = "ARKit's 52 weights as JSON: fps, names, weights"

    def write(self, animation: FaceAnimation, out: Path) -> None:
        """Write one file."""
        rows = np.round(animation.weights.astype(np.float64), 4).tolist()
        whole = {
            "provenance": animation.statement,
            "fps": float(animation.rate),
            "names": list(animation.names),
            "weights": rows,
        }
        with replacing(out) as file:
            file.write((json.dumps(whole, separators=(",", ":"), allow_nan=False) + "\n").encode())


ARKIT = ArkitFormat()
