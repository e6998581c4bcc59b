"""Two temporal convolutional streams, one for lip motion and one for audio, that meet in a shared space.

Knows tensors; refuses to know files, faces and delays. The video stream steps at 25 Hz; the audio stream is computed
at each of the four 10 ms phases of a frame step, so that a delay is scored every 10 ms at true time stamps.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from viseme.core.errors import ConfigError
from viseme.weights.graphs import GraphPart

__all__ = ["TwoStream"]


class _ChannelNorm(nn.Module):
    """Layer norm over channels at each time step: nothing leaks along time."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Float[Tensor, "B D T"]) -> Float[Tensor, "B D T"]:
        return self.norm(x.transpose(1, 2)).transpose(1, 2)


class _TemporalBlock(nn.Module):
    """Gated residual convolution over time."""

    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = _ChannelNorm(width)
        self.conv = nn.Conv1d(width, 2 * width, 3, padding=dilation, dilation=dilation)
        self.mix = nn.Conv1d(width, width, 1)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "B D T"]) -> Float[Tensor, "B D T"]:
        h = torch.nn.functional.glu(self.conv(self.norm(x)), dim=1)
        return x + self.drop(self.mix(h))


class TwoStream(nn.Module):
    """Score how well lip motion at one instant fits the audio around another.

    The score of a pair is the dot product of its embeddings. Trained by multi-way matching in both directions, it
    approaches the pointwise mutual information up to a constant, so scores of a clip may be summed as evidence.
    """

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Sizes of the two streams."""

        num_points: int = 67
        """Lip and jaw points of one frame."""
        point_dims: int = 3
        """Coordinates of a point: 3, or 2 to leave depth out."""
        num_mels: int = 40
        """Mel bands."""
        width: int = 160
        """Channels of both streams."""
        embedding: int = 128
        """Size of the shared space."""
        video_dilations: tuple[int, ...] = (1, 1, 2, 2)
        """Dilations of the video stream's blocks, in 40 ms steps."""
        audio_dilations: tuple[int, ...] = (1, 1, 2, 2)
        """Dilations of the audio stream's blocks, in 40 ms steps."""
        dropout: float = 0.1
        """Probability of dropping a hidden unit, in training."""

        def __post_init__(self) -> None:
            if self.point_dims not in (2, 3) or not 0 <= self.dropout < 1 or min(self.width, self.embedding) < 1:
                raise ConfigError(f"TwoStream: impossible sizes {self}")

        @classmethod
        def tiny(cls) -> TwoStream.Config:
            """The smallest configuration that exercises every part."""
            return cls(width=16, embedding=8, video_dilations=(1,), audio_dilations=(1,))

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        self.config = config = config or self.Config()
        features = config.num_points * config.point_dims
        width, drop = config.width, config.dropout
        self.video_in = nn.Conv1d(2 * features, width, 1)
        self.video_blocks = nn.Sequential(*(_TemporalBlock(width, d, drop) for d in config.video_dilations))
        self.video_out = nn.Sequential(_ChannelNorm(width), nn.Conv1d(width, config.embedding, 1))
        self.audio_front = nn.Sequential(
            nn.Conv2d(1, 16, (5, 5), stride=(1, 2), padding=(2, 2)),
            nn.GELU(),
            nn.Conv2d(16, 24, (3, 3), stride=(1, 2), padding=(1, 1)),
            nn.GELU(),
        )
        self.audio_in = nn.Conv1d(24 * (config.num_mels // 4), width, 8, stride=4, padding=2)
        self.audio_blocks = nn.Sequential(*(_TemporalBlock(width, d, drop) for d in config.audio_dilations))
        self.audio_out = nn.Sequential(_ChannelNorm(width), nn.Conv1d(width, config.embedding, 1))
        self.log_scale = nn.Parameter(torch.tensor(0.0))

    def embed_video(self, points: Float[Tensor, "B T K C"]) -> Float[Tensor, "B T D"]:
        """Embed lip motion sampled at 25 Hz, in eye distances, its mean over time already removed."""
        x = points[..., : self.config.point_dims].flatten(2).transpose(1, 2) * 20
        velocity = torch.nn.functional.pad(x[..., 1:] - x[..., :-1], (1, 0)) * 2
        hidden = self.video_blocks(self.video_in(torch.cat([x, velocity], 1)))
        return self.video_out(hidden).transpose(1, 2)

    def embed_audio(self, mels: Float[Tensor, "B A M"]) -> Float[Tensor, "B T D"]:
        """Embed log-mels (100 Hz, mean removed) at every fourth frame: output `t` is centred on frame `4 t + 1.5`."""
        return self.audio_out(self._heard(mels)).transpose(1, 2)

    def audio_states(self, mels: Float[Tensor, "B A M"]) -> Float[Tensor, "B T W"]:
        """What the audio stream knows before it embeds, centred as `embed_audio`."""
        return self._heard(mels).transpose(1, 2)

    def _heard(self, mels: Float[Tensor, "B A M"]) -> Float[Tensor, "B W T"]:
        front = self.audio_front(mels[:, None])
        return self.audio_blocks(self.audio_in(front.transpose(2, 3).flatten(1, 2)))

    def scale(self) -> Tensor:
        """Factor on the dot product of the embeddings."""
        return self.log_scale.exp() / self.config.embedding**0.5

    def graph_parts(self) -> dict[str, GraphPart]:
        """What ships."""
        c = self.config
        return {
            "video": GraphPart("embed_video", {"x": ("B", "T", c.num_points, 3)}, ("embedding",), low=-0.1, high=0.1),
            "audio": GraphPart("embed_audio", {"mels": ("P", "A", c.num_mels)}, ("embedding",)),
        }
