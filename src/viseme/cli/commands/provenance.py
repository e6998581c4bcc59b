"""`viseme provenance`: what a file says of where it comes from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated

import tyro

from viseme.cli.exits import ExitCode, UsageError
from viseme.cli.screen import Screen

__all__ = ["EXAMPLES", "Options", "run"]

EXAMPLES = (
    ("One video", "viseme provenance dub.mp4"),
    ("A folder, a line of JSON a file", "viseme provenance videos/ --json"),
)
"""What it does, and what to type."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Read the C2PA manifest, in the file or beside it, the watermark, and the hash of the consent statement.

    What viseme animate writes without frames (.glb, .obj, .ply, .json, .xml) has a statement instead.

    A manifest that is found is checked against the file. That nothing is found proves nothing: marks can be removed.
    """

    files: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FILE...")] = ()
    """Videos and files of viseme animate, folders of videos, patterns."""
    json: bool = False
    """Print one JSON object a file, and nothing else on stdout."""


def run(options: Options, screen: Screen) -> int:
    """Read each file, and print what was found."""
    if not options.files:
        raise UsageError("name a file or a folder, such as: viseme provenance dub.mp4")
    from viseme.core.errors import VisemeError
    from viseme.media.search import find_media, shown
    from viseme.provenance.reading import read_provenance

    files, failed = find_media(options.files), False
    for file in files:
        try:
            found = read_provenance(file)
        except VisemeError as error:
            if len(files) == 1:
                raise
            screen.warn(str(error))
            failed = True
            continue
        if options.json:
            screen.say(f"{json.dumps(found.to_json(), ensure_ascii=False)}\n")
            continue
        indented = "".join(f"  {line}\n" for line in found.words.splitlines())
        screen.say(f"{shown(file)}: {'marked as synthetic' if found.synthetic else 'no mark found'}\n{indented}")
        for note in found.notes:
            screen.warn(f"{shown(file)}: {note}")
    return ExitCode.FAILED if failed else ExitCode.DONE
