"""Training of the atlas talker from a manifest to a file that speaks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recordings import write_recordings
from short_clip import short_clip, write_film
from viseme.synthetic.espeak import espeak_available
from viseme.talker.atlas_networks import AtlasTalker
from viseme.talker.atlas_train import AtlasRecipe, train_atlas_talker
from viseme.talker.runner import load_talker


@pytest.mark.slow
@pytest.mark.skipif(not espeak_available(), reason="espeak-ng is not installed")
def test_a_run_ends_in_a_talker(tmp_path: Path) -> None:
    write_film(tmp_path / "talk.mkv", short_clip(60))
    (tmp_path / "manifest.csv").write_text("file,use,speaker,truth_delay_ms\ntalk.mkv,train,a,0\n")
    model = replace(AtlasTalker.tiny(), num_shapes=6)
    recipe = AtlasRecipe(model=model, voices=((1.0, 60.0),), batch=2, num_filmed_talkers=1)
    recipe = replace(recipe, num_recorded_talkers=2)
    (tmp_path / "speech").mkdir()
    speech = [write_recordings(tmp_path / "speech"), tmp_path / "none"]
    recipe = replace(recipe, mover=replace(recipe.mover, steps=2), painter=replace(recipe.painter, steps=2))
    out = tmp_path / "talker.safetensors"
    card = train_atlas_talker(tmp_path, out=out, work=tmp_path / "work", recipe=recipe, speech=speech, device="cpu")
    assert (card["num_people"], card["num_clips"], card["num_synthetic"], card["num_painted"]) == (1, 1, 3, 2)
    assert card["licences"] == ["CC BY 4.0", "CC0-1.0"]
    assert card["num_parameters"] < 100_000
    talker = load_talker(out)
    assert talker.movement.basis.shape == (6, 1404)
    assert talker.movement.usual > 0
    heard = np.zeros((1, 11, 257), np.float32)
    assert talker.spoken.run(heard=heard)["vertices"].shape == (1, 468, 3)
