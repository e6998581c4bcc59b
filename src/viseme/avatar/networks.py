"""The networks of a personal avatar: LipSync3D as published, and a compact one of ours. Knows tensors alone.

Both answer with vertices in the reference space, the lip crop of the light-normalised atlas, and blendshape weights.
Shapes: specification table "Network"; Lahiri et al., "LipSync3D", 2021, section 3.2 and appendix G.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate, relu

from viseme.core.errors import ConfigError
from viseme.sync.heard import STEPS
from viseme.weights.graphs import GraphPart

__all__ = ["LIPS", "NUM_VERTICES", "NUM_WEIGHTS", "CompactAvatar", "LipSync3D", "audio_encoder"]

NUM_VERTICES, NUM_WEIGHTS, LIPS = 468, 52, 128
"""Vertices of the mesh, blendshapes, and the side of the lip crop in pixels."""
_START = 4
"""Side in pixels from which the texture grows."""


def audio_encoder(num_codes: int, widths: tuple[int, ...]) -> nn.Sequential:
    """(B, 2, 256, 24) complex spectrogram -> (B, `num_codes`): 6 convolutions over frequency, 6 over time."""
    layers: list[nn.Module] = []
    for number, (before, after) in enumerate(pairwise((2, *widths))):
        over_frequency = number < len(widths) // 2
        kernel, stride, pad = ((3, 1), (2, 1), (1, 0)) if over_frequency else ((1, 3), (1, 2), (0, 1))
        layers += [nn.Conv2d(before, after, kernel, stride, pad), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(4 * widths[-1], num_codes))


class _TextureDecoder(nn.Module):
    """Code -> update of the lip crop in [-1, 1]."""

    def __init__(self, num_inputs: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.spread = nn.Linear(num_inputs, widths[0] * _START**2)
        sizes = (*widths, 3)
        last = len(widths) - 1
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 5 if number == last else 3, padding="same") for number, (a, b) in enumerate(pairwise(sizes))
        )

    def forward(self, code: Float[Tensor, "B D"]) -> Float[Tensor, "B 3 128 128"]:
        x = relu(self.spread(code)).unflatten(1, (-1, _START, _START))
        for conv in self.convs:
            x = conv(interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False))
            x = torch.tanh(x) if conv is self.convs[-1] else relu(x)
        return x


class _AtlasEncoder(nn.Module):
    """Lip crop of the frame before -> a small code."""

    def __init__(self, widths: tuple[int, ...], num_codes: int) -> None:
        super().__init__()
        sizes = (3, *widths)
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 5, 2, 2) for a, b in pairwise(sizes))
        self.last = nn.Linear(widths[-1] * (LIPS >> len(widths)) ** 2, num_codes)

    def forward(self, lips: Float[Tensor, "B 3 128 128"]) -> Float[Tensor, "B D"]:
        x = lips
        for conv in self.convs:
            x = relu(conv(x))
        return torch.tanh(self.last(x.flatten(1)))


class _PersonNetwork(nn.Module):
    """What both networks know of the person, unchanged by training."""

    reference: Tensor
    reference_lips: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("reference", torch.zeros(NUM_VERTICES, 3))
        self.register_buffer("reference_lips", torch.zeros(3, LIPS, LIPS))

    def set_reference(self, reference: Tensor, lips: Tensor) -> None:
        """Take in the reference vertices (468, 3) and lip crop (128, 128, 3)."""
        self.reference.copy_(reference)
        self.reference_lips.copy_(lips.permute(2, 0, 1))


class LipSync3D(_PersonNetwork):
    """The paper's network: one audio encoder, decoders of geometry, texture and blendshapes, and memory of one frame.

    Source: Lahiri et al. 2021, section 3.2, tables 4 and 5.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Sizes."""

        num_codes: int = 32
        """N_s, length of the audio code."""
        num_memory: int = 2
        """N_a, length of the code of the lip crop before; 0 = none is looked at."""
        memory_widths: tuple[int, ...] = (32, 64, 128, 256, 512)
        """Channels of the encoder of that crop; the paper's are four times as many."""
        audio_widths: tuple[int, ...] = (72, 108, 162, 243, 256, 256, 256, 256, 256, 256, 256, 256)
        """Channels of the audio encoder, over frequency, then over time."""
        texture_widths: tuple[int, ...] = (1024, 512, 256, 128, 64)
        """Channels of the texture decoder, from 4 x 4 pixels to half the crop."""
        num_modes: int = 150
        """Units of the geometry decoder, whose last layer begins as principal components."""
        dropout: float = 0.2
        """Probability of dropping one of these units, in training."""
        compression: float = 1.0
        """Exponent on the magnitude of the spectrogram; 1 = as it is."""

        def __post_init__(self) -> None:
            widths = (*self.memory_widths, *self.audio_widths, *self.texture_widths)
            if min(self.num_codes, self.num_modes, *widths) < 1 or self.num_memory < 0:
                raise ConfigError(f"LipSync3D: impossible sizes {self}")
            counts = (len(self.memory_widths), len(self.audio_widths), len(self.texture_widths))
            if counts != (5, 12, 5) or not 0 <= self.dropout < 1 or not 0 < self.compression <= 1:
                raise ConfigError(f"LipSync3D: impossible configuration {self}")

        @classmethod
        def tiny(cls) -> LipSync3D.Config:
            """The smallest configuration that exercises every part."""
            few = (2,) * 5
            return cls(num_codes=4, memory_widths=few, audio_widths=(2,) * 12, texture_widths=few, num_modes=6)

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        self.config = c = config or self.Config()
        self.audio = audio_encoder(c.num_codes, c.audio_widths)
        self.modes = nn.Linear(c.num_codes, c.num_modes)
        self.drop = nn.Dropout(c.dropout)
        self.geometry = nn.Linear(c.num_modes, 3 * NUM_VERTICES)
        self.texture = _TextureDecoder(c.num_codes + c.num_memory, c.texture_widths)
        self.memory = _AtlasEncoder(c.memory_widths, c.num_memory) if c.num_memory else None
        self.blendshapes = nn.Linear(c.num_codes, NUM_WEIGHTS)

    def start_geometry(self, basis: Float[Tensor, "K V"], mean: Float[Tensor, " V"]) -> None:
        """Begin the last layer of the geometry as principal components of vertices minus reference.

        Args:
            basis: One component a row, each times its standard deviation; fewer than `num_modes` leave zeros.
            mean: (1404,).
        """
        with torch.no_grad():
            self.geometry.weight.zero_()
            self.geometry.weight[:, : len(basis)] = basis[: self.config.num_modes].T
            self.geometry.bias.copy_(mean)

    def code(self, stft: Float[Tensor, "B 2 256 24"]) -> Float[Tensor, "B D"]:
        """Audio code of each frame."""
        if self.config.compression < 1:
            magnitude = (stft.square().sum(1, keepdim=True) + 1e-8).sqrt()
            stft = stft * magnitude ** (self.config.compression - 1)
        return self.audio(stft)

    def shape(self, code: Float[Tensor, "B D"]) -> tuple[Float[Tensor, "B 468 3"], Float[Tensor, "B 52"]]:
        """Vertices and blendshape weights of codes."""
        offsets = self.geometry(self.drop(self.modes(code)))
        return self.reference + offsets.unflatten(1, (NUM_VERTICES, 3)), self.blendshapes(code)

    def lips(self, code: Float[Tensor, "B D"], before: Float[Tensor, "B 3 128 128"]) -> Float[Tensor, "B 3 128 128"]:
        """Lip crops of codes, each after the crop before; zeros where there is none."""
        if self.memory is not None:
            code = torch.cat([code, self.memory(before)], 1)
        return self.reference_lips + self.texture(code)

    def forward(
        self, stft: Float[Tensor, "B 2 256 24"], before: Float[Tensor, "B 3 128 128"]
    ) -> tuple[Float[Tensor, "B 468 3"], Float[Tensor, "B 3 128 128"], Float[Tensor, "B 52"]]:
        """Vertices, lip crops, blendshape weights."""
        code = self.code(stft)
        vertices, weights = self.shape(code)
        return vertices, self.lips(code, before), weights

    def spoken_shape(
        self, stft: Float[Tensor, "B 2 256 24"]
    ) -> tuple[Float[Tensor, "B D"], Float[Tensor, "B 468 3"], Float[Tensor, "B 52"]]:
        """What needs no memory: codes, vertices and weights in [0, 1]."""
        code = self.code(stft)
        vertices, weights = self.shape(code)
        return code, vertices, weights.clamp(0, 1)

    def spoken_lips(
        self, code: Float[Tensor, "B D"], before: Float[Tensor, "B 128 128 3"] | None = None
    ) -> Float[Tensor, "B 128 128 3"]:
        """Lip crops in [0, 1]; without memory none is looked at."""
        seen = code.new_zeros(len(code), 3, LIPS, LIPS) if before is None else before.permute(0, 3, 1, 2)
        return self.lips(code, seen).clamp(0, 1).permute(0, 2, 3, 1)

    def graph_parts(self) -> dict[str, GraphPart]:
        """What ships."""
        given: dict[str, tuple[int | str, ...]] = {"code": ("B", self.config.num_codes)}
        if self.memory is not None:
            given["before"] = ("B", LIPS, LIPS, 3)
        return {
            "shape": GraphPart("spoken_shape", {"stft": ("B", 2, 256, 24)}, ("code", "vertices", "weights")),
            "lips": GraphPart("spoken_lips", given, ("lips",)),
        }


class CompactAvatar(_PersonNetwork):
    """Ours: a window of embedded audio to coefficients of shapes and textures of low rank.

    The bases are the person's own principal components; only the way from audio to coefficients is learnt. Coefficients
    are in standard deviations.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Sizes."""

        num_heard: int = 256
        """Values of one embedding of the audio."""
        channels: int = 64
        """Channels of each instant of a window."""
        width: int = 192
        """Hidden units of a frame."""
        num_shapes: int = 40
        """Principal components of the vertices."""
        num_textures: int = 80
        """Principal components of the lip crop."""
        dropout: float = 0.2
        """Probability of dropping a hidden unit, in training."""

        def __post_init__(self) -> None:
            if (
                min(self.num_heard, self.channels, self.width, self.num_shapes, self.num_textures) < 1
                or not 0 <= self.dropout < 1
            ):
                raise ConfigError(f"CompactAvatar: impossible sizes {self}")

        @classmethod
        def tiny(cls) -> CompactAvatar.Config:
            """The smallest configuration that exercises every part."""
            return cls(num_heard=8, channels=4, width=8, num_shapes=3, num_textures=4)

    shape_mean: Tensor
    shape_basis: Tensor
    texture_mean: Tensor
    texture_basis: Tensor

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        self.config = c = config or self.Config()
        self.drop = nn.Dropout(c.dropout)
        self.instant = nn.Linear(c.num_heard + 1, c.channels)
        self.window = nn.Linear(STEPS * c.channels, c.width)
        self.hidden = nn.Linear(c.width, c.width)
        self.norm = nn.LayerNorm(c.width)
        self.coefficients = nn.Linear(c.width, c.num_shapes + c.num_textures)
        self.blendshapes = nn.Linear(c.width, NUM_WEIGHTS)
        self.register_buffer("shape_mean", torch.zeros(NUM_VERTICES, 3))
        self.register_buffer("shape_basis", torch.zeros(c.num_shapes, NUM_VERTICES, 3))
        self.register_buffer("texture_mean", torch.zeros(LIPS, LIPS, 3))
        self.register_buffer("texture_basis", torch.zeros(c.num_textures, LIPS, LIPS, 3))

    def set_components(
        self, shape_mean: Tensor, shape_basis: Tensor, texture_mean: Tensor, texture_basis: Tensor
    ) -> None:
        """Take in the person's components: vertices, and lip crops (..., 128 * 128 * 3), both flat."""
        self.shape_mean.copy_(shape_mean.view(NUM_VERTICES, 3))
        self.shape_basis.copy_(shape_basis.view(-1, NUM_VERTICES, 3))
        self.texture_mean.copy_(texture_mean.view(LIPS, LIPS, 3))
        self.texture_basis.copy_(texture_basis.view(-1, LIPS, LIPS, 3))

    def forward(self, heard: Float[Tensor, "B T D"]) -> tuple[Float[Tensor, "B K"], Float[Tensor, "B 52"]]:
        """Coefficients of shapes, then of textures; blendshape weights."""
        x = self.features(heard)
        return self.coefficients(x), self.blendshapes(x)

    def features(self, heard: Float[Tensor, "B T D"]) -> Float[Tensor, "B W"]:
        """What both are told from."""
        x = nn.functional.gelu(self.instant(heard)).flatten(1)  # then a convolution that is as long as the window
        x = nn.functional.gelu(self.window(self.drop(x)))
        return self.norm(x + self.hidden(self.drop(x)))

    def vertices(self, shapes: Float[Tensor, "B K"]) -> Float[Tensor, "B 468 3"]:
        """Vertices of coefficients."""
        return self.shape_mean + (shapes @ self.shape_basis.flatten(1)).unflatten(1, (NUM_VERTICES, 3))

    def lips(self, textures: Float[Tensor, "B K"]) -> Float[Tensor, "B 128 128 3"]:
        """Lip crops of coefficients."""
        return self.texture_mean + (textures @ self.texture_basis.flatten(1)).unflatten(1, (LIPS, LIPS, 3))

    def spoken(
        self, heard: Float[Tensor, "B T D"]
    ) -> tuple[Float[Tensor, "B 468 3"], Float[Tensor, "B 128 128 3"], Float[Tensor, "B 52"]]:
        """Vertices; lip crops and weights in [0, 1]."""
        coefficients, weights = self(heard)
        shapes, textures = coefficients.split([self.config.num_shapes, self.config.num_textures], 1)
        return self.vertices(shapes), self.lips(textures).clamp(0, 1), weights.clamp(0, 1)

    def graph_parts(self) -> dict[str, GraphPart]:
        """What ships."""
        heard = {"heard": ("B", STEPS, self.config.num_heard + 1)}
        return {"spoken": GraphPart("spoken", heard, ("vertices", "lips", "weights"))}
