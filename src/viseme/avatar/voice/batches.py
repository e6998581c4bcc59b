"""Batches of crops of voices, in other voices and rooms, and the loss on them. Knows voices and the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from viseme.avatar.voice.corpus import VoiceClip
from viseme.avatar.voice.features import (
    CURVES,
    FRAMES_A_STEP,
    GAP,
    JAW,
    PRESS,
    SCALE,
    SPEAKING,
    loudest,
    voice_features,
)
from viseme.sync.augment.audio import other_channel
from viseme.sync.augment.config import AugmentConfig
from viseme.sync.augment.crops import audio_crop
from viseme.synthetic.visemes import CHANNELS, REST

__all__ = ["LossWeights", "VoiceBatch", "VoiceDraw", "VoiceLoss"]


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """What an error costs."""

    channels: tuple[float, ...] = (1.0, 1.5, 1.0, 0.8, 0.8, 0.15, 0.15, 0.15, 0.15)
    """Of `CHANNELS`: lips and jaw, then the tongue, which is hardly seen but tells one sound from another."""
    motion: float = 2.0
    """Of the change from step to step beside the value."""
    press: float = 0.8
    """Of closures by p, b and m."""
    speaking: float = 0.2
    """Of whether somebody speaks."""


class VoiceBatch(NamedTuple):
    """Crops of voices."""

    mels: NDArray[np.float32]
    """(B, 2 T, 40) see `voice_features`."""
    curves: NDArray[np.float32]
    """(B, T, 11) `CURVES` in the units of `SCALE`."""


@dataclass(frozen=True, kw_only=True)
class VoiceDraw:
    """Draws batches."""

    clips: Sequence[VoiceClip]
    config: AugmentConfig
    """What voices go through."""
    size: int = 24
    """Crops of a batch."""
    num_steps: int = 150
    """Steps of a crop, 20 ms each."""
    silent: float = 0.05
    """Probability that nobody speaks in a crop, where only noise is heard."""

    def __call__(self, rng: np.random.Generator) -> VoiceBatch:
        """The same generator gives the same batch."""
        seconds = np.array([len(clip.audio) for clip in self.clips], float)
        chosen = rng.choice(len(self.clips), size=self.size, p=seconds / seconds.sum())
        power, curves = zip(*(self._crop(self.clips[i], rng) for i in chosen.tolist()))
        heard = other_channel(np.stack(power).astype(np.float32), self.config, rng)
        level = loudest(heard) * np.exp(rng.normal(0, 0.5, self.size))  # a level that is not yet well known
        return VoiceBatch(voice_features(heard, level), np.stack(curves))

    def _crop(self, clip: VoiceClip, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        num = FRAMES_A_STEP * self.num_steps
        stretch = min(float(np.exp(rng.uniform(*np.log(self.config.stretch)))), (len(clip.audio) - 1) / num)
        positions = np.arange(num) * stretch
        positions += rng.random() * (len(clip.audio) - 1 - positions[-1])
        if rng.random() < self.silent:
            return _noise(num, rng), _resting(self.num_steps)
        middles = positions.reshape(-1, FRAMES_A_STEP).mean(1)
        left = np.floor(middles).astype(int)
        part = (middles - left).astype(np.float32)[:, None]
        after = np.minimum(left + 1, len(clip.curves) - 1)
        curves = clip.curves[left].astype(np.float32) * (1 - part) + clip.curves[after].astype(np.float32) * part
        return audio_crop(clip.audio, positions, clip.level, self.config, rng), curves / SCALE


def _noise(num: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """(num, 40) power of steady noise of any colour, or next to nothing."""
    colour = np.interp(np.linspace(0, 1, 40), np.linspace(0, 1, 5), rng.normal(0, 1.5, 5))
    level = np.exp(colour - 12 * rng.random())
    return (level * rng.gamma(3.0, 1 / 3, (num, 40))).astype(np.float32)


def _resting(num: int) -> NDArray[np.float32]:
    rest = np.zeros(len(CURVES), np.float32)
    rest[: len(CHANNELS)] = REST
    return np.tile(rest / SCALE, (num, 1))


@dataclass(frozen=True)
class VoiceLoss:
    """Absolute error of the articulation and of its motion, cross-entropy of closures and of speech."""

    weights: LossWeights = field(default_factory=LossWeights)

    def __call__(self, network: nn.Module, batch: VoiceBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss, and errors in millimetres."""
        device = next(network.parameters()).device
        mels, wanted = (torch.from_numpy(a).to(device) for a in batch)
        found, w = network(mels), self.weights
        weights = torch.tensor(w.channels, device=device)
        off = found[..., : len(CHANNELS)] - wanted[..., : len(CHANNELS)]
        place = (nn.functional.smooth_l1_loss(off, torch.zeros_like(off), beta=0.2, reduction="none") * weights).mean()
        motion = ((off[:, 1:] - off[:, :-1]).abs() * weights).mean()
        press, speaking = (
            nn.functional.binary_cross_entropy_with_logits(found[..., i], wanted[..., i].clamp(0, 1))
            for i in (PRESS, SPEAKING)
        )
        total = place + w.motion * motion + w.press * press + w.speaking * speaking
        shown = {"gap_mm": off[..., GAP].detach().abs().mean() * float(SCALE[GAP]), "press": press.detach()}
        return total, {**shown, "jaw_mm": off[..., JAW].detach().abs().mean() * float(SCALE[JAW])}
