"""VSC and VSD: confidence and distance of our own sync models, edges left out instead of padded.

Knows tracks and the comparer that `check` uses; refuses to know files. A sync model of ours compares by a dot product,
which has no natural zero; the distance of a pair is taken as 1 less the cosine of its embeddings, 0 to 2, mean over the
models that answer together.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from viseme.audio.clock import FRAME_S
from viseme.audio.mel_frames import MelFrames
from viseme.core.results import RejectedTrack
from viseme.core.scores import Better, MetricProtocol, Need
from viseme.faces import FaceEvent, FaceTrack
from viseme.faces.crop_recorder import CropRecorder
from viseme.metrics.interface import SHIFT_FRAMES, ClipAudio, Measured
from viseme.metrics.sync_confidence import LAGS_FRAMES, DelayDistances, SyncConfidence, sync_confidence
from viseme.sync.checkpoint import SyncWeights, load_sync_weights
from viseme.sync.comparer import ComparedStretch, Comparer, compare_track
from viseme.sync.embeddings import CONTEXT, EmbeddedAudio
from viseme.sync.inputs.interface import VisualInput, visual_inputs
from viseme.sync.remembered import remembering

__all__ = ["TrackVisualSync", "VisualSync", "VisualSyncMetric", "shared_sync_weights", "visual_sync_of_track"]

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
    distances: DelayDistances
    """What it was taken from."""


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
            TrackVisualSync(
                track_id=i, start=self._spans[i][0], end=self._spans[i][1], score=sums.compute(), distances=sums
            )
            for i, sums in self._sums.items()
        ]
        return tuple(sorted(found, key=lambda t: -t.score.num_windows))

    def _add(self, compared: ComparedStretch | None) -> None:
        if compared is not None and len(compared.scored.steps):
            sums = self._sums.setdefault(compared.track.track_id, DelayDistances(exclude_edges=True))
            sums.add(1 - compared.scored.cosines.astype(np.float64), compared.scored.present)


def visual_sync_of_track(weights: SyncWeights, track: FaceTrack, audio: MelFrames) -> SyncConfidence:
    """VSC (confidence) and VSD (distance) of one face that is at hand as a whole, a minute at most.

    Args:
        weights: Sync models.
        track: At least two frames, with images where the models see pixels.
        audio: Of the clip.
    """
    lags = LAGS_FRAMES * AUDIO_FRAMES
    reach = float(lags.max()) * FRAME_S + CONTEXT
    first, power = audio.window(float(track.times[0]) - reach, float(track.times[-1]) + reach)
    visual: VisualInput = visual_inputs[weights.input_mode]()
    compared = compare_track(weights.models, visual, track, EmbeddedAudio.of(weights.models, first, power), lags)
    return sync_confidence(1 - compared.scored.cosines.astype(np.float64), compared.scored.present)


@lru_cache(maxsize=1)
def shared_sync_weights() -> SyncWeights:
    """The sync models that ship, for all that is measured of one clip: the same lips and audio are embedded once."""
    return remembering(load_sync_weights())


class VisualSyncMetric:
    """VSC, VSD and the distance as played, of the face with most windows, by the sync models that ship."""

    names: ClassVar[tuple[str, ...]] = ("vsc", "vsd", "vsd@0")

    def __init__(self, weights: SyncWeights | None = None) -> None:
        """Name the protocols after the weights.

        Args:
            weights: Of an input that needs no pixels; None = those that ship.
        """
        self._weights = weights or shared_sync_weights()
        self.protocols = (
            self._protocol("vsc", Better.HIGHER, 0.0, "median over delays of the mean distance, less its least"),
            self._protocol("vsd", Better.LOWER, 1.0, "least mean distance over delays"),
            self._protocol("vsd@0", Better.LOWER, 1.0, "mean distance at no delay, as the clip is played"),
        )

    def start(self, audio: ClipAudio) -> VisualSyncClip:
        """See `TrackMetric.start`."""
        return VisualSyncClip(VisualSync(self._weights, MelFrames(audio.blocks())))

    def _protocol(self, name: str, better: Better, worst: float, text: str) -> MetricProtocol:
        return MetricProtocol(
            name=name,
            unit="1",
            better=better,
            version=1,
            needs=frozenset({Need.AUDIO, Need.LANDMARKS, Need.SYNC_MODEL}),
            floor="mismatched_audio",
            worst=worst,
            text=f"1 - cosine of lip and audio embeddings, 25 a second, delays up to 15 frames, edges left out; {text}",
            source="after Prajwal et al. 2020 (LSE-C, LSE-D)",
            weights=self._weights.name,
        )


class VisualSyncClip:
    """One clip of `VisualSyncMetric`."""

    def __init__(self, sync: VisualSync) -> None:
        self._sync = sync
        self._faces: tuple[TrackVisualSync, ...] | None = None

    def take(self, event: FaceEvent) -> None:
        """See `TrackAccumulator.take`."""
        self._sync.take(event)

    def compute(self) -> dict[str, Measured]:
        """See `TrackAccumulator.compute`."""
        faces = self._seen()
        score = faces[0].score if faces else sync_confidence(np.zeros((0, len(LAGS_FRAMES))))
        values = {"vsc": score.confidence, "vsd": score.distance, "vsd@0": score.unshifted}
        return {name: Measured(value=value, num_frames=score.num_windows) for name, value in values.items()}

    def shifted(self) -> dict[str, dict[str, Measured]]:
        """See `TrackAccumulator.shifted`: the best delay is the same, so only "vsd@0" moves."""
        faces = self._seen()
        return {
            name: {"vsd@0": Measured(value=faces[0].distances.at(lag), num_frames=faces[0].score.num_windows)}
            for name, lag in (("shifted", SHIFT_FRAMES), ("shifted_early", -SHIFT_FRAMES))
            if faces
        }

    def _seen(self) -> tuple[TrackVisualSync, ...]:
        self._faces = self._sync.finish() if self._faces is None else self._faces
        return self._faces
