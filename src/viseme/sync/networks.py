"""Which network an input needs. Knows the registered models."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from viseme.sync.batches import PIXEL_INPUTS
from viseme.sync.clips import Clip
from viseme.sync.models.pixel_stream import PixelStream
from viseme.sync.models.two_stream import TwoStream

__all__ = ["model_name", "network_of"]


def model_name(input: str) -> str:
    """The registered sync model that looks at an input."""
    return "pixel-stream" if input in PIXEL_INPUTS else "two-stream"


def network_of(input: str, clip: Clip, config: TwoStream.Config) -> nn.Module:
    """A fresh network for an input, its streams as configured.

    Args:
        input: Name of the input.
        clip: One of that input's clips, for sizes.
        config: Of the streams; the number of points is the input's own.
    """
    if model_name(input) == "two-stream":
        return TwoStream(replace(config, num_points=clip.video.shape[1]))
    channels, size = clip.video.shape[1:3]
    return PixelStream(PixelStream.Config(channels=channels, size=size, stream=replace(config, num_points=32)))
