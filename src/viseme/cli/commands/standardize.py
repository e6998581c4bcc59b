"""`viseme standardize`: lip motion alone, as frames of the mean face, a mesh or coefficients."""

from __future__ import annotations

import json as jsonlib
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from viseme.cli.exits import ExitCode, UsageError
from viseme.cli.lines import one_line
from viseme.cli.screen import Screen

if TYPE_CHECKING:
    from viseme.standardization.batch import Outcome

__all__ = ["EXAMPLES", "Options", "run"]

EXAMPLES = (
    (
        "Frames of the mean face with depth, and a video to look at",
        "viseme standardize talk.mp4 -o talk.safetensors --video talk-standard.mp4",
    ),
    (
        "Coefficients alone, of every video of a folder",
        "viseme standardize takes/ -o coefficients/ --as beta --jobs 2",
    ),
)
"""What it does, and what to type."""

SUFFIX = ".safetensors"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Keep the lip motion of every face in a video, and nothing else.

    Who speaks, from where, in what light: all of it is replaced by the mean person, seen from the front, evenly lit.
    Frames that cannot be trusted are marked with the reason and left black. One safetensors file a video; every face
    is a group in it (track0, track1, ...).
    """

    files: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="VIDEO...")] = ()
    """Files, folders (searched for videos) and quoted patterns such as "takes/**/*.mp4". Names that begin with a dash
    go behind --."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="OUT", aliases=["-o"])] = None
    """Where to write: a name that ends in .safetensors for one VIDEO, otherwise a folder, which is made."""
    as_: Annotated[Literal["rgb", "rgbd", "mesh", "beta", "arkit"], tyro.conf.arg(name="as")] = "rgbd"
    """Frames of the mean face, frames with depth, displaced vertices, coefficients alone, or 52 coefficients by
    ARKit's names. Coefficients of the face model and pose are always in the file."""
    video: Annotated[Path | None, tyro.conf.arg(metavar="OUT.mp4")] = None
    """Also write a video to look at: each face beside its standardised self, with the audio. A folder for a batch."""
    estimator: Annotated[str, tyro.conf.arg(metavar="NAME")] = "landmark-fit"
    """Who reads the expression off the face: landmark-fit, enet, per-image, per-image-aggregated."""
    weights: Annotated[str | None, tyro.conf.arg(metavar="NAME|FILE")] = None
    """Weights of an estimator that has some. Without it, the shipped ones."""
    face_model: Annotated[str, tyro.conf.arg(metavar="NAME")] = "default"
    """The face that coefficients speak of."""
    z_norm: Literal["clip", "frame", "model"] = "clip"
    """What black and white in the depth mean: the range of the clip, of each frame, or one range for all clips."""
    tracker: Annotated[str, tyro.conf.arg(metavar="NAME")] = "mediapipe"
    """Which face tracker."""
    overwrite: bool = False
    """Replace outputs that exist."""
    resume: bool = False
    """Leave out files whose answer is there and up to date."""
    jobs: Annotated[int, tyro.conf.arg(metavar="N", aliases=["-j"])] = 1
    """Files worked on at once."""
    json: bool = False
    """Print JSON Lines: one object a file as soon as it is done, and nothing else on stdout."""


def run(options: Options, screen: Screen) -> int:
    """Standardise the files and print what was kept of each."""
    if not options.files:
        raise UsageError("give at least one VIDEO; see viseme standardize --help")
    if options.out is None:
        raise UsageError("say where to write: viseme standardize VIDEO -o OUT.safetensors")
    if options.jobs < 1:
        raise UsageError(f"--jobs must be at least 1, not {options.jobs}")
    from viseme.media.search import find_media

    files = find_media(options.files)
    if options.out.suffix.lower() == SUFFIX and not options.out.is_dir():
        if len(files) > 1:
            raise UsageError(f"{len(files)} videos do not fit into one {SUFFIX} file; give a folder as OUT")
        return _one(options, files[0], screen)
    return _many(options, files, screen)


def _one(options: Options, file: str, screen: Screen) -> int:
    from viseme.media.search import refuse_missing

    if not Path(file).is_dir():  # a folder without videos is said by `standardize` in other words
        refuse_missing(file)
    from viseme.standardization.batch import is_done
    from viseme.standardization.pipeline import standardize

    assert options.out is not None
    asked = {"as_": options.as_, "estimator": options.estimator, "weights": options.weights}
    asked |= {"face_model": options.face_model, "z_norm": options.z_norm}
    if options.resume and is_done(file, options.out, options.video, asked):
        screen.note("1 done before")
        return ExitCode.DONE
    screen.begin(file)
    with screen.progress(file) as tick:
        result = standardize(
            file,
            options.out,
            as_=options.as_,
            estimator=options.estimator,
            weights=options.weights,
            face_model=options.face_model,
            z_norm=options.z_norm,
            tracker=options.tracker,
            video=options.video,
            overwrite=options.overwrite or options.resume,
            on_progress=tick,
        )
    _show(options, result, screen)
    return ExitCode.DONE


def _many(options: Options, files: list[str], screen: Screen) -> int:
    from viseme.standardization.batch import standardize_many
    from viseme.standardization.results import FailedStandardize

    assert options.out is not None
    outcomes = standardize_many(
        files,
        options.out,
        as_=options.as_,
        estimator=options.estimator,
        weights=options.weights,
        face_model=options.face_model,
        z_norm=options.z_norm,
        tracker=options.tracker,
        video=options.video,
        overwrite=options.overwrite,
        jobs=options.jobs,
        isolate=len(files) > 1,
        resume=options.resume,
        on_begin=screen.begin,
    )
    done = failed = 0
    with screen.progress("standardising", unit="files") as tick, closing(outcomes) as items:  # type: ignore[type-var]
        for outcome in items:
            _show(options, outcome, screen)
            failed += isinstance(outcome, FailedStandardize)
            done += 1
            if tick is not None:
                tick(done, len(files))
    before = len(files) - done
    words = [f"{done - failed} done", f"{failed} failed", *([f"{before} done before"] if before else [])]
    screen.note(", ".join(words))
    return ExitCode.FAILED if failed else ExitCode.DONE


def _show(options: Options, outcome: Outcome, screen: Screen) -> None:
    from viseme.standardization.results import FailedStandardize

    if options.json:
        screen.write(jsonlib.dumps(outcome.to_json(), allow_nan=False) + "\n")
    if isinstance(outcome, FailedStandardize):
        screen.error(outcome.message)
        if screen.debug and outcome.traceback:
            screen.block(outcome.traceback)
        return
    for warning in outcome.warnings:
        screen.warn(warning)
    if options.json:
        screen.event("answer", f"{outcome.file}: {outcome.words} -> {outcome.out}")
        return
    screen.say(f"{one_line(outcome.file)}: {outcome.words} -> {one_line(outcome.out)}\n")
    for face in outcome.rejected:
        screen.say(
            f"  not used: face at {face.start:.2f} to {face.end:.2f} s, {face.reason.value} "
            f"({face.measured:.3g} {face.unit}, limit {face.limit:g})\n"
        )
