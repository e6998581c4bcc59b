"""What the normalisation of light takes away. Run `python -m viseme.reproduce.light_sweep`.

Synthetic people are filmed under one lamp after the other, as LipSync3D's speaker walks through a room; the landmarks
are known, so that nothing but the light, the pose and the mouth differ between a frame and the reference.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viseme.face3d.atlas import Cylinder, fit_cylinder, unwrap
from viseme.face3d.camera import Camera, place, project
from viseme.face3d.head_pose import canonical_vertices, head_poses
from viseme.face3d.interface import FaceModel, load_face_model
from viseme.face3d.reference_atlas import reference_atlas, skin_mask
from viseme.face3d.render import render_head
from viseme.metrics.intervals import Interval, bootstrap_mean
from viseme.synthetic.scene import Person, light

__all__ = ["LightSweep", "light_sweep", "main"]

SIZE = 320
"""Pixels of a frame."""
POSE_DEG = (5.0, 8.0, 3.0)
"""Standard deviations of pitch, yaw and roll."""

Atlas = tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float64]]
"""Atlas, what of it is seen, and where its vertices lie."""


@dataclass(frozen=True, kw_only=True)
class LightSweep:
    """Mean difference of skin to the reference, of 1, over people; 95 % intervals."""

    num_people: int
    num_lights: int
    """Of each person, beside that of the reference."""
    filmed: Interval
    """As filmed."""
    normalised: Interval
    """Highlights and light taken out."""
    share: Interval
    """The second over the first, per person."""

    def lines(self) -> list[str]:
        """For people."""
        return [
            f"{self.num_people} synthetic people, {self.num_lights} lights each; "
            "mean difference of skin to the reference, percent of full scale",
            f"  as filmed     {self.filmed.text(2, scale=100)}",
            f"  in one light  {self.normalised.text(2, scale=100)}",
            f"  share left    {self.share.text(2)}",
        ]


def light_sweep(num_people: int = 12, num_lights: int = 6, *, seed: int = 0) -> LightSweep:
    """Film and measure.

    Args:
        num_people: Synthetic people.
        num_lights: Lights each is filmed under, beside that of the reference.
        seed: Of people, lights, poses and mouths.
    """
    model = load_face_model()
    rows = np.array([_of_person(seed + i, num_lights, model) for i in range(num_people)])
    return LightSweep(
        num_people=num_people,
        num_lights=num_lights,
        filmed=bootstrap_mean(rows[:, 0]),
        normalised=bootstrap_mean(rows[:, 1]),
        share=bootstrap_mean(rows[:, 1] / rows[:, 0]),
    )


def _of_person(seed: int, num_lights: int, model: FaceModel) -> tuple[float, float]:
    """Mean difference before and after."""
    rng = np.random.default_rng([seed, 31])
    person = Person.random(seed, model)
    first = _filmed(person, model, np.zeros(6), 0.0, light(rng))
    own = _vertices(first[1], canonical_vertices())
    cylinder = fit_cylinder(own)
    atlas = _unrolled(first, own, cylinder)
    plain, even = (atlas[0], atlas[1]), reference_atlas(*atlas)
    before, after = [], []
    for _ in range(num_lights):
        pose = np.concatenate([np.deg2rad(rng.normal(0, POSE_DEG)), np.zeros(3)])
        frame, valid, at = _unrolled(_filmed(person, model, pose, rng.uniform(0, 0.6), light(rng)), own, cylinder)
        made = even.normalise(frame, valid, at)
        there, known = even.moved_to(at)
        as_filmed, _ = unwrap(plain[0], atlas[2], at)  # type: ignore[arg-type]
        skin = skin_mask(at) & valid & known
        before.append(float(np.abs(frame - as_filmed)[skin].mean()))
        after.append(float(np.abs(made.atlas - there)[skin].mean()))
    return float(np.mean(before)), float(np.mean(after))


def _filmed(
    person: Person, model: FaceModel, pose: NDArray[np.float64], jaw: float, gamma: NDArray[np.float64]
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """(H, W, 3) a frame, and (468, 3) its landmarks in pixels with the depth toward the camera."""
    camera = Camera.portrait(SIZE, SIZE, face_width=0.55)
    vertices = model.shape(person.alpha, model.expression({"jawOpen": jaw}))
    image = render_head(vertices, person.albedo, gamma, pose, camera=camera, model=model, look=person.look).image
    placed = place(np.asarray(model.landmark_points(vertices), np.float64), pose)
    points = project(placed, camera)
    points[:, 2] = placed[:, 2] * camera.focal / camera.distance
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8), points


def _vertices(points: NDArray[np.float64], reference: NDArray[np.floating]) -> NDArray[np.float64]:
    """(468, 3) in the reference space."""
    upright = points[None] * [1, -1, 1]
    return np.asarray(head_poses(upright, reference).normalise(upright)[0], np.float64)


def _unrolled(
    filmed: tuple[NDArray[np.uint8], NDArray[np.float64]], own: NDArray[np.float64], cylinder: Cylinder
) -> Atlas:
    image, points = filmed
    at = cylinder.coordinates(_vertices(points, own))
    return (*unwrap(image, points, at), at)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description="What the normalisation of light takes away")
    parser.add_argument("--people", type=int, default=12)
    parser.add_argument("--lights", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    print("\n".join(light_sweep(options.people, options.lights, seed=options.seed).lines()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
