"""Training from a manifest to weights that load, and a run that was stopped. Prepared clips are made up here, so that
no face needs to be tracked and nothing needs to be spoken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from prepared import fill
from viseme.core.errors import DataError
from viseme.data.manifest import read_manifest
from viseme.data.manifest_clips import ManifestClips
from viseme.sync import corpus, train
from viseme.sync.checkpoint import load_sync_weights
from viseme.sync.corpus import real_clips
from viseme.sync.export import load_sync_networks
from viseme.sync.models.two_stream import TwoStream
from viseme.sync.networks import network_of
from viseme.sync.recipes import RECIPES, quick_recipe
from viseme.synthetic.sources import Talkers

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data"
NUM_REAL = 18
COLUMNS = "file,use,source,speaker,truth_delay_ms,licence"


@pytest.fixture
def studio(tmp_path, monkeypatch) -> Path:
    """A folder with a manifest, every clip already prepared under `work`, and a recipe of a few small steps."""
    rows = [
        f"clips/{i}.mp4,{'dev' if i % 7 == 6 else 'train'},{'ours' if i < 9 else 'others'},speaker{i},0,CC0"
        for i in range(NUM_REAL + 3)
    ]
    (tmp_path / "manifest.csv").write_text("\n".join([COLUMNS, *rows]) + "\n", encoding="utf-8")
    (tmp_path / "clips").mkdir()
    for i in range(NUM_REAL + 3):
        (tmp_path / "clips" / f"{i}.mp4").write_text(f"clip {i}")
    source = ManifestClips(tuple(read_manifest(tmp_path, ("train",))))
    fill(source, tmp_path / "work", range(NUM_REAL))
    fill(Talkers(range(12)), tmp_path / "work", range(1000, 1012))
    small = quick_recipe()
    small = replace(
        small,
        num_synthetic=12,
        num_recorded=0,
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
    assert bundle.card["training_data"] == [
        "10 clips of others (CC0)",
        "8 clips of ours (CC0)",
        "14 of these trained on, the rest, other people, kept for calibration",
        bundle.card["training_data"][-1],
    ]
    assert bundle.card["training_data"][-1].startswith("8 synthetic talkers")
    assert bundle.card["delays"] == {
        "known": 18,
        "estimated": 0,
        "unclear, left out": 0,
        "no usable face or audio, left out": 0,
    }
    assert 0.5 <= bundle.calibration.answer_above <= 0.9
    assert all(np.isfinite(bundle.calibration.coefficients))
    assert str(result.out) in str(result)
    assert not list((studio / "work").glob("*.partial"))


@pytest.mark.parametrize("input", ["landmarks", "mesh"])
def test_clips_of_unclear_delay_are_left_out_counted_and_told(studio, monkeypatch, capsys, input):
    """Every corpus but one was taken to be 50 ms late, and so was every clip whose estimate was unclear."""
    lines = (studio / "manifest.csv").read_text().splitlines()
    lines[1] = lines[1].replace(",0,CC0", ",80,CC0")
    lines[2:5] = [line.replace(",0,CC0", ",,CC0") for line in lines[2:5]]
    (studio / "manifest.csv").write_text("\n".join(lines) + "\n")
    told = iter([0.12, None, None])
    monkeypatch.setattr(corpus, "estimated_delay", lambda clip: next(told))
    drawn = []
    monkeypatch.setattr(
        train, "_train_all", lambda run, _: drawn.append(run) or [network_of(input, run.real[0], run.recipe.model)]
    )
    out = studio / "w" / "net.safetensors"
    result = train.train_sync(out, data=studio, work=studio / "work", recipe="quick", input=input, jobs=1)
    assert result.num_real == NUM_REAL - 2 - 4
    assert {0.0, 0.08, 0.12} >= set(drawn[0].real.delays)
    assert load_sync_weights(out).card["delays"] == {
        "known": 15,
        "estimated": 1,
        "unclear, left out": 2,
        "no usable face or audio, left out": 0,
    }
    line = (
        "delay known of 15 real clips, estimated of 1; left out: 2 of unclear delay, 0 without a usable face or audio"
    )
    assert line in str(result)
    assert line in capsys.readouterr().err


def _weights(path: Path) -> list[torch.Tensor]:
    return list(load_sync_networks(path)[0].state_dict().values())


@pytest.mark.slow
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
    found = real_clips([*rows, no_face], tmp_path / "work", input="landmarks")
    assert [info.name for info in found.clips.infos] == [r.info().name for r in rows]
    assert [name for name, _ in found.unusable] == [no_face.info().name]
    for clip in found.clips:
        assert clip.video.shape == (len(clip.times), 67, 3)
        assert len(clip.times) > 60
        assert 0.01 < clip.video.std(0).max() < 0.3, "lips move by a few hundredths of an eye distance"
        assert abs(len(clip.audio) * 0.01 - (clip.times[-1] - clip.times[0])) < 0.5
    stamps = {p: p.stat().st_mtime_ns for p in (tmp_path / "work").rglob("*.safetensors")}
    real_clips(rows, tmp_path / "work", input="mesh")
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "work").rglob("*.safetensors")} == stamps


@pytest.mark.slow
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
