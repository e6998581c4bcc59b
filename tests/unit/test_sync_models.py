"""What every registered sync model keeps to: shapes, determinism, batching, gradients, reload, alignment in time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from viseme.core.errors import ConfigError
from viseme.sync.checkpoint import Calibration, load_sync_weights
from viseme.sync.comparer import score_pairs
from viseme.sync.export import load_sync_networks, save_sync_weights
from viseme.sync.interface import sync_models
from viseme.sync.loss import matching_loss
from viseme.sync.models.torch_model import TorchModel

MODELS = sorted(sync_models)
NUM, FRAMES = 9, 36


@pytest.fixture(params=MODELS)
def name(request) -> str:
    return request.param


@pytest.fixture
def network(name) -> torch.nn.Module:
    torch.manual_seed(0)
    kind = sync_models[name]
    return kind(kind.Config.tiny()).eval()


def _points(network: torch.nn.Module, size: int = 2, num: int = NUM) -> torch.Tensor:
    """What the network's video stream takes: lip points, or frames of 256 levels."""
    chance = torch.Generator().manual_seed(1)
    if not hasattr(network.config, "channels"):
        return torch.randn(size, num, 67, 3, generator=chance) * 0.03
    side = network.config.size
    return torch.randint(0, 256, (size, num, network.config.channels, side, side), generator=chance) / 255


def _given(points: torch.Tensor) -> np.ndarray:
    """The same of one clip as `score_pairs` takes it."""
    return points[0].numpy() if points.ndim == 4 else (points[0] * 255).round().to(torch.uint8).numpy()


def _mels(size: int = 2, num: int = FRAMES) -> torch.Tensor:
    return torch.randn(size, num, 40, generator=torch.Generator().manual_seed(2))


def test_there_are_models():
    assert MODELS
    with pytest.raises(ConfigError, match="known: "):
        sync_models["no-such-net"]


def test_shapes(network):
    with torch.inference_mode():
        seen, heard = network.embed_video(_points(network)), network.embed_audio(_mels())
    assert seen.shape[:2] == (2, NUM)
    assert heard.shape[:2] == (2, FRAMES // 4)
    assert seen.shape[2] == heard.shape[2]
    assert network.scale().shape == ()
    assert network.scale() > 0


def test_the_same_twice_in_evaluation(network):
    with torch.inference_mode():
        assert torch.equal(network.embed_video(_points(network)), network.embed_video(_points(network)))
        assert torch.equal(network.embed_audio(_mels()), network.embed_audio(_mels()))


def test_a_batch_of_two_is_two_of_one(network):
    with torch.inference_mode():
        for embed, values in ((network.embed_video, _points(network)), (network.embed_audio, _mels())):
            one_by_one = torch.cat([embed(values[:1]), embed(values[1:])])
            torch.testing.assert_close(embed(values), one_by_one, rtol=1e-4, atol=1e-5)


def _loss(network: torch.nn.Module) -> torch.Tensor:
    seen, heard = network.embed_video(_points(network)), network.embed_audio(_mels())
    return matching_loss(torch.einsum("btd,bsd->bts", seen, heard) * network.scale(), 0)[0]


def test_gradients_reach_every_parameter(network):
    network.train()
    _loss(network).backward()
    for where, parameter in network.named_parameters():
        assert parameter.grad is not None, where
        assert torch.isfinite(parameter.grad).all(), where
        assert parameter.grad.abs().sum() > 0, where


def test_one_step_lowers_the_loss(network):
    optimiser = torch.optim.SGD(network.parameters(), 0.01)
    before = _loss(network)
    before.backward()
    optimiser.step()
    assert _loss(network) < before


@pytest.mark.parametrize("storage", ["float32", "float16", "bfloat16"])
def test_saved_and_loaded_it_is_the_same(name, network, tmp_path, storage):
    path = tmp_path / "net.safetensors"
    given = {"input_mode": "landmarks", "calibration": Calibration(bias=0.01), "card": {"n": 3}}
    save_sync_weights(path, [network], **given, model=name, storage=storage)
    weights = load_sync_weights(path)
    assert weights.calibration == Calibration(bias=0.01)
    assert (weights.input_mode, weights.card) == ("landmarks", {"n": 3})
    assert weights.name.startswith("net@")
    assert weights.models[0].scale == float(network.scale().detach())
    (again,) = load_sync_networks(path)
    assert again.config == network.config
    for key, tensor in network.state_dict().items():
        assert torch.equal(again.state_dict()[key], tensor.to(getattr(torch, storage)).float()), key


def _moved(before: torch.Tensor, after: torch.Tensor) -> list[int]:
    return torch.nonzero((before - after).abs().amax(-1) > 1e-6).ravel().tolist()


def test_audio_output_t_is_centred_on_frame_4t_plus_one_and_a_half(network):
    """Outputs moved by frame 4 k + j mirror, about k, those moved by frame 4 k + 3 - j."""
    length, k = 160, 20
    mels = _mels(1, length)
    with torch.inference_mode():
        before = network.embed_audio(mels)[0]
        reach = []
        for j in range(4):
            other = mels.clone()
            other[0, 4 * k + j] += 3
            reach.append([t - k for t in _moved(before, network.embed_audio(other)[0])])
    for j in range(4):
        assert reach[j], "a frame must matter"
        assert sorted(-t for t in reach[j]) == reach[3 - j]
    assert 0 in reach[1]


def test_frame_output_t_is_centred_on_frame_t_but_for_its_velocity(network):
    """The velocity looks one frame back, so a frame moves outputs from t - n to t + n + 1."""
    points = _points(network, 1, 41)
    with torch.inference_mode():
        before = network.embed_video(points)[0]
        other = points.clone()
        other[0, 20] += 0.05
        moved = _moved(before, network.embed_video(other)[0])
    assert abs((moved[0] + moved[-1]) / 2 - 20) <= 0.5
    assert 20 in moved


def test_nothing_leaks_along_the_whole_clip(network):
    with torch.inference_mode():
        points, mels = _points(network, 1, 80), _mels(1, 320)
        seen, heard = network.embed_video(points)[0], network.embed_audio(mels)[0]
        points, mels = points.clone(), mels.clone()
        points[0, 0] += 1
        mels[0, 0] += 5
        assert max(_moved(seen, network.embed_video(points)[0])) < 40
        assert max(_moved(heard, network.embed_audio(mels)[0])) < 40


def test_a_score_every_10_ms_is_the_audio_begun_that_much_later(network):
    seen_points, mels = _points(network, 1, 12), _mels(1, 120)[0].numpy()
    points = _given(seen_points)
    scores = score_pairs([TorchModel(network)], points, mels)
    assert scores.shape == (12, 120)
    with torch.inference_mode():
        centred = seen_points - seen_points.mean(1, keepdim=True) if seen_points.ndim == 4 else seen_points
        seen = network.embed_video(centred)[0]
        for phase in range(4):
            heard = network.embed_audio(torch.from_numpy(mels[phase : phase + 116].copy())[None])[0]
            expected = (seen @ heard.T * network.scale()).numpy()
            np.testing.assert_allclose(scores[:, phase + 40 : phase + 80 : 4], expected[:, 10:20], rtol=1e-3, atol=1e-4)


def test_score_columns_lie_one_and_a_half_frames_after_their_number(network):
    points, mels = _given(_points(network, 1, 12)), _mels(1, 120)[0].numpy()
    other = mels.copy()
    other[60] += 3
    changed = np.flatnonzero(
        np.abs(
            score_pairs([TorchModel(network)], points, mels) - score_pairs([TorchModel(network)], points, other)
        ).max(0)
        > 1e-6
    )
    assert (changed[0] + changed[-1]) / 2 == pytest.approx(60 - 1.5)


@pytest.mark.parametrize("num", [0, 1, 2, 3, 5, 8])
def test_any_number_of_audio_frames_is_scored(network, num):
    scores = score_pairs([TorchModel(network)], _given(_points(network, 1, 3)), _mels(1, 8)[0, :num].numpy())
    assert scores.shape == (3, num)
    assert np.isfinite(scores).all()


def test_several_models_are_averaged(network, name):
    torch.manual_seed(8)
    kind = sync_models[name]
    other = kind(kind.Config.tiny()).eval()
    points, mels = _given(_points(network, 1, 5)), _mels(1, 20)[0].numpy()
    both = score_pairs([TorchModel(network), TorchModel(other)], points, mels)
    np.testing.assert_allclose(
        both,
        (score_pairs([TorchModel(network)], points, mels) + score_pairs([TorchModel(other)], points, mels)) / 2,
        rtol=1e-4,
        atol=1e-5,
    )


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        *(("two-stream", wrong) for wrong in ({"point_dims": 4}, {"dropout": 1.0}, {"width": 0}, {"embedding": 0})),
        *(("pixel-stream", wrong) for wrong in ({"channels": 2}, {"widths": (4, 4)}, {"size": 40})),
    ],
)
def test_impossible_sizes_are_refused(name, wrong):
    with pytest.raises(ConfigError):
        sync_models[name].Config(**wrong)


def test_every_model_has_its_impossible_sizes():
    assert set(MODELS) == {"pixel-stream", "two-stream"}
