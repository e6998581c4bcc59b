"""`viseme.check`: one file in, one delay with its evidence out, in constant memory.

Knows the order of the work: media -> faces -> lip motion -> evidence -> verdict. Refuses to know how any of it is done.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.audio.mel_frames import MelFrames
from viseme.core.errors import ConfigError, NoAudio, NoVideo
from viseme.core.results import CheckEvidence, CheckResult, Reason, RejectedTrack, TrackResult
from viseme.engine.prefetch import ahead
from viseme.face3d.lips import LipMotion, lip_motion
from viseme.faces import FaceTrackChunk, tracker
from viseme.faces.crops import crop_squares
from viseme.faces.thumbnails import FaceStrips
from viseme.media import MediaInfo, probe, read_audio, read_frames
from viseme.standardization.interface import FaceObservation
from viseme.sync.checkpoint import SyncWeights, load_sync_weights
from viseme.sync.estimator import DelayCurve, EstimatorConfig, posterior
from viseme.sync.evidence import CONTEXT, FaceEvidence, compare, to_grid, to_grid_points
from viseme.sync.interface import visual_inputs
from viseme.sync.verdict import FaceActivity, decide, estimate_drift, withhold

__all__ = ["check", "check_with"]

MAX_SIDE = 1280
"""Frames are scaled so that the longer side has at most this many pixels before faces are sought."""
STRETCH = 20.0
"""Seconds of a face that are compared at a time."""
MEMORY = 3.0
"""Seconds of a face kept as context for its next stretch."""


def check(
    path: str | os.PathLike[str],
    *,
    audio: str | os.PathLike[str] | None = None,
    audio_stream: int = 0,
    max_delay: float = 2.0,
    input: str = "landmarks",
    weights: str | os.PathLike[str] | None = None,
    tracker: str = "mediapipe",
    in_sync_band: tuple[float, float] = (-0.045, 0.125),
    evidence: bool = False,
    on_progress: Callable[[float], None] | None = None,
) -> CheckResult:
    """Measure how late the audio of a video is, from the lips of the people in it.

    Args:
        path: Any file with moving frames.
        audio: Audio from another file, whose first sample is taken to belong to the first frame.
        audio_stream: Which audio stream of the file, from 0.
        max_delay: Largest delay searched either way, seconds.
        input: What the video stream sees: "landmarks", "mesh", "beta", "raw", "rgb" or "rgbd"; weights that are given
            decide for themselves, and for the last four they must be given.
        weights: Name or file of other weights; None = those that ship.
        tracker: Face tracker, by name.
        in_sync_band: Delays that count as in sync, seconds.
        evidence: Keep what the report draws.
        on_progress: Told the fraction done, 0 to 1, now and then.

    Returns:
        The delay (positive = audio later than the video), its 95 % interval and probability, or "cannot tell" with
        reasons; every face used and every face rejected.

    Raises:
        MediaError: the file cannot be read, has no video, or has no audio.
        WeightsError: weights are missing or damaged.
        ConfigError: an option is out of its range.
    """
    config = EstimatorConfig(max_delay=max_delay, in_sync_band=in_sync_band)
    bundle = load_sync_weights(os.fspath(weights) if weights is not None else _default_weights(input))
    if input != "landmarks" and bundle.input_mode != input:
        raise ConfigError(
            f"{bundle.name} sees {bundle.input_mode}, not {input}; leave --input out or pass other weights"
        )
    return check_with(
        bundle,
        path,
        audio=audio,
        audio_stream=audio_stream,
        config=config,
        tracker_name=tracker,
        evidence=evidence,
        on_progress=on_progress,
    )


def _default_weights(mode: str) -> str | None:
    visual_inputs[mode]  # an unknown name is an error that lists the known ones
    if mode not in ("landmarks", "mesh"):
        raise ConfigError(
            f"no weights for --input {mode} come with this package; train them with viseme train sync --input {mode} "
            "and pass --weights FILE"
        )
    return None if mode == "landmarks" else f"sync-{mode}"


def check_with(
    bundle: SyncWeights,
    path: str | os.PathLike[str],
    *,
    audio: str | os.PathLike[str] | None = None,
    audio_stream: int = 0,
    config: EstimatorConfig | None = None,
    tracker_name: str = "mediapipe",
    evidence: bool = False,
    on_progress: Callable[[float], None] | None = None,
) -> CheckResult:
    """`check` with weights already loaded."""
    began = time.perf_counter()
    config = config or EstimatorConfig()
    warnings: list[str] = []
    info = probe(path)
    if info.video is None or info.video.is_still:
        what = "is a photograph" if info.video is not None else "has no video stream"
        raise NoVideo(f"{os.fspath(path)} {what}; give a video file")
    mel_frames = MelFrames(_audio(path, info, audio, audio_stream, warnings.append))
    work = _Work(bundle, config, mel_frames, info, on_progress, path)
    strips = FaceStrips() if evidence else None
    face_tracker = tracker[tracker_name](tracker[tracker_name].Config())
    stream = ahead(read_frames(path, max_side=MAX_SIDE, on_warning=warnings.append), 8)
    try:
        for event in face_tracker.track(stream, strips=strips):
            work.take(event)
    finally:
        stream.close()
    work.finish()
    mel_frames.read_to_end()
    return work.result(Path(path), warnings, strips, time.perf_counter() - began)


def _audio(path: Any, info: MediaInfo, audio: Any, stream: int, warn: Callable[[str], None]) -> Iterator[Any]:
    source = path if audio is None else audio
    if audio is None and not info.audio:
        raise NoAudio(f"{os.fspath(path)} has no audio stream; pass --audio FILE")
    if audio is None and len(info.audio) > 1:
        warn(f"{len(info.audio)} audio streams; number {stream} was used")
    return iter(read_audio(source, stream=stream, on_warning=warn))


class _Face:
    """One face while it is being followed."""

    def __init__(self, track_id: int) -> None:
        self.evidence = FaceEvidence(track_id)
        self.pending: list[FaceTrackChunk] = []
        self.scored_to = -np.inf
        self.start = np.inf
        self.end = -np.inf
        self.num_frames = 0
        self.num_observed = 0
        self.sizes: list[float] = []
        self.mouth_motion = 0.0
        self.mouth: list[tuple[NDArray[np.float64], NDArray[np.float32]]] = []

    @property
    def seconds(self) -> float:
        return sum(s.num_windows for s in self.evidence.stretches) * 0.04


class _Work:
    """Everything gathered from one file."""

    def __init__(
        self,
        bundle: SyncWeights,
        config: EstimatorConfig,
        mel_frames: MelFrames,
        info: MediaInfo,
        on_progress: Callable[[float], None] | None,
        path: Any = None,
    ) -> None:
        self.path = path
        self.bundle, self.config, self.mel_frames, self.info = bundle, config, mel_frames, info
        self.visual: Any = visual_inputs[bundle.input_mode]()
        reach = round(config.max_delay * 100)
        self.lags = np.arange(-reach, reach + 1)
        self.faces: dict[int, _Face] = {}
        self.rejected: list[RejectedTrack] = []
        self.on_progress = on_progress

    def take(self, event: FaceTrackChunk | RejectedTrack) -> None:
        """One more stretch of a face, or a face that will not be used."""
        if isinstance(event, RejectedTrack):
            self.rejected.append(event)
            face = self.faces.get(event.track_id)
            if face is not None:
                self._compare(face)
            return
        face = self.faces.setdefault(event.track_id, _Face(event.track_id))
        face.pending.append(event)
        if event.last or event.end - max(face.scored_to, face.pending[0].start) >= STRETCH:
            self._compare(face)
            if event.last:
                face.pending = []
        if self.on_progress and self.info.duration:
            self.on_progress(min(1.0, event.end / float(self.info.duration)))
        self.mel_frames.forget(event.end - 40 - STRETCH - self.config.max_delay)

    def finish(self) -> None:
        """Compare what is still waiting."""
        for face in self.faces.values():
            if face.pending and face.pending[-1].end > face.scored_to:
                self._compare(face)
            face.pending = []

    def _compare(self, face: _Face) -> None:
        times = np.concatenate([c.times for c in face.pending]) if face.pending else np.zeros(0)
        if len(times) < 2:
            return
        landmarks = np.concatenate([c.landmarks for c in face.pending])
        observed = np.concatenate([c.observed for c in face.pending])
        motion = lip_motion(landmarks, times, observed)
        fresh = times > face.scored_to
        self._describe(face, motion, fresh, np.concatenate([c.boxes for c in face.pending]))
        if hasattr(self.visual, "of_track"):  # viseme.sync.inputs.tracks.TrackInput, not imported where it is not used
            crops = crop_squares(landmarks)
            track = FaceObservation(times=times, landmarks=landmarks, observed=observed, crops=crops)
            grid, points = to_grid_points(times, self.visual.of_track(track, self.path))
        else:
            grid, points = to_grid(_with_points(motion, self.visual(motion)))
        reach = self.config.max_delay + CONTEXT
        first, power = self.mel_frames.window(times[0] - reach, times[-1] + reach)
        face.evidence.stretches += compare(
            self.bundle.models, grid, points, first, power, self.lags, scored_from=face.scored_to + 1e-3
        )
        face.scored_to = float(times[-1])
        face.pending = _tail(face.pending, face.scored_to - MEMORY)

    @staticmethod
    def _describe(face: _Face, motion: LipMotion, fresh: NDArray[np.bool_], boxes: NDArray[np.float32]) -> None:
        face.start = min(face.start, float(motion.times[0]))
        face.end = float(motion.times[-1])
        face.num_frames += int(fresh.sum())
        face.num_observed += int(motion.observed[fresh].sum())
        face.sizes.append(float(np.median(boxes[:, 2] - boxes[:, 0])))
        face.mouth_motion = max(face.mouth_motion, float(np.std(motion.opening)))
        face.mouth.append((motion.times[fresh], motion.opening[fresh]))

    def result(self, path: Path, warnings: list[str], strips: FaceStrips | None, elapsed: float) -> CheckResult:
        """The answer for the file and for each face."""
        calibration, mel_frames = self.bundle.calibration, self.mel_frames
        config = _configured(self.config, calibration)
        used = {i: f for i, f in self.faces.items() if f.evidence.stretches}
        voiced = mel_frames.voiced_fraction
        curves = {i: f.evidence.curve(self.lags) for i, f in used.items()}
        total = FaceEvidence(0).curve(self.lags)
        for curve in curves.values():
            total = total + curve
        stretches = sorted((s for f in used.values() for s in f.evidence.stretches), key=lambda s: s.start)
        if mel_frames.num_frames == 0:
            estimate = withhold(Reason.NO_AUDIO)
        elif not used:
            estimate = withhold(Reason.NO_VOICE if voiced < 0.02 and self.faces else Reason.NO_FACE)
        else:
            activity = FaceActivity(
                voiced, max(f.mouth_motion for f in used.values()), sum(f.seconds for f in used.values())
            )
            drift = estimate_drift(stretches, self.lags, config, calibration)
            estimate = decide(total, config, calibration, activity, drift=drift)
        at = None if estimate.audio_delay is None else round((estimate.audio_delay + calibration.bias) * 100)
        share = {i: _support(c, at) for i, c in curves.items()}
        whole = sum(share.values()) or 1.0
        tracks = tuple(
            TrackResult(
                track_id=i,
                start=face.start,
                end=face.end,
                num_frames=face.num_frames,
                observed_fraction=face.num_observed / max(face.num_frames, 1),
                face_size_px=float(np.median(face.sizes)),
                estimate=decide(curves[i], config, calibration, FaceActivity(voiced, face.mouth_motion, face.seconds)),
                weight=share[i] / whole,
            )
            for i, face in used.items()
        )
        video = self.info.video
        assert video is not None
        return CheckResult(
            file=os.fspath(path),
            estimate=estimate,
            tracks=tracks,
            rejected=tuple(self.rejected),
            duration=None if self.info.duration is None else float(self.info.duration),
            frame_rate=None if video.rate is None else float(video.rate),
            width=video.width,
            height=video.height,
            input_mode=self.bundle.input_mode,
            weights=self.bundle.name,
            elapsed=elapsed,
            warnings=tuple(dict.fromkeys(warnings)),
            evidence=None if strips is None else self._evidence(total, curves, share, strips, config),
        )

    def _evidence(
        self,
        total: DelayCurve,
        curves: dict[int, DelayCurve],
        share: dict[int, float],
        strips: FaceStrips,
        config: EstimatorConfig,
    ) -> CheckEvidence:
        order = sorted(curves, key=lambda i: -share[i])
        mouth = self.faces[order[0]].mouth if order else []
        return CheckEvidence(
            curve_delays=total.delays,
            curve_scores=np.where(total.usable(config), total.scores, np.nan),
            curve_posterior=posterior(total, config),
            mouth_times=np.concatenate([t for t, _ in mouth]) if mouth else np.zeros(0),
            mouth_opening=np.concatenate([o for _, o in mouth]).astype(np.float64) if mouth else np.zeros(0),
            audio_times=np.array(self.mel_frames.level_times),
            audio_level_db=np.array(self.mel_frames.levels),
            track_curves={i: np.asarray(curve.scores, np.float64) for i, curve in curves.items()},
            strips=tuple(strip for i in order[:4] if (strip := strips.strip(i)) is not None),
        )


def _configured(config: EstimatorConfig, calibration: Any) -> EstimatorConfig:
    return EstimatorConfig(
        max_delay=config.max_delay,
        min_windows=config.min_windows,
        min_overlap=config.min_overlap,
        answer_above=calibration.answer_above,
        temperature=calibration.temperature,
        in_sync_band=config.in_sync_band,
    )


def _support(curve: DelayCurve, lag: int | None) -> float:
    """Evidence of one face for the delay that was chosen; never negative."""
    if lag is None or not len(curve.lags):
        return 0.0
    return max(0.0, float(curve.scores[int(np.clip(lag - curve.lags[0], 0, len(curve.lags) - 1))]))


def _tail(chunks: list[FaceTrackChunk], after: float) -> list[FaceTrackChunk]:
    """The part of the chunks after a time, as context for what comes next."""
    kept = []
    for chunk in chunks:
        keep = chunk.times > after
        if keep.any():
            kept.append(
                FaceTrackChunk(
                    track_id=chunk.track_id,
                    shot=chunk.shot,
                    times=chunk.times[keep],
                    landmarks=chunk.landmarks[keep],
                    boxes=chunk.boxes[keep],
                    observed=chunk.observed[keep],
                    confidence=chunk.confidence[keep],
                    last=chunk.last,
                )
            )
    return kept


def _with_points(motion: LipMotion, points: NDArray[np.float32]) -> LipMotion:
    return LipMotion(
        times=motion.times,
        points=points,
        observed=motion.observed,
        opening=motion.opening,
        angles=motion.angles,
        size_px=motion.size_px,
        residual=motion.residual,
    )
