"""Files on which this package once failed: what must happen happens (see `viseme.reproduce.cases`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from viseme.reproduce.cases import CASES, Case, main, run_case

FOLDER = Path(__file__).parents[3] / "shared" / "cases"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="needs the cases beside the checkout")


LONG = ("step400.mp4", "late3500.mp4", "cat.ts", "in_sync_called_dubbed.mp4")
"""Files that take ten seconds and more."""


@pytest.mark.real
@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=case.file, marks=[pytest.mark.slow] if case.file in LONG else []) for case in CASES],
)
def test_what_must_happen_happens(case: Case) -> None:
    got = run_case(case, FOLDER)
    assert got.right, f"{case.expected}; got: {got.words}"


def test_a_folder_that_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--cases", str(tmp_path / "nowhere")]) == 1
    assert "--cases" in capsys.readouterr().out
