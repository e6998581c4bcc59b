"""Clips that teach a speech expert: lips, what is heard, cepstra and phones, on one clock of 25 frames a second.

Knows sources of clips; refuses to know networks. Clips are prepared once and kept; one marked `dev` never comes here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from viseme.audio.clock import RATE as SAMPLE_RATE
from viseme.audio.features import mfcc, speech_features
from viseme.core.errors import DataError, NoAudio
from viseme.data.manifest import ManifestRow
from viseme.data.prepare import PreparedClips, TrackedClips, View, prepare, track_clips
from viseme.data.sources import ClipInfo, TrackedClip, clip_sources
from viseme.engine.progress import Bar
from viseme.expert.interface import RATE
from viseme.expert.phones import UNKNOWN, phones_of_frames
from viseme.expert.seen import Sees, seen_of
from viseme.expert.whisper import whisper_states
from viseme.media.audio import join_blocks, read_audio
from viseme.synthetic.alignment import align

__all__ = ["HeardClips", "SpeechClips", "Targets", "real_clips", "recorded_clips"]

VIEW = "speech-landmarks-2"
"""Names what is made of a clip; raise the number when it is made otherwise."""
Targets = Literal["cepstra", "whisper"]
"""What the first clusters are made of: cepstra, or states of Whisper's encoder beside them (extra `[asr]`)."""
SEEN: dict[Sees, str] = {"landmarks": "points", "mesh": "points", "pixel": "mouths"}
"""Names of arrays."""
LEAST_FRAMES = 25
"""Shorter clips are not used."""
HELD_OUT = 10
"""One speaker in so many is kept for measuring."""


@dataclass(frozen=True)
class SpeechClips:
    """Prepared clips on disk; goes to other processes as names, not as data."""

    prepared: tuple[PreparedClips, ...]
    """Of each source."""
    places: tuple[tuple[int, int], ...]
    """Of each clip: which source, which of its clips."""
    seen: str = "points"
    """Name of the array that the video stream sees."""

    def __len__(self) -> int:
        return len(self.places)

    def read(self, number: int, *names: str) -> list[NDArray[Any]]:
        """Some arrays of a clip: what `seen` names, see `seen_of`; `speech` (T, 104), `cepstra` (T, 39), `phones` (T,);
        with those targets `whisper` (T, 768)."""
        source, place = self.places[number]
        prepared = self.prepared[source]
        return prepared.store.read(prepared.keys[place], names)

    @property
    def infos(self) -> list[ClipInfo]:
        """What is known of each."""
        return [self.prepared[source].infos[place] for source, place in self.places]

    @property
    def keys(self) -> list[str]:
        """Of each."""
        return [self.prepared[source].keys[place] for source, place in self.places]

    def apart(self) -> tuple[SpeechClips, SpeechClips]:
        """Clips to learn from, and those of one speaker in ten, who is not among the first."""
        held = [_number(info.speaker) % HELD_OUT == 0 for info in self.infos]
        pick = [tuple(p for p, h in zip(self.places, held) if h is which) for which in (False, True)]
        return replace(self, places=pick[0]), replace(self, places=pick[1])

    @classmethod
    def of(cls, prepared: Sequence[PreparedClips], sees: Sees = "landmarks") -> SpeechClips:
        """All clips of some preparations."""
        places = tuple((s, i) for s, found in enumerate(prepared) for i in range(len(found.keys)))
        return cls(tuple(prepared), places, SEEN[sees])


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")


def real_clips(
    rows: Sequence[ManifestRow],
    work: Path,
    *,
    sees: Sees = "landmarks",
    targets: Targets = "cepstra",
    num_jobs: int = 1,
) -> PreparedClips:
    """Clips of a manifest whose delay it knows; the others are left out.

    Args:
        rows: From `read_manifest`; phones of those whose text is known are aligned.
        work: Folder where what was prepared is kept; faces that `train sync` followed there are not followed again.
        sees: What the video stream is to see.
        targets: What the first clusters are to be made of.
        num_jobs: Processes.

    Raises:
        MissingExtra: phones are to be aligned, and pocketsphinx is not installed; or Whisper is not.
    """
    known = tuple(row for row in rows if row.audio_delay is not None)
    tracked = track_clips(clip_sources["manifest"](known), work, num_jobs=num_jobs, on_progress=Bar("tracking faces"))
    return prepare(HeardClips(tracked, known), _view(targets, sees), work, num_jobs=num_jobs, on_progress=Bar("speech"))


def recorded_clips(
    num: int,
    speech: Path,
    work: Path,
    *,
    sees: Sees = "landmarks",
    targets: Targets = "cepstra",
    num_jobs: int = 1,
) -> PreparedClips:
    """Synthetic talkers with the voices of recorded people, whose phones are known.

    Raises:
        DataError: the recordings are not there.
    """
    source = clip_sources["synthetic-recorded"]([speech], range(num))
    return prepare(source, _view(targets, sees), work, num_jobs=num_jobs, on_progress=Bar("recorded talkers"))


def _view(targets: Targets, sees: Sees) -> View:
    name = VIEW if sees == "landmarks" else f"speech-{sees}-1"
    if targets == "cepstra":
        return View(name, partial(_made, sees=sees), needs_pixels=sees == "pixel")
    return View(f"{name}+{targets}", partial(_made_with_whisper, sees=sees), needs_pixels=sees == "pixel")


@dataclass(frozen=True)
class HeardClips:
    """Clips of a manifest, followed before, with the samples of their audio."""

    tracked: TrackedClips
    rows: tuple[ManifestRow, ...]
    with_phones: bool = True
    """Whether phones are aligned where what is said is known."""

    @property
    def kind(self) -> str:
        return self.tracked.kind

    @property
    def clips(self) -> Sequence[ClipInfo]:
        return self.tracked.clips

    def key(self, number: int) -> str:
        return self.tracked.key(number)

    def track(self, number: int, *, pixels: bool = False) -> TrackedClip:
        row = self.rows[self.tracked.tracked.numbers[number]]
        try:
            samples, start = join_blocks(list(read_audio(row.path, rate=SAMPLE_RATE)))
        except (NoAudio, IndexError):
            raise DataError(f"{row.path} has no audio") from None
        begin = float(start) - (row.audio_delay or 0.0)
        text = row.text if self.with_phones else ""
        truth = {"samples": samples, "samples_start": np.array(begin), **_phones(samples, begin, text)}
        return replace(self.tracked.track(number, pixels=pixels), truth=truth)


def _phones(samples: NDArray[np.float32], begin: float, text: str) -> dict[str, NDArray[Any]]:
    """Phones of what is said, where that is known and fits the audio, with their times."""
    if not text:
        return {}
    try:
        names, *times = zip(*align(samples, text).phones)
    except DataError:
        return {}
    return {"phones": np.array(names), "phone_times": np.array(times).T + begin}


def _made(clip: TrackedClip, sees: Sees) -> Mapping[str, NDArray[Any]]:
    begin, seen = seen_of(clip, sees)
    num, truth = len(seen), clip.truth
    if num < LEAST_FRAMES:
        raise DataError(f"the face is seen for less than {LEAST_FRAMES / RATE:g} s")
    start = float(truth["samples_start"]) - begin
    unknown = np.full(num, UNKNOWN, np.int64)
    said = (
        phones_of_frames(truth["phones"].tolist(), truth["phone_times"], num, begin) if "phones" in truth else unknown
    )
    return {
        SEEN[sees]: seen,
        "speech": speech_features(truth["samples"], num, start=start).astype(np.float16),
        "cepstra": _cepstra(truth["samples"], num, start).astype(np.float16),
        "phones": said,
    }


def _made_with_whisper(clip: TrackedClip, sees: Sees) -> Mapping[str, NDArray[Any]]:
    made, truth = _made(clip, sees), clip.truth
    num, start = len(made[SEEN[sees]]), float(truth["samples_start"]) - float(clip.times[0])
    states = whisper_states(_placed(truth["samples"], num, start), num)
    return {**made, "whisper": states.astype(np.float16)}


def _placed(samples: NDArray[np.floating], num: int, start: float) -> NDArray[np.floating]:
    """(S,) from the beginning of the first of `num` frames to a frame after the last."""
    lead = round(start * SAMPLE_RATE)
    placed = np.pad(samples, (max(0, lead), 0))[max(0, -lead) :]
    wanted = (num + 1) * SAMPLE_RATE // RATE
    return np.pad(placed, (0, max(0, wanted - len(placed))))[:wanted]


def _cepstra(samples: NDArray[np.floating], num: int, start: float) -> NDArray[np.float32]:
    """(T, 39) MFCC with first and second differences, every fourth frame.

    Source:
        Shi et al., 2022: targets of the first iteration.
    """
    found = mfcc(_placed(samples, num, start))
    slope = np.gradient(found, axis=0)
    return np.concatenate([found, slope, np.gradient(slope, axis=0)], 1)[::4][:num]
