"""Teach the audio stream to tell phones, before it learns which lips go with them.

Recordings of many people, aligned with what they say, hold voices that no real clip with a face brings. Knows
recordings and bands of audio; refuses to know faces.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from viseme.audio.bands import bands
from viseme.audio.clock import FRAME_S, frame_centre
from viseme.data.loader import Loader
from viseme.engine.loop import Device, LoopConfig, fit
from viseme.media.audio import read_audio
from viseme.sync.augment.audio import other_channel
from viseme.sync.augment.config import AugmentConfig
from viseme.sync.augment.crops import audio_crop
from viseme.sync.embeddings import normalise_mels
from viseme.synthetic.phonemes import SAMPLE_RATE
from viseme.synthetic.recordings import Recording, read_recordings, recording_folders

__all__ = ["PHONES", "PhoneBatch", "PhoneClip", "PhoneClips", "PhoneDraw", "phone_clip", "phone_clips", "teach_phones"]

# fmt: off
PHONES = (
    "SIL", "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G",
    "HH", "IH", "IY", "JH", "K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T",
    "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH",
)
# fmt: on
"""ARPABET; the first is silence."""
UNKNOWN = -100
"""Label of a step whose phone is not known."""


@dataclass(frozen=True)
class PhoneClip:
    """One recording as training hears it."""

    audio: NDArray[np.float16]
    """(A, 105) logarithm of the power in bands, every 10 ms."""
    level: float
    """90th percentile of the logarithm of the frames' power."""
    phones: NDArray[np.int8]
    """(A,) number of the phone at the centre of each frame."""


class PhoneBatch(NamedTuple):
    """Crops of recordings."""

    mels: NDArray[np.float32]
    """(B, 4 T, 40) normalised."""
    phones: NDArray[np.int64]
    """(B, T) the phone every 40 ms, centred as the steps of the audio stream; `UNKNOWN` where two phones meet."""


def phone_clip(recording: Recording) -> PhoneClip:
    """Hear a recording.

    Raises:
        MediaError: it cannot be read.
    """
    first, audio = bands(np.concatenate([block.samples for block in read_audio(recording.path, rate=SAMPLE_RATE)]))
    centres = frame_centre(first) + np.arange(len(audio)) * FRAME_S
    phones = np.zeros(len(audio), np.int8)
    for name, start, end in recording.phones:
        phones[(centres >= start) & (centres < end)] = PHONES.index(name) if name in PHONES else 0
    power = np.exp(audio.astype(np.float32)).sum(1)
    return PhoneClip(audio, float(np.percentile(np.log(power), 90)), phones)


@dataclass(frozen=True)
class PhoneClips(Sequence[PhoneClip]):
    """Recordings, each heard when it is first asked for and then kept: a minute takes 1.3 MB."""

    recordings: tuple[Recording, ...]
    _heard: dict[int, PhoneClip] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.recordings)

    @overload
    def __getitem__(self, index: int) -> PhoneClip: ...
    @overload
    def __getitem__(self, index: slice) -> PhoneClips: ...
    def __getitem__(self, index: int | slice) -> PhoneClip | PhoneClips:
        """A recording as training hears it, or some of them."""
        if isinstance(index, slice):
            return PhoneClips(self.recordings[index])
        if index not in self._heard:
            self._heard[index] = phone_clip(self.recordings[index])
        return self._heard[index]

    @property
    def odds(self) -> NDArray[np.float64]:
        """(N,) how often each is drawn: as it is long."""
        seconds = np.array([recording.phones[-1][2] for recording in self.recordings])
        return seconds / seconds.sum()

    def __reduce__(self) -> tuple[Any, ...]:
        return PhoneClips, (self.recordings,)


def phone_clips(speech: Sequence[Path], *, without: Collection[str] = ()) -> PhoneClips:
    """Every recording of folders that may be learnt from and whose phones are ARPABET; none where there is no such
    folder.

    Args:
        speech: See `read_recordings`.
        without: Speakers who are kept for calibration.
    """
    found = [r for folder in recording_folders(speech) for r in read_recordings(folder)]
    heard = [r for r in found if r.speaker not in without and all(name in PHONES for name, _, _ in r.phones)]
    return PhoneClips(tuple(heard))


@dataclass(frozen=True, kw_only=True)
class PhoneDraw:
    """Draws batches of crops."""

    clips: Sequence[PhoneClip]
    config: AugmentConfig
    """What crops go through, as those of clips with faces do."""
    size: int = 24
    """Crops of a batch."""
    num_steps: int = 40
    """Steps of a crop, 40 ms each."""
    odds: NDArray[np.float64] | None = None
    """How often each clip is drawn; sums to 1. None = all alike."""

    def __call__(self, rng: np.random.Generator) -> PhoneBatch:
        """The same generator gives the same batch."""
        chosen = rng.choice(len(self.clips), size=self.size, p=self.odds)
        power, phones = zip(*(self._crop(self.clips[i], rng) for i in chosen.tolist()))
        heard = other_channel(np.stack(power).astype(np.float32), self.config, rng)
        return PhoneBatch(normalise_mels(heard), np.stack(phones))

    def _crop(self, clip: PhoneClip, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        stretch = float(np.exp(rng.uniform(*np.log(self.config.stretch))))
        stretch = min(stretch, (len(clip.audio) - 1) / (4 * self.num_steps))
        positions = np.arange(4 * self.num_steps) * stretch
        positions += rng.random() * (len(clip.audio) - 1 - positions[-1])
        at = np.rint(positions).astype(int)
        around = clip.phones[at].reshape(-1, 4).astype(np.int64)
        labels = np.where(around[:, 1] == around[:, 2], around[:, 1], UNKNOWN)
        return audio_crop(clip.audio, positions, clip.level, self.config, rng), labels


class _Listener(nn.Module):
    """An audio stream with a head that names phones."""

    def __init__(self, network: nn.Module, width: int) -> None:
        super().__init__()
        self.network, self.head = network, nn.Linear(width, len(PHONES))

    def forward(self, mels: Tensor) -> Tensor:
        """(B, T, 40) logits."""
        return self.head(self.network.audio_states(mels))  # type: ignore[operator]


def _loss(listener: nn.Module, batch: PhoneBatch) -> tuple[Tensor, dict[str, Tensor]]:
    mels, phones = (torch.from_numpy(a).to(next(listener.parameters()).device) for a in batch)
    logits = listener(mels).flatten(0, 1)
    phones = phones.flatten()
    known = phones != UNKNOWN
    right = (logits.detach().argmax(1) == phones)[known].float().mean()
    return nn.functional.cross_entropy(logits, phones, ignore_index=UNKNOWN, label_smoothing=0.05), {"right": right}


def teach_phones(
    network: nn.Module,
    clips: Sequence[PhoneClip],
    *,
    augment: AugmentConfig,
    loop: LoopConfig,
    width: int,
    device: Device = "auto",
    checkpoint: Path | None = None,
    on_step: Callable[[int, dict[str, float]], None] | None = None,
) -> nn.Module:
    """Train the audio stream of a network in place; what names the phones is thrown away.

    Args:
        network: With `audio_states(mels) -> (B, T, width)`.
        clips: Recordings.
        augment: What crops go through.
        loop: The schedule.
        width: Of the states.
        device: Where to train.
        checkpoint: Where training goes on from, and is kept.
        on_step: Told the step just done and its numbers.
    """
    odds = clips.odds if isinstance(clips, PhoneClips) else None
    draw = PhoneDraw(clips=clips, config=augment, odds=odds)
    listener = _Listener(network, width)
    fit(
        listener,
        _loss,
        loop,
        batches=Loader(draw=draw, seed=loop.seed),
        device=device,
        checkpoint=checkpoint,
        on_step=on_step,
    )
    return network
