"""What may lie over a voice, made by arithmetic: rooms, noise, music, narrow bands, level. Seeded, keeps time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len
from scipy.ndimage import gaussian_filter1d
from scipy.signal import butter, fftconvolve, sosfilt

from viseme.synthetic.phonemes import SAMPLE_RATE

__all__ = ["coloured_noise", "disturb", "mix", "music", "reverberate"]


def coloured_noise(rng: np.random.Generator, num: int, tilt: float = 1.0) -> NDArray[np.float32]:
    """(num,) noise of unit power with a spectrum of frequency ** -tilt in power: 0 white, 1 pink, 2 brown."""
    long = int(next_fast_len(num, real=True) or num)
    spectrum = np.fft.rfft(rng.standard_normal(long))
    frequency = np.fft.rfftfreq(long, 1 / SAMPLE_RATE)
    spectrum *= np.maximum(frequency, 40.0) ** (-tilt / 2)
    noise = np.fft.irfft(spectrum, long)[:num]
    return (noise / max(float(noise.std()), 1e-12)).astype(np.float32)


def music(rng: np.random.Generator, num: int) -> NDArray[np.float32]:
    """(num,) a chord progression with a beat, unit power: nothing one would hum, but tonal and rhythmic."""
    t = np.arange(num) / SAMPLE_RATE
    beat = float(rng.uniform(0.35, 0.7))
    out = np.zeros(num)
    root = float(rng.uniform(90, 220))
    for bar in range(int(t[-1] / (4 * beat)) + 1 if num else 0):
        low, high = (int(x * 4 * beat * SAMPLE_RATE) for x in (bar, bar + 1))
        local = t[low:high] - bar * 4 * beat
        base = root * 2 ** (rng.choice([0, 3, 5, 7, -2]) / 12)
        decay = np.exp(-1.5 * (local % (2 * beat)))
        for step in (0, int(rng.choice([3, 4])), 7, 12):
            tone = base * 2 ** (step / 12)
            for harmonic in (1, 2, 3, 4):
                out[low:high] += np.sin(2 * np.pi * tone * harmonic * local) * decay / harmonic
    hit = np.exp(-30 * (t % beat)) * rng.standard_normal(num) * 1.5
    out += hit
    return (out / max(float(out.std()), 1e-12)).astype(np.float32)


def reverberate(audio: NDArray[np.float32], rng: np.random.Generator, *, seconds: float) -> NDArray[np.float32]:
    """A room with reverberation time `seconds`; the direct audio stays where it is."""
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tail = rng.standard_normal(len(t)) * 10 ** (-3 * t / seconds)
    tail[: int(0.004 * SAMPLE_RATE)] = 0
    power = float(np.sqrt(np.square(tail).sum())) or 1.0
    response = tail / power * rng.uniform(0.25, 0.9)
    response[0] = 1.0
    return fftconvolve(audio, response)[: len(audio)].astype(np.float32)


def mix(voice: NDArray[np.float32], other: NDArray[np.float32], snr_db: float) -> NDArray[np.float32]:
    """`voice` plus `other` scaled to lie `snr_db` below the voice's loud parts."""
    level = float(np.sqrt(np.mean(np.square(voice[np.abs(voice) > 0.02])))) if np.any(np.abs(voice) > 0.02) else 0.05
    return voice + other * np.float32(level * 10 ** (-snr_db / 20))


def disturb(voice: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """A voice as some camera might have caught it: same length, same timing.

    Half of the voices stay clean; the others get a room, noise, music, a narrow band or a changed level.
    """
    out = voice.astype(np.float32)
    if rng.random() < 0.35:
        out = reverberate(out, rng, seconds=float(rng.uniform(0.15, 0.7)))
    if rng.random() < 0.25:
        band = float(rng.uniform(120, 350)), float(rng.uniform(3000, 7000))
        # Forward filtering delays: run it both ways so that nothing moves.
        sos = butter(1, band, "bandpass", fs=SAMPLE_RATE, output="sos")
        out = np.asarray(sosfilt(sos, np.asarray(sosfilt(sos, out))[::-1]))[::-1].astype(np.float32)
    kind = rng.random()
    if kind < 0.35:
        out = mix(out, coloured_noise(rng, len(out), float(rng.uniform(0, 1.8))), float(rng.uniform(8, 35)))
    elif kind < 0.5:
        out = mix(out, music(rng, len(out)), float(rng.uniform(6, 25)))
    if rng.random() < 0.3:  # gain rides slowly
        num = len(out) // SAMPLE_RATE + 3
        ride = gaussian_filter1d(rng.normal(0, 4, num), 0.8)
        out = out * 10 ** (np.interp(np.arange(len(out)) / SAMPLE_RATE, np.arange(num), ride) / 20).astype(np.float32)
    peak = float(np.abs(out).max()) if len(out) else 0.0
    gain = 10 ** (rng.uniform(-24, -1) / 20) / max(peak, 1e-6)
    return (out * np.float32(gain)).astype(np.float32)
