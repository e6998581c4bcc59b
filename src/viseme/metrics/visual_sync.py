"""VSC and VSD: confidence and distance of our own sync models, edges left out instead of padded.

Knows tracks and the comparer that `check` uses; refuses to know files. A sync model of ours compares by a dot product,
which has no natural zero; the distance of a pair is taken as 1 less the cosine of its embeddings, 0 to 2, mean over the
models that answer together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from viseme.audio.mel_frames import MelFrames
from viseme.core.results import RejectedTrack
from viseme.faces import FaceEvent
from viseme.faces.crop_recorder import CropRecorder
from viseme.metrics.sync_confidence import LAGS_FRAMES, DelayDistances, SyncConfidence
from viseme.sync.checkpoint import SyncWeights
from viseme.sync.comparer import ComparedStretch, Comparer

__all__ = ["TrackVisualSync", "VisualSync"]

AUDIO_FRAMES = 4
"""Audio frames of a video frame."""


@dataclass(frozen=True, kw_only=True)
class TrackVisualSync:
    """VSC and VSD of one face."""

    track_id: int
    start: float
    """Seconds of its first frame."""
    end: float
    """Seconds of its last frame."""
    score: SyncConfidence


class VisualSync:
    """Takes face events of a clip as they come; `finish` answers for every face."""

    def __init__(self, weights: SyncWeights, audio: MelFrames, *, crops: CropRecorder | None = None) -> None:
        """Measure nothing yet.

        Args:
            weights: Sync models; `weights.name` belongs beside every number.
            audio: Of the clip.
            crops: An observer of the tracker, where the models see pixels (`crop_recorder_for`).
        """
        self._comparer = Comparer(weights, audio, LAGS_FRAMES * AUDIO_FRAMES, crops=crops)
        self._audio = audio
        self._sums: dict[int, DelayDistances] = {}
        self._spans: dict[int, tuple[float, float]] = {}

    def take(self, event: FaceEvent) -> None:
        """One more stretch of a face, or a face that will not be used."""
        if isinstance(event, RejectedTrack):
            self._add(self._comparer.end(event.track_id))
            return
        start, _ = self._spans.get(event.track_id, (event.start, event.end))
        self._spans[event.track_id] = start, event.end
        self._add(self._comparer.take(event))
        self._audio.forget(self._comparer.audio_needed_from)

    def finish(self) -> tuple[TrackVisualSync, ...]:
        """Every face that was compared, the one with most windows first."""
        for compared in self._comparer.finish():
            self._add(compared)
        found = [
            TrackVisualSync(track_id=i, start=self._spans[i][0], end=self._spans[i][1], score=sums.compute())
            for i, sums in self._sums.items()
        ]
        return tuple(sorted(found, key=lambda t: -t.score.num_windows))

    def _add(self, compared: ComparedStretch | None) -> None:
        if compared is not None and len(compared.scored.steps):
            sums = self._sums.setdefault(compared.track.track_id, DelayDistances(exclude_edges=True))
            sums.add(1 - compared.scored.cosines.astype(np.float64), compared.scored.present)
