"""Collections of synthetic face crops: one person each, many poses and expressions, every answer known.

Knows the talking head and the standard crop; refuses to know training. Frames are drawn at crop size, without a
scene around them, so that a collection of 24 takes a second.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from viseme.face3d.camera import Camera, centred, place, project
from viseme.face3d.interface import FaceModel, load_face_model
from viseme.face3d.neutral_landmarks import neutral_landmarks
from viseme.face3d.render import render_head
from viseme.faces.crops import CROP_SIZE, MARGIN
from viseme.synthetic.motion import move
from viseme.synthetic.phonemes import Phoneme
from viseme.synthetic.scene import BACKGROUNDS, Person, backdrop, light
from viseme.synthetic.style import Style

__all__ = ["SyntheticFaces", "draw_faces"]

_AUDIOS = "p b m f v t d n s z k g r l w ʃ θ h i ɪ e ɛ æ ə ʌ ɑ ɔ o ʊ u aɪ aʊ ɔɪ tʃ".split()  # noqa: SIM905


@dataclass(frozen=True, kw_only=True)
class SyntheticFaces:
    """One synthetic person."""

    images: NDArray[np.uint8]
    """(M, 224, 224, 3) RGB crops."""
    landmarks: NDArray[np.float32]
    """(M, 468, 2) exact projections, pixels of the crop."""
    alpha: NDArray[np.float32]
    """(A,) identity."""
    beta: NDArray[np.float32]
    """(M, E) expression."""
    delta: NDArray[np.float32]
    """(D,) texture; hair, beard and mottling come on top of it."""


def draw_faces(
    seed: int,
    num: int,
    *,
    model: FaceModel | None = None,
    alpha: NDArray[np.floating] | None = None,
    beta: NDArray[np.floating] | None = None,
    yaw: float | None = None,
) -> SyntheticFaces:
    """A person who speaks, grimaces and turns; the same seed gives the same frames.

    Args:
        seed: Of everything.
        num: Frames.
        model: Default: the default face model.
        alpha: (A,) another identity in the same scene; None = the seed's.
        beta: (num, E) other expressions; None = the seed's.
        yaw: Radians; the head stays turned so. None = it turns as the seed has it.
    """
    model = model or load_face_model()
    rng = np.random.default_rng([seed, 909])
    person = Person.random(seed, model)
    if alpha is not None:
        person = replace(person, alpha=np.asarray(alpha, np.float32))
    delta = _texture(seed, model)
    betas = _expressions(rng, num, model)
    if beta is not None:
        betas = np.asarray(beta, np.float32)
    mean, identity, expression = neutral_landmarks(model)
    still = mean + identity @ person.alpha
    usual = rng.normal(0, np.deg2rad([9, 16, 5]))
    lamps = light(rng)
    behind = backdrop(rng, str(rng.choice(BACKGROUNDS)), CROP_SIZE, CROP_SIZE)
    look = replace(person.look, gloss=person.look.gloss * float(rng.uniform(0.3, 1.0)))
    restless = rng.random() < 0.25  # light that changes from frame to frame
    noise, soft = float(np.exp(rng.normal(np.log(0.008), 0.6))), float(max(0.0, rng.normal(0.2, 0.6)))
    distance = float(np.exp(rng.uniform(np.log(5), np.log(20))))
    camera = Camera(
        width=CROP_SIZE, height=CROP_SIZE, focal=101.5 * distance, distance=distance, near=1.0, far=distance + 10
    )
    images = np.empty((num, CROP_SIZE, CROP_SIZE, 3), np.uint8)
    landmarks = np.empty((num, len(mean), 2), np.float32)
    for i in range(num):
        wide = [6, 12, 4] if rng.random() < 0.5 else [2, 3, 1.5]
        angles = (usual + rng.normal(0, np.deg2rad(wide))).clip(np.deg2rad([-28, -50, -22]), np.deg2rad([30, 50, 22]))
        if yaw is not None:
            angles[1] = yaw
        turned = place(still + expression @ betas[i], np.concatenate([angles, np.zeros(3)]))
        pose = np.concatenate([angles, centred(turned, margin=MARGIN, camera=camera)])
        if restless:
            lamps = light(rng)
        drawn = render_head(
            model.shape(person.alpha, betas[i]),
            person.albedo,
            lamps,
            pose,
            camera=camera,
            model=model,
            look=look,
            background=behind,
        ).image
        if soft > 0.1:
            drawn = gaussian_filter(drawn, (soft, soft, 0))
        drawn = drawn + noise * rng.standard_normal(drawn.shape, dtype=np.float32)
        images[i] = (drawn.clip(0, 1) * 255 + 0.5).astype(np.uint8)
        landmarks[i] = project(turned + pose[3:], camera)[:, :2]
    return SyntheticFaces(images=images, landmarks=landmarks, alpha=person.alpha, beta=betas, delta=delta)


def _texture(seed: int, model: FaceModel) -> NDArray[np.float32]:
    """The texture that `Person.random` draws after the identity."""
    rng = np.random.default_rng([seed, 11])
    rng.normal(0, 0.8, model.id_basis.shape[-1])
    return rng.normal(0, 0.65, model.tex_basis.shape[-1]).clip(-1.5, 1.5).astype(np.float32)


def _expressions(rng: np.random.Generator, num: int, model: FaceModel) -> NDArray[np.float32]:
    """(num, E): speech at random instants; half of the frames with some more units at random."""
    seconds = 6.0
    starts = np.cumsum(rng.uniform(0.05, 0.16, int(seconds / 0.1)))
    names = rng.choice(_AUDIOS, len(starts))
    phonemes = [Phoneme(str(n), float(a), float(b)) for n, a, b in zip(names, starts, starts[1:])]
    style = replace(Style.random(rng), strength=float(np.exp(rng.normal(0, 0.3))))
    times = np.sort(rng.uniform(0.2, seconds - 0.2, num))
    betas = move(phonemes, times, style=style, seed=int(rng.integers(2**31))).beta(model)
    sigma = model.expression_sigma
    for beta in betas:
        if rng.random() < 0.5:
            for unit in rng.choice(len(sigma), int(rng.integers(1, 6)), replace=False):
                beta[unit] += rng.uniform(0, 0.7) ** 1.5 / sigma[unit]
    return betas
