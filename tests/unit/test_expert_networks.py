"""The encoder has the published shapes, and treats padding and missing modalities as specified."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from viseme.core.errors import ConfigError
from viseme.expert.networks import SpeechEncoder, correlated
from viseme.expert.sizes import SIZES, ExpertConfig

SMALL = ExpertConfig(layers=2, width=32, hidden=48, heads=2, video_width=4, classes=14, projection=8, decoder_heads=2)
POINTS = replace(SMALL, input="landmarks", num_points=5)


@pytest.mark.parametrize(
    ("name", "millions", "keys"), [("tiny", 8.39, 250), ("base", 103.33, 346), ("large", 325.40, 538)]
)
def test_sizes_are_the_published_ones(name: str, millions: float, keys: int) -> None:
    with torch.device("meta"):
        network = SpeechEncoder(SIZES[name])
    assert round(sum(p.numel() for p in network.parameters()) / 1e6, 2) == millions
    assert len(network.state_dict()) == keys


@pytest.fixture(scope="module")
def network() -> SpeechEncoder:
    torch.manual_seed(0)
    return SpeechEncoder(POINTS).eval()


def clip(num: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(1, num, 104, generator=rng), torch.randn(1, num, 5, 3, generator=rng) * 0.05


def test_padding_changes_no_valid_step(network: SpeechEncoder) -> None:
    audio, video = clip(30)
    longer = [torch.cat([x, torch.ones_like(x[:, :9])], 1) for x in (audio, video)]
    pad = torch.arange(39)[None] >= 30
    for given in ((0, None), (None, 1), (0, 1)):
        short, long = ([None if i is None else clips[i] for i in given] for clips in ((audio, video), longer))
        assert (network.encode(*long, pad=pad)[:, :30] - network.encode(*short)).abs().max() < 1e-5, given


def test_padding_changes_no_valid_step_of_pixels() -> None:
    torch.manual_seed(0)
    network = SpeechEncoder(SMALL).eval()
    video = torch.randn(1, 7, 88, 88)
    longer = torch.cat([video, torch.ones(1, 4, 88, 88)], 1)
    found = network.encode(None, longer, pad=torch.arange(11)[None] >= 7)[:, :7]
    assert (found - network.encode(None, video)).abs().max() < 1e-5


def test_a_missing_modality_is_zeros_after_its_projection(network: SpeechEncoder) -> None:
    audio, video = clip(12)
    heard, seen = network.features(audio, video)
    none = torch.zeros_like(heard)
    assert torch.allclose(network.encode(audio), network.encoder(network.fuse(heard, none), None, None))
    assert torch.allclose(network.encode(None, video), network.encoder(network.fuse(none, seen), None, None))
    assert not torch.allclose(network.encode(audio, torch.zeros_like(video)), network.encode(audio), atol=1e-3)
    with pytest.raises(ValueError, match="neither"):
        network.encode()


def test_a_layer_is_handed_out_without_the_last_normalisation(network: SpeechEncoder) -> None:
    audio, video = clip(12)
    last = network.encode(audio, video, layer=2)
    assert torch.allclose(network.encoder.layer_norm(last), network.encode(audio, video), atol=1e-6)


def test_positions_weigh_as_published(network: SpeechEncoder) -> None:
    conv = network.encoder.pos_conv[0]
    assert conv.weight_g.shape == (1, 1, 128)
    assert conv.weight_v.shape == (32, 2, 128)
    x = torch.randn(1, 32, 20)
    weight = conv.weight_v * conv.weight_g / (conv.weight_v**2).sum((0, 1), keepdim=True).sqrt()
    plain = torch.nn.functional.conv1d(x, weight, conv.bias, padding=64, groups=16)[..., :-1]
    assert torch.allclose(conv(x), plain, atol=1e-6)
    assert conv(x).shape == x.shape


def test_pixels_go_through_the_published_front_end() -> None:
    network = SpeechEncoder(SMALL).eval()
    assert network.encode(None, torch.randn(2, 6, 88, 88)).shape == (2, 6, 32)


def test_logits_are_cosines_over_a_tenth(network: SpeechEncoder) -> None:
    x = network.encode(*clip(5)).detach()
    assert network.logits(x).abs().max() <= 10 + 1e-4
    assert np.isclose(
        float(network.logits(x)[0, 1, 3].detach()),
        10 * float(torch.cosine_similarity(network.final_proj(x)[0, 1], network.label_embs_concat[3], dim=0).detach()),
        atol=1e-4,
    )


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ConfigError, match="multiple"):
        replace(SMALL, heads=3)
    with pytest.raises(ConfigError, match="either"):
        replace(SMALL, input="landmarks")


def test_the_fast_convolution_of_positions_is_the_convolution() -> None:
    torch.manual_seed(0)
    for num in (1, 40, 150):
        x, weight = torch.randn(2, 64, num), torch.randn(64, 4, 128, requires_grad=True)
        fast, slow = correlated(x, weight), torch.nn.functional.conv1d(x, weight, padding=64, groups=16)[..., :-1]
        torch.testing.assert_close(fast, slow, rtol=1e-4, atol=1e-4)
        grads = [torch.autograd.grad(y.square().sum(), weight)[0] for y in (fast, slow)]
        torch.testing.assert_close(*grads, rtol=1e-3, atol=1e-2)
