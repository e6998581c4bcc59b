"""The audio of a conversation: voices in one room, one from outside it, and what lies over them; and what lips say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from viseme.synthetic.acoustics import coloured_noise, mix, music, reverberate
from viseme.synthetic.conversation.phrases import Phrase
from viseme.synthetic.phonemes import SAMPLE_RATE
from viseme.synthetic.turns import Saying, Span

__all__ = ["PlacedPhrase", "mixed_audio", "said_audio"]

PlacedPhrase: TypeAlias = "tuple[Span, Phrase]"
"""When a phrase is said, and the phrase."""

PAD_S = 2.5
"""Seconds around the frames that are mixed too, so that rooms ring and delays have something to bring in."""


def mixed_audio(
    spoken: Sequence[Sequence[Phrase]],
    sayings: Sequence[Saying],
    num_people: int,
    seconds: float,
    delay: float,
    over: str,
    snr_db: float,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """(S,) all voices in one room, a voice from outside it, and what lies over them."""
    wide = round((seconds + 2 * PAD_S) * SAMPLE_RATE)
    scene, outer = np.zeros(wide, np.float32), np.zeros(wide, np.float32)
    for voice, own in enumerate(spoken):
        gain = 10 ** (float(rng.normal(0, 2.5)) / 20)
        if not own:
            continue
        loud = np.concatenate([p.samples for p in own])
        level = float(np.sqrt(np.mean(np.square(loud[np.abs(loud) > 0.02])))) if np.any(np.abs(loud) > 0.02) else 1.0
        for saying in sayings:
            if saying.voice == voice:
                phrase = own[saying.phrase]
                at = round((saying.start - phrase.lead + delay + PAD_S) * SAMPLE_RATE)
                _add(scene if voice < num_people else outer, phrase.samples * np.float32(0.1 * gain / level), at)
    if rng.random() < 0.55:
        scene = reverberate(scene, rng, seconds=float(rng.uniform(0.15, 0.7)))
    if rng.random() < 0.3:
        outer = reverberate(outer, rng, seconds=float(rng.uniform(0.15, 0.7)))
    first = round(PAD_S * SAMPLE_RATE)
    track = (scene + outer)[first : first + round(seconds * SAMPLE_RATE)]
    if rng.random() < 0.2:
        band = float(rng.uniform(120, 350)), float(rng.uniform(3000, 7000))
        sos = butter(1, band, "bandpass", fs=SAMPLE_RATE, output="sos")  # both ways, so that nothing moves
        track = np.asarray(sosfilt(sos, np.asarray(sosfilt(sos, track))[::-1]))[::-1].astype(np.float32)
    if over == "noise":
        track = mix(track, coloured_noise(rng, len(track), float(rng.uniform(0, 1.8))), snr_db)
    elif over == "music":
        track = mix(track, music(rng, len(track)), snr_db)
    else:
        track = track + np.float32(2e-4) * rng.standard_normal(len(track)).astype(np.float32)
    peak = float(np.abs(track).max()) if len(track) else 0.0
    return (track * np.float32(10 ** (rng.uniform(-18, -1) / 20) / max(peak, 1e-6))).astype(np.float32)


def said_audio(placed: Sequence[PlacedPhrase], seconds: float) -> NDArray[np.float32]:
    """(S,) phrases of one person at their places, as spoken: first sample at time 0, `seconds` long."""
    track = np.zeros(int(seconds * SAMPLE_RATE), np.float32)
    for span, phrase in placed:
        _add(track, phrase.samples, round((span[0] - phrase.lead) * SAMPLE_RATE))
    return track


def _add(track: NDArray[np.float32], samples: NDArray[np.float32], at: int) -> None:
    low, high = max(0, at), min(len(track), at + len(samples))
    if high > low:
        track[low:high] += samples[low - at : high - at]
