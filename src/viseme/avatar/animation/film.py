"""The animation as a video with its voice: the head as the renderer draws it, or as a cartoon. Needs viseme[render].

Every frame is watermarked, and a manifest says that the video is synthetic.

Knows face meshes and the renderer; refuses to know where the motion came from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from viseme.avatar.animation.default_head import ARKIT_UNITS
from viseme.avatar.animation.interface import FaceAnimation
from viseme.avatar.animation.textured import draw_textured
from viseme.core.errors import ConfigError
from viseme.face3d.camera import Camera, place, project
from viseme.face3d.interface import FaceModel, load_face_model
from viseme.face3d.light import lamp
from viseme.face3d.look import Look
from viseme.face3d.render import render_head
from viseme.media import VideoWriter
from viseme.provenance.manifest import WrittenManifest, watermark_message, write_manifest
from viseme.provenance.watermark_strength import MEASURED_FRAMES, film_mark
from viseme.synthetic.phonemes import SAMPLE_RATE
from viseme.synthetic.scene import shoulders, with_tongue

__all__ = ["CARTOON", "PLAIN", "FilmFormat", "film_animation"]

Style = Literal["plain", "cartoon"]
View = Literal["front", "turntable"]
SIZE = 512
"""Width and height in pixels."""
TURN_S = 12.0
"""Seconds of one swing of the turntable from side to side and back."""
TURN = np.deg2rad(50.0)
"""How far it turns either way."""
_BACKGROUND = (0.86, 0.88, 0.9)


@dataclass(frozen=True)
class FilmFormat:
    """See `AnimationFormat`."""

    suffixes: tuple[str, ...]
    summary: str
    style: Style

    def write(self, animation: FaceAnimation, out: Path) -> None:
        """Film the front."""
        film_animation(animation, out, style=self.style)


PLAIN = FilmFormat((".mp4", ".mov", ".mkv", ".webm"), "a video of the head with its voice", "plain")
CARTOON = FilmFormat((), "the same, drawn with flat colours and outlines", "cartoon")


def film_animation(
    animation: FaceAnimation,
    out: Path,
    *,
    style: Style = "plain",
    view: View = "front",
    size: int = SIZE,
    on_progress: Callable[[int, int], None] | None = None,
) -> WrittenManifest:
    """Write a video, and the manifest in it or beside it; neither is left without the other.

    Args:
        animation: What moves.
        out: File; the extension chooses the container.
        style: Photographic, or flat colours with outlines (specification, section 9).
        view: From the front, or turning slowly from side to side.
        size: Pixels of a side, even.
        on_progress: Told frames done and frames in all.

    Raises:
        MissingExtra: viseme[render] is not installed.
        OutputError: the file cannot be written.
    """
    if size < 64 or size % 2:
        raise ConfigError(f"the size of a video must be even and at least 64 pixels, not {size}")
    message = watermark_message(animation.model, animation.consent)
    num, rate = len(animation.weights), float(animation.rate)
    frames = ((frame.clip(0, 1) * 255 + 0.5).astype(np.uint8) for frame in _frames(animation, style, view, size))
    first = list(islice(frames, MEASURED_FRAMES))
    mark = film_mark(first, message, rate=rate)
    audio_rate = None if animation.samples is None else SAMPLE_RATE
    with VideoWriter(out, width=size, height=size, rate=animation.rate, audio_rate=audio_rate) as video:
        if animation.samples is not None:
            video.write_audio(animation.samples)
        for number, frame in enumerate(chain(first, frames)):
            video.write(mark.mark(frame, number / rate))
            if on_progress is not None:
                on_progress(number + 1, num)
    try:
        return write_manifest(out, model=animation.model, consent=animation.consent, watermark=message)
    except BaseException:
        out.unlink(missing_ok=True)  # nothing synthetic is left that does not say so
        raise


def _frames(animation: FaceAnimation, style: Style, view: View, size: int) -> Iterator[NDArray[np.float32]]:
    pose = np.zeros((len(animation.weights), 6))
    pose[:, :3] = animation.pose
    if view == "turntable":
        pose[:, 1] += TURN * np.sin(2 * np.pi * animation.times / TURN_S)
    gamma = lamp((-0.4, 0.5, 1.0), colour=(0.75, 0.72, 0.68), ambient=(0.34, 0.34, 0.36))
    if animation.mesh.is_default_head:
        yield from _default_frames(animation, pose, gamma, style, size)
        return
    for weights, turn in zip(animation.mesh_weights, pose):
        yield draw_textured(animation.mesh, animation.mesh.at(weights), turn, size, style=style)


def _default_frames(
    animation: FaceAnimation, pose: NDArray[np.float64], gamma: NDArray[np.float64], style: Style, size: int
) -> Iterator[NDArray[np.float32]]:
    """The default face model with hair, neck and shoulders."""
    model, look = load_face_model(), Look(grain=0.0 if style == "cartoon" else 1.0, hair="full")
    camera = Camera.portrait(size, size, face_width=0.42)
    albedo = model.albedo()
    pose[:, 4] -= 0.1
    body = shoulders(pose, np.array([0.0, -0.1, 0.0]), float(animation.rate))
    body[:, 1] = 0.8 * pose[:, 1]
    scale = 1 / model.expression_sigma[:ARKIT_UNITS]
    for number, weights in enumerate(animation.weights):
        vertices = model.shape(None, weights * scale)
        if animation.tongue is not None:
            vertices = with_tongue(vertices, model, animation.tongue[number].astype(np.float64))
        drawn = render_head(
            vertices, albedo, gamma, pose[number], camera=camera, model=model, look=look, background=_BACKGROUND,
            body_pose=body[number],
        ).image  # fmt: skip
        if style == "cartoon":
            drawn = _outlined(drawn, model, vertices, pose[number], camera)
        yield drawn


def _outlined(
    image: NDArray[np.float32],
    model: FaceModel,
    vertices: NDArray[np.float32],
    pose: NDArray[np.float64],
    camera: Camera,
) -> NDArray[np.float32]:
    from viseme.avatar.animation.cartoon import cartoon

    points = project(place(model.landmark_points(vertices).astype(np.float64), pose), camera)
    return cartoon(image, points)
