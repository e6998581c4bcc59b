"""Speech recognition, for the word error rate of audio: Whisper tiny.en (extra `[asr]`), without network and torch.

Knows samples; refuses to know files. It tells whether audio can be understood, not whether lips fit it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viseme.audio.clock import RATE
from viseme.expert.whisper import WHISPER_SHA256, load_whisper

__all__ = ["WhisperTiny"]


class WhisperTiny:
    """Whisper tiny.en, see `load_whisper`: English only."""

    family = "whisper"
    teacher_forced = False
    rate = RATE
    """Samples a second that `transcribe` takes."""

    def __init__(self, *, threads: int = 1) -> None:
        """Load the network; see `load_whisper`."""
        self.name = f"whisper-tiny.en@{WHISPER_SHA256[:12]}"
        """With the hash of its weights, for results."""
        self._model = load_whisper(threads=threads)

    def transcribe(self, samples: NDArray[np.floating]) -> str:
        """The words of (S,) mono samples at 16 kHz, -1 to 1.

        Beams of 5 without sampling, each half minute by itself: the same samples give the same words.

        Raises:
            ValueError: the samples are not one channel.
        """
        if samples.ndim != 1:
            raise ValueError(f"samples must be one channel, not {samples.shape}")
        if not len(samples):
            return ""
        pieces, _ = self._model.transcribe(
            samples.astype(np.float32), language="en", beam_size=5, temperature=0.0, condition_on_previous_text=False
        )
        return " ".join(piece.text.strip() for piece in pieces)
