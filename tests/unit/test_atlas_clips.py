"""How late the audio of clips is that the atlas talker learns from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from viseme.data.manifest import ManifestRow
from viseme.talker.atlas_clips import timed_rows


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
