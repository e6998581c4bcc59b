"""`viseme face-models`: which face models there are, under what licence, and where to get them."""

from __future__ import annotations

import json as jsonlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from viseme.cli.exits import ExitCode
from viseme.cli.lines import one_line
from viseme.cli.screen import Screen

__all__ = ["EXAMPLES", "Options", "run"]

EXAMPLES = (
    ("What there is", "viseme face-models"),
    ("In a folder of your own", "viseme face-models --folder models/"),
)
"""What it does, and what to type."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Which face models there are, what they are, their licences, and where to get those that do not ship."""

    folder: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Where to look: a folder with one folder a model. Default: face_models in the cache folder (VISEME_CACHE)."""
    json: bool = False
    """Print JSON Lines, one object a model."""


def run(options: Options, screen: Screen) -> int:
    """Print the table."""
    from viseme.face3d.models import face_models

    for info in face_models(options.folder):
        if options.json:
            screen.write(jsonlib.dumps(info.to_json()) + "\n")
            continue
        state = "bundled" if info.bundled else "found" if info.found else "not here"
        size = f"{info.vertices:,} vertices, " if info.vertices else ""
        size += f"{info.triangles:,} triangles, " if info.triangles else ""
        screen.say(
            f"{info.name}  ({state})\n"
            f"  is        {info.what}\n"
            f"  size      {size}columns: {info.identity} identity, {info.expression} expression, "
            f"{info.texture} texture\n"
            f"  licence   {info.licence}\n"
            f"  from      {info.source}\n"
        )
        if not info.bundled:
            screen.say(f"  put       {info.files}\n  into      {one_line(info.folder)}\n")
    return ExitCode.DONE
