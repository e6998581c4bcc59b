"""The last seconds of audio that comes in pieces: embeddings every 10 ms and mel bands every 40 ms.

Knows audio and sync models; refuses to know faces. Audio costs ten times as much to embed as lips, so each frame is
embedded once when it comes, and all anew every `RENEW_S` seconds, when loudness and colour are measured again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from viseme.audio.band_levels import band_levels
from viseme.audio.clock import FRAME_S
from viseme.audio.mel_frames import MelFrames
from viseme.media import AudioBlock
from viseme.sync.evidence import CONTEXT, embed_audio, normalise_mels
from viseme.sync.interface import SyncModel

__all__ = ["Ear"]

RENEW_S = 2.0
VOICE_S = 20.0
"""Seconds of audio by which a voice is told from noise."""


class Ear:
    """Hears blocks as they come; memory does not grow."""

    def __init__(self, models: Sequence[SyncModel], window_s: float) -> None:
        """`window_s`: seconds of embeddings that are kept."""
        self._models, self._window_s = models, window_s
        self._audio = MelFrames(None)
        self._like: NDArray[np.float32] | None = None
        self._renewed_at = 0.0
        self._first = 0
        self._kept: list[NDArray[np.float32]] = []
        self.reach = -np.inf
        """Seconds after the last sample heard."""

    def hear(self, block: AudioBlock) -> None:
        """Take in the next block."""
        self._audio.take(block)
        self.reach = float(block.end)
        self._audio.forget(self.reach - max(self._window_s, VOICE_S) - 2 * CONTEXT)
        self._audio.levels.clear()  # for the plots of a report; here they would grow
        self._audio.level_times.clear()

    def end(self) -> None:
        """No further audio comes."""
        self._audio.take(None)

    @property
    def voiced_fraction(self) -> float:
        """Frames loud enough to hold a voice over all, since the beginning."""
        return self._audio.voiced_fraction

    def bands(self, start: float) -> tuple[int, NDArray[np.float16]]:
        """From `start` seconds on, the number of the first 40 ms step and (V, 40) decibels of the mel bands."""
        return band_levels(*self._audio.window(start, self._audio.position + 1))

    def embedded(self) -> tuple[int, list[NDArray[np.float32]]]:
        """The number of the first frame and, for each model, (A, D) embeddings up to the last audio heard."""
        end = self._audio.position
        if self._like is None or end - self._renewed_at >= RENEW_S or end < 2 * RENEW_S:
            self._first, power = self._audio.window(end - self._window_s, end + 1)
            self._like, self._renewed_at = power, end
            self._kept = self._embed(power)
        elif len(self._kept[0]):
            context = round(CONTEXT / FRAME_S)
            known = max(0, len(self._kept[0]) - context)  # what lies nearer to the end did not see all of its context
            begin, power = self._audio.window((self._first + known - context) * FRAME_S, end + 1)
            again = self._first + known - begin
            self._kept = [
                np.concatenate([old[:known], new[again:]]) for old, new in zip(self._kept, self._embed(power))
            ]
        return self._first, self._kept

    def _embed(self, power: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        if len(power) == 0:
            return [np.zeros((0, 1), np.float32) for _ in self._models]
        return embed_audio(self._models, normalise_mels(power, self._like))
