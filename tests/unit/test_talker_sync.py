"""A talker's losses: whole-clip insertion and its gradient economy, the logarithm's line, the leakage rule."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from talker_clips import made_up_clips
from viseme.core.errors import DataError
from viseme.expert.networks import SpeechEncoder
from viseme.faces.mouth_roi import mouth_input, mouth_rois, roi_transforms
from viseme.talker.batches import APART, AROUND, TalkerDraw, reference_frames
from viseme.talker.clips import NUM_FRAMES, TalkerClips
from viseme.talker.expert_sync import VARIANTS, ExpertSync, Variant, expert_features
from viseme.talker.losses import (
    TalkerLoss,
    TalkerTrainee,
    discriminator_loss,
    masked_pose,
    negative_log,
    tensors_of,
)  # fmt: skip
from viseme.talker.mouths import mouths_of
from viseme.talker.networks import SIZES, Discriminator, TalkerGenerator
from viseme.talker.recipes import RECIPES, SMALL_EXPERT
from viseme.talker.train import TalkerOptions, experts_of

FEW = replace(SMALL_EXPERT, layers=1, width=32, hidden=48, heads=2, video_width=2, dropout=0.0, layer_drop=0.0)
CPU = torch.device("cpu")


@pytest.fixture
def clips(tmp_path: Path) -> TalkerClips:
    return made_up_clips(tmp_path / "clips")


@pytest.fixture(scope="module")
def expert() -> SpeechEncoder:
    torch.manual_seed(0)
    return SpeechEncoder(FEW).eval().requires_grad_(False)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_economical_gradient_is_the_full_one(
    clips: TalkerClips, expert: SpeechEncoder, variant: Variant, tmp_path: Path
) -> None:
    store = expert_features(clips, expert, "few", variant, tmp_path, CPU)
    draw = TalkerDraw(clips, 2, features=store, with_audio=variant == "multi")
    for seed in range(2):  # windows at the ends of a clip among them
        given = tensors_of(draw(np.random.default_rng(seed)), CPU)
        made = torch.rand_like(given["faces"]).requires_grad_()
        few = ExpertSync(expert, variant)(made, given)
        (economical,) = torch.autograd.grad(few, made)
        whole = _whole(clips, expert, variant, seed, given, made)
        (full,) = torch.autograd.grad(whole, made)
        assert few.item() == pytest.approx(whole.item(), rel=2e-2)
        apart = (economical - full).norm() / full.norm()
        assert apart.item() < 2e-2, "features are kept in half precision"


def _whole(
    clips: TalkerClips,
    expert: SpeechEncoder,
    variant: str,
    seed: int,
    given: dict,
    made: torch.Tensor,
) -> torch.Tensor:
    """The loss with every frame of the clips encoded again."""
    numbers = np.random.default_rng(seed).choice(len(clips), 2, p=np.full(len(clips), 1 / len(clips)))
    losses = []
    for row, number in enumerate(numbers):
        faces, speech, to_mouth = clips.read(int(number), "faces", "speech", "to_mouth")
        shown = torch.from_numpy(np.array(faces)).float().div(255).movedim(-1, 1).contiguous()
        at = int(given["first"][row] + given["at"][row])
        upright = made[row].flip(-1) if bool(given["flipped"][row]) else made[row]
        inserted = torch.cat([shown[:at], upright, shown[at + NUM_FRAMES :]])
        affine = torch.from_numpy(np.array(to_mouth))
        audio = torch.from_numpy(speech.astype(np.float32))[None]
        real, generated = mouths_of(shown, affine)[None], mouths_of(inserted, affine)[None]
        found = expert.encode(audio if variant == "multi" else None, generated)
        target = {
            "unsup": lambda a=audio: expert.encode(a),
            "visual": lambda v=real: expert.encode(None, v),
            "multi": lambda a=audio, v=real: expert.encode(a, v),
        }[variant]()
        steps = slice(at, at + NUM_FRAMES)
        losses.append(negative_log(torch.cosine_similarity(found[0, steps], target[0, steps], dim=-1)).mean())
    return torch.stack(losses).mean()


def test_only_what_the_frames_reach_is_made_again(clips: TalkerClips, expert: SpeechEncoder, tmp_path: Path) -> None:
    store = expert_features(clips, expert, "few", "unsup", tmp_path, CPU)
    given = tensors_of(TalkerDraw(clips, 2, features=store)(np.random.default_rng(0)), CPU)
    assert given["around"].shape[1] == AROUND
    seen = ExpertSync(expert, "unsup").seen_steps(torch.rand_like(given["faces"]), given)
    changed = (seen != given["seen"]).any(-1).sum(1)
    assert int(changed.max()) <= 9


def test_the_logarithm_goes_on_as_a_line() -> None:
    cosine = torch.tensor([1.0, 0.5, 0.05, 0.0, -1.0], requires_grad=True)
    loss = negative_log(cosine)
    loss.sum().backward()
    assert loss.detach()[:2].numpy() == pytest.approx([0, np.log(2)], abs=1e-6)
    assert cosine.grad is not None
    assert cosine.grad[2:].tolist() == pytest.approx([-20, -20, -20], rel=1e-4)


def test_a_reference_lies_a_second_away(clips: TalkerClips) -> None:
    for first in range(56):
        apart = reference_frames(60, first)
        assert all(abs(int(r) - t) >= APART for r in apart for t in range(first, first + NUM_FRAMES))
    for seed in range(4):
        TalkerDraw(clips, 2, other_share=0.0)(np.random.default_rng(seed))


def test_a_clip_without_such_a_reference_is_refused(tmp_path: Path) -> None:
    alone = made_up_clips(tmp_path, num=1, frames=30)
    with pytest.raises(DataError, match="too short for a reference"):
        TalkerDraw(alone, 1)(np.random.default_rng(0))


def test_each_network_has_its_own_gradients(clips: TalkerClips) -> None:
    torch.manual_seed(0)
    trainee = TalkerTrainee(TalkerGenerator(SIZES["tiny"]), Discriminator(96, width=2))
    trainee.discriminator.eval()  # no step of its power iteration
    batch = TalkerDraw(clips, 1)(np.random.default_rng(0))
    value, shown = TalkerLoss(None, None)(trainee, batch)
    value.backward()
    assert set(shown) == {"l1", "gan", "disc"}
    given = tensors_of(batch, CPU)
    faces = given["faces"][0]
    made = trainee.generator(given["identity"].expand_as(faces), masked_pose(faces), given["mel"][0]).detach()
    alone = discriminator_loss(trainee.discriminator(faces), trainee.discriminator(made))
    wanted = torch.autograd.grad(alone, list(trainee.discriminator.parameters()))
    for parameter, grad in zip(trainee.discriminator.parameters(), wanted):
        assert parameter.grad is not None
        assert torch.allclose(parameter.grad, grad, atol=1e-5)
    assert trainee.generator.fuse.conv_block[0].weight.grad.abs().sum() > 0


def test_the_warp_is_that_of_films() -> None:
    from viseme.faces.crop_recorder import ImagesInMemory

    rng = np.random.default_rng(0)
    small = rng.integers(0, 255, (1, 40, 40, 3), np.uint8)
    images = small.repeat(8, 1).repeat(8, 2)
    landmarks = rng.uniform(100, 220, (1, 478, 3))
    squares = np.array([[160.0, 160.0, 320.0]])
    wanted = mouth_input(mouth_rois(ImagesInMemory(images, squares), landmarks))
    matrix = torch.from_numpy(roi_transforms(landmarks).astype(np.float32))
    found = mouths_of(torch.from_numpy(images).float().div(255).movedim(-1, 1), matrix).numpy()
    assert np.abs(found - wanted)[:, 2:-2, 2:-2].mean() < 0.03


@pytest.mark.parametrize(("uses", "free"), [(("train",), True), (("train", "train-research"), False)])
def test_experts_of_research_clips_may_not_be_passed_on(
    clips: TalkerClips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uses: tuple[str, ...], free: bool
) -> None:
    told: list[bool] = []
    for kind in ("lip_expert", "speech_expert"):
        monkeypatch.setattr(f"viseme.talker.train.make_{kind}", lambda c, r, out, run: told.append(run.redistributable))
    options = TalkerOptions(sync="unsup", expert=None, lip_expert=None, perceptual="none", work=tmp_path)
    experts_of(clips, replace(RECIPES["quick"](), uses=uses), options)
    assert told == [free, free]
