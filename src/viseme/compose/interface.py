"""What a generator of talking faces hands to compositing. Read this first.

Knows shapes and spaces; refuses to know networks, videos and files. Vertices lie in the reference space of
`face3d.head_pose`: metric axes (+x image right, +y up, +z out of the face) moved by the robust similarity onto the
person's reference frame. Textures lie in the 256 x 256 cylindrical atlas of `face3d.atlas`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from viseme.core.registry import Registry

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from viseme.compose.target import Stretch, TargetFaces
    from viseme.face3d.atlas import Cylinder

__all__ = [
    "AnybodysFace",
    "CropGenerator",
    "Enhancer",
    "FaceGenerator",
    "SpokenFace",
    "face_generators",
    "speech_arrays",
]


@dataclass(frozen=True, kw_only=True, eq=False)
class SpokenFace:
    """A stretch of a generated face, one row a frame; stretches follow each other without overlap."""

    times: NDArray[np.float64]
    """(T,) seconds, strictly rising: some of the times that were asked for."""
    vertices: NDArray[np.float32]
    """(T, 468, 3) reference space."""
    lips: NDArray[np.float32]
    """(T, 128, 128, 3) RGB in [0, 1]: rows `LIP_ROWS` and columns `LIP_COLUMNS` of the light-normalised atlas."""
    weights: NDArray[np.float32]
    """(T, 52) ARKit blendshape weights in [0, 1]."""

    def __post_init__(self) -> None:
        num = len(self.times)
        assert self.vertices.shape == (num, 468, 3), self.vertices.shape
        assert self.lips.shape == (num, 128, 128, 3), self.lips.shape
        assert self.weights.shape == (num, 52), self.weights.shape


def speech_arrays(
    samples: NDArray[np.floating], times: NDArray[np.floating]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """What `FaceGenerator.speak` is given, (S,) and (T,), as arrays.

    Raises:
        ValueError: other shapes, or times that do not rise.
    """
    audio, when = np.asarray(samples, np.float32), np.asarray(times, np.float64)
    if audio.ndim != 1 or when.ndim != 1:
        raise ValueError(f"samples (S,) and times (T,) are needed, not {audio.shape} and {when.shape}")
    if (np.diff(when) <= 0).any():
        raise ValueError("times must rise")
    return audio, when


class FaceGenerator(Protocol):
    """Audio in, a person's face out. An avatar is one; so is a recording that is played back."""

    @property
    def reference(self) -> NDArray[np.floating]:
        """(468, 3) the person's reference vertices, reference space."""
        ...

    @property
    def reference_atlas(self) -> NDArray[np.float32]:
        """(256, 256, 3) RGB in [0, 1]: the atlas that the lip crops continue, light normalised."""
        ...

    @property
    def cylinder(self) -> Cylinder:
        """How vertices of this person are laid onto the atlas."""
        ...

    def speak(self, samples: NDArray[np.floating], start: float, times: NDArray[np.floating]) -> Iterator[SpokenFace]:
        """The face at each of the times.

        Args:
            samples: (S,) mono audio at 16 kHz, full scale 1; silence closes the mouth.
            start: Seconds of the first sample, on the clock of `times`.
            times: (T,) seconds of the frames, strictly rising; where there is no audio there is silence.

        Yields:
            All of `times` in order, in chunks, so that memory does not grow with them.
        """
        ...


class CropGenerator(Protocol):
    """Audio and a crop of a frame in, the same crop with other lips out: a face made of pixels, without a shape."""

    @property
    def side(self) -> int:
        """Of a crop, pixels."""
        ...

    def squares(self, landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
        """(T, 3) centre x, centre y and side of the square that is cut out, from (T, 468, 3) landmarks."""
        ...

    def hear(self, samples: NDArray[np.floating], start: float, times: NDArray[np.floating]) -> Iterator[Any]:
        """What is heard at each of the times, see `FaceGenerator.speak`; only `paint` looks at it."""
        ...

    def paint(self, crop: NDArray[np.uint8], heard: Any, time: float) -> NDArray[np.float32]:
        """A frame's face with other lips.

        Args:
            crop: (S, S, 3) RGB.
            heard: Of `hear`.
            time: Seconds of the frame.

        Returns:
            (S, S, 3) RGB in [0, 1].
        """
        ...


Enhancer: TypeAlias = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]
"""What is done to a generated crop before it is put back: (S, S, 3) RGB in [0, 1] and the (468, 2) landmarks of the
filmed face in its pixels, to (R, R, 3) of any size."""


class AnybodysFace(Protocol):
    """A generator that was trained on nobody in particular: it looks at the person of a video first."""

    @property
    def id(self) -> str:
        """Name and hash of its weights."""
        ...

    def of_video(
        self, path: str | os.PathLike[str], faces: TargetFaces, stretches: Sequence[Stretch]
    ) -> FaceGenerator | CropGenerator:
        """The face of one person.

        Args:
            path: The video.
            faces: Of the video, followed.
            stretches: The frames of the person who is meant.

        Raises:
            FaceError: too little of the face is seen.
        """
        ...


face_generators: Registry[Any] = Registry(
    "face_generator",
    {"avatar": "viseme.avatar.runner:load_avatar", "talker": "viseme.talker.runner:load_talker"},
)
"""What `viseme dub` can be given -> what loads it: a `FaceGenerator` of one person, or an `AnybodysFace`."""
