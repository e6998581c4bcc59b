"""Synthetic speakers whose every coefficient is known: lip motion against the truth, other identities, turned heads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from viseme.face3d.interface import FaceModel, load_face_model
from viseme.faces.crops import crop_squares
from viseme.reproduce.standardization_bench.lines import line, mean_and_range
from viseme.reproduce.standardization_bench.neutral_head import NeutralLips
from viseme.standardization.interface import ExpressionEstimator, FaceObservation, in_standard_crops
from viseme.synthetic import LandmarkSpec, Phoneme, Style, move, synth_landmarks
from viseme.synthetic.faces import draw_faces
from viseme.synthetic.scene import Person

__all__ = ["NUM_FRAMES", "SEEDS", "filmed_speaker", "tracked_speaker", "true_beta", "truth_lines"]

SEEDS = tuple(range(70_001, 70_007))
"""Synthetic speakers that no network was trained on: training counts from 0."""
NUM_FRAMES = 100
PHONEMES = ("b", "m", "a", "i", "u", "f", "s", "o", "p", "e")

Observe = Callable[..., FaceObservation]


def _speech(seed: int) -> tuple[Phoneme, ...]:
    rng = np.random.default_rng(seed)
    out, at = [], 0.1
    while at < NUM_FRAMES / 25:
        length = rng.uniform(0.08, 0.2)
        name = str(rng.choice(PHONEMES))
        out.append(Phoneme(name, at, at + length, (at, at + 0.7 * length) if name in "bmp" else None))
        at += length
    return tuple(out)


def _spec(seed: int, *, identity: int = 0, yaw_deg: float = 0.0) -> LandmarkSpec:
    style = Style.random(np.random.default_rng(seed))
    return LandmarkSpec(
        phonemes=_speech(seed), times=np.arange(NUM_FRAMES) / 25, style=style, identity=seed + 100 * identity,
        seed=seed, pose=(0.0, np.deg2rad(yaw_deg), 0.0), depth_response=1.0,
    )  # fmt: skip


def true_beta(seed: int, model: FaceModel) -> NDArray[np.float32]:
    """(T, E) expression of a speaker, whatever its identity and pose."""
    spec = _spec(seed)
    return move(spec.phonemes, spec.times, style=spec.style, seed=spec.seed).beta(model)


def tracked_speaker(seed: int, model: FaceModel, *, identity: int = 0, yaw_deg: float = 0.0) -> FaceObservation:
    """(T,) landmarks with the tracker's noise, of a head that is held at `yaw_deg`."""
    times, landmarks = synth_landmarks(_spec(seed, identity=identity, yaw_deg=yaw_deg))
    return FaceObservation(
        times=times, landmarks=landmarks, observed=np.ones(len(times), bool), crops=crop_squares(landmarks)
    )


def filmed_speaker(seed: int, model: FaceModel, *, identity: int = 0, yaw_deg: float | None = None) -> FaceObservation:
    """Rendered crops with noise, blur, light and background of their own; the head moves unless `yaw_deg` holds it."""
    alpha = Person.random(seed + 100 * identity, model).alpha
    yaw = None if yaw_deg is None else np.deg2rad(yaw_deg)
    made = draw_faces(seed, NUM_FRAMES, model=model, alpha=alpha, beta=true_beta(seed, model), yaw=yaw)
    return replace(in_standard_crops(made.landmarks), images=made.images)


def _beta(reader: ExpressionEstimator, piece: FaceObservation) -> NDArray[np.float32]:
    return np.concatenate([c.beta for c in reader.estimate([piece])])


def truth_lines(name: str, reader: ExpressionEstimator, observe: Observe, seeds: Sequence[int]) -> Iterator[str]:
    """Lip aperture, another identity, a head turned by 45 degrees; means over speakers, range in brackets."""
    model = load_face_model()
    lips = NeutralLips(model)
    same, away, swap, front, turned, aside = [], [], [], [], [], []
    for seed in seeds:
        truth = true_beta(seed, model)
        one, other = (_beta(reader, observe(seed, model, identity=i)) for i in (0, 1))
        same.append(float(np.corrcoef(lips.aperture(one), lips.aperture(truth))[0, 1]))
        away.append(lips.distance(one, truth))
        swap.append(float(np.sqrt(((one - other) ** 2).mean() / (one - one.mean(0)).var())))
        ahead, side = (_beta(reader, observe(seed, model, yaw_deg=degrees)) for degrees in (0.0, 45.0))
        front.append(lips.error(ahead, truth))
        turned.append(lips.error(side, truth))
        aside.append(float(np.corrcoef(lips.aperture(side), lips.aperture(truth))[0, 1]))
    n = f"n = {len(seeds)} speakers x {NUM_FRAMES} frames"
    yield line(f"{name}: lip aperture, correlation with the truth", mean_and_range(same), n, ">= .95")
    yield line(f"{name}: the same, head turned by 45 degrees", mean_and_range(aside), n)
    yield line(f"{name}: lips from the true ones, px of the crop", mean_and_range(away), n)
    yield line(f"{name}: change of beta under another identity / spread", mean_and_range(swap), n, "<= .15")
    ratio = np.mean(turned) / np.mean(front)
    yield line(f"{name}: lip error at 45 degrees / from the front", f"{ratio:.2f}", n, "<= 1.20")
    yield line(f"{name}: lip error from the front / spread", mean_and_range(front), n)
