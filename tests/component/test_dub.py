"""`viseme dub` from end to end, with a face that is played back instead of an avatar."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from media_files import make_clip, write_wav
from replay_face import ReplayFace
from short_clip import RATE, short_clip, write_film
from viseme.avatar.dub import DubResult, dub
from viseme.cli.main import main
from viseme.compose.target import Stretch, TargetFaces
from viseme.core.errors import ConfigError, ConsentError, FaceError, NoAudio, NoVideo, OutputError, WeightsError
from viseme.core.results import RejectedTrack
from viseme.faces import tracker
from viseme.media import probe, read_frames
from viseme.media.images import encode_png
from viseme.provenance.consent import read_consent
from viseme.provenance.manifest import watermark_message
from viseme.provenance.reading import LOST_MARK, keeps_watermark

NUM = 14


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a second of a synthetic person."""
    return write_film(tmp_path_factory.mktemp("film") / "talk.mkv", short_clip(NUM))


@pytest.fixture(scope="module")
def face(film: Path) -> ReplayFace:
    """The face of its first frame."""
    frames = list(read_frames(film))
    follower = tracker["mediapipe"](tracker["mediapipe"].Config())
    (chunk,) = [e for e in follower.track(iter(frames)) if not isinstance(e, RejectedTrack)]
    return ReplayFace(frames[0].image / np.float32(255), chunk.landmarks[0, :468])


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Not quite a second of speech."""
    samples = short_clip(60)["samples"][: 4 * RATE // 5]
    return write_wav(tmp_path_factory.mktemp("voice") / "new.wav", samples[None], RATE)


@pytest.mark.slow
def test_the_new_audio_is_in_and_the_rest_is_kept(tmp_path: Path, film: Path, face: ReplayFace, voice: Path) -> None:
    out, told, progress = tmp_path / "out.mp4", [], []
    result = dub(
        film, out, avatar=face, audio=voice, beyond="ping-pong", on_warning=told.append, on_progress=progress.append
    )
    before, after = list(read_frames(film)), list(read_frames(out))
    num_added = len(after) - NUM
    assert (result.num_frames, result.num_composed, result.num_passed) == (len(after), len(after), 0)
    assert result.num_added == num_added == pytest.approx(20 - NUM, abs=1)
    assert [f.time for f in after[:NUM]] == [f.time for f in before]
    assert face.asked[-len(after) :] == pytest.approx([float(f.time) for f in after])
    assert np.abs(after[5].image[:20].astype(int) - before[5].image[:20]).mean() < 3
    info = probe(out)
    assert info.video is not None
    assert (info.video.width, info.audio[0].codec) == (before[0].image.shape[1], "aac")
    assert result.residual.file == str(out)
    assert result.manifest is not None
    assert json.loads(Path(result.manifest).read_text())["file"] == "out.mp4"
    answer = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert (answer["schema"], answer["num_added"]) == ("viseme.dub/1", num_added)
    assert progress[-1] == pytest.approx(1, abs=0.1)
    assert progress == sorted(progress)


def test_cut_ends_with_the_shorter_one_and_silence_is_told(tmp_path: Path, film: Path, face: ReplayFace) -> None:
    silence = write_wav(tmp_path / "silence.wav", np.zeros((1, RATE // 4), np.float32), RATE)
    result = dub(film, tmp_path / "out.mkv", avatar=face, audio=silence, beyond="cut", blend="alpha")
    assert result.num_frames == 7
    assert any("no speech was found in" in w and "mouth stays closed" in w for w in result.warnings)
    assert not result.in_sync


def refused(kind: type[Exception], match: str, out: Path, path: Path, **options: Any) -> None:
    with pytest.raises(kind, match=match):
        dub(path, out, **options)
    assert not out.exists()
    assert not list(out.parent.glob(".viseme*"))


def test_what_cannot_be_dubbed_is_said(tmp_path: Path, film: Path, face: ReplayFace, voice: Path) -> None:
    out = tmp_path / "out.mp4"
    clip = make_clip(tmp_path / "clip.mp4", num=15)
    mute = make_clip(tmp_path / "mute.mp4", num=5, click=None)
    photo = tmp_path / "photo.png"
    photo.write_bytes(encode_png(np.zeros((48, 64, 3), np.uint8)))
    refused(FaceError, r"clip\.mp4: no face was found", out, clip, avatar=face, audio=voice)
    refused(FaceError, "there is no face 2", out, film, avatar=face, audio=voice, face=2)
    refused(NoAudio, r"mute\.mp4 has no audio", out, film, avatar=face, audio=mute)
    refused(NoVideo, "photograph", out, photo, avatar=face, audio=voice)
    refused(ConfigError, "either --audio FILE or --text", out, film, avatar=face)
    refused(ConfigError, "counted from the left", out, film, avatar=face, audio=voice, face=0)
    refused(WeightsError, r"nobody\.vis", out, film, avatar=tmp_path / "nobody.vis", audio=voice)
    out.write_bytes(b"mine")
    with pytest.raises(OutputError, match="--overwrite"):
        dub(film, out, avatar=face, audio=voice)
    assert out.read_bytes() == b"mine"


def test_nothing_is_left_that_does_not_say_it_is_synthetic(
    tmp_path: Path, film: Path, face: ReplayFace, voice: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: object, **options: object) -> None:
        raise OutputError("no manifest")

    monkeypatch.setattr("viseme.provenance.manifest.write_manifest", fails)
    refused(OutputError, "no manifest", tmp_path / "out.mkv", film, avatar=face, audio=voice, beyond="cut")


def test_the_command_line(
    tmp_path: Path, film: Path, face: ReplayFace, voice: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    assert main(["dub", str(film), "--audio", str(voice)]) == 2
    assert "say where to write" in capfd.readouterr().err
    made: list[DubResult] = []

    def played(*args: Any, **options: Any) -> DubResult:
        made.append(dub(*args, **{**options, "avatar": face}))
        return made[0]

    monkeypatch.setattr("viseme.avatar.dub.dub", played)
    out = tmp_path / "out.mkv"
    code = main(["dub", str(film), "--avatar", "a.vis", "--audio", str(voice), "-o", str(out), "--beyond", "cut"])
    told = capfd.readouterr().out
    assert f"{NUM} of {NUM} dubbed" in told
    assert made[0].watermark in told
    assert code == (1 if made[0].out_of_sync else 0)
    assert Fraction(next(read_frames(out)).time) == 0


class Anybody:
    """A talker that looks at a video and gives a face that is played back."""

    id = "anybody@0"

    def __init__(self, face: ReplayFace) -> None:
        self.face, self.looked = face, 0

    def of_video(self, path: Any, faces: TargetFaces, stretches: Sequence[Stretch]) -> ReplayFace:
        assert sum(s.num for s in stretches) == faces.num_frames == NUM
        self.looked += 1
        return self.face


def test_a_face_that_nobody_trained(tmp_path: Path, film: Path, face: ReplayFace, voice: Path) -> None:
    anybody, out, told = Anybody(face), tmp_path / "out.mkv", list[str]()
    agreed = tmp_path / "agreed.txt"
    agreed.write_text('subject = "A"\nscope = "tests"\ndate = 2026-01-01\nsigner = "A"\n')
    result = dub(film, out, talker=anybody, audio=voice, beyond="cut", blend="alpha", on_warning=told.append)
    assert (result.avatar, result.num_composed, anybody.looked) == ("anybody@0", NUM, 1)
    assert any("--consent FILE" in note for note in told)
    assert (LOST_MARK in told) is (not keeps_watermark(out, int(result.watermark, 16)))
    assert result.watermark == f"{watermark_message('anybody@0', None):06x}"
    assert read_consent(agreed).sha256 not in Path(result.manifest or "").read_text()
    refused(ConfigError, "its own consent", tmp_path / "b.mkv", film, avatar=face, consent=agreed, audio=voice)
    refused(ConfigError, "its own consent", tmp_path / "b.mkv", film, avatar=face, talker=anybody, audio=voice)
    refused(ConsentError, "cannot be read", tmp_path / "b.mkv", film, talker=anybody, consent="none.txt", audio=voice)


def test_a_hand_before_the_mouth_is_left_alone(
    tmp_path: Path, film: Path, face: ReplayFace, voice: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TargetFaces, "covered", lambda self, stretches: np.arange(self.num_frames) < 4)
    told: list[str] = []
    result = dub(
        film, tmp_path / "out.mkv", avatar=face, audio=voice, beyond="cut", blend="alpha", on_warning=told.append
    )
    assert (result.num_passed, result.num_covered) == (4, 4)
    assert any(note.startswith("4 frames stay as they are") for note in told)


def test_a_mark_that_cannot_be_read_back_is_told(
    tmp_path: Path, film: Path, face: ReplayFace, voice: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("viseme.provenance.reading.MarkSearch.find", lambda self: None)
    told: list[str] = []
    dub(film, tmp_path / "out.mkv", avatar=face, audio=voice, beyond="cut", blend="alpha", on_warning=told.append)
    assert LOST_MARK in told


@pytest.mark.slow
def test_the_consent_to_a_face_that_nobody_trained_is_named(
    tmp_path: Path, film: Path, face: ReplayFace, voice: Path
) -> None:
    agreed = tmp_path / "agreed.txt"
    agreed.write_text('subject = "A"\nscope = "tests"\ndate = 2026-01-01\nsigner = "A"\n')
    told: list[str] = []
    result = dub(
        film, tmp_path / "out.mkv", talker=Anybody(face), consent=agreed, audio=voice, beyond="cut",
        on_warning=told.append,
    )  # fmt: skip
    assert set(told) <= {LOST_MARK}, "of a film of half a second the mark is not read"
    assert read_consent(agreed).sha256 in Path(result.manifest or "").read_text()


@pytest.mark.slow
def test_the_talker_that_ships_dubs_somebody_it_never_saw(tmp_path: Path, film: Path, voice: Path) -> None:
    result = dub(film, tmp_path / "out.mkv", audio=voice, beyond="cut")
    assert result.avatar.startswith("talker@")
    assert result.num_composed == NUM
    before, after = list(read_frames(film)), list(read_frames(tmp_path / "out.mkv"))
    assert all(0 < np.abs(a.image.astype(int) - b.image).mean() < 6 for a, b in zip(before, after, strict=True))
