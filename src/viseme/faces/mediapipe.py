"""The default tracker: nets from the `mediapipe==0.10.14` wheel. Nothing to download."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from viseme.core.errors import ConfigError
from viseme.faces.config import TrackingConfig
from viseme.faces.nets import MediaPipeNets
from viseme.faces.tracking import LandmarkTracker

__all__ = ["MediaPipeTracker"]


class MediaPipeTracker(LandmarkTracker):
    """`FaceTracker` on the in-wheel detector and attention landmarks; the nets load when it is made."""

    @dataclass(frozen=True, kw_only=True, slots=True)
    class Config(TrackingConfig):
        """Tracking, and how the nets run."""

        num_workers: int = 2
        """Landmark graphs that share the faces of one frame, 1 or more; each may use a core."""

        def __post_init__(self) -> None:
            TrackingConfig.__post_init__(self)
            if self.num_workers < 1:
                raise ConfigError(f"num_workers must be 1 or more, not {self.num_workers}")

    def __init__(self, config: Config | None = None) -> None:
        """Load the nets.

        Raises:
            FaceError: MediaPipe is missing or broken; the message says what to install.
        """
        config = config or self.Config()
        super().__init__(_nets(config.num_workers), config)


@lru_cache(maxsize=2)
def _nets(num_workers: int) -> MediaPipeNets:
    """The nets of this process: they keep no state, and a graph's 70 MB are not given back when it is dropped."""
    return MediaPipeNets(num_workers=num_workers)
