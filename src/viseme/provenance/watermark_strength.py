"""How strong a watermark a video affords: an encoding without it, and what that loses, decide. Knows pixels and the
encoder; refuses to know messages.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from viseme.media.frames import read_frames
from viseme.media.planes import FramePlanes, read_planes
from viseme.media.rewrite import rewrite_video
from viseme.media.writer import VideoWriter
from viseme.provenance.watermark import Watermark, changed_part

__all__ = ["COST_DB", "MEASURED_FRAMES", "affordable_strength", "film_mark", "video_mark"]

COST_DB = 0.7
"""What the mark should cost: PSNR, RGB, against the same encoding without it."""
MEASURED_FRAMES = 48
"""Frames that are encoded to see what a video affords; half of them where they are large."""
_LARGE = 640 * 640
_TRIAL, _LEAST_PRICE = 0.5, 0.5
"""Strength at which the price is measured first: squared error for each changed pixel, which is more than one where the
mark takes bits away from the rest; less is not believed."""
_WEAKEST, _STRONGEST = 0.4, 0.8
"""Weaker marks do not outlive another encoding; stronger ones show on walls."""


def affordable_strength(first: NDArray[np.uint8], error: Callable[[Watermark | None], float]) -> float:
    """The strength at which a watermark costs `COST_DB`, within what is of use.

    Args:
        first: (H, W, 3) RGB, a frame of the video.
        error: Mean squared error of an encoding with a mark, or without one.
    """
    lost = error(None)
    spare, strength = (10 ** (COST_DB / 10) - 1) * lost, _TRIAL
    strengths = np.linspace(_WEAKEST, _STRONGEST, 26)
    for _ in range(2):  # the price is not the same at every strength
        price = max((error(Watermark(0, strength=strength)) - lost) / changed_part(first, strength), _LEAST_PRICE)
        costs = [price * changed_part(first, one) for one in strengths.tolist()]
        strength = float(strengths[max(0, int(np.searchsorted(costs, spare)) - 1)])
    return strength


def film_mark(frames: Sequence[NDArray[np.uint8]], message: int, *, rate: float, crf: int = 18) -> Watermark:
    """A mark as strong as a film affords.

    Args:
        frames: (H, W, 3) RGB, even sides; its first `MEASURED_FRAMES`.
        message: 24 bits.
        rate: Frames a second.
        crf: Quality at which the film will be written.
    """

    def error(mark: Watermark | None) -> float:
        height, width = frames[0].shape[:2]
        with TemporaryDirectory() as folder:
            path = Path(folder) / "clip.mkv"
            with VideoWriter(path, width=width, height=height, rate=max(1, round(rate)), crf=crf) as video:
                for number, frame in enumerate(frames):
                    video.write(frame if mark is None else mark.mark(frame, number / rate))
            return _difference(frames, path)

    return Watermark(message, strength=affordable_strength(frames[0], error) if len(frames) else _WEAKEST)


def video_mark(
    path: str | os.PathLike[str], message: int, *, audio_file: str | os.PathLike[str], audio_stream: int = 0, crf: int
) -> Callable[[FramePlanes], None]:
    """What marks the frames of a video in place, one after the other, as strongly as the video affords.

    Args:
        path: The video as it was before its frames are changed.
        message: 24 bits.
        audio_file: As for `rewrite_video`.
        audio_stream: As for `rewrite_video`.
        crf: Quality at which the video will be written.
    """
    first = next(iter(read_frames(path))).image
    num = MEASURED_FRAMES // (1 + (first.size > 3 * _LARGE))

    def frames(mark: Watermark | None) -> Iterator[FramePlanes]:
        for planes in islice(read_planes(path), num):
            planes.make_writable()
            if mark is not None:
                _put(mark, planes)
            yield planes

    def error(mark: Watermark | None) -> float:
        with TemporaryDirectory() as folder:
            out = Path(folder) / "clip.mkv"
            rewrite_video(
                path,
                out,
                frames(mark),
                audio_file=audio_file,
                audio_stream=audio_stream,
                audio_end=Fraction(1),
                crf=crf,
            )
            return _difference((frame.image for frame in read_frames(path)), out)

    return partial(_put, Watermark(message, strength=affordable_strength(first, error)))


def _put(mark: Watermark, planes: FramePlanes) -> None:
    planes.change_luma(partial(mark.mark, time=float(planes.time)))


def _difference(frames: Iterable[NDArray[np.uint8]], written: Path) -> float:
    """Mean squared error of what was written, as long as that is."""
    pairs = zip((made.image for made in read_frames(written)), frames)
    return float(np.mean([np.mean((made.astype(np.float32) - frame) ** 2) for made, frame in pairs]))
