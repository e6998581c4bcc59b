"""Batches that teach experts: windows with their own audio or another's, crops with audio that begins elsewhere.

Knows arrays; refuses to know networks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.talker.batches import speaker_odds
from viseme.talker.clips import NUM_FRAMES, TalkerClips

__all__ = ["PairDraw", "SpeechPairDraw"]

LEAST_APART = 3
"""Frames between a window and a mismatched one of the same clip, at least."""
APART = 20
"""Frames by which a crop of the audio may begin before or after the video's."""


@dataclass(frozen=True)
class PairDraw:
    """For the lip expert: half of the windows have mel windows of another time of the same clip.

    Source: Prajwal et al. 2020, section 3.2.
    """

    clips: TalkerClips
    size: int

    def __call__(self, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        """`faces` (B, 5, S, S, 3) uint8, `mel` (B, 80, 16), `together` (B,) 1 or 0."""
        rows = [self._pair(int(i), rng) for i in rng.choice(len(self.clips), self.size, p=self._odds)]
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}

    @cached_property
    def _odds(self) -> NDArray[np.float64]:
        return speaker_odds(self.clips)

    def _pair(self, number: int, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        faces, mel = self.clips.read(number, "faces", "mel")
        num = len(faces) - NUM_FRAMES + 1
        first, together = int(rng.integers(num)), bool(rng.random() < 0.5)
        heard = first
        if not together:
            every = np.arange(num)
            heard = int(rng.choice(every[abs(every - first) >= LEAST_APART]))
        return {
            "faces": np.array(faces[first : first + NUM_FRAMES]),
            "mel": mel[heard + NUM_FRAMES // 2].astype(np.float32),
            "together": np.array(together, np.float32),
        }


@dataclass(frozen=True)
class SpeechPairDraw:
    """For a speech expert that sees pixels: crops of faces, their mouths moved, turned and scaled a little."""

    clips: TalkerClips
    size: int
    longest: int
    """Frames of a crop at most."""

    def __call__(self, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        """`faces` (B, T, S, S, 3) uint8 and `to_mouth` (B, T, 2, 3), `audio` (B, T, 104) of the same steps, `apart`
        (B, T, 104) that begins elsewhere: step t of the video belongs to step t + `lead` (B,) of it."""
        numbers = rng.choice(len(self.clips), self.size, p=self._odds).tolist()
        held = [self.clips.read(i, "faces", "to_mouth", "speech") for i in numbers]
        num = min(self.longest, *(len(arrays[0]) for arrays in held))
        rows = [self._crop(faces, to_mouth, speech, num, rng) for faces, to_mouth, speech in held]
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}

    @cached_property
    def _odds(self) -> NDArray[np.float64]:
        return speaker_odds(self.clips)

    def _crop(
        self, faces: NDArray, to_mouth: NDArray, speech: NDArray, num: int, rng: np.random.Generator
    ) -> dict[str, NDArray[Any]]:
        at = int(rng.integers(len(faces) - num + 1))
        begin = int(rng.integers(max(0, at - APART), min(len(faces) - num, at + APART) + 1))
        shown = faces[at : at + num].astype(np.float32)
        shown = np.clip(shown * rng.uniform(0.8, 1.2) + rng.uniform(-20, 20), 0, 255).astype(np.uint8)
        noise = rng.uniform(0, 0.3)
        heard = [speech[k : k + num] + rng.normal(0, noise, (num, speech.shape[1])) for k in (at, begin)]
        return {
            "faces": shown,
            "to_mouth": _moved(to_mouth[at : at + num], rng),
            "audio": heard[0].astype(np.float32),
            "apart": heard[1].astype(np.float32),
            "lead": np.array(at - begin),
        }


def _moved(matrices: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.float32]:
    """The mouth up to 6 pixels elsewhere, turned by up to 8 degrees, up to a tenth larger, mirrored half the time."""
    turn, scale = np.deg2rad(rng.uniform(-8, 8)), rng.uniform(0.92, 1.1)
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    linear = scale * np.array([[mirror * np.cos(turn), -np.sin(turn)], [mirror * np.sin(turn), np.cos(turn)]])
    shift = rng.uniform(-6, 6, 2)
    middle = np.full(2, 48.0)
    found = np.concatenate([linear @ matrices[:, :, :2], (linear @ (matrices[:, :, 2] - middle).T).T[..., None]], 2)
    found[:, :, 2] += middle + shift
    return found.astype(np.float32)
