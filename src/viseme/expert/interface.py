"""What a speech expert is, and what its video stream may see. Read this first; no torch is needed.

Knows arrays; refuses to know files, faces and how an expert is trained.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float

__all__ = ["AUDIO_FEATURES", "RATE", "SpeechExpert"]

RATE = 25
"""Steps a second of audio and video."""
AUDIO_FEATURES = 104
"""Values of an audio step: four frames of 26 log filter banks."""


class SpeechExpert(Protocol):
    """Representation of speech heard, seen, or both.

    Source:
        Shi et al., "Learning Audio-Visual Speech Representation by Masked Multimodal Cluster Prediction", 2022.
    """

    @property
    def id(self) -> str:
        """Name and hash: results of different experts are never merged."""
        ...

    @property
    def input(self) -> str:
        """What the video stream sees: "pixel", (T, 88, 88) mouths, or a visual input of points, (T, K, 3)."""
        ...

    @property
    def width(self) -> int:
        """D, size of an embedding."""
        ...

    def encode(
        self,
        audio: Float[np.ndarray, "T 104"] | None = None,
        video: Float[np.ndarray, "T ..."] | None = None,
        layer: int | None = None,
    ) -> Float[np.ndarray, "T D"]:
        """Embed a whole clip; what is None is missing, which is not the same as silence or a black picture.

        Args:
            audio: 25 steps a second.
            video: 25 frames a second, as many as `audio` has steps.
            layer: Layer whose output is returned, from 1, without the last normalisation; None = after it.

        Raises:
            ValueError: both are missing, or they differ in length.
        """
        ...
