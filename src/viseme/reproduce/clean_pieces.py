"""Videos without a watermark in great number: stretches of clips, pieces at other sizes and cuts, and patterns. Knows
frames; refuses to know how a mark is looked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from viseme.media import read_frames
from viseme.provenance.watermark_reading import MarkSearch

__all__ = ["clean_pieces", "clean_stretches", "pattern"]

Frames = list[NDArray[np.uint8]]
_PATTERNS = 0.2
"""Part of the pieces that are patterns."""
_MOST_FRAMES = 75
_STRETCH_S = 2.0
_PATTERN_FRAMES = 32
_KINDS = ("noise", "wall", "bars", "checks", "shades", "waves", "discs", "letters")


def clean_stretches(clip: Path, *, max_side: int) -> Iterator[MarkSearch]:
    """Every two seconds of a clip, taken in; the last stretch has one second at least."""
    search, begin, last = MarkSearch(), 0.0, 0.0
    for frame in read_frames(clip, max_side=max_side):
        last = float(frame.time)
        if last - begin >= _STRETCH_S:
            yield search
            search, begin = MarkSearch(), last
        search.add(frame.image, last)
    if last - begin >= _STRETCH_S / 2:
        yield search


def clean_pieces(clips: Sequence[Path], num: int, *, max_side: int, seed: int = 0) -> Iterator[Frames]:
    """Pieces of clips, then patterns: `num` in all, the same ones every time.

    A piece is a random stretch of 25 frames or more, cut to 60 to 100 % each way, at half size in one case of three,
    mirrored in one of two, with another brightness in one of two.
    """
    rng = np.random.default_rng(seed)
    num_patterns = round(num * _PATTERNS)
    for number, clip in enumerate(clips):
        share = (num - num_patterns) * (number + 1) // len(clips) - (num - num_patterns) * number // len(clips)
        frames = []
        for frame in read_frames(clip, max_side=max_side):
            frames.append(frame.image)
            if len(frames) == _MOST_FRAMES:
                break
        for _ in range(share):
            yield _piece(frames, rng)
    for number in range(num_patterns):
        yield pattern(_KINDS[number % len(_KINDS)], rng)


def _piece(frames: Frames, rng: np.random.Generator) -> Frames:
    height, width = frames[0].shape[:2]
    first = int(rng.integers(0, max(1, len(frames) - 24)))
    last = int(rng.integers(min(first + 25, len(frames)), len(frames) + 1))
    tall, wide = int(height * rng.uniform(0.6, 1)), int(width * rng.uniform(0.6, 1))
    y, x = int(rng.integers(0, height - tall + 1)), int(rng.integers(0, width - wide + 1))
    step = 2 if rng.random() < 0.33 else 1
    turn = -1 if rng.random() < 0.5 else 1
    gain = float(rng.uniform(0.7, 1.3)) if rng.random() < 0.5 else 1.0
    cut = [frame[y : y + tall : step, x : x + wide : step][:, ::turn] for frame in frames[first:last]]
    return [np.clip(frame * gain, 0, 255).astype(np.uint8) for frame in cut]


def pattern(kind: str, rng: np.random.Generator) -> Frames:
    """A second of something that nobody filmed, 200 to 480 pixels a side, which wanders or blinks.

    Args:
        kind: noise, wall, bars, checks, shades, waves, discs or letters.
        rng: Of sizes, grey levels and grain.

    Raises:
        ValueError: there is no such kind.
    """
    height, width = (int(size) for size in rng.integers(200, 480, 2))
    y, x = np.mgrid[:height, :width]
    size = float(rng.uniform(8, 64))
    if kind == "noise":
        image = 128 + float(rng.uniform(5, 60)) * rng.standard_normal((height, width))
    elif kind == "wall":
        image = np.full((height, width), float(rng.uniform(20, 235)))
    elif kind == "bars":
        image = x // size % 8 * 30.0 + 16
    elif kind == "checks":
        image = 60 + 120 * ((x // size + y // size) % 2)
    elif kind == "shades":
        image = 128 + 60 * _unit(gaussian_filter(rng.standard_normal((height, width)), size / 3))
    elif kind == "waves":
        turn = float(rng.uniform(0, np.pi))
        image = 128 + 40 * np.sin(2 * np.pi * (x * np.cos(turn) + y * np.sin(turn)) / size)
    elif kind == "discs":
        image = 128 + 60 * np.sign(np.hypot(x % (2 * size) - size, y % (2 * size) - size) - size / 2)
    elif kind == "letters":
        image = 230 - 200.0 * np.kron(rng.random((height // 6 + 1, width // 4 + 1)) < 0.4, np.ones((6, 4)))
        image = image[:height, :width]
    else:
        raise ValueError(f"there is no pattern {kind!r}; known: {', '.join(_KINDS)}")
    grain, speed, blink = (float(rng.uniform(0, most)) for most in (2, 1, 8))
    frames = []
    for number in range(_PATTERN_FRAMES):
        moved = np.roll(image, round(speed * number), 1) + blink * (number // 8 % 2)
        frames.append(np.clip(moved + grain * rng.standard_normal(image.shape), 0, 255).astype(np.uint8))
    return frames


def _unit(values: NDArray[np.floating]) -> NDArray[np.floating]:
    return values / max(float(values.std()), 1e-9)
