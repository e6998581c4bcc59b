"""Masked cluster prediction; beside it phones, and that lips and audio agree. Knows batches and tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, ctc_loss

from viseme.expert.phones import PAUSE, UNKNOWN

__all__ = ["agreement_loss", "masked_loss", "phone_ctc"]


def masked_loss(
    network: Any,
    batch: Mapping[str, np.ndarray],
    *,
    penalty: float = 10.0,
    front_end_gradient: float = 0.1,
    phone_weight: float = 0.0,
    agreement_weight: float = 0.0,
    ctc_weight: float = 0.0,
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
        ctc_weight: Of `phone_ctc` on lips alone, nothing hidden.
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
    lips = network.encode(None, t["whole"], t["pad"]) if agreement_weight or ctc_weight else None
    if lips is not None and ctc_weight:
        shown["ctc"] = phone_ctc(network.phone_head(lips), t["phones"], t["pad"])
        value = value + ctc_weight * shown["ctc"]
    if lips is not None and agreement_weight:
        voice = network.encode(t["apart"], None, t["apart_pad"])
        agreement, shown["matched"] = agreement_loss(lips, voice, (t["pad"], t["apart_pad"]), t["lead"])
        value = value + agreement_weight * agreement
        named |= {"_seen": (lips, t["phones"]), "_heard": (voice, t["apart_phones"])}
    for name, (of, said) in named.items() if phone_weight else ():
        known = said != UNKNOWN
        if bool(known.any()):
            phones = network.phone_head(of[known])
            value = value + phone_weight / len(named) * cross_entropy(phones, said[known])
            shown["phones" + name] = (phones.argmax(-1) == said[known]).float().mean()
    return value, shown


def phone_ctc(logits: Tensor, said: Tensor, pad: Tensor) -> Tensor:
    """CTC of the phones that are said, a pause being the blank; a mean over phones.

    Args:
        logits: (B, T, P).
        said: (B, T) phone of each frame. Clips with a frame whose phone is not known are left out.
        pad: (B, T) True beyond the end of a clip.

    Source:
        Graves et al., "Connectionist Temporal Classification", 2006.
    """
    whole = ~((said == UNKNOWN) & ~pad).any(1)
    if not bool(whole.any()):
        return logits.sum() * 0
    inside = said[whole].masked_fill(pad[whole], PAUSE)
    before = torch.nn.functional.pad(inside, (1, 0), value=PAUSE)[:, :-1]
    begins = (inside != PAUSE) & (inside != before)
    return ctc_loss(
        logits[whole].log_softmax(-1).transpose(0, 1),
        inside[begins],
        (~pad[whole]).sum(1),
        begins.sum(1),
        blank=PAUSE,
        zero_infinity=True,
    )


def agreement_loss(
    lips: Tensor,
    voice: Tensor,
    pads: tuple[Tensor, Tensor],
    lead: Tensor,
    *,
    temperature: float = 0.07,
    num_others: int = 6,
) -> tuple[Tensor, Tensor]:
    """Multi-way matching of two streams by the cosine of their frames, in both directions.

    Args:
        lips: (B, T, D), of video alone.
        voice: (B, A, D), of audio alone.
        pads: (B, T) and (B, A), True beyond the end of a crop.
        lead: (B,) frame t of `lips` belongs to frame t + lead of `voice`; frames without a partner are only wrong
            answers. Crops that begin together would be matched by their ends.
        temperature: Divides the cosine.
        num_others: How many other clips' frames are wrong answers too.

    Returns:
        The loss, and the share of frames of `lips` that are matched to within one frame.
    """
    both = [torch.nn.functional.normalize(x, dim=-1) for x in (lips, voice)]
    losses, matched = [], []
    for (one, other), (pad, other_pad), by in ((both, pads, lead), (both[::-1], pads[::-1], -lead)):
        right = torch.arange(one.shape[1], device=one.device) + by[:, None]
        inside = ~pad & (right >= 0) & (right < (~other_pad).sum(1, keepdim=True))
        logits = []
        for turn in range(min(num_others, len(one) - 1) + 1):
            scores = torch.einsum("btd,bsd->bts", one, other.roll(turn, 0)) / temperature
            logits.append(scores.masked_fill(other_pad.roll(turn, 0)[:, None], -1e4)[inside])
        found, target = torch.cat(logits, 1), right[inside]
        losses.append(cross_entropy(found, target))
        matched.append(((found.detach().argmax(1) - target).abs() <= 1).float().mean())
    return (losses[0] + losses[1]) / 2, matched[0]


def _slowed(x: Tensor, factor: float) -> Tensor:
    """The same values, a smaller gradient."""
    return x * factor + x.detach() * (1 - factor)
