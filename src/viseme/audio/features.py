"""Audio features of the sync models and the speech experts: power spectra, mel bands, MFCC, filter banks. NumPy only.

Knows samples with their place on the clock (`viseme.audio.clock`); refuses to know files and networks. All features
are made from 16 kHz mono at full scale 1 and come at 100 frames a second, `speech_features` at 25.
"""

from __future__ import annotations

import functools
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from viseme.audio.clock import HOP, RATE, WINDOW, centre_sample, first_frame

__all__ = [
    "FFT",
    "NUM_MELS",
    "NUM_POWERS",
    "NUM_SPEECH_FEATURES",
    "filter_banks",
    "mel_filters",
    "mfcc",
    "power_frames",
    "power_spectrum",
    "speech_features",
]

FFT = 512
"""Samples of the Fourier transform; a frame's window is filled up with zeros."""
NUM_POWERS = FFT // 2 + 1
"""Values of a power spectrum, 31.25 Hz apart."""
NUM_MELS = 40
"""Mel bands."""
STACKED = 4
"""Filter banks of one video frame, at 100 and 25 a second."""
NUM_SPEECH_FEATURES = 26 * STACKED
"""Values of a row of `speech_features`."""


def power_spectrum(samples: NDArray[np.floating]) -> NDArray[np.float32]:
    """Power spectra of whole Hann windows: frame `j` is taken from samples 160 j to 160 j + 400.

    Args:
        samples: (S,).

    Returns:
        (A, 257); A = 0 where there are fewer than 400 samples.

    Source:
        FFT, window and hop of the trainer that DSP-0 and LMID use (joonson/syncnet_trainer).
    """
    if len(samples) < WINDOW:
        return np.zeros((0, NUM_POWERS), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float32), WINDOW)[::HOP]
    out = np.empty((len(frames), NUM_POWERS), np.float32)
    window = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    for at in range(0, len(frames), 4096):
        out[at : at + 4096] = np.abs(_rfft(frames[at : at + 4096] * window)) ** 2
    return out


def power_frames(samples: NDArray[np.floating], start: float | Fraction = 0) -> tuple[int, NDArray[np.float32]]:
    """Power spectra of all frames of the clock whose centres lie within a whole array of samples.

    Args:
        samples: (S,).
        start: Seconds of the first sample on the clip's clock; taken to the nearest sample.

    Returns:
        The number of the first frame and (A, 257) powers. Beyond either end of the samples there is silence.

    Example:
        >>> click = np.zeros(16000, np.float32)
        >>> click[6480] = 1  # at .405 s, the middle of frame 40
        >>> first, power = power_frames(click)
        >>> first + int(power.sum(1).argmax())
        40
    """
    begin = round(start * RATE)
    first = first_frame(Fraction(begin, RATE))
    num = max(0, (begin + len(samples) - centre_sample(first) - 1) // HOP + 1)
    lead = centre_sample(first) - begin - WINDOW // 2
    need = lead + (num - 1) * HOP + WINDOW
    padded = np.pad(samples, (max(0, -lead), max(0, need - len(samples))))[max(0, lead) :]
    return first, power_spectrum(padded)[:num]


def _rfft(frames: NDArray[np.floating]) -> NDArray[np.complexfloating]:
    """(A, 257) of (A, 400); half as costly in single precision, which NumPy keeps from version 2 on."""
    return np.fft.rfft(frames, FFT, axis=-1)


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
    hertz = np.linspace(0, RATE / 2, NUM_POWERS)[:, None]
    up = (hertz - edges[:-2]) / np.maximum(edges[1:-1] - edges[:-2], 1e-6)
    down = (edges[2:] - hertz) / np.maximum(edges[2:] - edges[1:-1], 1e-6)
    return np.maximum(0, np.minimum(up, down)).astype(np.float32)


def mfcc(samples: NDArray[np.floating]) -> NDArray[np.float32]:
    """(A, 13) mel-frequency cepstra as the SyncNet preprocessing makes them.

    Frame `j` begins at sample 160 j, as in the authors' program, and is 400 samples long: it is centred 7.5 ms later
    than frame `j` of the clock would be, were the first sample at time zero.

    Args:
        samples: (S,).

    Source:
        DSP ("Data Standardization for Robust Lip Sync"), after python_speech_features: int16 scale, pre-emphasis .97,
        rectangular 400/160 frames, FFT 512, 26 HTK-mel filters, orthonormal DCT-II, lifter 22, c0 = log frame energy.
    """
    if len(samples) == 0:
        return np.zeros((0, 13), np.float32)
    power = _emphasised_power(samples)
    energy = np.maximum(power.sum(-1), np.finfo(float).eps)
    bands = np.maximum(power @ _bin_filters(), np.finfo(float).eps)
    cepstra = np.log(bands) @ _cosines(bands.shape[1])[:, :13]
    cepstra *= 1 + 11 * np.sin(np.pi * np.arange(13) / 22)
    cepstra[:, 0] = np.log(energy)
    return cepstra.astype(np.float32)


def filter_banks(samples: NDArray[np.floating]) -> NDArray[np.float64]:
    """(A, 26) logarithms of mel bands, as the speech experts' files expect them before normalisation.

    Frame `j` begins at sample 160 j and is 400 samples long, the last one filled up with zeros, as in `mfcc`.

    Args:
        samples: (S,).

    Source:
        AV-HuBERT, after python_speech_features.logfbank: int16 scale, pre-emphasis .97, rectangular 400/160 frames,
        FFT 512, power / 512, 26 HTK-mel filters; a power of zero becomes the machine epsilon.

    Example:
        >>> filter_banks(np.zeros(880)).shape
        (4, 26)
    """
    if len(samples) == 0:
        return np.zeros((0, 26))
    bands = _emphasised_power(samples) @ _bin_filters()
    return np.log(np.where(bands == 0, np.finfo(float).eps, bands))


def speech_features(
    samples: NDArray[np.floating], num_frames: int | None = None, *, start: float | Fraction = 0
) -> NDArray[np.float32]:
    """(T, 104) what speech experts hear: four filter banks a video frame, normalised frame by frame.

    Row `t` covers the 40 ms that begin with video frame `t` of 25 a second. Every whole row is the same whatever the
    gain, and zero for digital silence; in a last row filled up from fewer than four filter banks neither holds.

    Args:
        samples: (S,).
        num_frames: Rows: what is missing is zero, what is more is cut; None = as many as the samples give.
        start: Seconds of the first sample after video frame 0, taken to the nearest sample: earlier samples are cut,
            and silence is put before a later start.

    Source:
        AV-HuBERT: filter banks filled up with zero rows to a multiple of 4, stacked by 4, cut or filled up with zero
        rows to the length of the video, layer normalisation over the 104 values without affine, epsilon 1e-5.

    Example:
        >>> speech_features(np.zeros(16_000), 25).shape
        (25, 104)
    """
    begin = round(start * RATE)
    aligned = np.pad(samples, (begin, 0)) if begin > 0 else samples[-begin:]
    bands = filter_banks(aligned)
    stacked = np.pad(bands, ((0, -len(bands) % STACKED), (0, 0))).reshape(-1, NUM_SPEECH_FEATURES)
    if num_frames is not None:
        stacked = np.pad(stacked[:num_frames], ((0, max(0, num_frames - len(stacked))), (0, 0)))
    centred = stacked - stacked[:, :1]  # so that a constant row becomes zero and not nearly zero
    centred = centred - centred.mean(1, keepdims=True)
    return (centred / np.sqrt((centred**2).mean(1, keepdims=True) + 1e-5)).astype(np.float32)


def _emphasised_power(samples: NDArray[np.floating]) -> NDArray[np.float64]:
    """(A, 257) of (S,), S > 0: the spectra behind `mfcc` and `filter_banks`."""
    signal = samples.astype(np.float64) * 32768.0
    signal = np.append(signal[0], signal[1:] - 0.97 * signal[:-1])
    num = 1 if len(signal) <= WINDOW else 1 + -(-(len(signal) - WINDOW) // HOP)
    signal = np.pad(signal, (0, max(0, (num - 1) * HOP + WINDOW - len(signal))))
    frames = np.lib.stride_tricks.sliding_window_view(signal, WINDOW)[::HOP][:num]
    return np.abs(_rfft(frames)) ** 2 / FFT


@functools.cache
def _cosines(num: int) -> NDArray[np.float64]:
    """(num, num) orthonormal DCT-II: column `k` gives coefficient `k`."""
    n, k = np.arange(num)[:, None], np.arange(num)[None]
    out = np.cos(np.pi * k * (2 * n + 1) / (2 * num)) * np.sqrt(2 / num)
    out[:, 0] = np.sqrt(1 / num)
    return out


@functools.cache
def _bin_filters(num: int = 26) -> NDArray[np.float64]:
    """(257, num) filters whose edges lie on whole bins of the transform."""
    mel = np.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), num + 2)
    bins = np.floor((FFT + 1) * 700 * (10 ** (mel / 2595) - 1) / RATE)
    k = np.arange(NUM_POWERS)[:, None]
    up = (k - bins[:-2]) / (bins[1:-1] - bins[:-2])
    down = (bins[2:] - k) / (bins[2:] - bins[1:-1])
    return np.where(k < bins[1:-1], np.maximum(up, 0), np.maximum(down, 0)) * (k >= bins[:-2]) * (k < bins[2:])
