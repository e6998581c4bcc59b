"""What the atlas talker learns from: delays of clips, and talkers who say recordings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from recordings import write_recordings
from viseme.core.errors import DataError
from viseme.data.manifest import ManifestRow
from viseme.data.manifest_clips import ManifestClips
from viseme.data.store import ClipStore
from viseme.faces.schemes import LIPS
from viseme.talker.atlas_clips import SYNTHETIC, SeenClips, timed_rows, with_talkers


def _row(name: str, delay: float | None, folder: Path = Path("clips")) -> ManifestRow:
    return ManifestRow(path=folder / name, use="train", speaker="a", licence="", audio_delay=delay)


def test_known_delays_stay_and_unknown_ones_are_told_where_they_can_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[str] = []
    places = [("x", "a.mp4", 0.02), ("x", "b.mp4", None), ("x", "c.mp4", None), ("y/x", "b.mp4", None)]
    rows = []
    for folder, name, delay in places:
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / name).write_text(folder + name)
        rows.append(_row(name, delay, tmp_path / folder))

    def tell(rows: Sequence[ManifestRow], work: Path, **options: object) -> SimpleNamespace:
        asked.extend(row.path.name for row in rows)
        source = ManifestClips(tuple(rows))
        return SimpleNamespace(clips=SimpleNamespace(keys=(source.key(0), source.key(2)), delays=(0.08, 0.3)))

    monkeypatch.setattr("viseme.talker.atlas_clips.real_clips", tell)
    found = timed_rows(rows, tmp_path / "work")
    assert asked == ["b.mp4", "c.mp4", "b.mp4"]
    assert [row.audio_delay for row in found] == [0.02, 0.08, None, 0.3]
    asked.clear()
    assert timed_rows(found[:2], tmp_path / "work") == found[:2]
    assert not asked


def test_talkers_who_say_recordings_come_after_the_clips(tmp_path: Path) -> None:
    store = ClipStore(tmp_path / "seen")
    store.write({"real": {"times": np.zeros(3)}}, {})
    store.refresh()
    clips = SeenClips(
        store=store, keys=("real",), rows=(_row("a.mp4", 0.0),), landmarks=ClipStore(tmp_path / "tracks"), left_out=()
    )
    found = with_talkers(clips, [write_recordings(tmp_path)], 2)
    assert found.keys[0] == "real"
    assert [row.use for row in found.rows] == ["train", SYNTHETIC, SYNTHETIC]
    assert len({row.info().speaker for row in found.rows}) == 3, "every talker has a face of his own"
    for key, row in zip(found.keys[1:], found.rows[1:], strict=True):
        assert row.licence == "CC BY 4.0"
        assert row.audio_delay == 0
        assert key not in found.landmarks
        arrays = found.store[key]
        away = np.linalg.norm(arrays["vertices"][:, LIPS], axis=2).mean(1)
        assert len(away) == len(arrays["times"])
        assert away.max() > 3 * np.quantile(away, 0.1)  # at rest, then speaking
        assert arrays["samples"].dtype == np.int16
    assert with_talkers(clips, [], 0).keys == ("real",)


def test_a_recording_that_is_not_there_is_left_out_and_no_recordings_at_all_are_an_error(tmp_path: Path) -> None:
    clips = SeenClips(store=ClipStore(tmp_path / "seen"), keys=(), rows=(), landmarks=ClipStore(tmp_path), left_out=())
    folder = write_recordings(tmp_path)
    (folder / "1.wav").unlink()
    found = with_talkers(clips, [folder], 2)
    assert len(found.keys) == len(found.left_out) == 1
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="no recording"):
        with_talkers(clips, [write_recordings(tmp_path / "none", oov=["zzyzx"])], 2)
