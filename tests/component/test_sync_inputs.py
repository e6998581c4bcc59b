"""From a film to every visual input, to a trained network's answers, and to `check` with weights of that input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from viseme.core.errors import ConfigError
from viseme.data.manifest import ManifestRow
from viseme.data.manifest_clips import ManifestClips
from viseme.reproduce.table2.networks import train_and_measure
from viseme.reproduce.table2.study import Study, blurred_clips
from viseme.sync.checkpoint import Calibration
from viseme.sync.export import save_sync_weights
from viseme.sync.models.two_stream import TwoStream
from viseme.sync.networks import model_name, network_of
from viseme.sync.pipeline import check


def _quiet(done: int, total: int) -> None:
    """No progress bar."""


@pytest.fixture(scope="module")
def studio(tmp_path_factory) -> tuple[Path, Path]:
    """A film of a synthetic talker, and what was seen of it."""
    pytest.importorskip("mediapipe")
    work = tmp_path_factory.mktemp("work")
    rows = film_talkers([0], work, num_jobs=1, on_progress=_quiet)
    (seen,) = look_at_all(rows, work, num_jobs=1, on_progress=_quiet)
    return rows[0].path, seen


def test_a_film_is_seen_in_every_form(studio):
    seen = Seen.load(studio[1])
    num = len(seen.clip.times)
    assert num > 60
    assert seen.raw.shape == (num, 3, 48, 48)
    assert seen.rgbd.shape == (num, 4, 48, 48)
    assert seen.beta.std(0).max() > 0.01, "the expression moves"
    assert seen.rgbd[:, :3].astype(float).std(0).max() > 5, "the standard lips move"
    gap = seen.clip.points[:, 25, 1] - seen.clip.points[:, 35, 1]
    dark = (seen.rgbd[:, 0, 16:32, 12:36] < 60).mean((1, 2))
    assert abs(np.corrcoef(gap, dark)[0, 1]) > 0.7, "the standard mouth is open when the filmed one is"


@pytest.mark.parametrize("mode", ["raw", "rgbd", "beta"])
def test_check_answers_with_weights_of_every_input(studio, tmp_path, mode):
    film, seen = studio
    config = TwoStream.Config(width=16, embedding=8, video_dilations=(1,), audio_dilations=(1,))
    network = network_of(mode, Seen.load(seen).shown(mode), config)
    weights = tmp_path / "w.safetensors"
    save_sync_weights(weights, [network], input_mode=mode, calibration=Calibration(), card={}, model=model_name(mode))
    result = check(film, input=mode, weights=weights)
    assert result.input_mode == mode
    assert len(result.tracks) == 1
    with pytest.raises(ConfigError, match=f"sees {mode}"):
        check(film, input="mesh", weights=weights)


def test_a_network_is_trained_and_measured_once(studio, tmp_path):
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


def test_a_blurred_clip_is_blurred_by_pixels_of_its_face(studio, tmp_path):
    row = ManifestRow(path=studio[0], use="dev", speaker="someone", licence="CC0")
    blurred = blurred_clips([row], 4.0, tmp_path)
    sharp, soft = (ManifestClips((row,), px).track(0, pixels=True).images for px in (None, blurred.blur_px))
    assert 1 < blurred.blur_px[0] < 8
    edges = [np.abs(np.diff(images[5].astype(float), axis=1)).mean() for images in (sharp, soft)]
    assert edges[1] < 0.7 * edges[0]
