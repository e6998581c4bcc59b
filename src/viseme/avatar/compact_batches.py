"""Batches and loss of the compact network: windows of audio in several voices, coefficients to be told. Knows arrays.

Both errors are relative to the variance that the person's motion has, so neither needs a weight of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from viseme.avatar.components import ClosedMouth, Components
from viseme.avatar.examples import Frames
from viseme.avatar.losses import BLENDSHAPE_WEIGHT
from viseme.avatar.recipes import CompactRecipe
from viseme.data.store import ClipStore
from viseme.sync.heard import STEPS

__all__ = ["CompactBatch", "CompactDraw", "CompactLoss", "Targets", "closed_coefficients", "targets_of"]


@dataclass(frozen=True, eq=False)
class Targets:
    """What the network is to tell of some frames."""

    coefficients: NDArray[np.float32]
    """(N, K) of shapes, then of textures."""
    weights: NDArray[np.float32]
    """(N, 52)."""
    silent: NDArray[np.bool_]
    """(N,)."""


class CompactBatch(NamedTuple):
    """Frames, then the frames after them."""

    heard: NDArray[np.float32]
    """(2 B, STEPS, D)."""
    coefficients: NDArray[np.float32]
    """(2 B, K)."""
    weights: NDArray[np.float32]
    """(2 B, 52)."""
    counts: NDArray[np.float32]
    """(2 B,) how much each frame counts."""


def targets_of(frames: Frames, shapes: Components, textures: Components) -> Targets:
    """Coefficients of frames; `textures` are of lip crops from 0 to 255."""
    coefficients = np.empty((len(frames), len(shapes.basis) + len(textures.basis)), np.float32)
    num = len(shapes.basis)
    for part, vertices in frames.blocks("vertices"):
        coefficients[part, :num] = shapes.coefficients(vertices.reshape(len(vertices), -1))
    for part, lips in frames.blocks("lips"):
        coefficients[part, num:] = textures.coefficients(lips.reshape(len(lips), -1))
    return Targets(coefficients, frames.read("weights").astype(np.float32), frames.silent())


@dataclass(frozen=True, eq=False)
class CompactDraw:
    """Draws batches; goes to the processes that do so as a pickle."""

    places: NDArray[np.int64]
    """(N, 2) clip and frame of what is learnt from."""
    windows: ClipStore
    """See `heard_windows`."""
    targets: Targets
    """Of the same frames."""
    closed: NDArray[np.float32]
    """(K,) coefficients of the closed mouth."""
    closed_weights: NDArray[np.float32]
    """(52,) its blendshapes."""
    recipe: CompactRecipe

    def __call__(self, rng: np.random.Generator) -> CompactBatch:
        """The same generator gives the same batch."""
        size = self.recipe.batch
        first = rng.choice(len(self.places) - 1, size)
        apart = (self.places[first + 1] != self.places[first] + (0, 1)).any(1)
        rows = np.concatenate([first, np.where(apart, first, first + 1)])
        voice = np.tile(rng.integers(len(self.recipe.voices), size=size), 2)
        heard = self._heard(rows, voice)
        coefficients, weights = self.targets.coefficients[rows], self.targets.weights[rows]
        counts = np.where(self.targets.silent[rows], self.recipe.silent_weight, 1.0).astype(np.float32)
        quiet = np.tile(rng.random(size) < self.recipe.silence, 2)
        heard[quiet] = 0
        heard[quiet, :, -1] = -1
        coefficients[quiet], weights[quiet], counts[quiet] = self.closed, self.closed_weights, self.recipe.silent_weight
        return CompactBatch(heard, coefficients, weights, counts)

    def _heard(self, rows: NDArray[np.int64], voice: NDArray[np.int64]) -> NDArray[np.float32]:
        out: NDArray[np.float32] | None = None
        places = self.places[rows]
        for clip in np.unique(places[:, 0]).tolist():
            arrays = self.windows[str(clip)]
            for number in range(len(self.recipe.voices)):
                mine = np.flatnonzero((places[:, 0] == clip) & (voice == number))
                values = arrays[str(number)]
                out = np.empty((len(rows), STEPS, values.shape[2]), np.float32) if out is None else out
                out[mine] = values[places[mine, 1]]
        assert out is not None
        return out


@dataclass(frozen=True, eq=False)
class CompactLoss:
    """Share of the variance of shapes and of textures that is not told, of values and of motion."""

    variances: NDArray[np.float32]
    """(K,) of each coefficient's part of the shape or texture."""
    num_shapes: int
    """Coefficients of shapes; the rest are of textures."""
    motion: float
    """Weight of the change from frame to frame."""

    @classmethod
    def of(cls, shapes: Components, textures: Components, motion: float) -> CompactLoss:
        """Variances relative to those of all components."""
        parts = [c.deviations**2 / max(float((c.deviations**2).sum()), 1e-12) for c in (shapes, textures)]
        return cls(np.concatenate(parts).astype(np.float32), len(shapes.basis), motion)

    def __call__(self, network: nn.Module, batch: CompactBatch) -> tuple[Tensor, dict[str, Any]]:
        """The loss of a batch, and its parts."""
        device = next(network.parameters()).device
        heard, wanted, weights, counts = (torch.from_numpy(a).to(device) for a in batch)
        found, told = network(heard)
        counts = counts / counts.sum()
        variances = torch.from_numpy(self.variances).to(device)
        off = found - wanted
        half = len(off) // 2
        place = (off.square() * counts[:, None]).sum(0) * variances
        move = ((off[half:] - off[:half]).square() * counts[:half, None] * 2).sum(0) * variances
        bs = ((told - weights).abs().mean(1) * counts).sum()
        num = self.num_shapes
        total = place.sum() + self.motion * move.sum() + BLENDSHAPE_WEIGHT * bs
        shown = {"shape": place[:num].sum().detach(), "texture": place[num:].sum().detach(), "weights": bs.detach()}
        return total, shown


def closed_coefficients(closed: ClosedMouth, shapes: Components, textures: Components) -> NDArray[np.float32]:
    """(K,) coefficients of the closed mouth."""
    return np.concatenate(
        [shapes.coefficients(closed.vertices.reshape(1, -1)), textures.coefficients(closed.lips.reshape(1, -1) * 255)],
        1,
    )[0]
