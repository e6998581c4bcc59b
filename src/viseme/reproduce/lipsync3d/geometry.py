"""How far lips lie from the truth of a synthetic person: what an avatar makes of audio, and what following gave it.

Knows avatars, prepared frames and how synthetic people move; refuses to know training.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from viseme.avatar.components import MOUTH
from viseme.avatar.examples import Frames
from viseme.avatar.measure import FACE_SIDES, held_out
from viseme.compose.interface import FaceGenerator
from viseme.face3d.head_pose import NUM_VERTICES
from viseme.synthetic.pipeline import true_shape
from viseme.synthetic.scene import TalkerSpec

__all__ = ["lip_distances", "true_distances"]

_FIXED = np.setdiff1d(np.arange(NUM_VERTICES), MOUTH)


def lip_distances(told: NDArray[np.floating], true: NDArray[np.floating]) -> dict[str, float]:
    """Median distance of lip vertices over frames and vertices, in percent of the face's width.

    One rotation, scale and shift for all frames lays the mean of what is told over the mean of the truth, by the
    vertices outside the mouth.

    Args:
        told: (T, 468, 3) in any scale, y up, z out of the face.
        true: (T, 468, 3) likewise.

    Returns:
        `distance`; `image`, the same without depth; `motion`, once the mean of either is taken away.
    """
    source, target = np.asarray(told, np.float64), np.asarray(true, np.float64)
    fixed, aim = source.mean(0)[_FIXED], target.mean(0)[_FIXED]
    middle, centre = fixed.mean(0), aim.mean(0)
    turn = Rotation.align_vectors(aim - centre, fixed - middle)[0]
    turned = turn.apply(fixed - middle)
    scale = float((turned * (aim - centre)).sum() / np.square(turned).sum())
    placed = scale * turn.apply((source[:, MOUTH] - middle).reshape(-1, 3)).reshape(len(source), -1, 3) + centre
    gap = placed - target[:, MOUTH]
    left, right = target.mean(0)[list(FACE_SIDES)]
    width = float(np.linalg.norm(left - right))
    found = {"distance": gap, "image": gap[..., :2], "motion": gap - gap.mean(0)}
    return {name: 100 * float(np.median(np.linalg.norm(g, axis=-1))) / width for name, g in found.items()}


def true_distances(avatar: FaceGenerator, frames: Frames, spec: TalkerSpec) -> dict[str, float]:
    """`lip_distances` of what the avatar makes of one clip's audio, and (`tracked_...`) of what was tracked in it.

    Args:
        avatar: Of the synthetic person.
        frames: Of one clip, held out.
        spec: By which this clip was filmed.
    """
    parts = list(held_out(avatar, frames))
    times, made = (np.concatenate([getattr(part.made, name) for part in parts]) for name in ("times", "vertices"))
    tracked = np.concatenate([part.vertices for part in parts])
    clock, shapes = true_shape(spec)
    true = shapes[np.abs(times[:, None] - clock[None]).argmin(1)]
    followed = {f"tracked_{name}": value for name, value in lip_distances(tracked, true).items()}
    return {**lip_distances(made, true), **followed}
