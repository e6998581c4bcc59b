"""Batches and their loss: pinned, the same from whichever process, on whichever device."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from prepared import clip_set
from viseme.data.loader import Loader
from viseme.engine.loop import LoopConfig
from viseme.sync.augment.config import AugmentConfig
from viseme.sync.batches import BatchDraw, balanced, mismatched
from viseme.sync.loss import batch_loss
from viseme.sync.models.two_stream import TwoStream
from viseme.sync.recipes import quick_recipe
from viseme.sync.train import train_network

SMALL = TwoStream.Config(width=16, embedding=8, dropout=0.2)
PINNED = {
    "landmarks": [9.611723, 8.24485, 8.950013, 9.311871, 8.6771, 9.138977, 9.251616, 9.315521, 8.660344, 8.880651],
    "mesh": [9.342924, 8.392647, 8.978507, 9.426278, 8.792406, 9.360102, 9.478063, 9.40659, 8.812618, 9.017276],
    "raw": [9.319504, 8.244158, 8.726345, 9.356968, 9.081284, 9.145553, 9.281944, 9.427322, 8.686497, 9.016712],
}
"""Losses of ten steps on 2026-11-28, when a clip's own audio was taken out of its wrong answers."""


def _draw(folder: Path, input: str = "landmarks", **changes) -> BatchDraw:
    settings = {"size": 8, "real_share": 0.35, "crop": (26, 40), "augment": AugmentConfig(), "num_mismatched": 3}
    real, synthetic = clip_set(folder / "real", range(6), input), clip_set(folder / "synth", range(100, 105), input)
    return BatchDraw(**{"real": real, "synthetic": synthetic, "input": input, **settings, **changes})


@pytest.mark.parametrize(("input", "workers"), [*((name, 0) for name in PINNED), ("landmarks", 2)])
def test_the_losses_are_those_pinned(tmp_path, input, workers):
    torch.set_num_threads(1)
    draw = _draw(tmp_path, input)
    recipe = replace(
        quick_recipe(),
        balanced=False,
        paired=False,
        real_share=0.35,
        num_mismatched=3,
        model=SMALL,
        loop=LoopConfig(steps=10, save_every=100, average=0.9),
    )
    seen = []
    train_network(
        draw.real,
        draw.synthetic,
        recipe,
        input=input,
        seed=0,
        device="cpu",
        workers=workers,
        bar=lambda step, steps, shown: seen.append(shown["loss"]),
    )
    np.testing.assert_allclose(seen[:3], PINNED[input][:3], rtol=1e-6)
    np.testing.assert_allclose(seen, PINNED[input], rtol=2e-4, err_msg="rounding grows from step to step")


def test_a_batch_has_as_many_crops_as_asked(tmp_path):
    batch = _draw(tmp_path)(np.random.default_rng(0))
    assert batch.video.shape[0] == batch.mels.shape[0] == 8
    assert batch.video.dtype == batch.mels.dtype == np.float32
    alone = _draw(tmp_path, synthetic=())(np.random.default_rng(0))
    assert alone.video.shape[0] == 8


class _Named(NamedTuple):
    name: str
    speaker: str


def test_a_clip_is_never_a_wrong_answer_to_itself_and_a_recording_not_to_another_of_its_talkers():
    real = [_Named(n, n[0]) for n in ("a1", "a2", "b1", "a1", "c1")]
    talkers = [_Named(f"t{i}", f"v{i // 2}") for i in range(6)]
    everybody = [*real, *talkers]
    rows = mismatched(real, talkers, 4)
    assert rows.shape == (11, 4)
    for at, row in enumerate(rows.tolist()):
        assert all(everybody[i].name != everybody[at].name for i in row)
        if at >= len(real):
            assert all(everybody[i].speaker != everybody[at].speaker for i in row), "two talkers may say one recording"
    assert everybody[rows[0, 0]].name == "a2", "the same person's other sentence first"
    assert sum(i >= len(real) for i in rows[0]) == 2


def test_an_only_clip_has_no_wrong_answers():
    assert mismatched([_Named("a", "a")], (), 3).shape == (1, 0)


def test_real_clips_come_in_pairs_of_one_person(tmp_path):
    draw = _draw(tmp_path, size=4, synthetic=(), real_speakers=["a", "a", "b", "b", "c", "c"])
    numbers = draw._real_numbers(4, np.random.default_rng(0))
    assert len(set(numbers)) == 4
    assert [n // 2 for n in numbers[::2]] == [n // 2 for n in numbers[1::2]]


def test_clips_travel_as_names(tmp_path):
    assert len(pickle.dumps(_draw(tmp_path))) < 5000


def test_batches_do_not_depend_on_the_number_of_workers(tmp_path):
    draw = _draw(tmp_path)
    one, two = (list(Loader(draw=draw, seed=3, workers=w)(range(4))) for w in (0, 2))
    for a, b in zip(one, two, strict=True):
        # a worker multiplies matrices in one thread, this process in several: they add up in another order
        np.testing.assert_allclose(a.video, b.video, rtol=0, atol=1e-4)
        np.testing.assert_allclose(a.mels, b.mels, rtol=0, atol=1e-4)
        assert a.lead == b.lead
        np.testing.assert_array_equal(a.mismatched, b.mismatched)


def test_processes_that_draw_do_not_load_torch():
    code = "import sys, viseme.sync.batches, viseme.data.loader; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.fixture
def elsewhere():
    """A device that is not the CPU, on any machine: its tensors have shapes alone, and mix with no others."""
    with FakeTensorMode(allow_non_fake_inputs=True):
        torch.set_default_device("meta")
        network = TwoStream(replace(SMALL, num_points=67, dropout=0.0))
        torch.set_default_device("cpu")
        yield network


def test_the_loss_keeps_to_the_device_of_the_network(tmp_path, elsewhere):
    batch = _draw(tmp_path)(np.random.default_rng(0))
    loss, shown = batch_loss(elsewhere, batch, stretch_weight=1.0)
    assert {loss.device.type, *(tensor.device.type for tensor in shown.values())} == {"meta"}


def test_a_tensor_left_on_the_cpu_would_be_noticed(elsewhere):
    with pytest.raises(RuntimeError, match="same device"):
        elsewhere.embed_audio(torch.zeros(1, 40, 40))


def test_a_speaker_of_many_clips_does_not_drown_the_others():
    odds = balanced(["a"] * 16 + ["b"])
    assert odds[-1] == pytest.approx(4 * odds[0])
    assert odds.sum() == pytest.approx(1)
