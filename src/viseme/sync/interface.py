"""What a sync model is, and the shipped kinds of it. Read this first.

A sync model embeds lip motion and audio separately; the score of a pair is a scaled dot product. Everything else
(search, evidence, verdict) is `estimator.py` and `pipeline.py`, the same for every model and every visual input.
What runs takes and returns NumPy arrays (`SyncModel`); what is trained is a torch module (`sync_models`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from viseme.core.registry import Registry

if TYPE_CHECKING:
    from jaxtyping import Float

__all__ = ["SyncModel", "sync_models"]


class SyncModel(Protocol):
    """Two streams that meet in one space, ready to run on one clip at a time."""

    @property
    def scale(self) -> float:
        """Factor on the dot product of two embeddings."""
        ...

    def embed_video(self, x: Float[np.ndarray, "T ..."]) -> Float[np.ndarray, "T D"]:
        """Embed visual input at 25 Hz, float32.

        Args:
            x: Points (T, K, C), mean over time removed; or frames (T, C, H, W), values in [0, 1].
        """
        ...

    def embed_audio(self, mels: Float[np.ndarray, "P A M"]) -> Float[np.ndarray, "P T D"]:
        """Embed normalised log-mels, float32.

        Args:
            mels: P stretches of equal length at 100 Hz.

        Returns:
            A fourth as many steps: step `t` is centred on frame `4 t + 1.5` of its stretch.
        """
        ...


sync_models: Registry[type] = Registry(  # torch modules, for training and export
    "sync_model",
    {
        "two-stream": "viseme.sync.models.two_stream:TwoStream",
        "pixel-stream": "viseme.sync.models.pixel_stream:PixelStream",
    },
)
