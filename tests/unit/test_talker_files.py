"""What a talker is made of besides: a user's lip expert, perceptual networks, references, crops put back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from viseme.core.errors import ConfigError, WeightsError
from viseme.talker.expert_sync import read_pixel_expert
from viseme.talker.fitting import levelled_off
from viseme.talker.lip_expert import LipExpert
from viseme.talker.lip_expert_files import load_lip_expert
from viseme.talker.perceptual import MobileNetFeatures, PerceptualLoss, Vgg19Features, perceptual_loss_of
from viseme.talker.references import References
from viseme.weights import assets_folder


def test_a_users_lip_expert_is_read_in_its_own_layout(tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = LipExpert(num_residual=2)
    state = {k.removeprefix("audio."): v for k, v in theirs.state_dict().items()}
    torch.save({"state_dict": {f"module.{k}": v for k, v in state.items()}}, tmp_path / "theirs.pth")
    found = load_lip_expert(tmp_path / "theirs.pth")
    assert found.num_residual == 2
    assert not found.redistributable
    assert found.whole is not None
    faces, mel = torch.rand(1, 5, 3, 96, 96), torch.rand(1, 80, 16)
    with torch.inference_mode():
        same = theirs.eval().cosine(faces.flip(2), mel)
        assert torch.allclose(found.whole.eval().cosine(faces, mel), same, atol=1e-5), "theirs sees blue first"
    torch.save({"w": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="neither Wav2Lip's lip expert"):
        load_lip_expert(tmp_path / "other.pth")


def test_perceptual_networks_give_five_layers() -> None:
    found = MobileNetFeatures().eval()(torch.zeros(1, 3, 32, 32))
    assert [f.shape[1:3] for f in found] == [(16, 16), (24, 8), (32, 4), (96, 2), (320, 1)]
    with torch.device("meta"):
        names = {k: tuple(v.shape) for k, v in Vgg19Features().state_dict().items()}
    assert names["features.0.weight"] == (64, 3, 3, 3)
    assert names["features.28.weight"] == (512, 512, 3, 3)
    assert len(names) == 26, "thirteen convolutions up to relu5_1"


def test_a_perceptual_loss_is_zero_of_equal_faces_and_has_a_gradient() -> None:
    torch.manual_seed(0)
    loss = PerceptualLoss(MobileNetFeatures(), "random")
    face = torch.rand(1, 3, 32, 32)
    assert float(loss(face, face)) < 1e-5
    other = torch.rand(1, 3, 32, 32).requires_grad_()
    loss(other, face).backward()
    assert other.grad is not None
    assert not any(p.requires_grad for p in loss.parameters())


def test_what_is_no_vgg_is_refused(tmp_path: Path) -> None:
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "vgg.pth")
    with pytest.raises(WeightsError, match="torchvision's VGG-19"):
        perceptual_loss_of(str(tmp_path / "vgg.pth"))
    assert perceptual_loss_of("none") is None


def test_an_expert_that_sees_points_is_refused() -> None:
    with pytest.raises(ConfigError, match="sees landmarks, not pixels"):
        read_pixel_expert(assets_folder() / "expert-tiny.safetensors")


def test_a_reference_is_taken_a_second_away() -> None:
    crops = tuple(np.full((2, 2, 3), i, np.uint8) for i in range(2))
    found = References((1.0, 4.0), crops)
    assert [int(found.far_from(t)[0, 0, 0]) for t in (3.5, 1.5, 0.0, 2.4)] == [0, 1, 0, 0]


def test_a_loss_levels_off() -> None:
    assert not levelled_off([0.3], 2, 0.01)
    assert not levelled_off([0.3, 0.2, 0.1], 2, 0.01)
    assert levelled_off([0.3, 0.1, 0.1, 0.1], 2, 0.01)
