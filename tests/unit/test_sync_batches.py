"""Batches and their loss: pinned, the same from whichever process, on whichever device."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from prepared import clip_set
from viseme.data.loader import Loader
from viseme.engine.loop import LoopConfig
from viseme.sync.augment.config import AugmentConfig
from viseme.sync.batches import BatchDraw, balanced
from viseme.sync.loss import batch_loss
from viseme.sync.models.two_stream import TwoStream
from viseme.sync.recipes import quick_recipe
from viseme.sync.train import train_network

SMALL = TwoStream.Config(width=16, embedding=8, dropout=0.2)
PINNED = {
    "landmarks": [9.159382, 9.049461, 8.455182, 8.951012, 8.276076, 8.233999, 8.390388, 8.863482, 9.157106, 9.516014],
    "mesh": [8.962341, 8.867117, 8.613197, 9.313274, 8.544666, 8.952885, 9.360471, 9.724792, 8.693274, 9.452661],
    "raw": [9.160992, 9.16394, 8.417248, 9.508846, 8.509337, 8.927944, 9.316313, 9.774685, 8.570664, 9.55447],
}
"""Losses of ten steps of the trainer that kept all clips in memory and drew with torch (before the loader)."""


def _draw(folder: Path, input: str = "landmarks", **changes) -> BatchDraw:
    settings = {"size": 8, "real_share": 0.35, "crop": (26, 40), "augment": AugmentConfig()}
    real, synthetic = clip_set(folder / "real", range(6), input), clip_set(folder / "synth", range(100, 105), input)
    return BatchDraw(**{"real": real, "synthetic": synthetic, "input": input, **settings, **changes})


@pytest.mark.parametrize(("input", "workers"), [*((name, 0) for name in PINNED), ("landmarks", 2)])
def test_the_losses_are_those_of_the_trainer_before_the_loader(tmp_path, input, workers):
    torch.set_num_threads(1)
    draw = _draw(tmp_path, input)
    recipe = replace(
        quick_recipe(),
        balanced=False,
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


def test_a_batch_has_real_clips_first_and_says_how_many(tmp_path):
    batch = _draw(tmp_path)(np.random.default_rng(0))
    assert batch.num_real == 3
    assert batch.video.shape[0] == batch.mels.shape[0] == 8
    assert batch.video.dtype == batch.mels.dtype == np.float32
    alone = _draw(tmp_path, synthetic=())(np.random.default_rng(0))
    assert alone.num_real == 8


def test_clips_travel_as_names(tmp_path):
    assert len(pickle.dumps(_draw(tmp_path))) < 5000


def test_batches_do_not_depend_on_the_number_of_workers(tmp_path):
    draw = _draw(tmp_path)
    one, two = (list(Loader(draw=draw, seed=3, workers=w)(range(4))) for w in (0, 2))
    for a, b in zip(one, two, strict=True):
        # a worker multiplies matrices in one thread, this process in several: they add up in another order
        np.testing.assert_allclose(a.video, b.video, rtol=0, atol=1e-4)
        np.testing.assert_allclose(a.mels, b.mels, rtol=0, atol=1e-4)
        assert (a.lead, a.num_real) == (b.lead, b.num_real)


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
    loss, shown = batch_loss(elsewhere, batch, num_mismatched=3, stretch_weight=1.0)
    assert {loss.device.type, *(tensor.device.type for tensor in shown.values())} == {"meta"}


def test_a_tensor_left_on_the_cpu_would_be_noticed(elsewhere):
    with pytest.raises(RuntimeError, match="same device"):
        elsewhere.embed_audio(torch.zeros(1, 40, 40))


def test_a_speaker_of_many_clips_does_not_drown_the_others():
    odds = balanced(["a"] * 16 + ["b"])
    assert odds[-1] == pytest.approx(4 * odds[0])
    assert odds.sum() == pytest.approx(1)
