"""The audio stream learns phones: labels fall on the steps of the stream, and the lesson is learnt."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from viseme.engine.loop import LoopConfig
from viseme.sync.augment.config import AugmentConfig
from viseme.sync.models.two_stream import TwoStream
from viseme.sync.phones import PHONES, UNKNOWN, PhoneClip, PhoneDraw, phone_clips, teach_phones

PLAIN = AugmentConfig(stretch=(1.0, 1.0), warp=(1.0, 1.0), voice=0, dynamics=0, reverb=0, noise=0, codec=0)


def made_up_clip(seed: int = 0) -> PhoneClip:
    """Four phones of 80 to 200 ms, each with bands of its own."""
    rng = np.random.default_rng(seed)
    phones = np.repeat(rng.integers(0, 4, 60), rng.integers(8, 20, 60)).astype(np.int8)
    audio = np.full((len(phones), 105), -8.0) + rng.normal(0, 0.3, (len(phones), 105))
    for phone in range(4):
        audio[phones == phone, 10 + 20 * phone : 25 + 20 * phone] += 6
    return PhoneClip(audio.astype(np.float16), 0.0, phones)


def test_labels_belong_to_the_middle_of_each_step() -> None:
    clip = made_up_clip()
    batch = PhoneDraw(clips=[clip], config=PLAIN, size=6)(np.random.default_rng(1))
    assert batch.mels.shape == (6, 160, 40)
    assert batch.phones.shape == (6, 40)
    loudest = batch.mels[:, 1::4].reshape(-1, 40).argmax(1)
    known = batch.phones.ravel() != UNKNOWN
    places = [np.median(loudest[known & (batch.phones.ravel() == phone)]) for phone in range(4)]
    assert all(low < high for low, high in pairwise(places))
    assert 0.5 < known.mean() <= 1


@pytest.mark.slow
def test_the_lesson_is_learnt() -> None:
    torch.manual_seed(0)
    network, shown = TwoStream(TwoStream.Config.tiny()), []
    teach_phones(
        network,
        [made_up_clip(seed) for seed in range(3)],
        augment=PLAIN,
        loop=LoopConfig(steps=40, learning_rate=1e-2),
        width=16,
        device="cpu",
        on_step=lambda _, numbers: shown.append(numbers["right"]),
    )
    assert np.mean(shown[-5:]) > 0.8 > np.mean(shown[:5])


def test_no_folder_is_no_lesson(tmp_path: Path) -> None:
    assert len(phone_clips([tmp_path])) == 0


def test_every_phone_has_one_number() -> None:
    assert len(set(PHONES)) == len(PHONES) == 40
    assert PHONES[0] == "SIL"
