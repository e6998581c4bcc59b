"""Networks and training batches of every visual input: points go through `augment.draw_batch`, frames through here.

Knows clips, tensors and which network an input needs; refuses to know files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from viseme.sync.augment import AugmentConfig, Batch, _channel, _crop, draw_batch
from viseme.sync.corpus import Clip
from viseme.sync.embeddings import normalise_mels
from viseme.sync.models.pixel_stream import PixelStream
from viseme.sync.models.two_stream import TwoStream

__all__ = ["FrameChange", "batch_of", "draw_frames", "model_name", "network_of"]

Draw = Callable[[Sequence[Clip], Sequence[int], int, AugmentConfig, np.random.Generator], Batch]


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameChange:
    """How far the frames of a training crop are changed, all of a crop alike."""

    shift_px: int = 3
    """Largest shift either way."""
    gain: float = 0.25
    """Standard deviation of the logarithm of brightness; a third of it of each colour's."""
    noise: float = 0.02
    """Largest standard deviation of sensor noise, of 1."""


CHANGE = FrameChange()


def model_name(mode: str) -> str:
    """The registered sync model that looks at an input."""
    return "pixel-stream" if mode in ("raw", "rgb", "rgbd") else "two-stream"


def network_of(mode: str, clip: Clip, config: TwoStream.Config) -> nn.Module:
    """A fresh network for an input, its streams as configured.

    Args:
        mode: The input.
        clip: One of that input's clips, for sizes.
        config: Of the streams; the number of points is the input's own.
    """
    if model_name(mode) == "two-stream":
        return TwoStream(replace(config, num_points=clip.points.shape[1]))
    channels, size = clip.points.shape[1:3]
    return PixelStream(PixelStream.Config(channels=channels, size=size, stream=replace(config, num_points=32)))


def batch_of(mode: str) -> Draw:
    """What draws training batches of an input."""
    if model_name(mode) == "pixel-stream":
        return draw_frames

    def draw(
        clips: Sequence[Clip], chosen: Sequence[int], num: int, config: AugmentConfig, rng: np.random.Generator
    ) -> Batch:
        return draw_batch(clips, chosen, num, config, rng, mirror=mode == "landmarks")

    return draw


def draw_frames(
    clips: Sequence[Clip], chosen: Sequence[int], num: int, config: AugmentConfig, rng: np.random.Generator
) -> Batch:
    """Crops of clips of frames (T, C, H, W) uint8, see `augment.draw_batch`; of each instant the nearest frame.

    Time, audio and room are changed as for points; frames are shifted, mirrored, lit otherwise and made noisy.
    """
    lead, tail = int(rng.integers(-6, 16)), int(rng.integers(-6, 16))
    shown, heard = [], []
    for i in chosen:
        numbers = np.arange(len(clips[i].points), dtype=np.float32)[:, None, None]
        at, audio = _crop(replace(clips[i], points=numbers), num, lead, tail, config, rng)
        frames: Any = clips[i].points[np.rint(at[:, 0, 0]).astype(int).clip(0, len(numbers) - 1)]
        shown.append(_other_camera(frames, CHANGE, rng))
        heard.append(audio)
    mels = _channel(torch.from_numpy(np.stack(heard).astype(np.float32)), config, rng)
    return Batch(torch.from_numpy(np.stack(shown)), torch.from_numpy(normalise_mels(mels.numpy())), lead)


def _other_camera(frames: NDArray[np.uint8], change: FrameChange, rng: np.random.Generator) -> NDArray[np.float32]:
    """(T, C, H, W) in [0, 1]."""
    reach = change.shift_px
    x, y = rng.integers(-reach, reach + 1, 2)
    out = np.roll(frames, (y, x), (2, 3)) if reach else frames
    if y:  # what came in from the other side is the edge repeated
        out[:, :, slice(0, y) if y > 0 else slice(y, None)] = out[:, :, [y if y > 0 else y - 1]]
    if x:
        out[..., slice(0, x) if x > 0 else slice(x, None)] = out[..., [x if x > 0 else x - 1]]
    if rng.random() < 0.5:
        out = out[..., ::-1]
    gains = np.exp(rng.normal(0, change.gain) + rng.normal(0, change.gain / 3, out.shape[1])).astype(np.float32)
    lit = out.astype(np.float32) * (gains / 255)[:, None, None]
    grain = np.float32(rng.uniform(0, change.noise)) * rng.standard_normal((8, *lit.shape[1:]), np.float32)
    return (lit + grain[rng.integers(8, size=len(lit))]).clip(0, 1)
