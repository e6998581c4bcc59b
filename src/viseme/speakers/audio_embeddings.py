"""The last seconds of audio that comes in pieces: embeddings every 10 ms and levels of mel bands every 40 ms.

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
from viseme.sync.embeddings import CONTEXT, EmbeddedAudio
from viseme.sync.interface import SyncModel

__all__ = ["RENEW_S", "VOICE_S", "AudioEmbeddings"]

RENEW_S = 2.0
"""Seconds after which loudness and colour are measured again."""
VOICE_S = 20.0
"""Seconds of audio by which a voice is told from noise."""


class AudioEmbeddings:
    """Takes blocks as they come; memory does not grow."""

    def __init__(self, models: Sequence[SyncModel], window_s: float) -> None:
        """Take in nothing yet.

        Args:
            models: Sync models.
            window_s: Seconds of embeddings that are kept.
        """
        self._models, self._window_s = models, window_s
        self._audio = MelFrames(None)
        self._like: NDArray[np.float32] | None = None
        """Mel powers whose loudness and colour are taken out."""
        self._renewed_at = 0.0
        self._kept = EmbeddedAudio(0, ())
        self.end = -np.inf
        """Seconds after the last sample taken in."""

    def take(self, block: AudioBlock | None) -> None:
        """Take in the next block; None = no further audio comes."""
        self._audio.take(block)
        if block is not None:
            self.end = float(block.end)
            self._audio.forget(self.end - max(self._window_s, VOICE_S) - 2 * CONTEXT)
            self._audio.levels.clear()  # for the plots of a report; here they would grow
            self._audio.level_times.clear()

    @property
    def voiced_fraction(self) -> float:
        """Frames loud enough to hold a voice over all, since the beginning."""
        return self._audio.voiced_fraction

    @property
    def num_frames(self) -> int:
        """Audio frames since the beginning."""
        return self._audio.num_frames

    def levels(self, start: float) -> tuple[int, NDArray[np.float16]]:
        """From `start` seconds on, the number of the first 40 ms step and (V, 40) decibels of the mel bands."""
        return band_levels(*self._audio.window(start, self._audio.position + 1))

    def embedded(self) -> EmbeddedAudio:
        """The last `window_s` seconds, up to the last audio taken in."""
        end = self._audio.position
        if self._like is None or end - self._renewed_at >= RENEW_S or end < 2 * RENEW_S:
            first, power = self._audio.window(end - self._window_s, end + 1)
            self._like, self._renewed_at = power, end
            self._kept = EmbeddedAudio.of(self._models, first, power)
        elif len(self._kept):
            context = round(CONTEXT / FRAME_S)
            known = max(0, len(self._kept) - context)  # what lies nearer to the end did not see all of its context
            seam = self._kept.first + known
            begin, power = self._audio.window((seam - context) * FRAME_S, end + 1)
            new = EmbeddedAudio.of(self._models, begin, power, self._like)
            joined = [
                np.concatenate([old[:known], again[seam - begin :]])
                for old, again in zip(self._kept.values, new.values)
            ]
            self._kept = EmbeddedAudio(self._kept.first, tuple(joined))
        return self._kept
