"""Sync models that embed the same lips and the same audio once, whoever asks: a delay, or lip sync under some audio.

Knows arrays and sync models; refuses to know what is compared.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from viseme.sync.checkpoint import SyncWeights
from viseme.sync.interface import SyncModel, SyncSpecification

if TYPE_CHECKING:
    from jaxtyping import Float

__all__ = ["remembering"]

KEPT = 6
"""Embeddings that each model keeps: of ten seconds, lips and audio of two videos. 2 MB."""


class RememberingModel:
    """A `SyncModel` that keeps what it embedded last. Several threads may ask."""

    def __init__(self, model: SyncModel) -> None:
        self._model = model
        self._kept: OrderedDict[tuple[str, tuple[int, ...], bytes], NDArray[np.float32]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def specification(self) -> SyncSpecification:
        """See `SyncModel.specification`."""
        return self._model.specification

    @property
    def scale(self) -> float:
        """See `SyncModel.scale`."""
        return self._model.scale

    def embed_video(self, x: Float[np.ndarray, "T ..."]) -> Float[np.ndarray, "T D"]:
        """See `SyncModel.embed_video`."""
        return self._embedded("video", x, self._model.embed_video)

    def embed_audio(self, mels: Float[np.ndarray, "P A M"]) -> Float[np.ndarray, "P T D"]:
        """See `SyncModel.embed_audio`."""
        return self._embedded("audio", mels, self._model.embed_audio)

    def _embedded(self, kind: str, values: NDArray[Any], embed: Callable[[Any], Any]) -> NDArray[np.float32]:
        key = kind, values.shape, hashlib.blake2b(values.tobytes(), digest_size=16).digest()
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found
        found = embed(values)
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found


def remembering(weights: SyncWeights) -> SyncWeights:
    """The same weights, whose models keep what they embedded last."""
    return replace(weights, models=tuple(RememberingModel(model) for model in weights.models))
