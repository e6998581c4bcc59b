"""Training the head from conversations to weights that load, and a run that was stopped. Conversations are made up
here, so that nothing needs to be spoken, and kept on disk by the trainer itself."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from prepared import fill
from viseme.core.errors import DataError
from viseme.data.manifest import read_manifest
from viseme.data.manifest_clips import ManifestClips
from viseme.speakers import batches, conversations, train
from viseme.speakers.corpus import LabelledFaces
from viseme.speakers.head import HeadScorer
from viseme.speakers.interface import FEATURES, AudioSteps, FaceSteps, load_scorer
from viseme.speakers.recipes import RECIPES
from viseme.sync.checkpoint import Calibration, load_sync_weights
from viseme.sync.export import save_sync_weights
from viseme.sync.models.two_stream import TwoStream
from viseme.synthetic.conversation import HELD_OUT_SEED

NUM = 200


def _face(rng: np.random.Generator, track_id: int, state: np.ndarray, heard: np.ndarray) -> FaceSteps:
    """Lips that move where they speak, and fit the audio where they own it."""
    features = rng.normal(0, 0.1, (NUM, len(FEATURES))).astype(np.float32)
    ratio = np.where(state == 1, 2.0, np.where(heard, -1.5, -0.2)) + rng.normal(0, 0.5, NUM)
    known = {"ratio": ratio, "cosine": ratio / 4, "near": ratio, "best": np.abs(ratio), "seen": 1.0, "audio": 1.0}
    known |= {"motion": np.where(state > 0, 0.05, 0.003), "lips": np.where(state > 0, 0.3, 0.02)}
    for name, value in known.items():
        features[:, FEATURES.index(name)] = value
    return FaceSteps(track_id=track_id, shot=0, first=0, features=features, boxes=np.zeros((NUM, 4), np.float32))


def _conversation(seed: int) -> LabelledFaces:
    """Eight seconds: one speaks, then one mouths other words, then a voice of nobody in view; pauses between."""
    rng = np.random.default_rng(seed)
    step = np.arange(NUM)
    own, dubbed = (step >= 10) & (step < 70), (step >= 80) & (step < 140)
    unseen = (step >= 150) & (step < 190)
    heard = own | dubbed | unseen
    states = (np.where(own, 1, 0).astype(np.int8), np.where(dubbed, 2, 0).astype(np.int8))
    bands = np.where(heard[:, None], -10.0, -45.0) + rng.normal(0, 4, (NUM, 40))
    return LabelledFaces(
        name=f"synthetic-{seed}",
        faces=tuple(_face(rng, i, state, heard) for i, state in enumerate(states)),
        states=states,
        people=(0, 1),
        audio=AudioSteps(first=0, voice=np.where(heard, 3.0, -3.0).astype(np.float32), bands=bands.astype(np.float16)),
        heard=heard,
        unseen=unseen,
        audio_delay=0.0,
        measured_delay=0.0,
    )


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Seeds of the conversations that were made, in order."""
    seeds: list[int] = []

    def synthetic(_: object, seed: int) -> LabelledFaces:
        seeds.append(seed)
        return _conversation(seed)

    monkeypatch.setattr(conversations, "synthetic", synthetic)
    return seeds


@pytest.fixture
def sync(tmp_path: Path) -> Path:
    """Untrained sync weights."""
    torch.manual_seed(0)
    path = tmp_path / "sync.safetensors"
    save_sync_weights(
        path, [TwoStream(TwoStream.Config.tiny())], input_mode="landmarks", calibration=Calibration(), card={}
    )
    return path


def _train(folder: Path, sync: Path, **options) -> train.TrainedHead:
    work = folder / "work"
    return train.train_speakers(
        work / "head.safetensors", work=work, clips=folder, recipe="quick", weights=sync, jobs=1, **options
    )


def test_a_run_ends_in_weights_that_load_and_say_what_they_are(tmp_path, sync, made):
    result = _train(tmp_path, sync)
    scorer = load_scorer("head", result.out)
    assert isinstance(scorer, HeadScorer)
    assert scorer.threshold == result.threshold
    assert scorer.sync == load_sync_weights(sync).name
    assert "head@" in scorer.name
    conversation = _conversation(77)
    for scored in scorer.score(conversation.faces, conversation.audio):
        assert scored.speaking.shape == (NUM,)
        assert np.isfinite(scored.speaking).all()
    assert np.isfinite(scorer.voice(conversation.audio.bands)).all()
    assert result.report.num_conversations == 2
    assert result.report.num_dubbed == 2
    assert result.report.num_offscreen_steps == 2 * 40
    assert result.report.speaking.num_instants == 2 * 2 * NUM
    assert str(result.out) in str(result)
    assert made == [0, 1, 2, 3, HELD_OUT_SEED, HELD_OUT_SEED + 1]
    assert not list((tmp_path / "work").rglob("*.partial*"))


def _card(path: Path) -> dict:
    with safe_open(str(path), framework="pt") as file:
        return json.loads(file.metadata()["viseme"])["card"]


def test_the_card_says_how_and_from_what(tmp_path, sync, made):
    card = _card(_train(tmp_path, sync, steps=3, conversations=2, held_out=1).out)
    assert card["recipe"] == "quick"
    assert card["steps"] == 3
    assert card["training_data"] == ["2 synthetic conversations of this package", "0 real clips marked train"]
    assert card["num_parameters"] > 100
    assert card["held_out"].startswith("1 conversations: speaking AP")


def test_conversations_are_made_once_and_longer_training_takes_them_again(tmp_path, sync, made):
    _train(tmp_path, sync, steps=1)
    before = list(made)
    _train(tmp_path, sync, steps=2, conversations=5)
    assert made[len(before) :] == [4]


def _weights(path: Path) -> dict[str, torch.Tensor]:
    return load_file(path)


def test_a_run_that_was_stopped_goes_on_to_the_same_weights(tmp_path, sync, made, monkeypatch):
    whole = _weights(_train(tmp_path, sync).out)
    for file in (tmp_path / "work").glob("*.*"):
        file.unlink()
    fit, seen = train.fit, []

    def stopped(*args, on_step, **kwargs):
        def step(number, shown):
            seen.append(number)
            on_step(number, shown)
            if len(seen) == 7:
                raise KeyboardInterrupt

        return fit(*args, on_step=step, **kwargs)

    monkeypatch.setattr(train, "fit", stopped)
    with pytest.raises(KeyboardInterrupt):
        _train(tmp_path, sync)
    assert not (tmp_path / "work" / "head.safetensors").exists()
    again = _weights(_train(tmp_path, sync).out)
    assert seen == [1, 2, 3, 4, 5, 6, 7, 6, 7, 8, 9, 10], "on from the checkpoint after step 5"
    assert all(torch.equal(whole[name], tensor) for name, tensor in again.items())


def test_a_finished_run_is_trained_again_only_when_asked_to(tmp_path, sync, made, monkeypatch):
    _train(tmp_path, sync)
    fit, seen = train.fit, []
    monkeypatch.setattr(train, "fit", lambda *a, on_step, **k: fit(*a, on_step=lambda n, _: seen.append(n), **k))
    _train(tmp_path, sync)
    assert seen == []
    _train(tmp_path, sync, resume=False)
    assert seen == list(range(1, 11))


def test_without_any_conversation_it_says_what_is_missing(tmp_path, sync, monkeypatch):
    def broken(*_: object) -> LabelledFaces:
        raise DataError("the speech engine broke down")

    monkeypatch.setattr(conversations, "synthetic", broken)
    with pytest.raises(DataError, match="espeak-ng"):
        _train(tmp_path, sync)
    assert not (tmp_path / "work" / "head.safetensors").exists()


def test_real_clips_marked_train_take_part_and_those_for_measuring_do_not(tmp_path, sync, made, monkeypatch):
    rows = [f"clips/{i}.mp4,{'dev' if i == 3 else 'train'},speaker_{i},0,CC0" for i in range(4)]
    header = "file,use,speaker,truth_delay_ms,licence"
    (tmp_path / "manifest.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    (tmp_path / "clips").mkdir()
    for number in range(4):
        (tmp_path / "clips" / f"{number}.mp4").write_text(f"clip {number}")
    fill(ManifestClips(tuple(read_manifest(tmp_path, ("train",)))), tmp_path, range(3))
    under, pairs = batches.under_audio, []

    def drawn(bundle, face, audio, *rest, **options):
        pairs.append((face.name, audio.name))
        return under(bundle, face, audio, *rest, **options)

    monkeypatch.setattr(batches, "under_audio", drawn)
    result = _train(tmp_path, sync, data=tmp_path)
    assert _card(result.out)["training_data"][1] == "3 real clips marked train"
    assert len(pairs) == RECIPES["quick"]().num_pairs
    assert {name for pair in pairs for name in pair} <= {"clips/0.mp4", "clips/1.mp4", "clips/2.mp4"}
    assert any(face == audio for face, audio in pairs)
    assert any(face != audio for face, audio in pairs)
