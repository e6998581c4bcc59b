"""Which of our scores belongs to a labelled face at a labelled instant. Knows boxes and times."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viseme.core.speakers import SpeakersResult
from viseme.data.active_speakers import LabelledTrack

__all__ = ["UNMATCHED", "filled", "scores_on"]

UNMATCHED = -1e9
"""Score of an instant on which no face of ours lies: below all others."""


def scores_on(
    track: LabelledTrack, result: SpeakersResult, *, least: float = 0.5, tolerance_s: float = 0.06
) -> NDArray[np.float64]:
    """Scores of whatever face of ours lies on a labelled box at each labelled instant.

    A face lies on a box when at least `least` of the face's own box is inside it: landmark boxes are tighter than
    those of detectors, so their intersection over union is low even where they agree.

    Args:
        track: Labels; boxes in fractions of the frame.
        result: Of the video.
        least: Share of our box.
        tolerance_s: A score this near in time is taken.

    Returns:
        (T,) scores; NaN where no face lies there. A step of 40 ms is taken as it is: the 0.6 s mean is in the score.
    """
    assert result.width
    assert result.height
    size = np.array([result.width, result.height, result.width, result.height], float)
    best = np.zeros(len(track.times))
    out = np.full(len(track.times), np.nan)
    for face in result.faces:
        index = np.rint((track.times - face.times[0]) / 0.04).astype(int)
        near = np.clip(index, 0, len(face.times) - 1)
        there = np.abs(face.times[near] - track.times) <= tolerance_s
        mine = face.boxes[near] / size
        low, high = np.maximum(mine[:, :2], track.boxes[:, :2]), np.minimum(mine[:, 2:], track.boxes[:, 2:])
        shared = np.prod(np.maximum(high - low, 0), axis=1) / np.maximum(np.prod(mine[:, 2:] - mine[:, :2], 1), 1e-9)
        wins = there & (shared >= least) & (shared > best)
        out[wins], best[wins] = face.scores[near[wins]], shared[wins]
    return out


def filled(scores: NDArray[np.floating]) -> NDArray[np.floating]:
    """The scores with `UNMATCHED` where there is none."""
    return np.nan_to_num(scores, nan=UNMATCHED)
