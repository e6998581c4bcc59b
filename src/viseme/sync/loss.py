"""Multi-way matching within a clip, in both directions, and matching of whole stretches. Knows batches and tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from viseme.sync.augment.crops import Batch
from viseme.sync.estimator import NOISE

__all__ = ["batch_loss", "matching_loss", "stretch_loss"]


def batch_loss(network: torch.nn.Module, batch: Batch, *, stretch_weight: float) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss of a network on a batch, and the fraction of windows it matched and its stretch loss.

    Args:
        network: A module of `sync_models`, on any device.
        batch: What `batch.mismatched` names counts as wrong answers too.
        stretch_weight: Of the stretch loss beside multi-way matching.
    """
    device = next(network.parameters()).device
    video, mels = (torch.from_numpy(array).to(device, non_blocking=True) for array in (batch.video, batch.mels))
    seen, heard = network.embed_video(video), network.embed_audio(mels)  # type: ignore[operator]
    scale = network.scale()  # type: ignore[operator]
    scores = torch.einsum("btd,bsd->bts", seen, heard) * scale
    matching, right = matching_loss(scores, batch.lead)
    others = torch.from_numpy(batch.mismatched).to(device).unbind(1) if batch.mismatched.size else ()
    mismatched = [torch.einsum("btd,bsd->bts", seen, heard[k]) * scale for k in others]
    stretch = stretch_loss(scores, batch.lead, mismatched)
    return matching + stretch_weight * stretch, {"matched": right, "stretch": stretch.detach()}


def matching_loss(scores: Float[Tensor, "B T A"], lead: int) -> tuple[Tensor, Tensor]:
    """Softmax cross-entropy of every video window among all audio windows of the clip, and the other way round.

    Args:
        scores: Video step `i` belongs to audio step `i + lead`; steps without a partner are only wrong answers.

    Returns:
        The loss, and the fraction of video windows matched to within one step.

    Source:
        Chung et al., "Perfect Match", 2019 (video to audio); the other direction is ours.
    """
    size, num, length = scores.shape
    rows = torch.arange(max(0, -lead), min(num, length - lead), device=scores.device)  # those with a partner
    columns = rows + lead
    to_audio = torch.nn.functional.cross_entropy(scores[:, rows].reshape(-1, length), columns.repeat(size))
    to_video = torch.nn.functional.cross_entropy(
        scores[:, :, columns].transpose(1, 2).reshape(-1, num), rows.repeat(size)
    )
    right = (scores.detach()[:, rows].argmax(2) - columns).abs() <= 1
    return (to_audio + to_video) / 2, right.float().mean()


def stretch_loss(
    scores: Float[Tensor, "B T A"],
    lead: int,
    mismatched: Sequence[Float[Tensor, "B T A"]] = (),
    *,
    least: int = 8,
    temperature: float = 3.0,
) -> Tensor:
    """Cross-entropy of the true delay among all delays with at least `least` pairs, by summed evidence.

    Args:
        scores: Of a clip's own audio; video step `i` belongs to audio step `i + lead`.
        lead: See `scores`.
        mismatched: Scores of the same frames with the audio of other clips: every delay there is a wrong answer too.
        least: Pairs a delay needs.
        temperature: Divides the evidence.
    """
    size, num, length = scores.shape
    both = [scores, *mismatched]
    normal = torch.logsumexp(torch.cat(both, 2), 2, keepdim=True) - math.log(length * len(both))
    sums = [_delay_sums(s - normal)[:, least - 1 : num + length - least] for s in both]
    target = torch.full((size,), lead + num - least, device=scores.device)
    return torch.nn.functional.cross_entropy(torch.cat(sums, 1) / temperature, target)


def _delay_sums(ratios: Tensor) -> Tensor:
    """(B, T + A - 1) evidence of every delay, least first, from (B, T, A) log-likelihood ratios.

    The evidence of a pair is bounded below, as in `estimator.log_ratios`: windows that say nothing are left out.
    """
    _, num, length = ratios.shape
    ratios = torch.logaddexp(ratios + math.log(1 - NOISE), torch.full_like(ratios, math.log(NOISE)))
    # row i of the flipped matrix, moved right by i, puts every delay in one column
    skewed = torch.nn.functional.pad(ratios.flip(1), (0, num)).flatten(1)[:, :-num]
    return skewed.view(-1, num, num + length - 1).sum(1)
