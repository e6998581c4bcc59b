"""Run the bench of finding speakers and print: conversations, mismatched audio, speed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from viseme.core.errors import ConfigError, VisemeError
from viseme.reproduce.speakers_bench.conversations import conversation_lines
from viseme.reproduce.speakers_bench.mismatched import mismatched_lines, talkers_of
from viseme.reproduce.speakers_bench.speed import speed_lines
from viseme.speakers.interface import load_scorer
from viseme.sync.checkpoint import load_sync_weights

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run and print; 1 where something could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m viseme.reproduce.speakers_bench", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--clips", type=Path, default=Path("runs/bench"), help="where `make bench` keeps tracked clips")
    parser.add_argument("--work", type=Path, default=Path("runs/speakers"))
    parser.add_argument("--scorers", nargs="+", default=["head", "evidence", "cosine"], metavar="NAME")
    parser.add_argument("--head", help="weights of the head; without it, those that ship")
    parser.add_argument("--conversations", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--video", type=Path, help="also time this file")
    parser.add_argument("--no-speed", action="store_true")
    options = parser.parse_args(arguments)
    try:
        _measured(options)
    except VisemeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _measured(options: argparse.Namespace) -> None:
    bundle = load_sync_weights()
    scorers = [load_scorer(name, options.head if name == "head" else None) for name in options.scorers]
    for scorer in scorers:
        if scorer.wants_crops:
            raise ConfigError(f"{scorer.name} wants frames, and only landmarks are kept here; leave it out")
    print(f"speakers, {date.today().isoformat()}, sync weights {bundle.name}", flush=True)
    if options.conversations:
        _show(conversation_lines(bundle, scorers, options.work, options.conversations, options.jobs))
    if (options.data / "manifest.csv").exists():
        _show(mismatched_lines(bundle, scorers, talkers_of(options.data, options.clips)))
    else:
        print(f"{options.data} is not here: no real clip was measured")
    if not options.no_speed:
        _show(speed_lines(bundle, scorers[0], options.video))


def _show(lines: Iterator[str]) -> None:
    for line in lines:
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
