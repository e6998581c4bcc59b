"""A minute of 1080p video with one face, from our own synthetic head: filmed once, looped, kept under a work folder."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from viseme.media import VideoWriter, read_audio, read_frames
from viseme.synthetic.pipeline import synth

__all__ = ["minute_clip"]

WIDTH, HEIGHT, RATE = 1920, 1080, 25
FILMED_S = 10
"""Seconds that are filmed; the rest of the minute repeats them."""
SEED = 3
AUDIO_RATE = 16_000


def minute_clip(
    work: Path, *, width: int = WIDTH, height: int = HEIGHT, filmed_s: int = FILMED_S, loops: int = 6
) -> Path:
    """The clip, from the work folder where it was made before.

    Args:
        work: Folder.
        width: Pixels.
        height: Pixels.
        filmed_s: Seconds that are filmed; a frame of 1080p takes about a second.
        loops: How often they are shown.

    Raises:
        EspeakMissing: espeak-ng is not installed.
        OutputError: the work folder cannot be written.
    """
    out = work / f"speed-{width}x{height}-{filmed_s}x{loops}.mp4"
    if not out.exists():
        work.mkdir(parents=True, exist_ok=True)
        once = work / f"speed-{width}x{height}-{filmed_s}.mp4"
        if not once.exists():
            synth(once, seconds=filmed_s, width=width, height=height, fps=str(RATE), seed=SEED, crf=20)
        _loop(once, out, width, height, loops)
    return out


def _loop(once: Path, out: Path, width: int, height: int, loops: int) -> None:
    num = 0
    samples = np.concatenate([block.samples for block in read_audio(once, rate=AUDIO_RATE)])
    with VideoWriter(out, width=width, height=height, rate=Fraction(RATE), audio_rate=AUDIO_RATE, crf=20) as video:
        for _ in range(loops):
            first = num
            for frame in read_frames(once):
                video.write(frame.image, Fraction(num, RATE))
                num += 1
            video.write_audio(np.resize(samples, (num - first) * AUDIO_RATE // RATE), None if first else Fraction(0))
