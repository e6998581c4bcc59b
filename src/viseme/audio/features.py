"""Audio features of the sync models: power spectra, log-mel bands, MFCC. NumPy only.

Knows samples and frequencies; refuses to know files and networks. All features are at 16 kHz and 100 frames a second.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct, rfft

__all__ = ["FFT", "HOP", "RATE", "WINDOW", "log_mel", "mel_filters", "mfcc", "power_spectrum"]

RATE = 16_000
"""Samples per second."""
WINDOW = 400
"""Samples per frame (25 ms)."""
HOP = 160
"""Samples between frames (10 ms)."""
FFT = 512
NUM_MELS = 40


def power_spectrum(samples: NDArray[np.floating], *, centred: bool = True) -> NDArray[np.float32]:
    """Power spectra of Hann-windowed frames every 160 samples.

    Args:
        samples: (S,) at 16 kHz, full scale 1.
        centred: Frame `j` is centred on sample `160 j`, half a window beyond either end counting as silence; else it
            begins there and only whole frames are given.

    Returns:
        (A, 257) with A = S // 160 + 1 when centred (0 when there are no samples).
    """
    if centred and len(samples):
        num = len(samples) // HOP + 1
        samples = np.pad(samples, (WINDOW // 2, WINDOW // 2 + HOP))[: (num - 1) * HOP + WINDOW]
    if len(samples) < WINDOW:
        return np.zeros((0, FFT // 2 + 1), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float32), WINDOW)[::HOP]
    out = np.empty((len(frames), FFT // 2 + 1), np.float32)
    window = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    for at in range(0, len(frames), 4096):
        out[at : at + 4096] = np.abs(np.asarray(rfft(frames[at : at + 4096] * window, FFT, axis=-1))) ** 2
    return out


@functools.cache
def mel_filters(
    num: int = NUM_MELS, *, warp: float = 1.0, low: float = 0.0, high: float = 8000.0
) -> NDArray[np.float32]:
    """Triangular filters on the HTK mel scale.

    Args:
        num: Bands.
        warp: Multiplies every centre frequency: a longer (>1 reads a shorter) vocal tract.
        low: Hertz.
        high: Hertz.

    Returns:
        (257, num); unit peak.
    """
    mel = np.linspace(2595 * np.log10(1 + low / 700), 2595 * np.log10(1 + high / 700), num + 2)
    edges = 700 * (10 ** (mel / 2595) - 1) * warp
    hertz = np.linspace(0, RATE / 2, FFT // 2 + 1)[:, None]
    up = (hertz - edges[:-2]) / np.maximum(edges[1:-1] - edges[:-2], 1e-6)
    down = (edges[2:] - hertz) / np.maximum(edges[2:] - edges[1:-1], 1e-6)
    return np.maximum(0, np.minimum(up, down)).astype(np.float32)


def log_mel(samples: NDArray[np.floating]) -> NDArray[np.float32]:
    """(A, 40) natural logarithm of mel band powers + 1e-6; frame `j` is centred on sample `160 j`.

    Source:
        Bands, FFT, window and hop of the trainer that DSP-0 and LMID use (joonson/syncnet_trainer); no frame dropped.
    """
    return np.log(power_spectrum(samples) @ mel_filters() + 1e-6)


def mfcc(samples: NDArray[np.floating]) -> NDArray[np.float32]:
    """(A, 13) mel-frequency cepstra as the SyncNet preprocessing makes them; `samples` at full scale 1.

    Source:
        DSP ("Data Standardization for Robust Lip Sync"), after python_speech_features: int16 scale, pre-emphasis .97,
        rectangular 400/160 frames, FFT 512, 26 HTK-mel filters, orthonormal DCT-II, lifter 22, c0 = log frame energy.
    """
    signal = samples.astype(np.float64) * 32768.0
    if len(signal) == 0:
        return np.zeros((0, 13), np.float32)
    signal = np.append(signal[0], signal[1:] - 0.97 * signal[:-1])
    num = 1 if len(signal) <= WINDOW else 1 + -(-(len(signal) - WINDOW) // HOP)
    signal = np.pad(signal, (0, max(0, (num - 1) * HOP + WINDOW - len(signal))))
    frames = np.lib.stride_tricks.sliding_window_view(signal, WINDOW)[::HOP][:num]
    power = np.abs(np.asarray(rfft(frames, FFT, axis=-1))) ** 2 / FFT
    energy = np.maximum(power.sum(-1), np.finfo(float).eps)
    bands = np.maximum(power @ _bin_filters(), np.finfo(float).eps)
    cepstra = np.asarray(dct(np.log(bands), type=2, axis=-1, norm="ortho"))[:, :13]
    cepstra *= 1 + 11 * np.sin(np.pi * np.arange(13) / 22)
    cepstra[:, 0] = np.log(energy)
    return cepstra.astype(np.float32)


@functools.cache
def _bin_filters(num: int = 26) -> NDArray[np.float64]:
    mel = np.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), num + 2)
    bins = np.floor((FFT + 1) * 700 * (10 ** (mel / 2595) - 1) / RATE)
    k = np.arange(FFT // 2 + 1)[:, None]
    up = (k - bins[:-2]) / (bins[1:-1] - bins[:-2])
    down = (bins[2:] - k) / (bins[2:] - bins[1:-1])
    return np.where(k < bins[1:-1], np.maximum(up, 0), np.maximum(down, 0)) * (k >= bins[:-2]) * (k < bins[2:])
