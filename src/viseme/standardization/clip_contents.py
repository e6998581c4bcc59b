"""What a standardised file holds of each face: tensors, metadata, and the entry of the result.

Knows coefficients and the layout of a file; refuses to know how faces are found and explained.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import viseme
from viseme.faces.blendshapes import ARKIT_NAMES
from viseme.standardization.files import STANDARDIZED_SCHEMA, ClipWriter
from viseme.standardization.forms import Form, form_rows, form_tensor, shared_tensors
from viseme.standardization.interface import FRAME_REASONS, Coefficients, FaceObservation
from viseme.standardization.results import StandardizedTrack, StandardizeResult
from viseme.standardization.synthesis import Scale, StandardFace

__all__ = ["ExplainedTrack", "input_of", "write_clip"]


@dataclass(frozen=True, kw_only=True)
class ExplainedTrack:
    """A face with its coefficients."""

    name: str
    """Its group in the file: `track0`, ..."""
    track_id: int
    face_size_px: float
    coefficients: Coefficients
    scale: Scale
    """Depth range, decimetres; None = every frame its own."""

    def described(self, form: Form) -> StandardizedTrack:
        """Its entry in the result."""
        c = self.coefficients
        counts = np.bincount(c.reason[~c.valid], minlength=len(FRAME_REASONS))
        residual = None
        if c.residual is not None and c.valid.any():
            residual = float(np.median(c.residual[c.valid]))
        return StandardizedTrack(
            name=self.name,
            track_id=self.track_id,
            start=float(c.times[0]),
            end=float(c.times[-1]),
            num_frames=len(c.times),
            num_valid=int(c.valid.sum()),
            reasons={name: int(n) for name, n in zip(FRAME_REASONS, counts) if n},
            face_size_px=self.face_size_px,
            residual=residual,
            depth_range=self.scale if form == "rgbd" else None,
        )

    def tensors(self) -> dict[str, NDArray[Any]]:
        """What is in the file whatever the form."""
        c, prefix = self.coefficients, self.name
        found: dict[str, NDArray[Any]] = {
            f"{prefix}.times": c.times.astype(np.float64),
            f"{prefix}.beta": c.beta,
            f"{prefix}.pose": c.pose,
            f"{prefix}.crops": c.crops.astype(np.float32),
            f"{prefix}.valid": c.valid,
            f"{prefix}.reason": c.reason,
        }
        if c.alpha is not None:
            found[f"{prefix}.alpha"] = c.alpha
        if c.residual is not None:
            found[f"{prefix}.residual"] = c.residual
        return found


def write_clip(
    out: str | os.PathLike[str],
    result: StandardizeResult,
    tracks: Sequence[ExplainedTrack],
    face: StandardFace,
    observed: Callable[[int], Iterable[FaceObservation]],
    input_state: dict[str, int] | None,
    tell: Callable[[float], None],
) -> None:
    """Write the file; it appears complete or not at all.

    Args:
        out: The safetensors file.
        result: What is said of it.
        tracks: By first frame.
        face: Draws.
        observed: Track id -> the track as it was seen.
        input_state: From `input_of`; None = arrays.
        tell: Told the fraction done.

    Raises:
        OutputError: disk full, folder missing, no permission.
    """
    form: Form = result.as_  # type: ignore[assignment]
    small = shared_tensors(form, face)
    layout: dict[str, tuple[type, tuple[int, ...]]] = {}
    for track in tracks:
        small |= track.tensors()
        if (tensor := form_tensor(form, face, len(track.coefficients.times))) is not None:
            layout[f"{track.name}.{form}"] = tensor
    layout |= {name: (values.dtype.type, values.shape) for name, values in small.items()}
    total, done = max(sum(len(t.coefficients.times) for t in tracks), 1), 0
    with ClipWriter.to(out, layout, _metadata(result, input_state)) as writer:
        for name, values in small.items():
            writer.write(name, values)
        for track in tracks if form != "beta" else ():
            for rows in form_rows(form, face, track.coefficients, track.scale, observed(track.track_id)):
                writer.write(f"{track.name}.{form}", rows)
                done += len(rows)
                tell(done / total)


def input_of(path: str | os.PathLike[str]) -> dict[str, int]:
    """What tells one state of a file from another."""
    status = os.stat(path)
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns}


def _metadata(result: StandardizeResult, input_state: dict[str, int] | None) -> dict[str, Any]:
    names = {"arkit_names": list(ARKIT_NAMES)} if result.as_ == "arkit" else {}
    return {
        "schema": STANDARDIZED_SCHEMA,
        "file": os.path.basename(result.file),
        "as": result.as_,
        "estimator": result.estimator,
        "weights": result.weights,
        "face_model": result.face_model,
        "z_norm": result.z_norm,
        "reasons": list(FRAME_REASONS),
        **names,
        "tracks": result.tracks,
        "rejected": result.rejected,
        "input": input_state,
        "package": f"viseme {viseme.__version__}",
    }
