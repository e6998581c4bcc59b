"""The delay of a stream, from all its faces so far. Knows scored steps; refuses to know media and states."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from viseme.audio.clock import FRAME_S
from viseme.core.results import DelayEstimate
from viseme.speakers.interface import STEP_S
from viseme.sync.checkpoint import SyncWeights
from viseme.sync.comparer import ScoredSteps
from viseme.sync.estimator import DelayCurve, EstimatorConfig
from viseme.sync.evidence import BLOCK, FaceEvidence, blocks_of
from viseme.sync.verdict import FaceActivity, decide

__all__ = ["RunningDelay"]

SETTLED_S = 10.0
"""Seconds of faces after which a delay that cannot be told is not the reason why lips and audio seem apart."""


@dataclass
class _Learned:
    """How far a face was learned from, and what does not fill a block yet."""

    next: int
    rows: list[tuple[NDArray[np.floating], NDArray[np.bool_]]] = field(default_factory=list)
    """For each step (L,) ratios and whether there was audio."""


class RunningDelay:
    """One curve is kept, however long the stream lasts."""

    def __init__(self, weights: SyncWeights, lags: NDArray[np.int64]) -> None:
        """Know nothing yet.

        Args:
            weights: Whose calibration decides when a delay is told.
            lags: (L,) candidate delays, 10 ms each.
        """
        calibration = weights.calibration
        self._calibration, self._lags = calibration, lags
        self._config = EstimatorConfig(
            max_delay=max(float(np.abs(lags).max()) * FRAME_S, FRAME_S),
            answer_above=calibration.answer_above,
            temperature=calibration.temperature,
        )
        self._total: DelayCurve = FaceEvidence(0).curve(lags)
        self._faces: dict[int, _Learned] = {}
        self._num_steps = 0
        self._mouth_motion = 0.0
        self.seconds: float | None = None
        """The delay; None = it cannot be told (yet)."""

    def take(self, track_id: int, scored: ScoredSteps, mouth_motion: float, until: int) -> None:
        """Learn from the steps of a face before `until` that were not learned from before.

        Args:
            track_id: The face.
            scored: At the candidate delays.
            mouth_motion: Standard deviation of the mouth's aperture, eye distances.
            until: A step.
        """
        steps = scored.steps
        face = self._faces.setdefault(track_id, _Learned(int(steps[0])))
        new = (steps >= face.next) & (steps < until)
        if new.any():
            face.rows += list(zip(scored.ratios[new], scored.present[new]))
            face.next = int(steps[new][-1]) + 1
            self._num_steps += int(new.sum())
            self._mouth_motion = max(self._mouth_motion, mouth_motion)
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

    def _add(self, rows: list[tuple[NDArray[np.floating], NDArray[np.bool_]]]) -> None:
        if rows:
            ratios, present = (np.stack(part) for part in zip(*rows))
            scored = ScoredSteps(
                steps=np.arange(len(rows)), ratios=ratios, cosines=np.zeros_like(ratios), present=present
            )
            self._total = self._total + FaceEvidence(0, blocks_of(scored)).curve(self._lags)

    def decide(self, voiced_fraction: float) -> DelayEstimate:
        """The delay as it stands, which is then the one taken out."""
        activity = FaceActivity(voiced_fraction, self._mouth_motion, self._num_steps * STEP_S)
        estimate = decide(self._total, self._config, self._calibration, activity)
        self.seconds = estimate.audio_delay
        return estimate


def at_delays(scored: ScoredSteps, columns: slice) -> ScoredSteps:
    """The same steps at some of their candidate delays."""
    return replace(
        scored,
        ratios=scored.ratios[:, columns],
        cosines=scored.cosines[:, columns],
        present=scored.present[:, columns],
    )
