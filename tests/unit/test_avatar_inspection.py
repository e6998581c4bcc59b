"""The sheet of what an avatar would learn from."""

from __future__ import annotations

from pathlib import Path

import pytest

from viseme.avatar.inspection import AvatarInspection, avatar_inspect
from viseme.core.errors import ConfigError


def test_what_makes_no_sense_is_refused_before_work(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"pass -o FILE\.png"):
        avatar_inspect(tmp_path / "a.mp4", out=tmp_path / "sheet.jpg")
    with pytest.raises(ConfigError, match="at least 1"):
        avatar_inspect(tmp_path / "a.mp4", out=tmp_path / "sheet.png", frames=0)


def test_it_says_what_the_sheet_shows() -> None:
    found = AvatarInspection(
        path=Path("s.png"),
        reference_time=1.5,
        times=(0.0, 1.0),
        audio_delay=None,
        difference=0.05,
        difference_normalised=0.02,
    )
    assert "5.0 % as filmed, 2.0 % in one light; its delay cannot be told" in str(found)
    assert "gain of the light" in str(found)
