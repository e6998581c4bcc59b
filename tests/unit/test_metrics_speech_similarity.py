"""AVS with an expert whose every embedding is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from viseme.core.errors import DataError
from viseme.metrics.speech_similarity import avs_audio_floor, avs_m, avs_u, avs_v, similarity


class Stub:
    """Lips and audio are the same two numbers of a frame: the angle of what is said. Both together are added."""

    id, input, width = "stub@0", "pixel", 2

    def encode(self, audio=None, video=None, layer=None) -> np.ndarray:
        parts = []
        if audio is not None:
            parts.append(np.stack([np.cos(audio[:, 0]), np.sin(audio[:, 0])], 1))
        if video is not None:
            parts.append(np.stack([np.cos(video[:, 0, 0]), np.sin(video[:, 0, 0])], 1))
        return np.sum(parts, axis=0).astype(np.float32)


def _clip(num: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Mouths and filter banks that say the same."""
    angles = np.random.default_rng(seed).uniform(0, 2 * np.pi, num).astype(np.float32)
    return np.broadcast_to(angles[:, None, None], (num, 88, 88)).copy(), np.repeat(angles[:, None], 104, 1)


def test_cosines_step_by_step() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(9, 5)), rng.normal(size=(11, 5))
    cosines = []
    for a, b in zip(one, other):
        dot = sum(x * y for x, y in zip(a, b))
        cosines.append(dot / math.sqrt(sum(x * x for x in a)) / math.sqrt(sum(y * y for y in b)))
    found = similarity(one, other)
    assert found.num_frames == 9
    assert found.value == pytest.approx(sum(cosines) / 9)
    a, b = one.mean(0), other[:9].mean(0)
    assert found.of_means == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    assert similarity(np.zeros((2, 3)), np.ones((2, 3))).value == 0


def test_lengths() -> None:
    assert similarity(np.ones((5, 2)), np.ones((7, 2))).num_frames == 5
    with pytest.raises(DataError, match="5 and 8"):
        similarity(np.ones((5, 2)), np.ones((8, 2)))
    with pytest.raises(DataError, match="no frame"):
        similarity(np.ones((0, 2)), np.ones((1, 2)))
    video, audio = _clip(20)
    with pytest.raises(DataError, match="17 and 20"):
        avs_m(Stub(), video, video[:17], audio)


def test_the_same_clip_scores_one_and_shifts_score_less() -> None:
    video, audio = _clip(60)
    assert avs_u(Stub(), video, audio).value == pytest.approx(1)
    assert avs_v(Stub(), video, video).value == pytest.approx(1)
    assert avs_m(Stub(), video, video, audio).value == pytest.approx(1)
    shifted = [avs_u(Stub(), video, np.roll(audio, k, 0)).value for k in (1, 5, 15)]
    assert max(map(abs, shifted)) < 0.5
    assert avs_v(Stub(), video, _clip(60, 1)[0]).value < 0.5


def test_lengths_within_two_frames_are_cut_before_they_are_encoded() -> None:
    video, audio = _clip(60)
    assert avs_u(Stub(), video[:58], audio).num_frames == 58


def test_the_audio_they_share_lifts_avs_m() -> None:
    """A wrong video scores far above 0 by AVS_m, and the floor says by how much."""
    video, audio = _clip(400)
    wrong, _ = _clip(400, 1)
    floor = avs_audio_floor(Stub(), video, audio)
    assert floor.value == pytest.approx(1), "here both say the same"
    assert avs_m(Stub(), wrong, video, audio).value > 0.5 > abs(avs_v(Stub(), wrong, video).value)
