"""FID in the seam of metrics: each clip leaves the features of its faces in a folder, and the distance is taken once.

Knows views of faces, a network of features and a folder; what is computed is `fid`. Memory is constant: a batch of
faces is held, then features are on the disk, 4 D bytes a frame.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import OutputError
from viseme.core.scores import Better, MetricProtocol, Need
from viseme.metrics.fid import FrameDistance, FrameSets
from viseme.metrics.frame_features import BATCH, FrameFeatures
from viseme.metrics.interface import ClipAudio, FaceView, Measured

__all__ = ["ClipFeatures", "FrameSetMetric", "SetDistance", "set_distance"]

SETS = ("generated", "real")


class FrameSetMetric:
    """A `ClipMetric` whose clips have no value of their own."""

    def __init__(self, features: FrameFeatures, place: Path | None) -> None:
        """Name the protocol after the network.

        Args:
            features: The network.
            place: Where the clip's features go, without the ending; None = only the protocol is asked for.
        """
        self._features, self._place = features, place
        self.protocols = (
            MetricProtocol(
                name=features.name,
                unit="1",
                better=Better.LOWER,
                version=1,
                needs=frozenset({Need.REFERENCE, Need.PIXELS}),
                floor="still_face",
                worst=1000.0,
                identical=0.0,
                crop="face256",
                text="Fréchet distance between the features of all generated and all real faces of all clips",
                source="Heusel et al. 2017",
                weights=features.weights,
                of_set=True,
            ),
        )

    def start(self, audios: Mapping[str, ClipAudio]) -> ClipFeatures | NoFeatures:
        """See `ClipMetric.start`; audio has no part in it."""
        return NoFeatures() if self._place is None else ClipFeatures(self._features, self._place)


class NoFeatures:
    """A clip without a reference, which has no part in a distance."""

    def add(self, generated: FaceView | None, reference: FaceView | None) -> None:
        """See `ClipAccumulator.add`."""

    def compute(self) -> dict[str, dict[str, Measured]]:
        """See `ClipAccumulator.compute`."""
        return {}


class ClipFeatures:
    """The features of one clip, appended to two files; they appear when the clip is complete."""

    def __init__(self, features: FrameFeatures, place: Path) -> None:
        self._features = features
        self._files = {name: _file(place, features.name, name) for name in SETS}
        self._waiting: dict[str, list[NDArray[np.uint8]]] = {name: [] for name in SETS}
        for path in self._files.values():
            _partial(path).unlink(missing_ok=True)

    def add(self, generated: FaceView | None, reference: FaceView | None) -> None:
        """See `ClipAccumulator.add`."""
        for name, face in zip(SETS, (generated, reference)):
            if face is not None:
                self._waiting[name].append(face.crop("face256"))
            if len(self._waiting[name]) == BATCH:
                self._write(name)

    def compute(self) -> dict[str, dict[str, Measured]]:
        """See `ClipAccumulator.compute`: there is nothing to tell of one clip."""
        for name, path in self._files.items():
            self._write(name)
            with _named(path):
                os.replace(_partial(path), path)
        return {}

    def _write(self, name: str) -> None:
        faces, self._waiting[name] = self._waiting[name], []
        found = self._features.of(np.stack(faces)) if faces else np.zeros((0, self._features.size), np.float32)
        path = self._files[name]
        with _named(path), _partial(path).open("ab") as file:
            file.write(np.ascontiguousarray(found, np.float32).tobytes())


@dataclass(frozen=True, kw_only=True)
class SetDistance:
    """A distance and its floor."""

    distance: FrameDistance
    still_face: float
    """That of all clips held at their first real face; NaN where there are too few frames."""


def set_distance(features: FrameFeatures, places: Sequence[tuple[Path, bool]]) -> SetDistance:
    """FID of what clips have left.

    Args:
        features: The network that made the features.
        places: Of each clip, where its features are, and whether it failed.

    Raises:
        OutputError: a clip's features are not there.
    """
    found, still = FrameSets(features), FrameSets(features)
    for place, failed in places:
        if failed and not all(_file(place, features.name, name).exists() for name in SETS):
            continue
        made, real = (_read(_file(place, features.name, name), features.size) for name in SETS)
        if len(real):
            still.add_failed_features(real)
        if not failed:
            found.add_features(made, real)
        elif len(real):
            found.add_failed_features(real)
    return SetDistance(distance=found.compute(), still_face=still.compute().value)


def _file(place: Path, features: str, name: str) -> Path:
    return place.with_name(f"{place.name}.{features}.{name}.f32")


def _partial(path: Path) -> Path:
    return path.with_name(path.name + ".partial")


def _read(path: Path, size: int) -> NDArray[np.float32]:
    try:
        return np.fromfile(path, np.float32).reshape(-1, size)
    except (OSError, ValueError):
        raise OutputError(
            f"features of a clip are not at {path}; score again without --resume, in a folder that all workers see"
        ) from None


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turns an error of the system into one line that names the file, which then does not stay behind."""
    try:
        yield
    except OSError as error:
        with suppress(OSError):
            _partial(path).unlink()
        raise OutputError(f"{path} cannot be written: {error.strerror}") from error
