"""Run and print; 1 where something could not be measured."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from viseme.core.errors import ConfigError, VisemeError
from viseme.reproduce.speakers_bench.conversations import conversation_lines
from viseme.reproduce.speakers_bench.mismatched import mismatched_lines
from viseme.reproduce.speakers_bench.speed import file_lines, speed_lines
from viseme.reproduce.speakers_bench.talkers import talkers
from viseme.speakers.interface import load_scorer
from viseme.sync.checkpoint import load_sync_weights

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run and print; 1 where something could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m viseme.reproduce.speakers_bench", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--clips", type=Path, default=Path("runs/bench"), help="where tracks are kept")
    parser.add_argument("--work", type=Path, default=Path("runs/speakers"))
    parser.add_argument("--scorers", nargs="+", default=["head", "evidence", "cosine"], metavar="NAME")
    parser.add_argument("--head", help="weights of the head; without it, those that ship")
    parser.add_argument("--conversations", type=int, default=100)
    parser.add_argument(
        "--apart", nargs="*", default=[], metavar="SOURCE", help="sources of the manifest also counted without"
    )
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--video", type=Path, help="also time this file")
    parser.add_argument("--no-speed", action="store_true")
    options = parser.parse_args(arguments)
    try:
        for line in _lines(options):
            print(line, flush=True)
    except VisemeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _lines(options: argparse.Namespace) -> Iterator[str]:
    weights = load_sync_weights()
    scorers = [load_scorer(name, options.head if name == "head" else None) for name in options.scorers]
    for scorer in scorers:
        if scorer.wants_crops:
            raise ConfigError(f"{scorer.name} wants frames, and only landmarks are kept here; leave it out")
    yield f"speakers, {date.today().isoformat()}, sync weights {weights.name}"
    if options.conversations:
        yield from conversation_lines(weights, scorers, options.work, options.conversations, options.jobs)
    if (options.data / "manifest.csv").exists():
        clips = talkers(options.data, options.clips, on_left_out=lambda why: print(f"left out: {why}", file=sys.stderr))
        yield from mismatched_lines(weights, scorers, clips, options.apart)
    else:
        yield f"{options.data} is not here: no real clip was measured"
    if not options.no_speed:
        yield from speed_lines(weights, scorers[0])
        if options.video is not None:
            yield from file_lines(weights, scorers[0], options.video)


if __name__ == "__main__":
    sys.exit(main())
