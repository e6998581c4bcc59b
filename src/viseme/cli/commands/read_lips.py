"""`viseme read-lips`: what the lips of a video say, by video alone."""

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
    ("Phones", "viseme read-lips talk.mp4"),
    ("A sentence of GRID", "viseme read-lips bbaf2n.mp4 --grammar grid"),
)
"""What it does, and what to type."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Read the lips of the face that is seen longest, as ARPABET phones; the audio is not listened to."""

    video: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="VIDEO")]
    """A file with a face."""
    weights: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """A speech expert made by `viseme train expert`, or a published fine-tuned file of yours after `viseme expert
    import`, which writes words; without it, the one that ships."""
    grammar: Literal["none", "grid"] = "none"
    """With "grid", the likeliest sentence of the GRID corpus instead of phones."""
    beam: Annotated[int, tyro.conf.arg(metavar="N")] = 1
    """Sequences of phones, or of units of text, that are followed at a time; 1 = the likeliest each time."""


def run(options: Options, screen: Screen) -> int:
    """Read, and print one line."""
    from viseme.expert.reading import read_lips

    found = read_lips(options.video, weights=options.weights, grammar=options.grammar, beam=options.beam)
    screen.say(f"{one_line(str(found))}\n")
    return ExitCode.DONE
