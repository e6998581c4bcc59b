"""Conversations as features with truth, for training and measuring: synthetic ones, and real clips under other audio.

Knows the conversation generator and prepared clips; refuses to know networks and files of video.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_erosion

from viseme.audio.band_levels import BandLevels, band_levels
from viseme.audio.bands import band_filters
from viseme.audio.mel_frames import AudioPiece, MelFrames
from viseme.face3d.lips import LipMotion
from viseme.faces import FaceTrackChunk
from viseme.faces.geometry import face_boxes
from viseme.faces.schemes import LIP_POINTS_MIDDLE
from viseme.speakers.feature_collector import Align, FeatureCollector
from viseme.speakers.features import known, lagged_features, local_features
from viseme.speakers.interface import STEP_S, AudioSteps, FaceSteps, audio_steps
from viseme.speakers.timeline import cleaned
from viseme.sync.checkpoint import SyncWeights
from viseme.sync.clips import Clip
from viseme.sync.comparer import score_points
from viseme.sync.embeddings import to_grid_points
from viseme.sync.inputs.interface import visual_inputs
from viseme.synthetic.conversation import STATES, Conversation, conversation_tracks

__all__ = [
    "APART",
    "UNCERTAIN",
    "LabelledFaces",
    "features_of",
    "load",
    "save",
    "synthetic",
    "under_audio",
]


@dataclass(frozen=True)
class LabelledFaces:
    """Features of all faces of one conversation, the voice, and what is true."""

    name: str
    faces: tuple[FaceSteps, ...]
    states: tuple[NDArray[np.int8], ...]
    """For each face (T,) index into `STATES`: not_speaking, speaking, dubbed."""
    people: tuple[int, ...]
    """For each face, whose it is."""
    audio: AudioSteps
    """Voice and bands, on the clock of the frame."""
    heard: NDArray[np.bool_]
    """(V,) whether somebody really speaks."""
    unseen: NDArray[np.bool_]
    """(V,) whether a voice is heard that nobody in view owns or mouths."""
    audio_delay: float
    """Truth, seconds."""
    measured_delay: float
    """What was taken out, seconds."""


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
    bundle: SyncWeights,
    tracks: Sequence[tuple[int, int, NDArray[np.float64], NDArray[np.float32]]],
    audio: AudioPiece,
    *,
    align: Align = "file",
    max_delay: float = 0.45,
) -> tuple[list[FaceSteps], AudioSteps, float]:
    """What `find_speakers` would keep of tracked faces and audio.

    Args:
        bundle: Sync weights.
        tracks: (id, shot, times (T,), landmarks (T, 478, 3)) in any order.
        audio: All of it.
        align: As `find_speakers`.
        max_delay: As `find_speakers`.

    Returns:
        Faces, the audio on the clock of the frame, and the delay that was taken out.
    """
    mel_frames = MelFrames([audio])
    collector = FeatureCollector(bundle, mel_frames, align=align, max_delay=max_delay)
    levels = BandLevels(mel_frames)
    for track_id, shot, times, landmarks in sorted(tracks, key=lambda t: t[2][0]):
        for chunk in _chunks(track_id, shot, times, landmarks):
            collector.take(chunk)
    levels.read_to(float("inf"))
    faces = collector.finish()
    delay = 0.0 if align == "none" else collector.file_delay()
    return faces, audio_steps(*levels.steps(), delay), delay


def _mask(spans: Sequence[tuple[float, float]], first: int, num: int) -> NDArray[np.bool_]:
    times = (first + np.arange(num)) * STEP_S
    out = np.zeros(num, bool)
    for start, end in spans:
        out |= (times >= start) & (times < end)
    return out


def synthetic(bundle: SyncWeights, seed: int, *, align: Align = "file", seconds: float = 12.0) -> LabelledFaces:
    """A synthetic conversation, landmarks only.

    Raises:
        DataError: a speech engine broke down over its text; take another seed.
    """
    made: Conversation = conversation_tracks(seed, seconds=seconds)
    tracks = [(t.id, t.shot, t.times, t.landmarks) for t in made.tracks]
    audio = AudioPiece(Fraction(round(made.audio_start * 16000), 16000), made.audio)
    faces, heard, delay = features_of(bundle, tracks, audio, align=align)
    owner = {t.id: t.person for t in made.tracks}
    late = made.audio_delay
    spoken = [(s.start, s.end) for s in made.segments]
    unseen = [(a - late, b - late) for a, b in made.unseen_voice()]
    return LabelledFaces(
        name=f"synthetic-{seed}",
        faces=tuple(faces),
        states=tuple(made.states(owner[f.track_id], f.times()) for f in faces),
        people=tuple(owner[f.track_id] for f in faces),
        audio=heard,
        heard=_mask(spoken, heard.first, len(heard.voice)),
        unseen=_mask(unseen, heard.first, len(heard.voice)),
        audio_delay=late,
        measured_delay=delay,
    )


assert STATES == ("not_speaking", "speaking", "dubbed")
APART, UNCERTAIN = 3, -1
"""Labels beyond `STATES`: not speaking in sync, whichever; and not to be counted."""


def under_audio(
    bundle: SyncWeights, face: Clip, audio: Clip, rng: np.random.Generator, *, noise: Clip | None = None
) -> LabelledFaces:
    """A real clip of somebody who speaks, under its own audio or that of another clip, from prepared lips and bands.

    Args:
        bundle: Sync weights.
        face: Whose lips.
        audio: Whose voice; the same clip = speaking in sync.
        rng: Of the level of the noise.
        noise: Whose audio, shuffled in time, lies over it.

    Returns:
        One face. Where its own voice is heard it speaks; within .2 s of where that begins or ends nobody says.
    """
    grid, points = to_grid_points(face.times, face.video)
    steps = np.rint(grid / STEP_S).astype(np.int64)
    power = np.exp(audio.audio.astype(np.float32)) @ band_filters(1.0)
    clean = power.copy()
    if noise is not None:
        other = np.exp(noise.audio.astype(np.float32)) @ band_filters(1.0)
        other = np.resize(other[rng.permutation(len(other))], power.shape)
        gain = np.percentile(power.sum(1), 90) / max(other.sum(1).mean(), 1e-9)
        power = power + other * (gain * 10 ** (-rng.uniform(3, 25) / 10))
    first = audio.first_audio_frame - round(audio.delay * 100)
    lags = np.arange(-140, 141)
    visual = visual_inputs[bundle.input_mode]()
    scored = score_points(bundle.models, steps, visual.of_points(points), first, power, lags)
    opening = np.linalg.norm(face.video[:, _TOP] - face.video[:, _BOTTOM], axis=-1)
    motion = LipMotion(
        times=face.times,
        points=face.video,
        observed=np.ones(len(face.times), bool),
        opening=opening,
        angles=np.zeros((len(face.times), 3), np.float32),
        size_px=np.ones(len(face.times), np.float32),
        residual=np.zeros(len(face.times), np.float32),
    )
    features = lagged_features(*known(scored), local_features(motion), 140)
    steps_of = FaceSteps(
        track_id=0, shot=0, first=int(steps[0]), features=features, boxes=np.zeros((len(steps), 4), np.float32)
    )
    heard = _heard(power, first)
    truth = cleaned(_heard(clean, first).voice > 0, 0.3, 0.2)
    state = np.full(len(steps), APART, np.int8)
    own = AudioSteps(first=heard.first, voice=truth.astype(np.float32), bands=heard.bands)
    spoken = np.nan_to_num(own.at(steps_of)) > 0.5
    if face is audio:
        state = np.where(spoken, 1, 0).astype(np.int8)
        wide, narrow = binary_dilation(spoken, iterations=5), binary_erosion(spoken, iterations=5, border_value=1)
        state[wide & np.logical_not(narrow)] = UNCERTAIN
    return LabelledFaces(
        name=f"{face.name} under {audio.name}",
        faces=(steps_of,),
        states=(state,),
        people=(0,),
        audio=heard,
        heard=truth,
        unseen=truth & (face is not audio),
        audio_delay=0.0,
        measured_delay=0.0,
    )


_TOP, _BOTTOM = LIP_POINTS_MIDDLE


def _heard(power: NDArray[np.floating], first: int) -> AudioSteps:
    return audio_steps(*band_levels(first, power), 0.0)


def save(made: LabelledFaces, path: Path) -> None:
    """Write as arrays, complete or not at all."""
    arrays: dict[str, Any] = {
        "name": made.name,
        "people": np.array(made.people),
        "audio_first": made.audio.first,
        "voice": made.audio.voice,
        "bands": made.audio.bands,
        "delay": made.audio.delay,
        "heard": made.heard,
        "unseen": made.unseen,
        "audio_delay": made.audio_delay,
        "measured_delay": made.measured_delay,
    }
    for i, (face, state) in enumerate(zip(made.faces, made.states)):
        arrays |= {f"{i}.features": face.features, f"{i}.boxes": face.boxes, f"{i}.state": state}
        arrays[f"{i}.place"] = np.array([face.track_id, face.shot, face.first])
    temporary = path.with_suffix(".partial.npz")
    np.savez(temporary, **arrays)
    temporary.replace(path)


def load(path: Path) -> LabelledFaces:
    """Read what `save` wrote."""
    with np.load(path, allow_pickle=False) as data:
        values = {k: data[k] for k in data.files}
    faces, states = [], []
    for i in range(len(values["people"])):
        track_id, shot, first = values[f"{i}.place"].tolist()
        faces.append(
            FaceSteps(
                track_id=track_id,
                shot=shot,
                first=first,
                features=values[f"{i}.features"],
                boxes=values[f"{i}.boxes"],
            )
        )
        states.append(values[f"{i}.state"])
    return LabelledFaces(
        name=str(values["name"]),
        faces=tuple(faces),
        states=tuple(states),
        people=tuple(values["people"].tolist()),
        audio=AudioSteps(
            first=int(values["audio_first"]),
            voice=values["voice"],
            bands=values["bands"],
            delay=float(values["delay"]),
        ),
        heard=values["heard"],
        unseen=values["unseen"],
        audio_delay=float(values["audio_delay"]),
        measured_delay=float(values["measured_delay"]),
    )
