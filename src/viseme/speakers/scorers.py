"""Scorers that need no weights of their own: the cosine of the papers, and summed evidence with a voice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from viseme.audio.voice_activity import speech_level, voice_log_odds
from viseme.speakers.features import SMOOTH, smooth_steps
from viseme.speakers.interface import AudioSteps, FaceSteps, Scored

__all__ = ["CosineScorer", "EvidenceScorer"]


class CosineScorer:
    """The score of the papers: the cosine of the two embeddings, averaged over 15 steps.

    Source:
        Wang, "Data Standardization for Robust Lip Sync" and "Lip Movements Information Disentanglement for Lip Sync".
    """

    wants_crops = False
    reach_steps = SMOOTH // 2
    name = "cosine"
    unit = "cosine of lip and audio embedding, mean over 0.6 s"
    threshold = 0.45
    """Equal errors on 300 synthetic conversations; .36 on the steps of 83 real clips under own and mismatched audio."""
    band = 0.05

    def voice(self, bands: NDArray[np.floating]) -> NDArray[np.float32]:
        """By level and rhythm."""
        return voice_log_odds(speech_level(bands))

    def score(self, faces: Sequence[FaceSteps], audio: AudioSteps) -> list[Scored]:
        """-1 where there is no audio."""
        out = []
        for face in faces:
            cosine = np.where(face.column("audio") > 0, face.column("cosine"), np.nan)
            out.append(Scored(speaking=np.nan_to_num(smooth_steps(cosine), nan=-1.0)))
        return out


class EvidenceScorer:
    """Log-odds of speaking: the mean evidence of 0.6 s that these lips made this audio, where a voice is heard.

    A closed mouth fits silence as well as speech fits its lips, so evidence alone does not mean speaking; it counts
    as far as a voice is heard and the mouth moves.
    """

    wants_crops = False
    reach_steps = SMOOTH // 2
    name = "evidence"
    unit = "log-odds of speaking"
    threshold = 0.0
    band = 0.5

    weights = (-2.0, 1.03, 0.2, 1.56, -0.53)
    """Of 1, the mean evidence, the bounded log-odds of a voice, the logarithm of the mouth's motion, and how much more
    evidence there is at another delay. A logistic regression on 48 synthetic conversations (32,017 steps)."""

    def voice(self, bands: NDArray[np.floating]) -> NDArray[np.float32]:
        """By level and rhythm."""
        return voice_log_odds(speech_level(bands))

    def score(self, faces: Sequence[FaceSteps], audio: AudioSteps) -> list[Scored]:
        """For each face."""
        constant, evidence, by_voice, moving, elsewhere = self.weights
        out = []
        for face in faces:
            ratio = np.where(face.column("audio") > 0, face.column("ratio"), np.nan)
            mean = np.nan_to_num(smooth_steps(ratio), nan=-2.3)
            here = smooth_steps(expit(audio.at(face)))
            voiced = np.nan_to_num(np.log((here + 0.02) / (1.02 - here)), nan=-4.0)
            motion = np.clip(np.log(np.maximum(face.column("motion"), 1e-4) / 0.015), -2.5, 1.0)
            other = np.maximum(face.column("best") - mean, 0)
            odds = constant + evidence * mean + by_voice * np.minimum(voiced, 2) + moving * motion + elsewhere * other
            out.append(Scored(speaking=odds.astype(np.float32)))
        return out
