"""From chunks of tracks and audio to features of every face on a common clock, in constant memory.

Knows a comparer and delays; refuses to know who is speaking. Lips are scored at all delays at once; what was scored is
held until the delay of the file is known, at most `HOLD_S` seconds of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from viseme.audio.clock import FRAME_S
from viseme.audio.mel_frames import MelFrames
from viseme.core.results import DelayEstimate, Reason, RejectedTrack
from viseme.faces import FaceTrackChunk
from viseme.faces.crop_recorder import CropRecorder
from viseme.speakers.features import LOCAL, boxes_at, known, lagged_features, local_features
from viseme.speakers.interface import STEP_S, FaceSteps
from viseme.sync.checkpoint import SyncWeights
from viseme.sync.comparer import ComparedStretch, Comparer
from viseme.sync.estimator import DelayCurve, EstimatorConfig
from viseme.sync.evidence import FaceEvidence, blocks_of
from viseme.sync.measurement import candidate_lags
from viseme.sync.verdict import LEAST_FRAMES_PER_S, FaceActivity, decide, no_face_reason, withhold

__all__ = ["HOLD_S", "REACH_S", "Align", "FeatureCollector"]

Align = Literal["none", "file", "track"]
HOLD_S = 120.0
"""Seconds of a face that wait for the delay at most."""
REACH_S = 2.0
"""Seconds of audio on either side of a face that its lips are compared with."""


@dataclass(frozen=True, eq=False)
class HeldSteps:
    """Scored steps that wait for the delay, in half precision."""

    ratios: NDArray[np.float16]
    """(T, L) at the candidate delays; NaN where there was no audio."""
    cosines: NDArray[np.float16]
    """(T, L)."""
    local: NDArray[np.float32]
    """(T, 5) see `local_features`."""
    boxes: NDArray[np.float32]
    """(T, 4)."""


class FaceFeatures:
    """What is kept of one face."""

    def __init__(self, track_id: int, shot: int) -> None:
        self.track_id, self.shot = track_id, shot
        self.first = 0
        """Number of the first step."""
        self.held: list[HeldSteps] = []
        self.done: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []
        """Features and boxes."""
        self.evidence = FaceEvidence(track_id)
        self.mouth_motion = 0.0
        self.sizes: list[float] = []
        self.num_frames = 0
        self.start, self.end = np.inf, -np.inf
        """Seconds of the first and the last frame."""

    @property
    def frames_per_s(self) -> float:
        """Frames of it a second."""
        return (self.num_frames - 1) / (self.end - self.start) if self.end > self.start else 25.0

    @property
    def held_s(self) -> float:
        """Seconds that wait for the delay."""
        return sum(len(h.ratios) for h in self.held) * STEP_S

    def add(self, compared: ComparedStretch, core: slice) -> None:
        """One more stretch; `core`: the delays of the file that are considered."""
        scored, track = compared.scored, compared.track
        if not len(scored.steps):
            return
        if not self.evidence.blocks:
            self.first = int(scored.steps[0])
        self.evidence.blocks += blocks_of(scored, core)
        self.mouth_motion = max(self.mouth_motion, float(np.std(compared.motion.opening)))
        ratios, cosines = known(scored)
        self.held.append(
            HeldSteps(
                ratios.astype(np.float16),
                cosines.astype(np.float16),
                local_features(compared.motion)[-len(scored.steps) :],
                boxes_at(scored.times, track),
            )
        )


class FeatureCollector:
    """Takes chunks of tracks as they come, gives features of every face at the end."""

    def __init__(
        self,
        weights: SyncWeights,
        audio: MelFrames,
        *,
        align: Align,
        max_delay: float,
        crops: CropRecorder | None = None,
    ) -> None:
        """Collect nothing yet.

        Args:
            weights: Sync models.
            audio: Of the clip.
            align: Which delay is taken out, see `find_speakers`.
            max_delay: Largest delay of the file that is considered, seconds.
            crops: See `Comparer`.
        """
        self._audio, self._align, self._calibration = audio, align, weights.calibration
        self.lags = candidate_lags(max_delay)
        """Delays of the file that are considered; pairs are scored `LOCAL` beyond."""
        wide = int(self.lags[-1]) + int(LOCAL[-1])
        self._wide = np.arange(-wide, wide + 1)
        self._core = slice(int(LOCAL[-1]), int(LOCAL[-1]) + len(self.lags))
        self._comparer = Comparer(weights, audio, self._wide, least_reach_s=REACH_S, crops=crops)
        self._config = EstimatorConfig(
            max_delay=max_delay,
            answer_above=self._calibration.answer_above,
            temperature=self._calibration.temperature,
        )
        self._faces: dict[int, FaceFeatures] = {}
        self._rejected: list[RejectedTrack] = []

    @property
    def audio_needed_from(self) -> float:
        """Seconds: audio before this time is not asked for again."""
        return self._comparer.audio_needed_from

    def take(self, chunk: FaceTrackChunk) -> None:
        """One more stretch of a face."""
        face = self._faces.setdefault(chunk.track_id, FaceFeatures(chunk.track_id, chunk.shot))
        face.sizes.append(chunk.face_size_px)
        face.num_frames += len(chunk.times)
        face.start, face.end = min(face.start, chunk.start), chunk.end
        self._add([self._comparer.take(chunk)])
        if chunk.last:
            self._ended(face)
        elif face.held_s > HOLD_S:
            self._release(face)

    def reject(self, track: RejectedTrack) -> None:
        """No further chunk of this face will come."""
        self._rejected.append(track)
        self._add([self._comparer.end(track.track_id)])
        if track.track_id in self._faces:
            self._ended(self._faces[track.track_id])

    def _add(self, stretches: Iterable[ComparedStretch | None]) -> None:
        for compared in stretches:
            if compared is not None:
                self._faces[compared.track.track_id].add(compared, self._core)

    def _ended(self, face: FaceFeatures) -> None:
        if self._align != "file":
            self._release(face)
        elif sum(f.held_s for f in self._faces.values()) > 4 * HOLD_S:
            for other in self._faces.values():
                self._release(other)

    # --- delays

    def estimate(self) -> DelayEstimate:
        """The delay of the file, from all faces so far; a refusal with its reasons where it cannot be told."""
        faces = [f for f in self._faces.values() if f.evidence.blocks]
        if self._audio.num_frames == 0:
            return withhold(Reason.NO_AUDIO)
        if not faces:
            return withhold(no_face_reason(self._rejected))
        total = sum((f.evidence.curve(self.lags) for f in faces), FaceEvidence(0).curve(self.lags))
        return self._decide(total, faces)

    def track_estimate(self, track_id: int) -> DelayEstimate:
        """What one face alone says."""
        face = self._faces[track_id]
        return self._decide(face.evidence.curve(self.lags), [face])

    def has_few_frames(self, track_id: int) -> bool:
        """Whether a face is seen on too few frames a second to read its lips."""
        return self._faces[track_id].frames_per_s < LEAST_FRAMES_PER_S

    def _decide(self, curve: DelayCurve, faces: Sequence[FaceFeatures]) -> DelayEstimate:
        activity = FaceActivity(
            self._audio.voiced_fraction,
            max(f.mouth_motion for f in faces),
            sum(f.evidence.seconds for f in faces),
            max(f.frames_per_s for f in faces),
        )
        return decide(curve, self._config, self._calibration, activity)

    def file_delay(self) -> float:
        """Seconds: the delay of the file where it can be told, else 0: as recorded."""
        return self.estimate().audio_delay or 0.0

    def _lag(self, face: FaceFeatures) -> int:
        """Index into the scored delays of the one that is taken out for a face."""
        lag = round(self._calibration.bias / FRAME_S)
        if self._align == "track":
            curve = face.evidence.curve(self.lags)
            usable = curve.usable(self._config)
            if usable.any():
                means = np.where(usable, curve.scores / np.maximum(curve.counts, 1), -np.inf)
                lag = int(curve.lags[int(means.argmax())])
        elif self._align == "file":
            lag = round((self.file_delay() + self._calibration.bias) / FRAME_S)
        return int(np.clip(lag - self._wide[0], 0, len(self._wide) - 1))

    # --- features

    def _release(self, face: FaceFeatures) -> None:
        """Make features of what waits."""
        if not face.held:
            return
        ratios = np.concatenate([h.ratios for h in face.held]).astype(np.float32)
        cosines = np.concatenate([h.cosines for h in face.held]).astype(np.float32)
        local = np.concatenate([h.local for h in face.held])
        features = lagged_features(ratios, cosines, local, self._lag(face))
        face.done.append((features, np.concatenate([h.boxes for h in face.held])))
        face.held = []

    def finish(self) -> list[FaceSteps]:
        """Everything that is known of every face, in order of appearance."""
        self._add(self._comparer.finish())
        for face in self._faces.values():
            self._release(face)
        return [
            FaceSteps(
                track_id=face.track_id,
                shot=face.shot,
                first=face.first,
                features=np.concatenate([f for f, _ in face.done]),
                boxes=np.concatenate([b for _, b in face.done]),
            )
            for face in sorted(self._faces.values(), key=lambda f: (f.first, f.track_id))
            if face.done
        ]

    def size_px(self, track_id: int) -> float:
        """Median width of a face's box."""
        return float(np.median(self._faces[track_id].sizes))
