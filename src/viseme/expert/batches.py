"""Batches for masked cluster prediction: crops, what is hidden of them, and what is to be told. Knows arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.expert.corpus import SpeechClips
from viseme.expert.phones import UNKNOWN
from viseme.expert.seen import varied

__all__ = ["MaskConfig", "SpeechDraw", "span_mask"]

APART = 40
"""Frames by which a crop of the audio alone may begin before or end after the video's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MaskConfig:
    """What is hidden in training."""

    audio: float = 0.8
    """Expected share of audio steps that are covered, spans that overlap counted twice."""
    audio_length: int = 10
    """Steps of a span."""
    video: float = 0.3
    """The same of video, which is replaced by other frames of the clip."""
    video_length: int = 5
    """Frames of a span."""
    dropout: float = 0.5
    """Probability that a clip loses one modality, half the time audio."""


@dataclass(frozen=True)
class SpeechDraw:
    """Draws batches; goes to the processes that do so as a pickle."""

    clips: SpeechClips
    labels: Sequence[NDArray[np.int64]]
    """(T,) cluster of each frame of each clip."""
    odds: NDArray[np.float64]
    """(N,) how often each clip is drawn."""
    size: int
    """Clips of a batch."""
    longest: int
    """Frames of a crop at most."""
    mask: MaskConfig

    def __call__(self, rng: np.random.Generator) -> dict[str, NDArray]:
        """Arrays of a batch: `audio` (B, T, 104), `video` (B, T, ...) with its masked spans replaced and `whole`
        without, `audio_mask`, `video_mask` and `pad` (B, T), `labels` and `phones` (B, T), `heard` and `seen` (B,).

        Beside these a crop of the audio that begins and ends elsewhere, `apart` (B, A, 104), with `apart_pad` and
        `apart_phones` (B, A): frame t of the video belongs to frame t + `lead` (B,) of it.
        """
        crops = [self._crop(int(i), rng) for i in rng.choice(len(self.clips), self.size, p=self.odds)]
        batch = {name: _stacked([crop[name] for crop in crops]) for name in crops[0] if name != "lead"}
        for name, of in (("pad", "labels"), ("apart_pad", "apart_phones")):
            lengths = np.array([len(crop[of]) for crop in crops])
            batch[name] = np.arange(batch[of].shape[1]) >= lengths[:, None]
        batch["lead"] = np.array([crop["lead"] for crop in crops], np.int64)
        lost = rng.random(self.size) < self.mask.dropout
        which = rng.random(self.size) < 0.5
        return {**batch, "heard": ~(lost & which), "seen": ~(lost & ~which)}

    def _crop(self, number: int, rng: np.random.Generator) -> dict[str, Any]:
        seen, speech, phones = self.clips.read(number, self.clips.seen, "speech", "phones")
        num = min(len(seen), self.longest)
        at = int(rng.integers(len(seen) - num + 1))
        part = slice(at, at + num)
        video = varied(seen[part], rng)
        video_mask = span_mask(num, self.mask.video, self.mask.video_length, rng)
        few = int(rng.integers(max(1, num * 2 // 3), num + 1))
        begin = int(rng.integers(max(0, at - APART), min(len(seen) - few, at + num - few + APART) + 1))
        return {
            "audio": _noisy(speech[part], rng),
            "video": _replaced(video, video_mask, rng),
            "whole": video,
            "audio_mask": span_mask(num, self.mask.audio, self.mask.audio_length, rng),
            "video_mask": video_mask,
            "labels": self.labels[number][part],
            "phones": phones[part],
            "apart": _noisy(speech[begin : begin + few], rng),
            "apart_phones": phones[begin : begin + few],
            "lead": at - begin,
        }


def _noisy(speech: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.float32]:
    """Audio steps, three times in ten with noise."""
    audio = speech.astype(np.float32)
    if rng.random() < 0.3:
        audio += rng.normal(0, rng.uniform(0, 0.6), audio.shape).astype(np.float32)
    return audio


def span_mask(num: int, share: float, length: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(T,) spans of `length` steps that begin anywhere and may overlap; their lengths add up to `share` of `num`."""
    length = min(length, num)
    spans = int(share * num / length + rng.random())
    mask = np.zeros(num, bool)
    for start in rng.integers(num - length + 1, size=spans).tolist():
        mask[start : start + length] = True
    return mask


def _replaced(video: NDArray[np.float32], mask: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.float32]:
    """Masked frames replaced by those of another place of the clip, in their order."""
    out, edges = video.copy(), np.flatnonzero(np.diff(np.concatenate([[0], mask, [0]])))
    for start, end in edges.reshape(-1, 2).tolist():
        other = int(rng.integers(len(video) - (end - start) + 1))
        out[start:end] = video[other : other + end - start]
    return out


def _stacked(crops: Sequence[NDArray]) -> NDArray:
    """Crops as one array, zeros beyond their ends, or `UNKNOWN` where they are classes."""
    longest = max(map(len, crops))
    filler = UNKNOWN if crops[0].dtype == np.int64 else 0
    widths = [[(0, longest - len(x)), *[(0, 0)] * (x.ndim - 1)] for x in crops]
    return np.stack([np.pad(x, width, constant_values=filler) for x, width in zip(crops, widths)])
