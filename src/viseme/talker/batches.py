"""Batches for a talker's training, under the leakage rule, and what a sync loss needs beside them. Knows arrays.

A reference lies a second or more from every frame of its window, and in one case in ten in another clip of the person.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import DataError
from viseme.data.store import ClipStore
from viseme.talker.clips import NUM_FRAMES, TalkerClips, pieces

__all__ = ["APART", "AROUND", "TalkerDraw", "reference_frames", "speaker_odds"]

APART = 25
"""Frames between a window and its reference, at least."""
AROUND = 13
"""Frames that the front end of an expert is run on: those that 9 steps see, which 5 changed frames reach."""
_REACH = (AROUND - NUM_FRAMES) // 2


def reference_frames(num: int, first: int, *, length: int = NUM_FRAMES, apart: int = APART) -> NDArray[np.int64]:
    """Frames of a clip that may be the reference of a window: `apart` or more from every frame of it.

    Example:
        >>> reference_frames(60, 20).tolist()
        [49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59]
    """
    every = np.arange(num)
    return every[(every <= first - apart) | (every >= first + length - 1 + apart)]


def speaker_odds(clips: TalkerClips) -> NDArray[np.float64]:
    """(N,) how often each clip is drawn: a speaker as the square root of their clips."""
    counts = Counter(info.speaker for info in clips.infos)
    odds = np.array([counts[info.speaker] ** -0.5 for info in clips.infos])
    return odds / odds.sum()


@dataclass(frozen=True)
class TalkerDraw:
    """Draws batches; goes to the processes that do so as a pickle."""

    clips: TalkerClips
    size: int
    """Windows of a batch."""
    other_share: float = 0.1
    """How often the reference is of another clip of the person, where there is one."""
    features: ClipStore | None = None
    """What an expert finds of whole clips (`expert_features`); None = there is no such loss."""
    with_audio: bool = False
    """Whether the expert hears the clip too."""

    def __call__(self, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        """Arrays of a batch.

        `faces` (B, K, S, S, 3) and `identity` (B, S, S, 3) uint8, `mel` (B, K, 80, 16), `flipped` (B,). With features:
        `around` (B, 13, S, S, 3) uint8 and `to_mouth` (B, 13, 2, 3) as filmed, `first` (B,) their first step of the
        piece, `at` (B,) of them the first of the window; `seen` and `heard` (B, P, D), `pad` (B, P), `target`
        (B, K, D).
        """
        numbers = rng.choice(len(self.clips), self.size, p=self._odds)
        rows = [self._window(int(number), rng) for number in numbers]
        batch = {name: _stacked([row[name] for row in rows]) for name in rows[0]}
        if self.features is not None:
            lengths = np.array([len(row["seen"]) for row in rows])
            batch["pad"] = np.arange(batch["seen"].shape[1]) >= lengths[:, None]
        return batch

    @cached_property
    def _odds(self) -> NDArray[np.float64]:
        return speaker_odds(self.clips)

    @cached_property
    def _of_speaker(self) -> dict[str, list[int]]:
        found = defaultdict(list)
        for number, info in enumerate(self.clips.infos):
            found[info.speaker].append(number)
        return found

    def _window(self, number: int, rng: np.random.Generator) -> dict[str, Any]:
        faces, mel, to_mouth = self.clips.read(number, "faces", "mel", "to_mouth")
        parts = list(pieces(len(faces)))
        begin, end = parts[int(rng.integers(len(parts)))]
        first = int(rng.integers(begin, end - NUM_FRAMES + 1))
        window = slice(first, first + NUM_FRAMES)
        flip = bool(rng.random() < 0.5)
        shown = faces[window], self._identity(number, len(faces), first, rng)
        real, identity = (np.ascontiguousarray(x[..., ::-1, :] if flip else x) for x in shown)
        row = {
            "faces": real, "identity": identity, "mel": mel[window].astype(np.float32), "flipped": np.array(flip),
        }  # fmt: skip
        if self.features is None:
            return row
        low = min(max(first - _REACH, begin), end - AROUND)
        names = ("seen", "target", "heard") if self.with_audio else ("seen", "target")
        found = self.features.read(f"{self.clips.keys[number]}-{begin}", names)
        held = dict(zip(names, (x.astype(np.float32) for x in found)))
        return row | {
            "around": np.array(faces[low : low + AROUND]),
            "to_mouth": np.array(to_mouth[low : low + AROUND]),
            "first": np.array(low - begin),
            "at": np.array(first - low),
            **held,
            "target": held["target"][first - begin : first - begin + NUM_FRAMES],
        }

    def _identity(self, number: int, num: int, first: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        """(S, S, 3) the reference."""
        others = [i for i in self._of_speaker[self.clips.infos[number].speaker] if i != number]
        apart = reference_frames(num, first)
        if others and (not len(apart) or rng.random() < self.other_share):
            (faces,) = self.clips.read(others[int(rng.integers(len(others)))], "faces")
            return faces[int(rng.integers(len(faces)))]
        if not len(apart):
            name = self.clips.infos[number].name
            raise DataError(f"{name} is too short for a reference a second away, and its person has no other clip")
        return self.clips.read(number, "faces")[0][int(rng.choice(apart))]


def _stacked(rows: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Rows as one array, zeros beyond their ends."""
    if rows[0].ndim == 0 or len({len(row) for row in rows}) == 1:
        return np.stack(rows)
    longest = max(map(len, rows))
    return np.stack([np.pad(row, [(0, longest - len(row)), *[(0, 0)] * (row.ndim - 1)]) for row in rows])
