"""Audio is embedded in pieces; what was embedded is not embedded again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from viseme.sync.checkpoint import Calibration, SyncWeights
from viseme.sync.embeddings import MARGIN_FRAMES, PIECE_FRAMES, embed_audio
from viseme.sync.interface import SyncSpecification
from viseme.sync.remembered import KEPT, remembering

REACH = 31
"""Frames to either side of a step that the network sees."""


class Local:
    """A model whose embeddings are sums over what the audio stream sees, zeros beyond the ends."""

    specification = SyncSpecification()
    scale = 1.0

    def __init__(self, reach: int = REACH) -> None:
        self.reach = reach
        self.lengths: list[int] = []

    def embed_video(self, x: np.ndarray) -> np.ndarray:
        return x.sum((1, 2))[:, None]

    def embed_audio(self, mels: np.ndarray) -> np.ndarray:
        self.lengths.append(mels.shape[1])
        padded = np.pad(mels, ((0, 0), (self.reach, self.reach), (0, 0)))
        weights = np.arange(1, 2 * self.reach + 2, dtype=np.float32)
        return (sliding_window_view(padded, 2 * self.reach + 1, axis=1) @ weights)[:, ::4]


def _apart(num: int, model: Local) -> float:
    mels = np.random.default_rng(num).integers(0, 9, (num, 3)).astype(np.float32)
    whole = np.pad(mels, ((0, 3 + (-num) % 4), (0, 0)))
    span = num + (-num) % 4
    phases = np.stack([whole[r : r + span] for r in range(4)])
    expected = model.embed_audio(phases).transpose(1, 0, 2).reshape(-1, 3)[:num]
    model.lengths.clear()
    (found,) = embed_audio([model], mels)
    return float(np.abs(found - expected).max())


@pytest.mark.parametrize("num", [1, 7, PIECE_FRAMES, PIECE_FRAMES + 1, 2 * PIECE_FRAMES + 49, 3 * PIECE_FRAMES])
def test_pieces_of_audio_are_embedded_as_the_whole(num: int) -> None:
    model = Local()
    assert _apart(num, model) == 0
    assert max(model.lengths) <= PIECE_FRAMES + 2 * MARGIN_FRAMES


def test_a_model_that_sees_farther_would_be_noticed() -> None:
    assert _apart(2 * PIECE_FRAMES, Local(MARGIN_FRAMES + 8)) > 0


def _weights(model: Any) -> SyncWeights:
    return SyncWeights((model,), Calibration(), "landmarks", "local@0", {})


def test_what_was_embedded_is_not_embedded_again() -> None:
    model = Local()
    (kept,) = remembering(_weights(model)).models
    mels = np.random.default_rng(0).normal(size=(4, 40, 3)).astype(np.float32)
    first = kept.embed_audio(mels)
    np.testing.assert_array_equal(first, Local().embed_audio(mels))
    assert kept.embed_audio(mels.copy()) is first
    assert len(model.lengths) == 1
    assert kept.embed_video(mels).shape == (4, 1)  # the same numbers as lips are another thing
    for number in range(KEPT):
        kept.embed_audio(mels + number + 1)
    kept.embed_audio(mels)
    assert len(model.lengths) == KEPT + 2, "only so many are kept"


def test_a_model_that_remembers_is_the_same_model() -> None:
    (kept,) = remembering(_weights(Local())).models
    assert kept.specification == Local.specification
    assert kept.scale == Local.scale
