"""`viseme score`: how good is a generated talking face?"""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from viseme.cli.arguments import with_results_named
from viseme.cli.exits import ExitCode, UsageError
from viseme.cli.screen import Screen

if TYPE_CHECKING:
    from viseme.core.score_comparison import ScoreComparison
    from viseme.core.scores import ScoreResult
    from viseme.engine.result_log import ResultLog
    from viseme.metrics.pipeline import ScoreOutcome

__all__ = ["EXAMPLES", "Options", "run", "tidy"]

EXAMPLES = (
    ("A generated video beside the real one", "viseme score made.mp4 --reference real.mp4"),
    ("A folder, to be continued after an interruption", "viseme score made/ --reference real/ --resume scores.jsonl"),
    ("Which of three methods is better?", "viseme score ours/ theirs/ other/ --reference real/ --latex table.tex"),
)
"""What it does, and what to type."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How good is a generated talking face: image, mouth and lip sync, beside the real video and its floors.

    Clips that cannot be scored (no face, other length, unreadable, silent, no counterpart, ...) are counted by cause
    and enter the mean at the floor of each metric; VALID is the mean without them. REL. is 0 at the floor and 1 at the
    real video. Several folders are methods: they are ranked on the clips that all have, with paired intervals.
    """

    generated: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="GENERATED...")] = ()
    """A video or a folder of them; several = methods to compare."""
    reference: Annotated[str | None, tyro.conf.arg(metavar="REAL")] = None
    """The real video, or a folder in which each has the name of its counterpart."""
    audio: Annotated[str | None, tyro.conf.arg(metavar="AUDIO")] = None
    """What the lips should fit, a file or a folder; without it, the audio of the generated video, or of the reference
    where that has none."""
    metrics: Annotated[str | None, tyro.conf.arg(metavar="NAME,NAME")] = None
    """Which metrics, with commas between, by the names in the table; without it, all that what is at hand allows."""
    expert: Annotated[str | None, tyro.conf.arg(metavar="NAME|FILE")] = None
    """Which speech expert AVS_u, AVS_m and AVS_v are measured with, and phone errors where it names phones; without it,
    the one that ships; "none" leaves them out."""
    syncnet: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Your SyncNet file: LSE-C and LSE-D too."""
    lse_crop: Literal["real", "lrs"] = "real"
    """With --syncnet: a tracked face of 100 frames and 100 px or more, or whole frames, as of a data set of faces."""
    inception: Annotated[Path | None, tyro.conf.arg(metavar="FILE.onnx")] = None
    """Your Inception network: FID too."""
    transcripts: Annotated[str | None, tyro.conf.arg(metavar="TEXT")] = None
    """What is said, a text file or a folder of them: word errors too, of audio (extra asr), of lips (--grammar)."""
    grammar: Literal["none", "grid"] = "none"
    """With --expert and --transcripts: lips say sentences of the GRID corpus."""
    trained_with: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """Which expert the generator was trained with: it is refused as a reader of words and phones."""
    leakage: Literal["silent-audio", "cross-audio", "reference-distance"] | None = None
    """Check whether lips come from the given frames: of clips made with silent audio; with another clip's (--driving);
    or of folders named by the seconds to the identity frames (1/ 2/ 5/), whose first metric must not fall."""
    driving: Annotated[str | None, tyro.conf.arg(metavar="REAL")] = None
    """With --leakage cross-audio: the real clips that the audio belongs to."""
    protocols: bool = False
    """Print how each metric is computed, and score nothing."""
    json: bool = False
    """Print one JSON object, and nothing else on stdout."""
    csv: Annotated[Path | None, tyro.conf.arg(metavar="FILE.csv")] = None
    """Write a row for every clip and metric."""
    latex: Annotated[Path | None, tyro.conf.arg(metavar="FILE.tex")] = None
    """Write the means as a tabular for a paper."""
    report: Annotated[Path | None, tyro.conf.arg(metavar="FILE.html")] = None
    """Write a page: one file that needs nothing else."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="FILE.jsonl", aliases=["-o"])] = None
    """Append every clip to this file, safely on the disk before the next."""
    resume: bool = False
    """Continue --out: clips scored there and unchanged since are skipped. --resume FILE.jsonl is short for both."""
    jobs: Annotated[int, tyro.conf.arg(metavar="N", aliases=["-j"])] = 1
    """Clips worked on at once."""
    tracker: Annotated[str, tyro.conf.arg(metavar="NAME")] = "mediapipe"
    """Which face tracker."""
    standard: Literal["itu", "ebu-r37", "atsc"] = "itu"
    """What counts as in sync; see viseme check --help."""


def tidy(arguments: list[str]) -> list[str]:
    """Spell out `--resume` with a file.

    Example:
        >>> tidy(["made", "--resume", "r.jsonl"])
        ['made', '--out=r.jsonl', '--resume']
    """
    return with_results_named(arguments, "--out")


def run(options: Options, screen: Screen) -> int:
    """Score, print, and write the files that were asked for."""
    names = _names(options)
    if options.protocols:
        return _tell_protocols(options, names, screen)
    _refuse_nonsense(options)
    from viseme.core.scores import CLIP_SCORE_SCHEMA
    from viseme.engine.result_log import ResultLog
    from viseme.report.files import refuse_unwritable

    for target in (options.csv, options.latex, options.report):
        if target is not None:
            refuse_unwritable(target)
    with ExitStack() as stack:
        log = None
        if options.out is not None:
            log = stack.enter_context(ResultLog(options.out, schema=CLIP_SCORE_SCHEMA, resume=options.resume))
        results = [_scored(method, options, names, log, screen) for method in options.generated]
        results = _with_leakage(results, options, names, screen)
    comparison = None
    if len(results) > 1:
        from viseme.metrics.score_ranking import compare_scores

        comparison = compare_scores(results)
    _write(options, results, comparison, screen)
    return ExitCode.FAILED if any(result.failures for result in results) else ExitCode.DONE


def _names(options: Options) -> list[str] | None:
    """Metrics that are asked for; those of a check for leakage come of themselves."""
    asked = None if options.metrics is None else [n.strip() for n in options.metrics.split(",") if n.strip()]
    if options.leakage in (None, "reference-distance"):
        return asked
    from viseme.metrics.leakage_runs import LEAKAGE_METRICS

    needed = LEAKAGE_METRICS[options.leakage]
    return [needed, *(n for n in asked or () if n != needed)]


def _with_leakage(
    results: list[ScoreResult], options: Options, names: list[str] | None, screen: Screen
) -> list[ScoreResult]:
    """The results, the first with the outcome of the check that was asked for."""
    if options.leakage is None:
        return results
    from viseme.metrics.leakage_runs import cross_audio, reference_distance, silent_audio

    if options.leakage == "silent-audio":
        found = silent_audio(results[0])
    elif options.leakage == "cross-audio":
        beside = replace(options, reference=options.driving)
        found = cross_audio(results[0], _scored(options.generated[0], beside, names, None, screen))
    else:
        metric = (names or ["vsc"])[0]
        found = reference_distance({_seconds(r.name): r for r in results}, metric)
    return [replace(results[0], leakage=found), *results[1:]]


def _seconds(folder: str) -> float:
    name = Path(folder).name
    try:
        return float(name.removesuffix("s"))
    except ValueError:
        raise UsageError(f"{folder}: with --leakage reference-distance, name folders by seconds: 1/ 2/ 5/") from None


def _scored(
    method: str, options: Options, names: list[str] | None, log: ResultLog | None, screen: Screen
) -> ScoreResult:
    from viseme.core.standards import STANDARDS
    from viseme.metrics.clip_files import match_clips
    from viseme.metrics.pipeline import score

    num = len(match_clips(method, options.reference, options.audio, options.transcripts))
    done = 0
    with screen.progress("scoring" if num > 1 else method, unit="clips" if num > 1 else "") as tick:

        def on_clip(outcome: ScoreOutcome) -> None:
            nonlocal done
            done += 1
            if outcome.message and num > 1:
                screen.warn(outcome.message)
            if tick is not None and num > 1:
                tick(done, num)

        return score(
            method,
            options.reference,
            options.audio,
            metrics=names,
            expert=options.expert,
            syncnet=options.syncnet,
            lse_crop=options.lse_crop,
            inception=options.inception,
            transcripts=options.transcripts,
            grammar=options.grammar,
            trained_with=options.trained_with,
            jobs=options.jobs,
            isolate=num > 1,
            resume=log,
            tracker=options.tracker,
            in_sync_band=STANDARDS[options.standard],
            on_clip=on_clip,
            on_progress=None if num > 1 else tick,
        )


def _write(options: Options, results: list[ScoreResult], comparison: ScoreComparison | None, screen: Screen) -> None:
    from viseme.report.files import replacing_text
    from viseme.report.score_tables import comparison_text, score_csv, score_latex, score_text

    for path, table in ((options.csv, score_csv), (options.latex, score_latex)):
        if path is not None:
            with replacing_text(path) as file:
                file.write(table(results))
    if options.report is not None:
        from viseme.report.scores import write_score_report

        write_score_report(results, options.report, comparison=comparison)
    if options.json:
        answer = results[0] if comparison is None else comparison
        screen.write(json.dumps(answer.to_json(), allow_nan=False) + "\n")
        return
    for result in results:
        heading = f"{result.name}\n" if comparison is not None else ""
        screen.say(heading + score_text(result))
    if comparison is not None:
        screen.say("\n" + comparison_text(comparison))


def _tell_protocols(options: Options, names: list[str] | None, screen: Screen) -> int:
    from viseme.core.scores import protocols_to_json
    from viseme.metrics.metric_choice import MetricOptions, metric_set
    from viseme.metrics.score_means import protocol_hash
    from viseme.report.score_tables import protocol_text

    asked = MetricOptions(
        names=None if names is None else tuple(names),
        expert=options.expert,
        syncnet=None if options.syncnet is None else str(options.syncnet),
        lse_crop=options.lse_crop,
        inception=None if options.inception is None else str(options.inception),
        transcripts=options.transcripts is not None,
        grammar=options.grammar,
        trained_with=options.trained_with,
    )
    protocols = metric_set(asked).protocols(has_reference=True)
    if options.json:
        screen.write(json.dumps(protocols_to_json(protocols)) + "\n")
    else:
        screen.say(protocol_text(protocols, protocol_hash(protocols)))
    return ExitCode.DONE


def _refuse_nonsense(options: Options) -> None:
    if not options.generated:
        raise UsageError("give a video or a folder to score; see viseme score --help")
    if options.resume and options.out is None:
        raise UsageError("--resume needs to know what to continue: --resume FILE.jsonl")
    if options.leakage is not None and options.reference is None:
        raise UsageError("--leakage needs the real clips: --reference REAL")
    if (options.leakage == "cross-audio") != (options.driving is not None):
        raise UsageError("--leakage cross-audio and --driving REAL go together")
    if options.leakage == "reference-distance" and len(options.generated) < 2:
        raise UsageError("--leakage reference-distance compares two folders or more, such as 1/ 2/ 5/")
    if options.leakage in ("silent-audio", "cross-audio") and len(options.generated) > 1:
        raise UsageError(f"--leakage {options.leakage} checks one folder at a time")
    if options.jobs < 1:
        raise UsageError(f"--jobs must be at least 1, not {options.jobs}")
