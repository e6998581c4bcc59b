"""Features of the last seconds of every face of a stream. See `feature_collector` for whole files.

Knows windows of faces and embedded audio; refuses to know media and states.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from viseme.audio.clock import FRAME_S
from viseme.faces import FaceTrack
from viseme.speakers.features import LOCAL, boxes_at, known, lagged_features, local_features
from viseme.speakers.interface import STEP_S, FaceSteps
from viseme.speakers.running_delay import RunningDelay, at_delays
from viseme.sync.checkpoint import SyncWeights
from viseme.sync.comparer import ComparedStretch, compare_track
from viseme.sync.embeddings import EmbeddedAudio
from viseme.sync.inputs.interface import VisualInput, visual_inputs

__all__ = ["LiveFeatures"]

CONTEXT_STEPS = 25
"""Steps that the video network sees before those that are scored."""


class LiveFeatures:
    """Compares windows of faces with the audio around them."""

    def __init__(self, weights: SyncWeights, *, delays: tuple[float, float], search_s: float, span_s: float) -> None:
        """Compare nothing yet.

        Args:
            weights: Sync models.
            delays: Least and largest delay of the audio that can be taken out, seconds.
            search_s: Seconds beyond the largest by which later audio is compared.
            span_s: Seconds of steps that are scored.
        """
        self._models, self._bias = weights.models, weights.calibration.bias
        self._visual: VisualInput = visual_inputs[weights.input_mode]()
        low, high = (round((d + self._bias) / FRAME_S) for d in delays)
        self._core = np.arange(low, high + 1)
        self._lags = np.arange(low + int(LOCAL[0]), high + round(search_s / FRAME_S) + 1)
        self._num_steps = round(span_s / STEP_S)
        self.delay = RunningDelay(weights, self._core)

    def score(self, faces: Sequence[FaceTrack], audio: EmbeddedAudio, until: int) -> list[FaceSteps]:
        """Features of the last steps of every face, with the delay taken out that is known then.

        Args:
            faces: Windows, with images where the models see pixels.
            audio: The last seconds.
            until: Steps before this one have met all their audio: from them the delay is learned.
        """
        compared = [self._compare(face, audio) for face in faces if len(face.times) >= 2]
        compared = [c for c in compared if len(c.scored.steps)]
        begin = int(self._core[0] - self._lags[0])
        core = slice(begin, begin + len(self._core))
        for c in compared if len(self._core) > 1 else ():
            opening = local_features(c.motion)[-len(c.scored.steps) :, 0]
            self.delay.take(c.track.track_id, at_delays(c.scored, core), float(np.std(opening)), until)
        self.delay.forget({c.track.track_id for c in compared})
        return [self._features(c) for c in compared]

    def _compare(self, face: FaceTrack, audio: EmbeddedAudio) -> ComparedStretch:
        return compare_track(
            self._models,
            self._visual,
            face,
            audio,
            self._lags,
            last_steps=self._num_steps,
            context_steps=CONTEXT_STEPS,
        )

    def _features(self, compared: ComparedStretch) -> FaceSteps:
        lag = int(self._core[0])
        if len(self._core) > 1:
            lag = round(((self.delay.seconds or 0.0) + self._bias) / FRAME_S)
        at = int(np.clip(lag, self._core[0], self._core[-1]) - self._lags[0])
        scored = compared.scored
        return FaceSteps(
            track_id=compared.track.track_id,
            shot=0,
            first=int(scored.steps[0]),
            features=lagged_features(*known(scored), local_features(compared.motion)[-len(scored.steps) :], at),
            boxes=boxes_at(scored.times, compared.track),
        )
