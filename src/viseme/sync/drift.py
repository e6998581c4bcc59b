"""How the delay changes over a clip: windows of evidence, and a robust line through the sure ones.

Knows evidence of faces; refuses to know files.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from viseme.core.results import DelaySegment, Drift
from viseme.sync.checkpoint import Calibration
from viseme.sync.estimator import EstimatorConfig, find_peak
from viseme.sync.evidence import EvidenceBlock, FaceEvidence

__all__ = ["estimate_drift"]

LEAST_WINDOWS, LEAST_S = 4, 20.0
"""Sure windows, and seconds between the first and the last, from which a drift is told."""
MOST_WINDOWS = 400
"""Windows of a long clip that the line is fitted to."""
NUM_DRAWS = 200
"""Draws of the bootstrap."""


def estimate_drift(
    blocks: Sequence[EvidenceBlock],
    lags: NDArray[np.int64],
    config: EstimatorConfig,
    calibration: Calibration,
    *,
    window: float = 8.0,
    hop: float = 2.0,
    reach: float = np.inf,
) -> Drift | None:
    """Delay over time: windows of `window` seconds every `hop`, and a robust line through the sure ones.

    Args:
        blocks: In order of time.
        lags: (L,) candidate delays, audio frames.
        config: When a window is sure.
        calibration: Probability of a window's delay.
        window: Seconds.
        hop: Seconds.
        reach: Only delays of at most so many seconds either way are told.

    Returns:
        None where fewer than four windows, or less than 20 seconds, are sure.

    Source:
        Median of pairwise slopes (Theil, 1950; Sen, 1968); the interval from a bootstrap over windows.
    """
    segments = _segments(blocks, lags, reach, config, calibration, window, hop)
    sure = [(s.start, s.end, s.audio_delay) for s in segments if s.audio_delay is not None]
    if len(sure) < LEAST_WINDOWS or sure[-1][1] - sure[0][0] < LEAST_S:
        return None
    at = np.array([(start + end) / 2 for start, end, _ in sure])
    delay = np.array([late for _, _, late in sure], dtype=float)
    if len(at) > MOST_WINDOWS:
        keep = np.linspace(0, len(at) - 1, MOST_WINDOWS).astype(int)
        at, delay = at[keep], delay[keep]
    low, high = _slope_interval(at, delay, max(1, round(window / hop)))
    return Drift(
        ms_per_min=_theil_sen(at, delay) * 60_000,
        interval=(low * 60_000, high * 60_000),
        segments=tuple(segments),
    )


def _segments(
    blocks: Sequence[EvidenceBlock],
    lags: NDArray[np.int64],
    reach: float,
    config: EstimatorConfig,
    calibration: Calibration,
    window: float,
    hop: float,
) -> list[DelaySegment]:
    """The delay of every window that holds evidence."""
    if not blocks:
        return []
    middles = np.array([(block.start + block.end) / 2 for block in blocks])
    order = np.argsort(middles, kind="stable")
    starts = np.arange(middles.min() - 1, max(middles.max() - window + 2, middles.min()), hop)
    edges = np.searchsorted(middles[order], [starts, starts + window])
    out = []
    for low, high in edges.T[edges[0] < edges[1]]:
        inside = [blocks[i] for i in sorted(order[low:high])]
        peak = find_peak(FaceEvidence(0, inside).curve(lags).within(reach), config)
        confidence = calibration.probability(peak) if peak else 0.0
        sure = peak is not None and confidence >= config.answer_above and not peak.at_edge
        out.append(
            DelaySegment(
                start=min(block.start for block in inside),
                end=max(block.end for block in inside),
                audio_delay=peak.delay - calibration.bias if peak is not None and sure else None,
                confidence=confidence,
            )
        )
    return out


def _slope_interval(at: NDArray[np.floating], delay: NDArray[np.floating], num_together: int) -> tuple[float, float]:
    """95 % interval of the slope; windows that overlap are drawn together, `num_together` at a time."""
    rng = np.random.default_rng(0)
    draws = []
    for _ in range(NUM_DRAWS):
        starts = rng.integers(0, max(1, len(at) - num_together + 1), -(-len(at) // num_together))
        index = (starts[:, None] + np.arange(min(num_together, len(at)))[None]).ravel()
        draws.append(_theil_sen(at[index], delay[index]))
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    return float(low), float(high)


def _theil_sen(x: NDArray[np.floating], y: NDArray[np.floating]) -> float:
    """Median of the slopes of all pairs."""
    i, j = np.triu_indices(len(x), 1)
    apart = np.abs(x[j] - x[i]) > 1e-6
    return float(np.median((y[j] - y[i])[apart] / (x[j] - x[i])[apart])) if apart.any() else 0.0
