"""Lips against audio at every candidate delay: the one comparer, for whole files, streams, training and benches.

Knows tracks, mel frames, visual inputs and sync models; refuses to know what the scores are used for: `evidence.py`
sums them to a delay, `viseme.speakers` makes features of them. A face is compared in stretches of `STRETCH_S` seconds
as its chunks come, each with `MEMORY_S` seconds of context before it; memory does not grow with the video.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.audio.clock import FRAME_S
from viseme.audio.mel_frames import MelFrames
from viseme.engine.free_memory import return_free_memory
from viseme.face3d.lips import LipMotion
from viseme.faces import FaceTrack, FaceTrackChunk
from viseme.faces.crop_recorder import CropRecorder
from viseme.sync.checkpoint import SyncWeights
from viseme.sync.embeddings import (
    CONTEXT,
    VIDEO_STEP,
    EmbeddedAudio,
    embed_audio,
    embed_lips,
    to_grid_points,
    without_mean,
)
from viseme.sync.estimator import banded, log_ratios
from viseme.sync.inputs.interface import VisualInput, motion_of, visual_inputs
from viseme.sync.interface import SyncModel

__all__ = [
    "MEMORY_S",
    "STRETCH_S",
    "ComparedStretch",
    "Comparer",
    "ScoredSteps",
    "compare_track",
    "crop_recorder_for",
    "pair_scores",
    "score_pairs",
    "score_points",
    "score_steps",
    "scores_at_lags",
]

STRETCH_S = 20.0
"""Seconds of a face that are compared at a time."""
MEMORY_S = 3.0
"""Seconds of a face kept as context for its next stretch."""
DISTANCE_EPSILON = 1e-6
"""Added to every difference before a distance is taken, as the published programs do."""
ROWS = 1024
"""Embeddings of lips that are compared at a time, where delays are few."""
STEP_ROWS = 32
"""Embeddings of lips that are compared at a time with all the audio around them: 1 MB an array."""
LATE_S = 40.0
"""Seconds by which the beginning of a chunk may lie before the end of one that came earlier, of another face."""


def crop_recorder_for(weights: SyncWeights) -> CropRecorder | None:
    """What must watch the tracker where the models see pixels; None where they do not."""
    visual: Any = visual_inputs[weights.input_mode]
    return CropRecorder(keep_s=LATE_S + STRETCH_S) if visual.needs_pixels else None


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoredSteps:
    """How well lips fit the audio at every candidate delay, step by step."""

    steps: NDArray[np.int64]
    """(T,) numbers of the steps, rising; step `n` lies at 0.04 n seconds."""
    ratios: NDArray[np.float32]
    """(T, L) log-likelihood ratio "these lips made this audio" against "they did not"; 0 where absent."""
    cosines: NDArray[np.float32]
    """(T, L) cosine of the two embeddings, mean over models; 0 where absent."""
    present: NDArray[np.bool_]
    """(T, L) whether there is audio at that delay."""

    @property
    def times(self) -> NDArray[np.float64]:
        """(T,) seconds."""
        return np.asarray(self.steps * VIDEO_STEP, np.float64)


@dataclass(frozen=True, kw_only=True, eq=False)
class ComparedStretch:
    """What was compared of one face at once."""

    track: FaceTrack
    """The frames, those of the context first."""
    num_context: int
    """Leading frames of the track that an earlier stretch held already."""
    motion: LipMotion
    """Of the track."""
    scored: ScoredSteps
    """Steps that no earlier stretch held; there may be none."""


def score_steps(
    models: Sequence[SyncModel],
    lips: Sequence[NDArray[np.float32]],
    audio: EmbeddedAudio,
    steps: NDArray[np.integer],
    lags: NDArray[np.integer],
) -> ScoredSteps:
    """Score embedded lips against embedded audio.

    Args:
        models: Their scores are averaged before anything else.
        lips: For each model (T, D).
        audio: Around them.
        steps: (T,) numbers of the steps.
        lags: (L,) candidate delays, audio frames; positive = the audio is late.
    """
    centres = np.asarray(steps) * round(VIDEO_STEP / FRAME_S) - (audio.first + 2)
    ratios, cosines = (np.zeros((len(steps), len(lags)), np.float32) for _ in range(2))
    present = np.zeros(ratios.shape, bool)
    lengths = [np.linalg.norm(values, axis=1) for values in audio.values]
    for at in range(0, len(steps), STEP_ROWS):
        rows = slice(at, min(at + STEP_ROWS, len(steps)))
        raw, found = _products(models, [values[rows] for values in lips], audio, lengths, rows.stop - at)
        ratios[rows], present[rows] = banded(log_ratios(raw), centres[rows], lags)
        cosines[rows], _ = banded(found, centres[rows], lags)
    return ScoredSteps(steps=np.asarray(steps, np.int64), ratios=ratios, cosines=cosines, present=present)


def _products(
    models: Sequence[SyncModel],
    lips: Sequence[NDArray[np.float32]],
    audio: EmbeddedAudio,
    lengths: Sequence[NDArray[np.float32]],
    num: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(T, A) raw scores and (T, A) cosines of `num` steps with every audio frame, averaged over models; `lengths`: (A,)
    of the embeddings of audio, for each model."""
    raw, cosines = (np.zeros((num, len(audio)), np.float32) for _ in range(2))
    if raw.size:
        for model, of_lips, of_audio, length in zip(models, lips, audio.values, lengths):
            scores = pair_scores(model, of_lips, of_audio)
            raw += scores / np.float32(len(models))
            is_product = model.specification.comparison == "dot product"  # then it is not computed twice
            product = scores / np.float32(model.scale) if is_product else of_lips @ of_audio.T
            norms = np.linalg.norm(of_lips, axis=1)[:, None] * length[None]
            cosines += product / np.maximum(norms, 1e-9) / len(models)
    return raw, cosines


def pair_scores(model: SyncModel, lips: NDArray[np.float32], audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """How well every embedding of lips fits every one of audio, by the model's own comparison; higher is better.

    Args:
        model: Whose embeddings they are.
        lips: (T, D).
        audio: (A, D).

    Returns:
        (T, A) scaled dot products, or Euclidean distances with the opposite sign.
    """
    if model.specification.comparison == "dot product":
        return (lips @ audio.T) * np.float32(model.scale)
    moved, other = lips.astype(np.float64) + DISTANCE_EPSILON, audio.astype(np.float64)
    squared = (moved**2).sum(1)[:, None] + (other**2).sum(1)[None] - 2 * moved @ other.T
    return (-np.sqrt(np.maximum(squared, 0))).astype(np.float32)


def scores_at_lags(
    model: SyncModel, lips: NDArray[np.float32], audio: NDArray[np.float32], lags: NDArray[np.integer]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """`pair_scores` of each embedding of lips with those of audio at candidate delays, both at one rate.

    Args:
        model: Whose embeddings they are.
        lips: (T, D).
        audio: (A, D).
        lags: (L,) embedding `i` of lips meets embedding `i + lag` of audio.

    Returns:
        (T, L) scores, zero where absent, and (T, L) whether there is audio.
    """
    lags = np.asarray(lags, np.int64)
    parts = []
    for at in range(0, len(lips), ROWS):
        rows = np.arange(at, min(at + ROWS, len(lips)))
        low = int(np.clip(rows[0] + lags.min(), 0, len(audio)))
        high = int(np.clip(rows[-1] + lags.max() + 1, low, len(audio)))
        parts.append(banded(pair_scores(model, lips[rows], audio[low:high]), rows - low, lags))
    if not parts:
        return np.zeros((0, len(lags)), np.float32), np.zeros((0, len(lags)), bool)
    return np.concatenate([p for p, _ in parts]).astype(np.float32), np.concatenate([p for _, p in parts])


def score_pairs(models: Sequence[SyncModel], points: NDArray[Any], mels: NDArray[np.floating]) -> NDArray[np.float32]:
    """Raw scores of every step with the audio every 10 ms, averaged over models.

    Args:
        models: One or several of the same input.
        points: (T, K, 3) at 25 steps a second, the mean is removed here; or (T, C, H, W) uint8 images, as they are.
        mels: (A, M) normalised.

    Returns:
        (T, A); column `j` belongs to the instant one and a half frames after frame `j`'s centre.
    """
    if not len(points) or not len(mels):
        return np.zeros((len(points), len(mels)), np.float32)
    heard = embed_audio(models, mels)
    raw = np.zeros((len(points), len(mels)), np.float32)
    for model, of_lips, of_audio in zip(models, embed_lips(models, without_mean(points)), heard):
        raw += pair_scores(model, of_lips, of_audio) / np.float32(len(models))
    return raw


def score_points(
    models: Sequence[SyncModel],
    steps: NDArray[np.integer],
    points: NDArray[Any],
    first: int,
    power: NDArray[np.floating],
    lags: NDArray[np.integer],
) -> ScoredSteps:
    """Score prepared lips against prepared audio, as training does.

    Args:
        models: Sync models of one visual input.
        steps: (T,) numbers of the steps.
        points: (T, K, 3) what the models see there, or (T, C, H, W) uint8 images.
        first: Number of the first audio frame, see `viseme.audio.clock`.
        power: (A, M) mel powers; only what really exists.
        lags: (L,) candidate delays, audio frames.
    """
    lips = embed_lips(models, without_mean(points)) if len(points) and len(power) else []
    return score_steps(models, lips, EmbeddedAudio.of(models, first, power), steps, lags)


def compare_track(
    models: Sequence[SyncModel],
    visual: VisualInput,
    track: FaceTrack,
    audio: EmbeddedAudio,
    lags: NDArray[np.integer],
    *,
    num_context: int = 0,
    first_step: int | None = None,
    last_steps: int | None = None,
    context_steps: int | None = None,
) -> ComparedStretch:
    """Compare a stretch of one face with the audio around it.

    Args:
        models: Sync models of that visual input.
        visual: What they see.
        track: At least two frames, with images where `visual` needs pixels.
        audio: Around it.
        lags: (L,) candidate delays, audio frames.
        num_context: As `ComparedStretch.num_context`.
        first_step: Steps before this one are not scored; None = all are.
        last_steps: Only so many of the last steps are scored; None = all.
        context_steps: So many steps before those that are scored are embedded with them; None = all.
    """
    grid, rows = to_grid_points(track.times, visual.of_track(track))
    rows = without_mean(rows)
    steps = np.rint(grid / VIDEO_STEP).astype(np.int64)
    low = 0 if first_step is None else int(np.searchsorted(steps, first_step))
    low = low if last_steps is None else max(low, len(steps) - last_steps)
    begin = 0 if context_steps is None else max(0, low - context_steps)
    lips = [e[low - begin :] for e in embed_lips(models, rows[begin:])] if low < len(steps) and len(audio) else []
    scored = score_steps(models, lips, audio, steps[low:], lags)
    return ComparedStretch(track=track, num_context=num_context, motion=motion_of(track), scored=scored)


@dataclass
class _Waiting:
    """What of a face was not compared yet, and what is kept as context."""

    parts: list[FaceTrack] = field(default_factory=list)
    compared_to: float = -np.inf
    """Seconds of the last frame that was compared."""
    next_step: int | None = None

    @property
    def start(self) -> float:
        return max(self.compared_to, float(self.parts[0].times[0]))


class Comparer:
    """Takes chunks of tracks as they come and compares each face with the audio, a stretch at a time."""

    def __init__(
        self,
        weights: SyncWeights,
        audio: MelFrames,
        lags: NDArray[np.integer],
        *,
        least_reach_s: float = 0.0,
        crops: CropRecorder | None = None,
    ) -> None:
        """Compare nothing yet.

        Args:
            weights: Sync models, and the input that they see.
            audio: Of the clip.
            lags: (L,) candidate delays, audio frames, rising.
            least_reach_s: Seconds of audio on either side of a face that are looked at, if the delays reach less far.
            crops: An observer of the tracker, where the input needs pixels; crops are dropped once they were seen.
        """
        self._models: Sequence[SyncModel] = weights.models
        self._visual: VisualInput = visual_inputs[weights.input_mode]()
        self._audio, self.lags, self._crops = audio, np.asarray(lags, np.int64), crops
        self._reach_s = max(least_reach_s, float(np.abs(self.lags).max()) * FRAME_S) + CONTEXT
        self._faces: dict[int, _Waiting] = {}
        self._embedded: tuple[tuple[int, int], EmbeddedAudio] | None = None
        self._newest = 0.0

    @property
    def audio_needed_from(self) -> float:
        """Seconds: audio before this time is not asked for again."""
        return self._newest - LATE_S - STRETCH_S - self._reach_s

    def take(self, chunk: FaceTrackChunk) -> ComparedStretch | None:
        """One more chunk of a face; None where it is not yet enough for a stretch."""
        face = self._faces.setdefault(chunk.track_id, _Waiting())
        face.parts.append(chunk.track)
        self._newest = max(self._newest, chunk.end)
        if chunk.last:
            return self.end(chunk.track_id)
        return self._compare(face) if chunk.end - face.start >= STRETCH_S else None

    def end(self, track_id: int) -> ComparedStretch | None:
        """No further chunk of this face comes; what is still waiting of it is compared."""
        face = self._faces.pop(track_id, None)
        found = None if face is None else self._compare(face)
        if self._crops is not None:
            self._crops.forget(track_id)
        return found

    def finish(self) -> list[ComparedStretch]:
        """No further chunk comes at all."""
        return [found for track_id in list(self._faces) if (found := self.end(track_id)) is not None]

    def _compare(self, face: _Waiting) -> ComparedStretch | None:
        track = FaceTrack.joined(face.parts)
        if len(track.times) < 2 or track.times[-1] <= face.compared_to:
            return None
        return_free_memory()
        if self._crops is not None:
            track = replace(track, images=self._crops.images(track.track_id, track.times))
        found = compare_track(
            self._models,
            self._visual,
            track,
            self._around(float(track.times[0]), float(track.times[-1])),
            self.lags,
            num_context=int(np.searchsorted(track.times, face.compared_to, side="right")),
            first_step=face.next_step,
        )
        face.compared_to = float(track.times[-1])
        face.next_step = int(np.floor(face.compared_to / VIDEO_STEP + 1e-6)) + 1
        kept = track.times > face.compared_to - MEMORY_S
        face.parts = [replace(track.rows(kept), images=None)]
        if self._crops is not None:
            self._crops.forget(track.track_id, float(track.times[kept][0]))
        return found

    def _around(self, start: float, end: float) -> EmbeddedAudio:
        """The audio around a stretch; that of the last one is kept, as faces seen together meet the same audio."""
        first, power = self._audio.window(start - self._reach_s, end + self._reach_s)
        place = first, len(power)
        if self._embedded is None or self._embedded[0] != place:
            self._embedded = place, EmbeddedAudio.of(self._models, first, power)
        return self._embedded[1]
