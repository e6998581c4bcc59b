"""Real clips under their own audio and under that of other sources, the file's delay sought in both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viseme.audio.mel_frames import AudioPiece
from viseme.core.errors import DataError
from viseme.metrics.detection import DetectionScores
from viseme.reproduce.speakers_bench.talkers import Talker
from viseme.speakers.corpus import features_of
from viseme.speakers.interface import STEP_S, AudioSteps, FaceSteps, SpeakerScorer
from viseme.speakers.measure import with_voice
from viseme.sync.checkpoint import SyncWeights

__all__ = ["mismatched_lines"]

WINDOW_S = 2.0
NUM_MISMATCHED = 3
"""Other clips whose audio every clip is put under."""


@dataclass(frozen=True)
class _Scored:
    """Windows of one clip under one audio."""

    clip: Talker
    own: bool
    scores: NDArray[np.float64]


def mismatched_lines(
    weights: SyncWeights, scorers: Sequence[SpeakerScorer], clips: Sequence[Talker], apart: Sequence[str] = ()
) -> Iterator[str]:
    """One line a scorer: how well windows under own audio are told from windows under mismatched audio.

    Args:
        weights: Sync weights.
        scorers: Who scores.
        clips: Of at least two sources.
        apart: Sources without which a second line is printed.

    Raises:
        DataError: clips of fewer than two sources, or no voice is heard in them.
    """
    if len({clip.source for clip in clips}) < 2:
        raise DataError(
            f"mismatched audio comes from another source, and the {len(clips)} clips with a face have no two"
        )
    found = _scored(weights, scorers, clips)
    for scorer, some in zip(scorers, found):
        yield f"own or mismatched audio, windows of {WINDOW_S:g} s, {_line(scorer, some)}   AUROC >= .95"
        if kept := [s for s in some if s.clip.source not in apart]:
            if len(kept) < len(some):
                yield f"    without {', '.join(apart)}: {_line(scorer, kept)}"


def _scored(weights: SyncWeights, scorers: Sequence[SpeakerScorer], clips: Sequence[Talker]) -> list[list[_Scored]]:
    """For each scorer, every clip under its own audio and under that of clips drawn from other sources."""
    rng = np.random.default_rng(0)
    found: list[list[_Scored]] = [[] for _ in scorers]
    for clip in clips:
        others = [c for c in clips if c.source != clip.source]
        drawn = rng.choice(len(others), min(NUM_MISMATCHED, len(others)), replace=False)
        for heard in (clip, *(others[i] for i in drawn)):
            moved = AudioPiece(clip.audio.start, heard.audio.samples)
            faces, audio, _ = features_of(weights, [(0, 0, clip.times, clip.landmarks)], moved)
            for some, scorer in zip(found, scorers):
                voice = with_voice(scorer, audio)
                some += [_Scored(clip, heard is clip, _windows(scorer, face, voice)) for face in faces]
    return found


def _windows(scorer: SpeakerScorer, face: FaceSteps, audio: AudioSteps) -> NDArray[np.float64]:
    """Mean score of every window of 2 s, one a second, in which there is audio and, half of the time, a voice."""
    scored = scorer.score([face], audio)[0].speaking
    voiced = np.nan_to_num(audio.at(face, (audio.voice > 0).astype(np.float32)))
    there = face.column("audio") > 0  # the step at which audio begins or ends has none yet
    num = round(WINDOW_S / STEP_S)
    starts = range(0, face.num - num + 1, num // 2)
    cuts = [slice(at, at + num) for at in starts]
    return np.array([scored[c].mean() for c in cuts if voiced[c].mean() >= 0.5 and there[c].mean() >= 0.95])


def _line(scorer: SpeakerScorer, found: Sequence[_Scored]) -> str:
    pool = DetectionScores()
    for one in found:
        pool.add(one.clip.name, one.scores, np.full(len(one.scores), one.own))
    try:
        metrics = pool.compute(num_draws=1000)
    except ValueError as error:
        raise DataError(f"own or mismatched audio, {scorer.name}: {error}") from None
    above = [
        np.mean(np.concatenate([s.scores for s in found if s.own is own]) > scorer.threshold) for own in (True, False)
    ]
    return f"{scorer.name}: {metrics}; above its threshold {above[0]:.1%} of own, {above[1]:.1%} of mismatched"
