"""Real clips marked `dev` with one face at a time, as features are made of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viseme.audio.clock import RATE
from viseme.audio.mel_frames import AudioPiece
from viseme.data.manifest import read_held_out
from viseme.reproduce.measured_clips import MeasuredClip, one_face_clips

__all__ = ["Talker", "talkers"]

LEAST_S = 2.0
"""Shorter tracks hold no window."""


@dataclass(frozen=True, kw_only=True)
class Talker:
    """The face of a clip that is seen longest, with the clip's audio."""

    name: str
    source: str
    times: NDArray[np.float64]
    landmarks: NDArray[np.float32]
    audio: AudioPiece


def talkers(folder: Path, work: Path, *, on_left_out: Callable[[str], None]) -> list[Talker]:
    """Every usable clip of the manifest in `folder`; see `one_face_clips`."""
    clips = one_face_clips(read_held_out(folder, ("dev",)), work, on_left_out=on_left_out)
    return [made for made in map(_talker, clips) if len(made.times) >= LEAST_S * 25]


def _talker(clip: MeasuredClip) -> Talker:
    track = clip.tracks()[0]
    return Talker(
        name=clip.name,
        source=clip.source,
        times=np.concatenate([c.times for c in track]),
        landmarks=np.concatenate([c.landmarks for c in track]),
        audio=AudioPiece(Fraction(round(clip.audio_start * RATE), RATE), clip.samples),
    )
