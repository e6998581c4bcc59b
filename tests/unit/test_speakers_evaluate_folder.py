"""Clips under their own and under mismatched audio: bad files, wrong settings, and what counts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import viseme
from viseme.core.errors import ConfigError, DataError, MissingWeights, VisemeError
from viseme.speakers.evaluate import evaluate_folder, folder

SAMPLES = Path(viseme.__file__).parent / "assets" / "samples"


@pytest.fixture
def mixed(tmp_path) -> Path:
    """Two talking clips and a text file."""
    for name in ("sample_in_sync.mp4", "sample_late_137ms.mp4"):
        (tmp_path / name).write_bytes((SAMPLES / name).read_bytes())
    (tmp_path / "text.mp4").write_text("not a film")
    return tmp_path


def test_a_bad_file_in_a_folder_is_left_out_by_name(mixed, monkeypatch) -> None:
    heard: list[tuple[str, str | None]] = []

    def find(path, *, audio=None, **_):
        heard.append((path.name, None if audio is None else audio.name))
        return SimpleNamespace(label=audio is None, scorer="stub", align="file")

    monkeypatch.setattr(folder, "find_speakers", find)
    monkeypatch.setattr(folder, "windows_of", lambda result, window: np.full(4, float(result.label), np.float64))
    found = evaluate_folder(mixed, scorer="evidence")
    assert found.metrics.area_under_roc.value == 1.0
    assert [m.split()[0] for m in found.missing] == ["text.mp4"]
    assert ("sample_in_sync.mp4", "sample_late_137ms.mp4") in heard


def test_own_audio_does_not_count_where_mismatched_audio_failed(mixed, monkeypatch) -> None:
    def find(path, *, audio=None, **_):
        if audio is not None:
            raise DataError("broken")
        return SimpleNamespace(scorer="stub", align="file")

    monkeypatch.setattr(folder, "find_speakers", find)
    with pytest.raises(DataError, match=r"left out: text\.mp4.*broken"):
        evaluate_folder(mixed, scorer="evidence")


@pytest.mark.parametrize(
    "wrong", [{"window": -1.0}, {"window": float("nan")}, {"window": float("inf")}, {"most": 1}, {"scorer": "nobody"}]
)
def test_an_impossible_setting_is_told_at_once(mixed, wrong) -> None:
    with pytest.raises(ConfigError):
        evaluate_folder(mixed, **wrong)


def test_what_is_no_folder_and_what_is_empty_are_told_apart(tmp_path) -> None:
    with pytest.raises(DataError, match="is not a folder"):
        evaluate_folder(tmp_path / "none")
    with pytest.raises(DataError, match="holds 0 clips"):
        evaluate_folder(tmp_path)


@pytest.mark.parametrize(("scorer", "message"), [("foo", "'foo'"), ("light-asd", "without weights")])
def test_a_folder_under_a_scorer_that_cannot_score_says_why(mixed, scorer, message) -> None:
    with pytest.raises(VisemeError, match=message):
        evaluate_folder(mixed, scorer=scorer)


@pytest.mark.parametrize("error", [ConfigError("no such scorer"), MissingWeights("no such weights")])
def test_a_wrong_setting_is_not_taken_for_a_bad_file(mixed, monkeypatch, error) -> None:
    def find(path, **_):
        raise error

    monkeypatch.setattr(folder, "find_speakers", find)
    with pytest.raises(type(error), match="no such"):
        evaluate_folder(mixed, scorer="evidence")
