"""How faces are followed and which tracks are refused: the numbers, with what was measured for them."""

from __future__ import annotations

from dataclasses import dataclass

from viseme.core.errors import ConfigError
from viseme.faces.smoothing import REACH

__all__ = ["TrackingConfig"]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrackingConfig:
    """How faces are followed and which tracks are refused."""

    max_faces: int = 10
    """Faces followed at once, 1 or more; of more, the largest are kept."""
    detect_every_s: float = 0.4
    """Seconds between runs of the detector while nothing is lost."""
    min_detection: float = 0.5
    """Detector score, 0 to 1, from which a face is followed."""
    min_presence: float = 0.5
    """Score of the landmark net, 0 to 1, below which the face is not seen on that frame."""
    max_gap_s: float = 0.2
    """Longest time between two sightings that is filled by straight lines, and between two frames over which a face is
    followed, seconds; a longer gap ends the track. With fewer frames than that everywhere no face is followed
    (`too_few_frames`)."""
    chunk_s: float = 30.0
    """Longest chunk, seconds; also how much of a track is judged at once."""
    rigid_smoothing_s: float = 0.02
    """Width of the smoothing of points that speech does not move, seconds; 0 = none."""
    speech_smoothing_s: float = 0.012
    """Width of the smoothing of lips and jaw, seconds; 0 = none. So narrow that at 25 frames a second it does next to
    nothing: a closure of p, b or m lasts two frames and must keep its depth."""
    min_track_s: float = 0.4
    """Shorter tracks are rejected (`track_too_short`)."""
    min_mean_detection: float = 0.6
    """Least mean detector score over the keyframes of a track; below it, it is no face (`no_face`)."""
    min_face_px: float = 32.0
    """Least median width of the box in pixels of the source frame (`face_too_small`). Of 34 clips scaled down, the
    lip opening still correlates by .8 or more with the full size in 33 at 32 pixels, in 31 at 26, in 27 at 20."""
    min_observed: float = 0.7
    """Least fraction of frames on which the face was seen (`occluded_or_profile`)."""
    max_yaw: float = 0.8
    """Radians, as `head_angles` gives them, beyond which a frame counts as profile. The net understates large
    angles: a head that shows one cheek and no far mouth corner comes out at about .75."""
    max_profile: float = 0.5
    """Largest fraction of profile frames (`occluded_or_profile`)."""

    def __post_init__(self) -> None:
        if self.max_faces < 1:
            raise ConfigError(f"max_faces must be 1 or more, not {self.max_faces}")
        for name in ("min_detection", "min_presence", "min_mean_detection", "min_observed", "max_profile"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} must lie between 0 and 1, not {getattr(self, name)}")
        for name in ("detect_every_s", "chunk_s", "max_yaw"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be positive, not {getattr(self, name)}")
        for name in ("max_gap_s", "rigid_smoothing_s", "speech_smoothing_s", "min_track_s", "min_face_px"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"{name} must not be negative, not {getattr(self, name)}")
        if self.chunk_s < 8 * REACH:
            raise ConfigError(f"chunk_s must be at least {8 * REACH:g} s, not {self.chunk_s}")
