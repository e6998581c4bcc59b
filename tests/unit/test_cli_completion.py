"""The scripts of `viseme completion`, the one for bash in a real shell."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from viseme.cli.completion import SHELLS, Completed, completion_script
from viseme.cli.help_text import command_help
from viseme.cli.main import COMMANDS, main

NAMES = ("check", "synth", "synth conversation", "weights list", "list-corpus", "completion")
ASK = 'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _viseme; echo "${COMPREPLY[*]}"'


@pytest.fixture(scope="module")
def commands() -> list[Completed]:
    from importlib import import_module

    return [
        Completed(name=n, summary="", arguments=command_help(n, import_module(COMMANDS[n].module)).arguments)
        for n in NAMES
    ]


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["ch"], "check"),
        (["synth", ""], "conversation"),
        (["weights", ""], "list"),
        (["check", "--max"], "--max-delay"),
        (["check", "a.mp4", "--standard", ""], "itu ebu-r37 atsc custom"),
        (["check", "--standard", "=", "e"], "ebu-r37"),
        (["synth", "conversation", "--peo"], "--people"),
        (["check", "--out", ""], ""),
        (["check", "a"], ""),
        (["list-corpus", ""], "voxceleb2 lrs2 lrs3 lrw hdtf grid"),
        (["--log", "run.log", "comp"], "completion"),
        (["--qu"], "--quiet"),
    ],
)
def test_bash_completes(words: list[str], found: str, commands: list[Completed], tmp_path: Path) -> None:
    script = tmp_path / "viseme.bash"
    script.write_text(completion_script("bash", commands) + "complete -p viseme >/dev/null\n" + ASK)
    done = subprocess.run(["bash", "--norc", script, "viseme", *words], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == (found, ""), "no words: bash completes file names"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_knows_every_option(shell: str, commands: list[Completed]) -> None:
    script = completion_script(shell, commands)
    for command in commands:
        for flag, _, _ in command.flags:
            assert flag.lstrip("-") in script


def test_the_command_prints_it(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "fish"]) == 0
    assert "complete -c viseme" in capfd.readouterr().out
