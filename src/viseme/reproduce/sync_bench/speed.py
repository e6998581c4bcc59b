"""How long `viseme.check` takes: as a multiple of decoding alone, from a cold start, and to report a missing file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import viseme
from viseme.media import read_frames
from viseme.reproduce.sync_bench.speed_clip import minute_clip
from viseme.reproduce.timing import Spent, median_of, spent_by_command, spent_by_job
from viseme.sync.pipeline import MAX_SIDE
from viseme.weights.catalog import assets_folder

__all__ = ["ratio_lines", "speed_lines"]

RUNS = 3


def speed_lines(work: Path) -> Iterator[str]:
    """Every line of `--speed`; medians of three runs.

    Args:
        work: Where the clip that is timed is kept.
    """
    yield from ratio_lines(minute_clip(work))
    sample = assets_folder() / "samples" / "sample_in_sync.mp4"
    cold = spent_by_command(_command("check", str(sample)), times=RUNS)
    yield _line(
        "viseme check of the bundled 5-s sample, cold", f"{cold.cpu:.1f} CPU s, {cold.wall:.1f} s", "<= 4 CPU s"
    )
    missing = spent_by_command(_command("check", "nowhere.mp4"), times=RUNS)
    yield _line("viseme check of a missing file", f"{missing.wall:.2f} s", "<= .5 s")


def ratio_lines(clip: Path) -> Iterator[str]:
    """File to result over decoding alone: weights loaded, both in turn, in one process.

    Args:
        clip: One face, so that the work for faces is that of one.
    """
    viseme.check(assets_folder() / "samples" / "sample_in_sync.mp4")  # imports and weights
    checks, decodes, results = [], [], []
    for _ in range(RUNS):
        decodes.append(spent_by_job(lambda: _decode(clip)))
        checks.append(spent_by_job(lambda: results.append(viseme.check(clip))))
    check, decode, result = median_of(checks), median_of(decodes), results[-1]
    what = f"viseme check of {result.duration or 0:.0f} s of {result.width}x{result.height}, {len(result.tracks)} faces"
    yield _line(
        f"{what}, over decoding", f"{check.wall / decode.wall:.1f} x, CPU {check.cpu / decode.cpu:.1f} x", "<= 3.5 x"
    )
    yield _line("  check", _seconds(check, result.duration or 0), "")
    yield _line("  decoding alone", _seconds(decode, result.duration or 0), "")
    yield f"{os.cpu_count()} cores, median of {RUNS}"


def _decode(clip: Path) -> None:
    """What `check` must do at least: every frame decoded and scaled."""
    for _ in read_frames(clip, max_side=MAX_SIDE):
        pass


def _command(*arguments: str) -> list[str]:
    code = "import sys; from viseme.cli.main import main; sys.exit(main())"
    return [sys.executable, "-c", code, *arguments]


def _seconds(spent: Spent, duration: float) -> str:
    return f"{spent.wall:.1f} s ({duration / spent.wall:.1f} x real time), {spent.cpu:.1f} CPU s"


def _line(what: str, value: str, target: str) -> str:
    return f"{what:58s} {value}" + (f"   {target}" if target else "")
