"""The landmark fit on a few made-up frames: which are refused and why, and that nothing is invented for them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from viseme.core.errors import ConfigError
from viseme.face3d.camera import Camera, place, project
from viseme.face3d.interface import load_face_model
from viseme.face3d.neutral_landmarks import neutral_landmarks
from viseme.faces.crops import crop_squares
from viseme.standardization.estimators.landmark_fit import LandmarkFit
from viseme.standardization.interface import FRAME_REASONS, Coefficients, FaceObservation


def seen(num: int = 12, *, yaw: float = 0.0) -> FaceObservation:
    """A mouth that opens and shuts."""
    model = load_face_model()
    mean, identity, expression = neutral_landmarks(model)
    beta = np.outer(1 - np.cos(np.arange(num)), model.expression({"jawOpen": 0.15}))
    alpha = np.random.default_rng(3).normal(0, 0.5, identity.shape[-1])
    shape = mean + identity @ alpha + np.einsum("nka,ta->tnk", expression, beta)
    pose = np.array([0.05, yaw, -0.02, 0.1, 0.0, -2.0])
    landmarks = np.zeros((num, 478, 3), np.float32)
    landmarks[:, :468] = project(place(shape, pose), Camera.standard()) * [1.3, 1.3, 0] + [40, 20, 0]
    return FaceObservation(
        times=np.arange(num) / 25, landmarks=landmarks, observed=np.ones(num, bool), crops=crop_squares(landmarks)
    )


def fitted(piece: FaceObservation, **config: float) -> Coefficients:
    (one,) = LandmarkFit(LandmarkFit.Config(**config)).estimate([piece])  # type: ignore[arg-type]
    return one


def reasons(found: Coefficients) -> list[str]:
    return [FRAME_REASONS[i] for i in found.reason]


def test_every_frame_comes_out_once_and_an_open_mouth_is_open() -> None:
    found = fitted(seen())
    assert found.beta.shape == (12, 64)
    assert found.pose.shape == (12, 6)
    assert found.valid.all()
    assert found.alpha is not None
    assert found.alpha.shape == (80,)
    assert found.residual is not None
    assert (found.residual < 0.003).all()
    jaw = found.beta[:, load_face_model().expression_names.index("jawOpen")]
    assert np.corrcoef(jaw, 1 - np.cos(np.arange(12)))[0, 1] > 0.95


def test_pose_is_that_of_the_crop() -> None:
    found = fitted(seen(yaw=0.4))
    np.testing.assert_allclose(found.pose[:, :3], np.broadcast_to([0.05, 0.4, -0.02], (12, 3)), atol=0.06)


def test_frames_that_cannot_be_trusted_hold_zeros_and_say_why() -> None:
    piece = seen()
    piece.landmarks[2, 17] = np.nan
    piece.landmarks[3] = np.nan
    piece.observed[5] = False
    piece.landmarks[7, :468, :2] = np.random.default_rng(0).uniform(0, 300, (468, 2))
    piece = FaceObservation(
        times=piece.times, landmarks=piece.landmarks, observed=piece.observed, crops=crop_squares(piece.landmarks)
    )
    found = fitted(piece)
    expected = ["ok"] * 12
    expected[2], expected[3], expected[5] = "bad_landmarks", "not_seen", "interpolated"
    got = reasons(found)
    assert got[7] in ("poor_fit", "profile")
    got[7] = "ok"
    assert got == expected
    assert not found.valid[[2, 3, 5, 7]].any()
    assert (found.beta[~found.valid] == 0).all()
    assert np.isfinite(found.beta).all()
    assert np.isfinite(found.pose).all()
    assert found.residual is not None
    assert np.isnan(found.residual[[2, 3, 5]]).all()
    clean = fitted(seen())
    np.testing.assert_allclose(found.beta[found.valid], clean.beta[found.valid], atol=0.15)


def test_a_profile_is_refused() -> None:
    found = fitted(seen(yaw=1.2))
    assert set(reasons(found)) == {"profile"}
    assert (found.beta == 0).all()


def test_an_infinite_landmark_is_a_bad_one_and_no_warning() -> None:
    piece = seen()
    piece.landmarks[2, 17] = np.inf
    piece.landmarks[4] = -np.inf
    piece.landmarks[4, :200] = np.inf
    crops = crop_squares(piece.landmarks)
    assert np.isnan(crops).all(1).nonzero()[0].tolist() == [2, 4]
    found = fitted(replace(piece, crops=crops))
    assert [reasons(found)[i] for i in (2, 4)] == ["bad_landmarks", "not_seen"]
    assert found.valid.sum() == 10


def turning(num: int = 40, *, made_up: float) -> FaceObservation:
    """First from the front; then the head is turned, and landmarks lie off by `made_up` of the face width (sigma)."""
    front, turned = seen(num), seen(num, yaw=0.6)
    width = np.ptp(front.landmarks[0, :468, 0])
    off = made_up * width * np.random.default_rng(5).normal(size=(478, 3))
    landmarks = front.landmarks.copy()
    landmarks[num // 2 :] = (turned.landmarks + off)[num // 2 :]
    return replace(front, landmarks=landmarks, crops=crop_squares(landmarks))


def test_a_turned_face_that_is_not_that_persons_is_a_profile() -> None:
    """What a tracker does with a head at 60 to 70 degrees; `tests/component/test_standardize_profile.py` goes
    through a real one."""
    honest = fitted(turning(made_up=0))
    assert honest.valid.all()
    found = fitted(turning(made_up=0.02))
    assert found.valid[:20].all()
    assert set(reasons(found)[20:]) == {"profile"}
    assert not found.beta[20:].any()
    assert found.residual is not None
    assert (np.abs(found.pose[20:, 1]) < 0.85).all(), "by the residual, not by the angle"
    assert (found.residual[20:] < 0.035).all()
    assert fitted(turning(made_up=0.02), turned_residual=1.0).valid.all()


def test_frames_in_profile_have_no_say_in_the_identity() -> None:
    alone = seen(20)
    found, expected = fitted(turning(made_up=0.02)), fitted(alone)
    np.testing.assert_allclose(found.alpha, expected.alpha, atol=1e-3)  # type: ignore[arg-type]


def test_a_track_that_never_shows_the_front_has_an_identity_for_all_that() -> None:
    found = fitted(seen(yaw=0.65))
    assert found.valid.all()
    assert np.abs(found.alpha).max() > 0.1  # type: ignore[arg-type]


def test_a_track_without_a_usable_frame_is_all_refused() -> None:
    piece = seen()
    piece.landmarks[:] = np.nan
    found = fitted(FaceObservation(times=piece.times, landmarks=piece.landmarks, observed=piece.observed,
                                   crops=crop_squares(piece.landmarks)))  # fmt: skip
    assert set(reasons(found)) == {"not_seen"}
    assert (found.alpha == 0).all()


def cut(piece: FaceObservation, size: int) -> list[FaceObservation]:
    rows = [slice(i, i + size) for i in range(0, len(piece.times), size)]
    return [
        FaceObservation(times=piece.times[r], landmarks=piece.landmarks[r], observed=piece.observed[r],
                        crops=piece.crops[r])
        for r in rows
    ]  # fmt: skip


def test_stretches_come_out_as_they_went_in_and_their_cut_does_not_matter() -> None:
    piece = seen(30)
    parts = list(LandmarkFit().estimate(iter(cut(piece, 7))))
    assert [len(p.times) for p in parts] == [7, 7, 7, 7, 2]
    whole = fitted(piece)
    np.testing.assert_allclose(np.concatenate([p.beta for p in parts]), whole.beta, atol=1e-4)


def test_live_mode_gives_stretches_before_the_track_ends() -> None:
    given = []

    def track():  # type: ignore[no-untyped-def]
        for index, piece in enumerate(cut(seen(60), 10)):
            given.append(index)
            yield piece

    stream = LandmarkFit(LandmarkFit.Config(freeze_after_s=0.5)).estimate(track())
    first = next(stream)
    assert given == [0, 1]
    parts = [first, *stream]
    assert [len(p.times) for p in parts] == [10] * 6
    assert all((p.alpha == first.alpha).all() for p in parts)  # type: ignore[union-attr]


def test_no_frames_no_answer() -> None:
    assert list(LandmarkFit().estimate([])) == []


@pytest.mark.parametrize(
    "wrong", [{"mu": 0.0}, {"rounds": 0}, {"freeze_after_s": 0.0}, {"max_yaw": -1.0}, {"max_identity_frames": 0}]
)
def test_impossible_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        LandmarkFit.Config(**wrong)  # type: ignore[arg-type]


def test_the_prior_counts_expression_in_the_unit_of_the_face_model(monkeypatch: pytest.MonkeyPatch) -> None:
    from viseme.standardization.estimators import landmark_equations, landmark_fit

    assert load_face_model().expression_spread == 0.12
    free = fitted(seen()).beta
    strict = replace(load_face_model(), expression_spread=0.001)
    monkeypatch.setattr(landmark_equations, "load_face_model", lambda name: strict)
    uncached = landmark_equations.landmark_equations.__wrapped__
    monkeypatch.setattr(landmark_fit, "landmark_equations", uncached)
    assert np.abs(fitted(seen()).beta).max() < 0.1 * np.abs(free).max()
