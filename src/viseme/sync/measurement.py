"""What `check` gathers of one clip as its faces come, and the answer it gives from that.

Knows face events, a comparer and the evidence it leaves; refuses to know files and how faces were found.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from viseme.audio.mel_frames import MelFrames
from viseme.core.evidence import CheckEvidence
from viseme.core.results import DelayEstimate, Reason, RejectedTrack, TrackResult, Verdict
from viseme.faces import FaceEvent
from viseme.faces.crop_recorder import CropRecorder
from viseme.faces.thumbnails import FaceThumbnails
from viseme.sync.checkpoint import SyncWeights
from viseme.sync.comparer import ComparedStretch, Comparer
from viseme.sync.drift import estimate_drift
from viseme.sync.estimator import STEP, DelayCurve, EstimatorConfig, find_peak, posterior
from viseme.sync.evidence import FaceEvidence, blocks_of
from viseme.sync.pieces import find_pieces
from viseme.sync.verdict import NO_VOICE, FaceActivity, decide, no_face_reason, with_pieces, withhold

__all__ = ["DelayMeasurement", "Measured", "candidate_lags"]

LOOK_WIDER_S = 10.0
"""Seconds either way that are compared whatever is asked for: a delay is only told if none farther away fits better."""
SURE_BEYOND = 0.9
"""Probability from which a delay beyond the range that was asked for is told."""
NOT_HEARD_OR_SEEN = frozenset({Reason.NO_VOICE, Reason.MOUTH_STATIC, Reason.NO_OVERLAP, Reason.TRACK_TOO_SHORT})
"""Reasons for which a delay that jumps is not sought either."""
MOST_THUMBNAILS = 4
"""Faces whose images a report shows."""


def candidate_lags(max_delay: float) -> NDArray[np.int64]:
    """(L,) delays that are tried, audio frames of 10 ms: -max_delay to max_delay seconds."""
    reach = round(max_delay / STEP)
    return np.arange(-reach, reach + 1)


class FaceRecord:
    """What is kept of one face."""

    def __init__(self, track_id: int) -> None:
        self.evidence = FaceEvidence(track_id)
        self.start = np.inf
        self.end = -np.inf
        self.num_frames = 0
        self.num_observed = 0
        self.sizes: list[float] = []
        self.mouth_motion = 0.0
        self.mouth: list[tuple[NDArray[np.float64], NDArray[np.float32]]] = []
        """Times and lip apertures."""

    @property
    def frames_per_s(self) -> float:
        """Frames of it that were seen, a second."""
        return (self.num_frames - 1) / (self.end - self.start) if self.end > self.start else 25.0

    def add(self, compared: ComparedStretch) -> None:
        """One more stretch of it."""
        motion, new = compared.motion, slice(compared.num_context, None)
        boxes = compared.track.boxes
        self.start = min(self.start, float(motion.times[0]))
        self.end = float(motion.times[-1])
        self.num_frames += len(motion.times[new])
        self.num_observed += int(motion.observed[new].sum())
        self.sizes.append(float(np.median(boxes[:, 2] - boxes[:, 0])))
        self.mouth_motion = max(self.mouth_motion, float(np.std(motion.opening)))
        self.mouth.append((motion.times[new], motion.opening[new]))
        self.evidence.blocks += blocks_of(compared.scored)


@dataclass(frozen=True)
class Measured:
    """The answer for a clip and for each of its faces."""

    estimate: DelayEstimate
    tracks: tuple[TrackResult, ...]
    rejected: tuple[RejectedTrack, ...]
    evidence: CheckEvidence | None


class DelayMeasurement:
    """Takes face events as they come; `finish` answers."""

    def __init__(
        self, weights: SyncWeights, audio: MelFrames, config: EstimatorConfig, *, crops: CropRecorder | None = None
    ) -> None:
        """Measure nothing yet.

        Args:
            weights: Sync models and their calibration, which decides when an answer is given.
            audio: Of the clip.
            config: What is searched.
            crops: See `Comparer`.
        """
        self._calibration, self._audio = weights.calibration, audio
        self._config = replace(
            config, answer_above=self._calibration.answer_above, temperature=self._calibration.temperature
        )
        self._comparer = Comparer(weights, audio, candidate_lags(max(config.max_delay, LOOK_WIDER_S)), crops=crops)
        self._lags = self._comparer.lags
        self._faces: dict[int, FaceRecord] = {}
        self._rejected: list[RejectedTrack] = []

    def take(self, event: FaceEvent) -> None:
        """One more stretch of a face, or a face that will not be used."""
        if isinstance(event, RejectedTrack):
            self._rejected.append(event)
            self._add([self._comparer.end(event.track_id)])
            return
        self._faces.setdefault(event.track_id, FaceRecord(event.track_id))
        self._add([self._comparer.take(event)])
        self._audio.forget(self._comparer.audio_needed_from)

    def _add(self, stretches: Iterable[ComparedStretch | None]) -> None:
        for compared in stretches:
            if compared is not None:
                self._faces[compared.track.track_id].add(compared)

    def finish(self, *, thumbnails: FaceThumbnails | None = None) -> Measured:
        """Read the rest of the audio, and answer.

        Args:
            thumbnails: Images of the faces; None = no `CheckEvidence` is made.
        """
        self._add(self._comparer.finish())
        self._audio.read_to_end()
        used = {i: face for i, face in self._faces.items() if face.evidence.blocks}
        wide = {i: face.evidence.curve(self._lags) for i, face in used.items()}
        total = sum(wide.values(), FaceEvidence(0).curve(self._lags))
        reach, estimate = self._estimate(total, used)
        total, curves = total.within(reach), {i: curve.within(reach) for i, curve in wide.items()}
        bias = self._calibration.bias
        lag = None if estimate.audio_delay is None else round((estimate.audio_delay + bias) / STEP)
        share = {i: _support(curve, lag) for i, curve in curves.items()}
        return Measured(
            estimate=estimate,
            tracks=tuple(
                self._track(i, face, curves[i], share[i] / (sum(share.values()) or 1.0), jumps=bool(estimate.pieces))
                for i, face in used.items()
            ),
            rejected=tuple(self._rejected),
            evidence=None if thumbnails is None else self._evidence(total, curves, share, thumbnails),
        )

    def _estimate(self, total: DelayCurve, used: dict[int, FaceRecord]) -> tuple[float, DelayEstimate]:
        """The answer for all faces together, and how far either way it was sought, seconds."""
        asked = self._config.max_delay
        voiced = self._audio.voiced_fraction
        if self._audio.num_frames == 0:
            return asked, withhold(Reason.NO_AUDIO)
        if not used:
            return asked, withhold(self._why_unused(voiced))
        activity = FaceActivity(
            voiced,
            max(f.mouth_motion for f in used.values()),
            sum(f.evidence.seconds for f in used.values()),
            max(f.frames_per_s for f in used.values()),
        )
        near = decide(total.within(asked), self._config, self._calibration, activity)
        reach, found = self._beyond(total, near, activity)
        blocks = sorted((b for f in used.values() for b in f.evidence.blocks), key=lambda b: b.start)
        if not NOT_HEARD_OR_SEEN.intersection(found.reasons):
            pieces = find_pieces(blocks, self._lags, self._config, self._calibration)
            if pieces:
                return reach, with_pieces(found, pieces)
        drift = estimate_drift(blocks, self._lags, self._config, self._calibration, reach=reach)
        return reach, replace(found, drift=drift)

    def _why_unused(self, voiced: float) -> Reason:
        """Why no face could be compared."""
        if voiced < NO_VOICE and self._faces:
            return Reason.NO_VOICE
        return no_face_reason(self._rejected)

    def _beyond(self, total: DelayCurve, near: DelayEstimate, activity: FaceActivity) -> tuple[float, DelayEstimate]:
        """What a look beyond the range that was asked for makes of its answer."""
        asked, farthest = self._config.max_delay, float(self._lags[-1] * STEP)
        peak = find_peak(total, self._config)
        if peak is None or abs(peak.delay) <= asked:
            return asked, near
        far = decide(total, self._config, self._calibration, activity)
        if far.audio_delay is not None and far.confidence >= SURE_BEYOND:
            return farthest, far
        if near.audio_delay is None:
            return asked, near
        return asked, replace(
            near,
            audio_delay=None,
            interval=None,
            confidence=min(near.confidence, far.confidence),
            verdict=Verdict.CANNOT_TELL,
            reasons=(Reason.BEYOND_SEARCH,),
            held=None,
        )

    def _track(self, track_id: int, face: FaceRecord, curve: DelayCurve, weight: float, *, jumps: bool) -> TrackResult:
        """What one face says alone; `jumps`: the delay of the file does, so perhaps within this face."""
        activity = FaceActivity(
            self._audio.voiced_fraction, face.mouth_motion, face.evidence.seconds, face.frames_per_s
        )
        estimate = decide(curve, self._config, self._calibration, activity)
        pieces = find_pieces(face.evidence.blocks, self._lags, self._config, self._calibration) if jumps else ()
        return TrackResult(
            track_id=track_id,
            start=face.start,
            end=face.end,
            num_frames=face.num_frames,
            observed_fraction=face.num_observed / max(face.num_frames, 1),
            face_size_px=float(np.median(face.sizes)),
            estimate=with_pieces(estimate, pieces) if pieces else estimate,
            weight=weight,
        )

    def _evidence(
        self, total: DelayCurve, curves: dict[int, DelayCurve], share: dict[int, float], thumbnails: FaceThumbnails
    ) -> CheckEvidence:
        """What the report draws."""
        order = sorted(curves, key=lambda i: -share[i])
        mouth = self._faces[order[0]].mouth if order else []
        return CheckEvidence(
            curve_delays=total.delays,
            curve_scores=np.where(total.usable(self._config), total.scores, np.nan),
            curve_posterior=posterior(total, self._config),
            mouth_times=np.concatenate([t for t, _ in mouth]) if mouth else np.zeros(0),
            mouth_opening=np.concatenate([o for _, o in mouth]).astype(np.float64) if mouth else np.zeros(0),
            audio_times=np.array(self._audio.level_times),
            audio_level_db=np.array(self._audio.levels),
            track_curves={i: np.asarray(curve.scores, np.float64) for i, curve in curves.items()},
            strips=tuple(s for i in order[:MOST_THUMBNAILS] if (s := thumbnails.strip(i)) is not None),
        )


def _support(curve: DelayCurve, lag: int | None) -> float:
    """Evidence of one face for the delay that was chosen; never negative."""
    if lag is None or not len(curve.lags):
        return 0.0
    return max(0.0, float(curve.scores[int(np.clip(lag - curve.lags[0], 0, len(curve.lags) - 1))]))
