"""The networks of the sync models' audio stream, kept in the file of what hears with them, and made ready to run.

A face that is driven by audio stores the stream that it was trained with, so that it answers alike whatever weights
ship later. Knows checkpoints; refuses to know torch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.weights import Checkpoint, Session

__all__ = ["HEARS", "EmbeddingSession", "audio_stream_of", "streams_of", "sync_streams"]

HEARS = "hears"
"""Name of the graph of the audio stream; its networks' tensors begin with `hears<number>.`."""


class EmbeddingSession:
    """One network of the audio stream, as exported."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def embed_audio(self, mels: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `SyncModel.embed_audio`."""
        return self._session.run(mels=mels)["embedding"]


def audio_stream_of(sync: Checkpoint) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Tensors and graph of the audio stream of sync weights, named as in a `.vis` file."""
    graph = sync.graphs["audio"]
    tensors = {
        f"{HEARS}{i}.{name}": sync.tensors[f"{i}.{name}"]
        for i in range(len(sync.header["scales"]))
        for name in graph.weights
    }
    return tensors, {HEARS: graph}


def streams_of(found: Checkpoint, num: int, device: str = "auto") -> list[EmbeddingSession]:
    """The audio stream that a file stores, as `audio_stream_of` named it; `num` networks."""
    return [EmbeddingSession(found.session(HEARS, prefix=f"{HEARS}{i}.", device=device)) for i in range(num)]


def sync_streams(sync: Checkpoint, *, threads: int | None = None) -> list[EmbeddingSession]:
    """The audio stream of sync weights on the CPU, for what is to learn with it."""
    num = len(sync.header["scales"])
    return [EmbeddingSession(sync.session("audio", prefix=f"{i}.", device="cpu", threads=threads)) for i in range(num)]
