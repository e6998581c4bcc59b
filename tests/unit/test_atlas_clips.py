"""What the atlas talker learns from: delays of clips, and talkers who say recordings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from recordings import write_recordings
from viseme.data.manifest import ManifestRow
from viseme.data.store import ClipStore
from viseme.faces.schemes import LIPS
from viseme.talker.atlas_clips import SYNTHETIC, SeenClips, timed_rows, with_talkers


def _row(name: str, delay: float | None) -> ManifestRow:
    return ManifestRow(path=Path("clips") / name, use="train", speaker="a", licence="", audio_delay=delay)


def test_known_delays_stay_and_unknown_ones_are_told_where_they_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def tell(rows: Sequence[ManifestRow], work: Path, **options: object) -> SimpleNamespace:
        asked.extend(row.path.name for row in rows)
        return SimpleNamespace(clips=SimpleNamespace(infos=[rows[0].info()], delays=(0.08,)))

    monkeypatch.setattr("viseme.talker.atlas_clips.real_clips", tell)
    rows = timed_rows([_row("a.mp4", 0.02), _row("b.mp4", None), _row("c.mp4", None)], Path("work"))
    assert asked == ["b.mp4", "c.mp4"]
    assert [row.audio_delay for row in rows] == [0.02, 0.08, None]
    asked.clear()
    assert timed_rows(rows[:2], Path("work")) == rows[:2]
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
