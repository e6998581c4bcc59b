"""A test that skips on a package hides itself for good once that package is no dependency any more."""

from __future__ import annotations

import re
from pathlib import Path

BROUGHT_BY_USERS = {"ai_edge_litert", "c2pa"}
"""Packages that tests may do without: no extra of this package that developers need installs them."""


def skipped_on(folder: Path) -> set[str]:
    """Packages without which tests under a folder skip."""
    texts = (path.read_text(encoding="utf-8") for path in folder.rglob("test_*.py"))
    return {name for text in texts for name in re.findall(r"importorskip\(\s*[\"']([\w.]+)", text)}


def test_tests_skip_on_nothing_that_developers_install(root: Path) -> None:
    assert skipped_on(root / "tests") <= BROUGHT_BY_USERS


def test_canary_a_skip_is_seen(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(f'pytest.{"import"}orskip("gone.module")\n')
    assert skipped_on(tmp_path) == {"gone.module"}
