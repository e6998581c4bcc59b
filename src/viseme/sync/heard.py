"""What an avatar hears: embeddings of the sync models' audio stream, and loudness, at any instant.

The audio stream was trained on many voices, rooms and languages, and takes loudness and colour of the channel out, so
another voice drives an avatar as the person's own does. Knows samples on exact time; refuses to know faces and files.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from viseme.audio.band_levels import FRAMES_PER_STEP, band_levels
from viseme.audio.clock import FRAME_S, HOP, RATE, WINDOW, first_frame
from viseme.audio.features import NUM_MELS, mel_filters, power_frames
from viseme.audio.voice_activity import speech_level, voice_ceiling, voiced
from viseme.sync.embeddings import CONTEXT, EmbeddedAudio

__all__ = ["LEVEL_RANGE_DB", "STEPS", "STEP_S", "AudioStream", "HeardAudio", "in_another_voice"]

STEP_S = 0.04
"""Seconds between the instants of a window."""
REACH_STEPS = 5
"""Steps to either side of a frame's time."""
STEPS = 2 * REACH_STEPS + 1
"""Instants of a window."""
LEVEL_RANGE_DB = 50.0
"""Decibels under the speech level from which nothing is told apart."""
_OVER_NOISE_DB = 11.0
"""Decibels over the quietest tenth of the audio above which somebody is heard ..."""
_QUIET_DB = (-38.0, -20.0)
"""... but never less and never more than these, under the speech level."""
_SMOOTH = 5
"""Audio frames over which the level is taken for that."""
_OPEN_S, _CLOSED_S = 0.08, 0.24
"""Distance to the nearest frame with a voice up to which a mouth follows the audio, and from which it is closed."""
_BLOCK = 6000
"""Frames whose spectra are held at once."""
_CHUNK_S = 20.0
"""Seconds that are embedded at once."""


class AudioStream(Protocol):
    """One network of the audio stream; a `SyncModel` is one."""

    def embed_audio(self, mels: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `SyncModel.embed_audio`."""
        ...


class HeardAudio:
    """Audio as an avatar hears it. Memory beside the mel powers does not grow with its length."""

    def __init__(self, streams: Sequence[AudioStream], samples: NDArray[np.floating], start: float = 0.0) -> None:
        """Measure loudness and colour of the whole audio.

        Args:
            streams: Networks of the audio stream; their embeddings are put side by side.
            samples: (S,) mono at 16 kHz, full scale 1.
            start: Seconds of the first sample.
        """
        self._streams: Any = streams
        self._width = sum(stream.embed_audio(np.zeros((4, 40, NUM_MELS), np.float32)).shape[-1] for stream in streams)
        self._first, self._power, loud = _measured(np.asarray(samples, np.float32), start)
        sums = self._power.sum(1)
        self._like = self._power[loud] if loud.any() else None
        speech = float(np.quantile(sums[loud], 0.9)) if loud.any() else 1.0
        self._level_db = 10 * np.log10(sums / speech + 1e-12)
        self.speaks: NDArray[np.bool_] = (
            loud & _louder_than_noise(sums / speech) & _may_be_a_voice(self._first, self._power)
        )
        """(A,) whether somebody is heard, of each audio frame of 10 ms."""
        self._kept: tuple[int, NDArray[np.float32]] = (0, np.zeros((0, 1), np.float32))

    def at(self, times: NDArray[np.floating]) -> NDArray[np.float32]:
        """What is heard around instants.

        Args:
            times: (T,) seconds, rising.

        Returns:
            (T, STEPS, D) embeddings, zero where there is no audio, and in the last place the level: 0 = that of
            speech, -1 = silence.
        """
        instants = np.asarray(times, np.float64)[:, None] + np.arange(-REACH_STEPS, REACH_STEPS + 1) * STEP_S
        low, values = self._values(float(instants.min()), float(instants.max()))
        at = instants / FRAME_S - low
        left = np.floor(at).astype(int)
        part = (at - left).astype(np.float32)[..., None]
        return np.asarray(values[left] * (1 - part) + values[left + 1] * part, np.float32)

    def openness(self, times: NDArray[np.floating]) -> NDArray[np.float32]:
        """(T,) how far the mouth follows the audio: 1 near a voice, 0 = closed, a quarter of a second from any."""
        centres = (self._first + np.flatnonzero(self.speaks) + 0.5) * FRAME_S
        if not len(centres):
            return np.zeros(len(times), np.float32)
        after = np.clip(np.searchsorted(centres, times), 0, len(centres) - 1)
        far = np.minimum(np.abs(centres[after] - times), np.abs(centres[np.maximum(after - 1, 0)] - times))
        x = np.clip((_CLOSED_S - far) / (_CLOSED_S - _OPEN_S), 0, 1)
        return (x * x * (3 - 2 * x)).astype(np.float32)

    def _values(self, start: float, end: float) -> tuple[int, NDArray[np.float32]]:
        """Number of the first instant, a multiple of 10 ms, and (A, D) embeddings and level from there to `end`."""
        low, high = int(np.floor(start / FRAME_S)), int(np.floor(end / FRAME_S)) + 2
        parts = []
        chunk = round(_CHUNK_S / FRAME_S)
        for number in range(low // chunk, (high - 1) // chunk + 1):
            if self._kept[0] != number or self._kept[1].shape[0] != chunk:
                self._kept = (number, self._chunk(number * chunk, (number + 1) * chunk))
            begin = number * chunk
            parts.append(self._kept[1][max(0, low - begin) : high - begin])
        return low, np.concatenate(parts)

    def _chunk(self, low: int, high: int) -> NDArray[np.float32]:
        """(high - low, D) at instants low / 100 s to high / 100 s."""
        context = round(CONTEXT / FRAME_S)
        out = np.zeros((high - low, self._width + 1), np.float32)
        out[:, -1] = -1
        if self._like is None:
            return out
        frames = np.arange(low, high) - 0.5 - self._first
        level = np.interp(frames, np.arange(len(self._level_db)), self._level_db, -np.inf, -np.inf)
        out[:, -1] = np.clip(level / LEVEL_RANGE_DB, -1, 0.2)
        begin = max(low - context - self._first, 0)
        power = self._power[begin : max(high + context - self._first, 0)]
        if not len(power):
            return out
        heard = EmbeddedAudio.of(self._streams, self._first + begin, power, self._like)
        values = np.concatenate(heard.values, 1)
        at = heard.first + 2 - low  # row 0 belongs to that instant
        inside = values[max(0, -at) : max(0, high - low - at)]
        out[max(0, at) : max(0, at) + len(inside), :-1] = inside
        return out


def in_another_voice(
    samples: NDArray[np.floating], factor: float, noise_db: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """The same words higher and faster, or lower and slower, with noise.

    Resampling moves pitch, formants and pace together, which is how voices of larger and smaller people differ most.

    Args:
        samples: (S,).
        factor: On pitch and formants; time runs as many times faster.
        noise_db: Decibels of the audio over the noise.
        rng: Of the noise.

    Returns:
        (S / factor,): what was at second t is at t / factor.
    """
    num = max(1, round(len(samples) / factor))
    moved = np.interp(np.arange(num) * factor, np.arange(len(samples)), samples)
    level = float(np.sqrt(np.mean(np.square(moved)))) * 10 ** (-noise_db / 20)
    return (moved + rng.normal(0, 1, num) * level).astype(np.float32)


def _louder_than_noise(power: NDArray[np.floating]) -> NDArray[np.bool_]:
    """(A,) frames that stand out of what is always heard, from powers over that of speech."""
    if not len(power):
        return np.zeros(0, bool)
    smooth = np.convolve(np.pad(power, _SMOOTH // 2, mode="edge"), np.full(_SMOOTH, 1 / _SMOOTH), "valid")
    level = 10 * np.log10(smooth + 1e-12)
    return level > np.clip(np.quantile(level, 0.1) + _OVER_NOISE_DB, *_QUIET_DB)


def _may_be_a_voice(first: int, power: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(A,) frames near which the audio rises and falls as a voice does: steady noise and hum are none."""
    number, levels = band_levels(first, power)
    if not len(levels):
        return np.ones(len(power), bool)
    steps = (first + np.arange(len(power))) // FRAMES_PER_STEP - number
    return voice_ceiling(speech_level(levels))[np.clip(steps, 0, len(levels) - 1)] > 0


def _measured(samples: NDArray[np.float32], start: float) -> tuple[int, NDArray[np.float32], NDArray[np.bool_]]:
    """Number of the first frame, (A, 40) mel powers and (A,) whether it is loud enough for a voice; block by block, as
    spectra are large."""
    begin, edge = round(start * RATE), WINDOW // HOP + 1
    first = first_frame(Fraction(begin, RATE))
    mels, loud, done = [], [], 0
    for at in range(0, len(samples), _BLOCK * HOP):
        early = max(0, at - edge * HOP)
        part = samples[early : at + (_BLOCK + edge) * HOP]
        number, power = power_frames(part, Fraction(begin + early, RATE))
        last = at + _BLOCK * HOP >= len(samples)
        power = power[first + done - number :][: None if last else _BLOCK]
        done += len(power)
        mels.append(power @ mel_filters())
        loud.append(voiced(power))
    if not mels:
        return first, np.zeros((0, NUM_MELS), np.float32), np.zeros(0, bool)
    return first, np.concatenate(mels), np.concatenate(loud)
