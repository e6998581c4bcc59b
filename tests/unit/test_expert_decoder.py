"""The lip-reading decoder has the published shapes and sees neither what comes later nor padding."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from viseme.expert.decoder import Decoder, positions
from viseme.expert.networks import SpeechEncoder
from viseme.expert.sizes import SIZES, ExpertConfig
from viseme.expert.unit_beam import BOS, EOS, PAD, best_units

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
    found = positions(torch.arange(3.0), 8)
    assert torch.allclose(found[0, :4], torch.sin(2 * 10_000 ** (-torch.arange(4) / 3)), atol=1e-6)
    assert torch.allclose(found[1, 4:], torch.cos(3 * 10_000 ** (-torch.arange(4) / 3)), atol=1e-6)


def test_the_search_finds_what_trying_everything_finds() -> None:
    rng = np.random.default_rng(4)
    num, most = 7, 3
    table = {n: np.log(rng.dirichlet(np.full(num, 0.5), num)) for n in range(1, most + 2)}  # by length and last unit

    def next_units(said: NDArray[np.int64]) -> NDArray[np.float64]:
        return table[said.shape[1]][said[:, -1]]

    def score(units: tuple[int, ...]) -> float:
        said = (EOS, *units, EOS)
        return sum(table[n][said[n - 1], said[n]] for n in range(1, len(said))) / (len(said) - 1)

    usual = [u for u in range(num) if u not in (BOS, PAD, EOS)]
    best = max((units for n in range(most + 1) for units in product(usual, repeat=n)), key=score)
    found, value = best_units(next_units, most=most, beam=200)
    assert found == best
    assert value == pytest.approx(score(best))
    greedy, worse = best_units(next_units, most=most, beam=1)
    assert worse <= value
    assert worse == pytest.approx(score(greedy))


def test_one_clip_serves_several_beginnings() -> None:
    torch.manual_seed(0)
    decoder = Decoder(SMALL).eval()
    clip, units = torch.randn(1, 9, 32), torch.tensor([[EOS, 5, 6], [EOS, 7, 7]])
    assert torch.allclose(decoder(units, clip), decoder(units, clip.expand(2, -1, -1)), atol=1e-4)  # logits of 30
