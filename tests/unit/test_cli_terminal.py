"""What a person sees: commands in a pseudo-terminal of 60, 80 and 120 columns."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import sys
import termios
from pathlib import Path

import pytest
from rich.text import Text

from viseme.cli.lines import shortened, wrapped

PROGRAM = """
from viseme.cli.screen import Screen
with Screen() as screen, screen.progress("a_very_long_file_name_of_an_interview_take_12.mp4") as tick:
    for step in range(4):
        tick(step / 4)
        screen.write(f"answer {step}\\n")
        screen.note(f"note {step}")
"""


ANSWERS = """
from dataclasses import replace
import stubs
from viseme.cli.screen import Screen
from viseme.cli.speaker_table import speaker_table
from viseme.cli.tables import card, line, line_header
from test_speakers_report import small_result

with Screen() as screen:
    found = small_result("interviews/" + "x" * 120 + ".mp4")
    found = replace(found, faces=tuple(replace(f, person_confidence=0.999) for f in found.faces))
    screen.show(speaker_table(found, screen.columns))
    check = stubs.result("interviews/" + "y" * 120 + ".mp4", 0.2)
    screen.show(card(check, screen.columns), line_header(screen.columns), line(check, screen.columns))
    screen.say("a.mp4\\n  compared  " + "every stream is what it was, " * 9 + "\\n  written   b.mp4")
"""


def in_terminal(arguments: list[str], columns: int) -> bytes:
    """What a Python program writes to a terminal of this width."""
    child, terminal = pty.fork()
    if child == 0:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        kept = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR", "CI")}
        os.execve(sys.executable, [sys.executable, *arguments], {**kept, "TERM": "xterm-256color"})
    parts = []
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # Linux says so when the program has ended
            break
        if not part:
            break
        parts.append(part)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    return b"".join(parts)


def lines_left(data: bytes) -> list[str]:
    """What stays on a terminal that knows carriage return, line feed, "erase line" and "up"."""
    screen, row, column = [""], 0, 0
    for token in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|.|\n|\r", data.decode()):
        if token == "\r":
            column = 0
        elif token == "\n":
            row += 1
            screen += [""] * (row + 1 - len(screen))
        elif token == "\x1b[2K":
            screen[row] = ""
        elif token == "\x1b[1A":
            row = max(row - 1, 0)
        elif not token.startswith("\x1b"):
            screen[row] = screen[row][:column].ljust(column) + token + screen[row][column + 1 :]
            column += 1
    return [line.rstrip() for line in screen if line.strip()]


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_answers_stand_above_the_bar_and_never_on_it(columns: int, tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    data = in_terminal([str(script)], columns)
    assert "…" in data.decode(), "the bar was drawn, its name shortened"
    expected = [f"{word} {step}" for step in range(4) for word in ("answer", "note")]
    assert lines_left(data) == expected


@pytest.mark.parametrize("width", [60, 80, 120])
def test_words_wrap_at_words_below_their_value(width: int) -> None:
    words = "the delay is +40 ms (95 %: +30 ms to +50 ms) in the longest of all pieces of this file"
    text = Text(f"  delay       {words}\nshort")
    lines = wrapped(text, width).plain.split("\n")
    assert all(len(line) <= width for line in lines)
    assert " ".join(line.strip() for line in lines[:-1]).split() == ["delay", *words.split()]
    assert all(line.startswith(" " * 14) and not line.lstrip().startswith("ms") for line in lines[1:-1])
    assert lines[-1] == "short"


def test_a_name_is_shortened_in_the_middle() -> None:
    assert shortened("short.mp4", 20) == "short.mp4"
    assert len(shortened("x" * 100 + ".mp4", 30)) == 30
    assert shortened("x" * 100 + ".mp4", 30).endswith(".mp4")


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_answers_fit_the_terminal(columns: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Path(__file__).parent
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(here), str(here.parent), os.environ.get("PYTHONPATH", "")]))
    script = tmp_path / "program.py"
    script.write_text(ANSWERS)
    lines = lines_left(in_terminal([str(script)], columns))
    assert max(map(len, lines)) <= columns
    text = "\n".join(lines)
    assert text.count("…") == 3, "the names of three answers are shortened in the middle"
    assert text.count(".mp4") == 5
    assert "A speaks" in text
    assert sum(line.endswith(" s  > 99 %") for line in lines) == 3, "a face is a row"
    assert "other words" in text.lower()


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("words", [["--help"], ["fix", "--help"]], ids=" ".join)
def test_help_is_as_wide_as_the_terminal(words: list[str], columns: int) -> None:
    lines = lines_left(in_terminal(["-m", "viseme", *words], columns))
    assert columns - 14 <= max(map(len, lines)) <= columns
