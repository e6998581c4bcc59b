"""The frames of a conversation: the heads of everybody in view, a table before them, a room behind.

Knows rendering; refuses to know files and how the timeline came about.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viseme.face3d.camera import Camera
from viseme.face3d.interface import load_face_model
from viseme.face3d.linear_model import form_shape
from viseme.face3d.render import render_head
from viseme.synthetic.conversation.interface import Conversation, Place
from viseme.synthetic.conversation.tracks import part_of, perform, spec_of
from viseme.synthetic.landmarks import focal_px
from viseme.synthetic.motion import Motion
from viseme.synthetic.scene import DRAWN_STRENGTH, Person, backdrop, light, shoulders, with_tongue

__all__ = ["draw", "drawn_motions", "frame_ranges"]

_BUST_DM = 3.2  # below the head's origin a table hides the arms, which end there
_SIDE_DM = 3.3
_TOP_DM = 2.2


@dataclass(frozen=True)
class _Seat:
    """One head in one shot: everything that does not change from frame to frame."""

    person: Person
    place: Place
    camera: Camera
    left: int
    top: int
    motion: Motion
    face: dict[str, NDArray[np.float32]]
    """What `form_shape` needs: this face at rest for its mean, and of the expression units the U that move at all."""
    beta: NDArray[np.float32]
    """(T, U)."""
    pose: NDArray[np.float64]
    body: NDArray[np.float64]


def _seat(talk: Conversation, person: int, place: Place, motion: Motion) -> _Seat:
    model = load_face_model()
    focal = focal_px(spec_of(talk, person, place, 0))
    pixels = focal / talk.perspective  # a decimetre
    x, y = place.centre
    half = int(_SIDE_DM * pixels), int(min(max(_TOP_DM * pixels, talk.height - y), 5.2 * pixels))
    camera = Camera(
        width=2 * half[0],
        height=2 * half[1],
        focal=focal,
        distance=talk.perspective,
        near=max(1.0, talk.perspective - 5),
        far=talk.perspective + 5,
    )
    pose = motion.pose.copy()
    pose[:, :3] += place.pose
    who = Person.random(talk.people[person].identity, model)
    beta = motion.beta(model)
    used = np.flatnonzero(beta.any(axis=0))
    return _Seat(
        person=who,
        place=place,
        camera=camera,
        left=x - half[0],
        top=y - half[1],
        motion=motion,
        face=model.arrays()
        | {"mean": model.shape(who.alpha), "exp_basis": np.ascontiguousarray(model.exp_basis[..., used])},
        beta=beta[:, used],
        pose=pose,
        body=shoulders(pose, np.zeros(3), float(talk.rate)),
    )


def _put(image: NDArray[np.float32], seat: _Seat, gamma: NDArray[np.float64], frame: int, antialias: int) -> None:
    """Draw one head over `image`, in place."""
    height, width = image.shape[:2]
    model, camera = load_face_model(), seat.camera
    y0, y1 = max(0, seat.top), min(height, seat.top + camera.height)
    x0, x1 = max(0, seat.left), min(width, seat.left + camera.width)
    behind = np.zeros((camera.height, camera.width, 3), np.float32)
    patch = slice(y0 - seat.top, y1 - seat.top), slice(x0 - seat.left, x1 - seat.left)
    behind[patch] = image[y0:y1, x0:x1]
    vertices = form_shape(seat.face, None, seat.beta[frame : frame + 1])[0]
    drawn = render_head(
        with_tongue(vertices, model, seat.motion.tongue[frame]),
        seat.person.albedo,
        gamma,
        seat.pose[frame],
        camera=camera,
        model=model,
        look=seat.person.look,
        background=behind,
        antialias=antialias,
        body_pose=seat.body[frame],
    ).image
    image[y0:y1, x0:x1] = drawn[patch]


def _scenery(talk: Conversation, view: tuple[int, ...]) -> tuple[NDArray[np.float32], int]:
    """The room as this camera sees it, and the row from which a table hides what is below."""
    rng = np.random.default_rng([talk.seed, 505, *view])
    kind = ("room", "room", "gradient", "plain")[int(np.random.default_rng([talk.seed, 506]).integers(4))]
    wall = backdrop(rng, kind, talk.width, talk.height)
    ends = [p.centre[1] + _BUST_DM * p.face_px / 1.45 for p in talk.places[view]]
    return wall, min([talk.height, *(int(end) for end in ends)])


def _lay_table(frame: NDArray[np.float32], row: int, seed: int) -> None:
    """A table from `row` down."""
    rng = np.random.default_rng([seed, 507])
    depth = frame.shape[0] - row
    if depth <= 0:
        return
    wood = rng.uniform(0.2, 0.5) * np.array([1.0, rng.uniform(0.7, 0.95), rng.uniform(0.45, 0.9)])
    shade = np.interp(np.arange(depth), [0, 0.04 * frame.shape[0], frame.shape[0] / 3], [0.6, 0.95, 1.2])
    frame[row:] = (wood * shade[:, None])[:, None].clip(0, 1)


def draw(talk: Conversation, *, antialias: int = 2, noise: float = 0.008) -> Iterator[NDArray[np.uint8]]:
    """Draw a conversation, one (H, W, 3) uint8 frame per time.

    Args:
        talk: From `plan_conversation`.
        antialias: Samples per pixel along each axis, 1 to 4.
        noise: Standard deviation of sensor noise, of 1.
    """
    motions = drawn_motions(talk)
    gamma = light(np.random.default_rng([talk.seed, 508]))
    grain_rng = np.random.default_rng([talk.seed, 606])
    grain = noise * grain_rng.standard_normal((talk.height + 61, talk.width + 67, 3), dtype=np.float32)
    for shot, (low, high) in zip(talk.shots, frame_ranges(talk)):
        wall, row = _scenery(talk, shot.view)
        seats = [
            _seat(talk, person, place, part_of(motions[person], low, high))
            for person, place in zip(shot.view, talk.places[shot.view])
            if high > low
        ]
        seats.sort(key=lambda seat: seat.place.face_px)  # who is larger sits in front
        for frame in range(high - low):
            image = wall.copy()
            for seat in seats:
                _put(image, seat, gamma, frame, antialias)
            _lay_table(image, row, talk.seed)
            y, x = grain_rng.integers(61), grain_rng.integers(67)
            image += grain[y : y + talk.height, x : x + talk.width]
            np.clip(image, 0, 1, out=image)
            image *= 255
            image += 0.5
            yield image.astype(np.uint8)


def drawn_motions(talk: Conversation) -> dict[int, Motion]:
    """What the face of everybody who is ever seen does, as it is drawn, at all the frames' times."""
    seen = sorted({person for shot in talk.shots for person in shot.view})
    return {person: perform(talk, person, strength=DRAWN_STRENGTH) for person in seen}


def frame_ranges(talk: Conversation) -> list[tuple[int, int]]:
    """First frame and the one after the last, of each shot."""
    return [tuple(np.searchsorted(talk.times, [shot.start, shot.end]).tolist()) for shot in talk.shots]
