"""Many files repaired into a folder: which, where to, and what is told. Files hold their delay as text."""

from __future__ import annotations

import json
import re
import sys
import types
from pathlib import Path
from typing import Any

import pytest

import stubs
import viseme.media
from schemas import validate
from viseme.cli.exits import ExitCode
from viseme.cli.main import main
from viseme.core.errors import OutputError, UnreadableMedia
from viseme.sync.repair_batch import FailedFix, FixOutcome, fix_many, fix_targets


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of "videos", and a way of fixing them."""

    def shift_audio(path: Any, out: Any, *, shift: Any, **_: Any) -> Any:
        Path(out).write_text(f"delay {float(Path(path).read_text().split()[1]) + float(shift)}")
        return types.SimpleNamespace(shift=shift, method="timestamps", warnings=(), kept=stubs.KEPT)

    pipeline = types.ModuleType("viseme.sync.pipeline")
    pipeline.check = lambda path, **settings: stubs.check(str(path))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "viseme.sync.pipeline", pipeline)
    monkeypatch.setattr(viseme.media, "shift_audio", shift_audio)
    monkeypatch.chdir(tmp_path)
    Path("takes/day2").mkdir(parents=True)
    Path("takes/late.mp4").write_text("delay 0.217")
    Path("takes/fine.mp4").write_text("delay 0.03")
    Path("takes/day2/late.mp4").write_text("delay 0.3")
    Path("takes/mute.mp4").write_text("unknown")
    Path("takes/bad.mp4").write_text("bad")
    return tmp_path


def statuses(**options: Any) -> dict[str, str]:
    """File -> what became of it."""
    return {o.file: o.to_json()["status"] for o in fix_many(["takes"], "out", **options)}


def test_every_file_has_its_outcome_and_keeps_its_place() -> None:
    outcomes = {o.file: o for o in fix_many(["takes"], "out", only="out_of_sync")}
    told = {file.removeprefix("takes/"): o.to_json()["status"] for file, o in outcomes.items()}
    assert told == {
        "bad.mp4": "failed",
        "day2/late.mp4": "fixed",
        "fine.mp4": "left",
        "late.mp4": "fixed",
        "mute.mp4": "refused",
    }
    assert sorted(p.as_posix() for p in Path("out").rglob("*.mp4")) == ["out/day2/late.mp4", "out/late.mp4"]
    assert isinstance(outcomes["takes/bad.mp4"], FailedFix)
    late = outcomes["takes/late.mp4"]
    assert isinstance(late, FixOutcome)
    assert late.fixed is not None
    assert late.fixed.residual.audio_delay == pytest.approx(0, abs=1e-9)
    for outcome in outcomes.values():
        validate("fix-many", outcome.to_json())


def test_without_only_every_known_delay_is_fixed() -> None:
    assert statuses()["takes/fine.mp4"] == "fixed"


def test_a_dry_run_writes_nothing(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    assert statuses(dry_run=True)["takes/late.mp4"] == "planned"
    assert sorted(folder.rglob("*")) == before


def test_a_given_delay_needs_no_measurement() -> None:
    assert statuses(delay="217ms")["takes/late.mp4"] == "fixed"


def test_a_file_that_is_there_is_kept() -> None:
    Path("out").mkdir()
    Path("out/late.mp4").write_text("precious")
    assert statuses()["takes/late.mp4"] == "failed"
    assert Path("out/late.mp4").read_text() == "precious"
    assert statuses(overwrite=True)["takes/late.mp4"] == "fixed"


def test_resuming_repairs_only_what_is_missing() -> None:
    first = list(fix_many(["takes"], "out", resume="log.jsonl"))
    assert len(first) == 5
    assert list(fix_many(["takes"], "out", resume="log.jsonl")) == []
    Path("takes/new.mp4").write_text("delay 0.2")
    assert [o.file for o in fix_many(["takes"], "out", resume="log.jsonl")] == ["takes/new.mp4"]


def test_what_lies_in_the_folder_written_to_is_not_read() -> None:
    Path("takes/out").mkdir()
    Path("takes/out/old.mp4").write_text("delay 0.2")
    assert "takes/out/old.mp4" not in fix_targets(["takes"], "takes/out")


def test_two_files_for_one_name_are_refused() -> None:
    with pytest.raises(OutputError, match="both be written to"):
        fix_targets(["takes/late.mp4", "takes/day2/late.mp4"], "out")


def test_the_command_leaves_a_log_and_a_page(capfd: pytest.CaptureFixture[str]) -> None:
    words = ["fix", "takes/late.mp4", "-o", "out/", "--only", "out_of_sync"]  # one file: no other process is started
    assert main(words) == ExitCode.DONE
    out, err = capfd.readouterr()
    assert "fixed           takes/late.mp4" in out
    assert "1 fixed" in err
    page = Path("out/fix.html").read_text()
    assert page.count("<th ") == page.count('<th scope="col"') == 7
    assert re.search(r'aria-label="delay before: \S+ ms, after: \S+ ms"', page)
    assert "late.mp4" in page
    assert "+217 ms<small>5.4 frames</small>" in page
    for line in Path("out/fix.jsonl").read_text().splitlines():
        validate("fix-many", json.loads(line))
    assert main([*words, "--resume"]) == ExitCode.DONE
    assert "1 fixed (1 of them before)" in capfd.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["takes"], ["takes", "-o", "takes/late.mp4"], ["takes", "-o", "o/", "--delay", "1s", "--only", "out_of_sync"]],
)
def test_nonsense_is_refused(arguments: list[str]) -> None:
    assert main(["fix", *arguments]) == ExitCode.USAGE


def test_a_folder_without_media_is_said(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnreadableMedia, match="holds no media file"):
        fix_targets([tmp_path / "empty"], tmp_path / "out")
