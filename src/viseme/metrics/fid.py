"""FID of two sets of clips, gathered clip by clip. Knows frames and a network of features; memory is constant.

A distance between two sets is not a mean over clips: it is taken once, over all frames of all clips.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viseme.metrics.frame_features import FrameFeatures
from viseme.metrics.frechet_distance import RunningGaussian, small_sample_caution

__all__ = ["FrameDistance", "FrameSets"]


@dataclass(frozen=True, kw_only=True)
class FrameDistance:
    """What was measured, with what, on how much."""

    name: str
    """"fid" for Inception's features, "fid-mbv2" for MobileNetV2's; numbers of two names are never compared."""
    weights: str
    """Name and hash of the network."""
    value: float
    """Failed clips held still; NaN with fewer than two frames in a set."""
    valid: float
    """Without the failed clips. A real face that is held may be nearer than a bad generated one: look at both."""
    num_generated: int
    """Frames, those of failed clips included."""
    num_real: int
    """Frames."""
    num_failed_clips: int
    caution: str
    """A sentence where there are so few frames that the distance is too large; else empty."""

    def __str__(self) -> str:
        frames = f"{self.num_generated} generated and {self.num_real} real frames"
        said = f"{self.name}[{self.weights}] {self.value:.2f}, {frames}"
        if self.num_failed_clips:
            said += f", {self.num_failed_clips} failed clips held still, {self.valid:.2f} without them"
        return f"{said} ({self.caution})" if self.caution else said


class FrameSets:
    """Gathers generated and real frames; sets of other workers can be merged in."""

    def __init__(self, features: FrameFeatures) -> None:
        """Nothing yet.

        Args:
            features: `Inception(file)`, `MobileNetV2()`, or anything of that form.
        """
        self._features = features
        self._valid = RunningGaussian(), RunningGaussian()
        self._held = RunningGaussian(), RunningGaussian()
        self._failed = 0

    def add(self, generated: NDArray[np.uint8] | None, real: NDArray[np.uint8] | None) -> None:
        """Take in frames (T, H, W, 3) of either set, all of one crop.

        Raises:
            ValueError: they are no such frames.
        """
        self.add_features(*(None if frames is None else self._features.of(frames) for frames in (generated, real)))

    def add_features(self, generated: NDArray[np.floating] | None, real: NDArray[np.floating] | None) -> None:
        """Take in what the network made of frames, (T, D) of either set.

        Raises:
            ValueError: D is another, or a value is not finite.
        """
        for gaussian, features in zip(self._valid, (generated, real)):
            if features is not None:
                gaussian.add(features)

    def add_failed(self, real: NDArray[np.uint8]) -> None:
        """Count a clip that has no generated face: its first real frame, held, stands in for it.

        Args:
            real: (T > 0, H, W, 3) frames of the real clip.

        Raises:
            ValueError: there is no frame.
        """
        if not len(real):
            raise ValueError("a failed clip needs frames of the real one to be counted")
        self.add_failed_features(self._features.of(real))

    def add_failed_features(self, real: NDArray[np.floating]) -> None:
        """`add_failed` of what the network made of the real frames, (T > 0, D)."""
        for gaussian, features in zip(self._held, (np.repeat(real[:1], len(real), 0), real)):
            gaussian.add(features)
        self._failed += 1

    def merge(self, other: FrameSets) -> None:
        """Take in what another one has gathered.

        Raises:
            ValueError: it used another network.
        """
        if other._features.weights != self._features.weights:
            raise ValueError(f"features of {other._features.weights} do not mix with {self._features.weights}")
        for ours, theirs in zip((*self._valid, *self._held), (*other._valid, *other._held)):
            ours.merge(theirs)
        self._failed += other._failed

    def compute(self) -> FrameDistance:
        """The distance of what was gathered."""
        generated, real = (_joined(valid, held) for valid, held in zip(self._valid, self._held))
        value = generated.distance(real)
        return FrameDistance(
            name=self._features.name,
            weights=self._features.weights,
            value=value,
            valid=self._valid[0].distance(self._valid[1]) if self._failed else value,
            num_generated=generated.num,
            num_real=real.num,
            num_failed_clips=self._failed,
            caution=small_sample_caution(min(generated.num, real.num), self._features.size),
        )


def _joined(one: RunningGaussian, other: RunningGaussian) -> RunningGaussian:
    both = RunningGaussian()
    both.merge(one)
    both.merge(other)
    return both
