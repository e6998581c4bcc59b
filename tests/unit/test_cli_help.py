"""What every command says of itself, and that what it says can be typed."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from viseme.cli.arguments import parse
from viseme.cli.help_text import command_help, help_page
from viseme.cli.main import COMMANDS, main

NOISE = (r"[Dd]efault: *(None|False|True|\)|\.$)", r"\bNone\b", r"\bFalse\b", r"\{None\}", "`", r"\(required\)")


def module_of(name: str) -> object:
    return import_module(COMMANDS[name].module)


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_page_says_everything_and_fits(name: str, width: int) -> None:
    told = command_help(name, module_of(name))
    page = help_page(told, width)
    assert max(map(len, page.splitlines())) <= width
    assert [pattern for pattern in NOISE if re.search(pattern, page, re.MULTILINE)] == []
    for argument, text in told.arguments:
        assert len(text) > 8, f"{argument.name} is not described"
        assert text[0].upper() == text[0] or not text[0].isalpha() or text.startswith("espeak-ng"), text
        if argument.value and len(argument.flags) > 1:
            assert page.count(f"{argument.flags[0]}, {argument.flags[1]} {argument.value}\n") <= 1
            assert f"{argument.flags[0]} {argument.value}" not in page


def test_a_page_that_says_nothing_is_noticed() -> None:
    def command(out: str, *, blur: bool = True, seed: int | None = None) -> None:
        """Films.

        Args:
            out: Where `seed` goes.
            blur: Blur it; False = keep it sharp.
            seed: Of the draw; None = another every time.
        """

    sys.modules["a_command"] = SimpleNamespace(command=command)  # type: ignore[assignment]
    try:
        page = help_page(command_help("film", SimpleNamespace(FUNCTION="a_command:command")), 80)
    finally:
        del sys.modules["a_command"]
    assert "usage: viseme film [options] OUT\n" in page
    assert "OUT                 Where --seed goes.\n" in page
    assert "--no-blur           Keep it sharp.\n" in page
    assert "--seed N            Of the draw. Default: another every time.\n" in page


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_are_real(name: str) -> None:
    examples = command_help(name, module_of(name)).examples
    assert 2 <= len(examples) <= 3
    for _, line in examples:
        words = shlex.split(line.rpartition("| ")[2].partition(" > ")[0])
        assert words[: 1 + len(name.split())] == ["viseme", *name.split()], line
        options = parse(name, module_of(name), words[1 + len(name.split()) :])
        assert not isinstance(options, int), line


@pytest.mark.parametrize(
    ("name", "words", "field", "value"),
    [
        ("check", ["a", "--max-delay", "137ms"], "max_delay", 0.137),
        ("check", ["a", "--max-delay=2s"], "max_delay", 2.0),
        ("check", ["a", "--max-delay", "2"], "max_delay", 2.0),
        ("check", ["a", "--in-sync-band", "-40ms", "0.06"], "in_sync_band", (-0.04, 0.06)),
        ("find-speakers", ["--live", "-", "--latency", "1500ms"], "latency", 1.5),
        ("synth", ["a.mp4", "--audio-delay", "-40ms"], "audio_delay", -0.04),
        ("synth conversation", ["a.mp4", "--seconds", "0:01:00"], "seconds", 60.0),
        ("evaluate folder", ["a", "--window=250ms"], "window", 0.25),
    ],
)
def test_seconds_take_units(name: str, words: list[str], field: str, value: object) -> None:
    options = parse(name, module_of(name), words)
    assert (options[field] if isinstance(options, dict) else getattr(options, field)) == value


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["check", "a", "--max-delay", "2x"], "--max-delay: '2x' is not a time; write 2, 2s or 137ms"),
        (["check", "a", "--in-sync-band", "-40", "x"], "--in-sync-band: 'x' is not a time"),
        (["check", "a", "--jobs", "x"], "--jobs needs a whole number, not 'x'"),
        (["check", "a", "--input", "mash"], "perhaps you meant 'mesh'"),
        (["check", "a", "--max-delay"], "--max-delay needs a value"),
        (["synth"], "give OUT"),
        (["list-corpus", "grad", "a", "b"], "perhaps you meant 'grid'"),
        (["weights", "list", "x"], "has no use for 'x'"),
    ],
)
def test_what_does_not_fit_is_one_sentence(words: list[str], hint: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert hint in err


def test_the_package_runs_as_the_command_does(root: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "viseme", "chek"], capture_output=True, text=True, cwd=root)
    assert done.returncode == 2
    assert done.stderr == "viseme: error: there is no command 'chek'; perhaps you meant 'check'; see viseme --help\n"
