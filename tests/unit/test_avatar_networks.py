"""Networks of an avatar: sizes that were published, exports, losses against independent ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from viseme.avatar.losses import geometry_loss, weighted_mean
from viseme.avatar.networks import CompactAvatar, LipSync3D
from viseme.avatar.recipes import RECIPES, CompactRecipe, PaperRecipe, paper_recipe
from viseme.core.errors import ConfigError
from viseme.engine.image_losses import ssim_loss
from viseme.metrics.ssim import ssim


def _num(*parts: nn.Module | None) -> int:
    return sum(p.numel() for part in parts if part is not None for p in part.parameters())


def test_the_papers_network_has_the_papers_sizes() -> None:
    with torch.device("meta"):
        paper, light = LipSync3D(paper_recipe().model), LipSync3D(LipSync3D.Config())
    for network in (paper, light):
        assert _num(network.audio) == 1_792_659
        assert _num(network.modes, network.geometry) == 32 * 150 + 150 + 150 * 1404 + 1404
        assert _num(network.texture) == 6_846_083
        assert _num(network.blendshapes) == 32 * 52 + 52
    assert _num(paper.memory) == 69_711_106
    assert _num(light.memory) == 4_371_778


def test_every_frame_is_told_alone_and_in_its_shape() -> None:
    torch.manual_seed(0)
    network = LipSync3D(LipSync3D.Config.tiny()).eval()
    stft, before = torch.randn(2, 2, 256, 24), torch.rand(2, 3, 128, 128)
    with torch.inference_mode():
        both, first = network(stft, before), network(stft[:1], before[:1])
    assert [tuple(x.shape[1:]) for x in both] == [(468, 3), (3, 128, 128), (52,)]
    for whole, one in zip(both, first):
        assert torch.allclose(whole[:1], one, atol=1e-5)


def test_nothing_said_and_nothing_learnt_is_the_reference() -> None:
    network = CompactAvatar(CompactAvatar.Config.tiny()).eval()
    network.set_reference(torch.ones(468, 3), torch.rand(128, 128, 3))
    mean = torch.rand(468 * 3)
    network.set_components(mean, torch.zeros(3, 1404), torch.full((49152,), 2.0), torch.zeros(4, 49152))
    with torch.inference_mode():
        vertices, lips, weights = network.spoken(torch.randn(2, 11, 9))
    assert torch.equal(vertices[1].flatten(), mean)
    assert float(lips.max()) == 1.0
    assert 0 <= float(weights.min()) <= float(weights.max()) <= 1


def test_geometry_begins_as_principal_components() -> None:
    network = LipSync3D(LipSync3D.Config.tiny())
    basis, mean = torch.randn(3, 1404), torch.randn(1404)
    network.start_geometry(basis, mean)
    found = network.geometry(torch.tensor([[0.0, 2.0, 0, 0, 0, 0]]))
    assert torch.allclose(found[0], mean + 2 * basis[1], atol=1e-5)


def test_ssim_is_that_of_the_metric_where_all_is_valid() -> None:
    rng = np.random.default_rng(0)
    one = rng.random((2, 24, 20, 3)).astype(np.float32)
    other = np.clip(one + rng.normal(0, 0.1, one.shape), 0, 1).astype(np.float32)
    a, b = (torch.from_numpy(x).permute(0, 3, 1, 2) for x in (one, other))
    found = ssim_loss(a, b, torch.ones(2, 1, 24, 20))
    for i in range(2):
        assert 1 - float(found[i]) == pytest.approx(ssim(one[i] * 255, other[i] * 255), abs=1e-5)
    valid = torch.ones(2, 1, 24, 20)
    valid[..., 10:, :] = 0
    assert float(ssim_loss(torch.where(valid > 0, b, 0), b, valid).abs().max()) < 1e-6  # what is not valid is right
    assert float(ssim_loss(a, b, valid).min()) > 0.01


def test_distances_are_shares_of_the_unit() -> None:
    far = geometry_loss(torch.zeros(1, 4, 3), torch.full((1, 4, 3), 2.0), unit=2.0)
    assert float(far) == pytest.approx(3**0.5)
    assert float(weighted_mean(torch.tensor([1.0, 4.0]), torch.tensor([2.0, 1.0]))) == 2.0


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ConfigError):
        LipSync3D.Config(memory_widths=(1, 2))
    with pytest.raises(ConfigError):
        CompactAvatar.Config(dropout=1.0)


def test_presets_are_complete() -> None:
    kinds = {name: type(made()) for name, made in RECIPES.items()}
    assert kinds == {"compact": CompactRecipe, "light": PaperRecipe, "paper": PaperRecipe, "quick": PaperRecipe}
