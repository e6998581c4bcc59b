"""Measure and print; trains nothing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from viseme.core.errors import MissingWeights
from viseme.reproduce.standardization_bench.real_faces import real_lines
from viseme.reproduce.standardization_bench.speed import file_lines, speed_lines
from viseme.reproduce.standardization_bench.truth import SEEDS, filmed_speaker, tracked_speaker, truth_lines
from viseme.standardization.estimators.landmark_fit import LandmarkFit
from viseme.standardization.estimators.networks import ENet
from viseme.standardization.interface import ExpressionEstimator

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run and print; always 0."""
    parser = argparse.ArgumentParser(prog="python -m viseme.reproduce.standardization_bench", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("runs/bench"), help="where tracks are kept")
    parser.add_argument("--weights", help="of E-Net; without it, those that ship")
    parser.add_argument("--every", type=int, default=1, help="take every n-th dev clip")
    parser.add_argument("--video", type=Path, help="time `standardize` on this file")
    parser.add_argument("--no-truth", action="store_true")
    parser.add_argument("--no-speed", action="store_true")
    options = parser.parse_args(arguments)
    print(f"standardize, {date.today().isoformat()}")
    networks: list[tuple[str, ExpressionEstimator]] = []
    try:
        reader = ENet(ENet.Config(weights=options.weights))
        networks.append((f"E-Net ({reader.weights.name})", reader))
    except MissingWeights as error:
        print(f"E-Net is left out: {error}", file=sys.stderr)
    for line in _lines(options, networks):
        print(line, flush=True)
    return 0


def _lines(options: argparse.Namespace, networks: list[tuple[str, ExpressionEstimator]]) -> Iterator[str]:
    """Everything that was asked for."""
    if not options.no_truth:
        yield from truth_lines("landmark-fit", LandmarkFit(LandmarkFit.Config(max_yaw=1.2)), tracked_speaker, SEEDS)
        for _, reader in networks:
            yield from truth_lines("E-Net", reader, filmed_speaker, SEEDS)
    if (options.data / "manifest.csv").exists():
        yield from real_lines(options.data, options.work, options.every, networks[0][1] if networks else None)
    else:
        yield f"{options.data} is not here: no real face was measured"
    if not options.no_speed:
        yield from speed_lines(networks)
        if options.video is not None:
            yield from file_lines(options.video)


if __name__ == "__main__":
    sys.exit(main())
