"""Training batches: crops of clips, cut in time so that the cut tells nothing, then changed. Knows clips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from viseme.audio.bands import band_filters
from viseme.audio.clock import FRAME_S, frame_centre
from viseme.sync.augment.audio import other_channel, other_voice
from viseme.sync.augment.config import AugmentConfig
from viseme.sync.augment.frames import FrameChange, other_camera
from viseme.sync.augment.lips import other_face
from viseme.sync.clips import Clip
from viseme.sync.embeddings import normalise_mels

__all__ = ["Batch", "Draw", "audio_crop", "draw_frames", "draw_points"]


class Batch(NamedTuple):
    """Crops of clips; video step `i` belongs to audio step `i + lead`."""

    video: NDArray[np.float32]
    """(B, T, K, 3) points, mean over time removed, or (B, T, C, H, W) frames in [0, 1]."""
    mels: NDArray[np.float32]
    """(B, 4 A, 40) normalised."""
    lead: int
    """Audio steps before the first video step; negative when the audio begins later."""
    mismatched: NDArray[np.int64] = np.empty((0, 0), np.int64)
    """(B, M) crops whose audio does not belong to each crop; empty = not said."""


Draw = Callable[[Sequence[Clip], int, AugmentConfig, np.random.Generator], Batch]


def _rows(values: NDArray[np.floating], at: NDArray[np.floating]) -> NDArray[np.float32]:
    """Rows of `values` at fractional positions."""
    left = np.clip(np.floor(at).astype(int), 0, len(values) - 2)
    part = np.clip(at - left, 0, 1).astype(np.float32).reshape((-1,) + (1,) * (values.ndim - 1))
    mixed = values[left].astype(np.float32) * (1 - part) + values[left + 1].astype(np.float32) * part
    return mixed.astype(np.float32)


def _crop(
    clip: Clip, num: int, lead: int, tail: int, config: AugmentConfig, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """One crop: lip points (num, 67, 3) and mel power (4 (num + lead + tail), 40)."""
    stretch = float(np.exp(rng.uniform(*np.log(config.stretch)))) if rng.random() < 0.8 else 1.0
    step = 0.04 * stretch
    first_centre = frame_centre(clip.first_audio_frame) - clip.delay
    begin = max(clip.times[0], first_centre)
    end = min(clip.times[-1], first_centre + (len(clip.audio) - 1) * FRAME_S)
    span = num - 1 + max(tail, 0) + max(lead, 0)
    step = min(step, (end - begin) / span * 0.999)
    first = begin + max(lead, 0) * step + rng.random() * (end - begin - span * step)
    keep = np.ones(len(clip.times), bool)
    if rng.random() < config.frozen:
        keep[1:-1] = rng.random(len(keep) - 2) > 0.15
    times, points = clip.times[keep], clip.video[keep]
    lips = _rows(points, np.interp(first + np.arange(num) * step, times, np.arange(len(times))))
    instants = first - lead * step + (np.arange(4 * (num + lead + tail)) - 1.5) * step / 4
    return lips, audio_crop(clip.audio, (instants - first_centre) / FRAME_S, clip.level, config, rng)


def audio_crop(
    audio: NDArray[np.floating],
    positions: NDArray[np.floating],
    level: float,
    config: AugmentConfig,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """(N, 40) mel power of the same words in another voice.

    Args:
        audio: (A, 105) logarithm of the power in bands.
        positions: (N,) rows of `audio`, fractional; outside it the first and the last one count.
        level: Taken off the logarithms.
        config: What the voice goes through.
        rng: Of everything random.
    """
    logs = other_voice(_rows(audio, np.clip(positions, 0, len(audio) - 1)), config, rng)
    warp = round(float(rng.uniform(*config.warp)) * 50) / 50 if rng.random() < 0.8 else 1.0
    return np.exp(logs - level + 6) @ band_filters(warp)


def draw_points(
    clips: Sequence[Clip], num: int, config: AugmentConfig, rng: np.random.Generator, *, landmarks: bool = True
) -> Batch:
    """Crops of clips of points (T, K, 3) with `num` video steps each.

    The audio crop begins and ends up to 16 steps outside, or up to 6 inside, the video crop: were they cut alike,
    the network would learn to recognise the cut.

    Args:
        clips: One crop of each.
        num: Video steps.
        config: What crops go through.
        rng: Of everything random.
        landmarks: Whether the points are lip landmarks, which can be mirrored and moved by region.
    """
    lead, tail = _ends(rng)
    crops = [_crop(clip, num, lead, tail, config, rng) for clip in clips]
    points = np.stack([other_face(lips, config, rng, landmarks=landmarks) for lips, _ in crops]).astype(np.float32)
    return Batch(points, _heard([audio for _, audio in crops], config, rng), lead)


def draw_frames(clips: Sequence[Clip], num: int, config: AugmentConfig, rng: np.random.Generator) -> Batch:
    """Crops of clips of frames (T, C, H, W) uint8, see `draw_points`; of each instant the nearest frame.

    Time, audio and room are changed as for points; frames are shifted, mirrored, lit otherwise and made noisy.
    """
    lead, tail = _ends(rng)
    shown, heard = [], []
    for clip in clips:
        numbers = np.arange(len(clip.video), dtype=np.float32)[:, None, None]
        at, audio = _crop(replace(clip, video=numbers), num, lead, tail, config, rng)
        frames: Any = clip.video[np.rint(at[:, 0, 0]).astype(int).clip(0, len(numbers) - 1)]
        shown.append(other_camera(frames, CHANGE, rng))
        heard.append(audio)
    return Batch(np.stack(shown), _heard(heard, config, rng), lead)


CHANGE = FrameChange()


def _ends(rng: np.random.Generator) -> tuple[int, int]:
    """Audio steps before and after the video crop."""
    return int(rng.integers(-6, 16)), int(rng.integers(-6, 16))


def _heard(
    power: Sequence[NDArray[np.float32]], config: AugmentConfig, rng: np.random.Generator
) -> NDArray[np.float32]:
    return normalise_mels(other_channel(np.stack(power).astype(np.float32), config, rng))
