"""Networks of the atlas talker: what they answer before they learnt anything, and sizes that are refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from viseme.core.errors import ConfigError
from viseme.talker.atlas_batches import MoverLoss, PainterLoss
from viseme.talker.atlas_networks import SIDE, AtlasTalker
from viseme.talker.lip_atlas import WINDOW


def given(num: int = 2) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    own, seen = torch.rand(2, num, SIDE, SIDE, 3)
    inside, moved = torch.rand(num, SIDE, SIDE).round(), torch.randn(num, SIDE, SIDE, 2)
    return {"own": own, "seen": seen, "inside": inside, "moved": moved, "far": torch.rand(num, 1)}


def test_before_it_learns_the_painter_shows_what_was_seen() -> None:
    assert all(part.stop - part.start == SIDE for part in WINDOW)
    network, some = AtlasTalker(AtlasTalker.tiny()).eval(), given()
    with torch.inference_mode():
        made, first = network.painted(**some), network.painted(**{k: v[:1] for k, v in some.items()})
    own, seen = some["own"], some["seen"]
    assert torch.allclose(made, own + (seen - own) * torch.sigmoid(torch.tensor(2.0)), atol=1e-5)
    assert torch.allclose(made[:1], first, atol=1e-5)


def test_motion_lies_in_the_components() -> None:
    network = AtlasTalker(AtlasTalker.tiny()).eval()
    mean, basis = torch.rand(1404), torch.rand(3, 1404)
    network.mover.set_components(mean, basis)
    with torch.inference_mode():
        heard = torch.randn(2, 11, 9)
        made, told = network.spoken(heard), network.mover(heard)
    assert made.shape == (2, 468, 3)
    assert torch.allclose(made.flatten(1), mean + told @ basis, atol=1e-5)


def test_losses_are_nothing_where_all_is_right_and_fall_with_a_step() -> None:
    network = AtlasTalker(AtlasTalker.tiny())
    some = {k: v.movedim(-1, 1).numpy() if v.ndim == 4 else v.numpy() for k, v in given(1).items()}
    some["inside"] = some["inside"][:, None]
    right = network.painter(**{k: torch.from_numpy(v) for k, v in some.items()}).detach().numpy()
    loss, _ = PainterLoss()(network.painter, {**some, "wanted": right})
    assert loss.item() == pytest.approx(0, abs=1e-5)
    wrong = {**some, "wanted": some["own"]}
    optimiser = torch.optim.Adam(network.painter.parameters(), 1e-2)
    before, _ = PainterLoss()(network.painter, wrong)
    before.backward()
    optimiser.step()
    assert PainterLoss()(network.painter, wrong)[0].item() < before.item()
    heard = np.random.default_rng(0).normal(size=(4, 11, 9)).astype(np.float32)
    told = network.eval().mover(torch.from_numpy(heard)).detach().numpy()
    loss, _ = MoverLoss(np.ones(3, np.float32) / 3, 1.0)(network.mover, (heard, told))  # type: ignore[arg-type]
    assert loss.item() == pytest.approx(0, abs=1e-6)


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ConfigError, match="impossible"):
        AtlasTalker.Config(width=0)
