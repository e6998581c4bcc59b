"""Masked cluster prediction, and phones as a second task. Knows batches and tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from viseme.expert.phones import UNKNOWN

__all__ = ["masked_loss"]


def masked_loss(
    network: Any,
    batch: Mapping[str, np.ndarray],
    *,
    penalty: float = 10.0,
    front_end_gradient: float = 0.1,
    phone_weight: float = 0.0,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss of a `SpeechEncoder` on a batch, and the share of masked frames whose cluster it tells.

    Args:
        network: On any device.
        batch: From `SpeechDraw`.
        penalty: Weight of the mean square of the projected features.
        front_end_gradient: Factor on the gradient that reaches the front ends.
        phone_weight: Of the cross-entropy of phones, on all frames whose phone is known.

    Source:
        Shi et al., 2022, section 3.2: cross-entropy on masked frames alone, modality dropout as zeros after projection.
    """
    device = next(network.parameters()).device
    t = {name: torch.from_numpy(values).to(device, non_blocking=True) for name, values in batch.items()}
    audio = torch.where(t["audio_mask"][..., None], network.mask_emb, t["audio"])
    heard, seen = network.features(audio, t["video"], t["pad"])
    square = heard.square().mean() + seen.square().mean()
    heard, seen = (
        _slowed(x, front_end_gradient) * t[name][:, None, None] for x, name in ((heard, "heard"), (seen, "seen"))
    )
    x = network.encoder(network.fuse(heard, seen), t["pad"], None)
    hidden = (t["audio_mask"] & t["heard"][:, None]) | (t["video_mask"] & t["seen"][:, None])
    hidden &= ~t["pad"]
    logits, labels = network.logits(x[hidden]), t["labels"][hidden]
    value = cross_entropy(logits, labels) + penalty * square
    shown = {"told": (logits.argmax(-1) == labels).float().mean()}
    if phone_weight and bool((t["phones"] != UNKNOWN).any()):
        phones = network.phone_head(x).flatten(0, 1)
        value = value + phone_weight * cross_entropy(phones, t["phones"].flatten(), ignore_index=UNKNOWN)
        known = t["phones"].flatten() != UNKNOWN
        shown["phones"] = (phones.argmax(-1) == t["phones"].flatten())[known].float().mean()
    return value, shown


def _slowed(x: Tensor, factor: float) -> Tensor:
    """The same values, a smaller gradient."""
    return x * factor + x.detach() * (1 - factor)
