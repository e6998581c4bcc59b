"""Voices to learn from: recorded people and speech engines, with what the lips of the synthetic head do meanwhile.

Knows speech whose phonemes are known in time, and its articulation; refuses to know networks. A voice is prepared once
and kept on the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viseme.audio.bands import bands
from viseme.audio.clock import FRAME_S, frame_centre
from viseme.avatar.voice.features import CURVES
from viseme.core.errors import DataError, MediaError
from viseme.engine.jobs import make_files
from viseme.synthetic.articulation import STEP_S, Articulation, articulate
from viseme.synthetic.landmarks import utterance
from viseme.synthetic.motion import loudness_at
from viseme.synthetic.phonemes import SAMPLE_RATE, Speech
from viseme.synthetic.recordings import read_recordings, recorded_speech, recording_folders
from viseme.synthetic.style import Style

__all__ = ["VoiceClip", "articulation_of", "engine_voices", "recorded_voices", "voice_clip"]

_VERSION = 1
"""Raise it when a voice is prepared in another way."""
_EDGE_S = 0.6
"""Silence that is put before and after, so that the mouth is seen to close."""
_ENGINE_S = 7.0
"""Seconds of one utterance of a speech engine, about."""


@dataclass(frozen=True)
class VoiceClip:
    """One utterance as training hears and sees it."""

    speaker: str
    audio: NDArray[np.float16]
    """(A, 105) logarithm of the power in bands, every 10 ms."""
    level: float
    """90th percentile of the logarithm of the frames' power."""
    curves: NDArray[np.float16]
    """(A, 11) `CURVES` at the centre of each frame."""
    closures: NDArray[np.float32]
    """(N, 2) seconds after the centre of the first frame in which p, b or m shut the lips, contact to release."""


def articulation_of(speech: Speech, start: float, end: float) -> Articulation:
    """What the lips of an average person do from `start` to `end` seconds while the speech is heard."""
    style = Style()
    num = max(2, int(np.ceil((end - start) / STEP_S)) + 1)
    loudness = loudness_at(speech.samples, SAMPLE_RATE, start + STEP_S * np.arange(num))
    phonemes = [p.shifted(-style.lead_s) for p in speech.phonemes]
    return articulate(phonemes, start, end, style=style, loudness=loudness)


def voice_clip(speech: Speech, speaker: str) -> VoiceClip:
    """Hear an utterance, in silence before and after it, and watch the lips."""
    silence = np.zeros(round(_EDGE_S * SAMPLE_RATE), np.float32)
    first, audio = bands(np.concatenate([silence, speech.samples, silence]), -_EDGE_S)
    moved = articulation_of(speech, -_EDGE_S - STEP_S, speech.duration + _EDGE_S + STEP_S)
    rows = np.column_stack([moved.curves, moved.press, moved.speaking])
    centres = frame_centre(first) + np.arange(len(audio)) * FRAME_S
    curves = np.stack([np.interp(centres, moved.times, rows[:, i]) for i in range(len(CURVES))], 1)
    power = np.log(np.exp(audio.astype(np.float32)).sum(1))
    lead = Style().lead_s + frame_centre(first)
    closed = [p.closure or (p.start, p.end) for p in speech.phonemes if p.name[:1] in ("p", "b", "m")]
    return VoiceClip(
        speaker=speaker,
        audio=audio,
        level=float(np.percentile(power, 90)),
        curves=curves.astype(np.float16),
        closures=np.array([(a - lead, b - lead) for a, b in closed], np.float32).reshape(-1, 2),
    )


def recorded_voices(
    folders: Sequence[Path],
    work: Path,
    *,
    use: str = "train",
    num_jobs: int = 1,
    on_progress: Callable[[int, int], None],
) -> list[VoiceClip]:
    """Every utterance of folders of recordings that was aligned whole; see `read_recordings`."""
    jobs = []
    for folder in recording_folders(folders):
        for number, recording in enumerate(read_recordings(folder, use)):
            path = work / "voices" / f"{_VERSION}-{use}-{recording.path.stem}.npz"
            jobs.append((_make_recorded, (folder, use, number), path))
    return _made(jobs, work, num_jobs, on_progress)


def engine_voices(
    seeds: Sequence[int], work: Path, *, num_jobs: int = 1, on_progress: Callable[[int, int], None]
) -> list[VoiceClip]:
    """Utterances of speech engines, one a seed, in many languages.

    Raises:
        EspeakMissing, VoiceMissing: a voice is not installed.
    """
    jobs = [(_make_engine, (seed,), work / "voices" / f"{_VERSION}-engine-{seed}.npz") for seed in seeds]
    return _made(jobs, work, num_jobs, on_progress)


def _made(jobs: list, work: Path, num_jobs: int, on_progress: Callable[[int, int], None]) -> list[VoiceClip]:
    (work / "voices").mkdir(parents=True, exist_ok=True)
    return [_load(path) for path in make_files(jobs, num_jobs=num_jobs, on_progress=on_progress)]


def _make_recorded(folder: Path, use: str, number: int, path: Path) -> None:
    recording = read_recordings(folder, use)[number]
    try:
        _save(voice_clip(recorded_speech(recording), recording.speaker), path)
    except (DataError, MediaError):
        return  # a recording that cannot be read or has strange phones teaches nothing


def _make_engine(seed: int, path: Path) -> None:
    try:
        speech = utterance(np.random.default_rng([seed, 88]), _ENGINE_S)
    except DataError:  # an engine broke down over the text
        return
    _save(voice_clip(speech, speech.voice), path)


def _save(clip: VoiceClip, path: Path) -> None:
    temporary = path.with_suffix(".partial.npz")
    np.savez(
        temporary,
        speaker=np.array(clip.speaker),
        audio=clip.audio,
        level=np.array(clip.level),
        curves=clip.curves,
        closures=clip.closures,
    )
    temporary.replace(path)


def _load(path: Path) -> VoiceClip:
    with np.load(path, allow_pickle=False) as data:
        return VoiceClip(str(data["speaker"]), data["audio"], float(data["level"]), data["curves"], data["closures"])
