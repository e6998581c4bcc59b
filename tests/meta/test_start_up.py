"""What a command loads before it has anything to do. Bounds are on imported modules, not on time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from viseme.weights import assets_folder

HEAVY = ["numpy", "scipy", "torch", "av", "onnxruntime", "numba", "llvmlite", "safetensors", "matplotlib", "PIL"]
SHOW = ["rich", "jinja2"]

RUN = """
import json, sys
from viseme.cli.main import main
code = main(sys.argv[1:])
loaded = sorted({name.partition(".")[0] for name in sys.modules})
print(json.dumps({"code": code, "loaded": loaded, "num": len(sys.modules)}), file=sys.stderr)
"""


def run(*words: str, cwd: Path) -> tuple[int, set[str], int, list[str]]:
    """Exit code, packages loaded, number of modules, lines of stderr."""
    done = subprocess.run([sys.executable, "-c", RUN, *words], cwd=cwd, capture_output=True, text=True, timeout=120)
    *lines, told = done.stderr.splitlines()
    facts = json.loads(told)
    return facts["code"], set(facts["loaded"]), facts["num"], lines


@pytest.mark.parametrize(
    "words",
    [
        ["check", "no.mp4"],
        ["fix", "no.mp4", "-o", "out.mp4"],
        ["find-speakers", "no.mp4"],
        ["standardize", "no.mp4", "-o", "out.safetensors"],
    ],
    ids=lambda words: words[0],
)
def test_a_missing_file_is_reported_before_anything_heavy_is_loaded(words: list[str], tmp_path: Path) -> None:
    code, loaded, num, lines = run(*words, cwd=tmp_path)
    assert code == 1
    assert lines == ["viseme: error: no.mp4 does not exist; check the path"]
    assert loaded & {*HEAVY, *SHOW} == set()
    assert num < 500


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["weights", "--help"]], ids=" ".join)
def test_help_loads_nothing_but_the_table(words: list[str], tmp_path: Path) -> None:
    code, loaded, _, _ = run(*words, cwd=tmp_path)
    assert code == 0
    assert loaded & {*HEAVY, *SHOW, "tyro"} == set()


def test_a_check_loads_what_it_needs_and_no_more(tmp_path: Path) -> None:
    sample = assets_folder() / "samples" / "sample_in_sync.mp4"
    code, loaded, _, _ = run("check", str(sample), cwd=tmp_path)
    assert code == 0
    assert {"av", "numpy", "onnxruntime"} <= loaded
    assert loaded & {"torch", "scipy", "numba", "llvmlite", "jaxtyping", "matplotlib", "jinja2"} == set()


def test_the_guard_is_awake(tmp_path: Path) -> None:
    (tmp_path / "no.mp4").write_bytes(b"not a video")
    code, loaded, _, _ = run("check", "no.mp4", cwd=tmp_path)
    assert code == 1
    assert {"av", "numpy"} <= loaded
