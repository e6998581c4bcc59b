"""Features of the last seconds of every face of a stream, and its delay so far. See `gather` for whole files.

Knows windows of faces and embedded audio; refuses to know media and states.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from viseme.core.results import DelayEstimate
from viseme.face3d.lips import lip_motion
from viseme.faces.live import FaceWindow
from viseme.speakers.features import LOCAL, bands_of, lagged_features, local_features
from viseme.speakers.interface import STEP_S, FaceSteps
from viseme.sync.checkpoint import SyncWeights
from viseme.sync.estimator import DelayCurve, EstimatorConfig
from viseme.sync.evidence import BLOCK, FaceEvidence, Stretch, embed_lips, to_grid_points
from viseme.sync.interface import visual_inputs
from viseme.sync.verdict import FaceActivity, decide

__all__ = ["Recent", "RunningDelay"]

SETTLED_S = 10.0
"""Seconds of faces after which a delay that cannot be told is not the reason why lips and audio seem apart."""

CONTEXT_STEPS = 25
"""Steps that the frame network sees before those that are scored."""


@dataclass(frozen=True)
class _Scored:
    """The last steps of one face against the audio."""

    face: FaceWindow
    steps: NDArray[np.int64]
    band: NDArray[np.floating]
    """(T, L) log-likelihood ratios, NaN where there is no audio."""
    cosines: NDArray[np.floating]
    local: NDArray[np.float32]


class Recent:
    """Scores windows of faces against the audio around them."""

    def __init__(self, bundle: SyncWeights, *, delays: tuple[float, float], search_s: float, span_s: float) -> None:
        """Prepare to score.

        Args:
            bundle: Sync weights.
            delays: Least and largest delay of the audio that can be taken out, seconds.
            search_s: Seconds beyond the largest by which later audio is compared.
            span_s: Seconds of steps that are scored.
        """
        self._bundle = bundle
        self._visual = visual_inputs[bundle.input_mode]()
        self.num_points: int = self._visual.num_points
        self._scales = [model.scale for model in bundle.models]
        bias = bundle.calibration.bias
        low, high = (round((d + bias) * 100) for d in delays)
        self._core = np.arange(low, high + 1)
        self._lags = np.arange(low + int(LOCAL[0]), high + round(search_s * 100) + 1)
        self._span = round(span_s / STEP_S)
        self.delay = RunningDelay(bundle, self._core)

    def score(
        self, faces: list[FaceWindow], first: int, heard: list[NDArray[np.float32]], until: int
    ) -> list[FaceSteps]:
        """Features of the last steps of every face, with the delay taken out that is known then.

        Args:
            faces: Windows.
            first: Number of the first audio frame, see `bands_of`.
            heard: For each model (A, D) embeddings of the audio.
            until: Steps before this one have met all their audio: from them the delay is learned.
        """
        scored = [s for face in faces if (s := self._compare(face, first, heard)) is not None]
        low = -int(self._lags[0])
        core = slice(int(self._core[0]) + low, int(self._core[-1]) + low + 1)
        for s in scored if len(self._core) > 1 else ():
            self.delay.take(s.face.track_id, s.steps, s.band[:, core], float(np.std(s.local[:, 0])), until)
        self.delay.forget({s.face.track_id for s in scored})
        return [self._steps(s) for s in scored]

    def _compare(self, face: FaceWindow, first: int, heard: list[NDArray[np.float32]]) -> _Scored | None:
        if len(face.times) < 2:
            return None
        motion = lip_motion(face.landmarks, face.times, face.observed)
        grid, points = to_grid_points(motion.times, self._visual(motion))
        if len(grid) == 0:
            return None
        local = local_features(motion, grid)[-self._span :]
        steps = np.rint(grid / STEP_S).astype(np.int64)[-self._span :]
        seen = [
            e[-self._span :] for e in embed_lips(self._bundle.models, (points - points.mean(0))[-self._span - 25 :])
        ]
        num = len(heard[0])
        pairs = list(zip(seen, heard, self._scales)) if num else []
        band, cosines, present = bands_of(pairs, steps, first, num, self._lags)
        return _Scored(face, steps, np.where(present, band, np.nan), np.where(present, cosines, np.nan), local)

    def _steps(self, scored: _Scored) -> FaceSteps:
        bias = self._bundle.calibration.bias
        lag = round(((self.delay.seconds or 0.0) + bias) * 100) if len(self._core) > 1 else int(self._core[0])
        at = int(np.clip(lag, self._core[0], self._core[-1]) - self._lags[0])
        face, grid = scored.face, scored.steps * STEP_S
        boxes = np.stack([np.interp(grid, face.times, face.boxes[:, k]) for k in range(4)], -1)
        band, cosines = scored.band.astype(np.float32), scored.cosines.astype(np.float32)
        return FaceSteps(
            track_id=face.track_id,
            shot=0,
            first=int(scored.steps[0]),
            features=lagged_features(band, cosines, scored.local, at),
            boxes=boxes.astype(np.float32),
        )


@dataclass
class _Learned:
    """How far a face was learned from, and what does not fill a stretch yet."""

    next: int
    rows: list[NDArray[np.floating]] = field(default_factory=list)


class RunningDelay:
    """The delay of a stream from all faces so far; one curve is kept, however long it lasts."""

    def __init__(self, bundle: SyncWeights, lags: NDArray[np.int64]) -> None:
        """`lags`: candidate delays, 10 ms each."""
        calibration = bundle.calibration
        self._calibration, self._lags = calibration, lags
        self._config = EstimatorConfig(
            max_delay=max(float(np.abs(lags).max()) * 0.01, 0.01),
            answer_above=calibration.answer_above,
            temperature=calibration.temperature,
        )
        self._total: DelayCurve = FaceEvidence(0).curve(lags)
        self._faces: dict[int, _Learned] = {}
        self._num_steps = 0
        self._mouth_motion = 0.0
        self.seconds: float | None = None
        """The delay; None = it cannot be told (yet)."""

    def take(self, track_id: int, steps: NDArray[np.int64], band: NDArray[np.floating], motion: float, until: int):
        """Learn from the steps of a face before `until` that were not learned from before.

        Args:
            track_id: The face.
            steps: (T,) numbers.
            band: (T, L) log-likelihood ratios, NaN where there was no audio.
            motion: Standard deviation of the mouth's aperture, eye distances.
            until: A step.
        """
        face = self._faces.setdefault(track_id, _Learned(int(steps[0])))
        new = (steps >= face.next) & (steps < until)
        if new.any():
            face.rows += list(band[new])
            face.next = int(steps[new][-1]) + 1
            self._num_steps += int(new.sum())
            self._mouth_motion = max(self._mouth_motion, motion)
        while len(face.rows) >= BLOCK:
            self._add(face.rows[:BLOCK])
            del face.rows[:BLOCK]

    def forget(self, present: set[int]) -> None:
        """Faces that are no longer there leave what they said."""
        for track_id in set(self._faces) - present:
            self._add(self._faces.pop(track_id).rows)

    @property
    def settled(self) -> bool:
        """Whether the delay is known, or enough was seen to say that lips and audio do not belong together."""
        return self.seconds is not None or self._num_steps * STEP_S >= SETTLED_S

    def _add(self, rows: list[NDArray[np.floating]]) -> None:
        if rows:
            band = np.stack(rows)
            known = np.isfinite(band)
            sums, counts = np.nan_to_num(band).sum(0).astype(np.float32), known.sum(0).astype(np.int16)
            stretch = Stretch(0.0, len(rows) * STEP_S, sums, counts, len(rows))
            self._total = self._total + FaceEvidence(0, [stretch]).curve(self._lags)

    def decide(self, voiced_fraction: float) -> DelayEstimate:
        """The delay as it stands, which is then the one taken out."""
        activity = FaceActivity(voiced_fraction, self._mouth_motion, self._num_steps * STEP_S)
        estimate = decide(self._total, self._config, self._calibration, activity)
        self.seconds = estimate.audio_delay
        return estimate
