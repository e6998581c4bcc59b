"""`viseme.score`: how good is a generated talking face, clip by clip and over a folder.

Knows which clips there are, where the work is done and how answers are kept; refuses to know how a clip is scored.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, replace
from typing import Any, TypeAlias

from viseme.core.scores import CLIP_SCORE_SCHEMA, ClipScore, FailedScore, ScoreResult
from viseme.engine.executor import FileWork
from viseme.engine.result_log import ResultLog, options_digest, recorded
from viseme.metrics.clip_files import ClipFiles, match_clips, metric_set
from viseme.metrics.score_means import protocol_hash, summarise

__all__ = ["ScoreOutcome", "score"]

SCORER = "viseme.metrics.clip_files:score_clip"
"""The function that answers for one clip; workers import it by this name."""
ScoreOutcome: TypeAlias = "ClipScore | FailedScore"


def score(
    generated: str | os.PathLike[str],
    reference: str | os.PathLike[str] | None = None,
    audio: str | os.PathLike[str] | None = None,
    *,
    metrics: Sequence[str] | None = None,
    expert: str | os.PathLike[str] | None = None,
    syncnet: str | os.PathLike[str] | None = None,
    jobs: int = 1,
    executor: Executor | None = None,
    isolate: bool | None = None,
    resume: str | os.PathLike[str] | ResultLog | None = None,
    tracker: str = "mediapipe",
    in_sync_band: tuple[float, float] = (-0.045, 0.125),
    on_clip: Callable[[ScoreOutcome], None] | None = None,
    on_progress: Callable[..., None] | None = None,
) -> ScoreResult:
    """Score a generated talking face, or a folder of them.

    Args:
        generated: A video, or a folder.
        reference: The real video, or a folder in which each has the name of its counterpart; None = only metrics that
            need none.
        audio: What the lips should fit, or a folder; None = the audio of the generated video, or of the reference
            where that has none.
        metrics: Names of metrics ("ssim", "psnr", "lmd", "visual-sync", ...); None = all.
        expert: Name or file of a speech expert, for AVS_u, AVS_m and AVS_v; None = they are not measured.
        syncnet: Your SyncNet file, for LSE-C and LSE-D; None = they are not measured.
        jobs: Clips worked on at once; more than one means worker processes.
        executor: Where to work instead; see `viseme.check_many`.
        isolate: Work in a separate process even with one job.
        resume: A file of JSON Lines. Clips answered there are not scored again; new answers are appended.
        tracker: Face tracker, by name.
        in_sync_band: Delays that count as in sync, seconds.
        on_clip: Told every clip as soon as it is scored.
        on_progress: Told the fraction of a clip that is done; only without worker processes.

    Returns:
        Every metric with its interval over clips, failed clips counted at the floor, beside the mean of those that did
        not fail; the anchors; every clip; and the protocols, without which no two numbers can be compared.

    Raises:
        ConfigError: an option makes no sense, or files cannot be matched.
        WeightsError: weights are missing or damaged.
        OutputError: the file of answers cannot be used or written.
    """
    began = time.perf_counter()
    clips = match_clips(generated, reference, audio)
    asked: dict[str, Any] = {
        "has_reference": reference is not None,
        "metrics": None if metrics is None else tuple(metrics),
        "expert": None if expert is None else os.fspath(expert),
        "syncnet": None if syncnet is None else os.fspath(syncnet),
        "tracker": tracker,
        "in_sync_band": in_sync_band,
    }
    chosen = metric_set(metrics, expert=asked["expert"], syncnet=asked["syncnet"])
    protocols = chosen.protocols(has_reference=reference is not None)
    settings = {c.path: {**asked, **asdict(c), "mismatched": _other(clips, n)} for n, c in enumerate(clips)}
    work = FileWork(function=SCORER, failed="viseme.core.scores:FailedScore")

    def run(some: list[str]) -> Iterator[tuple[str, ScoreOutcome]]:
        return work.run(
            some, settings.__getitem__, jobs=jobs, executor=executor, isolate=isolate, on_progress=on_progress
        )

    def digest(path: str) -> str:
        files = {k: _stamp(v) for k, v in settings[path].items() if k in ("generated", "reference", "audio")}
        return options_digest({**settings[path], "files": files, "protocols": protocol_hash(protocols)})

    found = dict(_answers(list(settings), run, digest, resume, on_clip))
    scored = [found[c.path] if c.path in found else FailedScore(file=c.path, error_type="", message="") for c in clips]
    return summarise(
        os.fspath(generated),
        None if reference is None else os.fspath(reference),
        [replace(s.clip, name=c.name) if isinstance(s, FailedScore) else s for s, c in zip(scored, clips)],
        protocols,
        elapsed=time.perf_counter() - began,
    )


def _answers(
    paths: list[str],
    run: Callable[[list[str]], Iterator[tuple[str, ScoreOutcome]]],
    digest: Callable[[str], str],
    resume: str | os.PathLike[str] | ResultLog | None,
    on_clip: Callable[[ScoreOutcome], None] | None,
) -> Iterator[tuple[str, ScoreOutcome]]:
    """Path and answer of every clip, those of earlier runs last."""
    if resume is None:
        for path, outcome in run(paths):
            _tell(on_clip, outcome)
            yield path, outcome
        return
    log = (
        resume if isinstance(resume, ResultLog) else ResultLog(os.fspath(resume), schema=CLIP_SCORE_SCHEMA, resume=True)
    )
    try:
        done: set[str] = set()
        for outcome in recorded(paths, run, log, options=digest):
            _tell(on_clip, outcome)
            done.add(outcome.file)
            yield outcome.file, outcome
        earlier = {(os.path.abspath(p), digest(p)): p for p in paths if p not in done}
        for entry in log.lines():
            path = earlier.get((entry["input"]["path"], entry["input"]["options"]))
            if path is not None:
                yield path, ClipScore.from_json(entry)
    finally:
        if log is not resume:
            log.close()


def _tell(on_clip: Callable[[ScoreOutcome], None] | None, outcome: ScoreOutcome) -> None:
    if on_clip is not None:
        on_clip(outcome)


def _other(clips: Sequence[ClipFiles], number: int) -> str | None:
    """Whose audio is the mismatched one of a clip: the next clip's; None where there is no other."""
    other = clips[(number + 1) % len(clips)]
    return None if len(clips) < 2 else other.audio or other.reference or other.generated


def _stamp(path: str | None) -> tuple[int, int] | None:
    """Size and time of a file, so that an answer about another one is not taken for this one's."""
    try:
        status = os.stat(path or "")
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
