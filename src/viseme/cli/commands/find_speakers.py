"""`viseme find-speakers`: who speaks when, and whose voice is it?"""

from __future__ import annotations

import json as jsonlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from viseme.cli.arguments import time_of
from viseme.cli.exits import ExitCode, UsageError
from viseme.cli.screen import Screen
from viseme.core.time import Seconds

__all__ = ["EXAMPLES", "Options", "run"]

EXAMPLES = (
    ("Who speaks when, and a page with the timeline", "viseme find-speakers meeting.mp4 --report who.html"),
    ("Turns for other programs", "viseme find-speakers meeting.mp4 --rttm who.rttm --srt who.srt"),
    (
        "A camera, as it happens (encoders must hold nothing back; x264 holds 3 s)",
        "ffmpeg -f v4l2 -i /dev/video0 -f alsa -i default -c:v mjpeg -q:v 3 -c:a pcm_s16le -f nut "
        "-flush_packets 1 - | viseme find-speakers --live -",
    ),
)
"""What it does, and what to type."""

EVERY_S = 0.2
TEXTS = {"csv": "csv", "rttm": "rttm", "srt": "srt", "vtt": "vtt", "ava": "ava"}


@dataclass(frozen=True, kw_only=True)
class Options:
    """Who speaks when, in any video with faces.

    For every face: when it speaks, when it does not, and when that cannot be told. For every voice: whether its owner
    is in view. Faces of one person on both sides of a cut get one name.

    With --live, as it happens: one JSON line a step, final 4.61 s after its frame with the scorer head (4.22 s with
    --delay 0ms or --align none), 2.13 s with evidence (1.74 s), or what --latency says; the first line lists the
    parts of that.
    """

    files: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="VIDEO...")] = ()
    """Files, folders (searched for videos) and quoted patterns such as "takes/**/*.mp4". Names that begin with a dash
    go behind --."""
    live: Annotated[str | None, tyro.conf.arg(metavar="SOURCE")] = None
    """Read a stream as it comes instead of files: - for standard input, a named pipe, or a file that still grows
    (finished when it has not changed for 5 s). Any container that is read without going back: Matroska, MPEG-TS,
    fragmented MP4."""
    every: Seconds = EVERY_S
    """With --live: time between lines, a multiple of 0.04 s."""
    latency: Seconds | None = None
    """With --live: emit each step this long after its frame, with whatever context there is by then. Without it, a step
    is emitted when all the context that the scorer uses is there."""
    delay: Annotated[str | None, tyro.conf.arg(metavar="TIME")] = None
    """With --live: how late the audio is (120ms; -80ms when it is early). Without it, estimated as the stream goes on:
    a camera has one delay, told after some seconds of speech."""
    keep_frames: bool = False
    """With --live, where this machine is slower than real time: let the source wait, as a file in a pipe can. Without
    it frames are dropped and counted; audio never is."""
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
    """Write the video with boxes, names, scores and the audio drawn in."""
    report: Annotated[Path | None, tyro.conf.arg(metavar="FILE.html")] = None
    """Write a page with the timeline: one file that needs nothing else."""
    timeline: Annotated[Path | None, tyro.conf.arg(metavar="FILE.otio|.edl|.fcpxml")] = None
    """Write a timeline for editing programs, with a marker for every turn; .otio needs viseme[otio]."""
    align: Literal["none", "file", "track"] = "file"
    """Which delay of the audio is removed first: that of the file, of each face (track), or none."""
    scorer: Annotated[str, tyro.conf.arg(metavar="NAME")] = "head"
    """Who scores: head, evidence, cosine, light-asd, lr-asd."""
    scorer_weights: Annotated[str | None, tyro.conf.arg(metavar="NAME|FILE")] = None
    """Weights of a scorer that has some."""
    threshold: Annotated[float | None, tyro.conf.arg(metavar="SCORE")] = None
    """Score from which a face is called speaking. Without it, the scorer's own."""
    max_delay: Seconds = 0.45
    """Largest delay of the file's audio considered, either way; what is farther off counts as dubbing."""
    audio: Annotated[str | None, tyro.conf.arg(metavar="FILE")] = None
    """Take the audio from this file; its beginning belongs with the first frame."""
    audio_stream: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """Which audio stream of the file, counted from 0; left out: the default one, or the first that holds a voice."""
    weights: Annotated[str | None, tyro.conf.arg(metavar="NAME|FILE")] = None
    """Which sync weights listen and read lips. Without it, the shipped ones."""
    tracker: Annotated[str, tyro.conf.arg(metavar="NAME")] = "mediapipe"
    """Which face tracker."""


def run(options: Options, screen: Screen) -> int:
    """Find the speakers of every file, or of a stream, and print or write them."""
    if options.live is None and not options.files:
        raise UsageError("give at least one VIDEO, or --live SOURCE; see viseme find-speakers --help")
    if options.max_delay <= 0:
        raise UsageError(f"--max-delay must be more than 0 seconds, not {options.max_delay:g}")
    if options.audio_stream is not None and options.audio_stream < 0:
        raise UsageError(f"--audio-stream counts from 0, not {options.audio_stream}")
    if options.live is not None:
        return _live(options, options.live, screen)
    if options.every != EVERY_S or options.latency is not None or options.delay is not None or options.keep_frames:
        raise UsageError("--every, --latency, --delay and --keep-frames belong to --live SOURCE")
    from viseme.core.errors import VisemeError
    from viseme.media.search import find_media
    from viseme.report.files import refuse_unwritable

    files = find_media(options.files)
    targets = [getattr(options, name) for name in (*TEXTS, "video", "report", "timeline")]
    if len(files) > 1 and (options.audio is not None or any(t is not None for t in targets)):
        raise UsageError("--audio and files to write belong to one VIDEO; use --json for many")
    for target in targets:
        if target is not None:
            refuse_unwritable(target)
    if options.timeline is not None:
        from viseme.media.search import refuse_missing
        from viseme.report.timeline import refuse_timeline

        refuse_missing(files[0])
        refuse_timeline(options.timeline)
    failed = 0
    for file in files:
        try:
            _one(options, file, screen)
        except VisemeError as error:
            if len(files) == 1:
                raise
            failed += 1
            screen.error(str(error))
            if options.json:
                failure = {"type": type(error).__name__, "message": str(error)}
                screen.write(jsonlib.dumps({"schema": "viseme.speakers/1", "file": file, "error": failure}) + "\n")
    if len(files) > 1:
        screen.note(f"{len(files) - failed} done, {failed} failed")
    return ExitCode.FAILED if failed else ExitCode.DONE


def _one(options: Options, file: str, screen: Screen) -> None:
    from viseme.media.search import refuse_missing

    refuse_missing(file)
    from viseme.report.files import replacing_text
    from viseme.report.speakers import FORMATS, speakers_html
    from viseme.speakers.overlay import write_overlay
    from viseme.speakers.pipeline import find_speakers

    screen.begin(file)
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
    if options.timeline is not None:
        from viseme.report.timeline import write_timeline

        write_timeline(options.timeline, result, audio=options.audio)
    if options.video is not None:
        with screen.progress(f"writing {options.video.name}") as tick:
            write_overlay(
                result, options.video, audio=options.audio, audio_stream=options.audio_stream, on_progress=tick
            )
    screen.event("answer", f"{file}: {len(result.faces)} faces, {result.num_people} people")
    for warning in result.warnings:
        screen.event("warning", f"{file}: {warning}")
    if options.json:
        screen.write(jsonlib.dumps(result.to_json(), allow_nan=False) + "\n")
    else:
        from viseme.cli.speaker_table import speaker_table

        screen.show(speaker_table(result, screen.columns))


def _live(options: Options, source: str, screen: Screen) -> int:
    """Print a line for the stream, for every step, and for the end."""
    if options.files or options.audio is not None:
        raise UsageError("--live takes one SOURCE with frames and audio, and no files beside it")
    if any(getattr(options, name) is not None for name in (*TEXTS, "video", "report", "timeline")):
        raise UsageError("--live writes JSON lines to stdout; files are written from a whole VIDEO")
    if options.align == "track":
        raise UsageError("--live takes one delay out of the whole stream; use --align file or none")
    if options.every <= 0:
        raise UsageError(f"--every must be more than 0 seconds, not {options.every:g}")
    delay = None if options.delay is None else float(time_of("--delay", options.delay))
    from viseme.speakers.live import find_speakers_live

    with closing(
        find_speakers_live(
            source,
            every=options.every,
            latency=options.latency,
            align=options.align,
            delay=delay,
            scorer=options.scorer,
            scorer_weights=options.scorer_weights,
            threshold=options.threshold,
            max_delay=options.max_delay,
            audio_stream=options.audio_stream,
            weights=options.weights,
            tracker=options.tracker,
            keep_frames=options.keep_frames,
            on_warning=screen.warn,
        )
    ) as steps:
        screen.write(jsonlib.dumps(steps.header.to_json(), allow_nan=False) + "\n")
        for step in steps:
            screen.write(jsonlib.dumps(step.to_json(), allow_nan=False) + "\n")
        screen.write(jsonlib.dumps(steps.end.to_json(), allow_nan=False) + "\n")
    return ExitCode.DONE


def _write(replacing: Callable, target: Path, text: str) -> None:
    with replacing(target) as out:
        out.write(text)
