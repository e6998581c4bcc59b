"""Preparing clips: once for what a file holds, again for nothing, with a reason for what cannot be used."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from viseme.core.errors import ConfigError, DataError
from viseme.data.manifest import ManifestRow
from viseme.data.manifest_clips import ManifestClips
from viseme.data.prepare import View, prepare, track_clips
from viseme.data.sources import ClipInfo, TrackedClip, clip_sources

FRAMES = 30


@dataclass(frozen=True)
class Files:
    """A source whose files hold a number: the value of every landmark. "dark" has no face."""

    paths: tuple[Path, ...]
    kind = "files"

    @property
    def clips(self):
        return [ClipInfo(name=f"{p.parent.name}/{p.name}", speaker="ann") for p in self.paths]

    def key(self, number: int) -> str:
        return ManifestClips(tuple(ManifestRow(path=p, use="train", speaker="", licence="") for p in self.paths)).key(
            number
        )

    def track(self, number: int, *, pixels: bool = False) -> TrackedClip:
        text = self.paths[number].read_text()
        with (self.paths[number].parent / "tracked.log").open("a") as log:
            log.write(f"{self.paths[number].name}\n")
        if text == "dark":
            raise DataError("no face is followed")
        if text == "broken":
            raise ConfigError("every clip would fail like this")
        return self.with_images(number, _clip(float(text))) if pixels else _clip(float(text))

    def with_images(self, number: int, clip: TrackedClip) -> TrackedClip:
        return replace(clip, images=np.full((FRAMES, 224, 224, 3), int(clip.landmarks[0, 0, 0]), np.uint8))


def _clip(value: float) -> TrackedClip:
    return TrackedClip(
        times=np.arange(FRAMES) / 25,
        landmarks=np.full((FRAMES, 478, 3), value, np.float32),
        observed=np.arange(FRAMES) > 3,
        audio=np.full((40, 105), -2, np.float16),
        first_audio_frame=-3,
    )


def _first_landmark(clip: TrackedClip) -> dict[str, np.ndarray]:
    return {"first": clip.landmarks[:, 0]}


def _brightness(clip: TrackedClip) -> dict[str, np.ndarray]:
    return {"bright": clip.images[:, 0, 0, 0]}


FIRST = View("first", _first_landmark)
BRIGHT = View("bright", _brightness, needs_pixels=True)


def _files(folder: Path, *texts: str) -> Files:
    folder.mkdir(parents=True, exist_ok=True)
    paths = tuple(folder / f"{i}.mp4" for i in range(len(texts)))
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return Files(paths)


def _log(folder: Path) -> list[str]:
    path = folder / "tracked.log"
    return path.read_text().split() if path.exists() else []


@pytest.mark.parametrize("num_jobs", [1, 2])
def test_clips_are_prepared_once_and_found_again(tmp_path, num_jobs):
    source = _files(tmp_path / "set", "3", "dark", "5")
    shown: list[tuple[int, int]] = []
    made = prepare(source, FIRST, tmp_path / "w", num_jobs=num_jobs, on_progress=lambda *at: shown.append(at))
    assert [info.name for info in made.infos] == ["set/0.mp4", "set/2.mp4"]
    assert made.numbers == (0, 2)
    assert made.left_out == (("set/1.mp4", "no face is followed"),)
    assert (shown[0], shown[-1]) == ((0, 3), (3, 3))
    first = made.store[made.keys[1]]
    assert (first["first"] == 5).all()
    assert first["first_audio_frame"] == -3
    assert first["level"] == pytest.approx(np.log(105) - 2, abs=0.01)
    np.testing.assert_array_equal(first["times"], np.arange(FRAMES) / 25)
    before = sorted(_log(tmp_path / "set"))
    again = prepare(source, FIRST, tmp_path / "w", num_jobs=num_jobs)
    assert (again.keys, again.left_out) == (made.keys, made.left_out)
    assert sorted(_log(tmp_path / "set")) == before == ["0.mp4", "1.mp4", "2.mp4"]


def test_two_data_sets_with_the_same_names_are_not_mixed_up(tmp_path):
    """Prepared clips were cached under parent folder and name alone, so that the second set got the first one's."""
    one, two = _files(tmp_path / "one" / "clips", "3"), _files(tmp_path / "two" / "clips", "5")
    assert one.clips == two.clips
    for source, value in ((one, 3), (two, 5), (one, 3)):
        made = prepare(source, FIRST, tmp_path / "w")
        assert (made.store[made.keys[0]]["first"] == value).all()


def test_a_moved_file_is_found_again_and_a_changed_one_is_not(tmp_path):
    prepare(_files(tmp_path / "here", "3"), FIRST, tmp_path / "w")
    prepare(_files(tmp_path / "there", "3"), FIRST, tmp_path / "w")
    assert _log(tmp_path / "there") == []
    prepare(_files(tmp_path / "here", "4"), FIRST, tmp_path / "w")
    assert len(_log(tmp_path / "here")) == 2


def test_a_missing_file_is_named_and_the_others_are_used(tmp_path):
    source = _files(tmp_path / "set", "3", "5")
    source.paths[0].unlink()
    made = prepare(source, FIRST, tmp_path / "w")
    assert [info.name for info in made.infos] == ["set/1.mp4"]
    ((name, reason),) = made.left_out
    assert name == "set/0.mp4"
    assert "there is no" in reason


def test_what_every_clip_would_suffer_stops_the_preparation(tmp_path):
    with pytest.raises(ConfigError, match="every clip"):
        prepare(_files(tmp_path / "set", "3", "broken"), FIRST, tmp_path / "w")


def test_a_run_that_was_stopped_goes_on(tmp_path):
    source = _files(tmp_path / "set", *"123456789")

    def stop(done: int, num: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(source, FIRST, tmp_path / "w", on_progress=stop)
    made = prepare(source, FIRST, tmp_path / "w")
    assert len(made.keys) == 9
    assert sorted(_log(tmp_path / "set")) == [f"{i}.mp4" for i in range(9)], "no clip was followed twice"


def test_a_face_is_followed_once_for_all_views(tmp_path):
    source = _files(tmp_path / "set", "3", "dark", "5")
    for _ in range(2):
        tracked = track_clips(source, tmp_path / "w")
        assert [info.name for info in tracked.clips] == ["set/0.mp4", "set/2.mp4"]
        assert tracked.tracked.left_out == (("set/1.mp4", "no face is followed"),)
        for view, name in ((FIRST, "first"), (BRIGHT, "bright")):
            made = prepare(tracked, view, tmp_path / "w")
            assert (made.store[made.keys[1]][name] == 5).all()
    assert sorted(_log(tmp_path / "set")) == ["0.mp4", "1.mp4", "2.mp4"]


def test_what_was_tracked_comes_back_as_it_was(tmp_path):
    found = track_clips(_files(tmp_path / "set", "3"), tmp_path / "w").track(0)
    expected = _clip(3)
    for name in ("times", "landmarks", "observed", "audio"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert found.first_audio_frame == -3
    assert found.images is None


def test_a_blurred_clip_is_another_clip(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_text("x")
    rows = (ManifestRow(path=path, use="train", speaker="", licence=""),)
    keys = {ManifestClips(rows).key(0), ManifestClips(rows, (2.0,)).key(0), ManifestClips(rows, (2.5,)).key(0)}
    assert len(keys) == 3


def test_sources_are_a_table_that_imports_nothing():
    assert {"manifest", "synthetic", "synthetic-films", "synthetic-faces"} <= set(clip_sources)
    assert clip_sources["manifest"] is ManifestClips
