"""The lip-reading decoder has the published shapes and sees neither what comes later nor padding."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from viseme.expert.decoder import EOS, Decoder, positions
from viseme.expert.networks import SpeechEncoder
from viseme.expert.sizes import SIZES, ExpertConfig

SMALL = ExpertConfig(layers=1, width=32, hidden=48, heads=2, decoder_layers=2, decoder_heads=2, units=20)


@pytest.mark.parametrize(("name", "millions", "keys"), [("base", 160.61, 503), ("large", 477.33, 773)])
def test_with_a_decoder_sizes_are_the_published_ones(name: str, millions: float, keys: int) -> None:
    """Fine-tuned files have no `final_proj` and one buffer more, of positions: 504 and 774 keys."""
    with torch.device("meta"):
        encoder, decoder = SpeechEncoder(SIZES[name]), Decoder(SIZES[name])
    without = [p for k, p in encoder.named_parameters() if not k.startswith("final_proj")]
    assert round(sum(p.numel() for p in [*without, *decoder.parameters()]) / 1e6, 2) == millions
    kept = [k for k in encoder.state_dict() if not k.startswith("final_proj")]
    assert len(kept) + len(decoder.state_dict()) == keys


def test_ours_is_small() -> None:
    with torch.device("meta"):
        decoder = Decoder(replace(SIZES["tiny"], units=500))
    assert round(sum(p.numel() for p in decoder.parameters()) / 1e6, 2) == 3.29


def test_a_unit_depends_on_what_came_before_it_alone() -> None:
    torch.manual_seed(0)
    decoder = Decoder(SMALL).eval()
    clip, units = torch.randn(1, 9, 32), torch.tensor([[EOS, 5, 6, 7]])
    other = torch.tensor([[EOS, 5, 8, 9]])
    assert torch.allclose(decoder(units, clip)[:, :2], decoder(other, clip)[:, :2], atol=1e-6)
    assert not torch.allclose(decoder(units, clip)[:, 2:], decoder(other, clip)[:, 2:], atol=1e-3)


def test_padding_of_the_clip_is_not_attended_to() -> None:
    torch.manual_seed(0)
    decoder = Decoder(SMALL).eval()
    clip, units = torch.randn(1, 9, 32), torch.tensor([[EOS, 5, 6]])
    longer = torch.cat([clip, torch.ones(1, 4, 32)], 1)
    assert torch.allclose(decoder(units, longer, torch.arange(13)[None] >= 9), decoder(units, clip), atol=1e-5)


def test_positions_are_sines_then_cosines_from_two() -> None:
    found = positions(3, 8)
    assert torch.allclose(found[0, :4], torch.sin(2 * 10_000 ** (-torch.arange(4) / 3)), atol=1e-6)
    assert torch.allclose(found[1, 4:], torch.cos(3 * 10_000 ** (-torch.arange(4) / 3)), atol=1e-6)
