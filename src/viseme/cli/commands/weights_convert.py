"""`viseme weights convert`: the authors' weights of a published speaker network to a file that runs without torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from viseme.cli.exits import ExitCode
from viseme.cli.lines import one_line
from viseme.cli.screen import Screen

__all__ = ["EXAMPLES", "Options", "run"]

EXAMPLES = (
    ("Light-ASD", "viseme weights convert finetuning_TalkSet.model --to light-asd -o light-asd.safetensors"),
    ("LR-ASD, beside the file", "viseme weights convert lr-asd.model --to lr-asd"),
)
"""What it does, and what to type."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Convert the authors' weights of a published speaker network, once, to a file for --scorer-weights.

    This needs torch (pip install 'viseme[train]'); running the converted file does not. No code in the file is run.
    """

    file: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FILE")]
    """The authors' state dict, as torch saves it or as safetensors."""
    to: Literal["light-asd", "lr-asd"] = "light-asd"
    """Whose weights they are."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="OUT.safetensors", aliases=["-o"])] = None
    """Where to write. Without it, beside FILE."""


def run(options: Options, screen: Screen) -> int:
    """Convert, and print what was written."""
    from viseme.speakers.export import convert_weights

    out = convert_weights(options.file, out=options.out, to=options.to)
    screen.say(f"{one_line(str(out))}\n")
    return ExitCode.DONE
