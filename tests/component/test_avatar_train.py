"""Training of an avatar from prepared clips to a file that speaks without torch, and a run that was stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import viseme
from person_clips import MadeUpPerson
from viseme.avatar import train
from viseme.avatar.components import mouth_opening
from viseme.avatar.networks import CompactAvatar, LipSync3D
from viseme.avatar.recipes import RECIPES, CompactRecipe, PaperRecipe
from viseme.avatar.runner import load_avatar
from viseme.weights import read_checkpoint

STATEMENT = 'subject = "Nobody"\nscope = "tests"\ndate = 2026-01-02\nsigner = "Nobody"\n'


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's prepared clips, their consent, and recipes of a few small steps."""
    person = MadeUpPerson()
    monkeypatch.setattr(train, "prepare_person", lambda *args, **kwargs: person)
    compact, paper = CompactRecipe(), PaperRecipe()
    compact = replace(
        compact,
        model=CompactAvatar.Config(channels=8, width=32, num_shapes=3, num_textures=4),
        voices=((1.0, 40.0),),
        loop=replace(compact.loop, steps=60, learning_rate=1e-2, average=0.0, save_every=30),
    )
    paper = replace(paper, model=LipSync3D.Config.tiny(), batch=2, loop=replace(paper.loop, steps=2))
    monkeypatch.setitem(RECIPES, "compact", lambda: compact)
    monkeypatch.setitem(RECIPES, "light", lambda: paper)
    (tmp_path / "consent.toml").write_text(STATEMENT)
    return tmp_path


def _train(studio: Path, preset: train.Preset = "compact", out: str = "a.vis") -> train.AvatarTrainResult:
    return train.train_avatar(
        (studio / "a.mp4",),
        out=studio / out,
        consent=studio / "consent.toml",
        preset=preset,
        jobs=1,
        device="cpu",
        work=studio / "work",
    )


@pytest.mark.slow
def test_a_compact_avatar_follows_a_voice_closes_in_silence_and_resumes(studio: Path) -> None:
    result = _train(studio)
    assert result.measured["opening_correlation"] > 0.8
    assert result.measured["silent_opening"] < 1.2
    avatar = load_avatar(result.out)
    assert avatar.consent.subject == "Nobody"
    assert avatar.card["held_out"]["frames"] == 60
    person = MadeUpPerson()
    assert np.abs(avatar.reference - person.reference).max() < 1e-3
    assert np.abs(avatar.reference_atlas - person.reference_atlas).max() < 1e-4
    samples = person.read(0, "samples")[0]
    times = np.arange(-0.3, 2.6, 1 / 29.97)
    spoken = list(avatar.speak(samples, 0.0, times))
    assert np.array_equal(np.concatenate([s.times for s in spoken]), times)
    assert max(len(s.times) for s in spoken) < 30  # constant memory
    opening = mouth_opening(np.concatenate([s.vertices for s in spoken]))
    assert opening[[0, -1]].max() < 0.2 * opening.max()
    repeated = np.concatenate([s.lips for s in avatar.speak(samples, 0.0, times)])
    assert np.array_equal(repeated, np.concatenate([s.lips for s in spoken]))
    whole = read_checkpoint(result.out, component="avatar", holds="avatar")
    again = read_checkpoint(_train(studio, out="b.vis").out, component="avatar", holds="avatar")
    assert all(np.array_equal(again.tensors[name], value) for name, value in whole.tensors.items())
    with pytest.raises(ValueError, match="times must rise"):
        list(avatar.speak(samples, 0.0, times[::-1]))


@pytest.mark.slow
def test_the_papers_network_remembers_the_frame_before(studio: Path) -> None:
    avatar = load_avatar(_train(studio, "light").out)
    samples = MadeUpPerson().read(0, "samples")[0]
    times = np.arange(0.8, 1.2, 0.04)
    spoken = list(avatar.speak(samples, 0.0, times))
    assert sum(len(s.times) for s in spoken) == len(times)


def test_without_consent_nothing_is_trained(tmp_path: Path) -> None:
    with pytest.raises(viseme.ConsentError, match="pass their statement with --consent FILE"):
        train.train_avatar((tmp_path / "a.mp4",), work=tmp_path)
    (tmp_path / "consent.toml").write_text('subject = "A"\n')
    with pytest.raises(viseme.ConsentError, match="lacks scope and date and signer"):
        train.train_avatar((tmp_path / "a.mp4",), consent=tmp_path / "consent.toml", work=tmp_path)


def test_options_that_do_not_fit_are_refused(studio: Path) -> None:
    with pytest.raises(viseme.ConfigError, match="pass --steps"):
        train.train_avatar((studio / "a.mp4",), consent=studio / "consent.toml", epochs=3, work=studio)
