"""`viseme completion`: a script that lets a shell complete commands, options and values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from viseme.cli.exits import ExitCode
from viseme.cli.screen import Screen

if TYPE_CHECKING:
    from viseme.cli.completion import Completed

__all__ = ["EXAMPLES", "Options", "run"]

EXAMPLES = (
    ("In every bash of yours", "viseme completion bash > ~/.local/share/bash-completion/completions/viseme"),
    ("In every fish of yours", "viseme completion fish > ~/.config/fish/completions/viseme.fish"),
    ("For zsh; .zshrc then says: source ~/.viseme.zsh", "viseme completion zsh > ~/.viseme.zsh"),
)
"""What it does, and what to type."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Print a script that lets a shell complete commands, options and their values, and file names, with the Tab key.

    For the shell that runs now: source <(viseme completion bash).
    """

    shell: Annotated[Literal["bash", "zsh", "fish"], tyro.conf.Positional]
    """Which shell."""


def run(options: Options, screen: Screen) -> int:
    """Print the script."""
    from viseme.cli.completion import completion_script

    screen.write(completion_script(options.shell, _commands()))
    return ExitCode.DONE


def _commands() -> Iterator[Completed]:
    """All commands; of those whose packages are not installed, the name alone."""
    from importlib import import_module

    from viseme.cli.completion import Completed
    from viseme.cli.help_text import command_help
    from viseme.cli.main import COMMANDS
    from viseme.core.errors import MissingExtra

    for name, command in COMMANDS.items():
        try:
            arguments = command_help(name, import_module(command.module)).arguments
        except MissingExtra:
            arguments = ()
        yield Completed(name=name, summary=command.summary, arguments=arguments)
