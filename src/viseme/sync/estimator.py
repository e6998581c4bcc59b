"""From pair scores to a delay: true overlap only, evidence summed, a peak between grid points, an honest posterior.

Knows arrays of scores; refuses to know networks, faces and files. A positive delay means that the audio is late.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import ConfigError

__all__ = [
    "DelayCurve",
    "EstimatorConfig",
    "Peak",
    "banded",
    "credible_interval",
    "find_peak",
    "log_ratios",
    "posterior",
]

NOISE = 0.1
"""Prior probability that a window says nothing about the delay."""
STEP = 0.01
"""Seconds between candidate delays."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EstimatorConfig:
    """How delays are searched and when an answer is given."""

    max_delay: float = 2.0
    """Largest delay tried either way, seconds."""
    min_windows: int = 10
    """A delay is scored only when at least this many frame windows meet audio there, ..."""
    min_overlap: float = 0.2
    """... and at least this fraction of all windows."""
    answer_above: float = 0.5
    """An answer is given when its probability of being within 40 ms of the truth is at least this."""
    temperature: float = 3.0
    """Divides the summed evidence, because neighbouring windows are not independent."""
    in_sync_band: tuple[float, float] = (-0.045, 0.125)
    """Delays that viewers do not notice, seconds (ITU-R BT.1359-1, threshold of detectability)."""

    def __post_init__(self) -> None:
        if not 0 < self.max_delay <= 60:
            raise ConfigError(f"max_delay is {self.max_delay} s; it must be above 0 and at most 60 s")
        if not 0 <= self.answer_above <= 1 or not self.temperature > 0 or not 0 <= self.min_overlap < 1:
            raise ConfigError(f"impossible estimator configuration: {self}")
        if not self.in_sync_band[0] < self.in_sync_band[1]:
            raise ConfigError(f"in_sync_band {self.in_sync_band} is empty")


@dataclass(frozen=True)
class DelayCurve:
    """Evidence for each candidate delay; curves of stretches, and of faces, add up.

    Example:
        >>> one = DelayCurve(np.array([-1, 0, 1]), np.array([0.0, 2.0, 1.0]), np.array([3, 4, 3]), np.zeros(3))
        >>> (one + one).scores
        array([0., 4., 2.])
    """

    lags: NDArray[np.int64]
    """(L,) candidate delays in steps of 10 ms, rising by one."""
    scores: NDArray[np.floating]
    """(L,) summed log-likelihood ratio "these belong together" against "they do not"."""
    counts: NDArray[np.integer]
    """(L,) frame windows that met audio at this delay; absent pairs contribute nothing to `scores`."""
    best: NDArray[np.floating]
    """(L,) evidence per window of the two seconds that speak most clearly for this delay; -inf where there are none."""

    def __add__(self, other: DelayCurve) -> DelayCurve:
        if not np.array_equal(self.lags, other.lags):
            raise ValueError("curves over different delays cannot be added")
        best = np.maximum(self.best, other.best)
        return DelayCurve(self.lags, self.scores + other.scores, self.counts + other.counts, best)

    @property
    def delays(self) -> NDArray[np.float64]:
        """(L,) seconds."""
        return np.asarray(self.lags * STEP, np.float64)

    def within(self, reach: float) -> DelayCurve:
        """The part of the curve at most `reach` seconds either way."""
        keep = np.abs(self.lags) <= reach / STEP + 0.5
        return DelayCurve(self.lags[keep], self.scores[keep], self.counts[keep], self.best[keep])

    def usable(self, config: EstimatorConfig) -> NDArray[np.bool_]:
        """(L,) delays at which enough windows met audio to be compared."""
        most = int(self.counts.max(initial=0))
        return self.counts >= max(config.min_windows, config.min_overlap * most)


def log_sum_exp(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """(..., 1) logarithm of the sum of exponentials over the last axis, at least one of which is finite.

    Example:
        >>> log_sum_exp(np.log([1.0, 2.0, 5.0])).round(6) == np.log(8).round(6)
        array([ True])
    """
    top = values.max(-1, keepdims=True)
    return np.log(np.exp(values - top).sum(-1, keepdims=True)) + top


def log_ratios(raw: NDArray[np.floating]) -> NDArray[np.floating]:
    """Turn raw pair scores into bounded log-likelihood ratios.

    Trained by matching, a score is the pointwise mutual information of video and audio plus a term of the frame
    alone, which is taken out here as the log mean exponential over all audio windows. With a small probability a
    window says nothing whatever (the tracker slipped, the speaker laughed, the face was not the one that spoke), so
    no window may speak against a delay without bound: `log(.9 exp(ratio) + .1)`.

    Args:
        raw: (T, A) scores of every frame window with every audio window that exists.

    Returns:
        (T, A); at least log .1.
    """
    if raw.size == 0:
        return raw
    ratios = raw - log_sum_exp(raw) + np.log(raw.shape[1])
    return np.logaddexp(ratios + np.log(1 - NOISE), np.log(NOISE))


def banded(
    ratios: NDArray[np.floating], centres: NDArray[np.integer], lags: NDArray[np.integer]
) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
    """Read the ratio of each frame window at each candidate delay.

    Args:
        ratios: (T, A), one column for each audio frame that exists.
        centres: (T,) audio frame at the time of each frame window; may lie outside [0, A).
        lags: (L,) in audio frames.

    Returns:
        (T, L) ratios, zero where absent, and (T, L) whether the pair was really there.
    """
    at = centres[:, None] + lags[None, :]
    inside = (at >= 0) & (at < ratios.shape[1])
    if ratios.shape[1] == 0:
        return np.zeros(at.shape, np.float32), inside
    band = np.take_along_axis(ratios, np.clip(at, 0, ratios.shape[1] - 1), axis=1)
    return np.where(inside, band, 0), inside


def posterior(curve: DelayCurve, config: EstimatorConfig) -> NDArray[np.float64]:
    """(L,) probability of each candidate delay, given that one of them is true; 0 where not comparable."""
    usable = curve.usable(config)
    if not usable.any():
        return np.zeros(len(curve.lags))
    scores = np.where(usable, curve.scores / config.temperature, -np.inf)
    return np.exp(np.asarray(scores - log_sum_exp(scores), np.float64))


@dataclass(frozen=True)
class Peak:
    """The best delay of a curve and what speaks for it."""

    delay: float
    """Seconds, refined between candidates by a parabola."""
    mass: float
    """Posterior within 40 ms of `delay`."""
    margin: float
    """Evidence at the peak less the best evidence more than 80 ms away."""
    level: float
    """Evidence at the peak per window."""
    best: float
    """The same in the two seconds that speak most clearly: pauses do not lower it, mismatched audio does."""
    rival: float
    """Seconds: where that best other evidence lies; NaN where there is none."""
    count: int
    """Windows that took part at the peak."""
    at_edge: bool
    """The peak is the first or last comparable delay: the truth may lie beyond."""


def find_peak(curve: DelayCurve, config: EstimatorConfig) -> Peak | None:
    """The delay with most evidence, or None where nothing could be compared.

    Source:
        Parabola through three points, `(m- - m+) / (2 (m- - 2 m0 + m+))`, clipped to half a step.
    """
    usable = curve.usable(config)
    if not usable.any():
        return None
    scores = np.where(usable, curve.scores, -np.inf)
    best = int(scores.argmax())
    first, last = np.flatnonzero(usable)[[0, -1]]
    shift = 0.0
    at_edge = best in (first, last)
    if not at_edge and usable[best - 1] and usable[best + 1]:
        before, here, after = scores[best - 1 : best + 2]
        bend = before - 2 * here + after
        shift = float(np.clip((before - after) / (2 * bend), -0.5, 0.5)) if bend < 0 else 0.0
    near = np.abs(curve.lags - curve.lags[best])
    others = np.where(usable & (near > 8), curve.scores, -np.inf)
    rival = int(others.argmax())
    has_rival = bool(np.isfinite(others[rival]))
    mass = posterior(curve, config)[near <= 4].sum()
    level = float(scores[best] / max(int(curve.counts[best]), 1))
    return Peak(
        delay=float((curve.lags[best] + shift) * STEP),
        mass=float(mass),
        margin=float(scores[best] - others[rival]) if has_rival else 0.0,
        level=level,
        best=max(level, float(curve.best[best])),
        rival=float(curve.lags[rival] * STEP) if has_rival else float("nan"),
        count=int(curve.counts[best]),
        at_edge=bool(at_edge),
    )


def credible_interval(
    curve: DelayCurve, config: EstimatorConfig, *, level: float = 0.95, floor: float = 0.01
) -> tuple[float, float] | None:
    """The central interval that holds `level` of the posterior, at least `floor` seconds either side of its middle."""
    mass = posterior(curve, config)
    if mass.sum() == 0:
        return None
    total = np.cumsum(mass) / mass.sum()
    low = curve.delays[int(np.searchsorted(total, (1 - level) / 2))]
    high = curve.delays[min(int(np.searchsorted(total, 1 - (1 - level) / 2)), len(total) - 1)]
    middle, half = (low + high) / 2, max((high - low) / 2 + STEP / 2, floor)
    return float(middle - half), float(middle + half)
