"""Whole videos through `standardize`: the packaged talking head, two people, a cut, nobody, and files that are none."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from safetensors.numpy import load_file

import viseme.standardization
from viseme.core.errors import ConfigError, NoVideo, OutputError, UnreadableMedia
from viseme.core.results import Reason
from viseme.media import VideoWriter, probe, read_frames
from viseme.standardization import StandardFace, read_standardized, standardize
from viseme.standardization.batch import outputs, standardize_many
from viseme.standardization.results import FailedStandardize, StandardizeResult

SAMPLES = Path(viseme.__file__).parent / "assets" / "samples"
SAMPLE = SAMPLES / "sample_in_sync.mp4"
NUM = 40


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1.6 seconds of the packaged head, with audio."""
    path = tmp_path_factory.mktemp("clip") / "clip.mkv"
    images = [p.image for p in read_frames(SAMPLE, end=NUM / 25)]
    with VideoWriter(path, width=400, height=360, rate=25, audio_rate=16000) as video:
        for image in images:
            video.write(image)
        video.write_audio(np.sin(np.arange(int(1.6 * 16000)) / 10).astype(np.float32) / 4)
    return path


@pytest.fixture(scope="module")
def made(clip: Path) -> tuple[Path, Path, StandardizeResult]:
    out, video = clip.with_suffix(".safetensors"), clip.with_name("look.mp4")
    return out, video, standardize(clip, out, as_="rgbd", video=video)


def test_the_room_and_its_function() -> None:
    assert viseme.standardize is standardize


def test_everything_promised_is_in_the_file(made: tuple[Path, Path, StandardizeResult]) -> None:
    out, _, result = made
    tensors = load_file(out)
    shapes = {k: (v.shape, str(v.dtype)) for k, v in tensors.items()}
    assert shapes == {
        "track0.times": ((NUM,), "float64"),
        "track0.beta": ((NUM, 64), "float32"),
        "track0.pose": ((NUM, 6), "float32"),
        "track0.valid": ((NUM,), "bool"),
        "track0.reason": ((NUM,), "uint8"),
        "track0.residual": ((NUM,), "float32"),
        "track0.crops": ((NUM, 3), "float32"),
        "track0.alpha": ((80,), "float32"),
        "track0.rgbd": ((NUM, 4, 224, 224), "uint8"),
    }
    assert tensors["track0.valid"].all()
    np.testing.assert_allclose(tensors["track0.times"], np.arange(NUM) / 25, atol=1e-6)
    (track,) = result.tracks
    assert (track.num_frames, track.num_valid) == (NUM, NUM)
    assert track.residual is not None
    assert track.residual < 0.013
    assert result.words == f"1 face, {NUM} of {NUM} frames"
    json.dumps(result.to_json(), allow_nan=False)


def test_the_file_says_what_it_is(made: tuple[Path, Path, StandardizeResult], clip: Path) -> None:
    read = read_standardized(made[0])
    assert read.metadata["schema"] == "viseme.standardized/1"
    assert read.metadata["file"] == clip.name
    assert read.metadata["estimator"] == "landmark-fit"
    assert read.metadata["face_model"] == "default"
    assert read.metadata["z_norm"] == "clip"
    assert read.rejected == ()
    (face,) = read.faces
    assert face.name == "track0"
    assert face.beta.shape == (NUM, 64)


def test_depth_is_that_of_the_clip(made: tuple[Path, Path, StandardizeResult]) -> None:
    depth = read_standardized(made[0]).faces[0].tensors["rgbd"][:, 3]
    assert depth.max() == 255
    low, high = made[2].tracks[0].depth_range  # type: ignore[misc]
    face = StandardFace()
    assert (low, high) == pytest.approx(face.depth_range(read_standardized(made[0]).faces[0].beta), abs=1e-5)


def test_the_mouth_moves_with_that_of_the_input(made: tuple[Path, Path, StandardizeResult], clip: Path) -> None:
    """Black between the lips of the drawn face against the opening that the tracker sees."""
    from viseme.faces import tracker
    from viseme.faces.geometry import lip_opening

    drawn = read_standardized(made[0]).faces[0].tensors["rgbd"][:, 3, 140:200, 90:135]
    dark = (drawn < 10).sum((1, 2)).astype(float)
    (chunk,) = tracker["mediapipe"](tracker["mediapipe"].Config()).track(read_frames(clip))
    seen = lip_opening(chunk.landmarks)  # type: ignore[union-attr]
    assert np.ptp(dark) > 50
    assert np.corrcoef(dark, seen)[0, 1] > 0.9


def test_the_video_shows_both_and_keeps_the_audio(made: tuple[Path, Path, StandardizeResult]) -> None:
    info = probe(made[1])
    assert info.video is not None
    assert (info.video.width, info.video.height) == (672, 224)
    assert len(info.audio) == 1
    with av.open(str(made[1])) as box:
        frames = [f.to_ndarray(format="rgb24") for f in box.decode(video=0)]
    assert len(frames) == NUM
    assert all(f[:, k : k + 224].std() > 20 for f in frames for k in (0, 224, 448))
    assert abs(float(info.duration or 0) - NUM / 25) < 0.1


@pytest.mark.parametrize("form", ["rgb", "mesh", "beta"])
def test_other_forms(clip: Path, tmp_path: Path, form: str) -> None:
    out = tmp_path / "o.safetensors"
    standardize(clip, out, as_=form)  # type: ignore[arg-type]
    read = read_standardized(out)
    face = read.faces[0].tensors
    assert [k for k in ("rgb", "rgbd", "mesh") if k in face] == ([] if form == "beta" else [form])
    if form == "rgb":
        assert face["rgb"].shape == (NUM, 3, 224, 224)
    if form == "mesh":
        num = len(read.tensors["mesh_vertices"])
        assert face["mesh"].shape == (NUM, num, 3)
        np.testing.assert_allclose(face["mesh"], StandardFace().mesh(np.asarray(face["beta"])), atol=1e-6)


def test_arkit_coefficients_have_names_and_follow_the_mouth(clip: Path, tmp_path: Path) -> None:
    from viseme.faces import tracker
    from viseme.faces.geometry import lip_opening

    result = standardize(clip, tmp_path / "o.safetensors", as_="arkit")
    assert result.to_json()["as"] == "arkit"
    read = read_standardized(tmp_path / "o.safetensors")
    names = read.metadata["arkit_names"]
    (face,) = read.faces
    values = face.tensors["arkit"]
    assert values.shape == (NUM, len(names)) == (NUM, 52)
    assert values.dtype == np.float32
    assert ((values >= 0) & (values <= 1)).all()
    np.testing.assert_allclose(face.times, np.arange(NUM) / 25, atol=1e-6)
    (chunk,) = tracker["mediapipe"](tracker["mediapipe"].Config()).track(read_frames(clip))
    jaw = values[:, names.index("jawOpen")]
    assert np.ptp(jaw) > 0.1
    assert np.corrcoef(jaw, lip_opening(chunk.landmarks))[0, 1] > 0.7


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people side by side, then a cut to one of them, then nobody."""
    path = tmp_path_factory.mktemp("crowd") / "crowd.mkv"
    left = [p.image for p in read_frames(SAMPLE, end=1)]
    right = [p.image for p in read_frames(SAMPLES / "sample_late_137ms.mp4", end=1)]
    nobody = np.full((360, 800, 3), 90, np.uint8)
    nobody[:, ::40] = 200
    with VideoWriter(path, width=800, height=360, rate=25) as video:
        for a, b in zip(left, right):
            video.write(np.concatenate([a, b[:, :400]], 1))
        for a in left:
            sheet = nobody.copy()
            sheet[:, 300:700] = a
            video.write(sheet)
        for _ in range(15):
            video.write(nobody)
    return path


def test_two_people_and_a_cut_are_tracks_of_their_own(crowd: Path, tmp_path: Path) -> None:
    out, video = tmp_path / "o.safetensors", tmp_path / "look.mp4"
    result = standardize(crowd, out, as_="beta", video=video)
    faces = read_standardized(out).faces
    assert [f.name for f in faces] == ["track0", "track1", "track2"]
    spans = [(round(t.start, 2), round(t.end, 2)) for t in result.tracks]
    assert spans[0] == spans[1] == (0.0, 0.96)
    assert spans[2] == (1.0, 1.96)
    with av.open(str(video)) as box:
        frames = [f.to_ndarray(format="rgb24") for f in box.decode(video=0)]
    assert len(frames) == 65
    assert frames[0].shape == (448, 448, 3)
    assert frames[5][224:].std() > 20
    assert frames[60].max() < 12, "nobody is shown where nobody is"


def test_a_video_without_a_face_is_an_answer(tmp_path: Path) -> None:
    path = tmp_path / "bars.mkv"
    with VideoWriter(path, width=160, height=120, rate=25) as video:
        for shade in range(20):
            video.write(np.full((120, 160, 3), 5 * shade, np.uint8))
    result = standardize(path, tmp_path / "o.safetensors", video=tmp_path / "look.mkv")
    assert result.tracks == ()
    assert result.reasons == (Reason.NO_FACE,)
    assert read_standardized(tmp_path / "o.safetensors").faces == ()
    assert "no_face" in result.words


class Turned:
    """A tracker that sees a made-up face: three frames from the front, the rest in profile, some not at all."""

    class Config:
        pass

    def __init__(self, config: object) -> None: ...

    def track(self, stream, *, observers=()):  # type: ignore[no-untyped-def]
        from viseme.face3d.camera import Camera, place, project
        from viseme.face3d.interface import load_face_model
        from viseme.face3d.neutral_landmarks import neutral_landmarks
        from viseme.faces import FaceTrackChunk

        times = np.array([float(p.time) for p in stream])
        mean = neutral_landmarks(load_face_model())[0]
        landmarks = np.zeros((len(times), 478, 3), np.float32)
        for row in range(len(times)):
            pose = np.array([0, 0 if row < 3 else 1.25, 0, 0, 0, -2.0])
            landmarks[row, :468] = project(place(mean, pose), Camera.standard())
        landmarks[5, 100] = np.nan
        observed = np.arange(len(times)) != 1
        yield FaceTrackChunk(
            track_id=4, shot=0, times=times, landmarks=landmarks, boxes=np.ones((len(times), 4), np.float32),
            observed=observed, confidence=np.ones(len(times), np.float32), last=True,
        )  # fmt: skip


def test_a_profile_is_marked_and_black_never_frozen(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import viseme.standardization.pipeline as pipeline

    monkeypatch.setattr(pipeline, "tracker", {"turned": Turned})
    result = standardize(clip, tmp_path / "o.safetensors", as_="rgb", tracker="turned", video=tmp_path / "v.mp4")
    (track,) = result.tracks
    assert track.reasons == {"profile": NUM - 4, "interpolated": 1, "bad_landmarks": 1}
    (face,) = read_standardized(tmp_path / "o.safetensors").faces
    assert face.valid.tolist() == [True, False, True] + [False] * (NUM - 3)
    assert (face.beta[~face.valid] == 0).all()
    assert not face.tensors["rgb"][~face.valid].any()
    assert all(f.any() for f in face.tensors["rgb"][face.valid])


def test_arkit_coefficients_of_frames_that_are_not_valid_are_zero(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import viseme.standardization.pipeline as pipeline

    monkeypatch.setattr(pipeline, "tracker", {"turned": Turned})
    standardize(clip, tmp_path / "o.safetensors", as_="arkit", tracker="turned")
    (face,) = read_standardized(tmp_path / "o.safetensors").faces
    assert 0 < face.valid.sum() < NUM
    assert (face.tensors["arkit"][~face.valid] == 0).all()
    assert face.tensors["arkit"][face.valid].any(1).all()


def test_pixels_go_to_an_estimator_that_wants_them(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import dataclass

    import viseme.standardization.pipeline as pipeline
    from viseme.standardization.estimators.landmark_fit import LandmarkFit

    seen: list[np.ndarray] = []

    class Looking:
        needs_pixels = True

        @dataclass
        class Config:
            face_model: str = "default"

        def __init__(self, config: object) -> None: ...

        def look(self, piece):  # type: ignore[no-untyped-def]
            seen.append(piece.images)
            (found,) = LandmarkFit().estimate([piece])
            return found

        def estimate(self, track):  # type: ignore[no-untyped-def]
            for piece in track:
                assert piece.images is None, "long gone"
                yield piece.looked

    monkeypatch.setattr(pipeline, "estimators", {"looking": Looking})
    standardize(clip, tmp_path / "o.safetensors", as_="beta", estimator="looking")
    images = np.concatenate(seen)
    assert images.shape == (NUM, 224, 224, 3)
    skin = images[:, 100:130, 90:130].astype(float).mean((1, 2))
    assert (skin[:, 0] > skin[:, 2]).all()
    assert images.std((1, 2, 3)).min() > 20


@pytest.fixture
def converted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """An entry per frame that is decoded and converted."""
    import viseme.media.frames as frames

    converted: list[int] = []
    convert = frames.FrameConverter.__call__

    def counted(self, frame):  # type: ignore[no-untyped-def]
        converted.append(1)
        return convert(self, frame)

    monkeypatch.setattr(frames.FrameConverter, "__call__", counted)
    return converted


@pytest.mark.parametrize("estimator", ["landmark-fit", "enet"])
def test_a_file_is_decoded_once_whatever_the_estimator_and_the_number_of_faces(
    crowd: Path, tmp_path: Path, converted: list[int], estimator: str
) -> None:
    result = standardize(crowd, tmp_path / "o.safetensors", as_="beta", estimator=estimator)
    assert len(result.tracks) == 3
    assert all(t.num_valid == t.num_frames for t in result.tracks)
    assert len(converted) == 65, "frames of the file"


def test_canary_a_second_decoding_would_be_noticed(crowd: Path, tmp_path: Path, converted: list[int]) -> None:
    standardize(crowd, tmp_path / "p.safetensors", as_="beta", video=tmp_path / "v.mp4")
    assert len(converted) == 130


def test_a_network_sees_what_a_second_decoding_would_show(clip: Path, tmp_path: Path) -> None:
    from viseme.faces.crops import crop_frame
    from viseme.standardization.estimators.networks import ENet
    from viseme.standardization.interface import FaceObservation

    standardize(clip, tmp_path / "o.safetensors", as_="beta", estimator="enet")
    (face,) = read_standardized(tmp_path / "o.safetensors").faces
    squares = np.asarray(face.tensors["crops"], np.float64)
    images = np.stack([crop_frame(p.image, s, scale=p.scale) for p, s in zip(read_frames(clip), squares)])
    again = ENet().look(
        FaceObservation(
            times=face.times,
            landmarks=np.ones((NUM, 478, 3), np.float32),
            observed=np.ones(NUM, bool),
            crops=squares,
            images=images,
        )
    )
    assert again.bias is not None
    np.testing.assert_allclose(face.beta, again.beta - again.bias.mean(0), atol=0.02)


def test_arrays_give_what_the_file_gives(clip: Path, tmp_path: Path) -> None:
    frames = list(read_frames(clip))
    images, times = np.stack([f.image for f in frames]), [float(f.time) for f in frames]
    of_file = standardize(clip, tmp_path / "f.safetensors", as_="beta")
    of_arrays = standardize(None, tmp_path / "a.safetensors", frames=images, times=times, as_="beta")
    standardize(None, tmp_path / "i.safetensors", frames=iter(images), times=times, as_="beta")
    assert (of_arrays.file, of_arrays.width, of_arrays.height) == ("arrays", 400, 360)
    assert of_arrays.frame_rate == pytest.approx(25)
    assert of_arrays.words == of_file.words
    expected = read_standardized(tmp_path / "f.safetensors").faces[0]
    for name in ("a", "i"):
        read = read_standardized(tmp_path / f"{name}.safetensors")
        np.testing.assert_array_equal(read.faces[0].beta, expected.beta)
        np.testing.assert_allclose(read.faces[0].times, expected.times, atol=1e-6)
        assert read.metadata["input"] is None
        assert read.metadata["file"] == "arrays"


def test_arrays_that_make_no_sense(clip: Path, tmp_path: Path) -> None:
    out, images = tmp_path / "o.safetensors", np.zeros((2, 40, 60, 3), np.uint8)
    with pytest.raises(ValueError, match="not both"):
        standardize(clip, out, frames=images)
    with pytest.raises(ValueError, match="frames and times are needed; times missing"):
        standardize(None, out, frames=images)
    with pytest.raises(ValueError, match="frames and times are needed; frames, times missing"):
        standardize(None, out)
    with pytest.raises(ValueError, match="2 frames for 3 times"):
        standardize(None, out, frames=images, times=[0, 1, 2])
    with pytest.raises(ValueError, match="from a file"):
        standardize(None, out, frames=images, times=[0, 1], video=tmp_path / "v.mp4")
    assert list(tmp_path.iterdir()) == []


# --- what must fail, and how


def test_files_that_are_none_are_refused_and_leave_nothing(tmp_path: Path) -> None:
    out = tmp_path / "o.safetensors"
    (tmp_path / "t.mp4").write_text("no video at all")
    (tmp_path / "e.mp4").touch()
    for name in ("t.mp4", "e.mp4", "missing.mp4"):
        with pytest.raises(UnreadableMedia, match=name):
            standardize(tmp_path / name, out)
    with VideoWriter(tmp_path / "photo.avi", width=64, height=48, rate=25, audio_rate=16000) as video:
        video.write(np.zeros((48, 64, 3), np.uint8))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["e.mp4", "photo.avi", "t.mp4"]


def test_audio_alone_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    import wave

    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16000))
    with pytest.raises(NoVideo, match=r"a\.wav"):
        standardize(path, tmp_path / "o.safetensors")


def test_outputs_are_not_overwritten_unless_asked(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.safetensors"
    out.write_text("mine")
    with pytest.raises(OutputError, match="--overwrite"):
        standardize(clip, out)
    with pytest.raises(OutputError, match="is the video itself"):
        standardize(clip, clip)
    with pytest.raises(OutputError, match="folder"):
        standardize(clip, tmp_path / "no" / "o.safetensors")
    assert out.read_text() == "mine"


@pytest.mark.parametrize("wrong", [{"as_": "rgba"}, {"z_norm": "x"}, {"estimator": "x"}, {"weights": "w"}])
def test_options_that_make_no_sense(clip: Path, tmp_path: Path, wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        standardize(clip, tmp_path / "o.safetensors", **wrong)  # type: ignore[arg-type]


def test_a_full_disk_leaves_nothing_behind(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from viseme.media.files import OutputFile

    write = OutputFile.write

    def full(self: OutputFile, data: bytes) -> int:
        if len(data) > 1_000_000:
            self.error = OSError(28, "No space left on device")
            raise self.error
        return write(self, data)

    monkeypatch.setattr(OutputFile, "write", full)
    with pytest.raises(OutputError, match="disk is full"):
        standardize(clip, tmp_path / "o.safetensors", as_="rgb")
    assert list(tmp_path.iterdir()) == []


def test_a_killed_run_leaves_no_answer(tmp_path: Path) -> None:
    out = tmp_path / "o.safetensors"
    code = (
        "import time\nimport viseme.standardization.pipeline as p\n"
        "p.pictured = lambda *a: time.sleep(60)\n"
        f"p.standardize({str(SAMPLE)!r}, {str(out)!r}, as_='rgb')\n"
    )
    run = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not any(p.name.startswith(".viseme-") for p in tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(run.pid, signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    assert not out.exists()


# --- many


def test_names_of_answers() -> None:
    found = outputs(["a/x.mp4", "a/b/y.mov", "a/b/y.mp4"], "o", ".safetensors")
    assert [p.as_posix() for p in found.values()] == [
        "o/x.safetensors", "o/b/y.mov.safetensors", "o/b/y.mp4.safetensors",
    ]  # fmt: skip


def test_a_batch_outlives_bad_files_and_goes_on(clip: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "good.mkv").write_bytes(clip.read_bytes())
    (folder / "bad.mp4").write_text("no video")
    found = list(standardize_many([folder], out, as_="beta"))
    assert [type(o) for o in found] == [FailedStandardize, StandardizeResult]
    assert found[0].to_json()["error"]["type"] == "UnreadableMedia"
    assert [p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()] == ["sub/good.safetensors"]
    assert [type(o) for o in standardize_many([folder], out, as_="beta", resume=True)] == [FailedStandardize]
    again = list(standardize_many([folder], out, as_="mesh", resume=True))
    assert [type(o) for o in again] == [FailedStandardize, StandardizeResult], "other options, other answers"
    os.utime(folder / "sub" / "good.mkv", ns=(0, int(Fraction(1_600_000_000_000_000_000))))
    again = list(standardize_many([folder / "sub"], out / "sub", as_="mesh", resume=True))
    assert [type(o) for o in again] == [StandardizeResult], "a file that changed"
    with pytest.raises(ValueError, match="at least 1"):
        standardize_many([folder], out, jobs=0)
