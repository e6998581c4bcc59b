"""How sure a peak is: measured on clips with known shifts that were kept out of training. Knows no files.

The clips are cut, shifted, put under the audio of other clips, jittered and drowned in noise as real footage is; the
logistic map and the temperature of the posterior are fitted to what then was right and wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from viseme.audio.bands import band_filters
from viseme.audio.clock import FRAME_S
from viseme.faces.schemes import LIP_POINTS
from viseme.sync.augment.config import AugmentConfig
from viseme.sync.augment.lips import other_face
from viseme.sync.checkpoint import Calibration
from viseme.sync.clips import Clip
from viseme.sync.embeddings import to_grid_points
from viseme.sync.estimator import DelayCurve, EstimatorConfig, credible_interval, find_peak
from viseme.sync.evidence import FaceEvidence, compare
from viseme.sync.interface import SyncModel

__all__ = ["TrialClips", "calibrate"]

GENTLE = AugmentConfig(mixing=0.3, region_gain=0.2, jitter=(0.0005, 0.006), frozen=0.1)
NUM_LANDMARKS = len(LIP_POINTS)
RIGHT = 0.04
"""Seconds: an answer this near the truth is right."""
SURENESS = (0.0, 0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
"""Least probabilities of the bins in which trials are counted."""
MISMATCHED = 0.25
"""Fraction of trials under the audio of another person."""


@dataclass(frozen=True, kw_only=True)
class TrialClips:
    """Clips of people kept out of training, from which trials are cut."""

    clips: Sequence[Clip]
    voices: Sequence[Clip]
    """Whose audio is heard where it does not belong: natural speech, as a clip's own corpus may say the same sentences
    again and again."""
    odds: NDArray[np.float64] | None = None
    """How often each clip is drawn; sums to 1. None = all alike."""
    sources: Sequence[str] = ()
    """Where each clip is from; empty = all from one source."""

    def draw(self, rng: np.random.Generator) -> tuple[str, Clip, Clip]:
        """The source of a clip, the clip, and the clip whose audio is heard: its own, or somebody else's."""
        number = int(rng.choice(len(self.clips), p=self.odds))
        clip, source = self.clips[number], self.sources[number] if self.sources else ""
        if rng.random() >= MISMATCHED:
            return source, clip, clip
        while True:
            other = self.voices[int(rng.integers(len(self.voices)))]
            if other.speaker != clip.speaker:
                return source, clip, other


def _trial(
    models: Sequence[SyncModel], kept: TrialClips, lags: NDArray[np.int64], rng: np.random.Generator
) -> tuple[str, DelayCurve, float | None]:
    """One cut of one clip, shifted or under mismatched audio: its source, its curve, and the true delay (None = there
    is none)."""
    source, clip, heard = kept.draw(rng)
    span = clip.times[-1] - clip.times[0]
    length = min(span, float(np.exp(rng.uniform(np.log(0.7), np.log(8.0)))))
    start = clip.times[0] + rng.uniform(0, span - length)
    grid, points = to_grid_points(clip.times, clip.video)
    inside = (grid >= start - 1e-6) & (grid <= start + length)
    grid, points = grid[inside], points[inside]
    if rng.random() < 0.7 and points.dtype != np.uint8:
        points = other_face(points, GENTLE, rng, landmarks=points.shape[1] == NUM_LANDMARKS).astype(np.float32)
    shift = round(float(rng.uniform(-1, 1)), 2)
    power = np.exp(heard.audio.astype(np.float32)) @ band_filters(1.0)
    start = heard.first_audio_frame * FRAME_S - heard.delay
    first = round((start + shift) / FRAME_S)
    shift = first * FRAME_S - start
    if rng.random() < 0.6:
        loud = np.percentile(power.sum(1), 90)
        other = kept.clips[int(rng.integers(len(kept.clips)))]
        noise = np.resize(np.exp(other.audio.astype(np.float32)) @ band_filters(1.0), power.shape)
        noise = noise[rng.permutation(len(noise))] if rng.random() < 0.5 else noise
        power = power + noise * (loud / max(noise.sum(1).mean(), 1e-9) * 10 ** (-rng.uniform(3, 30) / 10))
    if rng.random() < 0.5:  # the file ends with the video
        low, high = int(np.ceil(grid[0] * 100)) - first, int(grid[-1] * 100 + 4) - first
        low = max(low, 0)
        power, first = power[low : max(high, low)], first + low
    evidence = FaceEvidence(0, compare(models, grid, points, first, power, lags))
    return source, evidence.curve(lags), shift if heard is clip else None


def calibrate(
    models: Sequence[SyncModel],
    kept: TrialClips,
    *,
    num_trials: int = 1500,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[Calibration, dict[str, float]]:
    """Fit the map from peaks to probability.

    Returns:
        The calibration, and what it was measured on: trials, fraction right, mean squared error of the probability
        (Brier) by two-fold cross-validation, fraction answered and right among the answers; for every source, how sure
        its trials are by odds learnt without it, and how many are right.
    """
    rng = np.random.default_rng(seed)
    config = EstimatorConfig()
    lags = np.arange(-200, 201)
    rows, right, sources, curves = [], [], [], []
    for trial in range(num_trials):
        source, curve, truth = _trial(models, kept, lags, rng)
        peak = find_peak(curve, config)
        if on_progress:
            on_progress(trial + 1, num_trials)
        if peak is None:
            continue
        rows.append(Calibration.features(peak))
        sources.append(source)
        right.append(truth is not None and abs(peak.delay - truth) <= RIGHT)
        if right[-1]:
            curves.append((curve, truth))
    features, labels = np.array(rows), np.array(right)
    half = np.arange(len(labels)) % 2 == 0
    crossed = np.empty(len(labels))
    for fold in (half, ~half):
        crossed[~fold] = expit(features[~fold] @ _fit(features[fold], labels[fold]))
    coefficients = _fit(features, labels)
    temperature = _temperature(curves)
    answered = crossed >= Calibration.answer_above
    found = {
        "trials": float(len(labels)),
        "right": float(labels.mean()),
        "brier": float(((crossed - labels) ** 2).mean()),
        "answered": float(answered.mean()),
        "right_among_answers": float(labels[answered].mean()) if answered.any() else float("nan"),
        **_left_out(features, labels, np.array(sources)),
    }
    calibration = Calibration(
        coefficients=tuple(float(c) for c in coefficients),
        temperature=temperature,
        trials=_by_sureness(crossed, labels),
    )
    return calibration, found


def _left_out(features: NDArray[np.floating], labels: NDArray[np.bool_], sources: NDArray[np.str_]) -> dict[str, float]:
    """Whether the odds travel: how sure trials of each source are by odds learnt from all others, and how many of them
    are right; the two should be alike."""
    found: dict[str, float] = {}
    for source in sorted(set(sources.tolist()) - {""}):
        inside = sources == source
        sure = expit(features[inside] @ _fit(features[~inside], labels[~inside]))
        found[f"sure_without_{source}"] = float(sure.mean())
        found[f"right_{source}"] = float(labels[inside].mean())
    return found


def _by_sureness(probabilities: NDArray[np.floating], right: NDArray[np.bool_]) -> tuple[tuple[float, int, int], ...]:
    """Least probability of every bin that holds a trial, how many trials in it were right, and how many there are."""
    bins = np.searchsorted(SURENESS, probabilities, side="right") - 1
    counted = ((least, bins == number) for number, least in enumerate(SURENESS))
    return tuple((least, int(right[inside].sum()), int(inside.sum())) for least, inside in counted if inside.any())


def _fit(features: NDArray[np.floating], labels: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Logistic regression with a weak Gaussian prior."""
    sign = np.where(labels, 1.0, -1.0)

    def cost(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = sign * (features @ weights)
        value = np.logaddexp(0, -margin).mean() + 1e-3 * (weights[1:] ** 2).sum()
        slope = -(sign * expit(-margin)) @ features / len(sign)
        slope[1:] += 2e-3 * weights[1:]
        return float(value), slope

    return minimize(cost, np.zeros(features.shape[1]), jac=True, method="L-BFGS-B").x


def _temperature(curves: Sequence[tuple[DelayCurve, float]]) -> float:
    """The smallest temperature whose 95 % intervals held the truth in 95 % of the right trials; where none was right,
    that of a calibration that was never fitted."""
    if not curves:
        return Calibration.temperature
    for temperature in np.geomspace(0.5, 60, 30):
        config = EstimatorConfig(temperature=float(temperature))
        held = []
        for curve, truth in curves:
            interval = credible_interval(curve, config)
            held.append(interval is not None and interval[0] <= truth <= interval[1])
        if np.mean(held) >= 0.95:
            return float(round(temperature, 3))
    return 60.0
