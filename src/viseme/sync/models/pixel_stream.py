"""A sync model whose video stream starts from frames: a small convolutional network before the two streams.

Knows tensors; refuses to know files, faces and delays. Each frame becomes a few numbers on its own; what happens
between frames is left to the temporal blocks of `TwoStream`, so that every visual input meets audio in one way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from viseme.core.errors import ConfigError
from viseme.sync.models.two_stream import TwoStream
from viseme.weights.graphs import GraphPart

__all__ = ["PixelStream"]


class PixelStream(nn.Module):
    """Frames at 25 Hz to embeddings, and audio as `TwoStream` does it."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Size of the network."""

        channels: int = 3
        """Of a frame: 3, or 4 with depth."""
        size: int = 48
        """Side of a frame, pixels; a multiple of 16."""
        widths: tuple[int, ...] = (12, 24, 32, 48)
        """Channels after each halving."""
        stream: TwoStream.Config = field(default_factory=lambda: TwoStream.Config(num_points=32))
        """The two streams; each frame becomes `num_points` times `point_dims` numbers."""

        def __post_init__(self) -> None:
            if isinstance(self.stream, dict):  # as it comes out of a file's header
                plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in self.stream.items()}
                object.__setattr__(self, "stream", TwoStream.Config(**plain))
            if self.channels not in (3, 4) or len(self.widths) != 4 or self.size % 16 or min(self.widths) < 1:
                raise ConfigError(f"PixelStream: impossible sizes {self}")

        @classmethod
        def tiny(cls) -> PixelStream.Config:
            """The smallest configuration that exercises every part."""
            stream = TwoStream.Config(num_points=4, width=16, embedding=8, video_dilations=(1,), audio_dilations=(1,))
            return cls(size=16, widths=(4, 4, 8, 8), stream=stream)

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        self.config = config = config or self.Config()
        layers: list[nn.Module] = []
        before = config.channels
        for number, width in enumerate(config.widths):
            size = 5 if number == 0 else 3
            layers.append(nn.Conv2d(before, width, size, 2, size // 2))
            if number:  # the first would cost as much as all the rest
                layers.append(nn.GroupNorm(max(g for g in (1, 2, 4) if width % g == 0), width))
            layers.append(nn.ReLU())
            before = width
        stream = config.stream
        features = stream.num_points * stream.point_dims
        left = (config.size // 16) ** 2 * before
        self.front = nn.Sequential(*layers, nn.Flatten(), nn.Linear(left, features), nn.LayerNorm(features))
        self.stream = TwoStream(stream)

    def embed_video(self, points: Float[Tensor, "B T C H W"]) -> Float[Tensor, "B T D"]:
        """Embed frames at 25 Hz, values 0 to 1."""
        size, num = points.shape[:2]
        found = self.front(points.flatten(0, 1) - 0.5)
        stream = self.config.stream
        # lip points come in eye distances, a few hundredths each; so do these
        return self.stream.embed_video(0.05 * found.view(size, num, stream.num_points, stream.point_dims))

    def embed_audio(self, mels: Float[Tensor, "B A M"]) -> Float[Tensor, "B T D"]:
        """See `TwoStream.embed_audio`."""
        return self.stream.embed_audio(mels)

    def audio_states(self, mels: Float[Tensor, "B A M"]) -> Float[Tensor, "B T W"]:
        """See `TwoStream.audio_states`."""
        return self.stream.audio_states(mels)

    def scale(self) -> Tensor:
        """Factor on the dot product of the embeddings."""
        return self.stream.scale()

    def graph_parts(self) -> dict[str, GraphPart]:
        """What ships."""
        c = self.config
        frames = ("B", "T", c.channels, c.size, c.size)
        return {
            "video": GraphPart("embed_video", {"x": frames}, ("embedding",), low=0.0),
            "audio": self.stream.graph_parts()["audio"],
        }
