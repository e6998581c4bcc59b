"""How well a scorer does on conversations whose every answer is known: per step, per voice, and per dubbed face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from viseme.metrics.detection import DetectionMetrics, DetectionScores
from viseme.speakers.corpus import LabelledFaces
from viseme.speakers.interface import STEP_S, SpeakerScorer, heard_by
from viseme.speakers.timeline import DUBBED, SPEAKING, TimelineConfig, read_states

__all__ = ["ConversationReport", "measure"]


@dataclass(frozen=True, kw_only=True)
class ConversationReport:
    """How well a scorer does on conversations whose every answer is known."""

    speaking: DetectionMetrics
    """Speaking in sync against everything else, per face and step."""
    voice: DetectionMetrics
    """Somebody is heard, per step."""
    offscreen_f1: float
    """Steps with a voice that nobody in view owns or mouths."""
    offscreen_precision: float
    offscreen_recall: float
    num_offscreen_steps: int
    dubbed_in_sync: float
    """Share of faces that speak other words for a second or more and are called speaking most of that time."""
    num_dubbed: int
    """Such faces."""
    num_conversations: int

    def __str__(self) -> str:
        return (
            f"{self.num_conversations} conversations: speaking {self.speaking}\n"
            f"voice {self.voice}\n"
            f"off-screen voice: F1 {self.offscreen_f1:.3f} (precision {self.offscreen_precision:.3f}, recall "
            f"{self.offscreen_recall:.3f}; {self.num_offscreen_steps} steps of 40 ms); dubbed faces called speaking "
            f"most of the time: {self.dubbed_in_sync:.1%} of {self.num_dubbed}"
        )


def measure(
    scorer: SpeakerScorer, conversations: Sequence[LabelledFaces], *, threshold: float | None = None
) -> ConversationReport:
    """Score conversations with known answers, all the way to states.

    Args:
        scorer: Any.
        conversations: With features.
        threshold: Instead of the scorer's own.

    Raises:
        ValueError: there is nothing of one kind to tell apart.
    """
    speaking, voices = DetectionScores(), DetectionScores()
    right = said = true = num_dubbed = wrong_dubbed = 0
    limit = scorer.threshold if threshold is None else threshold
    for made in conversations:
        audio = heard_by(scorer, made.audio)
        scored = scorer.score(made.faces, audio)
        for s, state in zip(scored, made.states):
            speaking.add(made.name, s.speaking, state == 1)
        voices.add(made.name, audio.voice, made.heard)
        states, voiced = read_states(made.faces, scored, audio, limit, TimelineConfig(band=scorer.band))
        owned = np.zeros(len(voiced), bool)
        for face, state in zip(made.faces, states):
            index = np.arange(face.first, face.first + face.num) - audio.first
            inside = (index >= 0) & (index < len(owned))
            owned[index[inside]] |= np.isin(state, (SPEAKING, DUBBED))[inside]
        off = voiced & ~owned
        right, said, true = right + int((off & made.unseen).sum()), said + int(off.sum()), true + int(made.unseen.sum())
        for state, truth in zip(states, made.states):
            if (truth == 2).sum() * STEP_S >= 1:
                num_dubbed += 1
                wrong_dubbed += bool((state[truth == 2] == SPEAKING).mean() > 0.5)
    return ConversationReport(
        speaking=speaking.compute(num_draws=300),
        voice=voices.compute(num_draws=100),
        offscreen_f1=2 * right / max(said + true, 1),
        offscreen_precision=right / max(said, 1),
        offscreen_recall=right / max(true, 1),
        num_offscreen_steps=true,
        dubbed_in_sync=wrong_dubbed / max(num_dubbed, 1),
        num_dubbed=num_dubbed,
        num_conversations=len(conversations),
    )
