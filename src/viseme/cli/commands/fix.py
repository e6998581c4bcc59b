"""`viseme fix`: move the audio to where the lips are, and measure again."""

from __future__ import annotations

import json as jsonlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from viseme.cli.arguments import time_of
from viseme.cli.exits import ExitCode, UsageError
from viseme.cli.screen import Screen, one_line

if TYPE_CHECKING:
    from viseme.core.results import DelayEstimate

__all__ = ["Options", "run"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Move the audio to where the lips are, and measure again.

    The video is copied bit by bit, and every stream with it; what was written is compared with the source and what
    cannot be kept is named. When the delay cannot be told nothing is written and the exit code is 3, unless --delay
    says what it is.
    """

    file: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FILE")] = ()
    """The video. A name that begins with a dash goes behind --."""
    out: Annotated[str | None, tyro.conf.arg(metavar="OUT", aliases=["-o"])] = None
    """Where to write: a file, whose extension chooses the container, or a folder. Without it, talk.synced.mp4 beside
    talk.mp4. Appears complete or not at all."""
    delay: Annotated[str | None, tyro.conf.arg(metavar="TIME")] = None
    """How late the audio is, instead of measuring it: 120ms, 0.12s; -80ms when it is early."""
    overwrite: bool = False
    """Replace OUT when it exists."""
    strict: bool = False
    """Write nothing when a stream, a tag or lossless audio cannot be kept."""
    piecewise: bool = False
    """Mend a delay that jumps: move, pad and cut the audio piece by piece. It is encoded again."""
    resample: bool = False
    """Mend a delay that drifts: play the audio faster or slower. It is encoded again."""
    json: bool = False
    """Print one JSON object, and nothing else on stdout."""
    audio: Annotated[str | None, tyro.conf.arg(metavar="FILE")] = None
    """Take the audio from this file; its beginning belongs with the first frame."""
    audio_stream: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """Which audio stream is measured, counted from 0; left out: the default one, or the first that holds a voice. All
    move together."""
    max_delay: Annotated[float, tyro.conf.arg(metavar="SECONDS")] = 2.0
    """Largest delay tried, either way."""
    input: Literal["landmarks", "mesh"] = "landmarks"
    """What the lips are seen as."""
    tracker: Annotated[str, tyro.conf.arg(metavar="NAME")] = "mediapipe"
    """Which face tracker."""
    weights: Annotated[str | None, tyro.conf.arg(metavar="NAME|FILE")] = None
    """Which weights answer; see `viseme weights list`. Without it, the shipped ones."""


def run(options: Options, screen: Screen) -> int:
    """Fix one file and print what is left."""
    if len(options.file) != 1:
        raise UsageError("give one FILE; see viseme fix --help")
    delay = None if options.delay is None else time_of("--delay", options.delay)
    from viseme.sync.repair import fix

    told: list[str] = []

    def note(text: str) -> None:
        told.append(text)
        screen.note(f"viseme: note: {text}")

    with screen.progress(options.file[0]) as tick:
        result = fix(
            options.file[0],
            options.out,
            delay=delay,
            overwrite=options.overwrite,
            strict=options.strict,
            piecewise=options.piecewise,
            resample=options.resample,
            audio=options.audio,
            audio_stream=options.audio_stream,
            max_delay=options.max_delay,
            input=options.input,
            tracker=options.tracker,
            weights=options.weights,
            on_progress=tick,
            on_warning=note,
        )
    if options.json:
        screen.write(jsonlib.dumps(result.to_json(), allow_nan=False) + "\n")
    else:
        found = "as given" if result.measured is None else result.measured.estimate.words
        screen.write(
            f"{one_line(result.file)}\n"
            f"  found     {found}\n"
            f"  shifted   the audio by {result.shift * 1000:+.1f} ms ({result.method})\n"
            f"  residual  {_residual(result.residual.estimate)}\n"
            f"  compared  {one_line(result.kept.words)}\n"
            f"  written   {one_line(result.out)}\n"
        )
    for warning in result.warnings:
        if warning not in told:
            screen.note(f"viseme: note: {warning}")
    if not result.repaired:
        left = result.residual.estimate.words
        screen.note(f"viseme: error: {result.out} is not in place ({left}); look at it before using it")
    return ExitCode.DONE if result.repaired else ExitCode.FAILED


def _residual(left: DelayEstimate) -> str:
    from viseme.report.words import milliseconds

    if left.audio_delay is None or left.interval is None:
        return left.words
    low, high = left.interval
    return f"{milliseconds(left.audio_delay)} (95 %: {milliseconds(low)} to {milliseconds(high)})"
