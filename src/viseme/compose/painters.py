"""What puts a face into a frame, whatever kind of generator makes it: one face for `compose.video`.

Knows generators and composers; refuses to know files and frames of the output.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from viseme.compose.crops import CropComposer
from viseme.compose.frame import Blend, FaceComposer
from viseme.compose.interface import CropGenerator, Enhancer, FaceGenerator
from viseme.core.errors import ConfigError
from viseme.face3d.head_pose import HeadPoses, head_poses, metric
from viseme.media.planes import Box, FramePlanes

__all__ = ["FacePainter", "painter_of"]


class FacePainter(Protocol):
    """A generator with what puts its faces into frames."""

    def speak(self, samples: NDArray[np.floating], times: NDArray[np.floating]) -> Iterator[Any]:
        """One face for each of the times, in order, made as they are asked for; only `paint` looks at it."""
        ...

    def follow(self, landmarks: NDArray[np.float32]) -> Any:
        """What `paint` needs of a stretch of (T, 468, 3) landmarks."""
        ...

    def begin(self) -> None:
        """Another shot or another face."""
        ...

    def paint(
        self, planes: FramePlanes, landmarks: NDArray[np.float32], followed: Any, row: int, face: Any
    ) -> Box | None:
        """Put a face into a frame, in place.

        Args:
            planes: The frame; it is writable.
            landmarks: (T, 468, 3) of the stretch.
            followed: What `follow` gave for it.
            row: Which of its frames.
            face: Of `speak`.

        Returns:
            The box outside of which nothing was changed; None where the face lies outside the frame.
        """
        ...


def painter_of(
    generator: FaceGenerator | CropGenerator, *, blend: Blend = "multiband", enhancer: Enhancer | None = None
) -> FacePainter:
    """The painter of a generator.

    Args:
        generator: Of either kind.
        blend: How a face passes into the frame.
        enhancer: What is done to a generated crop before it is put back; only where the generator makes crops.

    Raises:
        ConfigError: an enhancer is given for a generator that makes no crops.
    """
    if hasattr(generator, "paint"):
        return _CropPainter(generator, CropComposer(generator.side, blend=blend), enhancer)  # type: ignore[arg-type, union-attr]
    if enhancer is not None:
        raise ConfigError("an enhancer works on face crops, which an avatar does not make; give a talker that does")
    return _MeshPainter(generator, FaceComposer(generator, blend=blend))  # type: ignore[arg-type]


class _MeshPainter:
    """Of a generator of vertices and texture."""

    def __init__(self, generator: FaceGenerator, composer: FaceComposer) -> None:
        self._generator, self._composer = generator, composer
        self.begin = composer.begin

    def speak(self, samples: NDArray[np.floating], times: NDArray[np.floating]) -> Iterator[Any]:
        """Vertices and lip crop of each frame."""
        for chunk in self._generator.speak(samples, 0.0, times):
            yield from zip(chunk.vertices, chunk.lips)

    def follow(self, landmarks: NDArray[np.float32]) -> HeadPoses:
        """The poses."""
        return head_poses(metric(landmarks), self._generator.reference)

    def paint(
        self, planes: FramePlanes, landmarks: NDArray[np.float32], followed: HeadPoses, row: int, face: Any
    ) -> Box | None:
        """See `FacePainter.paint`."""
        vertices, lips = face
        return self._composer.compose(planes, landmarks[row], _row(followed, row), vertices, lips)


class _CropPainter:
    """Of a generator of face crops."""

    def __init__(self, generator: CropGenerator, composer: CropComposer, enhancer: Enhancer | None) -> None:
        self._generator, self._composer, self._enhancer = generator, composer, enhancer

    def begin(self) -> None:
        """Nothing is kept from frame to frame."""

    def speak(self, samples: NDArray[np.floating], times: NDArray[np.floating]) -> Iterator[Any]:
        """Time and what is heard of each frame."""
        when = np.asarray(times, np.float64)
        yield from zip(when.tolist(), self._generator.hear(samples, 0.0, when))

    def follow(self, landmarks: NDArray[np.float32]) -> NDArray[np.float64]:
        """The squares."""
        return self._generator.squares(landmarks)

    def paint(
        self, planes: FramePlanes, landmarks: NDArray[np.float32], followed: NDArray[np.float64], row: int, face: Any
    ) -> Box | None:
        """See `FacePainter.paint`."""
        time, heard = face
        square = followed[row]

        def paint(crop: NDArray[np.uint8]) -> NDArray[np.float32]:
            made = self._generator.paint(crop, heard, time)
            if self._enhancer is None:
                return made
            places = (landmarks[row, :, :2] - (square[:2] - square[2] / 2)) * (len(made) / square[2])
            return self._enhancer(made, places)

        return self._composer.compose(planes, landmarks[row], square, paint)


def _row(poses: HeadPoses, row: int) -> HeadPoses:
    """One frame of poses."""
    part = slice(row, row + 1)
    return HeadPoses(
        scale=poses.scale[part],
        rotation=poses.rotation[part],
        translation=poses.translation[part],
        residual=poses.residual[part],
    )
