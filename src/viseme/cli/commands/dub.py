"""`viseme dub`: a person in a video says something else, with the talker for everybody or an avatar of that person."""

from __future__ import annotations

import json as jsonlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from viseme.cli.exits import ExitCode, UsageError
from viseme.cli.lines import one_line
from viseme.cli.screen import Screen

if TYPE_CHECKING:
    from viseme.avatar.dub import DubResult

__all__ = ["EXAMPLES", "Options", "run"]

EXAMPLES = (
    (
        "Another audio for a video of anybody who agreed",
        "viseme dub talk.mp4 --audio new.wav --consent ada.txt -o out.mp4",
    ),
    ("The same with an avatar of the person", "viseme dub talk.mp4 --avatar ada.vis --audio new.wav -o out.mp4"),
    (
        "Text, said by a voice; the last seconds run back and forth while it lasts",
        'viseme dub talk.mp4 --avatar ada.vis --text "Good evening." --beyond ping-pong -o out.mp4',
    ),
)
"""What it does, and what to type."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Let the person in a video say another audio.

    The face is made by a talker that was trained on nobody in particular and takes teeth and lips from the video, or by
    an avatar of the person (viseme train avatar), which moves as they do. Only mouth and chin change, in the pose and
    the light of the video; size, time stamps, rotation, colour tags and every other stream are kept, the audio is
    replaced. Frames without a usable face, or with a hand before the mouth, stay as they are and are counted. The
    output carries an invisible watermark and a C2PA manifest that say it is synthetic, and is checked for sync before
    the command says it is done.
    """

    video: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="VIDEO")]
    """A video of the person."""
    avatar: Annotated[Path | None, tyro.conf.arg(metavar="FILE.vis")] = None
    """An avatar of the person. Without it, the talker for everybody."""
    talker: Annotated[str | None, tyro.conf.arg(metavar="NAME|FILE")] = None
    """Weights of that talker. Without it, those that ship."""
    consent: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """The person's statement (four lines: subject, scope, date, signer); its hash goes into the output. An avatar holds
    its own."""
    audio: Annotated[str | None, tyro.conf.arg(metavar="FILE")] = None
    """What is said: any file with an audio stream; its beginning belongs with the first frame."""
    text: Annotated[str | None, tyro.conf.arg(metavar="WORDS")] = None
    """What is said, in words, instead of --audio."""
    voice: Annotated[str, tyro.conf.arg(metavar="NAME")] = "en-us"
    """Who says --text: a language of espeak-ng, or a recorded voice such as kokoro:af_heart; see docs/voices.md."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="OUT", aliases=["-o"])] = None
    """Where to write; the extension chooses the container. Appears complete or not at all."""
    beyond: Literal["hold", "ping-pong", "cut"] = "hold"
    """Where the audio is longer: keep the last frame, or run the last seconds back and forth; where it is shorter, both
    go on in silence. cut: end with the shorter one."""
    face: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """Which face, counted from the left, from 1. Without it, the largest."""
    blend: Literal["multiband", "alpha"] = "multiband"
    """How the new face passes into the frame; alpha is faster."""
    crf: int = 18
    """Quality of the video as libx264 counts it; lower is better."""
    audio_stream: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """Which audio stream of --audio, from 0. Without it, the one that holds a voice."""
    tracker: Annotated[str, tyro.conf.arg(metavar="NAME")] = "mediapipe"
    """Which face tracker."""
    overwrite: bool = False
    """Replace OUT when it exists."""
    json: bool = False
    """Print one JSON object, and nothing else on stdout."""


def run(options: Options, screen: Screen) -> int:
    """Dub one video and print what became of it."""
    if options.out is None:
        raise UsageError("say where to write: viseme dub VIDEO --audio NEW.wav -o OUT.mp4")
    from viseme.avatar.dub import dub

    screen.begin(options.video)
    with screen.progress(options.video) as tick:
        result = dub(
            options.video,
            options.out,
            avatar=options.avatar,
            talker=options.talker,
            consent=options.consent,
            audio=options.audio,
            audio_stream=options.audio_stream,
            text=options.text,
            voice=options.voice,
            beyond=options.beyond,
            face=options.face,
            blend=options.blend,
            crf=options.crf,
            tracker=options.tracker,
            overwrite=options.overwrite,
            on_progress=tick,
            on_warning=screen.warn,
        )
    if options.json:
        screen.write(jsonlib.dumps(result.to_json(), allow_nan=False) + "\n")
        screen.event("answer", f"{result.file}: {result.residual.estimate.words}, written {result.out}")
    else:
        _show(result, screen)
    if not result.in_sync:
        left = result.residual.estimate.words
        tell = screen.error if result.out_of_sync else screen.warn
        tell(f"{result.out} was not found in sync ({left}); look at it before using it")
    return ExitCode.FAILED if result.out_of_sync else ExitCode.DONE


def _show(result: DubResult, screen: Screen) -> None:
    why = {"without a usable face": result.num_passed - result.num_covered, "with a covered mouth": result.num_covered}
    passed = "".join(f", {num} {words} left as they were" for words, num in why.items() if num)
    added = f", {result.num_added} shown again after the end" if result.num_added else ""
    rate, alone = (result.num_frames / took if took else 0.0 for took in (result.elapsed, result.composing))
    manifest = "inside, signed" if result.manifest is None else one_line(result.manifest)
    screen.say(
        f"{one_line(result.file)}\n"
        f"  frames    {result.num_composed} of {result.num_frames} dubbed{passed}{added}\n"
        f"  speed     {rate:.1f} frames a second, {alone:.1f} while faces were made and written\n"
        f"  sync      {result.residual.words}\n"
        f"  marked    watermark {result.watermark}, manifest {manifest}\n"
        f"  written   {one_line(result.out)}\n"
    )
