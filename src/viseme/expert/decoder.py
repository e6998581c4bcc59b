"""The lip-reading decoder: a transformer over units that attends to an encoded clip. Names are the published ones.

Knows tensors; refuses to know what a unit is written as.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from viseme.expert.networks import Attention
from viseme.expert.sizes import ExpertConfig
from viseme.expert.unit_beam import PAD, UNK
from viseme.weights.graphs import GraphPart

__all__ = ["Decoder", "positions"]


def positions(order: Float[Tensor, "T"], width: int) -> Float[Tensor, "T D"]:
    """Sinusoids of positions 2, 3, ... for 0, 1, ...: sines, then cosines.

    Source:
        fairseq's convention with padding index 1: frequency `exp(-ln 10000 i / (D/2 - 1))`.
    """
    half = width // 2
    rates = torch.exp(torch.arange(half) * (-math.log(10000) / (half - 1)))
    angles = (order + PAD + 1)[:, None] * rates.to(order)
    return torch.cat([angles.sin(), angles.cos()], 1)


class _DecoderLayer(nn.Module):
    """Pre-norm self-attention, attention to the clip, and a ReLU feed-forward part."""

    def __init__(self, config: ExpertConfig) -> None:
        super().__init__()
        self.self_attn = Attention(config.width, config.decoder_heads, config.dropout)
        self.self_attn_layer_norm = nn.LayerNorm(config.width)
        self.encoder_attn = Attention(config.width, config.decoder_heads, config.dropout)
        self.encoder_attn_layer_norm = nn.LayerNorm(config.width)
        self.fc1 = nn.Linear(config.width, config.hidden)
        self.fc2 = nn.Linear(config.hidden, config.width)
        self.final_layer_norm = nn.LayerNorm(config.width)
        self.drop = nn.Dropout(config.dropout)

    def forward(
        self,
        x: Float[Tensor, "B N D"],
        clip: Float[Tensor, "C T D"],
        before: Bool[Tensor, "N N"],
        inside: Bool[Tensor, "..."] | None,
    ) -> Float[Tensor, "B N D"]:
        normal = self.self_attn_layer_norm(x)
        x = x + self.drop(self.self_attn(normal, normal, before))
        x = x + self.drop(self.encoder_attn(self.encoder_attn_layer_norm(x), clip, inside))
        return x + self.drop(self.fc2(self.fc1(self.final_layer_norm(x)).relu()))


class Decoder(nn.Module):
    """Units from an encoded clip; the output is tied to the embeddings, which are not scaled."""

    def __init__(self, config: ExpertConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.units, config.width, PAD)
        self.layers = nn.ModuleList(_DecoderLayer(config) for _ in range(config.decoder_layers))
        self.layer_norm = nn.LayerNorm(config.width)

    def forward(
        self, units: Int[Tensor, "B N"], clip: Float[Tensor, "C T D"], pad: Bool[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B N O"]:
        """Logits of the unit after each.

        Args:
            units: The first is `EOS`.
            clip: Encoded; one for each row of units, or one for all.
            pad: True beyond the end of a clip.
        """
        order = torch.ones_like(units[0], dtype=clip.dtype).cumsum(0) - 1  # a graph keeps this free of any length
        x = self.embed_tokens(units) + positions(order, clip.shape[-1])
        before = order[:, None] >= order[None]
        inside = None if pad is None else ~pad[:, None, None]
        for layer in self.layers:
            x = layer(x, clip, before, inside)
        return self.layer_norm(x) @ self.embed_tokens.weight.T

    def next_units(self, units: Float[Tensor, "B N"], clip: Float[Tensor, "1 T D"]) -> Float[Tensor, "B O"]:
        """Logarithms of the probabilities of the next unit, of several beginnings for one clip.

        Args:
            units: Whole numbers, the first is `EOS`.
            clip: Encoded.
        """
        return self(units.long(), clip)[:, -1].log_softmax(-1)

    def graph_parts(self) -> dict[str, GraphPart]:
        """What ships."""
        given = {"units": ("B", "P"), "clip": (1, "T", self.config.width)}
        return {"next_units": GraphPart("next_units", given, ("scores",), low=0.0, high=UNK)}
