"""A folder of recordings with their phones, as `viseme.synthetic.recordings` reads it."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np

__all__ = ["PHONES", "write_recordings"]

PHONES = [["SIL", 0.0, 0.4], ["P", 0.4, 0.5], ["AA", 0.5, 0.8], ["SIL", 0.8, 1.0], ["M", 1.0, 1.1], ["IY", 1.1, 1.5]]


def write_recordings(path: Path, **changes: object) -> Path:
    """Three recordings of six seconds, of two speakers of use train and one of use dev.

    Args:
        path: The folder.
        changes: To what is known of every recording.
    """
    rows = ["file,use,speaker,licence"]
    entries = []
    for number, use in enumerate(("train", "train", "dev")):
        name = f"{number}.wav"
        t = np.arange(16_000 * 6) / 16_000
        tone = 0.3 * np.sin(2 * np.pi * 150 * t) * ((t % 1.6 > 0.5) & (t % 1.6 < 1.5))
        with wave.open(str(path / name), "wb") as file:
            file.setparams((1, 2, 16_000, len(t), "NONE", ""))
            file.writeframes((tone * 32767).astype("<i2").tobytes())
        rows.append(f"{name},{use},s{number},CC BY 4.0")
        entries.append({"file": name, "text": "pa me", "oov": [], "asr_logprob": None, "phones": PHONES, **changes})
    (path / "manifest.csv").write_text("\n".join(rows) + "\n")
    (path / "phones.jsonl").write_text("\n".join(map(json.dumps, entries)) + "\n")
    return path
