"""A backbone that has learnt to find landmarks on synthetic people: a start where there are no ImageNet weights.

It has seen no coefficient, so it favours no way of sharing them: E-Net and the per-image baseline can begin alike.
Knows frames and landmarks; refuses to know face models.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from viseme.engine.loop import LoopConfig, fit
from viseme.engine.progress import Bar
from viseme.faces.crops import CROP_SIZE
from viseme.standardization.corpus import Collection
from viseme.standardization.networks.expression import ExpressionNetwork
from viseme.standardization.networks.resnet import ResNet
from viseme.standardization.training.augment import FrameAugment, augment_frame
from viseme.standardization.training.trainee import has_bfloat16

__all__ = ["pretrain_on_landmarks"]

NUM_POINTS = 468


class _Finder(nn.Module):
    """The backbone of an expression network with a head for landmarks."""

    def __init__(self, config: ExpressionNetwork.Config) -> None:
        super().__init__()
        self.network = ExpressionNetwork(config)
        self.network.backbone = ResNet(2 * NUM_POINTS, config.backbone)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, 224, 224) RGB in [0, 1] -> (B, 468, 2) pixels of the crop."""
        with torch.autocast(images.device.type, torch.bfloat16, enabled=has_bfloat16(images.device.type)):
            found = self.network.backbone(self.network.normalise(images))
        return (found.float().unflatten(1, (NUM_POINTS, 2)) + 1) * (CROP_SIZE / 2)


def pretrain_on_landmarks(
    people: Sequence[Collection],
    config: ExpressionNetwork.Config,
    emphasis: Tensor,
    *,
    work: Path,
    steps: int = 2000,
    batch: int = 16,
    seed: int = 0,
) -> Path:
    """Train the backbone of `config` to find landmarks, once; the file is for `train_on(start=...)`.

    Args:
        people: Frames with landmarks, of people that no measurement uses.
        config: The network that will begin with it.
        emphasis: (468,) weights of the landmarks.
        work: Where the file is kept; it is not made again. Its name tells data and settings apart.
        steps: Updates.
        batch: Frames of an update.
        seed: Of everything random.
    """
    loop = LoopConfig(steps=steps, learning_rate=2e-3, warmup=0.05, weight_decay=0.02, save_every=200, seed=seed)
    names = [(c.name, len(c)) for c in people]
    augment = FrameAugment()
    settings = [asdict(config.backbone), config.size, asdict(loop), batch, emphasis.tolist(), asdict(augment)]
    text = json.dumps([names, settings])
    key = hashlib.sha256(text.encode()).hexdigest()[:12]
    path = work / f"start-{key}.safetensors"
    if path.exists():
        return path
    work.mkdir(parents=True, exist_ok=True)

    def loss(finder: nn.Module, rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        assert isinstance(finder, _Finder)
        images, points = [], []
        for k in rng.integers(len(people), size=batch):
            i = int(rng.integers(len(people[k])))
            image, moved = augment_frame(people[k].image(i), people[k].landmarks[i], augment, rng)
            images.append(image)
            points.append(moved)
        device = finder.network.mean.device
        seen = torch.from_numpy(np.stack(images)).to(device).permute(0, 3, 1, 2).float() / 255
        apart = torch.linalg.vector_norm(finder(seen) - torch.from_numpy(np.stack(points)).to(device), dim=-1)
        return 0.05 * (apart * emphasis.to(device)).mean(), {"px": float(apart.detach().mean())}

    torch.manual_seed(seed)
    bar = Bar("landmarks first")
    finder = _Finder(config)
    fit(
        finder,
        loss,
        loop,
        checkpoint=work / f"start-{key}.pt",
        on_step=lambda step, numbers: bar(step, steps, numbers),
    )
    tensors = {k: v.contiguous().clone() for k, v in finder.network.backbone.state_dict().items() if "fc." not in k}
    temporary = path.with_suffix(".partial")
    save_file(tensors, str(temporary))
    temporary.replace(path)
    return path
