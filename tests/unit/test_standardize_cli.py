"""`viseme standardize`: what it prints, what it returns, and what it refuses before any work."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import viseme.standardization.pipeline as pipeline
from viseme.cli.main import main
from viseme.core.errors import UnreadableMedia
from viseme.core.results import Reason, RejectedTrack
from viseme.standardization.forms import FORMS
from viseme.standardization.pipeline import standardize
from viseme.standardization.results import StandardizedTrack, StandardizeResult


def answer(path: Any, out: Any, **options: Any) -> StandardizeResult:
    if "bad" in str(path):
        raise UnreadableMedia(f"{path} is not a readable media file")
    Path(out).write_text("there")
    track = StandardizedTrack(
        name="track0", track_id=0, start=0.0, end=1.0, num_frames=26, num_valid=20, reasons={"profile": 6},
        face_size_px=80.0, residual=0.006,
    )  # fmt: skip
    refused = RejectedTrack(
        track_id=1, start=0.0, end=0.2, reason=Reason.TRACK_TOO_SHORT, measured=0.2, limit=0.4, unit="s"
    )
    return StandardizeResult(
        file=str(path), out=str(out), as_=options["as_"], estimator="landmark-fit", weights=None,
        face_model="default", z_norm="clip", tracks=(track,), rejected=(refused,),
    )  # fmt: skip


@pytest.fixture(autouse=True)
def _stub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4", "bad.mp4"):
        (tmp_path / name).write_bytes(b"something")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pipeline, "standardize", answer)


def test_one_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "o.safetensors"
    assert main(["standardize", "a.mp4", "-o", str(out), "--as", "mesh"]) == 0
    shown = capfd.readouterr().out
    assert "a.mp4: 1 face, 20 of 26 frames (6 profile)" in shown
    assert "not used: face at 0.00 to 0.20 s, track_too_short (0.2 s, limit 0.4)" in shown


@pytest.mark.parametrize("form", FORMS)
def test_json_is_one_object(form: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["standardize", "a.mp4", "-o", str(tmp_path / "o.safetensors"), f"--as={form}", "--json"]) == 0
    (line,) = capfd.readouterr().out.splitlines()
    entry = json.loads(line)
    assert entry["schema"] == "viseme.standardize/1"
    assert entry["as"] == form
    assert entry["tracks"][0]["num_valid"] == 20
    assert entry["rejected"][0]["reason"] == "track_too_short"
    assert entry["error"] is None


def test_a_bad_file_is_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["standardize", "bad.mp4", "-o", str(tmp_path / "o.safetensors")]) == 1
    assert capfd.readouterr().err == "viseme: error: bad.mp4 is not a readable media file\n"


def test_a_folder_takes_one_file_too(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["standardize", "a.mp4", "-o", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "a.safetensors").exists()
    assert "1 done, 0 failed" in capfd.readouterr().err


def test_a_folder_without_videos_says_so(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "standardize", standardize)
    (tmp_path / "empty").mkdir()
    assert main(["standardize", str(tmp_path / "empty"), "-o", str(tmp_path / "out")]) == 1
    (line, *_) = capfd.readouterr().err.splitlines()
    assert line.endswith("empty is a folder that holds no video; name a video or another folder")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "give at least one VIDEO"),
        (["a.mp4"], "say where to write"),
        (["a.mp4", "-o", "o.safetensors", "--jobs", "0"], "--jobs must be at least 1"),
        (["a.mp4", "b.mp4", "-o", "o.safetensors"], "2 videos do not fit"),
        (["a.mp4", "-o", "o.safetensors", "--as", "rgba"], "rgba"),
    ],
)
def test_command_lines_that_make_no_sense(words: list[str], says: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["standardize", *words]) == 2
    assert says in capfd.readouterr().err
