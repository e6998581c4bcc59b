"""Lip crops carried from shape to shape and looked up, how much a person moves, and the face that speaks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from viseme.core.errors import WeightsError
from viseme.face3d.atlas import fit_cylinder
from viseme.face3d.head_pose import canonical_vertices
from viseme.faces.schemes import UPPER_INNER
from viseme.talker.lip_atlas import MOST_SOURCES, carried, frame_atlas, lip_shape, nearest_shapes, opening, whole_atlas
from viseme.talker.movement import Movement, movement_of
from viseme.talker.person import LipPool, Person, pool_rows, resting_shape
from viseme.talker.runner import TalkingPerson, load_talker

REST = np.asarray(canonical_vertices(), np.float64)
LOWER = REST[:, 1] <= REST[14, 1]


def opened(by: float) -> NDArray[np.float64]:
    """The mean face with its lower lip and chin lower."""
    vertices = REST.copy()
    vertices[LOWER, 1] -= by
    vertices[UPPER_INNER] = REST[UPPER_INNER]
    return vertices


def coloured(seed: int) -> NDArray[np.float32]:
    y, x = np.mgrid[0:128, 0:128] / 128
    weights = np.random.default_rng(seed).random((3, 3))
    return (np.stack([x, y, 1 - x], -1) @ weights / 3).astype(np.float32)


def test_lips_carried_to_their_own_shape_are_as_they_were() -> None:
    places = fit_cylinder(REST).coordinates(opened(0.1))
    crop = coloured(0)
    made = carried([crop, crop], [places, places], places)
    assert np.abs(made.crops - crop).max() < 1e-3
    assert np.abs(made.moved).max() < 1e-3


def test_an_opened_mouth_shows_its_inside_and_what_is_below_moves_down() -> None:
    cylinder = fit_cylinder(REST)
    shut, wide = cylinder.coordinates(REST), cylinder.coordinates(opened(0.15))
    row, _ = np.mgrid[0:128, 0:128].astype(np.float32)
    made = carried([np.repeat(row[..., None], 3, 2)], [shut], wide)
    assert made.inside.sum() > 50 > carried([coloured(0)], [shut], shut).inside.sum()
    x, y = np.round(wide[17] - [64, 105]).astype(int)
    assert made.crops[0, y, x, 0] == pytest.approx(shut[17, 1] - 105.5, abs=1)  # the lower lip brought its colour along
    assert made.moved[y, x, 1] == pytest.approx(shut[17, 1] - wide[17, 1], abs=1)


def test_a_frame_is_unrolled_where_the_atlas_has_it() -> None:
    cylinder = fit_cylinder(REST)
    places = cylinder.coordinates(REST)
    image = np.zeros((220, 260, 3), np.uint8)
    image[..., 0] = np.arange(260)[None] % 256
    points = np.concatenate([REST[:, :2] * [90, -90] + [130, 110], REST[:, 2:]], 1)
    crop, whole = frame_atlas(image, points, places), whole_atlas(image, points, places)
    x, y = np.floor(places[164]).astype(int)
    assert whole[y, x, 0] * 255 == pytest.approx(points[164, 0] - 0.5, abs=1.5)
    assert crop[y - 105, x - 64, 0] == pytest.approx(whole[y, x, 0], abs=1e-5)
    assert not whole[0, 0].any()


def test_what_is_looked_up_changes_smoothly() -> None:
    known = np.array([[0.0, 0], [1, 0], [2, 0], [3, 0], [4, 0]], np.float32)
    at = np.stack([np.linspace(0, 4, 401), np.zeros(401)], 1).astype(np.float32)
    rows, weights, far = nearest_shapes(known, at)
    assert rows.shape == (401, MOST_SOURCES)
    assert weights.sum(1) == pytest.approx(1, abs=1e-5)
    whole = np.zeros((401, 5))
    np.put_along_axis(whole, rows, weights, 1)
    assert np.abs(np.diff(whole, axis=0)).max() < 0.05
    assert whole[100].argmax() == 1
    assert far[150] == pytest.approx(0.5, abs=1e-3)
    rows, weights, _ = nearest_shapes(known[:1], at[:2])
    assert (rows.tolist(), weights.tolist()) == ([[0], [0]], [[1.0], [1.0]])


def test_lips_that_are_kept_are_unlike_each_other() -> None:
    shapes = np.array([[0.0], [0.1], [5], [5.1], [2]], np.float32)
    assert pool_rows(shapes, 0, 3).tolist() == [0, 3, 4]
    assert pool_rows(shapes, 0, 5).tolist() == [0, 3, 4]  # what repeats is left out


def test_the_face_at_rest_is_that_of_the_most_closed_frames() -> None:
    frames = np.stack([opened(by) for by in (0.3, 0.0, 0.2, 0.0, 0.1, 0.0)])
    assert np.abs(resting_shape(frames) - REST).max() < 1e-9
    assert opening(frames).argmax() == 0


def test_a_persons_motion_has_a_size_and_silence_has_none() -> None:
    rng = np.random.default_rng(0)
    away = opened(0.1) - REST
    offsets = (rng.random((100, 1, 1)) * away).astype(np.float32)
    bare = Movement(mean=np.zeros(1404, np.float32), basis=np.ones((1, 1404), np.float32), usual=1.0)
    usual = bare.amount(offsets)
    movement = movement_of(offsets.reshape(100, -1), 2, usual)
    assert movement.size(offsets) == pytest.approx(1, abs=0.01)
    assert 1.1 < movement.size(1.3 * offsets) < 1.3
    assert movement.size(0.1 * offsets) == 1
    assert movement.size(5 * offsets) < 1.5
    assert np.abs(movement.lean(offsets)).max() < 1e-3
    aside = offsets + np.float32(0.01)
    assert movement.lean(aside)[152, 0] == pytest.approx(0.6 * 0.01, abs=1e-3)
    assert not movement.lean(0.1 * aside).any()
    assert movement.speech(np.stack([0 * away, 5 * away])).tolist() == [0, 1]
    found = movement.coefficients(offsets)
    again = movement.mean + found @ movement.basis
    assert np.abs(again - offsets.reshape(100, -1)).max() < 1e-3
    assert found[:, 0].std() == pytest.approx(1, abs=0.01)
    assert movement.powers[0] > 0.99


class _Network:
    """A session that answers by a function."""

    def __init__(self, made: Any) -> None:
        self.run = made


class _Stream:
    def embed_audio(self, mels: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.zeros((len(mels), max(0, mels.shape[1] - 3), 4), np.float32)


def talking(pool: LipPool) -> TalkingPerson:
    """The mean face, which opens its mouth whatever it hears; lips are painted as they were seen."""
    cylinder = fit_cylinder(REST)
    person = Person(
        reference=REST,
        cylinder=cylinder,
        atlas=np.full((256, 256, 3), 0.5, np.float32),
        closed=REST,
        pool=pool,
        moved=np.zeros((10, 468, 3), np.float32),
    )
    away = np.asarray(opened(0.1) - REST, np.float32)
    talker: Any = SimpleNamespace(
        movement=Movement(mean=np.zeros(1404, np.float32), basis=np.ones((1, 1404), np.float32), usual=1.0),
        spoken=_Network(lambda heard: {"vertices": np.repeat(away[None], len(heard), 0)}),
        painted=_Network(lambda **given: {"lips": given["seen"]}),
        streams=[_Stream()],
    )
    return TalkingPerson(talker, person)


def test_silence_shows_the_face_at_rest() -> None:
    cylinder = fit_cylinder(REST)
    pool = LipPool(
        crops=np.stack([coloured(1), coloured(2)]),
        places=np.stack([cylinder.coordinates(REST), cylinder.coordinates(opened(0.1))]),
    )
    face = talking(pool)
    times = np.arange(20) / 25
    made = list(face.speak(np.zeros(16_000, np.float32), 0.0, times))
    assert np.concatenate([m.times for m in made]).tolist() == times.tolist()
    assert np.abs(made[0].vertices - REST).max() < 1e-6
    assert np.abs(made[0].lips[0][40:100, 40:90] - pool.crops[0][40:100, 40:90]).max() < 0.05
    lips = face.lips_of(opened(0.1)[None])[0]
    assert np.abs(lips[40:100, 40:90] - pool.crops[1][40:100, 40:90]).max() < 0.05  # seen with that very mouth
    with pytest.raises(ValueError, match="rise"):
        list(face.speak(np.zeros(8, np.float32), 0.0, np.array([0.1, 0.0])))


def test_shapes_of_lips_are_in_pixels() -> None:
    cylinder = fit_cylinder(REST)
    rest = cylinder.coordinates(REST)
    shape = lip_shape(rest + np.array([3, 4]), rest)
    assert np.linalg.norm(shape) == pytest.approx(5, abs=1e-4)


def test_the_talker_that_ships_moves_lips_and_paints_them() -> None:
    talker = load_talker()
    assert talker is load_talker("talker")
    assert talker.id.startswith("talker@")
    voice = np.random.default_rng(0).normal(size=(2, 11, 257)).astype(np.float32)
    assert opening(REST + talker.spoken.run(heard=voice)["vertices"]).shape == (2,)
    apart = REST + 2 * talker.movement.mean.reshape(468, 3)
    assert opening(talker.movement.shut(apart)) < 0.3 * opening(apart)
    flat = np.full((1, 96, 96, 3), 0.5, np.float32)
    nothing = np.zeros((1, 96, 96), np.float32)
    made = talker.painted.run(
        own=flat,
        seen=flat,
        inside=nothing,
        moved=np.zeros((1, 96, 96, 2), np.float32),
        far=np.zeros((1, 1), np.float32),
    )["lips"]
    assert np.abs(made - 0.5).mean() < 0.05
    with pytest.raises(WeightsError, match="no talker"):
        load_talker("voice-to-face")
