"""Clips for measuring: the faces in them followed once, with their audio, kept under a work folder.

Knows the manifest, files and the tracker; refuses to know what is measured. A clip is found again by what its file
holds and by who followed the faces, so that a changed file or tracker is never answered with old tracks.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.audio.clock import RATE
from viseme.audio.features import power_frames
from viseme.core.errors import VisemeError
from viseme.data.manifest import ManifestRow
from viseme.faces import FaceTrackChunk, tracker
from viseme.media import Frame, read_audio, read_frames
from viseme.media.audio import join_blocks
from viseme.weights.catalog import assets_folder, sha256_of

__all__ = ["MAX_SIDE", "TRACKER", "MeasuredClip", "measured_clip", "measured_clips", "one_face_clips"]

VERSION = 1
"""Of the kept files: raise it when the same clip is kept otherwise."""
TRACKER = "mediapipe"
MAX_SIDE = 1280
"""Pixels of the longer side at which faces are sought, as in `viseme.check`."""
SPEECH_BINS = slice(5, 129)
"""Of a power spectrum: 150 to 4000 Hz."""
SPEECH_LEVEL = 0.003
"""Energy over that of the loudest passages (95th percentile): 25 dB below them."""
_ARRAYS = tuple(f.name for f in fields(FaceTrackChunk) if f.name not in ("track_id", "shot", "last"))

Disturbance = Callable[[Frame], Frame]


@dataclass(frozen=True, kw_only=True)
class MeasuredClip:
    """One clip with every face that was followed in it."""

    name: str
    """Unlike any other of the manifest."""
    source: str
    speaker: str
    audio_delay: float | None
    """Seconds by which the audio is late, as the manifest says; None = not known."""
    chunks: tuple[FaceTrackChunk, ...]
    """Of all faces, as the tracker gave them."""
    samples: NDArray[np.float32]
    """(S,) mono at 16 kHz."""
    audio_start: float
    """Seconds of the first sample; the first frame is at 0."""

    @property
    def start(self) -> float:
        """Seconds of the first frame on which there is a face."""
        return min(c.start for c in self.chunks)

    @property
    def end(self) -> float:
        """Seconds after the last frame on which there is a face."""
        return max(c.end for c in self.chunks) + 0.04

    @property
    def seconds(self) -> float:
        """Length between the two."""
        return self.end - self.start

    def tracks(self) -> list[tuple[FaceTrackChunk, ...]]:
        """Chunks by face, the face that is seen longest first."""
        found: dict[int, list[FaceTrackChunk]] = defaultdict(list)
        for chunk in self.chunks:
            found[chunk.track_id].append(chunk)
        return sorted((tuple(t) for t in found.values()), key=lambda t: -sum(len(c.times) for c in t))

    def speech(self) -> NDArray[np.bool_]:
        """(A,) every 10 ms from the first sample on, whether it is less than 25 dB below the loudest passages."""
        energy = power_frames(self.samples)[1][:, SPEECH_BINS].sum(1)
        return energy > SPEECH_LEVEL * np.percentile(energy, 95) if len(energy) else np.zeros(0, bool)

    def same_recording(self, other: MeasuredClip) -> bool:
        """Whether the same video is seen in both, as where one scene was recorded by several microphones."""
        if self.name == other.name:
            return True
        mine, theirs = self.chunks[0], other.chunks[0]
        return len(mine.times) == len(theirs.times) and np.allclose(mine.landmarks, theirs.landmarks, atol=0.5)

    def several_faces(self) -> bool:
        """Whether two faces are seen at one time."""
        spans = sorted((track[0].start, track[-1].end) for track in self.tracks())
        return any(later < end for (_, end), (later, _) in pairwise(spans))


def measured_clips(
    rows: Iterable[ManifestRow],
    work: Path,
    *,
    disturb: Disturbance | None = None,
    name: str = "clean",
    on_left_out: Callable[[str], None] = lambda why: None,
) -> list[MeasuredClip]:
    """Clips in which a face could be followed, in order of the rows.

    Args:
        rows: From `read_held_out`.
        work: Where tracks are kept.
        disturb: What is done to every frame before faces are sought.
        name: Of that, for the folder.
        on_left_out: Told, in one line each, which clips could not be used and why.
    """
    out = []
    for row in rows:
        try:
            clip = measured_clip(row, work, disturb=disturb, name=name)
        except VisemeError as error:
            on_left_out(str(error))
            continue
        if clip.chunks:
            out.append(clip)
        else:
            on_left_out(f"{row.path.parent.name}/{row.path.name}: no face is followed")
    return out


def one_face_clips(
    rows: Iterable[ManifestRow], work: Path, *, on_left_out: Callable[[str], None] = lambda why: None
) -> list[MeasuredClip]:
    """`measured_clips` in which no two faces are seen at one time, so that there is no doubt whose voice is heard."""
    out = []
    for clip in measured_clips(rows, work, on_left_out=on_left_out):
        if clip.several_faces():
            on_left_out(f"{clip.name}: two faces are seen at one time")
        else:
            out.append(clip)
    return out


def measured_clip(
    row: ManifestRow, work: Path, *, disturb: Disturbance | None = None, name: str = "clean"
) -> MeasuredClip:
    """One clip, from the work folder where it has been tracked before; without a face, it has no chunks.

    Raises:
        MediaError, FaceError, WeightsError: the file cannot be read, or its faces cannot be followed.
    """
    kept = work / f"{name.replace(' ', '_')}-{tracker_key()}" / f"{sha256_of(row.path)[:32]}.npz"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        frames: Iterator[Frame] = read_frames(row.path, max_side=MAX_SIDE)
        _save(kept, _followed(map(disturb, frames) if disturb else frames), *_audio(row.path))
    chunks, samples, audio_start = _load(kept)
    return MeasuredClip(
        name=f"{row.path.parent.name}/{row.path.name}",
        source=row.source,
        speaker=row.speaker,
        audio_delay=row.audio_delay,
        chunks=chunks,
        samples=samples,
        audio_start=audio_start,
    )


@cache
def tracker_key() -> str:
    """Twelve hexadecimal digits of who follows the faces, and how."""
    config = tracker[TRACKER].Config()
    networks = [sha256_of(path) for path in sorted((assets_folder() / "faces").glob("*.onnx"))]
    return hashlib.sha256(repr((VERSION, TRACKER, config, MAX_SIDE, networks)).encode()).hexdigest()[:12]


def _followed(frames: Iterable[Frame]) -> list[FaceTrackChunk]:
    kind = tracker[TRACKER]
    return [event for event in kind(kind.Config()).track(frames) if isinstance(event, FaceTrackChunk)]


def _audio(path: Path) -> tuple[NDArray[np.float32], float]:
    samples, start = join_blocks(list(read_audio(path, rate=RATE)))
    return samples, float(start)


def _save(path: Path, chunks: Sequence[FaceTrackChunk], samples: NDArray[np.float32], audio_start: float) -> None:
    """Complete or not at all."""
    arrays: dict[str, Any] = {"samples": samples, "audio_start": audio_start, "num_chunks": len(chunks)}
    for i, chunk in enumerate(chunks):
        arrays |= {f"{i}.{name}": getattr(chunk, name) for name in _ARRAYS}
        arrays[f"{i}.place"] = np.array([chunk.track_id, chunk.shot, chunk.last])
    temporary = path.with_suffix(".partial.npz")
    np.savez(temporary, **arrays)
    temporary.replace(path)


def _load(path: Path) -> tuple[tuple[FaceTrackChunk, ...], NDArray[np.float32], float]:
    with np.load(path, allow_pickle=False) as data:
        chunks = []
        for i in range(int(data["num_chunks"])):
            track_id, shot, last = data[f"{i}.place"].tolist()
            arrays = {name: data[f"{i}.{name}"] for name in _ARRAYS}
            chunks.append(FaceTrackChunk(track_id=track_id, shot=shot, last=bool(last), **arrays))
        return tuple(chunks), data["samples"], float(data["audio_start"])
