"""Trained expression networks to the file that ships, and the weights of others that start one. Needs torch (extra
`[train]`)."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from viseme.core.errors import ConfigError, WeightsError
from viseme.face3d.interface import FaceModel
from viseme.standardization.networks.checkpoint import COMPONENT
from viseme.standardization.networks.expression import ExpressionNetwork
from viseme.standardization.networks.resnet import ResNet
from viseme.weights import Storage, read_checkpoint
from viseme.weights.convert import read_state_dict
from viseme.weights.export import load_arrays, save_networks
from viseme.weights.safetensors import read_header

__all__ = ["load_backbone", "load_expression_network", "save_expression_weights"]


def save_expression_weights(
    path: str | Path,
    network: ExpressionNetwork,
    *,
    variant: str,
    face_model: FaceModel,
    card: dict[str, Any],
    storage: Storage = "float16",
) -> None:
    """Write a network and what is needed to use it.

    Args:
        path: safetensors.
        network: Trained.
        variant: One of `VARIANTS`.
        face_model: The model its coefficients belong to.
        card: Training data, licence and metrics.
        storage: Of the tensors.

    Raises:
        WeightsError: see `save_networks`.
    """
    header = {
        "model": "expression",
        "variant": variant,
        "config": asdict(network.config),
        "widths": network.config.widths,
        "face_model": face_model.name,
        "face_model_sha256": face_model.source_hash,
        "card": card,
    }
    save_networks(path, {"": network}, component=COMPONENT, header=header, storage=storage)


def load_expression_network(weights: str | Path | None = None) -> ExpressionNetwork:
    """The network of a file, to be trained further; see `load_expression_weights` for names and errors."""
    found = read_checkpoint(weights, component=COMPONENT, holds="expression network")
    try:
        values = found.config()
        sizes: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values["backbone"].items()}
        backbone = ResNet.Config(**sizes)
        network = ExpressionNetwork(ExpressionNetwork.Config(**{**values, "backbone": backbone}))
    except (AttributeError, ConfigError, KeyError, TypeError) as error:
        raise WeightsError(f"{found.path} has an incomplete or unknown header ({error!r})") from error
    load_arrays(network, found.tensors)
    return network.eval()


def load_backbone(network: ExpressionNetwork, path: Path) -> None:
    """Start the backbone from other weights; the last layer is left alone.

    They may be a user's ImageNet weights, those of `reproduce`'s landmark pre-training, or an expression network's.

    Args:
        network: With the ResNet-50 backbone, or another whose names and shapes the file has.
        path: safetensors, or a state dict as torch saves it (read without running code).

    Raises:
        WeightsError: unreadable, or a tensor is missing or of another shape; the message names the first.
    """
    ours = path.suffix == ".safetensors" and path.is_file() and "viseme" in read_header(path).metadata
    found = load_expression_network(path).backbone.state_dict() if ours else read_state_dict(path)
    own = network.backbone.state_dict()
    wanted = {k: v for k, v in own.items() if not k.startswith("fc.") and not k.endswith("num_batches_tracked")}
    for key, value in wanted.items():
        if key not in found or found[key].shape != value.shape:
            raise WeightsError(f"{path} has no {key!r} of shape {tuple(value.shape)}; these are weights of another net")
    network.backbone.load_state_dict({**own, **{k: found[k] for k in wanted}})
