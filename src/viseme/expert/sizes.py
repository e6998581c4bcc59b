"""Sizes of the speech experts: `base` and `large` as published, `tiny` ours. Knows numbers alone."""

from __future__ import annotations

from dataclasses import dataclass

from viseme.core.errors import ConfigError

__all__ = ["SIZES", "ExpertConfig"]


@dataclass(frozen=True, kw_only=True)
class ExpertConfig:
    """Everything that decides the shape of an expert."""

    layers: int = 12
    """Transformer layers of the encoder."""
    width: int = 768
    """D, size of an embedding."""
    hidden: int = 3072
    """Units of the feed-forward part of a layer."""
    heads: int = 12
    """Attention heads of the encoder."""
    video_width: int = 64
    """Channels of the first convolution of the pixel front end."""
    classes: int = 2004
    """Cluster classes of pre-training, four special ones among them."""
    projection: int = 256
    """Size of the space in which classes are told apart."""
    input: str = "pixel"
    """What the video stream sees: "pixel", "landmarks" or "mesh"."""
    num_points: int = 0
    """Points of a frame, where the input is points."""
    decoder_layers: int = 6
    """Layers of the lip-reading decoder."""
    decoder_heads: int = 4
    """Attention heads of the decoder."""
    units: int = 1000
    """Entries of the vocabulary of the decoder, four special ones among them."""
    phones: int = 0
    """Classes of the head that names phones, pause first; 0 = there is none, as in published files."""
    dropout: float = 0.1
    """Probability of dropping a unit, in training."""
    layer_drop: float = 0.05
    """Probability of leaving out a layer, in training."""

    def __post_init__(self) -> None:
        if self.width % self.heads or self.width % self.decoder_heads or self.width % 16:
            raise ConfigError(f"an expert's width must be a multiple of its heads and of 16: {self}")
        if (self.input == "pixel") != (self.num_points == 0):
            raise ConfigError(f"an expert sees either pixels or points: {self}")


SIZES = {
    "tiny": ExpertConfig(
        layers=6,
        width=256,
        hidden=1024,
        heads=4,
        video_width=32,
        classes=504,
        projection=128,
        decoder_layers=3,
        units=504,
    ),
    "base": ExpertConfig(),
    "large": ExpertConfig(layers=24, width=1024, hidden=4096, heads=16, decoder_layers=9, decoder_heads=8),
}
"""Name -> size, for pixels; `dataclasses.replace` makes one for points."""
