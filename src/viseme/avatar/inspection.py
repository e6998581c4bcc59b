"""`viseme avatar inspect`: what an avatar would learn from, as one image, before anything is trained.

Knows the order of the work; refuses to know how light and pose are taken out.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from numpy.typing import NDArray

from viseme.avatar.person_videos import PersonVideos
from viseme.avatar.pieces import frame_atlas
from viseme.avatar.reference_frame import PersonReference, find_reference, frame_at, unwrapped
from viseme.core.errors import ConfigError
from viseme.face3d.atlas import ATLAS_SIZE, draw
from viseme.face3d.head_pose import head_poses, metric
from viseme.media.files import replacing
from viseme.media.images import encode_png

__all__ = ["COLUMNS", "AvatarInspection", "avatar_inspect"]

COLUMNS = (
    "face without its pose",
    "atlas",
    "without highlights",
    "reference",
    "in the reference's light",
    "gain of the light",
    "what agrees",
)
"""What the sheet shows of each frame, from left to right."""
_SPAN = 1.35
"""Of the radius of the face, from the middle of the drawn face to its edge."""


@dataclass(frozen=True, kw_only=True)
class AvatarInspection:
    """What was found and written."""

    path: Path
    """The sheet: a row a frame, `COLUMNS` from left to right."""
    reference_time: float
    """Seconds of the reference frame."""
    times: tuple[float, ...]
    """Seconds of the frames, a row each."""
    audio_delay: float | None
    """Seconds by which the audio is late; None = cannot be told."""
    difference: float
    """Mean difference of the frames' atlases to the reference, of 1, as filmed ..."""
    difference_normalised: float
    """... and in the light of the reference."""

    def __str__(self) -> str:
        late = (
            "its delay cannot be told" if self.audio_delay is None else f"audio {1000 * self.audio_delay:+.0f} ms late"
        )
        return (
            f"{self.path}: {len(self.times)} frames beside the one at {self.reference_time:.2f} s; difference "
            f"{100 * self.difference:.1f} % as filmed, {100 * self.difference_normalised:.1f} % in one light; {late}\n"
            f"columns: {', '.join(COLUMNS)}"
        )


def avatar_inspect(
    video: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="VIDEO")],
    *,
    out: Annotated[Path, tyro.conf.arg(metavar="FILE.png", aliases=["-o"])] = Path("avatar-sheet.png"),
    frames: Annotated[int, tyro.conf.arg(metavar="N")] = 6,
) -> AvatarInspection:
    """What an avatar would learn from a video of one person, as an image: a row for each of some frames.

    From left to right: the face without its pose; its atlas, the face unrolled; without highlights; the atlas of the
    reference frame, the darker half lit as the brighter one; the frame in the light of the reference; the gain that did
    it, grey = none; where the two agree.

    Args:
        video: One person, seen from the front, whose own voice is heard.
        out: Image to write.
        frames: How many frames are shown, over the whole video.

    Returns:
        What was found, and where the sheet lies.

    Raises:
        ConfigError: `out` is no .png, or `frames` is below 1.
        MediaError: the video cannot be read, or has no audio.
        DataError: it shows two people, none, or one from the side only.
    """
    path = Path(out)
    if path.suffix.lower() != ".png":
        raise ConfigError(f"{path} is no image; pass -o FILE.png")
    if frames < 1:
        raise ConfigError(f"--frames must be at least 1, not {frames}")
    files = [Path(video)]
    clip = PersonVideos(tuple(files)).track(0)
    person = find_reference(files, [(clip.times, clip.landmarks, clip.observed)])
    seen = np.flatnonzero(clip.observed)
    rows = seen[np.linspace(0, len(seen) - 1, min(frames, len(seen))).astype(int)]
    vertices = metric(clip.landmarks[rows].astype(np.float64))
    vertices = head_poses(vertices, person.vertices).normalise(vertices)
    shown = [_row(files[0], float(clip.times[r]), clip.landmarks[r], v, person) for r, v in zip(rows, vertices)]
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(encode_png(np.vstack([image for image, _ in shown])))
    before, after = np.mean([differences for _, differences in shown], axis=0)
    delay = float(clip.truth["delay"])
    return AvatarInspection(
        path=path,
        reference_time=person.time,
        times=tuple(float(t) for t in clip.times[rows]),
        audio_delay=delay if np.isfinite(delay) else None,
        difference=float(before),
        difference_normalised=float(after),
    )


def _row(
    video: Path, time: float, landmarks: NDArray[np.float32], vertices: NDArray[np.float64], person: PersonReference
) -> tuple[NDArray[np.uint8], tuple[float, float]]:
    """One frame's part of the sheet, and its mean difference to the reference before and after."""
    image, scale = frame_at(video, time)
    coordinates = person.cylinder.coordinates(vertices)
    atlas, valid = unwrapped(image, scale, landmarks, coordinates)
    made = frame_atlas(image, scale, landmarks, vertices, person)
    there, known = person.atlas.moved_to(coordinates)
    both = valid & known
    size = ATLAS_SIZE / 2 / _SPAN
    middle = (person.vertices.max(0) + person.vertices.min(0)) / 2
    points = (vertices - middle) * [size, -size, size] + [ATLAS_SIZE / 2, ATLAS_SIZE / 2, 0]
    face, _ = draw(np.where(valid[..., None], atlas, there), coordinates, points, ATLAS_SIZE, ATLAS_SIZE)
    grey = [np.clip(np.log2(made.gain.luma) / 4 + 0.5, 0, 1), made.gain.weights]
    parts = [face, atlas, made.clean, there, made.atlas, *(np.repeat(g[..., None], 3, 2) for g in grey)]
    sheet = np.rint(np.clip(np.hstack(parts), 0, 1) * 255).astype(np.uint8)
    return sheet, (float(np.abs(atlas - there)[both].mean()), float(np.abs(made.atlas - there)[both].mean()))
