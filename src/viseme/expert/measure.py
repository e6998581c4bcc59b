"""What a speech expert has learnt, on clips of people it has not seen. Knows clips and networks."""

from __future__ import annotations

import numpy as np
import torch

from viseme.expert.corpus import SpeechClips
from viseme.expert.networks import SpeechEncoder
from viseme.expert.phones import UNKNOWN
from viseme.expert.seen import network_input

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
        of the clip before; where phones are known, shares of frames whose phone is told from lips alone and from audio
        alone, of real clips (`phones_seen_real`, `phones_heard_real`) and of synthetic ones.
    """
    found: dict[str, list[float]] = {}
    before = None
    for number in np.linspace(0, len(clips) - 1, min(len(clips), MOST_CLIPS)).astype(int).tolist():
        seen, speech, phones = clips.read(number, clips.seen, "speech", "phones")
        kind = "synthetic" if clips.infos[number].source == "recorded" else "real"
        truth = torch.from_numpy(np.array(phones))
        known = truth != UNKNOWN
        with torch.inference_mode():
            audio, video = (torch.from_numpy(x.astype(np.float32))[None] for x in (speech, network_input(seen)))
            lips, voice = network.encode(None, video)[0], network.encode(audio)[0]
            found.setdefault("same", []).append(_cosine(lips, voice))
            if before is not None:
                num = min(len(before), len(lips))
                found.setdefault("other", []).append(_cosine(lips[:num], before[:num]))
            before = voice
            if network.config.phones and bool(known.any()):
                for name, x in (("seen", lips), ("heard", voice)):
                    right = network.phone_head(x[known]).argmax(-1) == truth[known]
                    found.setdefault(f"phones_{name}_{kind}", []).append(float(right.float().mean()))
    return {name: float(np.mean(values)) for name, values in found.items()}


def _cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(torch.cosine_similarity(a, b, dim=-1).mean())
