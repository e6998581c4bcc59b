"""The video to look at: each face as it was seen, beside its standardised self, with the audio.

Knows frames, coefficients and the writer; refuses to know estimators and tracks' landmarks.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.engine.prefetch import prefetch
from viseme.faces.crops import CROP_SIZE, crop_frame
from viseme.media import AudioBlock, VideoWriter, probe, read_audio, read_frames
from viseme.media.images import draw_text, text_size
from viseme.standardization.interface import FRAME_REASONS, Coefficients
from viseme.standardization.synthesis import Scale, StandardFace, rendered_frames

__all__ = ["MOST_ROWS", "rows_of", "write_video"]

MOST_ROWS = 4
"""Faces shown one above the other; more at a time are not shown."""
MAX_SIDE = 1920
STRETCH = 64
WORD_PX = 20
"""Size of the font that says why a frame is not used."""


def rows_of(spans: Sequence[tuple[float, float]]) -> list[int]:
    """The row of each face, so that no two share one at a time; faces come in the order of their first frame.

    Example:
        >>> rows_of([(0, 4), (1, 2), (3, 9), (5, 6)])
        [0, 1, 1, 0]
    """
    until: list[float] = []
    rows = []
    for start, end in spans:
        free = next((i for i, last in enumerate(until) if last < start), len(until))
        until[free:] = [end, *until[free + 1 :]]
        rows.append(free)
    return rows


def write_video(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    faces: Sequence[tuple[Coefficients, Scale]],
    face: StandardFace,
    *,
    depth: bool,
    warn: Callable[[str], None],
    tell: Callable[[float], None],
) -> None:
    """Write the video; one frame for every frame of the source, at its time.

    Args:
        path: The source, decoded once more.
        out: The extension chooses the container.
        faces: Coefficients of each track and its depth range, by first frame.
        face: Draws them.
        depth: Show depth as a third column.
        warn: Told what could not be shown.
        tell: Told the fraction done.

    Raises:
        OutputError: it cannot be written.
    """
    info = probe(path)
    assert info.video is not None
    placed = rows_of([(float(c.times[0]), float(c.times[-1])) for c, _ in faces])
    num_rows = min(max(placed, default=0) + 1, MOST_ROWS)
    if max(placed, default=0) >= MOST_ROWS:
        warn(f"the video shows at most {MOST_ROWS} faces at a time; the file holds them all")
    shown = [_Shown(c, scale, face, row, depth) for (c, scale), row in zip(faces, placed) if row < MOST_ROWS]
    width = CROP_SIZE * (3 if depth else 2)
    audio_rate = info.audio[0].rate if info.audio else None
    rate = info.video.rate or Fraction(25)
    stream = prefetch(read_frames(path, max_side=MAX_SIDE), 8)
    try:
        with VideoWriter(
            out, width=width, height=CROP_SIZE * num_rows, rate=rate, audio_rate=audio_rate, crf=20
        ) as video:
            track = _Audio(video, read_audio(path, rate=audio_rate) if audio_rate else iter(()))
            for frame in stream:
                at = float(frame.time)
                sheet = np.zeros((CROP_SIZE * num_rows, width, 3), np.uint8)
                for one in shown:
                    one.draw(sheet, at, frame)
                track.write_until(frame.time + 1)
                video.write(sheet, frame.time)
                if info.duration:
                    tell(at / float(info.duration))
            track.write_until(None)
    finally:
        stream.close()


class _Audio:
    """Hands the audio to the writer shortly before the frames it belongs to."""

    def __init__(self, video: VideoWriter, blocks: Iterator[AudioBlock]) -> None:
        self._video, self._blocks = video, blocks
        self._held: AudioBlock | None = next(blocks, None)

    def write_until(self, limit: Fraction | None) -> None:
        while self._held is not None and (limit is None or self._held.start < limit):
            self._video.write_audio(self._held.samples, self._held.start)
            self._held = next(self._blocks, None)


class _Shown:
    """One face, drawn a stretch at a time as the frames come."""

    def __init__(self, coefficients: Coefficients, scale: Scale, face: StandardFace, row: int, depth: bool) -> None:
        self._c, self._scale, self._face, self._row, self._depth = coefficients, scale, face, row, depth
        self._next = 0
        self._drawn: NDArray[np.uint8] = np.zeros((0, 4, 1, 1), np.uint8)
        self._from = 0

    def draw(self, sheet: NDArray[np.uint8], at: float, frame: Any) -> None:
        """Put this face on the sheet if it has a frame at that time."""
        c = self._c
        while self._next < len(c.times) and c.times[self._next] < at - 1e-6:
            self._next += 1
        index = self._next
        if index >= len(c.times) or c.times[index] > at + 1e-6:
            return
        if index >= self._from + len(self._drawn):
            self._from = index
            self._drawn = rendered_frames(self._face, c, self._scale, slice(index, index + STRETCH))
        top = self._row * CROP_SIZE
        cells = sheet[top : top + CROP_SIZE]
        if np.isfinite(c.crops[index]).all():
            cells[:, :CROP_SIZE] = crop_frame(frame.image, c.crops[index], scale=frame.scale)
        if not c.valid[index]:
            _write_word(cells[:, CROP_SIZE : 2 * CROP_SIZE], FRAME_REASONS[c.reason[index]].replace("_", " "))
            return
        drawn = self._drawn[index - self._from]
        cells[:, CROP_SIZE : 2 * CROP_SIZE] = drawn[:3].transpose(1, 2, 0)
        if self._depth:
            cells[:, 2 * CROP_SIZE :] = drawn[3][..., None]


def _write_word(cell: NDArray[np.uint8], word: str) -> None:
    cell[:] = 0
    width, height = text_size(word, WORD_PX)
    draw_text(cell, word, ((cell.shape[1] - width) // 2, (cell.shape[0] - height) // 2), (160, 160, 160), WORD_PX)
