"""What a training clip goes through so that one speaker stands for many: rate, vocal tract, face, tracker, room, noise.

Knows arrays; refuses to know files and networks. Audio is handled as mel power, where mixing, rooms and channels are
products and sums, so that a batch costs milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from viseme.audio.clock import FRAME_S
from viseme.audio.features import NUM_MELS, mel_filters
from viseme.faces.schemes import LIP_POINTS_MIDDLE, LIP_POINTS_MIRROR, LIPS
from viseme.sync.corpus import BAND_CENTRES_HZ, BAND_WIDTHS_HZ, Clip, band_filters
from viseme.sync.embeddings import normalise_mels
from viseme.sync.inputs.points import lip_basis

__all__ = ["AugmentConfig", "Batch", "draw_batch", "other_face"]

REGIONS = (slice(0, 11), slice(11, 20), slice(20, 31), slice(31, 40), slice(40, 57), slice(57, 67))
"""Upper and lower outer lip, upper and lower inner lip, jaw, surroundings."""

_FILTERS = mel_filters()
_CENTRES = (_FILTERS * np.arange(257)[:, None]).sum(0) / _FILTERS.sum(0) / 32
"""(40,) kilohertz."""
_BANDWIDTHS = _FILTERS.sum(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class AugmentConfig:
    """Ranges of what is drawn for every training crop."""

    stretch: tuple[float, float] = (0.74, 1.35)
    """Factor on the duration of video and audio together."""
    warp: tuple[float, float] = (0.76, 1.30)
    """Factor on the frequencies of the mel filters: other vocal tracts."""
    mixing: float = 0.7
    """Largest strength of the random low-rank mixing of lip coordinates: other faces."""
    region_gain: float = 0.3
    """Standard deviation of the log gain of a lip region, and of the axes."""
    jitter: tuple[float, float] = (0.0005, 0.012)
    """Range of tracker noise, eye distances."""
    shake: tuple[float, float] = (0.0005, 0.03)
    """Range of the head motion that the tracker of a small face leaves in, eye distances and radians; half of crops."""
    manner: float = 0.6
    """Largest motion that has nothing to do with the words (smiles, chewing, one-sided lips) over speech motion."""
    widening: tuple[float, float] = (-0.1, 0.4)
    """Range of how much an opening mouth widens (below 0: narrows) beyond what the clip shows."""
    frozen: float = 0.2
    """Probability that a crop has repeated frames."""
    hidden: float = 0.3
    """Probability that some points do not move at all."""
    voice: float = 0.5
    """Probability that the harmonics of a crop's voice are smoothed away, and that others are drawn in."""
    dynamics: float = 0.2
    """Standard deviation of the log exponent on the power: flatter and livelier deliveries."""
    reverb: float = 0.4
    """Probability of a room: decay .15-.9 s."""
    noise: float = 0.65
    """Probability of other talkers, steady noise or music, at -3 to 30 dB."""
    codec: float = 0.25
    """Probability that the ends of the spectrum are missing."""


@dataclass(frozen=True)
class Batch:
    """Crops of clips; frame step `i` belongs to audio step `i + lead`."""

    points: Tensor
    """(B, T, 67, 3), mean over time removed."""
    mels: Tensor
    """(B, 4 A, 40) normalised."""
    lead: int
    """Audio steps before the first frame step; negative when the audio begins later."""


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
    first_centre = clip.audio_start - clip.delay + FRAME_S / 2
    begin = max(clip.times[0], first_centre)
    end = min(clip.times[-1], first_centre + (len(clip.audio) - 1) * FRAME_S)
    span = num - 1 + max(tail, 0) + max(lead, 0)
    step = min(step, (end - begin) / span * 0.999)
    first = begin + max(lead, 0) * step + rng.random() * (end - begin - span * step)
    keep = np.ones(len(clip.times), bool)
    if rng.random() < config.frozen:
        keep[1:-1] = rng.random(len(keep) - 2) > 0.15
    times, points = clip.times[keep], clip.points[keep]
    lips = _rows(points, np.interp(first + np.arange(num) * step, times, np.arange(len(times))))
    instants = first - lead * step + (np.arange(4 * (num + lead + tail)) - 1.5) * step / 4
    logs = _rows(clip.audio, np.clip((instants - first_centre) / FRAME_S, 0, len(clip.audio) - 1))
    logs = _other_voice(logs, config, rng)
    warp = round(float(rng.uniform(*config.warp)) * 50) / 50 if rng.random() < 0.8 else 1.0
    return lips, np.exp(logs - clip.level + 6) @ band_filters(warp)


def _other_voice(logs: NDArray[np.float32], config: AugmentConfig, rng: np.random.Generator) -> NDArray[np.float32]:
    """(A, 105) the same words with another pitch and another liveliness; log power in bands in and out."""
    if rng.random() < config.voice:  # the envelope alone: a moving average over some 200-300 Hz
        reach = int(rng.integers(2, 5))
        padded = np.cumsum(np.pad(logs, ((0, 0), (reach + 1, reach)), mode="edge"), 1)
        logs = ((padded[:, 2 * reach + 1 :] - padded[:, : -2 * reach - 1]) / (2 * reach + 1)).astype(np.float32)
        if rng.random() < 0.7:
            steps = rng.standard_normal(len(logs) // 8 + 2).cumsum() * 0.06
            contour = np.interp(np.arange(len(logs)) / 8, np.arange(len(steps)), steps)
            pitch = np.exp(rng.uniform(np.log(80), np.log(320)) + contour - contour.mean())[:, None]
            seen = np.sinc(BAND_WIDTHS_HZ / pitch) * np.clip(1.6 - BAND_CENTRES_HZ / 2500, 0, 1)
            loud = 1 / (1 + np.exp(4 - logs[:, 3:26].mean(1, keepdims=True) + logs.mean()))
            comb = rng.uniform(0.3, 2.0) * loud * seen * np.cos(2 * np.pi * BAND_CENTRES_HZ / pitch)
            logs = (logs + comb).astype(np.float32)
    top = logs.max()
    return ((logs - top) * float(np.exp(rng.normal(0, config.dynamics))) + top).astype(np.float32)


@cache
def _mouth_units() -> NDArray[np.floating]:
    """(67, 3, U) expressions of the face model that move the mouth, each scaled to move some point by one."""
    basis = lip_basis()
    strength = np.abs(basis).max((0, 1))
    moving = strength > 0.1 * strength.max()
    return basis[..., moving] / strength[moving]


def _other_manner(
    points: NDArray[np.float32], rest: NDArray[np.floating], config: AugmentConfig, rng: np.random.Generator
) -> NDArray[np.float32]:
    """(T, 67, 3) displacements with expressions that no word asked for, from a mouth that widens as it opens."""
    top, bottom = LIP_POINTS_MIDDLE
    opening = points[:, top, 1] - points[:, bottom, 1]
    wider = 2 * rng.uniform(*config.widening) * opening[:, None]
    if rng.random() < 0.8:
        points = points.copy()
        points[:, : len(LIPS), 0] += (rest[: len(LIPS), 0] - rest[: len(LIPS), 0].mean()) * wider
    if rng.random() < 0.8:
        basis = _mouth_units()
        units = rng.integers(basis.shape[-1], size=rng.integers(2, 7))
        paths = rng.standard_normal((len(points) + 40, len(units)))
        paths = np.stack([gaussian_filter1d(p, rng.uniform(1.5, 10)) for p in paths.T], 1)[20:-20]
        moved = np.einsum("tu,kcu->tkc", paths / paths.std(0), basis[..., units])
        share = rng.uniform(0, config.manner) * points.std() / max(float(moved.std()), 1e-9)
        points = points + share * (moved - moved.mean(0))
    return points.astype(np.float32)


def _shake(
    num: int, rest: NDArray[np.floating], config: AugmentConfig, rng: np.random.Generator
) -> NDArray[np.float32]:
    """(T, K, 3) what is left of head motion: shifts, turns and sizes that err together at all points."""
    white = rng.standard_normal((num, 7))
    slow = gaussian_filter1d(rng.standard_normal((num, 7)), rng.uniform(1, 4), axis=0)
    errors = white * rng.random() + slow / slow.std() * rng.random()
    errors *= np.exp(rng.uniform(*np.log(config.shake))) * rng.uniform(0.3, 1, 7)
    turn = np.zeros((num, 3, 3))
    turn[:, [2, 0, 1], [1, 2, 0]], turn[:, [1, 2, 0], [2, 0, 1]] = errors[:, 3:6], -errors[:, 3:6]
    turn[:, range(3), range(3)] = errors[:, 6:]
    return (errors[:, None, :3] + np.einsum("tij,kj->tki", turn, rest)).astype(np.float32)


def other_face(
    points: NDArray[np.float32], config: AugmentConfig, rng: np.random.Generator, *, landmarks: bool = True
) -> NDArray[np.float32]:
    """(T, K, 3) the same speech on a face that moves a little differently, seen by a worse tracker."""
    num, rest = len(points), points.mean(0)
    points = (points - rest).astype(np.float32)
    if landmarks:
        points = _other_manner(points, rest, config, rng)
    if landmarks and rng.random() < 0.5:
        points = (points[:, LIP_POINTS_MIRROR] * np.array([-1, 1, 1])).astype(np.float32)
    axes = np.diag(np.exp(rng.normal(0, config.region_gain, 3))) * np.exp(rng.normal(0, config.region_gain))
    points = (points @ (axes + rng.normal(0, 0.1, (3, 3))).T).astype(np.float32)
    flat, rank = points.reshape(num, -1), 10
    inward = rng.standard_normal((flat.shape[1], rank), np.float32) / np.sqrt(flat.shape[1])
    outward = rng.standard_normal((rank, flat.shape[1]), np.float32) * (rng.uniform(0, config.mixing) / np.sqrt(rank))
    points = (flat + flat @ inward @ outward).reshape(num, -1, 3).astype(np.float32)
    for region in REGIONS if landmarks else ():
        points[:, region] *= np.exp(rng.normal(0, config.region_gain))
    if rng.random() < 0.4:
        blur = rng.uniform(0, 0.3)
        points[1:-1] = (1 - 2 * blur) * points[1:-1] + blur * (points[:-2] + points[2:])
    sigma = float(np.exp(rng.uniform(*np.log(config.jitter))))
    points += rng.standard_normal(points.shape, np.float32) * (0.7 * sigma)
    points += rng.standard_normal((num, 1, 3), np.float32) * (0.7 * sigma)
    points += np.cumsum(rng.standard_normal((num, 1, 3), np.float32), 0) * (0.3 * sigma)
    if rng.random() < 0.5:
        points += _shake(num, rest, config, rng)
    if rng.random() < config.frozen:
        for at in rng.integers(1, num, rng.integers(1, 4)):
            points[at] = points[at - 1]
    if rng.random() < config.hidden:
        points[:, rng.random(points.shape[1]) < rng.uniform(0, 0.4)] = 0
    return points - points.mean(0)


def _music(num: int, rng: np.random.Generator) -> NDArray[np.floating]:
    """(num, 40) decaying chords."""
    out = np.zeros((num, NUM_MELS))
    at = 0
    while at < num:
        length = min(int(rng.integers(10, 60)), num - at)
        chord = np.zeros(NUM_MELS)
        for _ in range(3):
            harmonic = np.arange(1, 20)
            hertz = 110 * 2 ** rng.uniform(0, 3) * harmonic / 1000
            inside = hertz < 7.9
            where = np.minimum(np.searchsorted(_CENTRES, hertz[inside]), NUM_MELS - 1)
            np.add.at(chord, where, (harmonic ** -rng.uniform(0.8, 2))[inside])
        out[at : at + length] = chord * np.exp(-np.arange(length) * rng.uniform(0, 0.1))[:, None]
        at += length
    return out


def _steady(num: int, rng: np.random.Generator) -> NDArray[np.floating]:
    """(num, 40) noise with a random colour."""
    colour = rng.normal(0, 1, 6) * rng.uniform(0, 10) + np.linspace(0, -rng.uniform(0, 30), 6)
    freedom = _BANDWIDTHS / 2 + 1
    level = 10 ** (np.interp(_CENTRES, np.linspace(0, 8, 6), colour) / 10) * _BANDWIDTHS
    return level * rng.gamma(freedom, 1 / freedom, (num, NUM_MELS))


def _room(mels: Tensor, config: AugmentConfig, rng: np.random.Generator) -> Tensor:
    """Energy tails after every audio, for some of the batch."""
    pick = np.flatnonzero(rng.random(len(mels)) < config.reverb)
    if len(pick) == 0:
        return mels
    decay, wet = rng.uniform(0.15, 0.9, (len(pick), 1)), rng.uniform(0.1, 1.0, (len(pick), 1))
    tail = np.exp(-13.8 * np.arange(1, 40) * 0.01 / decay)
    kernel = np.concatenate([np.ones((len(pick), 1)), wet * tail / tail.sum(1, keepdims=True)], 1)
    size = mels.shape[1] + 39
    response = torch.fft.rfft(torch.tensor(kernel, dtype=torch.float32), n=size, dim=1)[:, :, None]
    wetted = torch.fft.irfft(torch.fft.rfft(mels[pick], n=size, dim=1) * response, n=size, dim=1)
    mels = mels.clone()
    mels[pick] = wetted[:, : mels.shape[1]].clamp_min(0)
    return mels


def _channel(mels: Tensor, config: AugmentConfig, rng: np.random.Generator) -> Tensor:
    """Another room, microphone, background and codec: (B, A, 40) power in and out."""
    size, num, _ = mels.shape
    clean = mels
    mels = _room(mels, config, rng)
    tilt = rng.normal(0, 1, (size, 8)) * rng.uniform(0, 6, (size, 1))
    gains = np.stack([np.interp(_CENTRES, np.linspace(0, 8, 8), t) for t in tilt])
    mels = mels * torch.tensor(10 ** (gains / 10), dtype=torch.float32)[:, None]
    noise = torch.zeros_like(mels)
    for b in np.flatnonzero(rng.random(size) < config.noise):
        kind = rng.random()
        if kind < 0.4:
            picks = rng.integers(size, size=rng.integers(1, 5))
            other = torch.stack([clean[k].roll(int(rng.integers(num)), 0) for k in picks]).sum(0)
        else:
            other = torch.tensor(_steady(num, rng) if kind < 0.75 else _music(num, rng), dtype=torch.float32)
        loud = torch.quantile(mels[b].sum(1), 0.9)
        level = other.sum(1).mean().clamp_min(1e-9)
        noise[b] = other * (loud / level * 10 ** (-rng.uniform(-3, 30) / 10))
    mels = mels + noise
    for b in np.flatnonzero(rng.random(size) < config.codec):
        mels[b, :, np.searchsorted(_CENTRES, rng.uniform(3, 7.5)) :] *= 1e-3
        if rng.random() < 0.3:
            mels[b, :, : np.searchsorted(_CENTRES, rng.uniform(0, 0.35))] *= 1e-3
    return mels


def draw_batch(
    clips: Sequence[Clip],
    chosen: Sequence[int],
    num: int,
    config: AugmentConfig,
    rng: np.random.Generator,
    *,
    mirror: bool = True,
) -> Batch:
    """Crops of the chosen clips with `num` frame steps each.

    The audio crop begins and ends up to 16 steps outside, or up to 6 inside, the frame crop: were they cut alike,
    the model would learn to recognise the cut.
    """
    lead, tail = int(rng.integers(-6, 16)), int(rng.integers(-6, 16))
    crops = [_crop(clips[i], num, lead, tail, config, rng) for i in chosen]
    points = np.stack([other_face(lips, config, rng, landmarks=mirror) for lips, _ in crops]).astype(np.float32)
    mels = _channel(torch.from_numpy(np.stack([audio for _, audio in crops]).astype(np.float32)), config, rng)
    return Batch(torch.from_numpy(points), torch.from_numpy(normalise_mels(mels.numpy())), lead)
