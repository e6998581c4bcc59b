"""The same words in another voice, room and recording. Knows log power in bands and mel power alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft

from viseme.audio.bands import BAND_CENTRES_HZ, BAND_WIDTHS_HZ
from viseme.audio.features import NUM_MELS, mel_filters
from viseme.sync.augment.config import AugmentConfig

__all__ = ["other_channel", "other_voice"]

_FILTERS = mel_filters()
_CENTRES = (_FILTERS * np.arange(257)[:, None]).sum(0) / _FILTERS.sum(0) / 32
"""(40,) kilohertz."""
_BANDWIDTHS = _FILTERS.sum(0)


def other_voice(logs: NDArray[np.float32], config: AugmentConfig, rng: np.random.Generator) -> NDArray[np.float32]:
    """(A, 105) the same words with another pitch and another liveliness; log power in bands in and out."""
    if rng.random() < config.voice:  # the envelope alone: a moving average over some 200-300 Hz
        reach = int(rng.integers(2, 5))
        padded = np.cumsum(np.pad(logs, ((0, 0), (reach + 1, reach)), mode="edge"), 1)
        logs = ((padded[:, 2 * reach + 1 :] - padded[:, : -2 * reach - 1]) / (2 * reach + 1)).astype(np.float32)
        if rng.random() < 0.7:
            steps = rng.standard_normal(len(logs) // 8 + 2).cumsum() * 0.06
            contour = np.interp(np.arange(len(logs)) / 8, np.arange(len(steps)), steps)
            pitch = np.exp(rng.uniform(np.log(80), np.log(320)) + contour - contour.mean())[:, None]
            seen = np.sinc(BAND_WIDTHS_HZ / pitch) * np.clip(1.6 - BAND_CENTRES_HZ / 2500, 0, 1)
            loud = 1 / (1 + np.exp(4 - logs[:, 3:26].mean(1, keepdims=True) + logs.mean()))
            comb = rng.uniform(0.3, 2.0) * loud * seen * np.cos(2 * np.pi * BAND_CENTRES_HZ / pitch)
            logs = (logs + comb).astype(np.float32)
    top = logs.max()
    return ((logs - top) * float(np.exp(rng.normal(0, config.dynamics))) + top).astype(np.float32)


def _music(num: int, rng: np.random.Generator) -> NDArray[np.floating]:
    """(num, 40) decaying chords."""
    out = np.zeros((num, NUM_MELS))
    at = 0
    while at < num:
        length = min(int(rng.integers(10, 60)), num - at)
        chord = np.zeros(NUM_MELS)
        for _ in range(3):
            harmonic = np.arange(1, 20)
            hertz = 110 * 2 ** rng.uniform(0, 3) * harmonic / 1000
            inside = hertz < 7.9
            where = np.minimum(np.searchsorted(_CENTRES, hertz[inside]), NUM_MELS - 1)
            np.add.at(chord, where, (harmonic ** -rng.uniform(0.8, 2))[inside])
        out[at : at + length] = chord * np.exp(-np.arange(length) * rng.uniform(0, 0.1))[:, None]
        at += length
    return out


def _steady(num: int, rng: np.random.Generator) -> NDArray[np.floating]:
    """(num, 40) noise with a random colour."""
    colour = rng.normal(0, 1, 6) * rng.uniform(0, 10) + np.linspace(0, -rng.uniform(0, 30), 6)
    freedom = _BANDWIDTHS / 2 + 1
    level = 10 ** (np.interp(_CENTRES, np.linspace(0, 8, 6), colour) / 10) * _BANDWIDTHS
    return level * rng.gamma(freedom, 1 / freedom, (num, NUM_MELS))


def _room(mels: NDArray[np.float32], config: AugmentConfig, rng: np.random.Generator) -> NDArray[np.float32]:
    """Energy tails after every audio, for some of the batch."""
    pick = np.flatnonzero(rng.random(len(mels)) < config.reverb)
    if len(pick) == 0:
        return mels
    decay, wet = rng.uniform(0.15, 0.9, (len(pick), 1)), rng.uniform(0.1, 1.0, (len(pick), 1))
    tail = np.exp(-13.8 * np.arange(1, 40) * 0.01 / decay)
    kernel = np.concatenate([np.ones((len(pick), 1)), wet * tail / tail.sum(1, keepdims=True)], 1).astype(np.float32)
    size = mels.shape[1] + kernel.shape[1] - 1
    response = np.asarray(rfft(kernel, size, axis=1))[:, :, None]
    wetted: Any = irfft(rfft(mels[pick], size, axis=1) * response, size, axis=1)
    mels = mels.copy()
    mels[pick] = np.maximum(wetted[:, : mels.shape[1]], 0)
    return mels


def other_channel(mels: NDArray[np.float32], config: AugmentConfig, rng: np.random.Generator) -> NDArray[np.float32]:
    """Another room, microphone, background and codec: (B, A, 40) power in and out."""
    size, num, _ = mels.shape
    clean = mels
    mels = _room(mels, config, rng)
    tilt = rng.normal(0, 1, (size, 8)) * rng.uniform(0, 6, (size, 1))
    gains = np.stack([np.interp(_CENTRES, np.linspace(0, 8, 8), t) for t in tilt])
    mels = mels * (10 ** (gains / 10)).astype(np.float32)[:, None]
    noise = np.zeros_like(mels)
    for b in np.flatnonzero(rng.random(size) < config.noise):
        kind = rng.random()
        if kind < 0.4:
            picks = rng.integers(size, size=rng.integers(1, 5))
            other = np.sum([np.roll(clean[k], int(rng.integers(num)), 0) for k in picks], 0)
        else:
            other = (_steady(num, rng) if kind < 0.75 else _music(num, rng)).astype(np.float32)
        loud = np.quantile(mels[b].sum(1), 0.9)
        level = max(float(other.sum(1).mean()), 1e-9)
        noise[b] = other * (loud / level * 10 ** (-rng.uniform(-3, 30) / 10))
    mels = mels + noise
    for b in np.flatnonzero(rng.random(size) < config.codec):
        mels[b, :, np.searchsorted(_CENTRES, rng.uniform(3, 7.5)) :] *= 1e-3
        if rng.random() < 0.3:
            mels[b, :, : np.searchsorted(_CENTRES, rng.uniform(0, 0.35))] *= 1e-3
    return mels
