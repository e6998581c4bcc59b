"""`viseme expert import`: a published AV-HuBERT file of yours to one that runs without torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from viseme.cli.exits import ExitCode
from viseme.cli.lines import one_line
from viseme.cli.screen import Screen

__all__ = ["EXAMPLES", "Options", "run"]

EXAMPLES = (
    ("After you read the licence of the file", "viseme expert import base_lrs3_iter5.pt --accept-noncommercial"),
    ("With its vocabulary", "viseme expert import tuned.pt --accept-noncommercial --vocabulary dict.wrd.txt"),
)
"""What it does, and what to type."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Convert a published AV-HuBERT file, once, to a speech expert for your own, non-commercial research.

    This needs torch (pip install 'viseme[train]'); running the converted file does not. No code in the file is run.
    """

    file: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FILE")]
    """Base or large, pre-trained or fine-tuned, as published."""
    accept_noncommercial: bool = False
    """You accept that such files are for non-commercial research only, and that neither they nor what is made of them
    may be passed on."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="OUT.safetensors", aliases=["-o"])] = None
    """Where to write. Without it, beside FILE."""
    vocabulary: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Units of text of a fine-tuned file, one a line. Without it, those that FILE holds."""


def run(options: Options, screen: Screen) -> int:
    """Convert, and print what was written."""
    from viseme.expert.published import NOTICE, import_expert

    if options.accept_noncommercial:
        screen.note(NOTICE)
    found = import_expert(
        options.file,
        accept_noncommercial=options.accept_noncommercial,
        out=options.out,
        vocabulary=options.vocabulary,
    )
    screen.say(f"{one_line(str(found))}\n")
    return ExitCode.DONE
