"""Batches and losses of the atlas talker: windows of audio to motion, and observed lips to lips. Needs torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from viseme.data.store import ClipStore
from viseme.engine.image_losses import ssim_loss
from viseme.talker.atlas_clips import MOVED_STEP

__all__ = ["MoverBatch", "MoverDraw", "MoverLoss", "PainterDraw", "PainterLoss", "chances"]


def chances(
    speakers: Sequence[str], power: float, *, synthetic: NDArray[np.bool_], share: float
) -> NDArray[np.float64]:
    """(N,) probability with which each clip is drawn.

    Args:
        speakers: Of N clips.
        power: A speaker is drawn as the number of their clips to this power.
        synthetic: (N,) which clips are of synthetic talkers.
        share: Probability that a synthetic one is drawn, where there are both synthetic and real clips.
    """
    counts = Counter(speakers)
    found = np.array([counts[s] ** (power - 1) for s in speakers])
    if synthetic.any() and not synthetic.all():
        found[synthetic] *= share / (1 - share) * found[~synthetic].sum() / found[synthetic].sum()
    return found / found.sum()


class MoverBatch(NamedTuple):
    """Frames, then the frames after them."""

    heard: NDArray[np.float32]
    """(2 B, STEPS, D)."""
    wanted: NDArray[np.float32]
    """(2 B, K) coefficients."""


@dataclass(frozen=True, eq=False)
class MoverDraw:
    """Draws frames of clips, with the frames after them."""

    heard: ClipStore
    """Key of a clip -> voices by number, (T, STEPS, D)."""
    keys: tuple[str, ...]
    wanted: tuple[NDArray[np.float32], ...]
    """(T, K) of each clip."""
    chances: NDArray[np.float64]
    """(N,) of each clip."""
    rest: NDArray[np.float32]
    """(K,) coefficients of a face at rest."""
    batch: int
    silence: float
    """Share of a batch that is digital silence."""

    def __call__(self, rng: np.random.Generator) -> MoverBatch:
        """The same generator gives the same batch."""
        heard, wanted = [], []
        for clip in rng.choice(len(self.keys), self.batch // 4, p=self.chances).tolist():
            voices = self.heard[self.keys[clip]]
            values = voices[str(rng.integers(len(voices)))]
            rows = rng.integers(len(values) - 1, size=4)
            rows = np.stack([rows, rows + 1], 1)
            heard.append(values[rows].astype(np.float32))
            wanted.append(self.wanted[clip][rows])
        all_heard = np.concatenate(heard).swapaxes(0, 1).copy()
        all_wanted = np.concatenate(wanted).swapaxes(0, 1).copy()
        quiet = rng.random(self.batch) < self.silence
        all_heard[:, quiet] = 0
        all_heard[:, quiet, :, -1] = -1
        all_wanted[:, quiet] = self.rest
        return MoverBatch(all_heard.reshape(-1, *all_heard.shape[2:]), all_wanted.reshape(-1, all_wanted.shape[2]))


@dataclass(frozen=True, eq=False)
class MoverLoss:
    """Share of the variance of motion that is not told, of places and of their change."""

    powers: NDArray[np.float32]
    """(K,) share of each coefficient."""
    motion: float
    """Weight of the change from frame to frame."""

    def __call__(self, network: nn.Module, batch: MoverBatch) -> tuple[Tensor, dict[str, Any]]:
        """The loss of a batch, and its parts."""
        heard, wanted = (torch.from_numpy(a) for a in batch)
        off = network(heard) - wanted
        half, powers = len(off) // 2, torch.from_numpy(self.powers)
        place = (off.square().mean(0) * powers).sum()
        move = ((off[half:] - off[:half]).square().mean(0) * powers).sum()
        return place + self.motion * move, {"place": place.detach(), "move": move.detach()}


@dataclass(frozen=True, eq=False)
class PainterDraw:
    """Draws frames of people, each as often as any other; mirrored and in other light."""

    stores: tuple[ClipStore, ...]
    """Versions of the same clips."""
    keys: tuple[str, ...]
    chances: NDArray[np.float64]
    """(N,) of each clip."""
    batch: int

    def __call__(self, rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
        """The same generator gives the same batch: `own`, `seen`, `wanted` (B, 3, H, W), `inside` (B, 1, H, W), `moved`
        (B, 2, H, W), `far` (B, 1)."""
        found: dict[str, list[NDArray[Any]]] = {}
        for clip in rng.choice(len(self.keys), self.batch, p=self.chances).tolist():
            arrays = self.stores[rng.integers(len(self.stores))][self.keys[clip]]
            row = int(rng.integers(len(arrays["far"])))
            one = {name: np.asarray(arrays[name][row], np.float32) for name in arrays}
            light = (rng.uniform(0.7, 1.3) * rng.uniform(0.92, 1.08, 3) / 255).astype(np.float32)
            for name in ("own", "seen", "wanted"):
                one[name] = np.clip(one[name] * light, 0, 1)
            one["moved"] = one["moved"] * MOVED_STEP
            if rng.random() < 0.5:
                one = {name: values[:, ::-1] if values.ndim > 1 else values for name, values in one.items()}
                one["moved"] = one["moved"] * np.array([-1, 1], np.float32)
            for name, values in one.items():
                found.setdefault(name, []).append(values)
        stacked = {name: np.stack(values).astype(np.float32) for name, values in found.items()}
        stacked["inside"] = stacked["inside"][..., None]
        out = {k: np.ascontiguousarray(v.transpose(0, 3, 1, 2)) if v.ndim == 4 else v for k, v in stacked.items()}
        out["far"] = out["far"][:, None]
        return out


@dataclass(frozen=True)
class PainterLoss:
    """Absolute error, most of it in the mouth; structure; and edges, without which teeth are soft."""

    mouth: float = 4.0
    """How much more the inside of the mouth and what surrounds it counts."""
    structure: float = 0.5
    """Weight of one minus the structural similarity."""
    edges: float = 1.0
    """Weight of the difference of neighbouring pixels."""

    def __call__(self, network: nn.Module, batch: dict[str, NDArray[np.float32]]) -> tuple[Tensor, dict[str, Any]]:
        """The loss of a batch, and its parts."""
        given = {name: torch.from_numpy(values) for name, values in batch.items()}
        wanted = given.pop("wanted")
        made = network(**given)
        weights = 1 + self.mouth * max_pool2d(given["inside"], 9, 1, 4)
        weights = weights / weights.mean()
        off = (made - wanted) * weights
        level = off.abs().mean()
        edges = off.diff(dim=2).abs().mean() + off.diff(dim=3).abs().mean()
        structure = ssim_loss(made, wanted, torch.ones_like(wanted[:, :1])).mean()
        total = level + self.structure * structure + self.edges * edges
        still = (given["seen"] - wanted).abs().mul(weights).mean()
        return total, {"level": level.detach(), "seen": still, "ssim": 1 - structure.detach(), "edges": edges.detach()}
