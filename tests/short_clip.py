"""The first seconds of a shipped sample, as arrays and as a file that can also be read as a stream."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from viseme.media import VideoWriter, read_audio, read_frames
from viseme.weights import assets_folder

RATE = 16_000


@lru_cache(maxsize=2)
def short_clip(num_frames: int) -> dict[str, Any]:
    """`frames`, `times`, `samples` and `rate`, as `viseme.check` and `viseme.find_speakers` take them."""
    path = assets_folder() / "samples" / "sample_in_sync.mp4"
    shown = [frame for frame, _ in zip(read_frames(path), range(num_frames))]
    samples = np.concatenate([block.samples for block in read_audio(path)])
    times = np.array([float(frame.time) for frame in shown])
    return {
        "frames": np.stack([frame.image for frame in shown]),
        "times": times,
        "samples": samples[: round(times[-1] * RATE)],
        "rate": RATE,
    }


def write_film(path: Path, clip: dict[str, Any]) -> Path:
    """The same as a Matroska file, compressed."""
    height, width = clip["frames"].shape[1:3]
    with VideoWriter(path, width=width, height=height, rate=25, audio_rate=RATE) as video:
        for image, time in zip(clip["frames"], clip["times"]):
            video.write(image, Fraction(float(time)).limit_denominator(1000))
        video.write_audio(clip["samples"], Fraction(0))
    return path
