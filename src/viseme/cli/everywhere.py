"""Options that may stand anywhere on any command line. Loads nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from viseme.cli.exits import UsageError

__all__ = ["Everywhere", "perhaps", "take_everywhere"]


@dataclass(frozen=True, kw_only=True)
class Everywhere:
    """What is asked of every command."""

    debug: bool = False
    """Tracebacks, and what libraries print."""
    quiet: bool = False
    """Answers and errors only."""
    log: str | None = None
    """File that events are appended to."""


def take_everywhere(arguments: list[str]) -> Everywhere:
    """Remove these options wherever they stand before `--`.

    Raises:
        UsageError: `--log` without a file.

    Example:
        >>> words = ["check", "--quiet", "a.mp4", "--log", "run.log", "--", "--debug"]
        >>> take_everywhere(words)
        Everywhere(debug=False, quiet=True, log='run.log')
        >>> words
        ['check', 'a.mp4', '--', '--debug']
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    kept: list[str] = []
    found: set[str] = set()
    log = None
    words = iter(arguments[:end])
    for word in words:
        if word in ("--debug", "--quiet"):
            found.add(word)
        elif word == "--log" or word.startswith("--log="):
            log = word[6:] if "=" in word else next(words, "")
            if not log or log.startswith("--"):
                raise UsageError("--log needs a file: --log FILE")
        else:
            kept.append(word)
    arguments[:end] = kept
    return Everywhere(debug="--debug" in found, quiet="--quiet" in found, log=log)


def perhaps(word: str, known: Sequence[str]) -> str:
    """The end of a sentence about a word that is not known: which one may have been meant.

    Example:
        >>> perhaps("--jsn", ["--json", "--csv"])
        "; perhaps you meant '--json'"
    """
    near = get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; perhaps you meant {near[0]!r}" if near else ""
