"""Mel windows of talking-face generators: 80 bands, 16 frames of 12.5 ms, as Wav2Lip makes them. NumPy only.

Knows samples with their place on the clock; refuses to know files, frames and networks.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from viseme.audio.clock import RATE

__all__ = ["MEL_BANDS", "MEL_FRAMES", "SILENCE", "mel_spectrogram", "mel_windows"]

MEL_BANDS, MEL_FRAMES = 80, 16
"""Shape of a window."""
SILENCE = -4.0
"""Value of a band in which nothing is heard; 4 is the loudest."""
_FFT, _HOP = 800, 200
_LOW_HZ, _HIGH_HZ = 55.0, 7600.0
_FLOOR_DB, _REFERENCE_DB = -100.0, 20.0
_BLOCK = 4096


def mel_spectrogram(samples: NDArray[np.floating]) -> NDArray[np.float32]:
    """(A, 80) mel bands in [-4, 4]; frame `j` is centred on sample 200 j, A = S // 200 + 1.

    Args:
        samples: (S,) at 16 kHz, full scale 1; beyond either end there is silence.

    Source:
        Prajwal et al. 2020 (Wav2Lip): pre-emphasis .97, FFT and Hann window of 800, magnitudes, Slaney's mel filters
        of unit area from 55 to 7600 Hz, 20 dB reference, -100 dB floor, scaled to plus and minus 4. The published
        program mirrors the ends where silence is put here.

    Example:
        >>> mel_spectrogram(np.zeros(1600)).shape, float(mel_spectrogram(np.zeros(1600)).max())
        ((9, 80), -4.0)
    """
    signal = np.asarray(samples, np.float32)
    if len(signal):
        signal = np.append(signal[:1], signal[1:] - np.float32(0.97) * signal[:-1])
    padded = np.pad(signal, _FFT // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::_HOP]
    window = np.hanning(_FFT + 1)[:-1].astype(np.float32)
    parts = [_bands(frames[at : at + _BLOCK] * window) for at in range(0, len(frames), _BLOCK)]
    return np.concatenate(parts) if parts else np.zeros((0, MEL_BANDS), np.float32)


def mel_windows(
    samples: NDArray[np.floating], middles: NDArray[np.floating], *, start: float = 0.0
) -> NDArray[np.float32]:
    """(T, 80, 16) of 200 ms each, centred on the middles of video frames.

    Args:
        samples: (S,) at 16 kHz, full scale 1.
        middles: (T,) seconds, rising; a window is moved by at most 6.25 ms to the nearest mel frame.
        start: Seconds of the first sample, on the clock of `middles`.

    Example:
        >>> click = np.zeros(16_000)
        >>> click[8000] = 1
        >>> window = mel_windows(click, np.array([0.5]))[0]
        >>> int(window.sum(0).argmax()) in (7, 8)
        True
    """
    parts = list(_windows(samples, np.asarray(middles, np.float64), start))
    return np.concatenate(parts) if parts else np.zeros((0, MEL_BANDS, MEL_FRAMES), np.float32)


def _windows(
    samples: NDArray[np.floating], middles: NDArray[np.float64], start: float
) -> Iterator[NDArray[np.float32]]:
    """Of at most 1024 frames at a time, each from the samples that it needs."""
    for at in range(0, len(middles), 1024):
        firsts = np.rint((middles[at : at + 1024] - start) * RATE / _HOP - (MEL_FRAMES - 1) / 2).astype(int)
        low, high = int(firsts[0]), int(firsts[-1]) + MEL_FRAMES
        begin, end = low * _HOP - _FFT // 2, (high - 1) * _HOP + _FFT // 2
        inside = samples[max(begin, 0) : max(end, 0)]
        lead = max(0, -begin)
        needed = np.pad(inside, (lead, max(0, end - begin - lead - len(inside))))
        bands = mel_spectrogram(needed)[_FFT // 2 // _HOP :][: high - low]
        yield np.stack([bands[f - low : f - low + MEL_FRAMES].T for f in firsts.tolist()])


def _bands(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    magnitudes = np.abs(np.fft.rfft(frames, axis=-1)).astype(np.float32)
    decibels = 20 * np.log10(np.maximum(magnitudes @ _filters(), 1e-5)) - _REFERENCE_DB
    return np.clip(8 * (decibels - _FLOOR_DB) / -_FLOOR_DB - 4, -4, 4).astype(np.float32)


@functools.cache
def _filters() -> NDArray[np.float32]:
    """(401, 80) triangles on Slaney's mel scale, each of unit area.

    Source:
        Slaney, "Auditory Toolbox", 1998: linear to 1 kHz in steps of 200/3 Hz, then 27 steps a factor of 6.4.
    """
    step, corner = 200 / 3, 1000.0
    ratio = np.log(6.4) / 27

    def mel(hertz: float) -> float:
        return hertz / step if hertz < corner else corner / step + np.log(hertz / corner) / ratio

    mels = np.linspace(mel(_LOW_HZ), mel(_HIGH_HZ), MEL_BANDS + 2)
    edges = np.where(mels < corner / step, mels * step, corner * np.exp(ratio * (mels - corner / step)))
    hertz = np.linspace(0, RATE / 2, _FFT // 2 + 1)[:, None]
    up = (hertz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    down = (edges[2:] - hertz) / (edges[2:] - edges[1:-1])
    return (np.maximum(0, np.minimum(up, down)) * 2 / (edges[2:] - edges[:-2])).astype(np.float32)
