"""An expression network in one safetensors file that describes itself. Knows weights and headers; runs no code of
theirs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

import viseme
from viseme.core.errors import ConfigError, WeightsError
from viseme.face3d.interface import FaceModel, load_face_model
from viseme.standardization.networks.expression import ExpressionNetwork
from viseme.standardization.networks.resnet import ResNet
from viseme.weights import find_weights, weights_id

__all__ = ["VARIANTS", "NetworkBundle", "load_imagenet", "load_network", "save_network"]

COMPONENT = "enet"

VARIANTS = ("enet", "per-image")
"""Shared identity and texture in training, or everything read off the frame."""


@dataclass(frozen=True)
class NetworkBundle:
    """A loaded network, ready to look."""

    network: ExpressionNetwork
    variant: str
    """One of `VARIANTS`."""
    face_model: FaceModel
    """The model its coefficients belong to."""
    name: str
    """Name and hash, for results."""
    card: dict[str, Any]
    """Training data, licence and metrics, as written by the trainer."""


def save_network(
    path: str | Path,
    network: ExpressionNetwork,
    *,
    variant: str,
    face_model: FaceModel,
    card: dict[str, Any],
    half: bool = True,
) -> None:
    """Write a network and what is needed to use it; half precision by default."""
    kind = torch.float16 if half else torch.float32
    tensors = {
        name: tensor.detach().cpu().to(kind if tensor.is_floating_point() else tensor.dtype).contiguous().clone()
        for name, tensor in network.state_dict().items()
    }
    header = {
        "component": COMPONENT,
        "variant": variant,
        "config": asdict(network.config),
        "face_model": face_model.name,
        "face_model_sha256": face_model.source_hash,
        "card": card,
        "weights_of": "viseme",
        "package": viseme.__version__,
    }
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".partial")
    save_file(tensors, str(temporary), metadata={"viseme": json.dumps(header)})
    temporary.replace(path)


def load_network(name: str | Path | None = None) -> NetworkBundle:
    """Read a network by catalogue name or path; None is the default that ships.

    Raises:
        MissingWeights: not there.
        WeightsError: there, and not an expression network of this package, or made for another face model.
    """
    path = find_weights(name, component=COMPONENT)
    try:
        with safe_open(str(path), framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("viseme", "{}"))
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except Exception as error:
        raise WeightsError(f"{path} cannot be read as safetensors: {error}") from error
    if header.get("component") != COMPONENT:
        raise WeightsError(f"{path} holds no expression network (component is {header.get('component')!r})")
    try:
        values = dict(header["config"])
        values["backbone"] = ResNet.Config(**{k: _plain(v) for k, v in values["backbone"].items()})
        network = ExpressionNetwork(ExpressionNetwork.Config(**{k: _plain(v) for k, v in values.items()}))
        network.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in tensors.items()})
        model, made_for = load_face_model(header["face_model"]), header["face_model_sha256"]
        variant, card = header["variant"], header["card"]
    except (AttributeError, ConfigError, KeyError, RuntimeError, TypeError) as error:
        raise WeightsError(f"{path} has an incomplete or foreign header ({error!r}); get the file again") from error
    if made_for != model.source_hash or variant not in VARIANTS:
        raise WeightsError(
            f"{path} was trained for another build of the face model {model.name!r} ({made_for[:12]}..., not "
            f"{model.source_hash[:12]}...): its coefficients mean nothing here; train it again"
        )
    return NetworkBundle(network.eval(), variant, model, weights_id(path), card)


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def load_imagenet(network: ExpressionNetwork, path: Path) -> None:
    """Start the backbone from other weights: a user's ImageNet ones, `landmark_start`'s; the last layer is left alone.

    Args:
        network: With the ResNet-50 backbone, or another whose names and shapes the file has.
        path: safetensors, or a state dict as torch saves it (read without running code).

    Raises:
        WeightsError: unreadable, or a tensor is missing or of another shape; the message names the first.
    """
    try:
        if path.suffix == ".safetensors":
            with safe_open(str(path), framework="pt") as file:
                found = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        else:
            found = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:
        raise WeightsError(f"{path} cannot be read as weights: {error}") from error
    own = network.backbone.state_dict()
    wanted = {k: v for k, v in own.items() if not k.startswith("fc.") and not k.endswith("num_batches_tracked")}
    for key, value in wanted.items():
        if key not in found or found[key].shape != value.shape:
            raise WeightsError(f"{path} has no {key!r} of shape {tuple(value.shape)}; these are weights of another net")
    network.backbone.load_state_dict({**own, **{k: found[k] for k in wanted}})
