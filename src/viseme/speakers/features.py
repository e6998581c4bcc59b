"""From tracked faces and a mel_frames to features on a common clock, in constant memory.

Knows lip motion, pair scores and delays; refuses to know who is speaking. Every pair of lips and audio is scored at
all delays at once; what was scored is held until the delay of the file is known, at most `HOLD_S` seconds of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from viseme.audio.mel_frames import MelFrames
from viseme.core.results import DelayEstimate, Reason
from viseme.face3d.lips import LipMotion, lip_motion
from viseme.faces import FaceTrackChunk
from viseme.speakers.interface import FEATURES, STEP_S, FaceSteps
from viseme.sync.checkpoint import SyncWeights
from viseme.sync.estimator import DelayCurve, EstimatorConfig, banded, log_ratios
from viseme.sync.evidence import (
    BLOCK,
    CONTEXT,
    FaceEvidence,
    Stretch,
    embed_audio,
    embed_lips,
    embed_pairs,
    normalise_mels,
    to_grid_points,
)
from viseme.sync.interface import visual_inputs
from viseme.sync.verdict import FaceActivity, decide, withhold

__all__ = ["Align", "Gatherer", "bands_of", "lagged_features", "local_features", "pair_bands", "smooth_steps"]

Align = Literal["none", "file", "track"]
STRETCH = 20.0
"""Seconds of a face that are scored at a time."""
MEMORY = 3.0
"""Seconds of a face kept as context for its next stretch."""
HOLD_S = 120.0
"""Seconds of a face that wait for the delay at most."""
SMOOTH = 15
"""Steps of the mean of the papers: 0.6 seconds."""
NEAR = np.array([-5, -4, -3, 3, 4, 5])
"""Delays beside the one taken out, 10 ms each."""
LOCAL = np.arange(-130, 131, 2)
"""Delays, beside the one taken out, among which the best is sought: a voice dubbed off its own lips is found there."""
REACH_S = 2.0
"""Seconds of audio on either side of a face that its lips are compared with."""


def smooth_steps(values: NDArray[np.floating], size: int = SMOOTH) -> NDArray[np.float32]:
    """Centred mean over `size` steps along the first axis; at the edges over those that exist; NaN are left out.

    Example:
        >>> smooth_steps(np.array([0.0, 3.0, 0.0, 3.0]), 3).tolist()
        [1.5, 1.0, 2.0, 1.5]
    """
    known = np.isfinite(values)
    total = uniform_filter1d(np.where(known, values, 0).astype(np.float64), size, axis=0, mode="constant")
    count = uniform_filter1d(known.astype(np.float64), size, axis=0, mode="constant")
    return np.where(count > 1e-9, total / np.maximum(count, 1e-9), np.nan).astype(np.float32)


@dataclass(frozen=True)
class _Held:
    """Scored steps that wait for the delay."""

    first: int
    ratios: NDArray[np.float16]
    """(T, L) at the candidate delays; NaN where there was no audio."""
    cosines: NDArray[np.float16]
    """(T, L)."""
    local: NDArray[np.float32]
    """(T, 5) opening, motion, lips, yaw, seen."""
    boxes: NDArray[np.float32]


class _Face:
    """One face while it is followed, and what is kept of it."""

    def __init__(self, track_id: int, shot: int) -> None:
        self.track_id, self.shot = track_id, shot
        self.times = np.zeros(0)
        self.landmarks = np.zeros((0, 478, 3), np.float32)
        self.boxes = np.zeros((0, 4), np.float32)
        self.observed = np.zeros(0, bool)
        self.scored_to = -np.inf
        self.next_step: int | None = None
        self.held: list[_Held] = []
        self.evidence = FaceEvidence(track_id)
        self.mouth_motion = 0.0
        self.sizes: list[float] = []
        self.done: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []
        self.first = 0
        self.ended = False

    def add(self, chunk: FaceTrackChunk) -> None:
        self.times = np.concatenate([self.times, chunk.times])
        self.landmarks = np.concatenate([self.landmarks, chunk.landmarks])
        self.boxes = np.concatenate([self.boxes, chunk.boxes])
        self.observed = np.concatenate([self.observed, chunk.observed])

    def forget(self, before: float) -> None:
        keep = self.times > before
        self.times, self.landmarks = self.times[keep], self.landmarks[keep]
        self.boxes, self.observed = self.boxes[keep], self.observed[keep]

    @property
    def held_s(self) -> float:
        return sum(len(h.ratios) for h in self.held) * STEP_S

    @property
    def seconds(self) -> float:
        return sum(s.num_windows for s in self.evidence.stretches) * STEP_S


class Gatherer:
    """Takes chunks of tracks as they come, gives features of every face at the end."""

    def __init__(self, bundle: SyncWeights, mel_frames: MelFrames, *, align: Align, max_delay: float) -> None:
        self._bundle, self._audio, self._align = bundle, mel_frames, align
        self._visual = visual_inputs[bundle.input_mode]()
        reach = round(max_delay * 100)
        self.lags = np.arange(-reach, reach + 1)
        """Delays of the file that are considered; pairs are scored `LOCAL` beyond."""
        wide = reach + int(LOCAL[-1])
        self._wide = np.arange(-wide, wide + 1)
        calibration = bundle.calibration
        self._config = EstimatorConfig(
            max_delay=max_delay, answer_above=calibration.answer_above, temperature=calibration.temperature
        )
        self._max_delay = max_delay
        self._faces: dict[int, _Face] = {}
        self._heard: tuple[tuple[int, int], list[Tensor]] | None = None
        self.position = 0.0

    def take(self, chunk: FaceTrackChunk) -> None:
        """One more stretch of a face."""
        face = self._faces.setdefault(chunk.track_id, _Face(chunk.track_id, chunk.shot))
        face.add(chunk)
        face.sizes.append(chunk.face_size_px)
        if chunk.last or chunk.end - max(face.scored_to, face.times[0]) >= STRETCH:
            self._score(face)
        self.position = max(self.position, chunk.end)
        if chunk.last:
            self._end(face)
        elif face.held_s > HOLD_S:
            self._release_held(face)

    def end_track(self, track_id: int) -> None:
        """No further chunk of this face will come."""
        face = self._faces.get(track_id)
        if face is not None and not face.ended:
            self._score(face)
            self._end(face)

    def _end(self, face: _Face) -> None:
        face.ended = True
        face.times, face.landmarks = np.zeros(0), np.zeros((0, 478, 3), np.float32)
        face.boxes, face.observed = np.zeros((0, 4), np.float32), np.zeros(0, bool)
        if self._align != "file":
            self._release_held(face)
        elif sum(f.held_s for f in self._faces.values()) > 4 * HOLD_S:
            for other in self._faces.values():
                self._release_held(other)

    def _score(self, face: _Face) -> None:
        """Compare what is new of a face with the audio around it."""
        if len(face.times) < 2 or face.times[-1] <= face.scored_to:
            return
        motion = lip_motion(face.landmarks, face.times, face.observed)
        grid, points = to_grid_points(motion.times, self._visual(motion))
        steps = np.rint(grid / STEP_S).astype(np.int64)
        if len(steps) == 0:
            return
        reach = max(REACH_S, self._wide[-1] * 0.01) + CONTEXT
        first, power = self._audio.window(face.times[0] - reach, face.times[-1] + reach)
        pairs = self._pairs(points, first, power)
        band, cosines, present = bands_of(pairs, steps, first, len(power), self._wide)
        keep = np.flatnonzero(steps >= (face.next_step if face.next_step is not None else steps[0]))
        if len(keep) == 0:
            return
        core = slice(int(LOCAL[-1]), int(LOCAL[-1]) + len(self.lags))
        for at in range(0, len(keep), BLOCK):
            rows = keep[at : at + BLOCK]
            face.evidence.stretches.append(
                Stretch(
                    float(grid[rows[0]]),
                    float(grid[rows[-1]] + STEP_S),
                    band[rows, core].sum(0).astype(np.float32),
                    present[rows, core].sum(0).astype(np.int16),
                    len(rows),
                )
            )
        local = local_features(motion, grid)
        boxes = np.stack([np.interp(grid, face.times, face.boxes[:, k]) for k in range(4)], -1).astype(np.float32)
        face.mouth_motion = max(face.mouth_motion, float(np.std(motion.opening)))
        if face.next_step is None:
            face.first = int(steps[0])
        face.next_step = int(steps[-1]) + 1
        face.held.append(
            _Held(
                int(steps[keep[0]]),
                np.where(present, band, np.nan)[keep].astype(np.float16),
                np.where(present, cosines, np.nan)[keep].astype(np.float16),
                local[keep],
                boxes[keep],
            )
        )
        face.scored_to = float(face.times[-1])
        face.forget(face.scored_to - MEMORY)

    def _pairs(
        self, points: NDArray[np.floating], first: int, power: NDArray[np.floating]
    ) -> list[tuple[NDArray[np.float32], NDArray[np.float32], float]]:
        """`embed_pairs`; faces seen together meet the same audio, so that of the last face is kept."""
        if min(len(points), len(power)) == 0:
            return []
        models, place = self._bundle.models, (first, len(power))
        if self._heard is None or self._heard[0] != place:
            self._heard = place, embed_audio(models, normalise_mels(power))
        seen = embed_lips(models, points - points.mean(0))
        return [(s, h, m.scale) for s, h, m in zip(seen, self._heard[1], models)]

    # --- delays

    def estimate(self) -> DelayEstimate:
        """The delay of the file, from all faces so far; a refusal with its reasons where it cannot be told."""
        faces = [f for f in self._faces.values() if f.evidence.stretches]
        if self._audio.num_frames == 0:
            return withhold(Reason.NO_AUDIO)
        if not faces:
            return withhold(Reason.NO_FACE)
        total = FaceEvidence(0).curve(self.lags)
        for face in faces:
            total = total + face.evidence.curve(self.lags)
        return self._decide(total, max(f.mouth_motion for f in faces), sum(f.seconds for f in faces))

    def track_estimate(self, track_id: int) -> DelayEstimate:
        """What one face alone says."""
        face = self._faces[track_id]
        return self._decide(face.evidence.curve(self.lags), face.mouth_motion, face.seconds)

    def _decide(self, curve: DelayCurve, mouth_motion: float, seconds: float) -> DelayEstimate:
        voiced = self._audio.voiced_fraction
        activity = FaceActivity(voiced, mouth_motion, seconds)
        return decide(curve, self._config, self._bundle.calibration, activity)

    def file_delay(self) -> float:
        """Seconds: the delay of the file where it can be told, else 0: as recorded."""
        return self.estimate().audio_delay or 0.0

    def _lag(self, face: _Face) -> int:
        """Index into the scored delays of the one that is taken out for a face."""
        lag = round(self._bundle.calibration.bias * 100)
        if self._align == "track":
            curve = face.evidence.curve(self.lags)
            usable = curve.usable(self._config)
            if usable.any():
                means = np.where(usable, curve.scores / np.maximum(curve.counts, 1), -np.inf)
                lag = int(curve.lags[int(means.argmax())])
        elif self._align == "file":
            lag = round((self.file_delay() + self._bundle.calibration.bias) * 100)
        return int(np.clip(lag - self._wide[0], 0, len(self._wide) - 1))

    def _release_held(self, face: _Face) -> None:
        if not face.held:
            return
        lag = self._lag(face)
        ratios = np.concatenate([h.ratios for h in face.held]).astype(np.float32)
        cosines = np.concatenate([h.cosines for h in face.held]).astype(np.float32)
        local = np.concatenate([h.local for h in face.held])
        face.done.append((lagged_features(ratios, cosines, local, lag), np.concatenate([h.boxes for h in face.held])))
        face.held = []

    def finish(self) -> list[FaceSteps]:
        """Everything that is known of every face, in order of appearance."""
        for face in self._faces.values():
            self.end_track(face.track_id)
        for face in self._faces.values():
            self._release_held(face)
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


def pair_bands(
    bundle: SyncWeights,
    points: NDArray[np.floating],
    steps: NDArray[np.integer],
    first: int,
    power: NDArray[np.floating],
    lags: NDArray[np.integer],
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.bool_]]:
    """Score lips against audio at every candidate delay.

    Args:
        bundle: Sync weights; their models are averaged before anything else.
        points: (T, K, 3) what the video stream sees.
        steps: (T,) numbers of the steps.
        first: Number of the first audio frame, see `viseme.audio.clock`.
        power: (A, M) mel powers, only what really exists.
        lags: (L,) delays in 10 ms.

    Returns:
        (T, L) log-likelihood ratios, (T, L) cosines, zero where absent, and (T, L) whether the pair was there.
    """
    if min(len(points), len(power)) == 0:
        return bands_of([], steps, first, len(power), lags)
    return bands_of(embed_pairs(bundle.models, points, normalise_mels(power)), steps, first, len(power), lags)


def bands_of(
    pairs: Sequence[tuple[NDArray[np.float32], NDArray[np.float32], float]],
    steps: NDArray[np.integer],
    first: int,
    num_frames: int,
    lags: NDArray[np.integer],
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.bool_]]:
    """`pair_bands` from what `embed_pairs` gave for (T,) steps and the `num_frames` audio frames from `first` on."""
    raw, cosines = (np.zeros((len(steps), num_frames), np.float32) for _ in range(2))
    for seen, heard, scale in pairs:
        product = seen @ heard.T
        raw += product * np.float32(scale / len(pairs))
        norms = np.linalg.norm(seen, axis=1)[:, None] * np.linalg.norm(heard, axis=1)[None]
        cosines += product / np.maximum(norms, 1e-9) / len(pairs)
    centres = steps * 4 - (first + 2)  # column j is the instant (first + j + 2) / 100 s
    band, present = banded(log_ratios(raw), centres, lags)
    other, _ = banded(cosines, centres, lags)
    return band, other, present


def local_features(motion: LipMotion, grid: NDArray[np.float64]) -> NDArray[np.float32]:
    """(T, 5) opening, motion, lips, yaw, seen on the grid."""
    opening = np.interp(grid, motion.times, motion.opening)
    mean = smooth_steps(opening)
    spread = np.sqrt(np.maximum(smooth_steps(opening**2) - mean**2, 0))
    _, points = to_grid_points(motion.times, motion.points)
    speed = np.zeros(len(grid))
    if len(grid) > 1:
        moved = np.diff(points[:, :40], axis=0)
        moved = moved - moved.mean(1, keepdims=True)
        speed[1:] = np.sqrt((moved**2).sum(-1).mean(-1)) / STEP_S
        speed[0] = speed[1]
    yaw = np.interp(grid, motion.times, np.abs(motion.angles[:, 1]))
    seen = np.interp(grid, motion.times, motion.observed.astype(float)) > 0.5
    return np.stack([opening, spread, smooth_steps(speed, 5), yaw, seen], -1).astype(np.float32)


def lagged_features(
    ratios: NDArray[np.float32], cosines: NDArray[np.float32], local: NDArray[np.float32], lag: int
) -> NDArray[np.float32]:
    """(T, len(FEATURES)) of scored steps with the delay number `lag` taken out."""
    num_lags = ratios.shape[1]
    here = ratios[:, lag]
    present = np.isfinite(here)
    near = NEAR + lag
    near = near[(near >= 0) & (near < num_lags)]
    beside = np.nan_to_num(ratios[:, near]).mean(1) if len(near) else np.zeros(len(here))
    local_lags = LOCAL + lag
    local_lags = local_lags[(local_lags >= 0) & (local_lags < num_lags)]
    means = np.nan_to_num(smooth_steps(ratios[:, local_lags]), nan=-10.0)
    best = means.argmax(1)
    columns = {
        "ratio": np.nan_to_num(here),
        "cosine": np.nan_to_num(cosines[:, lag]),
        "near": beside,
        "best": np.where(present, np.take_along_axis(means, best[:, None], 1)[:, 0], 0),
        "away": np.abs(local_lags[best] - lag) * 0.01,
        "opening": local[:, 0],
        "motion": local[:, 1],
        "lips": local[:, 2],
        "yaw": local[:, 3],
        "seen": local[:, 4],
        "audio": present,
    }
    return np.stack([columns[name] for name in FEATURES], -1).astype(np.float32)
