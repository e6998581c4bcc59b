"""Batches and loss of LipSync3D: spectrograms and the frame before, by teacher forcing. Knows arrays and tensors.

Source: Lahiri et al. 2021, section 3.2.1 and appendix G.2: the true frame before is shown in training, and nothing in
one frame of five, so that the first frame can be made too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from viseme.avatar.components import ClosedMouth
from viseme.avatar.examples import Frames
from viseme.avatar.losses import BLENDSHAPE_WEIGHT, GEOMETRY_WEIGHT, geometry_loss, weighted_mean
from viseme.avatar.networks import LIPS
from viseme.avatar.recipes import PaperRecipe
from viseme.engine.image_losses import ssim_loss

__all__ = ["PaperBatch", "PaperDraw", "PaperLoss"]


class PaperBatch(NamedTuple):
    """Frames as the network learns from them."""

    stft: NDArray[np.float32]
    """(B, 2, 256, 24)."""
    before: NDArray[np.uint8]
    """(B, 128, 128, 3) lip crop before, or zeros."""
    lips: NDArray[np.uint8]
    """(B, 128, 128, 3)."""
    valid: NDArray[np.bool_]
    """(B, 128, 128)."""
    vertices: NDArray[np.float32]
    """(B, 468, 3)."""
    weights: NDArray[np.float32]
    """(B, 52)."""
    counts: NDArray[np.float32]
    """(B,) how much each frame counts."""


@dataclass(frozen=True, eq=False)
class PaperDraw:
    """Draws batches; goes to the processes that do so as a pickle."""

    frames: Frames
    silent: NDArray[np.bool_]
    """(N,) of the frames."""
    closed: ClosedMouth
    recipe: PaperRecipe

    def __call__(self, rng: np.random.Generator) -> PaperBatch:
        """The same generator gives the same batch."""
        frames, recipe = self.frames, self.recipe
        rows = rng.choice(len(frames), recipe.batch)
        silent = self.silent[rows]
        stft = self._louder(frames.read("stft", rows).astype(np.float32), rng)
        lips, valid = frames.read("lips", rows), frames.read("valid", rows).astype(bool)
        vertices = frames.read("vertices", rows).astype(np.float32)
        weights = frames.read("weights", rows).astype(np.float32)
        before = self._before(rows)
        quiet = rng.random(len(rows)) < recipe.silence
        lips[quiet] = before[quiet] = np.rint(self.closed.lips * 255).astype(np.uint8)
        stft[quiet], valid[quiet] = 0, True
        vertices[quiet], weights[quiet] = self.closed.vertices, self.closed.weights
        before[rng.random(len(rows)) < recipe.forget] = 0
        counts = np.where(silent | quiet, recipe.silent_weight, 1.0).astype(np.float32)
        return PaperBatch(stft, before, lips, valid, vertices, weights, counts)

    def _before(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """(B, 128, 128, 3) crops of the frames before; zeros for the first of a clip."""
        earlier = np.maximum(rows - 1, 0)
        follows = (self.frames.places[rows] == self.frames.places[earlier] + (0, 1)).all(1)
        out = np.zeros((len(rows), LIPS, LIPS, 3), np.uint8)
        if follows.any():
            out[follows] = self.frames.read("lips", earlier[follows])
        return out

    def _louder(self, stft: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Another gain, and noise at some distance below the batch's level."""
        level = float(np.sqrt(np.mean(np.square(stft))))
        num = (len(stft), 1, 1, 1)
        noise = level * 10 ** (-rng.uniform(*self.recipe.noise_db, num) / 20)
        gain = 10 ** (rng.uniform(-self.recipe.gain_db, self.recipe.gain_db, num) / 20)
        drawn = rng.standard_normal(stft.shape, np.float32)
        return ((stft + noise.astype(np.float32) * drawn) * gain.astype(np.float32)).astype(np.float32)


@dataclass(frozen=True)
class PaperLoss:
    """R = R_tex + 3.0 R_geo + 0.3 R_bs."""

    unit: float
    """Length of which distances of vertices are shares: the radius of the person's cylinder."""

    def __call__(self, network: nn.Module, batch: PaperBatch) -> tuple[Tensor, dict[str, Any]]:
        """The loss of a batch, and its parts."""
        device = next(network.parameters()).device
        stft, before, lips, valid, vertices, weights, counts = (torch.from_numpy(a).to(device) for a in batch)
        told, made, shown = network(stft, before.permute(0, 3, 1, 2) / 255)
        tex = weighted_mean(ssim_loss(made, lips.permute(0, 3, 1, 2) / 255, valid[:, None].float()), counts)
        geo = weighted_mean(geometry_loss(told, vertices, self.unit), counts)
        bs = weighted_mean((shown - weights).abs().mean(1), counts)
        total = tex + GEOMETRY_WEIGHT * geo + BLENDSHAPE_WEIGHT * bs
        return total, {"texture": tex.detach(), "geometry": geo.detach(), "weights": bs.detach()}
