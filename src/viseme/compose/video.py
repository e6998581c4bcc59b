"""A whole video with a new face in it: frames in, frames with the face put back out, everything else kept.

Knows the order of the work; refuses to know where the face comes from. The video is read twice: once small, to follow
the faces and to know every time stamp before the generator begins; once in full. Memory does not grow with its length.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.compose.frame import Blend
from viseme.compose.interface import CropGenerator, Enhancer, FaceGenerator
from viseme.compose.painters import FacePainter, painter_of
from viseme.compose.schedule import Beyond, Schedule, schedule
from viseme.compose.target import Stretch, TargetFaces
from viseme.engine.prefetch import prefetch
from viseme.media.planes import FramePlanes, read_planes
from viseme.media.rewrite import rewrite_video
from viseme.media.video_track import encoder_of
from viseme.media.writer import muxer_for

__all__ = ["ComposeReport", "compose_video"]

NUM_AHEAD, NUM_MADE_AHEAD = 4, 2
"""Frames decoded, and frames with the new face, before they are asked for."""


@dataclass(kw_only=True)
class ComposeReport:
    """What became of the frames."""

    num_frames: int = 0
    """Frames written."""
    num_composed: int = 0
    """Frames with the new face."""
    num_covered: int = 0
    """Frames left as they were because something lies before the mouth."""
    num_added: int = 0
    """Frames shown again after the end of the video, among those written."""
    warnings: list[str] = field(default_factory=list)
    """What could not be kept, in one line each."""

    @property
    def num_passed(self) -> int:
        """Frames that are as they were: without a usable face, or covered."""
        return self.num_frames - self.num_composed


def compose_video(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    generator: FaceGenerator | CropGenerator,
    samples: NDArray[np.floating],
    *,
    audio_file: str | os.PathLike[str],
    audio_stream: int = 0,
    faces: TargetFaces,
    stretches: list[Stretch],
    covered: NDArray[np.bool_] | None = None,
    beyond: Beyond = "hold",
    blend: Blend = "multiband",
    enhancer: Enhancer | None = None,
    mark: Callable[[FramePlanes], None] | None = None,
    crf: int = 18,
    on_progress: Callable[[float], None] | None = None,
    on_warning: Callable[[str], None] | None = None,
) -> ComposeReport:
    """Write a video in which a face says something else.

    Args:
        path: The video.
        out: Where to write; the extension chooses the container. Appears complete or not at all.
        generator: Makes the face.
        samples: (S,) what it says, 16 kHz mono; the first sample belongs to the first frame.
        audio_file: The same audio, which becomes that of the output.
        audio_stream: Which audio stream of it.
        faces: Of the video, followed.
        stretches: The frames of the face that is replaced, of `faces.chosen`.
        covered: (T,) frames that stay as they are because something lies before the mouth, of `faces.covered`; None =
            it is looked for nowhere.
        beyond: What is done where audio and video differ in length.
        blend: "multiband" passes coarse and fine structure over borders of different width; "alpha" is faster.
        enhancer: What is done to a generated face crop before it is put back; None = nothing.
        mark: Changes every frame of the output in place, after the face is put in: a watermark.
        crf: Quality of the video, lower is better.
        on_progress: Told the fraction done, 0 to 1.
        on_warning: Told at once what cannot be kept.

    Raises:
        MediaError: a file cannot be read or written.
        ConfigError: an enhancer is given, and the generator makes no crops.
    """
    painter = painter_of(generator, blend=blend, enhancer=enhancer)
    last_shot = min(s.first for s in stretches if s.shot == stretches[-1].shot)
    codec = encoder_of(muxer_for(out))
    with closing(read_planes(path, codec=codec)) as look:  # type: ignore[type-var]
        size = next(look)
    plan = schedule(faces.times, len(samples) / 16_000, beyond, first=last_shot, pixels=size.width * size.height)
    report = ComposeReport(num_added=len(plan.added))
    covered = np.zeros(faces.num_frames, bool) if covered is None else covered
    film = _Film(painter, faces, stretches, covered, plan, report)

    def made(source: Iterator[FramePlanes]) -> Iterator[FramePlanes]:
        for planes in film.frames(source, samples):
            if mark is not None:
                mark(planes)
            yield planes

    def counted(frames: Iterator[FramePlanes]) -> Iterator[FramePlanes]:
        total = plan.num_kept + len(plan.added)
        for planes in frames:
            report.num_frames += 1
            if on_progress is not None:
                on_progress(report.num_frames / total)
            yield planes

    with (
        closing(prefetch(read_planes(path, codec=codec, on_warning=on_warning), NUM_AHEAD)) as source,
        closing(prefetch(made(source), NUM_MADE_AHEAD)) as frames,  # encoding and composing take turns on two cores
    ):
        written = rewrite_video(
            path,
            out,
            counted(frames),
            audio_file=audio_file,
            audio_stream=audio_stream,
            audio_end=plan.end,
            crf=crf,
            on_warning=on_warning,
        )
    report.warnings.extend(written.warnings)
    return report


class _Film:
    """The frames of the output, in order."""

    def __init__(
        self,
        painter: FacePainter,
        faces: TargetFaces,
        stretches: list[Stretch],
        covered: NDArray[np.bool_],
        plan: Schedule,
        report: ComposeReport,
    ) -> None:
        self._painter, self._faces, self._plan = painter, faces, plan
        self._report = report
        self._stretches, self._covered = stretches, covered
        self._firsts = [s.first for s in stretches]
        self._kept: dict[int, tuple[NDArray[np.float32], Any]] = {}
        self._track: int | None = None

    def frames(self, source: Iterator[FramePlanes], samples: NDArray[np.floating]) -> Iterator[FramePlanes]:
        """The video's frames, then those that are shown again."""
        plan = self._plan
        times = self._faces.times
        added = times[-1] + float(plan.step) * np.arange(1, len(plan.added) + 1)
        wanted = np.concatenate([times[: plan.num_kept], added])
        spoken = self._painter.speak(samples, wanted)
        held: deque[FramePlanes] = deque(maxlen=plan.num_held or None)
        last = None
        for planes in source:
            if planes.index >= plan.num_kept:
                break
            if plan.num_held and planes.index >= plan.num_kept - plan.num_held:
                held.append(planes.copy())
            last = planes.time
            yield self._edited(planes, next(spoken))
        if last is None:
            return
        for number, index in enumerate(plan.added.tolist(), 1):
            again = next(p for p in held if p.index == index)
            yield self._edited(again.copy(time=last + number * plan.step), next(spoken))

    def _edited(self, planes: FramePlanes, face: Any) -> FramePlanes:
        planes.make_writable()
        place = bisect_right(self._firsts, planes.index) - 1
        stretch = self._stretches[place] if place >= 0 else None
        if stretch is None or planes.index >= stretch.stop:
            return planes
        if self._covered[planes.index]:
            self._report.num_covered += 1
            return planes
        landmarks, followed = self._followed(place, stretch)
        if self._track != stretch.track_id:
            self._painter.begin()
            self._track = stretch.track_id
        done = self._painter.paint(planes, landmarks, followed, planes.index - stretch.first, face)
        self._report.num_composed += done is not None
        return planes

    def _followed(self, place: int, stretch: Stretch) -> tuple[NDArray[np.float32], Any]:
        """Landmarks of a stretch and what was made of them; two stretches are kept."""
        if place not in self._kept:
            while len(self._kept) > 1:
                del self._kept[next(iter(self._kept))]
            landmarks = self._faces.landmarks(stretch)
            self._kept[place] = landmarks, self._painter.follow(landmarks)
        return self._kept[place]
