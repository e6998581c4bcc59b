"""From a film to every visual input, to a trained network's answers, and to `check` with weights of that input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from short_clip import short_clip, write_film
from viseme.core.errors import ConfigError
from viseme.data.manifest import ManifestRow
from viseme.data.manifest_clips import ManifestClips
from viseme.reproduce.table2.networks import train_and_measure
from viseme.reproduce.table2.study import Study, blurred_clips, seen_clips
from viseme.sync.checkpoint import Calibration
from viseme.sync.clips import ClipSet
from viseme.sync.export import save_sync_weights
from viseme.sync.inputs.interface import INPUTS, visual_inputs
from viseme.sync.models.two_stream import TwoStream
from viseme.sync.networks import model_name, network_of
from viseme.sync.pipeline import check
from viseme.sync.views import inputs_view

NUM_FRAMES = 75


def _row(path: Path) -> ManifestRow:
    return ManifestRow(path=path, use="dev", speaker="someone", licence="CC0", audio_delay=0.0)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ClipSet]:
    """A film of a synthetic talker, and what every input sees of it."""
    work = tmp_path_factory.mktemp("work")
    film = write_film(work / "film.mkv", short_clip(NUM_FRAMES))
    return film, seen_clips(ManifestClips((_row(film),)), inputs_view(INPUTS), work, num_jobs=1, what="clips")


def test_a_film_is_seen_in_every_form(studio: tuple[Path, ClipSet]) -> None:
    clips = studio[1]
    seen = {mode: clips.as_input(mode)[0].video for mode in INPUTS}
    for mode, video in seen.items():
        assert video.shape == (NUM_FRAMES, *visual_inputs[mode].shape), mode
        assert video.dtype == visual_inputs[mode].dtype, mode
    assert seen["beta"].std(0).max() > 0.01, "the expression moves"
    assert seen["rgbd"][:, :3].astype(float).std(0).max() > 5, "the standard lips move"
    gap = seen["landmarks"][:, 25, 1] - seen["landmarks"][:, 35, 1]
    dark = (seen["rgbd"][:, 0, 16:32, 12:36] < 60).mean((1, 2))
    assert abs(np.corrcoef(gap, dark)[0, 1]) > 0.7, "the standard mouth is open when the filmed one is"


@pytest.mark.parametrize("mode", ["raw", "rgbd", "beta"])
def test_check_answers_with_weights_of_every_input(studio: tuple[Path, ClipSet], tmp_path: Path, mode: str) -> None:
    film, clips = studio
    config = TwoStream.Config(width=16, embedding=8, video_dilations=(1,), audio_dilations=(1,))
    network = network_of(mode, clips.as_input(mode)[0], config)
    weights = tmp_path / "w.safetensors"
    save_sync_weights(weights, [network], input_mode=mode, calibration=Calibration(), card={}, model=model_name(mode))
    result = check(film, input=mode, weights=weights)
    assert result.input_mode == mode
    assert len(result.tracks) == 1
    with pytest.raises(ConfigError, match=f"sees {mode}"):
        check(film, input="mesh", weights=weights)


def test_a_network_is_trained_and_measured_once(studio: tuple[Path, ClipSet], tmp_path: Path) -> None:
    clips = studio[1]
    study = Study(real=clips[:0], synthetic=clips.take([0] * 9), dev=clips, blurred=((2.0, clips),), steps=2)
    train_and_measure(study, "rgb", "full", 0, tmp_path / "a.json")
    answer = json.loads((tmp_path / "a.json").read_text())
    assert answer["clips"][0]["name"] == clips[0].name
    assert answer["clips"][0]["learnt_speaker"] is False
    assert len(answer["clips"][0]["windows"]) == 6
    assert len(answer["blurred"]["2"]) == 1
    assert "evidence" not in answer["blurred"]["2"][0]
    assert answer["parameters"] > 100_000
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.slow
def test_a_blurred_clip_is_blurred_by_pixels_of_its_face(studio: tuple[Path, ClipSet], tmp_path: Path) -> None:
    row = _row(studio[0])
    blurred = blurred_clips([row], 4.0, tmp_path)
    sharp, soft = (ManifestClips((row,), px).track(0, pixels=True).images for px in (None, blurred.blur_px))
    assert 1 < blurred.blur_px[0] < 8
    edges = [np.abs(np.diff(images[5].astype(float), axis=1)).mean() for images in (sharp, soft)]
    assert edges[1] < 0.7 * edges[0]
