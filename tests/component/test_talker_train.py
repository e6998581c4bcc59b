"""A talker is trained on made-up clips, stopped and gone on with, written, and runs without torch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from talker_clips import made_up_clips
from viseme.expert.runner import load_expert
from viseme.talker.pixel_runner import PixelTalker
from viseme.talker.recipes import quick_recipe
from viseme.talker.runner import load_talker
from viseme.talker.train import TalkerOptions, experts_of, make_talker

pytestmark = pytest.mark.slow


def _load(path: Path) -> PixelTalker:
    found = load_talker(path)
    assert isinstance(found, PixelTalker)
    return found


def test_a_talker_is_trained_and_runs(tmp_path: Path) -> None:
    clips, recipe = made_up_clips(tmp_path / "clips"), quick_recipe()
    options = TalkerOptions(
        sync="unsup", expert=None, lip_expert=None, perceptual="none", work=tmp_path / "work", device="cpu"
    )
    lips, speech = experts_of(clips, recipe, options)
    made = make_talker(clips, recipe, "quick", options, tmp_path / "a.safetensors")
    assert made.steps == made.sync_from + recipe.sync_steps
    assert np.isfinite(list(made.measured.values())).all()
    assert sorted(made.samples.glob("*.png"))
    assert load_expert(speech).input == "pixel"
    talker = _load(tmp_path / "a.safetensors")
    assert talker.card["redistributable"] is True
    (faces,) = clips.read(0, "faces")
    found = talker.faces(faces[0], np.array(faces[:2]), np.zeros((2, 80, 16)))
    assert found.shape == (2, 96, 96, 3)
    again = make_talker(clips, recipe, "quick", options, tmp_path / "b.safetensors")
    assert again.measured == made.measured, "nothing was trained again"
    for sync in ("lip-expert", "multi"):
        other = replace(options, sync=sync, lip_expert=lips, expert=speech)
        make_talker(clips, recipe, "quick", other, tmp_path / f"{sync}.safetensors")
        same = _load(tmp_path / f"{sync}.safetensors").faces(faces[0], np.array(faces[:2]), np.zeros((2, 80, 16)))
        assert not np.allclose(same, found), sync
