"""Conversations as features with truth, for training and measuring: synthetic ones, and real clips under other sound.

Knows the conversation generator and prepared clips; refuses to know networks and files of video.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from viseme.faces import FaceTrackChunk
from viseme.faces.geometry import face_boxes
from viseme.speakers.gather import Align, Gatherer
from viseme.speakers.interface import STEP_S, FaceSteps, Heard
from viseme.speakers.voice import VoiceReader, heard_at
from viseme.sync.bundle import SyncBundle
from viseme.sync.listening import Listener
from viseme.synth.conversation import STATES, Conversation, conversation_tracks

__all__ = ["LabelledFaces", "SoundPiece", "features_of", "synthetic"]


@dataclass(frozen=True)
class SoundPiece:
    """Samples at 16 kHz with their place on the clip's clock."""

    start: Fraction
    samples: NDArray[np.float32]


@dataclass(frozen=True)
class LabelledFaces:
    """Features of all faces of one conversation, the voice, and what is true."""

    name: str
    faces: tuple[FaceSteps, ...]
    states: tuple[NDArray[np.int8], ...]
    """For each face (T,) index into `STATES`: not_speaking, speaking, dubbed."""
    people: tuple[int, ...]
    """For each face, whose it is."""
    sound: Heard
    """Voice and bands, on the clock of the picture."""
    heard: NDArray[np.bool_]
    """(V,) whether somebody really speaks."""
    unseen: NDArray[np.bool_]
    """(V,) whether a voice is heard that nobody in view owns or mouths."""
    audio_delay: float
    """Truth, seconds."""
    measured_delay: float | None
    """What the faces said; None = it could not be told."""


def _chunks(
    track_id: int, shot: int, times: NDArray, landmarks: NDArray, seconds: float = 30.0
) -> Iterator[FaceTrackChunk]:
    begins = np.searchsorted(times, np.arange(times[0], times[-1] + 1e-6, seconds))
    bounds = [*begins.tolist(), len(times)]
    for number, (a, b) in enumerate(pairwise(bounds)):
        yield FaceTrackChunk(
            track_id=track_id,
            shot=shot,
            times=times[a:b],
            landmarks=landmarks[a:b],
            boxes=face_boxes(landmarks[a:b]),
            observed=np.ones(b - a, bool),
            confidence=np.ones(b - a, np.float32),
            last=number == len(bounds) - 2,
        )


def features_of(
    bundle: SyncBundle,
    tracks: Sequence[tuple[int, int, NDArray[np.float64], NDArray[np.float32]]],
    sound: SoundPiece,
    *,
    align: Align = "file",
    max_delay: float = 2.0,
) -> tuple[list[FaceSteps], Heard, float | None]:
    """What `find_speakers` would keep of tracked faces and a sound.

    Args:
        bundle: Sync weights.
        tracks: (id, shot, times (T,), landmarks (T, 478, 3)) in any order.
        sound: All of it.
        align: As `find_speakers`.
        max_delay: As `find_speakers`.

    Returns:
        Faces, the sound on the clock of the picture, and the delay of the file as far as it could be told.
    """
    listener = Listener([sound])
    gatherer = Gatherer(bundle, listener, align=align, max_delay=max_delay)
    reader = VoiceReader(listener)
    for track_id, shot, times, landmarks in sorted(tracks, key=lambda t: t[2][0]):
        for chunk in _chunks(track_id, shot, times, landmarks):
            gatherer.take(chunk)
    reader.read_to(float("inf"))
    faces = gatherer.finish()
    delay = gatherer.estimate().audio_delay
    return faces, heard_at(*reader.bands(), delay or 0.0), delay


def _mask(spans: Sequence[tuple[float, float]], first: int, num: int) -> NDArray[np.bool_]:
    times = (first + np.arange(num)) * STEP_S
    out = np.zeros(num, bool)
    for start, end in spans:
        out |= (times >= start) & (times < end)
    return out


def synthetic(bundle: SyncBundle, seed: int, *, align: Align = "file", seconds: float = 12.0) -> LabelledFaces:
    """A synthetic conversation, landmarks only.

    Raises:
        DataError: a speech engine broke down over its text; take another seed.
    """
    made: Conversation = conversation_tracks(seed, seconds=seconds)
    tracks = [(t.id, t.shot, t.times, t.landmarks) for t in made.tracks]
    sound = SoundPiece(Fraction(round(made.sound_start * 16000), 16000), made.sound)
    faces, heard, delay = features_of(bundle, tracks, sound, align=align)
    owner = {t.id: t.person for t in made.tracks}
    late = made.audio_delay
    spoken = [(s.start, s.end) for s in made.segments]
    unseen = [(a - late, b - late) for a, b in made.unseen_voice()]
    return LabelledFaces(
        name=f"synthetic-{seed}",
        faces=tuple(faces),
        states=tuple(made.states(owner[f.track_id], f.times()) for f in faces),
        people=tuple(owner[f.track_id] for f in faces),
        sound=heard,
        heard=_mask(spoken, heard.first, len(heard.voice)),
        unseen=_mask(unseen, heard.first, len(heard.voice)),
        audio_delay=late,
        measured_delay=delay,
    )


assert STATES[:3] == ("not_speaking", "speaking", "dubbed")
