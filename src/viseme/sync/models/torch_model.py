"""A network under training, in place of one that ships: the same NumPy calls, so that one comparer scores both.

Knows torch modules and `SyncModel`; refuses to know files.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from viseme.sync.interface import SyncSpecification

__all__ = ["TorchModel"]


class TorchModel:
    """A module of `sync_models` as a `SyncModel`; it runs where its parameters lie, and later training shows."""

    specification = SyncSpecification()

    def __init__(self, network: nn.Module) -> None:
        """`network` is put in evaluation mode."""
        self.network = network.eval()

    @property
    def scale(self) -> float:
        """Factor on the dot product of two embeddings."""
        return float(self.network.scale().detach())  # type: ignore[operator]

    @torch.inference_mode()
    def embed_video(self, x: Float[np.ndarray, "T ..."]) -> Float[np.ndarray, "T D"]:
        """See `SyncModel.embed_video`."""
        return self.network.embed_video(self._given(x)[None])[0].float().cpu().numpy()  # type: ignore[operator]

    @torch.inference_mode()
    def embed_audio(self, mels: Float[np.ndarray, "P A M"]) -> Float[np.ndarray, "P T D"]:
        """See `SyncModel.embed_audio`."""
        return self.network.embed_audio(self._given(mels)).float().cpu().numpy()  # type: ignore[operator]

    def _given(self, values: np.ndarray) -> torch.Tensor:
        parameter = next(self.network.parameters(), torch.zeros(()))
        return torch.from_numpy(np.ascontiguousarray(values, np.float32)).to(parameter)
