"""Leakage: whether a talking face takes its lips from the frames it was given instead of from the audio.

Knows mouth openings, lip points and scores; refuses to know the generator. Three checks, each with its target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from viseme.core.errors import ConfigError
from viseme.metrics.intervals import Interval, bootstrap

__all__ = [
    "LeakageCheck",
    "cross_audio_check",
    "lip_distance",
    "reference_distance_check",
    "refuse_unmasked_reference",
    "silent_audio_check",
]

MOST_OPEN = 1.2
"""Mouth opening under silent audio, over that of the closed mouth, that passes."""


@dataclass(frozen=True, kw_only=True)
class LeakageCheck:
    """What was measured, and whether it is as it should be."""

    name: str
    value: Interval
    num: int
    """Clips."""
    passed: bool
    """Whether the value is on the right side of its target."""
    certain: bool
    """Whether its whole interval is; never of one clip."""

    def __str__(self) -> str:
        said = ("passed" if self.passed else "failed") + ("" if self.certain else ", not certain")
        return f"{self.name}: {self.value}, n = {self.num}: {said}"


def silent_audio_check(opening: ArrayLike, closed: ArrayLike) -> LeakageCheck:
    """Silent audio over a speaking clip: the mouth must stay shut.

    Args:
        opening: (clips,) mean mouth opening of the output over the distance between the outer eye corners.
        closed: (clips,) the same of the real person's closed mouth, in the same unit, > 0.

    Returns:
        Mean of `opening` over mean of `closed`; passed up to 1.2.

    Raises:
        ValueError: lengths differ, there is no clip, or a closed mouth has no opening to compare with.

    Example:
        >>> str(silent_audio_check([0.022, 0.024], [0.02, 0.02]))
        'silent_audio: 1.150 [1.100, 1.200], n = 2: passed'
    """
    shown, shut = _pairs(opening, closed)
    if shut.min() <= 0:
        raise ValueError("the opening of a closed mouth must be more than 0")
    return _check("silent_audio", bootstrap([shown, shut], _ratio), len(shown), most=MOST_OPEN + 1e-9)


def cross_audio_check(to_target: ArrayLike, to_driving: ArrayLike) -> LeakageCheck:
    """Audio of another clip: the lips must be nearer to those that belong to the audio than to those of the frames.

    Args:
        to_target: (clips,) `lip_distance` of the output to the real lips of the frames it was given.
        to_driving: (clips,) the same to the real lips of the audio's own clip.

    Returns:
        Mean of `to_target` - `to_driving`; passed where it is more than 0.

    Raises:
        ValueError: lengths differ, or there is no clip.

    Example:
        >>> cross_audio_check([0.05, 0.06], [0.03, 0.03]).passed
        True
    """
    target, driving = _pairs(to_target, to_driving)
    return _check("cross_audio", bootstrap([target - driving], np.mean), len(target), least=0.0)


def reference_distance_check(scores: Mapping[float, Sequence[float]]) -> LeakageCheck:
    """Identity references from ever further away: the score must not fall.

    Args:
        scores: Seconds between a frame and its identity references -> a score of each clip, higher = better, of the
            same clips in the same order.

    Returns:
        Mean over clips of the score at the largest distance minus that at the smallest; failed where it is surely
        less than 0.

    Raises:
        ValueError: there are fewer than two distances, no clips, or other clips at another distance.

    Example:
        >>> reference_distance_check({1: [0.5, 0.6], 2: [0.4, 0.5], 5: [0.2, 0.3]}).passed
        False
    """
    if len(scores) < 2:
        raise ValueError("scores at two or more distances are needed")
    far, near = _pairs(scores[max(scores)], scores[min(scores)])
    found = bootstrap([far - near], np.mean)
    return LeakageCheck(
        name="reference_distance",
        value=found,
        num=len(far),
        passed=found.high >= 0,
        certain=len(far) > 1 and (found.low >= 0 or found.high < 0),
    )


def lip_distance(first: ArrayLike, second: ArrayLike) -> float:
    """How far apart two sets of lips are: each frame's centroid removed, mean over points, then over frames.

    Args:
        first: (T, K, 2 or 3), in units of the distance between the outer eye corners.
        second: The same of the same frames.

    Returns:
        In that unit; NaN without a frame that both have.

    Raises:
        ValueError: shapes do not fit.

    Example:
        >>> lip_distance([[[0.0, 0.0], [0.0, 2.0]]], [[[5.0, 5.0], [5.0, 5.0]]])
        1.0
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if a.shape != b.shape or a.ndim != 3:
        raise ValueError(f"lips {a.shape} and {b.shape} must be two (T, K, 2 or 3)")
    apart = (a - a.mean(1, keepdims=True)) - (b - b.mean(1, keepdims=True))
    frames = np.linalg.norm(apart, axis=-1).mean(1)
    known = np.isfinite(frames)
    return float(frames[known].mean()) if known.any() else float("nan")


def refuse_unmasked_reference(reference: str, target: str, *, masked: bool) -> None:
    """Refuse to score a generator that was given the very frames that it should make.

    Args:
        reference: Clip of the identity references.
        target: Clip that is scored.
        masked: Whether the mouth of the references was hidden.

    Raises:
        ConfigError: the references show the answer.

    Source:
        Lahiri et al., "LipSync3D", 2021, leaves Wav2Lip out of self-reenactment for it.
    """
    if reference == target and not masked:
        raise ConfigError(
            f"{target}: the generator was given this clip with its mouth visible, so a score against it says nothing; "
            "take identity references from another clip"
        )


def _pairs(first: ArrayLike, second: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if a.ndim != 1 or a.shape != b.shape or not len(a):
        raise ValueError(f"values of the same clips are needed, not {a.shape} and {b.shape}")
    return a, b


def _ratio(above: np.ndarray, below: np.ndarray) -> float:
    return float(above.mean() / below.mean())


def _check(name: str, value: Interval, num: int, *, least: float = -np.inf, most: float = np.inf) -> LeakageCheck:
    held = [least < v <= most for v in (value.value, value.low, value.high)]
    return LeakageCheck(name=name, value=value, num=num, passed=held[0], certain=num > 1 and len(set(held)) == 1)
