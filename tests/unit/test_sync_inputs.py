"""Visual inputs, their networks and their batches, on frames and coefficients made up here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from viseme.audio.bands import NUM_BANDS
from viseme.core.errors import ConfigError, DataError
from viseme.data.sources import TrackedClip
from viseme.face3d.interface import load_face_model
from viseme.standardization.interface import Coefficients
from viseme.standardization.networks.export import save_expression_weights
from viseme.standardization.networks.expression import ExpressionNetwork
from viseme.standardization.networks.resnet import ResNet
from viseme.sync.augment.config import AugmentConfig
from viseme.sync.batches import draw_of
from viseme.sync.checkpoint import Calibration, load_sync_weights
from viseme.sync.clips import Clip
from viseme.sync.comparer import score_pairs
from viseme.sync.embeddings import to_grid_points
from viseme.sync.export import load_sync_networks, save_sync_weights
from viseme.sync.inputs.coefficients import in_threes
from viseme.sync.inputs.filmed import lower_face
from viseme.sync.inputs.interface import INPUTS, visual_inputs
from viseme.sync.inputs.standard_face import standard_lower_face
from viseme.sync.interface import sync_models
from viseme.sync.loss import batch_loss
from viseme.sync.models.pixel_stream import PixelStream
from viseme.sync.models.torch_model import TorchModel
from viseme.sync.models.two_stream import TwoStream
from viseme.sync.networks import model_name, network_of
from viseme.sync.pipeline import check
from viseme.sync.views import inputs_view
from viseme.weights.catalog import sha256_of

NUM = 60
SMALL = TwoStream.Config(width=16, embedding=8, video_dilations=(1,), audio_dilations=(1,), dropout=0.0)


def _clip(input: str, seed: int = 0) -> Clip:
    rng = np.random.default_rng(seed)
    shape = visual_shape(input)
    video = (
        rng.integers(0, 256, (NUM, *shape), dtype=np.uint8) if len(shape) == 3 else rng.normal(0, 0.02, (NUM, *shape))
    )
    return Clip(
        name=f"a/{seed}.mp4",
        speaker="s",
        times=np.arange(NUM) * 0.04,
        video=video if len(shape) == 3 else video.astype(np.float32),
        audio=rng.normal(0, 1, (4 * NUM, NUM_BANDS)).astype(np.float16),
        first_audio_frame=0,
        level=6.0,
    )


def visual_shape(input: str) -> tuple[int, ...]:
    """Of one frame."""
    shapes = {"raw": (3, 48, 48), "rgb": (3, 48, 48), "rgbd": (4, 48, 48)}
    return {**shapes, "mesh": (96, 3), "beta": (22, 3), "landmarks": (67, 3)}[input]


def test_every_input_has_its_own_shape_and_is_registered():
    model = load_face_model()
    head = model.landmark_points(model.mean, "mp478") * np.array([100, -100, -100]) + [300, 300, 0]
    clip = TrackedClip(
        times=np.arange(30) * 0.04,
        landmarks=np.tile(head.astype(np.float32), (30, 1, 1)),
        observed=np.ones(30, bool),
        images=np.zeros((30, 224, 224, 3), np.uint8),
        audio=np.zeros((130, NUM_BANDS), np.float16),
    )
    view = inputs_view(INPUTS)
    made = view.make(clip)
    assert view.needs_pixels
    assert {name: array.shape[1:] for name, array in made.items() if name != "yaw"} == {
        input: visual_shape(input) for input in INPUTS
    }
    assert made["yaw"].shape == (30,)
    assert set(visual_inputs) == set(INPUTS)
    assert {"raw", "rgb", "rgbd"} == {m for m in INPUTS if made[m].dtype == np.uint8}


@pytest.mark.parametrize("audio", [None, np.zeros((24, NUM_BANDS), np.float16)])
def test_a_clip_without_audio_is_no_clip_to_learn_from(audio):
    clip = TrackedClip(
        times=np.arange(30) * 0.04,
        landmarks=np.zeros((30, 478, 3), np.float32),
        observed=np.ones(30, bool),
        audio=audio,
    )
    with pytest.raises(DataError, match=r"less than 0\.25 s of audio"):
        inputs_view(["landmarks"]).make(clip)


def test_only_inputs_that_need_pixels_ask_for_them():
    assert {input: inputs_view([input]).needs_pixels for input in INPUTS} == {
        **dict.fromkeys(INPUTS, False),
        "raw": True,
    }


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
    clips = [_clip(mode, i) for i in (0, 1, 0)]
    torch.manual_seed(0)
    network = network_of(mode, clips[0], SMALL)
    batch = draw_of(mode)(clips, 26, AugmentConfig(), np.random.default_rng(0))
    loss, _ = batch_loss(network, batch._replace(mismatched=np.array([[1], [0], [1]])), stretch_weight=1.0)
    loss.backward()
    silent = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert [n for n in silent if not n.endswith("bias")] == []


def test_scores_do_not_depend_on_what_else_is_in_the_batch():
    network = PixelStream(PixelStream.Config(stream=replace(SMALL, num_points=4))).eval()
    frames = _clip("raw").video
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
    config = ExpressionNetwork.Config(backbone=ResNet.Config(block="basic", depths=(1, 1), width=4), size=56)
    files = [tmp_path / "a" / "w.safetensors", tmp_path / "b" / "w.safetensors"]
    names = set()
    for seed, file in enumerate(files):
        torch.manual_seed(seed)
        save_expression_weights(file, ExpressionNetwork(config), variant="enet", face_model=load_face_model(), card={})
        view = inputs_view(["rgbd"], estimator="enet", weights=str(file))
        assert sha256_of(file)[:12] in view.name
        assert view.needs_pixels
        names.add(view.name)
    assert len({*names, inputs_view(["rgbd"]).name}) == 3
    with pytest.raises(ConfigError, match="landmark-fit needs no weights"):
        inputs_view(["rgbd"], weights=str(files[0]))


def test_impossible_networks_are_refused():
    with pytest.raises(ConfigError, match="impossible sizes"):
        PixelStream.Config(size=50)
    assert "pixel-stream" in sync_models


@pytest.mark.parametrize("mode", ["beta", "raw", "rgb", "rgbd"])
def test_inputs_without_shipped_weights_say_how_to_get_them(mode, tmp_path):
    with pytest.raises(ConfigError, match=f"viseme train sync --input {mode}"):
        check(tmp_path / "none.mp4", input=mode)
