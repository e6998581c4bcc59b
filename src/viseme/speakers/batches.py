"""What the head learns from at each step: stretches of conversations and of real clips, and the loss on them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from viseme.engine.progress import Bar
from viseme.speakers.corpus import APART, UNCERTAIN, LabelledFaces, under_audio
from viseme.speakers.head import CLASSES, face_inputs, voice_inputs
from viseme.speakers.models.speaker_head import SpeakerHead
from viseme.speakers.recipes import SpeakersRecipe
from viseme.sync.checkpoint import SyncWeights
from viseme.sync.clips import Clip

__all__ = ["BatchDraw"]

assert CLASSES == ("not_speaking", "speaking", "dubbed")  # labels count them


class BatchDraw:
    """Batches of stretches, and the loss on them."""

    def __init__(
        self, bundle: SyncWeights, learnt: Sequence[LabelledFaces], real: Sequence[Clip], recipe: SpeakersRecipe
    ) -> None:
        """Put real clips under their own and other audio; conversations are taken as they are.

        Args:
            bundle: Sync weights whose scores the head sees.
            learnt: Conversations.
            real: Clips of one speaking face; none = conversations alone.
            recipe: How much of what a batch holds.
        """
        self._recipe = recipe
        self._faces = [
            (inputs, state)
            for made in learnt
            for inputs, state in zip(face_inputs(made.faces, made.audio), made.states)
        ]
        self._voices = [(voice_inputs(made.audio.bands), made.heard) for made in learnt if len(made.heard)]
        pairs = _pairs(bundle, real, recipe.num_pairs) if real else []
        self._real = [(face_inputs(made.faces, made.audio)[0], made.states[0]) for made in pairs]

    def loss(self, head: nn.Module, rng: np.random.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy of faces and of voices."""
        assert isinstance(head, SpeakerHead)
        num_real = round(self._recipe.batch * self._recipe.real_share) if self._real else 0
        drawn = [self._real[i] for i in rng.integers(len(self._real), size=num_real)] if num_real else []
        drawn += [self._faces[i] for i in rng.integers(len(self._faces), size=self._recipe.batch - num_real)]
        device = next(head.parameters()).device
        inputs, labels = (x.to(device) for x in _stacked(drawn, self._recipe.crop, rng, UNCERTAIN))
        chance = torch.log_softmax(head(inputs), -1)
        apart = torch.logaddexp(chance[..., 0], chance[..., 2])
        picked = chance.gather(-1, labels.clamp(0, 2)[..., None])[..., 0]
        wrong = -torch.where(labels == APART, apart, picked)
        counted = labels != UNCERTAIN
        face_loss = (wrong * counted).sum() / counted.sum().clamp_min(1)
        right = ((chance.detach().argmax(-1) == 1) == (labels == 1))[counted].float().mean()
        voices = [self._voices[i] for i in rng.integers(len(self._voices), size=max(2, self._recipe.batch // 2))]
        bands, heard = (x.to(device) for x in _stacked(voices, self._recipe.crop, rng, UNCERTAIN))
        odds = head.voice(bands)
        known = heard != UNCERTAIN
        voice_loss = nn.functional.binary_cross_entropy_with_logits(odds[known], heard[known].float())
        return face_loss + 0.5 * voice_loss, {"right": right, "voice": voice_loss.detach()}


def _pairs(bundle: SyncWeights, clips: Sequence[Clip], num: int) -> list[LabelledFaces]:
    """Clips under their own audio and, as often, another's; over half of them noise."""
    out, bar = [], Bar("real clips")
    for i in range(num):
        rng = np.random.default_rng([7, i])
        face, other, noise = (clips[int(k)] for k in rng.integers(len(clips), size=3))
        audio = face if rng.random() < 0.5 else other
        out.append(under_audio(bundle, face, audio, rng, noise=noise if rng.random() < 0.6 else None))
        bar(i + 1, num)
    return out


def _stacked(
    drawn: Sequence[tuple[NDArray[np.float32], NDArray]], crop: int, rng: np.random.Generator, pad: int
) -> tuple[Tensor, Tensor]:
    """(B, T, D) and (B, T): stretches of at most `crop` steps, padded with zeros that do not count."""
    pieces = []
    for inputs, labels in drawn:
        start = int(rng.integers(max(1, len(inputs) - crop + 1)))
        pieces.append((inputs[start : start + crop], labels[start : start + crop]))
    longest = max(len(x) for x, _ in pieces)
    x = np.zeros((len(pieces), longest, pieces[0][0].shape[1]), np.float32)
    y = np.full((len(pieces), longest), pad, np.int64)
    for i, (inputs, labels) in enumerate(pieces):
        x[i, : len(inputs)], y[i, : len(labels)] = inputs, labels
    return torch.from_numpy(x), torch.from_numpy(y)
