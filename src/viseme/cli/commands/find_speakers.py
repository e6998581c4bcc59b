"""`viseme find-speakers`: who speaks when, and whose voice is it?"""

from __future__ import annotations

import json as jsonlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from rich.text import Text

from viseme.cli.exits import ExitCode, UsageError
from viseme.cli.screen import Screen, one_line

if TYPE_CHECKING:
    from viseme.core.speakers import SpeakersResult

__all__ = ["Options", "run"]

TEXTS = {"csv": "csv", "rttm": "rttm", "srt": "srt", "vtt": "vtt", "ava": "ava"}


@dataclass(frozen=True, kw_only=True)
class Options:
    """Who speaks when, in any video with faces.

    For every face: when it speaks, when it does not, and when that cannot be told. For every voice: whether its owner
    is in view. Faces of one person on both sides of a cut get one name.
    """

    files: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="VIDEO...")] = ()
    """Files, folders (searched for videos) and quoted patterns such as "takes/**/*.mp4". Names that begin with a dash
    go behind --."""
    json: bool = False
    """Print JSON Lines: one object a file as soon as it is done, and nothing else on stdout."""
    csv: Annotated[Path | None, tyro.conf.arg(metavar="FILE.csv")] = None
    """Write a row for every stretch of every face and voice."""
    rttm: Annotated[Path | None, tyro.conf.arg(metavar="FILE.rttm")] = None
    """Write the turns as NIST time marks."""
    srt: Annotated[Path | None, tyro.conf.arg(metavar="FILE.srt")] = None
    """Write subtitles that name who speaks."""
    vtt: Annotated[Path | None, tyro.conf.arg(metavar="FILE.vtt")] = None
    """The same as WebVTT."""
    ava: Annotated[Path | None, tyro.conf.arg(metavar="FILE.csv")] = None
    """Write scores in the layout of the AVA-ActiveSpeaker evaluation."""
    video: Annotated[Path | None, tyro.conf.arg(metavar="OUT.mp4")] = None
    """Write the video with boxes, names, scores and the sound drawn in."""
    report: Annotated[Path | None, tyro.conf.arg(metavar="FILE.html")] = None
    """Write a page with the timeline: one file that needs nothing else."""
    align: Literal["none", "file", "track"] = "file"
    """What delay of the sound is taken out first: the file's, each face's own, or none."""
    scorer: Annotated[str, tyro.conf.arg(metavar="NAME")] = "evidence"
    """Who scores: evidence, cosine, head, light-asd, lr-asd."""
    scorer_weights: Annotated[str | None, tyro.conf.arg(metavar="NAME|FILE")] = None
    """Weights of a scorer that has some."""
    threshold: Annotated[float | None, tyro.conf.arg(metavar="SCORE")] = None
    """Score from which a face is called speaking. Without it, the scorer's own."""
    max_delay: Annotated[float, tyro.conf.arg(metavar="SECONDS")] = 0.45
    """Largest delay of the file's sound considered, either way; what is farther off counts as dubbing."""
    audio: Annotated[str | None, tyro.conf.arg(metavar="FILE")] = None
    """Take the sound from this file; its beginning belongs with the first picture."""
    audio_stream: Annotated[int, tyro.conf.arg(metavar="N")] = 0
    """Which sound stream of the file, counted from 0."""
    weights: Annotated[str | None, tyro.conf.arg(metavar="NAME|FILE")] = None
    """Which sync weights listen and read lips. Without it, the shipped ones."""
    tracker: Annotated[str, tyro.conf.arg(metavar="NAME")] = "mediapipe"
    """Which face tracker."""


def run(options: Options, screen: Screen) -> int:
    """Find the speakers of every file and print or write them."""
    if not options.files:
        raise UsageError("give at least one VIDEO; see viseme find-speakers --help")
    if options.max_delay <= 0:
        raise UsageError(f"--max-delay must be more than 0 seconds, not {options.max_delay:g}")
    if options.audio_stream < 0:
        raise UsageError(f"--audio-stream counts from 0, not {options.audio_stream}")
    from viseme.core.errors import VisemeError
    from viseme.media.search import find_media
    from viseme.report.files import refuse_unwritable

    files = find_media(options.files)
    targets = [getattr(options, name) for name in (*TEXTS, "video", "report")]
    if len(files) > 1 and (options.audio is not None or any(t is not None for t in targets)):
        raise UsageError("--audio and files to write belong to one VIDEO; use --json for many")
    for target in targets:
        if target is not None:
            refuse_unwritable(target)
    failed = 0
    for file in files:
        try:
            _one(options, file, screen)
        except VisemeError as error:
            if len(files) == 1:
                raise
            failed += 1
            screen.note(f"viseme: error: {error}")
            if options.json:
                failure = {"type": type(error).__name__, "message": str(error)}
                screen.write(jsonlib.dumps({"schema": "viseme.speakers/1", "file": file, "error": failure}) + "\n")
    if len(files) > 1:
        screen.note(f"{len(files) - failed} done, {failed} failed")
    return ExitCode.FAILED if failed else ExitCode.DONE


def _one(options: Options, file: str, screen: Screen) -> None:
    from viseme.report.files import replacing_text
    from viseme.report.speakers import FORMATS, speakers_html
    from viseme.speakers.overlay import write_overlay
    from viseme.speakers.pipeline import find_speakers

    with screen.progress(file) as tick:
        result = find_speakers(
            file,
            align=options.align,
            scorer=options.scorer,
            scorer_weights=options.scorer_weights,
            threshold=options.threshold,
            max_delay=options.max_delay,
            audio=options.audio,
            audio_stream=options.audio_stream,
            weights=options.weights,
            tracker=options.tracker,
            on_progress=tick,
        )
    for name in TEXTS:
        target = getattr(options, name)
        if target is not None:
            _write(replacing_text, target, FORMATS[name](result))
    if options.report is not None:
        _write(replacing_text, options.report, speakers_html(result))
    if options.video is not None:
        with screen.progress(f"writing {options.video.name}") as tick:
            write_overlay(
                result, options.video, audio=options.audio, audio_stream=options.audio_stream, on_progress=tick
            )
    if options.json:
        screen.write(jsonlib.dumps(result.to_json(), allow_nan=False) + "\n")
    else:
        screen.show(_table(result))


def _write(replacing: Callable, target: Path, text: str) -> None:
    with replacing(target) as out:
        out.write(text)


def _table(result: SpeakersResult) -> Text:
    """Everything about one file, for people."""
    from viseme.core.speakers import FaceState, VoiceState
    from viseme.core.time import format_time
    from viseme.report.speakers import VOICE_WORDS, person_name, turns
    from viseme.report.words import REASON_WORDS

    text = Text()
    text.append(one_line(result.file), style="bold").append("\n")
    people = f"{result.num_people} {'person' if result.num_people == 1 else 'people'}"
    delay = "" if result.delay is None else f"; {result.delay.words}"
    text.append(f"  {len(result.faces)} {'face' if len(result.faces) == 1 else 'faces'}, {people}{delay}\n")
    if result.faces:
        head = (
            f"  {'PERSON':<7} {'FACE':>4}  {'IN VIEW':<27}  {'SPEAKS':>8}  {'UNSURE':>8}  {'OTHER WORDS':>11}  SURE\n"
        )
        text.append(head, style="dim")
    for f in result.faces:
        text.append(f"  {person_name(f.person):<7} {f.track_id:>4}  ")
        text.append(f"{format_time(f.start):>12} to {format_time(f.end):<11}  ")
        for state in (FaceState.SPEAKING, FaceState.CANNOT_TELL, FaceState.DUBBING_SUSPECTED):
            width = 11 if state is FaceState.DUBBING_SUSPECTED else 8
            text.append(f"{f.seconds(state):.1f} s".rjust(width) + "  ")
        text.append(f"{f.person_confidence:.0%}\n")
    for start, end, name in turns(result):
        if name != "offscreen":
            text.append(f"  {format_time(start):>12} to {format_time(end):<11}  ")
            text.append(f"{name} speaks\n", style="green")
    for v in result.voice:
        if v.state is not VoiceState.ONSCREEN:
            text.append(f"  {format_time(v.start):>12} to {format_time(v.end):<11}  ")
            text.append(f"voice: {VOICE_WORDS[v.state]}\n", style="yellow")
    for r in result.rejected:
        text.append(f"  not used: face {r.track_id}, {format_time(r.start)} to {format_time(r.end)}, ")
        text.append(f"{REASON_WORDS[r.reason]} ({r.measured:.3g} {r.unit}, limit {r.limit:.3g})\n")
    for warning in result.warnings:
        text.append(f"  note: {one_line(warning)}\n", style="dim")
    return text
