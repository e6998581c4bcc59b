"""LVE and FDD of videos: vertices of a face model fitted to both faces, with the reference's identity for both.

Knows views of faces, the landmark fit and a face model; what is computed is `lve` and `fdd`, whose sums are gathered a
batch at a time. The identity is that of the first `LEARN` pairs of the reference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from viseme.core.scores import Better, MetricProtocol, Need
from viseme.face3d.interface import load_face_model
from viseme.faces.crops import crop_squares
from viseme.metrics.interface import SHIFT_FRAMES, ClipAudio, FaceView, Measured
from viseme.metrics.vertices import MILLIMETRES, vertices_of
from viseme.standardization.estimators.landmark_fit import LandmarkFit
from viseme.standardization.interface import FaceObservation

__all__ = ["FaceMotion", "FaceMotionClip"]

LEARN = 250
"""Pairs that wait until the identity is found: ten seconds."""
IDENTITY_FRAMES = 24
"""Frames of them, spread evenly, that say it."""
BATCH = 128
"""Pairs explained at once."""


class FaceMotion:
    """LVE and FDD by the default face model, in millimetres."""

    names: ClassVar[tuple[str, ...]] = ("lve", "fdd")

    def __init__(self) -> None:
        model = load_face_model()
        lips, upper = vertices_of(model, "lips"), vertices_of(model, "upper_face")
        self._fit = LandmarkFit(LandmarkFit.Config(max_identity_frames=IDENTITY_FRAMES))
        basis = np.asarray(model.exp_basis, np.float32) * np.float32(MILLIMETRES)
        self._lips, self._upper = basis[lips.indices], basis[upper.indices]
        how = (
            f"landmark fit with the reference's identity; {{}}; frames at which both faces are explained, {model.name}"
        )
        self.protocols = (
            _protocol("lve", Better.LOWER, 20.0, how.format(f"largest distance over {lips}, mean over frames")),
            _protocol(
                "fdd",
                Better.ZERO,
                5.0,
                how.format(f"deviation over time of the distance from rest, mean over {upper}, real minus generated"),
            ),
        )

    def start(self, audios: Mapping[str, ClipAudio]) -> FaceMotionClip:
        """See `ClipMetric.start`; audio has no part in it."""
        return FaceMotionClip(self._fit, self._lips, self._upper)


def _protocol(name: str, better: Better, worst: float, text: str) -> MetricProtocol:
    return MetricProtocol(
        name=name,
        unit="mm",
        better=better,
        version=1,
        needs=frozenset({Need.REFERENCE, Need.LANDMARKS}),
        floor="still_face",
        worst=worst,
        identical=0.0,
        text=text,
        source="Richard et al. 2021" if name == "lve" else "Xing et al. 2023, equation 9",
    )


class _Dynamics:
    """Running deviation over time of each vertex's distance from rest."""

    def __init__(self) -> None:
        self._num, self._sum, self._squares = 0, np.zeros(1), np.zeros(1)

    def add(self, moved: NDArray[np.float32]) -> None:
        """(T, V, 3) distances from rest, along the axes."""
        motion = np.linalg.norm(moved, axis=-1).astype(np.float64)
        self._num += len(motion)
        self._sum = self._sum + motion.sum(0)
        self._squares = self._squares + (motion**2).sum(0)

    def compute(self) -> float:
        """As `fdd.face_dynamics`; NaN without frames."""
        if not self._num:
            return float("nan")
        mean = self._sum / self._num
        return float(np.sqrt((self._squares / self._num - mean**2).clip(0)).mean())


class FaceMotionClip:
    """One clip. Landmarks of at most `LEARN` pairs are held, then sums."""

    def __init__(self, fit: LandmarkFit, lips: NDArray[np.float32], upper: NDArray[np.float32]) -> None:
        self._fit, self._lips, self._upper = fit, lips, upper
        self._waiting: list[tuple[float, NDArray[np.float32] | None, NDArray[np.float32]]] = []
        self._alpha: NDArray[np.float64] | None = None
        self._errors = {"generated": 0.0, "still_face": 0.0, "shifted": 0.0}
        self._counts = dict.fromkeys(self._errors, 0)
        self._dynamics = _Dynamics(), _Dynamics()
        self._first: NDArray[np.float32] | None = None
        self._past = np.zeros((0, 0), np.float32)

    def add(self, generated: FaceView | None, reference: FaceView | None) -> None:
        """See `ClipAccumulator.add`."""
        if reference is None:
            return
        made = None if generated is None else generated.landmarks
        self._waiting.append((reference.time, made, reference.landmarks))
        if len(self._waiting) >= (LEARN if self._alpha is None else BATCH):
            self._explain()

    def compute(self) -> dict[str, dict[str, Measured]]:
        """See `ClipAccumulator.compute`."""
        if self._waiting:
            self._explain()
        found = {
            name: {"lve": Measured(value=total / num if (num := self._counts[name]) else float("nan"), num_frames=num)}
            for name, total in self._errors.items()
        }
        made, real = (d.compute() for d in self._dynamics)
        found["generated"]["fdd"] = Measured(value=real - made, num_frames=self._counts["generated"])
        found["still_face"]["fdd"] = Measured(value=real, num_frames=self._counts["still_face"])
        return found

    def _explain(self) -> None:
        rows, self._waiting = self._waiting, []
        real = _observation([time for time, _, _ in rows], [right for _, _, right in rows])
        if self._alpha is None:
            self._alpha = self._fit.identity([real], len(rows))
        right = self._fit.explain(real, self._alpha)
        self._count_reference(right.beta[right.valid])
        made = [(at, row[0], row[1]) for at, row in enumerate(rows) if row[1] is not None]
        if made:
            seen = _observation([time for _, time, _ in made], [face for _, _, face in made if face is not None])
            found, at = self._fit.explain(seen, self._alpha), np.array([place for place, _, _ in made])
            both = found.valid & right.valid[at]
            self._add("generated", found.beta[both] - right.beta[at[both]])
            self._dynamics[0].add(_moved(self._upper, found.beta[both]))

    def _count_reference(self, beta: NDArray[np.float32]) -> None:
        if not len(beta):
            return
        first = beta[0] if self._first is None else self._first
        self._first = first
        self._add("still_face", first - beta)
        line = np.concatenate([self._past.reshape(-1, beta.shape[1]), beta])
        self._add("shifted", line[:-SHIFT_FRAMES] - line[SHIFT_FRAMES:])
        self._past = line[-SHIFT_FRAMES:]
        self._dynamics[1].add(_moved(self._upper, beta))

    def _add(self, name: str, apart: NDArray[np.float32]) -> None:
        """(T, E) differences of expression."""
        if len(apart):
            self._errors[name] += float(np.linalg.norm(_moved(self._lips, apart), axis=-1).max(1).sum(dtype=np.float64))
            self._counts[name] += len(apart)


def _moved(basis: NDArray[np.float32], beta: NDArray[np.float32]) -> NDArray[np.float32]:
    """(T, V, 3) what expressions (T, E) add to a face, millimetres."""
    chosen = basis[..., : beta.shape[1]].reshape(-1, beta.shape[1])
    return (beta @ chosen.T).reshape(len(beta), -1, 3)


def _observation(times: Sequence[float], faces: Sequence[NDArray[np.float32]]) -> FaceObservation:
    landmarks = np.stack(faces)
    return FaceObservation(
        times=np.array(times),
        landmarks=landmarks,
        observed=np.ones(len(landmarks), bool),
        crops=crop_squares(landmarks),
    )
