"""The talker's networks have the sizes of the specification, and their audio encoder stays as it is."""

from __future__ import annotations

import pytest
import torch

from viseme.core.errors import ConfigError
from viseme.talker.lip_expert import LipExpert
from viseme.talker.networks import SIZES, AudioEncoder, Discriminator, TalkerConfig, TalkerGenerator


def count(network: torch.nn.Module) -> float:
    """Millions of parameters."""
    return sum(p.numel() for p in network.parameters()) / 1e6


def test_the_sizes_are_those_of_the_paper() -> None:
    with torch.device("meta"):
        generator = TalkerGenerator(SIZES["paper"])
        heard = count(generator.audio_encoder)
        assert round(count(generator) - heard, 1) == 53.1
        assert round(heard, 1) == 2.8
        assert round(count(LipExpert()), 1) == 15.8
        assert len(Discriminator(96).convs) == 7
        assert len(Discriminator(192).convs) == 8
        assert AudioEncoder(num_residual=2).audio_encoder[13] is not None


@pytest.mark.parametrize("side", [96, 192])
def test_faces_go_in_and_faces_come_out(side: int) -> None:
    config = SIZES["tiny"]
    if side == 192:
        config = TalkerConfig(side=192, widths=(2, *config.widths), decoder=(*config.decoder, 8))
    generator, face = TalkerGenerator(config).eval(), torch.rand(2, 3, side, side)
    with torch.inference_mode():
        made = generator(face, face, torch.zeros(2, 80, 16))
        assert Discriminator(side, width=2)(made).shape == (2,)
    assert made.shape == face.shape
    assert 0 <= float(made.min()) <= float(made.max()) <= 1


def test_the_discriminator_has_spectral_norm() -> None:
    network = Discriminator(96, width=2).train()
    for _ in range(20):
        network(torch.rand(1, 3, 96, 96))
    weight = network.eval().convs[2].weight.detach().flatten(1)
    assert float(torch.linalg.matrix_norm(weight, 2)) == pytest.approx(1, abs=0.05)


def test_the_audio_encoder_is_frozen() -> None:
    generator = TalkerGenerator(SIZES["tiny"]).train()
    assert generator.training
    assert not generator.audio_encoder.training
    assert not any(p.requires_grad for p in generator.audio_encoder.parameters())
    assert all(p.requires_grad for p in generator.fuse.parameters())


def test_a_size_that_does_not_end_at_three_pixels_is_refused() -> None:
    with pytest.raises(ConfigError, match="96 px needs"):
        TalkerConfig(widths=(4, 8), decoder=(8, 4))
