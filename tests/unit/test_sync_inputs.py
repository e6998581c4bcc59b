"""Visual inputs, their networks and their batches, on frames and coefficients made up here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from viseme.core.errors import ConfigError
from viseme.face3d.interface import load_face_model
from viseme.standardization.interface import Coefficients
from viseme.standardization.networks.checkpoint import save_network
from viseme.standardization.networks.expression import ExpressionNetwork
from viseme.standardization.networks.resnet import ResNet
from viseme.sync import corpus
from viseme.sync.augment import AugmentConfig
from viseme.sync.checkpoint import Calibration, load_sync_weights
from viseme.sync.comparer import score_pairs
from viseme.sync.corpus import Clip
from viseme.sync.embeddings import to_grid_points
from viseme.sync.export import load_sync_networks, save_sync_weights
from viseme.sync.inputs.batches import batch_of, draw_frames, model_name, network_of
from viseme.sync.inputs.coefficients import in_threes
from viseme.sync.inputs.filmed import IMAGE_SIZE, lower_face
from viseme.sync.inputs.interface import INPUTS, visual_inputs
from viseme.sync.inputs.standard_face import standard_lower_face
from viseme.sync.inputs.tracks import Seen, look_at_all
from viseme.sync.interface import sync_models
from viseme.sync.models.pixel_stream import PixelStream
from viseme.sync.models.torch_model import TorchModel
from viseme.sync.models.two_stream import TwoStream
from viseme.sync.pipeline import check
from viseme.weights.catalog import sha256_of

NUM = 60
SMALL = TwoStream.Config(width=16, embedding=8, video_dilations=(1,), audio_dilations=(1,), dropout=0.0)


def _seen(seed: int = 0) -> Seen:
    rng = np.random.default_rng(seed)
    clip = Clip(
        name=f"a/{seed}.mp4",
        speaker="s",
        times=np.arange(NUM) * 0.04,
        points=rng.normal(0, 0.02, (NUM, 67, 3)).astype(np.float32),
        audio=rng.normal(0, 1, (4 * NUM, corpus.NUM_BANDS)).astype(np.float16),
        audio_start=0.0,
        level=6.0,
    )
    return Seen(
        clip=clip,
        beta=rng.normal(0, 0.1, (NUM, 64)).astype(np.float32),
        yaw=np.zeros(NUM, np.float32),
        raw=rng.integers(0, 256, (NUM, 3, IMAGE_SIZE, IMAGE_SIZE), dtype=np.uint8),
        rgbd=rng.integers(0, 256, (NUM, 4, IMAGE_SIZE, IMAGE_SIZE), dtype=np.uint8),
        side=200.0,
    )


def test_what_was_seen_is_kept_to_the_last_bit(tmp_path):
    seen = _seen()
    seen.save(tmp_path / "x.npz")
    again = Seen.load(tmp_path / "x.npz")
    assert again.clip.name == seen.clip.name
    assert again.side == seen.side
    for mode in INPUTS:
        np.testing.assert_array_equal(again.stream(mode), seen.stream(mode))
    assert [p.name for p in tmp_path.iterdir()] == ["x.npz"]


def test_every_input_has_its_own_shape_and_is_registered():
    seen = _seen()
    shapes = {mode: seen.stream(mode).shape[1:] for mode in INPUTS}
    assert shapes == {
        "raw": (3, 48, 48),
        "rgb": (3, 48, 48),
        "rgbd": (4, 48, 48),
        "mesh": (96, 3),
        "beta": (22, 3),
        "landmarks": (67, 3),
    }
    assert set(visual_inputs) == set(INPUTS)
    assert {name: visual_inputs[name].shape for name in INPUTS} == shapes  # type: ignore[attr-defined]
    assert {"raw", "rgb", "rgbd"} == {m for m in INPUTS if seen.stream(m).dtype == np.uint8}


def test_coefficients_come_back_out_of_their_threes():
    beta = np.random.default_rng(0).normal(size=(5, 64)).astype(np.float32)
    np.testing.assert_allclose(in_threes(beta).reshape(5, -1)[:, :64] / 0.3, beta, rtol=1e-5)


def test_the_lower_face_is_the_mean_of_four_pixels():
    images = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    small = lower_face(images)
    assert small.shape == (2, 3, 48, 48)
    block = images[1, 100 + 2 * 7 : 102 + 2 * 7, 64 + 2 * 9 : 66 + 2 * 9, 2].astype(float)
    assert abs(small[1, 2, 7, 9] - block.mean()) <= 0.5


def test_the_standard_face_opens_its_mouth_and_is_black_where_it_is_not_valid():
    beta = np.zeros((3, 64), np.float32)
    from viseme.face3d.interface import load_face_model

    model = load_face_model()
    beta[1, model.expression_names.index("jawOpen")] = (
        0.6 / model.expression_sigma[model.expression_names.index("jawOpen")]
    )
    valid = np.array([True, True, False])
    drawn = standard_lower_face(
        Coefficients(
            times=np.arange(3.0),
            beta=beta,
            pose=np.zeros((3, 6), np.float32),
            valid=valid,
            reason=(~valid).astype(np.uint8),
            crops=np.zeros((3, 3)),
        )
    )
    assert drawn.shape == (3, 4, 48, 48)
    dark = (drawn[:, 0, 8:40] < 40).sum((1, 2))
    assert dark[1] > dark[0] + 20, "an open mouth is a hole"
    assert drawn[2].max() == 0


def test_frames_go_to_the_nearest_instant_and_are_not_blended():
    frames = np.arange(10, dtype=np.uint8)[:, None, None, None] * np.ones((1, 3, 4, 4), np.uint8)
    grid, found = to_grid_points(np.arange(10) / 50, frames)
    np.testing.assert_array_equal(found[:, 0, 0, 0], [0, 2, 4, 6, 8])
    np.testing.assert_allclose(grid, np.arange(5) * 0.04)


@pytest.mark.parametrize("mode", INPUTS)
def test_a_network_of_every_input_learns_from_its_batches(mode):
    clips = [_seen(i).shown(mode) for i in range(2)]
    torch.manual_seed(0)
    network = network_of(mode, clips[0], SMALL)
    batch = batch_of(mode)(clips, [0, 1, 0], 26, AugmentConfig(), np.random.default_rng(0))
    seen, heard = network.embed_video(batch.points), network.embed_audio(batch.mels)
    assert seen.shape == (3, 26, 8)
    (torch.einsum("btd,bsd->bts", seen, heard) * network.scale()).square().mean().backward()
    silent = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert [n for n in silent if not n.endswith("bias")] == []


def test_frames_stay_frames_and_the_same_seed_gives_the_same_batch():
    clips = [_seen().shown("raw")]
    one, two = (draw_frames(clips, [0, 0], 26, AugmentConfig(), np.random.default_rng(5)) for _ in range(2))
    assert torch.equal(one.points, two.points)
    assert torch.equal(one.mels, two.mels)
    assert float(one.points.min()) >= 0
    assert float(one.points.max()) <= 1
    np.testing.assert_array_equal(clips[0].points, _seen().raw, err_msg="the clip itself was touched")


def test_scores_do_not_depend_on_what_else_is_in_the_batch():
    network = PixelStream(PixelStream.Config(stream=replace(SMALL, num_points=4))).eval()
    frames = _seen().raw
    one = network.embed_video(torch.from_numpy(frames[None]).float() / 255)
    two = network.embed_video(torch.from_numpy(np.stack([frames, 255 - frames])).float() / 255)
    torch.testing.assert_close(one[0], two[0])


def test_a_bundle_of_frames_comes_back_as_it_was(tmp_path):
    network = PixelStream(PixelStream.Config.tiny()).eval()
    path = tmp_path / "w.safetensors"
    save_sync_weights(
        path,
        [network],
        input_mode="raw",
        calibration=Calibration(),
        card={},
        model=model_name("raw"),
        storage="float32",
    )
    bundle = load_sync_weights(path)
    assert bundle.input_mode == "raw"
    assert load_sync_networks(path)[0].config == network.config
    frames = np.random.default_rng(0).integers(0, 256, (8, 3, 16, 16), dtype=np.uint8)
    mels = np.random.default_rng(1).normal(size=(40, 40)).astype(np.float32)
    np.testing.assert_allclose(
        score_pairs(bundle.models, frames, mels), score_pairs([TorchModel(network)], frames, mels), rtol=1e-4, atol=1e-5
    )


def test_other_weights_are_not_answered_from_old_files(tmp_path):
    rest = {"num_jobs": 1, "on_progress": lambda done, total: None}
    config = ExpressionNetwork.Config(backbone=ResNet.Config(block="basic", depths=(1, 1), width=4), size=56)
    files = [tmp_path / "a" / "w.safetensors", tmp_path / "b" / "w.safetensors"]
    for seed, file in enumerate(files):
        torch.manual_seed(seed)
        save_network(file, ExpressionNetwork(config), variant="enet", face_model=load_face_model(), card={})
        assert look_at_all([], tmp_path, estimator="enet", weights=str(file), **rest) == []
    assert look_at_all([], tmp_path, **rest) == []
    found = sorted(p.name for p in tmp_path.iterdir() if p.name.startswith("seen"))
    hashes = sorted(sha256_of(file)[:12] for file in files)
    assert found == [*(f"seen-enet-{h}" for h in hashes), "seen-landmark-fit"]
    with pytest.raises(ConfigError, match="landmark-fit needs no weights"):
        look_at_all([], tmp_path, weights=str(files[0]), **rest)


def test_impossible_networks_are_refused():
    with pytest.raises(ConfigError, match="impossible sizes"):
        PixelStream.Config(size=50)
    assert "pixel-stream" in sync_models


@pytest.mark.parametrize("mode", ["beta", "raw", "rgb", "rgbd"])
def test_inputs_without_shipped_weights_say_how_to_get_them(mode, tmp_path):
    with pytest.raises(ConfigError, match=f"viseme train sync --input {mode}"):
        check(tmp_path / "none.mp4", input=mode)
