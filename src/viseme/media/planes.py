"""Frames whose pixels can be changed where they lie: luma and chroma as the decoder gave them, seen upright.

Knows pixel formats and colour matrices; refuses to know what is drawn. What is not changed stays bit for bit what it
was: a change is a difference in RGB, carried to luma and chroma by the colour matrix, and added.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cached_property
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from viseme.media.files import WarningSink
from viseme.media.frames import decoded_frames
from viseme.media.info import display_matrix, pixel_aspect
from viseme.media.timing import Orientation, fitted_size, orientation

__all__ = ["Box", "FramePlanes", "editable_format", "read_planes"]

Box = tuple[int, int, int, int]
"""xyxy, whole pixels, half open."""

_PLANAR = re.compile(r"yuvj?4(20|22|44|40)p(?:(9|10|12|14|16)le)?$")
_LUMA = {1: (0.2126, 0.0722), 4: (0.30, 0.11), 7: (0.212, 0.087), 9: (0.2627, 0.0593), 10: (0.2627, 0.0593)}
"""Number of a colour space in ITU-T H.273 -> share of red and of blue in luma; BT.601 for the others."""
_BT601 = (0.299, 0.114)
_FULL_RANGE = 2


def editable_format(name: str, codec: str) -> str:
    """The pixel format in which frames are changed and encoded: their own where that can be done.

    Args:
        name: FFmpeg's name of the format that the decoder gives.
        codec: The encoder.

    Example:
        >>> editable_format("yuv422p", "libx264"), editable_format("rgb24", "libx264"), editable_format("nv12", "mpeg4")
        ('yuv422p', 'yuv420p', 'yuv420p')
    """
    held = {f.name for f in av.Codec(codec, "w").video_formats or ()}
    if _PLANAR.match(name) and name in held:
        return name
    deep = any(component.bits > 8 for component in av.VideoFormat(name).components)
    return "yuv420p10le" if deep and "yuv420p10le" in held else "yuv420p"


class FramePlanes:
    """One frame that can be changed; sizes and boxes are pixels as stored, turned upright."""

    def __init__(
        self, frame: Any, *, index: int, time: Fraction, matrix: tuple[int, ...] | None = None, aspect: Fraction
    ) -> None:
        """Take a frame of a format that `editable_format` names.

        Args:
            frame: PyAV's.
            index: Counts the frames of the file, from 0.
            time: Exact seconds from the file's first frame.
            matrix: How the stored frame is turned for display, as the file has it; None = not.
            aspect: Width over height of one stored pixel.
        """
        match = _PLANAR.match(frame.format.name)
        assert match, frame.format.name
        self.frame, self.index, self.time = frame, index, time
        self.display_matrix, self._aspect = matrix, aspect
        self._turn = Orientation() if matrix is None else orientation(matrix)
        bits = int(match[2] or 8)
        self._type = np.dtype(np.uint8 if bits == 8 else "<u2")
        full = "yuvj" in frame.format.name or int(frame.color_range) == _FULL_RANGE
        unit = 2 ** (bits - 8)
        self._black, self._grey, self._top = (0.0 if full else 16.0 * unit), 128.0 * unit, 256.0 * unit - 1
        self._luma_span, self._chroma_span = (self._top, self._top) if full else (219.0 * unit, 224.0 * unit)
        red, blue = _LUMA.get(int(frame.colorspace), _BT601)
        self._weights = np.array([red, 1 - red - blue, blue], np.float32)

    @property
    def width(self) -> int:
        """Pixels of the upright frame."""
        return self._luma.shape[1]

    @property
    def height(self) -> int:
        """Pixels of the upright frame."""
        return self._luma.shape[0]

    @property
    def scale(self) -> tuple[float, float]:
        """Pixels of this frame, across and down, for one pixel of the frames that `read_frames` gives."""
        wide, high, _, _ = fitted_size(self.frame.width, self.frame.height, self._aspect, None)
        across, down = self.frame.width / wide, self.frame.height / high
        return (down, across) if self._turn.sideways else (across, down)

    def copy(self, *, time: Fraction | None = None) -> FramePlanes:
        """The same pixels in memory of their own, to be shown at another time."""
        old = self.frame
        new: Any = av.VideoFrame(old.width, old.height, old.format.name)
        for name in ("colorspace", "color_range", "color_primaries", "color_trc"):
            setattr(new, name, getattr(old, name))
        for mine, theirs in zip(_arrays(new, self._type), _arrays(old, self._type)):
            mine[:] = theirs
        at = self.time if time is None else time
        return FramePlanes(new, index=self.index, time=at, matrix=self.display_matrix, aspect=self._aspect)

    def make_writable(self) -> None:
        """Before pixels are changed: a decoder may still need its frame to predict others from."""
        self.frame.make_writable()
        self.__dict__.pop("_planes", None)

    def box(self, left: float, top: float, right: float, bottom: float) -> Box:
        """The smallest box of whole chroma samples around a place, cut off at the frame; empty where outside."""
        (down, across), (height, width) = self._steps, self._luma.shape
        x0, y0 = int(left // across * across), int(top // down * down)
        x1, y1 = int(-(-right // across) * across), int(-(-bottom // down) * down)
        x0, x1 = (min(max(x, 0), width) for x in (x0, x1))
        y0, y1 = (min(max(y, 0), height) for y in (y0, y1))
        return x0, y0, max(x0, x1), max(y0, y1)

    def rgb(self, box: Box) -> NDArray[np.float32]:
        """(h, w, 3) RGB in about [0, 1] of a box that `box` made; chroma is repeated, not smoothed."""
        x0, y0, x1, y1 = box
        luma = self._luma[y0:y1, x0:x1].astype(np.float32)
        luma = (luma - np.float32(self._black)) / np.float32(self._luma_span)
        blue, red = (
            self._spread(plane, box).astype(np.float32) * np.float32(1 / self._chroma_span)
            - np.float32(self._grey / self._chroma_span)
            for plane in self._planes[1:]
        )
        kr, kg, kb = (float(w) for w in self._weights)
        out = np.empty((*luma.shape, 3), np.float32)
        out[..., 0] = luma + (2 - 2 * kr) * red
        out[..., 2] = luma + (2 - 2 * kb) * blue
        out[..., 1] = (luma - kr * out[..., 0] - kb * out[..., 2]) / kg
        return out

    def add(self, box: Box, change: NDArray[np.floating]) -> None:
        """Add a difference in RGB to the pixels of a box that `box` made; where it is zero nothing changes.

        Args:
            box: Where.
            change: (h, w, 3), full scale 1. Chroma takes the mean over each of its samples.
        """
        x0, y0, x1, y1 = box
        change = np.asarray(change, np.float32)
        luma: Any = change @ self._weights
        kr, _, kb = (float(w) for w in self._weights)
        self._shift(self._luma[y0:y1, x0:x1], luma * np.float32(self._luma_span))
        for plane, colour, weight in zip(self._planes[1:], (change[..., 2], change[..., 0]), (kb, kr)):
            part, height, width = self._part(plane, box)
            spread: Any = (colour - luma) * np.float32(self._chroma_span / (2 - 2 * weight))
            self._shift(part, _block_means(spread, height, width))

    def change_luma(self, change: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]) -> None:
        """Change the brightness of the whole frame, in place.

        Args:
            change: (H, W) to (H, W); values of more than eight bits are shown without the lowest, which they keep.
        """
        if self._type.itemsize == 1:
            self._luma[:] = change(np.ascontiguousarray(self._luma))
            return
        unit = round((self._top + 1) / 256)
        seen = (self._luma // unit).astype(np.uint8)
        by = (change(seen).astype(np.float32) - seen) * unit
        self._shift(self._luma, by)

    def _shift(self, part: NDArray[Any], by: NDArray[np.float32]) -> None:
        """Add to stored values, in place."""
        np.rint(by, out=by)
        by += part
        part[:] = np.clip(by, 0, self._top, out=by)

    @cached_property
    def _planes(self) -> list[NDArray[Any]]:
        """Luma, blue and red difference, upright, as views of the frame."""
        views: list[NDArray[Any]] = []
        for plane in _arrays(self.frame, self._type):
            view = plane[:, ::-1] if self._turn.mirrored else plane
            views.append(np.rot90(view, -self._turn.degrees // 90) if self._turn.degrees else view)
        return views

    @property
    def _luma(self) -> NDArray[Any]:
        return self._planes[0]

    @property
    def _steps(self) -> tuple[int, int]:
        """Luma rows and columns of one chroma sample."""
        luma, chroma = self._planes[0].shape, self._planes[1].shape
        return -(-luma[0] // chroma[0]), -(-luma[1] // chroma[1])

    def _part(self, plane: NDArray[Any], box: Box) -> tuple[NDArray[Any], int, int]:
        """The chroma samples of a box, and how many luma rows and columns each stands for."""
        down, across = self._steps
        x0, y0, x1, y1 = box
        return plane[y0 // down : -(-y1 // down), x0 // across : -(-x1 // across)], down, across

    def _spread(self, plane: NDArray[Any], box: Box) -> NDArray[Any]:
        part, down, across = self._part(plane, box)
        x0, y0, x1, y1 = box
        if down > 1:
            part = part.repeat(down, axis=0)
        if across > 1:
            part = part.repeat(across, axis=1)
        return part[: y1 - y0, : x1 - x0]


def _block_means(values: NDArray[np.float32], down: int, across: int) -> NDArray[np.float32]:
    """Means over blocks; the edge is repeated where a block is not whole."""
    height, width = values.shape
    if height % down or width % across:
        values = np.pad(values, ((0, -height % down), (0, -width % across)), mode="edge")
    if down == across == 1:
        return values.copy()
    total = sum(values[i::down, j::across] for i in range(down) for j in range(across))
    return np.asarray(total * np.float32(1 / (down * across)), np.float32)


def _arrays(frame: Any, kind: np.dtype[Any]) -> Iterator[NDArray[Any]]:
    """(H, W) of each plane, as views."""
    for plane in frame.planes:
        stride = plane.line_size // kind.itemsize
        yield np.frombuffer(plane, kind)[: stride * plane.height].reshape(plane.height, stride)[:, : plane.width]


def read_planes(
    path: str | os.PathLike[str], *, codec: str = "libx264", on_warning: Callable[[str], None] | None = None
) -> Iterator[FramePlanes]:
    """Decode frames to be changed, the same ones in the same order and at the same times as `read_frames` gives.

    Args:
        path: A video.
        codec: Of the encoder they go to, which decides what pixel formats are kept.
        on_warning: As `read_frames`.

    Raises:
        NoVideo, UnreadableMedia: as `read_frames`.
    """
    scaler = VideoReformatter()
    kept: tuple[str, str] | None = None
    angle: int | None = None
    matrix: tuple[int, ...] | None = None
    for index, (stream, frame, time) in enumerate(decoded_frames(path, None, None, WarningSink(on_warning))):
        if kept is None or kept[0] != frame.format.name:
            kept = frame.format.name, editable_format(frame.format.name, codec)
        if angle != frame.rotation:
            angle, matrix = frame.rotation, display_matrix(frame)
        used = frame if kept[0] == kept[1] else scaler.reformat(frame, format=kept[1])
        yield FramePlanes(used, index=index, time=time, matrix=matrix, aspect=pixel_aspect(stream))
