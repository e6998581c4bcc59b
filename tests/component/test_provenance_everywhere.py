"""Every file that `viseme animate` and `viseme dub` make says that it is synthetic, and no option leaves that out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from schemas import validate
from tetrahedron import animation
from viseme.avatar.animation import film
from viseme.avatar.animation.interface import FaceAnimation, animation_formats
from viseme.cli.commands import animate as animate_command
from viseme.cli.commands import dub as dub_command
from viseme.cli.main import main
from viseme.core.errors import NoVideo, OutputError, UnreadableMedia
from viseme.media.png import png_bytes
from viseme.media.writer import VideoWriter
from viseme.provenance.consent import consent_from_json
from viseme.provenance.manifest import watermark_message
from viseme.provenance.reading import read_provenance
from viseme.provenance.statement import statement, statement_line

NO_PLACE = {"livelink", "rhubarb-tsv", "rhubarb-dat"}
"""Formats that hold numbers alone: a reader would take a line of words for one of them."""
WRITTEN = {
    "glb": "a.glb", "obj": "a_0001.obj", "ply": "a_0001.ply", "arkit": "a.json", "rhubarb-xml": "a.xml",
    "rhubarb-json": "a.json", "video": "a.mp4", "cartoon": "a.mp4",
}  # fmt: skip
"""What a format writes for `a` and its end."""


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISEME_C2PA_CERTIFICATE", raising=False)
    monkeypatch.delenv("VISEME_C2PA_KEY", raising=False)


@pytest.fixture
def face(monkeypatch: pytest.MonkeyPatch) -> FaceAnimation:
    """A face whose film is a soft shade, so that no renderer is needed."""
    consent = consent_from_json(
        {"subject": "Ada", "scope": "tests", "date": "2026-11-01", "signer": "Ada", "expires": None, "sha256": "a" * 64}
    )

    def drawn(animation: FaceAnimation, style: str, view: str, size: int) -> list[np.ndarray]:
        shade = np.linspace(0.3, 0.7, size, dtype=np.float32)[:, None, None]
        return [shade * np.ones((size, size, 3), np.float32)] * len(animation.weights)

    monkeypatch.setattr(film, "_frames", drawn)
    return replace(animation(4), model="ada--@12", consent=consent)


@pytest.mark.parametrize("name", list(animation_formats))
def test_every_format_says_it(name: str, face: FaceAnimation, tmp_path: Path) -> None:
    if name in NO_PLACE:
        return
    if name == "video":
        face = replace(animation(22), model=face.model, consent=face.consent)
    written = tmp_path / WRITTEN[name]
    animation_formats[name].write(face, tmp_path / f"a{written.suffix}")
    found = read_provenance(written)
    validate("provenance", found.to_json())
    assert found.synthetic
    assert found.manifest is not None
    assert (found.manifest.model, found.manifest.consent_sha256) == ("ada--@12", "a" * 64)
    assert found.manifest.source_types == ("trainedAlgorithmicMedia",)
    if name == "video":
        assert found.watermark == f"{watermark_message('ada--@12', face.consent):06x}"
        assert found.watermark_agrees
    if name in ("video", "cartoon"):
        assert found.manifest.place == "sidecar"
    else:
        assert (found.manifest.place, found.num_frames) == ("statement", 0)


def test_a_film_is_not_left_without_its_manifest(
    face: FaceAnimation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: object, **options: object) -> None:
        raise OutputError("no manifest")

    monkeypatch.setattr(film, "write_manifest", fails)
    with pytest.raises(OutputError, match="no manifest"):
        animation_formats["video"].write(face, tmp_path / "a.mp4")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", [animate_command, dub_command])
def test_no_option_leaves_it_out(command: object) -> None:
    names = {field.name for field in fields(command.Options)}  # type: ignore[attr-defined]
    assert not [name for name in names if any(part in name for part in ("mark", "manifest", "provenance", "c2pa"))]


def test_a_statement_fits_into_comments() -> None:
    line = statement_line("a--b\n-->", None)
    assert "--" not in line
    assert line.isascii()
    assert "\n" not in line
    assert json.loads(line) == statement("a--b\n-->", None)


def test_a_damaged_statement_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"schema": "viseme.statement/1", "synthetic": tr')
    with pytest.raises(UnreadableMedia, match=r"a\.json is not a readable media file"):
        read_provenance(tmp_path / "a.json")


def _frame(num: int) -> np.ndarray:
    return np.random.default_rng(num).integers(60, 200, (64, 64, 3)).astype(np.uint8)


def _film(path: Path, num: int) -> None:
    with VideoWriter(path, width=64, height=64, rate=25) as video:
        for number in range(num):
            video.write(_frame(number))


def _cut(path: Path) -> None:
    _film(path, 40)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "words.mp4": (lambda path: path.write_text("no video"), "error: .*words.mp4 is not a readable media file"),
    "empty.mp4": (lambda path: path.write_bytes(b""), "error: .*empty.mp4 is empty"),
    "cut.mp4": (_cut, "note: .*cut.mp4 is cut short"),
    "one.mp4": (lambda path: _film(path, 1), r"note: .*the video has 0\.0 s; .* reliably from"),
    "photo.png": (lambda path: path.write_bytes(png_bytes(_frame(0))), r"note: .*the video has 0\.0 s"),
}
"""Name -> how it is made, and what is said."""


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_told_in_one_line(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    make, told = BAD[name]
    make(tmp_path / name)
    code = main(["provenance", str(tmp_path / name)])
    lines = [line for line in capfd.readouterr().err.splitlines() if "c2pa" not in line]
    assert len(lines) <= 2
    assert any(re.search(told, line) for line in lines), lines
    assert code == ("error" in told)


def test_a_file_without_frames_and_manifest_is_refused(tmp_path: Path) -> None:
    from media_files import write_wav

    audio = write_wav(tmp_path / "a.wav", np.zeros((1, 4000), np.float32), 16_000)
    with pytest.raises(NoVideo, match=r"a\.wav has no video stream"):
        read_provenance(audio)
