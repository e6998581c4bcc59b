"""`viseme fix`: move the audio to where the lips are, and measure again."""

from __future__ import annotations

import json as jsonlib
import os
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from viseme.cli.arguments import time_of, with_results_named
from viseme.cli.exits import ExitCode, UsageError
from viseme.cli.lines import one_line
from viseme.cli.screen import Screen
from viseme.core.time import Seconds

if TYPE_CHECKING:
    from viseme.core.results import CheckResult
    from viseme.sync.repair import FixResult
    from viseme.sync.repair_batch import FailedFix, FixOutcome

__all__ = ["EXAMPLES", "Options", "run", "tidy"]

EXAMPLES = (
    ("Move the audio to where the lips are", "viseme fix talk.mp4 -o fixed.mp4"),
    ("By a delay that is known", "viseme fix talk.mp4 --delay 120ms"),
    (
        "What of a folder is out of sync, with a page of every file before and after",
        "viseme fix takes/ -o fixed/ --only out_of_sync",
    ),
)
"""What it does, and what to type."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Move the audio to where the lips are, and measure again.

    The video is copied bit by bit, and every stream with it; what was written is compared with the source and what
    cannot be kept is named. When the delay cannot be told nothing is written and the exit code is 3, unless --delay
    says what it is.
    """

    files: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FILE...")] = ()
    """The video; or several files, folders and quoted patterns, which are repaired into a folder. A name that begins
    with a dash goes behind --."""
    out: Annotated[str | None, tyro.conf.arg(metavar="OUT", aliases=["-o"])] = None
    """Where to write: a file, whose extension chooses the container, or a folder. Without it, talk.synced.mp4 beside
    talk.mp4; several files need a folder. Appears complete or not at all."""
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
    only: Literal["out_of_sync"] | None = None
    """Repair only files that are out of sync; leave those alone whose delay nobody notices."""
    dry_run: bool = False
    """Measure and say what would be done; write nothing."""
    jobs: Annotated[int, tyro.conf.arg(metavar="N", aliases=["-j"])] = 1
    """Files worked on at once."""
    results: Annotated[Path | None, tyro.conf.arg(metavar="FILE.jsonl")] = None
    """Of several files: append what became of each, safely on the disk before the next. Without it, OUT/fix.jsonl."""
    resume: bool = False
    """Continue --results: files answered there and unchanged since are skipped. --resume FILE.jsonl is short for
    both."""
    report: Annotated[Path | None, tyro.conf.arg(metavar="FILE.html")] = None
    """Write a page with every file before and after, and clips of both to play. Of several files without it,
    OUT/fix.html."""
    json: bool = False
    """Print one JSON object, of several files one a line, and nothing else on stdout."""
    audio: Annotated[str | None, tyro.conf.arg(metavar="FILE")] = None
    """Take the audio from this file; its beginning belongs with the first frame."""
    audio_stream: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """Which audio stream is measured, counted from 0; left out: the default one, or the first that holds a voice. All
    move together."""
    max_delay: Seconds = 2.0
    """Largest delay tried, either way."""
    input: Literal["landmarks", "mesh"] = "landmarks"
    """What the lips are seen as."""
    tracker: Annotated[str, tyro.conf.arg(metavar="NAME")] = "mediapipe"
    """Which face tracker."""
    weights: Annotated[str | None, tyro.conf.arg(metavar="NAME|FILE")] = None
    """Which weights answer; see `viseme weights list`. Without it, the shipped ones."""


def tidy(arguments: list[str]) -> list[str]:
    """Spell out `--resume` with a file.

    Example:
        >>> tidy(["takes", "--resume", "r.jsonl"])
        ['takes', '--results=r.jsonl', '--resume']
    """
    return with_results_named(arguments, "--results")


def run(options: Options, screen: Screen) -> int:
    """Fix one file, or many, and print what is left."""
    if not options.files:
        raise UsageError("give at least one FILE; see viseme fix --help")
    if options.delay is not None:
        time_of("--delay", options.delay)
    asked_for_many = options.only, options.dry_run, options.results, options.resume, options.jobs > 1
    name = options.files[0]
    single = len(options.files) == 1 and not os.path.isdir(name) and (os.path.lexists(name) or not has_magic(name))
    if single and not any(asked_for_many):
        return _run_one(options, screen)
    return _run_many(options, screen)


def _run_many(options: Options, screen: Screen) -> int:
    """Fix files into a folder, with a log to resume from and a page."""
    _refuse_nonsense(options)
    from viseme.engine.result_log import ResultLog
    from viseme.report.files import refuse_unwritable
    from viseme.report.repairs import STATUS_WORDS, write_repairs
    from viseme.sync.repair_batch import FIX_MANY_SCHEMA, fix_many, fix_targets

    folder = Path(options.out or "synced")
    targets = fix_targets(options.files, folder)
    log_path, page = options.results, options.report
    if not options.dry_run:
        folder.mkdir(parents=True, exist_ok=True)
        log_path, page = log_path or folder / "fix.jsonl", page or folder / "fix.html"
    answers: dict[str, dict[str, Any]] = {}
    with ExitStack() as stack:
        log = None
        if log_path is not None:
            log = stack.enter_context(ResultLog(log_path, schema=FIX_MANY_SCHEMA, resume=options.resume))
            wanted = {os.path.abspath(t) for t in targets}
            answers = {e["input"]["path"]: e for e in log.lines() if e["input"]["path"] in wanted}
        if page is not None:
            refuse_unwritable(page)
        tick = stack.enter_context(screen.progress("fixing", unit="files"))
        num_before = len(answers)
        outcomes = fix_many(
            options.files,
            folder,
            only=options.only,
            dry_run=options.dry_run,
            delay=options.delay,
            overwrite=options.overwrite,
            strict=options.strict,
            piecewise=options.piecewise,
            resample=options.resample,
            jobs=options.jobs,
            isolate=len(targets) > 1,
            resume=log,
            audio_stream=options.audio_stream,
            max_delay=options.max_delay,
            input=options.input,
            tracker=options.tracker,
            weights=options.weights,
            on_begin=screen.begin,
        )
        with closing(outcomes) as items:  # type: ignore[type-var]
            for outcome in items:
                answer = answers[os.path.abspath(outcome.file)] = outcome.to_json()
                _tell(outcome, answer, options, screen)
                if tick is not None:
                    tick(len(answers), len(targets))
    if page is not None:
        from viseme.sync.playback import playback_of_repair

        write_repairs(answers.values(), page, playback=partial(playback_of_repair, audio_stream=options.audio_stream))
        screen.note(f"before and after: {page}")
    counts = Counter(answer["status"] for answer in answers.values())
    told = ", ".join(f"{counts[status]} {words}" for status, words in STATUS_WORDS.items() if counts[status])
    screen.note(f"{told or 'no videos found'}" + (f" ({num_before} of them before)" if num_before else ""))
    return ExitCode.FAILED if counts["failed"] else ExitCode.DONE


def _refuse_nonsense(options: Options) -> None:
    if options.out is None and not options.dry_run:
        raise UsageError("say into which folder: viseme fix FILE... -o FOLDER/")
    if options.out is not None and os.path.isfile(options.out):
        raise UsageError(f"{options.out} is a file; several files are repaired into a folder")
    if options.audio is not None:
        raise UsageError("--audio belongs to one video; give one FILE")
    if options.delay is not None and options.only is not None:
        raise UsageError("--only needs to measure; leave --delay out")
    if options.resume and options.dry_run and options.results is None:
        raise UsageError("--resume needs to know what to continue: --resume FILE.jsonl")
    if options.jobs < 1:
        raise UsageError(f"--jobs must be at least 1, not {options.jobs}")


def _tell(outcome: FixOutcome | FailedFix, answer: dict[str, Any], options: Options, screen: Screen) -> None:
    """One line about one file; failures and notes go to stderr."""
    if options.json:
        screen.write(jsonlib.dumps(answer, allow_nan=False) + "\n")
        if answer["error"] is None:
            screen.event("answer", f"{outcome.file}: {outcome.message}")
    elif answer["error"] is None:
        from viseme.report.repairs import STATUS_WORDS

        screen.say(f"{STATUS_WORDS[answer['status']]:<15} {one_line(outcome.file)}  ({one_line(outcome.message)})\n")
    if answer["error"] is not None:
        screen.error(outcome.message)
    for warning in (answer["fix"] or {}).get("warnings", ()):
        screen.warn(warning)


def _run_one(options: Options, screen: Screen) -> int:
    """Fix one file."""
    from viseme.sync.repair import fix

    told: list[str] = []

    def note(text: str) -> None:
        told.append(text)
        screen.warn(text)

    if options.report is not None:
        from viseme.report.files import refuse_unwritable

        refuse_unwritable(options.report)
    screen.begin(options.files[0])
    with screen.progress(options.files[0]) as tick:
        result = fix(
            options.files[0],
            options.out,
            delay=None if options.delay is None else time_of("--delay", options.delay),
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
    if options.report is not None:
        _write_page(result, options.report, options)
    if options.json:
        screen.write(jsonlib.dumps(result.to_json(), allow_nan=False) + "\n")
        screen.event("answer", f"{result.file}: moved by {result.shift * 1000:+.1f} ms, written {result.out}")
    else:
        from viseme.sync.repair import found_words

        found = "as given" if result.measured is None else found_words(result.measured)
        screen.say(
            f"{one_line(result.file)}\n"
            f"  found     {found}\n"
            f"  shifted   the audio by {result.shift_words} ({result.method})\n"
            f"  residual  {_residual(result.residual)}\n"
            f"  compared  {one_line(result.kept.words)}\n"
            f"  written   {one_line(result.out)}\n"
        )
    for warning in result.warnings:
        if warning not in told:
            screen.warn(warning)
    if not result.repaired:
        left = result.residual.estimate.words
        screen.error(f"{result.out} is not in place ({left}); look at it before using it")
    return ExitCode.DONE if result.repaired else ExitCode.FAILED


def _write_page(result: FixResult, page: Path, options: Options) -> None:
    from viseme.report.repairs import write_repairs
    from viseme.sync.playback import playback_of_repair
    from viseme.sync.repair_batch import FixOutcome

    play = partial(playback_of_repair, audio=options.audio, audio_stream=options.audio_stream)
    write_repairs([FixOutcome.of(result).to_json()], page, playback=play)


def _residual(left: CheckResult) -> str:
    from viseme.core.time import in_frames
    from viseme.report.words import milliseconds

    if left.audio_delay is None or left.interval is None:
        return left.words
    low, high = left.interval
    told = ", ".join(filter(None, (milliseconds(left.audio_delay), in_frames(left.audio_delay, left.frame_rate))))
    return f"{told} (95 %: {milliseconds(low)} to {milliseconds(high)})"
