"""`viseme.check_many`: many files, one answer each, continued after a kill.

Knows what `check` is asked; where the work is done and how answers are kept is `engine`'s to know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeAlias

from viseme.core.results import CHECK_SCHEMA, CheckResult, FailedCheck
from viseme.engine.executor import FileWork
from viseme.engine.result_log import ResultLog, options_digest, recorded
from viseme.media.search import find_media

__all__ = ["CheckOptions", "Outcome", "check_many"]

CHECKER = "viseme.sync.pipeline:check"
"""The function that answers for one file; workers import it by this name."""

Outcome: TypeAlias = "CheckResult | FailedCheck"


@dataclass(frozen=True, kw_only=True)
class CheckOptions:
    """What `check` is asked about every file of a batch."""

    audio: str | None = None
    """Take the audio from this file."""
    audio_stream: int | None = None
    """Which audio stream, counted from 0."""
    max_delay: float = 2.0
    """Largest delay tried either way, seconds."""
    input: str = "landmarks"
    """What the lip stream sees."""
    tracker: str = "mediapipe"
    """Which face tracker."""
    weights: str | None = None
    """A name or a file; the shipped ones by default."""
    in_sync_band: tuple[float, float] = (-0.045, 0.125)
    """Delays called in sync, seconds."""

    def digest(self) -> str:
        """Changes with any option, with the weights and with the version: answers are then not comparable."""
        from viseme.weights import WEIGHTS, sha256_of

        facts = asdict(self)
        if self.weights is not None and self.weights not in WEIGHTS:
            facts["weights"] = sha256_of(self.weights)
        else:
            facts["weights"] = sorted(r.sha256 for r in WEIGHTS.values() if self.weights in (None, r.name))
        return options_digest(facts)


def check_many(
    paths: Iterable[str | Path],
    *,
    jobs: int = 1,
    executor: Executor | None = None,
    isolate: bool | None = None,
    resume: str | Path | ResultLog | None = None,
    evidence: bool = False,
    audio: str | None = None,
    audio_stream: int | None = None,
    max_delay: float = 2.0,
    input: str = "landmarks",
    tracker: str = "mediapipe",
    weights: str | None = None,
    in_sync_band: tuple[float, float] = (-0.045, 0.125),
    on_progress: Callable[..., None] | None = None,
    on_begin: Callable[[str], None] | None = None,
) -> Iterator[Outcome]:
    """Check many files and yield each answer as soon as it is there (with several jobs: in the order they finish).

    Args:
        paths: Files, folders and patterns, as `find_media` reads them.
        jobs: Files worked on at once; more than one means worker processes.
        executor: Where to work instead: any `concurrent.futures.Executor`, such as a Dask client's. Its workers must
            have this package; `jobs` is then how many files are handed over at a time.
        isolate: Work in a separate process even with one job, so that a crash inside a decoder cannot end the batch.
            By default only with several jobs. Scripts then need the usual `if __name__ == "__main__":`.
        resume: A file of JSON Lines. Files answered there are skipped; new answers are appended, each on the disk
            before it is yielded.
        evidence: Keep what a report draws (a few hundred kilobytes a file).
        audio, audio_stream, max_delay, input, tracker, weights, in_sync_band: As in `viseme.check`.
        on_progress: As in `viseme.check`; only without worker processes.
        on_begin: Told each file when its work begins (in workers: when it is handed to them).

    Yields:
        `CheckResult`, or `FailedCheck` for a file that could not be read or killed its worker twice.

    Raises:
        ValueError: `jobs` is less than one.
        ConfigError, WeightsError: no file could be checked this way.
        OutputError: the results file cannot be used or written.
    """
    asked = CheckOptions(
        audio=audio,
        audio_stream=audio_stream,
        max_delay=max_delay,
        input=input,
        tracker=tracker,
        weights=weights,
        in_sync_band=in_sync_band,
    )
    files = find_media(paths)
    settings = {**asdict(asked), "evidence": evidence}
    work = FileWork(function=CHECKER, failed="viseme.core.results:FailedCheck")

    def run(some: Iterable[str]) -> Iterator[tuple[str, Outcome]]:
        return work.run(
            some,
            lambda _: settings,
            jobs=jobs,
            executor=executor,
            isolate=isolate,
            on_progress=on_progress,
            on_begin=on_begin,
        )

    if resume is None:
        return (outcome for _, outcome in run(files))
    if isinstance(resume, ResultLog):
        return recorded(files, run, resume, options=asked.digest())
    log = ResultLog(resume, schema=CHECK_SCHEMA, resume=True)
    return recorded(files, run, log, options=asked.digest(), close=True)
