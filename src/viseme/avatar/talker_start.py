"""A compact avatar that begins where the talker for everybody ended: its way from audio to motion, fitted to a person.

The talker's layers are taken over as they are; the last one, which tells the person's own components, is the ridge
regression of these on what the layers before it give. Needs torch.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from viseme.avatar.compact_batches import Targets
from viseme.avatar.networks import CompactAvatar
from viseme.core.errors import WeightsError
from viseme.data.store import ClipStore
from viseme.sync.heard_streams import audio_stream_of
from viseme.weights import Checkpoint, read_checkpoint

__all__ = ["begin_at", "read_talker", "sizes_of"]

_SHARED = ("instant", "window", "hidden", "norm")
"""Layers that both networks have."""
RIDGE = 0.03
"""Of the regression, in variances of the features."""


def read_talker(weights: str, hears: Checkpoint) -> Checkpoint:
    """A talker whose layers an avatar can take over.

    Args:
        weights: Name or file of a talker of recipe "atlas".
        hears: Sync weights with whose audio stream the avatar will hear.

    Raises:
        MissingWeights: not there.
        WeightsError: no talker, one of another kind, or one that hears otherwise.
    """
    found = read_checkpoint(weights, component="talker", holds="talker")
    if "mover.instant.weight" not in found.tensors:
        raise WeightsError(f"{found.path} is a talker of face crops; an avatar begins with one of the recipe atlas")
    own, _ = audio_stream_of(hears)
    if any(name not in found.tensors or not np.array_equal(found.tensors[name], value) for name, value in own.items()):
        raise WeightsError(f"{found.path} hears with another audio stream than {hears.name}; train it again")
    return found


def sizes_of(config: CompactAvatar.Config, talker: Checkpoint) -> CompactAvatar.Config:
    """The avatar's sizes with the talker's layers."""
    channels, width = len(talker.tensors["mover.instant.bias"]), len(talker.tensors["mover.window.bias"])
    return replace(config, channels=channels, width=width)


def begin_at(
    network: CompactAvatar,
    talker: Checkpoint,
    places: NDArray[np.int64],
    windows: ClipStore,
    targets: Targets,
) -> None:
    """Give a network the talker's layers, and the last layer that fits the person best.

    Args:
        network: Of the sizes of `sizes_of`.
        talker: See `read_talker`.
        places: (N, 2) clip and frame of what is learnt from.
        windows: See `heard_windows`.
        targets: Of the same frames.
    """
    own = network.state_dict()
    taken = {name: talker.tensors[f"mover.{name}"] for name in own if name.split(".")[0] in _SHARED}
    network.load_state_dict({**own, **{name: torch.from_numpy(np.array(value)) for name, value in taken.items()}})
    network.eval()
    features = np.empty((len(places), network.config.width), np.float32)
    for clip in np.unique(places[:, 0]).tolist():
        mine = np.flatnonzero(places[:, 0] == clip)
        heard = np.asarray(windows[str(clip)]["0"][places[mine, 1]], np.float32)
        with torch.no_grad():
            features[mine] = network.features(torch.from_numpy(heard)).numpy()
    network.train()
    for layer, values in ((network.coefficients, targets.coefficients), (network.blendshapes, targets.weights)):
        weight, bias = _regressed(features, values)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(weight))
            layer.bias.copy_(torch.from_numpy(bias))


def _regressed(
    features: NDArray[np.float32], values: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(K, D) weight and (K,) bias of the ridge regression of (N, K) values on (N, D) features."""
    middle, mean = features.mean(0, dtype=np.float64), values.mean(0, dtype=np.float64)
    centred = features - middle
    products = centred.T @ centred / len(centred)
    ridge = RIDGE * np.trace(products) / len(products)
    weight = np.linalg.solve(products + ridge * np.eye(len(products)), centred.T @ (values - mean) / len(centred)).T
    return weight.astype(np.float32), (mean - weight @ middle).astype(np.float32)
