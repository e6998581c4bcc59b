"""Trained sync networks to the file that ships, and back for further training. Needs torch (extra `[train]`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import nn

from viseme.core.errors import WeightsError
from viseme.sync.checkpoint import COMPONENT, Calibration
from viseme.sync.interface import sync_models
from viseme.weights import Storage, read_checkpoint
from viseme.weights.export import load_arrays, save_networks

__all__ = ["load_sync_networks", "save_sync_weights"]


def save_sync_weights(
    path: str | Path,
    networks: Sequence[nn.Module],
    *,
    input_mode: str,
    calibration: Calibration,
    card: dict[str, Any],
    model: str = "two-stream",
    storage: Storage = "float16",
) -> None:
    """Write networks that answer together, with what is needed to run them.

    Args:
        path: safetensors.
        networks: Of one class and configuration.
        input_mode: The visual input they see.
        calibration: From their peaks to probabilities.
        card: Training data, licence and metrics.
        model: Their name in `sync_models`.
        storage: Of the tensors.

    Raises:
        ValueError: the networks have different configurations.
        WeightsError: see `save_networks`.
    """
    configs = [asdict(network.config) for network in networks]  # type: ignore[arg-type]
    if any(config != configs[0] for config in configs):
        raise ValueError("networks that answer together must have one configuration")
    header = {
        "model": model,
        "config": configs[0],
        "scales": [float(network.scale().detach()) for network in networks],  # type: ignore[operator]
        "input_mode": input_mode,
        "calibration": asdict(calibration),
        "card": card,
    }
    save_networks(
        path,
        {f"{i}.": network for i, network in enumerate(networks)},
        component=COMPONENT,
        header=header,
        storage=storage,
    )


def load_sync_networks(weights: str | Path | None = None) -> list[nn.Module]:
    """The networks of a file, to be trained further; see `load_sync_weights` for names and errors."""
    found = read_checkpoint(weights, component=COMPONENT, holds="sync model")
    try:
        kind: Any = sync_models[found.header["model"]]
        networks = [kind(kind.Config(**found.config())) for _ in found.header["scales"]]
    except (AttributeError, KeyError, TypeError) as error:
        raise WeightsError(f"{found.path} has an incomplete or unknown header ({error!r})") from error
    for i, network in enumerate(networks):
        load_arrays(network, found.tensors_of(f"{i}."))
    return networks
