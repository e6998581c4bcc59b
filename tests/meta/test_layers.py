"""Imports go down only, and the linter that says so is awake."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def lint(folder: Path, source: Path) -> subprocess.CompletedProcess[str]:
    script = f"""
import sys
sys.path.insert(0, {str(source)!r})
from importlinter.cli import lint_imports
sys.exit(lint_imports(no_cache=True))
"""
    return subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True)


def test_layers_are_kept(root: Path) -> None:
    done = lint(root, root / "src")
    assert "1 kept, 0 broken" in done.stdout, "the linter looked at nothing"
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-500:]


@pytest.mark.parametrize(
    ("module", "line"),
    [("core/time.py", "import viseme.media"), ("report/words.py", "from viseme.cli import main")],
)
def test_a_forbidden_import_is_refused(root: Path, tmp_path: Path, module: str, line: str) -> None:
    shutil.copytree(root / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "assets"))
    shutil.copy(root / "pyproject.toml", tmp_path)
    with (tmp_path / "src" / "viseme" / module).open("a") as file:
        file.write(f"\n{line}\n")
    done = lint(tmp_path, tmp_path / "src")
    assert done.returncode == 1
    assert "is not allowed to import" in done.stdout


def test_only_media_knows_pyav(root: Path) -> None:
    pattern = re.compile(r"^\s*(import av\b|from av\b)", re.MULTILINE)
    guilty = [
        str(path.relative_to(root))
        for path in (root / "src" / "viseme").rglob("*.py")
        if pattern.search(path.read_text(encoding="utf-8")) and "media" not in path.parts
    ]
    assert guilty == []


def test_only_weights_knows_onnx_runtime(root: Path) -> None:
    pattern = re.compile(r"^\s*(import|from) (onnxruntime|onnx)\b", re.MULTILINE)
    guilty = {
        path.relative_to(root / "src" / "viseme").as_posix()
        for path in (root / "src" / "viseme").rglob("*.py")
        if pattern.search(path.read_text(encoding="utf-8"))
    }
    assert guilty == {"weights/session.py", "weights/export.py"}


def files_with(root: Path, pattern: str) -> list[str]:
    found = [p for p in (root / "src").rglob("*.py") if re.search(pattern, p.read_text(encoding="utf-8"))]
    return [p.relative_to(root / "src" / "viseme").as_posix() for p in found]


def test_no_pickle_is_loaded(root: Path) -> None:
    """Except by the reader of PyTorch files, which looks no name up."""
    readers = r"\b(joblib|dill|shelve)\.(load|loads|Unpickler)|\bpickle\.loads?\b"
    assert files_with(root, readers + "|allow_pickle=True|weights_only=False") == []
    assert files_with(root, r"\bUnpickler\b") == ["weights/torch_file.py"]
