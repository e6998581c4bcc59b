"""How late the audio of a clip is, by the weights that ship. Knows one prepared clip; refuses to know files."""

from __future__ import annotations

from functools import cache

import numpy as np

from viseme.audio.bands import band_filters
from viseme.sync.checkpoint import SyncWeights, load_sync_weights
from viseme.sync.clips import Clip
from viseme.sync.embeddings import to_grid_points
from viseme.sync.estimator import STEP, EstimatorConfig, find_peak
from viseme.sync.evidence import FaceEvidence, compare

__all__ = ["estimated_delay"]


@cache
def _shipped() -> SyncWeights:
    return load_sync_weights()


def estimated_delay(clip: Clip, bundle: SyncWeights | None = None) -> float | None:
    """Seconds by which the audio is late; None where it is unclear: where `check` would not answer.

    Args:
        clip: Its `video` as the weights' input sees it (lip landmarks for those that ship).
        bundle: Weights; None = those that ship.
    """
    bundle = bundle or _shipped()
    config = EstimatorConfig(temperature=bundle.calibration.temperature, answer_above=bundle.calibration.answer_above)
    reach = round(config.max_delay / STEP)
    lags = np.arange(-reach, reach + 1)
    grid, points = to_grid_points(clip.times, clip.video)
    power = np.exp(clip.audio.astype(np.float32)) @ band_filters()
    stretches = compare(bundle.models, grid, points, clip.first_audio_frame, power, lags)
    peak = find_peak(FaceEvidence(0, stretches).curve(lags), config)
    if peak is None or bundle.calibration.probability(peak) < config.answer_above:
        return None
    return peak.delay - bundle.calibration.bias
