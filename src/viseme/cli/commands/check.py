"""`viseme check`: how late or early is the audio, and how sure is that?"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from viseme.cli.arguments import with_results_named
from viseme.cli.exits import ExitCode, UsageError
from viseme.cli.screen import Screen
from viseme.core.time import Seconds

if TYPE_CHECKING:
    from viseme.core.results import CheckResult
    from viseme.engine.result_log import ResultLog
    from viseme.sync.batch import Outcome

__all__ = ["EXAMPLES", "Options", "run", "tidy"]

EXAMPLES = (
    ("How late is the audio of one video?", "viseme check talk.mp4"),
    (
        "Every video of a folder, two at once, with a page to look at, and to be continued after an interruption",
        "viseme check takes/ --jobs 2 --report report.html --resume answers.jsonl",
    ),
    ("What counts as in sync for EBU R37, as JSON Lines", "viseme check talk.mp4 --standard ebu-r37 --json"),
)
"""What it does, and what to type."""

MOST_CARDS = 5
"""More files than this get a line each."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How late or early is the audio, and how sure is that?

    For every file: the delay in milliseconds with a 95 % interval (positive = the audio is late), a verdict (in sync,
    out of sync, cannot tell), and the reasons. The exit code is 0 when every file was answered, 1 when one failed.
    """

    files: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FILE...")] = ()
    """Files, folders (searched for videos) and quoted patterns such as "takes/**/*.mp4". Names that begin with a dash
    go behind --."""
    json: bool = False
    """Print JSON Lines: one object a file as soon as it is done, and nothing else on stdout."""
    csv: Annotated[str | None, tyro.conf.arg(metavar="[FILE.csv]")] = None
    """Write a table, to FILE.csv or, without it, to stdout."""
    report: Annotated[Path | None, tyro.conf.arg(metavar="FILE.html")] = None
    """Write a page with frames and curves: one file that needs nothing else."""
    timeline: Annotated[Path | None, tyro.conf.arg(metavar="FILE.otio|.edl|.fcpxml")] = None
    """Write a timeline for editing programs, with the audio of the one FILE moved into place; .otio needs
    viseme[otio]."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="FILE.jsonl", aliases=["-o"])] = None
    """Append every answer to this file, safely on the disk before the next."""
    resume: bool = False
    """Continue --out: files answered there and unchanged since are skipped. --resume FILE.jsonl is short for both."""
    jobs: Annotated[int, tyro.conf.arg(metavar="N", aliases=["-j"])] = 1
    """Files worked on at once."""
    audio: Annotated[str | None, tyro.conf.arg(metavar="FILE")] = None
    """Take the audio from this file; its beginning belongs with the first frame."""
    audio_stream: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """Which audio stream of the file, counted from 0; left out: the default one, or the first that holds a voice."""
    max_delay: Seconds = 2.0
    """Largest delay tried, either way."""
    input: Literal["landmarks", "mesh", "beta", "raw", "rgb", "rgbd"] = "landmarks"
    """What the lips are seen as; the last four need --weights."""
    tracker: Annotated[str, tyro.conf.arg(metavar="NAME")] = "mediapipe"
    """Which face tracker."""
    weights: Annotated[str | None, tyro.conf.arg(metavar="NAME|FILE")] = None
    """Which weights answer; see `viseme weights list`. Without it, the shipped ones."""
    standard: Literal["itu", "ebu-r37", "atsc", "custom"] = "itu"
    """What counts as in sync. itu: what viewers do not notice, audio at most 45 ms early and 125 ms late (ITU-R
    BT.1359-1, detectability; what they accept is wider: --in-sync-band -0.09 0.185). ebu-r37: 40 ms early, 60 ms late.
    atsc: 15 ms early, 45 ms late (ATSC IS-191). custom: what --in-sync-band says."""
    in_sync_band: Annotated[tuple[Seconds, Seconds] | None, tyro.conf.arg(metavar="LOW HIGH")] = None
    """Delays called in sync, in seconds (-40ms 60ms is the same as -0.04 0.06), positive when the audio is late; takes
    the place of --standard."""

    @property
    def band(self) -> tuple[float, float]:
        """Least and greatest delay called in sync, seconds."""
        from viseme.core.standards import STANDARDS

        return self.in_sync_band or STANDARDS[self.standard]


def tidy(arguments: list[str]) -> list[str]:
    """Spell out `--csv` without a file and `--resume` with one.

    Example:
        >>> tidy(["a.mp4", "--csv", "--resume", "r.jsonl"])
        ['a.mp4', '--csv=-', '--out=r.jsonl', '--resume']
        >>> tidy(["--csv", "t.csv", "a.mp4"])
        ['--csv=t.csv', 'a.mp4']
    """
    words: list[str] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--":
            words += [word, *rest]
            break
        follower = rest[0] if rest else ""
        if word == "--csv":
            words.append("--csv=" + (rest.pop(0) if follower == "-" or follower.lower().endswith(".csv") else "-"))
        else:
            words.append(word)
    return with_results_named(words, "--out")


def run(options: Options, screen: Screen) -> int:
    """Check the files and print what they answer."""
    _refuse_nonsense(options)
    from viseme.core.results import CHECK_SCHEMA, FailedCheck
    from viseme.engine.result_log import ResultLog
    from viseme.media.search import find_media
    from viseme.report.files import refuse_unwritable
    from viseme.sync.batch import check_many

    files = find_media(options.files)
    if options.audio is not None and len(files) > 1:
        raise UsageError("--audio belongs to one video; give one FILE")
    if options.timeline is not None:
        _refuse_timeline(options.timeline, options, files)
    with ExitStack() as stack:
        log = None
        if options.out is not None:
            log = stack.enter_context(ResultLog(options.out, schema=CHECK_SCHEMA, resume=options.resume))
        for target in (options.report, options.csv):
            if target not in (None, "-"):
                refuse_unwritable(target)
        tally = _Tally(log, files)
        sinks = _sinks(options, screen, stack, num_files=len(files))
        unit = "files" if len(files) > 1 else ""
        tick = stack.enter_context(screen.progress("checking" if unit else files[0], unit=unit))
        outcomes = check_many(
            files,
            jobs=options.jobs,
            isolate=len(files) > 1,
            resume=log,
            evidence=options.report is not None,
            audio=options.audio,
            audio_stream=options.audio_stream,
            max_delay=options.max_delay,
            input=options.input,
            tracker=options.tracker,
            weights=options.weights,
            in_sync_band=options.band,
            on_progress=None if unit else tick,
            on_begin=screen.begin,
        )
        for outcome in _closed(outcomes):
            tally.add(outcome)
            if not isinstance(outcome, FailedCheck):
                verdict = outcome.verdict.value.replace("_", " ")
                screen.event("answer", f"{outcome.file}: {verdict}, {outcome.words}")
                for warning in outcome.warnings:
                    screen.event("warning", f"{outcome.file}: {warning}")
            if isinstance(outcome, FailedCheck):
                screen.error(outcome.message)
                if screen.debug and outcome.traceback:
                    screen.block(outcome.traceback)
            for sink in sinks:
                sink.add(outcome)
            if tick is not None and unit:
                tick(tally.num_done, len(files))
        for entry in tally.earlier.values():
            for sink in sinks:
                sink.add_earlier(entry)
        for sink in sinks:
            sink.finish()
    if len(files) > 1:
        screen.note(tally.words())
    return ExitCode.FAILED if tally.failed else ExitCode.DONE


def _refuse_timeline(timeline: Path, options: Options, files: list[str]) -> None:
    if len(files) > 1:
        raise UsageError("--timeline belongs to one video; give one FILE")
    if options.resume:
        raise UsageError("--timeline needs the file to be checked now; leave --resume out")
    from viseme.media.search import refuse_missing
    from viseme.report.timeline import refuse_timeline

    refuse_missing(files[0])
    refuse_timeline(timeline)


def _refuse_nonsense(options: Options) -> None:
    if not options.files:
        raise UsageError("give at least one FILE; see viseme check --help")
    if options.resume and options.out is None:
        raise UsageError("--resume needs to know what to continue: --resume FILE.jsonl")
    if options.json and options.csv == "-":
        raise UsageError("--json and --csv both want stdout; give --csv a file name")
    if options.jobs < 1:
        raise UsageError(f"--jobs must be at least 1, not {options.jobs}")
    if options.max_delay <= 0:
        raise UsageError(f"--max-delay must be more than 0 seconds, not {options.max_delay:g}")
    if options.audio_stream is not None and options.audio_stream < 0:
        raise UsageError(f"--audio-stream counts from 0, not {options.audio_stream}")
    if options.in_sync_band is None and options.standard == "custom":
        raise UsageError("--standard custom needs --in-sync-band LOW HIGH, in seconds")
    if options.in_sync_band is not None and options.standard not in ("itu", "custom"):
        raise UsageError(f"--in-sync-band and --standard {options.standard} disagree; give one of them")
    if options.in_sync_band is not None and options.in_sync_band[0] >= options.in_sync_band[1]:
        raise UsageError("--in-sync-band needs a low and a high end, in seconds")


def _closed(outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
    """The same, with its workers ended when the loop is left."""
    with closing(outcomes) as items:  # type: ignore[type-var]
        yield from items


class _Tally:
    """How many files were answered, now and in earlier runs."""

    def __init__(self, log: ResultLog | None, files: Iterable[str]) -> None:
        wanted = {os.path.abspath(f) for f in files}
        entries = log.lines() if log is not None else ()
        self.earlier: dict[str, dict[str, Any]] = {
            e["input"]["path"]: e for e in entries if e["input"]["path"] in wanted
        }
        self._now: dict[str, str] = {}

    @property
    def num_done(self) -> int:
        return len(self._now) + len(self.earlier)

    @property
    def failed(self) -> int:
        return self._verdicts().count("failed")

    def add(self, outcome: Outcome) -> None:
        path = os.path.abspath(outcome.file)
        self.earlier.pop(path, None)
        self._now[path] = outcome.to_json()["verdict"] or "failed"

    def words(self) -> str:
        from viseme.cli.tables import summary

        verdicts = self._verdicts()
        unknown, failed = verdicts.count("cannot_tell"), verdicts.count("failed")
        return summary(len(verdicts) - unknown - failed, unknown, failed, before=len(self.earlier))

    def _verdicts(self) -> list[str]:
        return [*self._now.values(), *(e["verdict"] or "failed" for e in self.earlier.values())]


def _sinks(options: Options, screen: Screen, stack: ExitStack, *, num_files: int) -> list[Any]:
    from viseme.report.files import replacing_text

    sinks: list[Any] = []
    if options.json:
        sinks.append(_JsonLines(screen))
    elif options.csv == "-":
        sinks.append(_Csv(screen.write))
    else:
        sinks.append(_Tables(screen, cards=num_files <= MOST_CARDS))
    if options.csv not in (None, "-"):
        sinks.append(_Csv(stack.enter_context(replacing_text(options.csv)).write))
    if options.report is not None:
        from viseme.report.html import ReportWriter

        writer = stack.enter_context(ReportWriter(options.report, in_sync_band=options.band))
        sinks.append(_Report(writer, options if num_files == 1 else None))
    if options.timeline is not None:
        sinks.append(_Timeline(options.timeline, audio=options.audio))
    return sinks


class _JsonLines:
    """`--json`."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def add(self, outcome: Outcome) -> None:
        self._screen.write(json.dumps(outcome.to_json(), allow_nan=False) + "\n")

    def add_earlier(self, entry: dict[str, Any]) -> None:
        """Printed by the run that answered it."""

    def finish(self) -> None:
        """Every line is complete."""


class _Csv:
    """`--csv`."""

    def __init__(self, write: Any) -> None:
        from viseme.cli.tables import CSV_COLUMNS

        self._write = write
        self._row(CSV_COLUMNS)

    def add(self, outcome: Outcome) -> None:
        self.add_earlier(outcome.to_json())

    def add_earlier(self, entry: dict[str, Any]) -> None:
        from viseme.cli.tables import csv_row

        self._row(csv_row(entry))

    def finish(self) -> None:
        """Every row is complete."""

    def _row(self, cells: Iterable[Any]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(cells)
        self._write(text.getvalue())


class _Tables:
    """For people: failures go to stderr, not here."""

    def __init__(self, screen: Screen, *, cards: bool) -> None:
        self._screen = screen
        self._cards = cards
        self._started = False

    def add(self, outcome: Outcome) -> None:
        from viseme.core.results import CheckResult

        if not isinstance(outcome, CheckResult):
            return
        from viseme.cli.tables import card, line, line_header

        result: CheckResult = outcome
        if self._cards:
            self._screen.show(card(result, self._screen.columns))
            return
        if not self._started:
            self._screen.show(line_header(self._screen.columns))
        self._started = True
        self._screen.show(line(result, self._screen.columns))

    def add_earlier(self, entry: dict[str, Any]) -> None:
        """Shown by the run that answered it."""

    def finish(self) -> None:
        """Every line is complete."""


class _Report:
    """`--report`."""

    def __init__(self, writer: Any, played: Options | None) -> None:
        self._writer, self._played = writer, played

    def add(self, outcome: Outcome) -> None:
        from viseme.core.results import CheckResult

        play = None
        if self._played is not None and isinstance(outcome, CheckResult):
            from viseme.sync.playback import playback_of_check

            asked = {"audio": self._played.audio, "audio_stream": self._played.audio_stream}
            play = playback_of_check(outcome.to_json(), **asked)
        self._writer.add(outcome, play)

    def add_earlier(self, entry: dict[str, Any]) -> None:
        self._writer.add(entry)

    def finish(self) -> None:
        """The writer finishes itself when its block ends."""


class _Timeline:
    """`--timeline`."""

    def __init__(self, path: Path, *, audio: str | None) -> None:
        self._path = path
        self._audio = audio

    def add(self, outcome: Outcome) -> None:
        from viseme.core.results import CheckResult
        from viseme.report.timeline import write_timeline

        if isinstance(outcome, CheckResult):
            write_timeline(self._path, outcome, audio=self._audio)

    def add_earlier(self, entry: dict[str, Any]) -> None:
        """Cannot be: --timeline and --resume exclude each other."""

    def finish(self) -> None:
        """Written with the answer."""
