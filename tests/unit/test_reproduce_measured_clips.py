"""Clips for measuring: followed once, found again by what they hold, left out with a reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from viseme.core.errors import UnreadableMedia
from viseme.data.manifest import ManifestRow
from viseme.faces import FaceTrackChunk
from viseme.reproduce import measured_clips as module
from viseme.reproduce.measured_clips import measured_clip, measured_clips, one_face_clips


def chunk(track_id: int, start: float, num: int) -> FaceTrackChunk:
    rng = np.random.default_rng(track_id)
    return FaceTrackChunk(
        track_id=track_id,
        shot=1,
        times=start + np.arange(num) * 0.04,
        landmarks=rng.normal(size=(num, 478, 3)).astype(np.float32),
        boxes=rng.normal(size=(num, 4)).astype(np.float32),
        observed=rng.random(num) < 0.9,
        confidence=rng.random(num).astype(np.float32),
        last=True,
    )


@pytest.fixture
def followed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were followed; the number in a file is how many faces it shows at one time."""
    names: list[str] = []

    def frames(path: Path, **_: object) -> list[Path]:
        if path.read_text() == "broken":
            raise UnreadableMedia(f"{path.name} is damaged")
        names.append(path.name)
        return [path]

    monkeypatch.setattr(module, "read_frames", frames)
    monkeypatch.setattr(
        module, "_followed", lambda found: [chunk(i, 0.1 * i, 30) for i in range(int(found[0].read_text()))]
    )
    monkeypatch.setattr(module, "_audio", lambda path: (np.arange(8, dtype=np.float32), -0.02))
    return names


def row(folder: Path, name: str, text: str) -> ManifestRow:
    (folder / name).write_text(text)
    return ManifestRow(path=folder / name, use="dev", speaker="x", licence="", source="s", audio_delay=0.04)


def test_a_clip_is_followed_once_and_kept_whole(tmp_path: Path, followed: list[str]) -> None:
    first = measured_clip(row(tmp_path, "a.mp4", "2"), tmp_path / "work")
    second = measured_clip(row(tmp_path, "a.mp4", "2"), tmp_path / "work")
    assert followed == ["a.mp4"]
    assert (second.audio_delay, second.audio_start, second.source) == (0.04, -0.02, "s")
    assert second.samples.tolist() == list(range(8))
    for mine, theirs in zip(second.chunks, (chunk(0, 0.0, 30), chunk(1, 0.1, 30)), strict=True):
        for name in ("times", "landmarks", "boxes", "observed", "confidence"):
            np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name))
        assert (mine.track_id, mine.shot, mine.last) == (theirs.track_id, 1, True)
    assert len(first.chunks) == 2


def test_what_a_file_holds_decides_and_not_its_name(tmp_path: Path, followed: list[str]) -> None:
    measured_clip(row(tmp_path, "a.mp4", "1"), tmp_path / "work")
    measured_clip(row(tmp_path, "copy.mp4", "1"), tmp_path / "work")
    assert followed == ["a.mp4"]
    changed = measured_clip(row(tmp_path, "a.mp4", "3"), tmp_path / "work")
    assert followed == ["a.mp4", "a.mp4"]
    assert len(changed.chunks) == 3


def test_a_disturbance_or_another_tracker_is_never_answered_with_old_tracks(
    tmp_path: Path, followed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = row(tmp_path, "a.mp4", "1")
    measured_clip(clip, tmp_path / "work")
    monkeypatch.setattr(module, "_followed", lambda frames: [])
    assert measured_clip(clip, tmp_path / "work", disturb=lambda frame: frame, name="scale .5").chunks == ()
    assert len(measured_clip(clip, tmp_path / "work").chunks) == 1
    monkeypatch.setattr(module, "tracker_key", lambda: "another")
    assert measured_clip(clip, tmp_path / "work").chunks == ()
    assert len(followed) == 3


def test_clips_that_cannot_be_used_are_told_by_name(tmp_path: Path, followed: list[str]) -> None:
    rows = [row(tmp_path, name, text) for name, text in (("a", "1"), ("b", "0"), ("c", "broken"), ("d", "2"))]
    told: list[str] = []
    found = measured_clips(rows, tmp_path / "work", on_left_out=told.append)
    assert [c.name.rpartition("/")[2] for c in found] == ["a", "d"]
    assert [t.rpartition("/")[2] for t in told] == ["b: no face is followed", "c is damaged"]
    found = one_face_clips(rows, tmp_path / "work", on_left_out=told.append)
    assert [c.name.rpartition("/")[2] for c in found] == ["a"]
    assert told[-1].endswith("d: two faces are seen at one time")
