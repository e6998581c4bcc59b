"""What visual inputs see of a tracked clip, for preparing clips. Knows inputs; refuses to know files and networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from numpy.typing import NDArray

from viseme.core.errors import ConfigError, DataError
from viseme.data.prepare import View
from viseme.data.sources import TrackedClip
from viseme.face3d.lips import lip_motion
from viseme.faces.crops import crop_squares
from viseme.standardization.interface import FaceObservation, estimators
from viseme.sync.inputs.coefficients import expression_reader, in_threes, track_coefficients
from viseme.sync.inputs.filmed import lower_face
from viseme.sync.inputs.points import Mesh
from viseme.sync.inputs.standard_face import standard_lower_face

__all__ = ["LIP_INPUTS", "inputs_view"]

LIP_INPUTS = ("landmarks", "mesh")
"""Inputs that lip points alone decide: made together, as the second costs nothing."""
LEAST_AUDIO_FRAMES = 25
"""Clips with less audio are not used."""
_COEFFICIENT_INPUTS = ("beta", "rgb", "rgbd")


@dataclass(frozen=True)
class _Inputs:
    """Makes the arrays of some inputs from one clip."""

    inputs: tuple[str, ...]
    estimator: str
    weights: str | None

    def __call__(self, clip: TrackedClip) -> dict[str, NDArray]:
        if clip.audio is None or len(clip.audio) < LEAST_AUDIO_FRAMES:
            raise DataError(f"the clip has less than {LEAST_AUDIO_FRAMES / 100:g} s of audio")
        made: dict[str, NDArray] = {}
        if "raw" in self.inputs:
            assert clip.images is not None
            made["raw"] = lower_face(clip.images)
        if set(LIP_INPUTS) & set(self.inputs):
            lips = lip_motion(clip.landmarks, clip.times, clip.observed).points
            made |= {"landmarks": lips, "mesh": Mesh().of_points(lips)}
        if set(_COEFFICIENT_INPUTS) & set(self.inputs):
            track = FaceObservation(
                times=clip.times,
                landmarks=clip.landmarks,
                observed=clip.observed,
                crops=crop_squares(clip.landmarks),
                images=clip.images,
            )
            found = track_coefficients(track, self.estimator, self.weights)
            drawn = standard_lower_face(found)
            made |= {"beta": in_threes(found.beta), "rgb": drawn[:, :3], "rgbd": drawn, "yaw": found.pose[:, 1]}
        return {name: made[name] for name in (*self.inputs, "yaw") if name in made}


def inputs_view(inputs: Sequence[str], *, estimator: str = "landmark-fit", weights: str | None = None) -> View:
    """What these inputs see, and with coefficients the head's `yaw` (T,), radians.

    Args:
        inputs: Names of `visual_inputs`.
        estimator: Who reads the expression off the face, for `beta`, `rgb` and `rgbd`.
        weights: Of the estimator.

    Raises:
        ConfigError: weights for an estimator that has none.
        WeightsError: the weights are missing, damaged or another estimator's.
    """
    kind = estimators[estimator]
    names = sorted(inputs)
    if set(_COEFFICIENT_INPUTS) & set(inputs):
        names.append(_estimator_id(estimator, weights))
    pixels = "raw" in inputs or (bool(set(_COEFFICIENT_INPUTS) & set(inputs)) and kind.needs_pixels)
    return View("+".join(names), _Inputs(tuple(inputs), estimator, weights), needs_pixels=pixels)


def _estimator_id(estimator: str, weights: str | None) -> str:
    """Name of an estimator, with the hash of its weights where it has some."""
    kind = estimators[estimator]
    if "weights" in {f.name for f in fields(kind.Config)}:  # type: ignore[attr-defined]
        return f"{estimator}@{expression_reader(estimator, weights).weights.name.rpartition('@')[2]}"
    if weights is not None:
        raise ConfigError(f"{estimator} needs no weights; leave --weights out")
    return estimator
