"""Questions answered by the code of `viseme.check`, and how good each answer is. Knows weights; draws nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from viseme.audio.mel_frames import MelFrames
from viseme.core.results import Verdict
from viseme.reproduce.measured_clips import MeasuredClip
from viseme.reproduce.sync_bench.questions import Question
from viseme.sync.checkpoint import SyncWeights
from viseme.sync.pipeline import Measured, check_tracks

__all__ = ["RIGHT_S", "Examiner", "Trial"]

RIGHT_S = 0.04
"""An answer this near the truth, seconds, is right."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One answer, and how good it is."""

    group: str
    source: str
    known: bool
    """Whether the manifest says the clip's delay; else its delay is what `check` answers for the clip untouched."""
    error: float | None
    """Seconds from the truth; None where there is no answer or, under mismatched audio, no truth."""
    answered: bool
    verdict: Verdict
    confidence: float
    best_right: bool
    """Whether the best delay, answered or not, was right: for the calibration error. Never under mismatched audio."""
    with_speech: bool
    """Speech for at least half of the time."""
    relative: float | None = None
    """Seconds by which the answer differs from the answer for the untouched clip plus the shift; None = no answer."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "verdict": self.verdict.value}


class Examiner:
    """Asks with one set of weights; remembers the answers for untouched clips."""

    def __init__(self, weights: SyncWeights) -> None:
        self._weights = weights
        self.name = weights.name
        self._untouched: dict[str, float | None] = {}

    def answer(self, question: Question) -> Measured:
        """What `viseme.check` would answer for a file that holds the question's video and audio."""
        samples, start = question.samples()
        audio = MelFrames.of_samples(samples, start)
        return check_tracks(self._weights, question.chunks(), audio, evidence=True)

    def untouched(self, clip: MeasuredClip) -> float | None:
        """The delay answered for a clip as it is; None = no answer."""
        if clip.name not in self._untouched:
            question = Question(group="untouched", lips=clip, audio=None)
            self._untouched[clip.name] = self.answer(question).estimate.audio_delay
        return self._untouched[clip.name]

    def true_delay(self, clip: MeasuredClip) -> float | None:
        """By the manifest; where it does not know, as answered for the clip untouched; None = unclear."""
        return self.untouched(clip) if clip.audio_delay is None else clip.audio_delay

    def trials(self, questions: Iterable[Question]) -> Iterator[Trial]:
        """Every question whose true delay is clear, or whose audio has none."""
        for question in questions:
            if question.group == "mismatched" or self.true_delay(question.lips) is not None:
                yield self.trial(question)

    def trial(self, question: Question, *, like: MeasuredClip | None = None) -> Trial:
        """Ask, and compare with the truth.

        Args:
            question: What is asked.
            like: The clip whose delay is the truth, where the question's own was disturbed; None = its own.
        """
        found = self.answer(question)
        delay, clip = found.estimate.audio_delay, like or question.lips
        at_rest = None if question.group == "mismatched" else self.true_delay(clip)
        truth = None if at_rest is None else at_rest + question.shift
        best = self._best_delay(found) if delay is None else delay
        return Trial(
            group=question.group,
            source=clip.source,
            known=clip.audio_delay is not None,
            error=None if truth is None or delay is None else delay - truth,
            answered=delay is not None,
            verdict=found.estimate.verdict,
            confidence=found.estimate.confidence,
            best_right=truth is not None and best is not None and abs(best - truth) <= RIGHT_S,
            with_speech=question.speech_fraction() >= 0.5,
            relative=None if truth is None else self._moved(clip, question.shift, delay),
        )

    def _best_delay(self, found: Measured) -> float | None:
        """The delay with most evidence, whether or not it was answered with."""
        assert found.evidence is not None
        scores = np.asarray(found.evidence.curve_scores)
        if not np.isfinite(scores).any():
            return None
        return float(found.evidence.curve_delays[int(np.nanargmax(scores))]) - self._weights.calibration.bias

    def _moved(self, clip: MeasuredClip, shift: float, delay: float | None) -> float | None:
        untouched = self.untouched(clip)
        return None if delay is None or untouched is None else delay - untouched - shift
