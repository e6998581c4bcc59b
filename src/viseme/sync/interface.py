"""What a sync model is, and the shipped kinds of it. Read this first.

A sync model embeds lip motion and audio separately; the score of a pair is a scaled dot product. Everything else
(search, evidence, verdict) is `estimator.py` and `pipeline.py`, the same for every model and every visual input.
"""

from __future__ import annotations

from typing import Protocol

from jaxtyping import Float
from torch import Tensor

from viseme.core.registry import Registry

__all__ = ["SyncModel", "sync_models", "visual_inputs"]


class SyncModel(Protocol):
    """Two streams that meet in one space."""

    def embed_video(self, points: Float[Tensor, "B T ..."]) -> Float[Tensor, "B T D"]:
        """Embed visual input at 25 Hz: points (B, T, K, C), mean over time removed, or frames (B, T, C, H, W) in
        [0, 1]."""
        ...

    def embed_audio(self, mels: Float[Tensor, "B A M"]) -> Float[Tensor, "B T D"]:
        """Embed normalised log-mels (100 Hz): output `t` is centred on frame `4 t + 1.5`."""
        ...

    def scale(self) -> Tensor:
        """Factor on the dot product."""
        ...


sync_models: Registry[type] = Registry(
    "sync_model",
    {
        "two-stream": "viseme.sync.models.two_stream:TwoStream",
        "pixel-stream": "viseme.sync.models.pixel_stream:PixelStream",
    },
)
visual_inputs: Registry[type] = Registry(
    "visual_input",
    {
        "landmarks": "viseme.sync.inputs.points:Landmarks",
        "mesh": "viseme.sync.inputs.points:Mesh",
        "beta": "viseme.sync.inputs.tracks:Beta",
        "rgb": "viseme.sync.inputs.tracks:Rgb",
        "rgbd": "viseme.sync.inputs.tracks:Rgbd",
        "raw": "viseme.sync.inputs.tracks:Raw",
    },
)
