"""The networks of Yaman et al.: encoders of identity, pose and audio, the generator, and the discriminator.

Knows tensors alone. Shapes: section 3 of the paper; widths are ours and give 53.1 M parameters, beside 2.8 M of audio.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from viseme.audio.mel_windows import MEL_BANDS, MEL_FRAMES
from viseme.core.errors import ConfigError
from viseme.weights.graphs import GraphPart

__all__ = [
    "CODE",
    "SIZES",
    "AudioEncoder",
    "ConvBlock",
    "Discriminator",
    "FaceEncoder",
    "TalkerConfig",
    "TalkerGenerator",
]

CODE = 512
"""Length of the audio code."""


@dataclass(frozen=True, kw_only=True)
class TalkerConfig:
    """Everything that decides the shape of a generator."""

    side: int = 96
    """Side of a face, pixels; 3 times a power of two."""
    widths: tuple[int, ...] = (16, 32, 64, 128, 256, 512)
    """Channels of the face encoders, from the full size to 3 x 3."""
    decoder: tuple[int, ...] = (512, 512, 384, 256, 128, 64)
    """Channels of the decoder, from 3 x 3 to the full size."""

    def __post_init__(self) -> None:
        if len(self.widths) != len(self.decoder) or self.side != 3 * 2 ** (len(self.widths) - 1):
            raise ConfigError(f"a talker of {self.side} px needs as many widths as halvings to 3 px, plus one: {self}")


SIZES = {
    "paper": TalkerConfig(),
    "talker-192": TalkerConfig(
        side=192, widths=(8, 16, 32, 64, 128, 256, 512), decoder=(512, 512, 384, 256, 128, 64, 32)
    ),
    "small": TalkerConfig(widths=(8, 16, 32, 64, 96, 128), decoder=(128, 128, 96, 64, 32, 16)),
    "tiny": TalkerConfig(widths=(4, 8, 16, 24, 32, 48), decoder=(48, 48, 32, 24, 16, 12)),
}
"""Name -> size; "talker-192" adds one stage at each end, "small" is for two cores, "tiny" for trying out."""


class ConvBlock(nn.Module):
    """Convolution, batch normalisation, ReLU; `residual` adds the input before the last."""

    def __init__(
        self, before: int, after: int, kernel: int, stride: int | tuple[int, int] = 1, pad: int = 0, *,
        residual: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.conv_block = nn.Sequential(nn.Conv2d(before, after, kernel, stride, pad), nn.BatchNorm2d(after))
        self.residual = residual

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D ..."]:
        found = self.conv_block(x)
        return torch.relu(found + x if self.residual else found)


class _Upward(nn.Module):
    """Transposed convolution, batch normalisation, ReLU."""

    def __init__(self, before: int, after: int, stride: int, pad: int) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ConvTranspose2d(before, after, 3, stride, pad, output_padding=stride - 1), nn.BatchNorm2d(after)
        )

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D ..."]:
        return torch.relu(self.conv_block(x))


class FaceEncoder(nn.Module):
    """A face to its code, with what each size gives on the way. Identity and pose have one each.

    Source: Yaman et al. 2024, section 3.1.
    """

    def __init__(self, config: TalkerConfig) -> None:
        super().__init__()
        self.stages = nn.ModuleList([ConvBlock(3, config.widths[0], 7, 1, 3)])
        for before, after in pairwise(config.widths):
            block = [ConvBlock(before, after, 3, 2, 1), *(ConvBlock(after, after, 3, 1, 1) for _ in range(2))]
            self.stages.append(nn.Sequential(*block))
        last = config.widths[-1]
        self.code = nn.Sequential(ConvBlock(last, last, 3), ConvBlock(last, last, 1), ConvBlock(last, last, 1))

    def forward(self, face: Float[Tensor, "B 3 H W"]) -> tuple[Tensor, list[Tensor]]:
        """(B, D, 1, 1), and (B, C, h, w) of every size, the largest first."""
        found, x = [], face
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        return self.code(x), found


class AudioEncoder(nn.Module):
    """(B, 80, 16) mel windows to (B, 512): the audio branch of the lip expert, with the names of Wav2Lip's files.

    Source: Prajwal et al. 2020; Yaman et al. 2024, section 3.2, where it is frozen.
    """

    def __init__(self, *, num_residual: int = 1) -> None:
        """As in Wav2Lip's generator; its lip expert has 2 residual layers of 256 channels."""
        super().__init__()
        plan: list[tuple[int, int, int | tuple[int, int], int]] = [
            (1, 32, 1, 2),
            (32, 64, (3, 1), 2),
            (64, 128, 3, 2),
            (128, 256, (3, 2), num_residual),
        ]
        layers: list[nn.Module] = []
        for before, after, stride, residual in plan:
            layers.append(ConvBlock(before, after, 3, stride, 1))
            layers += [ConvBlock(after, after, 3, 1, 1, residual=True) for _ in range(residual)]
        self.audio_encoder = nn.Sequential(*layers, ConvBlock(256, CODE, 3), ConvBlock(CODE, CODE, 1))

    def forward(self, mel: Float[Tensor, "B M A"]) -> Float[Tensor, "B D"]:
        return self.audio_encoder(mel[:, None]).flatten(1)


class TalkerGenerator(nn.Module):
    """Identity, pose and audio to a face whose lips fit the audio. The audio encoder is frozen.

    Source: Yaman et al. 2024, section 3: fusion of identity and pose by a 1 x 1 convolution, then concatenation with
    audio; skips from both encoders at every size, by concatenation.
    """

    Config = TalkerConfig

    def __init__(self, config: TalkerConfig, *, num_residual: int = 1) -> None:
        super().__init__()
        self.config = config
        self.identity_encoder, self.pose_encoder = FaceEncoder(config), FaceEncoder(config)
        self.audio_encoder = AudioEncoder(num_residual=num_residual).requires_grad_(False)
        last, widths = config.widths[-1], config.widths[::-1]
        self.fuse = ConvBlock(2 * last, last, 1)
        self.stages = nn.ModuleList()
        before = last + CODE
        for number, (wide, skip) in enumerate(zip(config.decoder, widths)):
            first = _Upward(before, wide, 2 if number else 1, 1 if number else 0)
            self.stages.append(nn.Sequential(first, *(ConvBlock(wide, wide, 3, 1, 1) for _ in range(2))))
            before = wide + 2 * skip
        narrow = max(4, config.decoder[-1] // 2)
        self.out = nn.Sequential(ConvBlock(before, narrow, 3, 1, 1), nn.Conv2d(narrow, 3, 1), nn.Sigmoid())

    def train(self, mode: bool = True) -> TalkerGenerator:
        """The audio encoder stays as it is."""
        super().train(mode)
        self.audio_encoder.eval()
        return self

    def forward(
        self, identity: Float[Tensor, "B 3 H W"], pose: Float[Tensor, "B 3 H W"], mel: Float[Tensor, "B M A"]
    ) -> Float[Tensor, "B 3 H W"]:
        """Generate.

        Args:
            identity: RGB in [0, 1], another frame of the person.
            pose: RGB in [0, 1], the frame with its lower half zeroed (`masked_pose`).
            mel: The frame's mel window.

        Returns:
            RGB in [0, 1].
        """
        who, from_identity = self.identity_encoder(identity)
        where, from_pose = self.pose_encoder(pose)
        said = self.audio_encoder(mel)[..., None, None]
        x = torch.cat([self.fuse(torch.cat([who, where], 1)), said], 1)
        for stage, one, other in zip(self.stages, reversed(from_identity), reversed(from_pose)):
            x = torch.cat([stage(x), one, other], 1)
        return self.out(x)

    def graph_parts(self) -> dict[str, GraphPart]:
        """What runs without torch: one face from its three inputs."""
        face = ("B", 3, self.config.side, self.config.side)
        inputs = {"identity": face, "pose": face, "mel": ("B", MEL_BANDS, MEL_FRAMES)}
        return {"face": GraphPart("forward", inputs, ("face",), low=0.0)}


class Discriminator(nn.Module):
    """(B, 3, H, W) faces to (B,) logits, positive for real ones: strided convolutions with spectral norm.

    Source: Yaman et al. 2024, section 3.6: 7 layers, leaky ReLU; kernels and widths are ours.
    """

    def __init__(self, side: int = 96, *, width: int = 32) -> None:
        """One more layer for each doubling of the side; `width`: channels of the first."""
        super().__init__()
        num = 0
        while 96 << num < side:
            num += 1
        widths = [3, *(width * 2**i for i in range(5)), *[16 * width] * num, 16 * width, 1]
        kernels = [*[4] * (5 + num), 3, 3]
        self.convs = nn.ModuleList(
            spectral_norm(nn.Conv2d(a, b, kernel, 2, 1)) for (a, b), kernel in zip(pairwise(widths), kernels)
        )

    def forward(self, face: Float[Tensor, "B 3 H W"]) -> Float[Tensor, " B"]:
        x = face
        for conv in self.convs[:-1]:
            x = nn.functional.leaky_relu(conv(x), 0.2)
        return self.convs[-1](x).flatten(1).mean(1)
