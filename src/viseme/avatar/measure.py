"""How close an avatar comes to the person on held-out frames, as it will be run. Knows avatars and prepared frames.

Sums are kept over frames, so that a clip counts as many times as it has frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.audio.clock import RATE
from viseme.audio.mel_frames import MelFrames
from viseme.avatar.components import MOUTH, mouth_opening
from viseme.avatar.examples import Frames, audio_of
from viseme.compose.interface import FaceGenerator, SpokenFace
from viseme.face3d.atlas import LIP_COLUMNS, LIP_ROWS
from viseme.faces import FaceTrack
from viseme.media.contact_sheet import contact_sheet
from viseme.metrics.ssim import ssim
from viseme.metrics.visual_sync import visual_sync_of_track
from viseme.sync.checkpoint import load_sync_weights

__all__ = ["FACE_SIDES", "HeldOutFrames", "Measured", "held_out", "measure_avatar", "silent_opening"]

SHEET = 32
"""Frames of the sheet."""
FACE_SIDES = (234, 454)
"""Vertices between which a face's width is measured."""


@dataclass(frozen=True, eq=False)
class HeldOutFrames:
    """Real frames beside what the avatar makes of their audio."""

    clip: int
    """Number of their clip."""
    made: SpokenFace
    vertices: NDArray[np.float32]
    """(T, 468, 3) real."""
    lips: NDArray[np.uint8]
    """(T, 128, 128, 3) real."""


def held_out(avatar: FaceGenerator, frames: Frames) -> Iterator[HeldOutFrames]:
    """Held-out frames in chunks: the avatar hears the whole clip and answers at the times of the frames."""
    for clip in np.unique(frames.places[:, 0]).tolist():
        rows = np.flatnonzero(frames.places[:, 0] == clip)
        samples, start = audio_of(frames.clips, clip)
        at = 0
        for made in avatar.speak(samples, start, frames.read("times", rows)):
            part = rows[at : at + len(made.times)]
            at += len(part)
            yield HeldOutFrames(
                clip,
                made,
                frames.read("vertices", part).astype(np.float32),
                frames.read("lips", part),
            )


@dataclass(frozen=True, eq=False)
class Measured:
    """What `measure_avatar` found."""

    numbers: dict[str, float]
    sheet: NDArray[np.uint8]
    """(H, W, 3) some of the frames, real above made."""
    times: NDArray[np.float64]
    """(T,) seconds."""
    openings: NDArray[np.float32]
    """(2, T) distance of the lips in percent of the face's width: made, then real."""


def measure_avatar(avatar: FaceGenerator, frames: Frames) -> Measured:
    """What the avatar makes of held-out frames' audio, beside the frames.

    Returns:
        Numbers: `frames`; `ssim` of the lip crops and `ssim_still` of the reference's own; `mouth_percent` and
        `mouth_still_percent`, the mean distance of lip vertices in percent of the face's width, of the avatar and of a
        face that keeps its mean shape; `opening_correlation` and `opening_ratio`, of the distance of the lips made
        against the real one; `vsc` and `vsc_real`, the sync confidence of the lips made and of the real ones under the
        clips' own audio, by the sync models that ship; `silent_opening`, see `silent_opening`.
    """
    left, right = avatar.reference[list(FACE_SIDES)]
    width = float(np.linalg.norm(left - right))
    still = np.asarray(avatar.reference_atlas, np.float32)[LIP_ROWS, LIP_COLUMNS] * 255
    similar, similar_still = [], []
    clips: dict[int, list[_Moved]] = {}
    pairs: list[tuple[NDArray[np.uint8], NDArray[np.float32]]] = []
    for part in held_out(avatar, frames):
        step = max(1, len(frames) // SHEET)
        pairs += [(part.lips[i], part.made.lips[i]) for i in range(len(part.lips)) if (len(similar) + i) % step == 0]
        similar += [ssim(a * 255, b) for a, b in zip(part.made.lips, part.lips)]
        similar_still += [ssim(still, b) for b in part.lips]
        clips.setdefault(part.clip, []).append((part.made.times, part.made.vertices, part.vertices))
    times, made, true = _joined([moved for some in clips.values() for moved in some])
    openings = np.stack([mouth_opening(made), mouth_opening(true)])
    far = [np.linalg.norm((a - true)[:, MOUTH], axis=2).mean() for a in (made, true.mean(0, keepdims=True))]
    numbers = {
        "frames": float(len(true)),
        "ssim": float(np.mean(similar)),
        "ssim_still": float(np.mean(similar_still)),
        "mouth_percent": 100 * float(far[0]) / width,
        "mouth_still_percent": 100 * float(far[1]) / width,
        "opening_correlation": float(np.corrcoef(*openings)[0, 1]),
        "opening_ratio": float(openings[0].std() / max(float(openings[1].std()), 1e-9)),
        "silent_opening": silent_opening(avatar, frames),
        **_sync(clips, frames),
    }
    sheet = contact_sheet(np.stack([real for real, _ in pairs[:SHEET]]), np.stack([m for _, m in pairs[:SHEET]]))
    return Measured(numbers, sheet, times, (100 / width * openings).astype(np.float32))


_Moved = tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float32]]
"""Times, vertices made, real vertices of a stretch."""


def _joined(parts: Sequence[_Moved]) -> _Moved:
    times, made, real = zip(*parts)
    return np.concatenate(times), np.concatenate(made), np.concatenate(real)


def _sync(clips: Mapping[int, Sequence[_Moved]], frames: Frames) -> dict[str, float]:
    """Sync confidence of the lips made and of the real ones, mean over clips of a second or more."""
    weights, found = load_sync_weights(device="cpu"), []
    for clip, parts in clips.items():
        times, *both = _joined(parts)
        if times[-1] - times[0] < 1:
            continue
        audio = MelFrames.of_samples(*audio_of(frames.clips, clip))
        found.append([visual_sync_of_track(weights, _as_track(times, v), audio).confidence for v in both])
    means = np.mean(found, 0).tolist() if found else [float("nan")] * 2
    return {"vsc": means[0], "vsc_real": means[1]}


def _as_track(times: NDArray[np.float64], vertices: NDArray[np.float32]) -> FaceTrack:
    """Vertices of the reference space as a face of 100 pixels' radius that looks ahead."""
    landmarks = np.zeros((len(vertices), 478, 3), np.float32)
    landmarks[:, :468] = vertices * (100, -100, -100)
    boxes = np.concatenate([landmarks[:, :468, :2].min(1), landmarks[:, :468, :2].max(1)], 1)
    return FaceTrack(track_id=0, times=times, landmarks=landmarks, boxes=boxes, observed=np.ones(len(times), bool))


def silent_opening(avatar: FaceGenerator, frames: Frames) -> float:
    """How far digital silence leaves the mouth open, over the median of the real silent frames, or of the tenth with
    the most closed mouth where none is silent."""
    (quiet,) = avatar.speak(np.zeros(RATE, np.float32), 0.0, np.array([0.5]))
    opening, silent = mouth_opening(frames.read("vertices").astype(np.float32)), frames.silent()
    closed: Any = np.median(opening[silent]) if silent.any() else np.quantile(opening, 0.05)
    return float(mouth_opening(quiet.vertices)[0] / max(float(closed), 1e-9))
