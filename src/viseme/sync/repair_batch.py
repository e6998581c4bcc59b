"""`viseme.fix_many`: many files repaired into a folder, one answer each, continued after a kill.

Knows which files are worth a repair and where they go; how one is repaired is `repair`'s to know.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from viseme.core.card import Card
from viseme.core.errors import FixRefused, OutputError, UnreadableMedia
from viseme.core.results import CheckResult, FailedFile
from viseme.engine.executor import FileWork
from viseme.engine.result_log import ResultLog, options_digest, recorded
from viseme.media.search import find_media
from viseme.sync.batch import CheckOptions
from viseme.sync.repair import FixResult, fix, found_words, output_name, refuse_target
from viseme.sync.repair_plan import plan_repair

__all__ = ["FIX_MANY_SCHEMA", "FailedFix", "FixOutcome", "fix_file", "fix_many", "fix_targets"]

FIX_MANY_SCHEMA = "viseme.fix-many/1"

FIXED, PLANNED, LEFT, REFUSED, FAILED = "fixed", "planned", "left", "refused", "failed"


@dataclass(frozen=True, kw_only=True, repr=False)
class FixOutcome(Card):
    """What became of one file of a batch."""

    file: str
    out: str | None
    """What was written, or would be; None where nothing is."""
    status: str
    """"fixed", "planned" (a dry run), "left" (its verdict is not among those asked for) or "refused"."""
    message: str
    """One line for people."""
    measured: CheckResult | None = None
    """The file before."""
    fixed: FixResult | None = None
    """Where something was written."""

    @classmethod
    def of(cls, fixed: FixResult) -> FixOutcome:
        """Of a file that was written."""
        message = f"moved by {fixed.shift_words} ({fixed.method}); {fixed.kept.words}"
        if not fixed.repaired:
            message = f"the written file is not in place ({fixed.residual.words}); look at it before using it"
        return cls(
            file=fixed.file,
            out=fixed.out,
            status=FIXED if fixed.repaired else FAILED,
            message=message,
            measured=fixed.measured,
            fixed=fixed,
        )

    def facts(self) -> Mapping[str, Any]:
        """What the card shows."""
        return {"file": self.file, "status": self.status, "out": self.out, "message": self.message}

    def to_json(self) -> dict[str, Any]:
        """The versioned object that `viseme fix FOLDER --json` prints, one line a file."""
        before = None if self.measured is None else self.measured.to_json()
        return {
            "schema": FIX_MANY_SCHEMA,
            "file": self.file,
            "out": self.out,
            "status": self.status,
            "message": self.message,
            "audio_delay": None if before is None else before["audio_delay"],
            "delay_frames": None if before is None else before["delay_frames"],
            "verdict": None if before is None else before["verdict"],
            "fix": None if self.fixed is None else self.fixed.to_json(),
            "error": None,
        }


@dataclass(frozen=True, kw_only=True, repr=False)
class FailedFix(FailedFile):
    """A file of a batch that could not be repaired, and why."""

    status: str = FAILED

    def to_json(self) -> dict[str, Any]:
        """The same object as an outcome, with `error` filled."""
        empty = dict.fromkeys(("out", "audio_delay", "delay_frames", "verdict", "fix"))
        told = {"schema": FIX_MANY_SCHEMA, **empty, "status": FAILED, "message": self.message}
        return {**told, **super().to_json()}


def fix_file(
    path: str,
    *,
    out: str,
    only: str | None = None,
    dry_run: bool = False,
    delay: str | None = None,
    overwrite: bool = False,
    strict: bool = False,
    piecewise: bool = False,
    resample: bool = False,
    on_progress: Callable[..., None] | None = None,
    **asked: Any,
) -> FixOutcome:
    """Measure one file and repair it where that is asked for.

    Args:
        path: The video.
        out: Where the repaired file goes.
        only: Repair only files with this verdict, such as "out_of_sync"; None = every delay that can be told.
        dry_run: Measure, and write nothing.
        delay, overwrite, strict, piecewise, resample, on_progress: As in `viseme.fix`; with a delay nothing is measured
            before.
        asked: What `check` is asked, see `CheckOptions`.

    Raises:
        MediaError: as `viseme.fix`.
    """
    refuse_target(Path(out), [Path(path)], overwrite)
    measured = None
    if delay is None:
        from viseme.sync.pipeline import check

        measured = check(path, on_progress=on_progress, **asked)
        try:
            plan_repair(measured, piecewise=piecewise, resample=resample)
        except FixRefused as error:
            return FixOutcome(file=path, out=None, status=REFUSED, message=str(error), measured=measured)
        if only is not None and measured.verdict.value != only:
            message = f"left as it is: {found_words(measured)}"
            return FixOutcome(file=path, out=None, status=LEFT, message=message, measured=measured)
    if dry_run:
        message = f"the audio would move by minus {delay}" if measured is None else found_words(measured)
        return FixOutcome(file=path, out=out, status=PLANNED, message=message, measured=measured)
    asked.pop("in_sync_band", None)
    try:
        told: dict[str, Any] = {"delay": delay, "overwrite": overwrite, "strict": strict, "measured": measured}
        fixed = fix(path, out, **told, piecewise=piecewise, resample=resample, **asked)
    except FixRefused as error:
        return FixOutcome(file=path, out=None, status=REFUSED, message=str(error), measured=measured)
    return FixOutcome.of(fixed)


def fix_many(
    paths: Iterable[str | Path],
    out: str | Path,
    *,
    only: str | None = None,
    dry_run: bool = False,
    delay: str | None = None,
    overwrite: bool = False,
    strict: bool = False,
    piecewise: bool = False,
    resample: bool = False,
    jobs: int = 1,
    executor: Executor | None = None,
    isolate: bool | None = None,
    resume: str | Path | ResultLog | None = None,
    audio_stream: int | None = None,
    max_delay: float = 2.0,
    input: str = "landmarks",
    tracker: str = "mediapipe",
    weights: str | None = None,
    on_progress: Callable[..., None] | None = None,
    on_begin: Callable[[str], None] | None = None,
) -> Iterator[FixOutcome | FailedFix]:
    """Repair many files into a folder and yield what became of each as soon as it is known.

    Files below a folder that is named keep their place below it; what lies in `out` already is not read.

    Args:
        paths: Files, folders and patterns, as `find_media` reads them.
        out: A folder, made when missing.
        only: Repair only files with this verdict, such as "out_of_sync"; None = every delay that can be told.
        dry_run: Measure, and write nothing.
        delay: By how much the audio of every file is late ("120ms"), instead of measuring.
        overwrite, strict, piecewise, resample: As in `viseme.fix`.
        jobs, executor, isolate, resume: As in `viseme.check_many`.
        audio_stream, max_delay, input, tracker, weights, on_progress: As in `viseme.check`.
        on_begin: As in `viseme.check_many`.

    Yields:
        `FixOutcome`, or `FailedFix` for a file that could not be read or written.

    Raises:
        ValueError: `jobs` is less than one.
        OutputError: two files would be written to one name, or the results file cannot be used.
        ConfigError, WeightsError: no file could be measured this way.
    """
    asked = CheckOptions(audio_stream=audio_stream, max_delay=max_delay, input=input, tracker=tracker, weights=weights)
    targets = fix_targets(paths, out)
    options = {"only": only, "dry_run": dry_run, "delay": delay, "overwrite": overwrite, "strict": strict}
    options |= {"piecewise": piecewise, "resample": resample}
    work = FileWork(function=f"{__name__}:fix_file", failed=f"{__name__}:FailedFix")

    def settings(path: str) -> dict[str, Any]:
        return {"out": targets[path], **options, **asdict(asked)}

    def run(some: Iterable[str]) -> Iterator[tuple[str, FixOutcome | FailedFix]]:
        return work.run(
            some,
            settings,
            jobs=jobs,
            executor=executor,
            isolate=isolate,
            on_progress=on_progress,
            on_begin=on_begin,
        )

    if resume is None:
        return (outcome for _, outcome in run(list(targets)))
    digest = options_digest({**options, "check": asked.digest(), "out": os.path.abspath(out)})
    if isinstance(resume, ResultLog):
        return recorded(list(targets), run, resume, options=digest)
    log = ResultLog(resume, schema=FIX_MANY_SCHEMA, resume=True)
    return recorded(list(targets), run, log, options=digest, close=True)


def fix_targets(paths: Iterable[str | Path], out: str | Path) -> dict[str, str]:
    """Which files are repaired, and where each goes: below `out` as it lies below the folder that was named.

    Raises:
        OutputError: two files would be written to one name.
        UnreadableMedia: a folder holds no media file.
    """
    base = os.path.abspath(out)
    targets: dict[str, str] = {}
    taken: dict[str, str] = {}
    for name in paths:
        root = os.fspath(name) if os.path.isdir(name) else None
        for path in find_media([name]):
            if os.path.abspath(path).startswith(base + os.sep) or path in targets:
                continue
            if path == root:
                raise UnreadableMedia(f"{path} holds no media file; name another folder, or the files")
            place = os.path.relpath(os.path.dirname(path), root) if root is not None else "."
            target = os.path.normpath(os.fspath(output_name(path, os.path.join(out, place, ""))))
            if target in taken:
                raise OutputError(f"{path} and {taken[target]} would both be written to {target}; repair them apart")
            taken[target] = path
            targets[path] = target
    return targets
