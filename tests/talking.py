"""Faces that talk and the voice that goes with them, drawn without speech engines, and models that read lips by rule.

For tests of everything between tracked faces and answers: the truth is known, nothing needs weights, and the same
seed gives the same numbers everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise

import numpy as np

from viseme.audio.clock import RATE
from viseme.face3d.interface import load_face_model
from viseme.faces import FaceTrackChunk
from viseme.faces.geometry import face_boxes
from viseme.media import AudioBlock
from viseme.sync.checkpoint import Calibration, SyncWeights
from viseme.sync.interface import SyncSpecification

LATE_S = 0.12
"""Seconds by which `voice` comes after the lips, on the clock of both."""


def syllables(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, and how far a mouth opens and spreads: syllables of uneven length with pauses."""
    rng = np.random.default_rng(seed)
    grid = np.arange(-2, 100, 0.005)
    jaw, spread = np.zeros(len(grid)), np.zeros(len(grid))
    at = -1.9
    while at < 99:
        length = rng.uniform(0.11, 0.32)
        if rng.random() < 0.12:
            at += rng.uniform(0.2, 0.7)
        inside = (grid >= at) & (grid < at + length)
        bump = np.sin(np.pi * (grid[inside] - at) / length) ** 1.5
        jaw[inside] += rng.uniform(0.2, 1.0) * bump
        spread[inside] += rng.uniform(-0.8, 0.8) * bump
        at += length
    return grid, jaw, spread


def talking_landmarks(seed: int, times: np.ndarray) -> np.ndarray:
    """(T, 478, 3) pixels of a face about 140 pixels wide around (200, 200), swaying a little."""
    model = load_face_model("default")
    grid, jaw, spread = syllables(seed)
    mean, opened, pursed = (
        np.concatenate([p, p[:10]])
        for p in (
            model.landmark_points(model.shape(beta=model.expression(e)), "mp468")
            for e in ({}, {"jawOpen": 1.0}, {"mouthPucker": 1.0})
        )
    )
    j, s = np.interp(times, grid, jaw)[:, None, None], np.interp(times, grid, spread)[:, None, None]
    points = mean + 0.45 * j * (opened - mean) + 0.5 * np.maximum(s, 0) * (pursed - mean)
    sway = np.stack([np.sin(times * 1.1), np.cos(times * 0.7), 0 * times], -1) * 8
    noise = np.random.default_rng(seed + 50).normal(0, 0.15, points.shape)
    return (points * [100, -100, -100] + sway[:, None] + 200 + noise).astype(np.float32)


def voice(seed: int, seconds: float, delay: float = LATE_S) -> np.ndarray:
    """(S,) at 16 kHz: what the mouth of `talking_landmarks` says, `delay` seconds later."""
    grid, jaw, spread = syllables(seed)
    rng = np.random.default_rng(seed + 1000)
    t = np.arange(round(seconds * RATE)) / RATE
    j, s = np.interp(t - delay, grid, jaw), np.interp(t - delay, grid, spread)
    out = np.zeros(len(t))
    pitch = 2 * np.pi * np.cumsum(120 + 15 * np.sin(t * 3)) / RATE
    first, second = 300 + 500 * j, 1500 - 600 * s
    for k in range(1, 40):
        near = np.exp(-(((120 * k - first) / 150) ** 2)) + 0.5 * np.exp(-(((120 * k - second) / 250) ** 2)) + 0.02
        out += near * np.sin(k * pitch + k)
    hiss = rng.normal(0, 1, len(t)) * np.maximum(0, 0.15 - j)
    return (0.05 * out * np.clip(j * 2, 0, 1) + 0.02 * hiss + rng.normal(0, 0.0003, len(t))).astype(np.float32)


def chunks(track_id: int, landmarks: np.ndarray, times: np.ndarray, seconds: float = 30.0) -> Iterator[FaceTrackChunk]:
    """A track as a tracker gives it; frames 40 to 43 are not observed."""
    bounds = [*np.searchsorted(times, np.arange(times[0], times[-1] + 1e-6, seconds)).tolist(), len(times)]
    seen = np.ones(len(times), bool)
    seen[40:44] = False
    for number, (a, b) in enumerate(pairwise(bounds)):
        yield FaceTrackChunk(
            track_id=track_id,
            shot=0,
            times=times[a:b],
            landmarks=landmarks[a:b],
            boxes=face_boxes(landmarks[a:b]),
            observed=seen[a:b],
            confidence=np.ones(b - a, np.float32),
            last=number == len(bounds) - 2,
        )


def pieces(samples: np.ndarray, start: Fraction = Fraction(0), size: int = 12_345) -> Iterator[AudioBlock]:
    """Samples in blocks."""
    for at in range(0, len(samples), size):
        yield AudioBlock(start=start + Fraction(at, RATE), samples=samples[at : at + size], rate=RATE)


def _neighbours(x: np.ndarray) -> np.ndarray:
    """(..., T) -> (..., T, 9): each step with four on either side, their mean removed."""
    wide = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(4, 4)])
    out = np.stack([wide[..., k : k + x.shape[-1]] for k in range(9)], -1)
    return (out - out.mean(-1, keepdims=True)).astype(np.float32)


class LipReader:
    """A `SyncModel` without weights: the opening of the mouth against the loudness of the voice, over 0.36 s."""

    specification = SyncSpecification()

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def embed_video(self, x: np.ndarray) -> np.ndarray:
        return _neighbours((x[:, 25, 1] - x[:, 35, 1]) * 40)

    def embed_audio(self, mels: np.ndarray) -> np.ndarray:
        loud, num = mels[..., 2:20].mean(-1), mels.shape[-2] // 4
        return _neighbours((loud[..., 1::4][..., :num] + loud[..., 2::4][..., :num]) / 2)


def lip_reading_weights() -> SyncWeights:
    """Two `LipReader` with a calibration that answers when a peak is clear."""
    calibration = Calibration(bias=0.01, coefficients=(-4.0, 1.0, 0.1, 1.0))
    return SyncWeights((LipReader(0.15), LipReader(0.3)), calibration, "landmarks", "lip-reader", {})
