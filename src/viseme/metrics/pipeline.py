"""`viseme.score`: how good is a generated talking face, clip by clip and over a folder.

Knows which clips there are, where the work is done and how answers are kept; refuses to know how a clip is scored.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from viseme.core.errors import OutputError
from viseme.core.scores import CLIP_SCORE_SCHEMA, ClipScore, FailedScore, FailureCause, ScoreResult
from viseme.engine.executor import FileWork
from viseme.engine.result_log import ResultLog, options_digest, recorded
from viseme.metrics.clip_files import ClipFiles, match_clips
from viseme.metrics.frame_sets import set_distance
from viseme.metrics.metric_choice import MetricOptions, frame_networks, metric_set
from viseme.metrics.score_means import protocol_hash, summarise
from viseme.metrics.score_notes import score_notes

if TYPE_CHECKING:
    from viseme.metrics.lip_sync_error_metric import LseCrop
    from viseme.metrics.spoken_words import Grammar

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
    lse_crop: LseCrop = "real",
    inception: str | os.PathLike[str] | None = None,
    transcripts: str | os.PathLike[str] | None = None,
    grammar: Grammar = "none",
    trained_with: str | None = None,
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
        metrics: Names of metrics as results have them ("ssim", "lmd_px@256", "vsd@0", "avs_u", ...); None = all that
            what is at hand allows.
        expert: Name or file of a speech expert, for AVS_u, AVS_m and AVS_v; None = the one that ships, "none" = they
            are not measured.
        syncnet: Your SyncNet file, for LSE-C and LSE-D; None = they are not measured.
        lse_crop: "real", a tracked face of 100 frames and 100 px or more, or "lrs", whole frames, as of a data set.
        inception: Your Inception network, for FID; None = it is not measured.
        transcripts: What is said: a text file, or a folder of them; None = word errors are not measured.
        grammar: "grid" = lips say sentences of the GRID corpus, whose words are then read off them.
        trained_with: Family of the expert that the generator was trained with: its readers are refused.
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
    clips = match_clips(generated, reference, audio, transcripts)
    options = MetricOptions(
        names=None if metrics is None else tuple(metrics),
        expert=None if expert is None else os.fspath(expert),
        syncnet=None if syncnet is None else os.fspath(syncnet),
        lse_crop=lse_crop,
        inception=None if inception is None else os.fspath(inception),
        transcripts=transcripts is not None,
        grammar=grammar,
        trained_with=trained_with,
    )
    chosen = metric_set(options)
    protocols = chosen.protocols(has_reference=reference is not None)
    asked = {"has_reference": reference is not None, "tracker": tracker, "in_sync_band": in_sync_band}
    settings = {c.path: {**asked, **asdict(c), "mismatched": _other(clips, n)} for n, c in enumerate(clips)}
    networks = list(frame_networks(options)) if reference is not None else []

    def digest(path: str) -> str:
        files = {
            k: _stamp(v) for k, v in settings[path].items() if k in ("generated", "reference", "audio", "transcript")
        }
        return options_digest({**settings[path], "files": files, "protocols": protocol_hash(protocols)})

    with _features_folder(resume, wanted=bool(networks)) as folder:
        places = {path: None if folder is None else str(folder / digest(path)) for path in settings}
        work = FileWork(function=SCORER, failed="viseme.core.scores:FailedScore")

        def run(some: list[str]) -> Iterator[tuple[str, ScoreOutcome]]:
            return work.run(
                some,
                lambda path: {**settings[path], "metrics": options, "features": places[path]},
                jobs=jobs,
                executor=executor,
                isolate=isolate,
                on_progress=on_progress,
            )

        found = dict(_answers(list(settings), run, digest, resume, on_clip))
        outcomes = [found.get(c.path, FailedScore(file=c.path, error_type="", message="")) for c in clips]
        scored = [replace(s.clip, name=c.name) if isinstance(s, FailedScore) else s for s, c in zip(outcomes, clips)]
        failed = [_has_failed(clip) for clip in scored]
        sets = [set_distance(n, [(Path(str(places[c.path])), f) for c, f in zip(clips, failed)]) for n in networks]
    return summarise(
        os.fspath(generated),
        None if reference is None else os.fspath(reference),
        scored,
        protocols,
        sets=sets,
        not_measured=chosen.not_measured or {},
        notes=score_notes(protocols, scored, trained_with=trained_with),
        elapsed=time.perf_counter() - began,
    )


@contextmanager
def _features_folder(resume: str | os.PathLike[str] | ResultLog | None, *, wanted: bool) -> Iterator[Path | None]:
    """Where the features of frames wait for the distance of all clips: beside the answers, or until the end."""
    if not wanted:
        yield None
    elif resume is None:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
    else:
        log = resume.path if isinstance(resume, ResultLog) else Path(resume)
        folder = log.with_name(log.name + ".features")
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(f"{folder} cannot be written: {error.strerror}") from error
        yield folder


def _has_failed(clip: ClipScore) -> bool:
    """Whether the faces of a clip do not stand for it: it has no face, no video or no counterpart."""
    costs_audio_only = {FailureCause.NO_AUDIO, FailureCause.SILENT, FailureCause.TOO_SHORT, FailureCause.NOT_A_NUMBER}
    return not set(clip.failures) <= costs_audio_only | {FailureCause.FACE_TOO_SMALL}


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
