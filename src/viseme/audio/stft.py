"""Complex spectrograms around video frames, as LipSync3D hears: knows samples on exact time; refuses to know files.

The unit is that of a voice at -20 dB of full scale, whatever the level of the recording.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viseme.audio.clock import HOP, RATE

__all__ = ["NUM_BINS", "NUM_COLUMNS", "SPEECH_DB", "WINDOW", "speech_gain", "stft_windows"]

WINDOW = 480
"""Samples of a column: 30 ms."""
FFT = 512
"""Samples of the Fourier transform; a column is filled up with zeros."""
NUM_BINS = FFT // 2
"""Frequencies, 31.25 Hz apart from 0; the last, half the sampling rate, is left out."""
NUM_COLUMNS = 24
"""Columns of a window, 10 ms apart: 240 ms, of which the last ends 130 ms after the frame."""
SPEECH_DB = -20.0
"""Root mean square of the voice, decibels of full scale, to which audio is brought."""
_BLOCK = 320
"""Samples whose power is looked at together to find the voice: 20 ms."""
_RANGE = 10 ** (-25.0 / 10)
"""Power, as a share of that of the loudest twentieth of the blocks, from which a block is voice."""
_SILENCE = 10 ** (-60.0 / 10)
"""Power under which nothing is voice, of full scale 1."""
_FRAMES = 64
"""Frames transformed at once."""


def speech_gain(samples: NDArray[np.floating]) -> float:
    """Factor that brings the voice in a recording to `SPEECH_DB`; 1 where there is none.

    Args:
        samples: (S,) mono at 16 kHz, full scale 1.

    Example:
        >>> quiet = 0.02 * np.sin(np.arange(16_000))
        >>> round(float(np.sqrt(np.mean((speech_gain(quiet) * quiet) ** 2))), 3)
        0.1
    """
    num = len(samples) // _BLOCK
    if num == 0:
        return 1.0
    blocks = np.asarray(samples[: num * _BLOCK], np.float32).reshape(num, _BLOCK)
    power = np.einsum("ns,ns->n", blocks, blocks) / _BLOCK
    voice = power[power > max(_SILENCE, _RANGE * float(np.quantile(power, 0.95)))]
    return float(10 ** (SPEECH_DB / 20) / np.sqrt(voice.mean())) if len(voice) else 1.0


def stft_windows(
    samples: NDArray[np.floating], start: float, times: NDArray[np.floating], *, gain: float | None = None
) -> NDArray[np.float32]:
    """The spectrogram around each of some times.

    Args:
        samples: (S,) mono at 16 kHz, full scale 1; beyond its ends there is silence.
        start: Seconds of the first sample.
        times: (T,) seconds of the video frames; any frame rate, constant or not.
        gain: Factor on the samples; None = `speech_gain` of all of them. Who asks for a long recording piece by piece
            measures it once.

    Returns:
        (T, 2, 256, 24): real and imaginary part; column `j` is centred at the frame's time + (j - 11.5) * 10 ms.

    Source:
        Lahiri et al., "LipSync3D", 2021, section 3: Hann windows of 30 ms every 10 ms. Level and edges are ours.
    """
    factor = speech_gain(samples) if gain is None else gain
    window = (np.hanning(WINDOW + 1)[:-1] * factor).astype(np.float32)
    columns = (np.arange(NUM_COLUMNS) - (NUM_COLUMNS - 1) / 2) * HOP
    first = np.round((np.asarray(times, np.float64)[:, None] - start) * RATE + columns).astype(np.int64) - WINDOW // 2
    out = np.empty((len(first), 2, NUM_BINS, NUM_COLUMNS), np.float32)
    for at in range(0, len(first), _FRAMES):
        spectrum = np.fft.rfft(_cut(samples, first[at : at + _FRAMES]) * window, FFT)[..., :NUM_BINS]
        out[at : at + _FRAMES, 0] = spectrum.real.swapaxes(1, 2)
        out[at : at + _FRAMES, 1] = spectrum.imag.swapaxes(1, 2)
    return out


def _cut(samples: NDArray[np.floating], first: NDArray[np.int64]) -> NDArray[np.float32]:
    """(T, 24, 480) samples from each of the (T, 24) numbers on; zeros where there are none."""
    low, high = int(first.min()), int(first.max()) + WINDOW
    inside = np.asarray(samples[max(low, 0) : max(high, 0)], np.float32)
    padded = np.zeros(high - low, np.float32)
    padded[max(0, -low) :][: len(inside)] = inside
    return np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[first - low]
