"""What an avatar is trained on: frames held out, components, batches."""

from __future__ import annotations

import numpy as np
import pytest

from person_clips import MadeUpPerson
from viseme.avatar.components import closed_mouth, components_of, mouth_opening, shape_weights
from viseme.avatar.examples import Frames, split_frames
from viseme.avatar.paper_batches import PaperDraw
from viseme.avatar.recipes import PaperRecipe
from viseme.core.errors import DataError


@pytest.fixture(scope="module")
def frames() -> Frames:
    return split_frames(MadeUpPerson())[0]


def test_the_last_tenth_is_held_out_with_a_gap(frames: Frames) -> None:
    train, held = split_frames(frames.clips)
    assert len(held) == 60
    assert held.places[0].tolist() == [10, 40]
    assert held.places[-1].tolist() == [11, 49]
    assert train.places[-1].tolist() == [10, 26]  # 13 frames before: no audio window reaches across


def test_too_little_of_a_face_is_refused() -> None:
    with pytest.raises(DataError, match="there are 4 s in which the face is seen well; an avatar needs 20 s"):
        split_frames(MadeUpPerson(num=2))


def test_rows_come_in_the_order_asked_for(frames: Frames) -> None:
    rows = np.array([77, 3, 300, 3])
    whole = frames.read("vertices")
    assert np.array_equal(frames.read("vertices", rows), whole[rows])
    assert np.array_equal(np.concatenate([block for _, block in frames.blocks("weights")]), frames.read("weights"))


@pytest.mark.slow
def test_components_give_the_frames_back(frames: Frames) -> None:
    flat = frames.read("vertices").reshape(len(frames), -1)
    found = components_of(frames, lambda rows: flat[rows], 5, shape_weights())
    coefficients = found.coefficients(flat)
    assert np.abs(found.values(coefficients) - flat).max() < 1e-5
    assert coefficients[:, 0].std() == pytest.approx(1, abs=0.01)
    assert (found.deviations[1:] == 0).all()  # this person has one motion


def test_components_of_rank_two_are_those_of_the_covariance(frames: Frames) -> None:
    rng = np.random.default_rng(1)
    flat = (rng.normal(0, 1, (len(frames), 2)) * (3, 1) @ rng.normal(0, 1, (2, 50))).astype(np.float32)
    found = components_of(frames, lambda rows: flat[rows], 2)
    powers = np.linalg.eigvalsh(np.cov(flat.T, bias=True))[::-1][:2]
    assert np.allclose(found.deviations**2, powers, rtol=1e-3)
    assert abs(float(found.basis[0] @ found.basis[1])) < 1e-2 * float(powers[0])


def test_the_closed_mouth_is_a_silent_one(frames: Frames) -> None:
    closed = closed_mouth(frames)
    assert mouth_opening(closed.vertices) < 0.05 * mouth_opening(frames.read("vertices")).max()
    assert np.abs(closed.lips - frames.clips.reference_atlas[105:233, 64:192]).max() < 0.005
    assert closed.weights.max() < 0.02


def test_the_frame_before_is_shown_four_times_of_five(frames: Frames) -> None:
    recipe = PaperRecipe(batch=60, silence=0.1, gain_db=0.0)
    batch = PaperDraw(frames, frames.silent(), closed_mouth(frames), recipe)(np.random.default_rng(0))
    hidden = (batch.before == 0).all((1, 2, 3))
    assert 0.1 < hidden.mean() < 0.35
    quiet = (batch.stft == 0).all((1, 2, 3))
    assert 0 < quiet.mean() < 0.3
    assert (batch.counts[quiet] == 2).all()
    assert mouth_opening(batch.vertices[quiet]).max() < 0.02
    again = PaperDraw(frames, frames.silent(), closed_mouth(frames), recipe)(np.random.default_rng(0))
    assert all(np.array_equal(a, b) for a, b in zip(batch, again))
