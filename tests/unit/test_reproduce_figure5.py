"""Figure 5: changes, curves, and the whole run on looks that are made here instead of tracked."""

from __future__ import annotations

import json
from fractions import Fraction
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest

from talking import chunks, lip_reading_weights, talking_landmarks, voice
from viseme.core.errors import ConfigError, DataError, UnreadableMedia
from viseme.faces import FaceTrack
from viseme.faces.crop_recorder import FacePatch, ImagesInMemory
from viseme.media import Frame
from viseme.metrics.intervals import bootstrap
from viseme.reproduce.figure5 import reproduce_figure5
from viseme.reproduce.figure5.changes import Change, changed_frame, changes
from viseme.reproduce.figure5.curves import curve, points_of_kind
from viseme.reproduce.figure5.looks import Look
from viseme.reproduce.figure5.measure import Answer
from viseme.reproduce.figure5.meters import Networks, SpeechMeter, SyncMeter, SyncNetMeter, load_meters
from viseme.sync.interface import SyncSpecification

NUM = 26


def test_changes_are_made_about_the_centre() -> None:
    centre = np.array([30.0, 20.0])
    for change in (Change("rotation", 20), Change("scale", 1.25), Change("shift", 0)):
        matrix = change.matrix(2.0, centre)
        np.testing.assert_allclose(matrix[:, :2] @ centre + matrix[:, 2], centre)
    turned = Change("rotation", 90).matrix() @ (1, 0, 1)
    np.testing.assert_allclose(turned, (0, -1), atol=1e-12, err_msg="counter-clockwise: right goes up")
    np.testing.assert_allclose(Change("shift", 4).matrix(0.5, centre) @ (1, 1, 1), (3, 1))
    assert [c.value for c in points_of_kind(changes(6, 15), "shift")] == [-25.6, -12, -6, 0, 6, 12, 25.6]
    assert [c.value for c in points_of_kind(changes(6, 15), "scale")] == [0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.4]
    assert [c.value for c in changes(5, 40)][:7] == [0, -5, 5, -10, 10, -25.6, 25.6], "nothing first"


def test_a_reduced_frame_is_changed_alike() -> None:
    image = np.zeros((40, 60, 3), np.uint8)
    image[10:14, 20:24] = 255
    frame = Frame(index=0, time=Fraction(0), image=image, scale=0.5, key=True)
    moved = changed_frame(frame, Change("shift", 3), 4.0, np.array([60.0, 40.0]))
    np.testing.assert_array_equal(moved.image[:, 6:], image[:, :-6])
    assert changed_frame(frame, Change("rotation", 0), 4.0, np.zeros(2)) is frame


def test_losses_are_paired_and_clips_without_a_face_are_counted() -> None:
    def answer(plain: float, changed: float | None) -> Answer:
        values = {("frame", "shift", 0.0): {"vsc[a]": plain, "vsd[a]": plain}, ("frame", "scale", 0.8): {}}
        if changed is not None:
            values["frame", "scale", 0.8] = {"vsc[a]": changed, "vsd[a]": changed}
        return Answer("clip", "speaker", "", values)

    answers = [answer(1, 0.5), answer(3, 2.5), answer(100, None)]
    point, plain = curve(answers, "vsc[a]", "frame", [Change("scale", 0.8), Change("scale", 1.0)])
    assert (point.num, point.num_lost, point.mean.value) == (2, 1, 1.5)
    assert point.loss.value == pytest.approx(0.25)
    assert (plain.num, plain.mean.value, plain.loss.value) == (3, pytest.approx(104 / 3), 0)
    (distance,) = curve(answers, "vsd[a]", "frame", [Change("scale", 0.8)])
    assert distance.loss.value == pytest.approx(-0.25), "a smaller distance is no loss"


@cache
def _look(seed: int, num: int = NUM) -> Look:
    """A face that talks, its mouth a dark ellipse, and its voice."""
    times = np.arange(num) / 25
    (chunk,) = chunks(0, talking_landmarks(seed, times), times)
    kind, (y, x) = FacePatch(), np.mgrid[:400, :400].astype(np.float32)
    squares, images = [], []
    for points in chunk.landmarks:
        mouth = points[[13, 14], :2].mean(0)
        image = np.full((400, 400, 3), 200, np.uint8)
        image[((x - mouth[0]) / 15) ** 2 + ((y - mouth[1]) / (3 + 2 * abs(points[14, 1] - points[13, 1]))) ** 2 < 1] = (
            40
        )
        squares.append(kind.square(points))
        images.append(kind.cut(image, squares[-1], 1.0))
    kept = ImagesInMemory(np.stack(images), np.stack(squares))
    track = FaceTrack(
        track_id=0,
        times=chunk.times,
        landmarks=chunk.landmarks,
        boxes=chunk.boxes,
        observed=chunk.observed,
        images=kept,
    )
    return Look(track, voice(seed, num / 25 + 0.5), -0.04, 400, 400)


class Pixels:
    """SyncNet's place taken by the mean colours of a frame."""

    specification = SyncSpecification(audio_features="mfcc", window_frames=5, comparison="distance")
    scale, name = 1.0, "pixels@0"

    def embed_video(self, x: np.ndarray) -> np.ndarray:
        return np.stack([x[i : i + 5, :, 60:180, 100:180].mean((2, 3)).ravel() for i in range(len(x) - 4)])

    def embed_audio(self, mels: np.ndarray) -> np.ndarray:
        num = (mels.shape[1] - 20) // 4 + 1
        return np.stack([mels[:, 4 * i, :1].repeat(15, 1) for i in range(num)], 1)


class Columns:
    """A speech expert that sees one column of the mouth, and hears something else."""

    id, input, width = "columns@0", "pixel", 88

    def encode(self, audio=None, video=None, layer=None) -> np.ndarray:
        one = 0 if audio is None else audio[:, :88]
        return np.asarray(one + (0 if video is None else video[:, :, 44]), np.float32)


def test_a_look_knows_its_audio_and_its_size() -> None:
    look = _look(1)
    assert len(look.audio) == len(look.samples) - 640
    np.testing.assert_array_equal(look.audio, look.samples[640:])
    assert look.canvas_px == pytest.approx(np.full(NUM, look.canvas_px[0]), rel=0.05)
    assert 0.8 < look.canvas_px[0] < 1.6
    assert look.centre == pytest.approx((200, 200), abs=40)


def test_syncnet_sees_the_changed_crop() -> None:
    meter, look = SyncNetMeter(Pixels()), _look(1)  # type: ignore[arg-type]
    plain, moved = (meter.measure(look, Change("shift", v), look)["lse_d[pixels@0]"] for v in (0.0, 40.0))
    assert plain != pytest.approx(moved, rel=1e-3)


@pytest.mark.slow
def test_the_whole_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    meters = [SyncMeter(lip_reading_weights()), SpeechMeter(Columns())]
    few = [Change("shift", 0.0), Change("shift", 12.0), Change("rotation", 30.0)]

    def look_at(path: Path, seconds: float, change: object = None) -> Look | None:
        if path.name == "bad.mp4":
            raise UnreadableMedia("bad.mp4 is not a readable media file")
        lost = change is not None and change.keywords["change"].value == 30  # type: ignore[attr-defined]
        return None if lost else _look(int(path.stem))

    monkeypatch.setattr("viseme.reproduce.figure5.measure.look_at", look_at)
    monkeypatch.setattr("viseme.reproduce.figure5.measure.load_meters", lambda networks: meters)
    monkeypatch.setattr("viseme.reproduce.figure5.command.load_meters", lambda networks: meters)
    monkeypatch.setattr("viseme.reproduce.figure5.command.changes", lambda *steps: few)
    monkeypatch.setattr("viseme.reproduce.figure5.curves.bootstrap", partial(bootstrap, num=20))
    rows = ["file,use,speaker"]
    for name, use in (("1.mp4", "dev"), ("2.mp4", "dev"), ("bad.mp4", "dev"), ("3.mp4", "train")):
        (tmp_path / name).write_text(name)
        rows.append(f"{name},{use},{name}")
    (tmp_path / "manifest.csv").write_text("\n".join(rows))
    found = reproduce_figure5(tmp_path / "out", data=tmp_path, work=tmp_path / "work", sync_weights="", jobs=1)
    text = found.path.read_text(encoding="utf-8")
    assert "n = 2 clips of 2 speakers" in text
    assert "bad.mp4 is not a readable" in text
    assert "3.mp4" not in text, "clips for training are not measured"
    record = json.loads((tmp_path / "out" / "figure5.json").read_text(encoding="utf-8"))
    points = {(p["mode"], p["metric"], p["kind"], p["value"]): p for p in record["points"]}
    assert points["frame", "vsc[lip-reader]", "rotation", 30]["n"] == 0
    assert points["frame", "vsc[lip-reader]", "rotation", 30]["lost"] == 2
    assert points["frame", "avs_v[columns@0]", "shift", 0]["mean"]["value"] == pytest.approx(1)
    assert points["crop", "avs_v[columns@0]", "shift", 12]["mean"]["value"] < 0.99
    assert ("crop", "vsc[lip-reader]", "shift", 12) not in points, "points do not move in the crop"
    assert (tmp_path / "out" / "figure5.png").stat().st_size > 10_000
    assert "avs_u[columns@0]" in str(found)


def test_wrong_settings_are_told_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no mode 'sideways'; known: crop, frame"):
        reproduce_figure5(tmp_path, modes="crop,sideways")
    with pytest.raises(ConfigError, match="shift-step in 0 to 12 px"):
        reproduce_figure5(tmp_path, shift_step=13)
    with pytest.raises(ConfigError, match="no network to ask"):
        reproduce_figure5(tmp_path, sync_weights=" ", expert="")
    with pytest.raises(DataError, match="no manifest"):
        reproduce_figure5(tmp_path, data=tmp_path)
    assert len(load_meters(Networks(("sync-landmarks", "sync-mesh"), None))) == 2


def test_raw_weights_see_pixels() -> None:
    with pytest.raises(ConfigError, match="sync-landmarks sees landmarks, not raw pixels"):
        reproduce_figure5(raw=Path("sync-landmarks"), sync_weights="")
