"""What a speech expert has learnt, on clips of people it has not seen. Knows clips and networks."""

from __future__ import annotations

import numpy as np
import torch

from viseme.expert.corpus import SpeechClips
from viseme.expert.networks import SpeechEncoder
from viseme.expert.phones import UNKNOWN

__all__ = ["measured_on"]

MOST_CLIPS = 200
"""Clips looked at."""


def measured_on(network: SpeechEncoder, clips: SpeechClips) -> dict[str, float]:
    """Numbers for a card.

    Args:
        network: On the CPU, in evaluation mode.
        clips: Of people not trained on.

    Returns:
        `same` and `other`, means over frames of the cosine of lips alone with their own audio alone, and with the audio
        of the clip before; where phones are known, `phones_seen` and `phones_heard`, shares of frames whose phone is
        told from lips alone and from audio alone.
    """
    same, other, seen, heard = [], [], [], []
    before = None
    for number in np.linspace(0, len(clips) - 1, min(len(clips), MOST_CLIPS)).astype(int).tolist():
        points, speech, phones = clips.read(number, "points", "speech", "phones")
        known = torch.from_numpy(np.array(phones))
        with torch.inference_mode():
            audio, video = (torch.from_numpy(x.astype(np.float32))[None] for x in (speech, points - points.mean(0)))
            lips, voice = network.encode(None, video)[0], network.encode(audio)[0]
            same.append(_cosine(lips, voice))
            if before is not None:
                num = min(len(before), len(lips))
                other.append(_cosine(lips[:num], before[:num]))
            before = voice
            if network.config.phones and bool((known != UNKNOWN).any()):
                for found, x in ((seen, lips), (heard, voice)):
                    right = network.phone_head(x).argmax(-1) == known
                    found.append(float(right[known != UNKNOWN].float().mean()))
    named = {"same": same, "other": other, "phones_seen": seen, "phones_heard": heard}
    return {name: float(np.mean(values)) for name, values in named.items() if values}


def _cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.cosine_similarity(a, b, dim=-1).mean())
