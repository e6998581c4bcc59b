"""Examples in README and docs do what they say: blocks marked ```bash run and ```python run are executed.

The blocks of a page run one after the other in one folder that holds `talk.mp4` (audio late), `meeting.mp4` and
`interviews/`.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from viseme.cli.main import main
from viseme.weights import assets_folder

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = {"synth": "espeak-ng"}
"""Commands that need a program from outside."""


@dataclass(frozen=True)
class Block:
    """A marked example."""

    page: str
    line: int
    language: str
    text: str


def blocks(page: str, text: str) -> Iterator[Block]:
    for found in re.finditer(r"^```(bash|python) run\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        yield Block(page, text.count("\n", 0, found.start()) + 2, found[1], found[2])


def pages() -> dict[str, list[Block]]:
    texts = {
        p.relative_to(ROOT).as_posix(): p.read_text("utf-8") for p in [ROOT / "README.md", *ROOT.glob("docs/*.md")]
    }
    return {page: found for page, text in texts.items() if (found := list(blocks(page, text)))}


def run(block: Block, names: dict[str, Any]) -> None:
    """Do what the block says.

    Raises:
        AssertionError: a command failed; or whatever the Python raised.
    """
    if block.language == "python":
        exec(compile("\n" * (block.line - 1) + block.text, block.page, "exec"), names)
        return
    for line in block.text.splitlines():
        words = shlex.split(line, comments=True)
        if not words:
            continue
        assert words[0] == "viseme", line
        program = PROGRAMS.get(words[1])
        if program is not None and shutil.which(program) is None:
            print(f"SKIPPED, {program} is not installed: {line}")
            continue
        assert main(words[1:]) == 0, f"{block.page}:{block.line}: {line}"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    samples = assets_folder() / "samples"
    (tmp_path / "interviews").mkdir()
    shutil.copy(samples / "sample_late_137ms.mp4", tmp_path / "talk.mp4")
    shutil.copy(samples / "sample_in_sync.mp4", tmp_path / "meeting.mp4")
    shutil.copy(samples / "sample_in_sync.mp4", tmp_path / "interviews" / "first.mp4")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted(pages()))
def test_examples_work(page: str, folder: Path) -> None:
    names: dict[str, Any] = {"__name__": "example"}
    for block in pages()[page]:
        run(block, names)


def test_the_pages_have_examples() -> None:
    assert {"README.md", "docs/python.md"} <= set(pages())


def test_an_example_that_fails_is_noticed(folder: Path) -> None:
    (block,) = blocks("page.md", "text\n\n```python run\nimport viseme\n1 / 0\n```\n")
    assert block.line == 4
    with pytest.raises(ZeroDivisionError):
        run(block, {})
    (block,) = blocks("page.md", "```bash run\nviseme check missing.mp4  # a comment\n```\n")
    with pytest.raises(AssertionError, match=r"page.md:2: viseme check missing.mp4"):
        run(block, {})
