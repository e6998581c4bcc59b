"""A head that turns to profile and back, filmed, followed by the real tracker: profile is told, not invented."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import viseme.synthetic.pipeline as studio
from viseme.standardization import read_standardized, standardize
from viseme.standardization.interface import FRAME_REASONS
from viseme.synthetic.scene import TalkerSpec


@pytest.mark.slow
@pytest.mark.parametrize(("degrees", "is_profile"), [(60, True), (42, False)])
def test_a_head_held_in_profile_is_refused_and_one_half_turned_is_not(tmp_path, monkeypatch, degrees, is_profile):
    moved = studio._moved

    def turned(*arguments):
        motion = moved(*arguments)
        pose = motion.pose.copy()
        pose[:, 1] += np.deg2rad(degrees) * np.interp(motion.times, [0, 0.8, 1.1, 2.1, 2.4], [0, 0, 1, 1, 0])
        return replace(motion, pose=pose)

    monkeypatch.setattr(studio, "_moved", turned)
    film, out = tmp_path / "film.mp4", tmp_path / "out.safetensors"
    spec = TalkerSpec(seed=1, seconds=3.0, width=256, height=256, face_width=0.5, shutter=0.0, antialias=1)
    studio.make_clip(spec, film)
    standardize(film, out, as_="beta")
    (face,) = read_standardized(out).faces
    held = (face.times > 1.15) & (face.times < 2.05)
    front = (face.times < 0.75) | (face.times > 2.5)
    assert held.sum() > 15
    assert face.valid[front].all()
    reasons = np.array([FRAME_REASONS[r] for r in face.tensors["reason"]])
    if is_profile:
        assert (reasons[held] == "profile").mean() > 0.9
        assert not face.beta[held & ~face.valid].any()
    else:
        assert face.valid[held].mean() > 0.9
