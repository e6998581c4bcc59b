"""Synthetic talkers as sources of clips: their landmarks, films of them, and crops of their faces.

Knows the talking head and what a source of clips is; refuses to know what is learnt from them. Every answer is known:
the audio of a talker is never late.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from viseme.audio.bands import bands
from viseme.core.errors import DataError
from viseme.data.manifest import ManifestRow
from viseme.data.manifest_clips import ManifestClips
from viseme.data.sources import ClipInfo, TrackedClip
from viseme.engine.jobs import make_files
from viseme.synthetic.faces import draw_faces
from viseme.synthetic.landmarks import TrainingClip, training_clip
from viseme.synthetic.motion import Style
from viseme.synthetic.pipeline import make_clip
from viseme.synthetic.recordings import Recording, read_recordings, recorded_phones, recorded_speech
from viseme.synthetic.scene import TalkerSpec

__all__ = ["Faces", "FilmedTalkers", "RecordedTalkers", "Talkers"]

LICENCE = "CC0-1.0"
TALKERS = 3
"""Raise it when a seed no longer makes the same talker."""
RECORDED = 1
"""Raise it when a seed no longer makes the same recorded talker."""
FACES = 2
"""Raise it when a seed no longer makes the same faces."""


def _info(seed: int, audio_delay: float | None) -> ClipInfo:
    name = f"synthetic-{seed}"
    return ClipInfo(name=name, speaker=name, source="synthetic", licence=LICENCE, audio_delay=audio_delay)


@dataclass(frozen=True)
class Talkers:
    """Talking heads as landmarks and audio, thousands of them a quarter of an hour."""

    seeds: Sequence[int]
    kind = "talkers"

    @property
    def clips(self) -> Sequence[ClipInfo]:
        """One a seed."""
        return [_info(seed, 0.0) for seed in self.seeds]

    def key(self, number: int) -> str:
        """Seed and version."""
        return f"{TALKERS}t{self.seeds[number]}"

    def track(self, number: int, *, pixels: bool = False) -> TrackedClip:
        """Speak and move.

        Raises:
            DataError: a speech engine broke down over this talker's text.
            EspeakMissing, VoiceMissing: a voice is not installed.
            ValueError: there are no pixels; take `FilmedTalkers`.
        """
        if pixels:
            raise ValueError("talkers are landmarks alone; film them")
        return _tracked(training_clip(self.seeds[number]))


@dataclass(frozen=True)
class RecordedTalkers:
    """Talking heads that say what people were recorded saying, as landmarks and audio."""

    folders: Sequence[Path]
    """See `read_recordings`."""
    seeds: Sequence[int]
    use: str = "train"
    """Which recordings."""
    kind = "recorded-talkers"

    @property
    def clips(self) -> Sequence[ClipInfo]:
        """One a seed; the speaker is who was recorded."""
        infos = []
        for seed in self.seeds:
            recording = self._recording(seed)
            name, speaker = f"recorded-{recording.path.stem}-{seed}", f"recorded-{recording.speaker}"
            infos.append(
                ClipInfo(name=name, speaker=speaker, source="recorded", licence=recording.licence, audio_delay=0.0)
            )
        return infos

    def key(self, number: int) -> str:
        """Seed, version, and which recording with which phones."""
        said = self._recording(self.seeds[number])
        digest = hashlib.sha256(repr((said.path.name, said.phones)).encode()).hexdigest()[:8]
        return f"{RECORDED}r{self.use}{self.seeds[number]}-{digest}"

    def track(self, number: int, *, pixels: bool = False) -> TrackedClip:
        """Speak and move; `truth` holds the voice, `samples` (S,) at 16 kHz from second `samples_start` on, and what it
        says, `phones` (P,) in ARPABET with their `phone_times` (P, 2) in seconds.

        Raises:
            DataError: a recording cannot be used.
            ValueError: there are no pixels.
        """
        if pixels:
            raise ValueError("talkers are landmarks alone")
        seed = self.seeds[number]
        rng = np.random.default_rng([seed, 4])
        tract = round(float(np.clip(rng.normal(1.0, 0.07), 0.85, 1.18)), 2)
        recording = self._recording(seed)
        made = training_clip(seed + 10_000_000, speech=recorded_speech(recording, tract=tract))
        names, *times = zip(*recorded_phones(recording, tract=tract))
        truth = {
            "samples": made.audio,
            "samples_start": np.array(made.audio_start),
            "phones": np.array(names),
            "phone_times": np.array(times).T + made.speech_start,
        }
        return replace(_tracked(made), truth=truth)

    def _recording(self, seed: int) -> Recording:
        recordings = [r for folder in self.folders for r in read_recordings(folder, self.use)]
        if not recordings:
            named = ", ".join(map(str, self.folders))
            raise DataError(f"{named} has no recording of use {self.use} that was aligned whole")
        return recordings[seed % len(recordings)]


def _tracked(made: TrainingClip) -> TrackedClip:
    first, audio = bands(made.audio, made.audio_start)
    return TrackedClip(
        times=np.asarray(made.times),
        landmarks=made.landmarks,
        observed=np.ones(len(made.times), bool),
        audio=audio,
        first_audio_frame=first,
    )


class FilmedTalkers(ManifestClips):
    """Talking heads as video files of a few seconds, filmed once and followed like any other file."""

    kind = "films"

    @classmethod
    def film(
        cls, seeds: Sequence[int], work: Path, *, num_jobs: int = 1, on_progress: Callable[[int, int], None]
    ) -> FilmedTalkers:
        """Film those that lie not yet under `work`.

        Raises:
            EspeakMissing: espeak-ng is not installed.
        """
        folder = work / "filmed"
        folder.mkdir(parents=True, exist_ok=True)
        jobs = [(_film_one, (seed,), folder / f"{seed}.mp4") for seed in seeds]
        files = make_files(jobs, num_jobs=num_jobs, on_progress=on_progress)
        return cls(
            tuple(
                ManifestRow(
                    path=f,
                    use="synthetic",
                    speaker=f"synthetic-{f.stem}",
                    licence=LICENCE,
                    source="synthetic",
                    audio_delay=0.0,
                )
                for f in files
            )
        )


def _film_one(seed: int, path: Path) -> None:
    rng = np.random.default_rng([seed, 1212])
    female = rng.random() < 0.5
    spec = TalkerSpec(
        seed=seed + 1_000_000,
        language=str(rng.choice(["en-us", "en-gb", "de", "fr", "es", "pl"])),
        variant=f"{'f' if female else 'm'}{rng.integers(1, 6)}",
        rate_wpm=int(rng.integers(120, 220)),
        pitch=int(rng.integers(20, 85)),
        seconds=float(rng.uniform(2.8, 4.0)),
        style=Style.random(rng),
        width=256,
        height=256,
        face_width=float(rng.uniform(0.4, 0.55)),
        pose_deg=tuple(float(v) for v in rng.normal(0, [5, 12, 4]).clip(-30, 30)),  # type: ignore[arg-type]
        shutter=0.0,
        antialias=1,
        blur_px=float(max(0.0, rng.normal(0, 0.8))),
        noise=float(rng.uniform(0.003, 0.02)),
        crf=int(rng.integers(18, 28)),
    )
    temporary = path.with_suffix(".partial.mp4")
    make_clip(spec, temporary)
    temporary.replace(path)


@dataclass(frozen=True)
class Faces:
    """Crops of synthetic people's faces in many poses and expressions, with the coefficients that made them."""

    seeds: Sequence[int]
    num: int = 24
    """Crops of each."""
    kind = "faces"

    @property
    def clips(self) -> Sequence[ClipInfo]:
        """One person a seed."""
        return [_info(seed, None) for seed in self.seeds]

    def key(self, number: int) -> str:
        """Seed, number of crops and version."""
        return f"{FACES}f{self.num}n{self.seeds[number]}"

    def track(self, number: int, *, pixels: bool = True) -> TrackedClip:
        """Draw; `truth` holds `alpha`, `beta` (T, E) and `delta`. Landmarks are pixels of the crops, z is zero."""
        made = draw_faces(self.seeds[number], self.num)
        landmarks = np.zeros((self.num, 478, 3), np.float32)
        landmarks[:, :468, :2] = made.landmarks
        landmarks[:, 468:, :2] = made.landmarks[:, :1]
        return TrackedClip(
            times=np.arange(self.num) / 25,
            landmarks=landmarks,
            observed=np.ones(self.num, bool),
            images=made.images,
            truth={"alpha": made.alpha, "beta": made.beta, "delta": made.delta},
        )
