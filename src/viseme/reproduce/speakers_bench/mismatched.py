"""Real clips under their own audio and under that of clips of other sources, window by window."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viseme.audio.clock import RATE
from viseme.audio.mel_frames import AudioPiece
from viseme.core.errors import DataError
from viseme.data.manifest import read_held_out
from viseme.metrics.detection import DetectionScores
from viseme.reproduce.measured_clips import one_face_clips
from viseme.speakers.corpus import features_of
from viseme.speakers.interface import STEP_S, AudioSteps, FaceSteps, SpeakerScorer, heard_by
from viseme.sync.checkpoint import SyncWeights

__all__ = ["ISOLATED", "Talker", "mismatched_lines", "talkers_of"]

WINDOW_S = 2.0
NUM_MISMATCHED = 3
ISOLATED = ("mcgurk_pl",)
"""Sources of single syllables with pauses, which are counted by themselves too."""


@dataclass(frozen=True, kw_only=True)
class Talker:
    """A tracked real clip."""

    name: str
    source: str
    times: NDArray[np.float64]
    landmarks: NDArray[np.float32]
    audio: AudioPiece


def talkers_of(folder: Path, work: Path) -> list[Talker]:
    """Clips marked `dev` in which one face is seen for a window or longer; tracks are kept under `work`."""
    out = []
    for clip in one_face_clips(read_held_out(folder), work, on_left_out=lambda why: print(why, file=sys.stderr)):
        track = clip.tracks()[0]
        times = np.concatenate([c.times for c in track])
        if len(times) >= WINDOW_S * 25:
            landmarks = np.concatenate([c.landmarks for c in track])
            piece = AudioPiece(Fraction(round(clip.audio_start * RATE), RATE), clip.samples)
            out.append(Talker(name=clip.name, source=clip.source, times=times, landmarks=landmarks, audio=piece))
    return out


def _windows(scorer: SpeakerScorer, face: FaceSteps, heard: AudioSteps) -> NDArray[np.float64]:
    """Mean score of every window of 2 s, one a second, in which there is audio and, half of the time, a voice."""
    scored = scorer.score([face], heard)[0].speaking
    voiced = np.nan_to_num(heard.at(face, (heard.voice > 0).astype(np.float32)))
    there = face.column("audio") > 0  # the step at which audio begins or ends has none yet
    num = round(WINDOW_S / STEP_S)
    starts = range(0, face.num - num + 1, num // 2)
    cuts = [slice(at, at + num) for at in starts]
    return np.array([scored[c].mean() for c in cuts if voiced[c].mean() >= 0.5 and there[c].mean() >= 0.95])


def mismatched_lines(bundle: SyncWeights, scorers: Sequence[SpeakerScorer], clips: Sequence[Talker]) -> Iterator[str]:
    """Real clips under their own audio and under that of other sources, the file's delay sought in both.

    Raises:
        DataError: clips of fewer than two sources, or no voice is heard in them.
    """
    if len({clip.source for clip in clips}) < 2:
        raise DataError(
            f"mismatched audio comes from another source, and the {len(clips)} clips with a face have no two"
        )
    rng = np.random.default_rng(0)
    found: list[list[tuple[str, bool, NDArray[np.float64]]]] = [[] for _ in scorers]
    for clip in clips:
        others = [c for c in clips if c.source != clip.source]
        drawn = rng.choice(len(others), min(NUM_MISMATCHED, len(others)), replace=False)
        for audio in (clip, *(others[i] for i in drawn)):
            moved = AudioPiece(clip.audio.start, audio.audio.samples)
            faces, heard, _ = features_of(bundle, [(0, 0, clip.times, clip.landmarks)], moved)
            for kept, scorer in zip(found, scorers):
                kept += [(clip.name, audio is clip, _windows(scorer, face, heard_by(scorer, heard))) for face in faces]
    syllables = {clip.name for clip in clips if clip.source in ISOLATED}
    for kept, scorer in zip(found, scorers):
        yield f"own or mismatched audio, windows of {WINDOW_S:g} s, {_mismatched_line(scorer, kept)}   AUROC >= .95"
        if syllables:
            yield f"    running speech alone: {_mismatched_line(scorer, [f for f in kept if f[0] not in syllables])}"


def _mismatched_line(scorer: SpeakerScorer, found: Sequence[tuple[str, bool, NDArray[np.float64]]]) -> str:
    pool = DetectionScores()
    for name, own, scores in found:
        pool.add(name, scores, np.full(len(scores), own))
    try:
        metrics = pool.compute(num_draws=1000)
    except ValueError as error:
        raise DataError(f"own or mismatched audio, {scorer.name}: {error}") from None
    above = [
        np.mean(np.concatenate([s for _, own, s in found if own is kind]) > scorer.threshold) for kind in (True, False)
    ]
    return f"{scorer.name}: {metrics}; above its threshold {above[0]:.1%} of own, {above[1]:.1%} of mismatched audio"
