"""Training from a manifest to weights that load, and a run that was stopped. Prepared clips are made up here, so that
no face needs to be tracked and nothing needs to be spoken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from viseme.core.errors import DataError
from viseme.data.manifest import read_manifest
from viseme.sync import corpus, train
from viseme.sync.checkpoint import load_sync_weights
from viseme.sync.corpus import Clip, prepare
from viseme.sync.export import load_sync_networks
from viseme.sync.models.two_stream import TwoStream
from viseme.sync.recipes import RECIPES, quick_recipe

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data"
NUM_REAL = 18
COLUMNS = "file,use,speaker,licence"


def _clip(seed: int) -> Clip:
    """Three seconds in which lips and loudness follow one random curve."""
    rng = np.random.default_rng(seed)
    knots = np.arange(-1, 5, 0.09)
    values = rng.uniform(0, 1, len(knots))
    times = np.arange(75) * 0.04
    direction = rng.normal(size=(67, 3)) * 0.02
    heard = np.interp(np.arange(300) * 0.01, knots, values)
    audio = -4 + 6 * heard[:, None] + rng.normal(0, 0.3, (300, corpus.NUM_BANDS))
    return Clip(
        name=str(seed),
        speaker=f"grid_{seed}",
        times=times,
        points=(np.interp(times, knots, values)[:, None, None] * direction).astype(np.float32),
        audio=audio.astype(np.float16),
        audio_start=0.0,
        level=6.0,
    )


@pytest.fixture
def studio(tmp_path, monkeypatch) -> Path:
    """A folder with a manifest, every clip already prepared under `work`, and a recipe of a few small steps."""
    rows = [f"clips/{i}.mp4,{'dev' if i % 7 == 6 else 'train'},grid_{i},CC0" for i in range(NUM_REAL + 3)]
    (tmp_path / "manifest.csv").write_text("\n".join([COLUMNS, *rows]) + "\n", encoding="utf-8")
    for folder in ("clips", "synthetic"):
        (tmp_path / "work" / folder).mkdir(parents=True)
    for number, row in enumerate(read_manifest(tmp_path, ("train",))):
        corpus._save(_clip(number), tmp_path / "work" / "clips" / f"{corpus._key(row)}.npz")
    for seed in range(12):
        corpus._save(_clip(1000 + seed), tmp_path / "work" / "synthetic" / f"{seed}.npz")
    small = quick_recipe()
    small = replace(
        small,
        num_synthetic=12,
        held_out=4,
        num_trials=40,
        model=TwoStream.Config(width=16, embedding=8, dropout=0.2),
        loop=replace(small.loop, steps=9, save_every=4, average=0.9),
    )
    monkeypatch.setitem(RECIPES, "quick", lambda: small)
    return tmp_path


def _train(studio: Path, work: str = "work") -> train.TrainResult:
    return train.train_sync(studio / work / "net.safetensors", data=studio, work=studio / work, recipe="quick", jobs=1)


def test_a_run_ends_in_weights_that_load_and_say_what_they_are(studio):
    result = _train(studio)
    bundle = load_sync_weights(result.out)
    assert result.num_real == NUM_REAL - 4
    assert result.num_synthetic == 8
    assert bundle.card["steps"] == 9
    assert bundle.card["recipe"] == "quick"
    assert bundle.card["training_data"][-1].startswith("8 synthetic talkers")
    assert 0.5 <= bundle.calibration.answer_above <= 0.9
    assert all(np.isfinite(bundle.calibration.coefficients))
    assert str(result.out) in str(result)
    assert not list((studio / "work").glob("*.partial"))


def _weights(path: Path) -> list[torch.Tensor]:
    return list(load_sync_networks(path)[0].state_dict().values())


def test_a_run_that_was_stopped_goes_on_to_the_same_weights(studio, monkeypatch):
    whole = _weights(_train(studio).out)
    for file in (studio / "work").glob("*.*"):
        file.unlink()
    fit, seen = train.fit, []

    def stopped(*args, on_step, **kwargs):
        def step(number, shown):
            seen.append(number)
            on_step(number, shown)
            if number == 6 and len(seen) == 6:
                raise KeyboardInterrupt

        return fit(*args, on_step=step, **kwargs)

    monkeypatch.setattr(train, "fit", stopped)
    with pytest.raises(KeyboardInterrupt):
        _train(studio)
    assert not (studio / "work" / "net.safetensors").exists()
    again = _weights(_train(studio).out)
    assert seen == [1, 2, 3, 4, 5, 6, 5, 6, 7, 8, 9], "on from the checkpoint after step 4"
    assert all(torch.equal(a, b) for a, b in zip(whole, again, strict=True))


def test_too_few_clips_say_how_many_are_needed(studio):
    lines = (studio / "manifest.csv").read_text().splitlines()[:6]
    (studio / "manifest.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match="12 are needed"):
        _train(studio)


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.skipif(not (REAL / "manifest.csv").is_file(), reason="no real clips beside the checkout")
def test_real_clips_are_prepared_once_and_leave_one_without_a_face_out(tmp_path):
    rows = read_manifest(REAL, ("train",))[:2]
    no_face = replace(rows[0], path=tmp_path / "none.mp4")
    no_face.path.write_bytes(b"not a film")
    shown: list[tuple[int, int]] = []
    clips = prepare([*rows, no_face], tmp_path, num_jobs=1, on_progress=lambda *at: shown.append(at))
    assert [c.name for c in clips] == [r.path.name for r in rows]
    assert shown[-1] == (3, 3)
    for clip in clips:
        assert clip.points.shape == (len(clip.times), 67, 3)
        assert len(clip.times) > 60
        assert 0.01 < clip.points.std(0).max() < 0.3, "lips move by a few hundredths of an eye distance"
        assert abs(len(clip.audio) * 0.01 - (clip.times[-1] - clip.times[0])) < 0.5
    stamps = {p: p.stat().st_mtime_ns for p in (tmp_path / "clips").iterdir()}
    prepare(rows, tmp_path, num_jobs=1, on_progress=lambda *at: None)
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "clips").iterdir()} == stamps


def test_networks_trained_side_by_side_are_those_trained_one_after_another(studio):
    made = []
    for jobs in (1, 2):
        torch.set_num_threads(1)
        out = studio / f"{jobs}.safetensors"
        train.train_sync(out, data=studio, work=studio / "work", recipe="quick", models=2, jobs=jobs, resume=False)
        made.append(load_sync_networks(out))
    for one, other in zip(*made, strict=True):
        for name, tensor in one.state_dict().items():
            torch.testing.assert_close(other.state_dict()[name], tensor, rtol=1e-3, atol=1e-4)
