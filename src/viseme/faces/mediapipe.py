"""The trackers on Google's face networks: those that ship with this package, or those of a user's task file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from viseme.core.errors import ConfigError, FaceError
from viseme.faces.config import TrackingConfig
from viseme.faces.nets import shared_nets
from viseme.faces.tracking import LandmarkTracker

__all__ = ["ENVIRONMENT", "MediaPipeTracker", "TaskFileTracker", "task_file"]

ENVIRONMENT = "VISEME_FACE_LANDMARKER"
"""Names the task file when `TaskFileTracker.Config.task_file` does not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _NetsConfig(TrackingConfig):
    """Tracking, and how the networks run."""

    num_threads: int = 1
    """Processor threads that share one run of a network, 1 or more."""

    def __post_init__(self) -> None:
        TrackingConfig.__post_init__(self)
        if self.num_threads < 1:
            raise ConfigError(f"num_threads must be 1 or more, not {self.num_threads}")


class MediaPipeTracker(LandmarkTracker):
    """`FaceTracker` on the networks that ship; they load when the first tracker of a process is made."""

    @dataclass(frozen=True, kw_only=True, slots=True)
    class Config(_NetsConfig):
        """Tracking, and how the networks run."""

    def __init__(self, config: Config | None = None) -> None:
        """Load the networks.

        Raises:
            FaceError: a file of this package is missing or damaged.
        """
        config = config or self.Config()
        super().__init__(shared_nets(None, config.num_threads), config)


class TaskFileTracker(LandmarkTracker):
    """`FaceTracker` on the networks of a user's `face_landmarker.task`, run by LiteRT (`ai-edge-litert`)."""

    @dataclass(frozen=True, kw_only=True, slots=True)
    class Config(_NetsConfig):
        """Tracking, and where the networks lie."""

        task_file: str | None = None
        """Path of the file; None = the environment variable VISEME_FACE_LANDMARKER."""

    def __init__(self, config: Config | None = None) -> None:
        """Load the networks.

        Raises:
            FaceError: the file or LiteRT is missing.
        """
        config = config or self.Config()
        super().__init__(shared_nets(task_file(config.task_file), config.num_threads), config)


def task_file(path: str | None) -> Path:
    """The task file to use.

    Raises:
        FaceError: no file was named, or there is none.
    """
    named = path or os.environ.get(ENVIRONMENT)
    if not named:
        raise FaceError(
            f"the tracker 'task-file' needs a face_landmarker.task; pass its path as task_file or set {ENVIRONMENT}"
        )
    file = Path(named).expanduser()
    if not file.is_file():
        raise FaceError(f"{file}: there is no such face_landmarker.task; check task_file or {ENVIRONMENT}")
    return file
