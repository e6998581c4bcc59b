"""Masked cluster prediction; beside it phones, and that lips and audio agree. Knows batches and tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from viseme.expert.phones import UNKNOWN

__all__ = ["agreement_loss", "masked_loss"]


def masked_loss(
    network: Any,
    batch: Mapping[str, np.ndarray],
    *,
    penalty: float = 10.0,
    front_end_gradient: float = 0.1,
    phone_weight: float = 0.0,
    agreement_weight: float = 0.0,
    num_masked: int | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss of a `SpeechEncoder` on a batch, and the share of masked frames whose cluster it tells.

    Args:
        network: On any device.
        batch: From `SpeechDraw`.
        penalty: Weight of the mean square of the projected features.
        front_end_gradient: Factor on the gradient that reaches the front ends.
        phone_weight: Of the cross-entropy of phones, on all frames whose phone is known: of audio and video as masked,
            and, where `agreement_weight` is not 0, of each alone.
        agreement_weight: Of `agreement_loss` between lips alone and audio alone, nothing hidden.
        num_masked: Of the batch, so many clips, the first, are masked and their clusters told; None = all.

    Source:
        Shi et al., 2022, section 3.2: cross-entropy on masked frames alone, modality dropout as zeros after projection.
        Phones and agreement are ours.
    """
    device = next(network.parameters()).device
    t = {name: torch.from_numpy(values).to(device, non_blocking=True) for name, values in batch.items()}
    m = {name: values[:num_masked] for name, values in t.items()}
    audio = torch.where(m["audio_mask"][..., None], network.mask_emb, m["audio"])
    heard, seen = network.features(audio, m["video"], m["pad"])
    square = heard.square().mean() + seen.square().mean()
    heard, seen = (
        _slowed(x, front_end_gradient) * m[name][:, None, None] for x, name in ((heard, "heard"), (seen, "seen"))
    )
    x = network.encoder(network.fuse(heard, seen), m["pad"], None)
    hidden = (m["audio_mask"] & m["heard"][:, None]) | (m["video_mask"] & m["seen"][:, None])
    hidden &= ~m["pad"]
    logits, labels = network.logits(x[hidden]), m["labels"][hidden]
    value = cross_entropy(logits, labels) + penalty * square
    shown = {"told": (logits.argmax(-1) == labels).float().mean()}
    named = {"": (x, m["phones"])}
    if agreement_weight:
        lips, voice = network.encode(None, t["whole"], t["pad"]), network.encode(t["audio"], None, t["pad"])
        agreement, shown["matched"] = agreement_loss(lips, voice, t["pad"])
        value = value + agreement_weight * agreement
        named |= {"_seen": (lips, t["phones"]), "_heard": (voice, t["phones"])}
    for name, (of, said) in named.items() if phone_weight else ():
        known = said != UNKNOWN
        if bool(known.any()):
            phones = network.phone_head(of[known])
            value = value + phone_weight / len(named) * cross_entropy(phones, said[known])
            shown["phones" + name] = (phones.argmax(-1) == said[known]).float().mean()
    return value, shown


def agreement_loss(
    lips: Tensor, voice: Tensor, pad: Tensor, *, temperature: float = 0.07, num_others: int = 2
) -> tuple[Tensor, Tensor]:
    """Multi-way matching of two streams by the cosine of their frames, in both directions.

    Args:
        lips: (B, T, D), of video alone.
        voice: (B, T, D), of audio alone; frame t of it belongs to frame t of `lips`.
        pad: (B, T) True beyond the end of a clip.
        temperature: Divides the cosine.
        num_others: How many other clips' frames are wrong answers too.

    Returns:
        The loss, and the share of frames of `lips` that are matched to within one frame.
    """
    both = [torch.nn.functional.normalize(x, dim=-1) for x in (lips, voice)]
    kept, there = ~pad, (~pad).flatten()
    right = torch.arange(lips.shape[1], device=lips.device).expand(len(lips), -1).flatten()[there]
    losses, matched = [], []
    for one, other in (both, both[::-1]):
        logits = []
        for by in range(min(num_others, len(lips) - 1) + 1):
            scores = torch.einsum("btd,bsd->bts", one, other.roll(by, 0)) / temperature
            logits.append(scores.masked_fill(~kept.roll(by, 0)[:, None], -1e4).flatten(0, 1)[there])
        found = torch.cat(logits, 1)
        losses.append(cross_entropy(found, right))
        matched.append(((found.detach().argmax(1) - right).abs() <= 1).float().mean())
    return (losses[0] + losses[1]) / 2, matched[0]


def _slowed(x: Tensor, factor: float) -> Tensor:
    """The same values, a smaller gradient."""
    return x * factor + x.detach() * (1 - factor)
