"""What a sync model is, and the shipped kinds of it. Read this first.

A sync model embeds lip motion and audio separately, and says what it takes and how two embeddings compare; that is done
in `comparer.py`. Everything else (search, evidence, verdict) is `estimator.py` and `pipeline.py`, the same for every
model and every visual input.
What runs takes and returns NumPy arrays (`SyncModel`); what is trained is a torch module (`sync_models`).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from viseme.core.registry import Registry

if TYPE_CHECKING:
    from jaxtyping import Float

__all__ = ["SyncModel", "SyncSpecification", "sync_models"]


@dataclass(frozen=True, kw_only=True)
class SyncSpecification:
    """What a sync model takes, and how its embeddings compare; the defaults are those of this package's own models."""

    audio_features: Literal["log-mel", "mfcc"] = "log-mel"
    """What `embed_audio` takes, 100 a second: 40 log-mels (`viseme.sync.embeddings.normalise_mels`), or 13 cepstra
    (`viseme.audio.features.mfcc`)."""
    window_frames: int = 1
    """Video frames of one embedding: T frames give T + 1 - `window_frames` of them. 1 = one a frame, made with
    whatever lies around it."""
    rate: Fraction = Fraction(25)
    """Video frames, and embeddings, a second."""
    comparison: Literal["dot product", "distance"] = "dot product"
    """How two embeddings compare: by `scale` times their dot product, or by their Euclidean distance."""


class SyncModel(Protocol):
    """Two streams that meet in one space, ready to run on one clip at a time."""

    @property
    def specification(self) -> SyncSpecification:
        """What it takes, and how its embeddings compare."""
        ...

    @property
    def scale(self) -> float:
        """Factor on the dot product of two embeddings."""
        ...

    def embed_video(self, x: Float[np.ndarray, "T ..."]) -> Float[np.ndarray, "T D"]:
        """Embed visual input at 25 Hz, float32.

        Args:
            x: Points (T, K, C), mean over time removed; or frames (T, C, H, W), values in [0, 1] unless the model
                says otherwise.
        """
        ...

    def embed_audio(self, mels: Float[np.ndarray, "P A M"]) -> Float[np.ndarray, "P T D"]:
        """Embed audio features, float32.

        Args:
            mels: P stretches of equal length at 100 Hz, of the features that `specification` names.

        Returns:
            A fourth as many steps, less those of a window: with windows of one frame, step `t` is centred on frame
            `4 t + 1.5` of its stretch.
        """
        ...


sync_models: Registry[type] = Registry(  # torch modules, for training and export
    "sync_model",
    {
        "two-stream": "viseme.sync.models.two_stream:TwoStream",
        "pixel-stream": "viseme.sync.models.pixel_stream:PixelStream",
    },
)
