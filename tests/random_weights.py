"""Files of weights with small random networks, for every registered name whose weights do not ship."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import torch

from viseme.face3d.interface import load_face_model
from viseme.speakers.interface import speaker_networks
from viseme.speakers.pixel_scorers import PUBLISHED
from viseme.standardization.networks.export import save_expression_weights
from viseme.standardization.networks.expression import ExpressionNetwork
from viseme.standardization.networks.resnet import ResNet
from viseme.sync.checkpoint import Calibration
from viseme.sync.export import save_sync_weights
from viseme.sync.inputs.interface import visual_inputs
from viseme.sync.interface import sync_models
from viseme.sync.networks import model_name
from viseme.weights.export import save_networks

__all__ = ["expression_weights", "speaker_weights", "sync_weights"]


def sync_weights(path: Path, mode: str, model: str | None = None) -> Path:
    """The smallest network of a registered sync model (default: the one of that input) for a visual input."""
    torch.manual_seed(0)
    model = model or model_name(mode)
    shape = visual_inputs[mode].shape  # type: ignore[attr-defined]
    sizes = {"num_points": shape[0]} if len(shape) == 2 else {"channels": shape[0], "size": shape[1]}
    kind = sync_models[model]
    tiny = kind.Config.tiny()  # type: ignore[attr-defined]
    assert {f.name for f in fields(tiny)} >= sizes.keys(), f"{model} cannot be made for {mode}"
    network = kind(replace(tiny, **sizes))
    save_sync_weights(path, [network], input_mode=mode, calibration=Calibration(), card={}, model=model)
    return path


def speaker_weights(path: Path, name: str) -> Path:
    """A published speaker network, converted."""
    torch.manual_seed(0)
    network = speaker_networks[name]().eval()
    save_networks(path, {"": network}, component=PUBLISHED, header={"model": name, "source": "random"})
    return path


def expression_weights(path: Path, variant: str) -> Path:
    """A small expression network of the default face."""
    torch.manual_seed(0)
    config = ExpressionNetwork.Config(backbone=ResNet.Config(block="basic", depths=(1, 1), width=4), size=56)
    if variant == "per-image":
        config = replace(config, num_identity=80, num_texture=80)
    save_expression_weights(
        path, ExpressionNetwork(config).eval(), variant=variant, face_model=load_face_model(), card={}
    )
    return path
