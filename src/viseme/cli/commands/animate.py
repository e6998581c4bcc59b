"""`viseme animate`: any speech to a moving 3D face."""

from __future__ import annotations

import json as jsonlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from viseme.cli.exits import ExitCode, UsageError
from viseme.cli.lines import one_line
from viseme.cli.screen import Screen

__all__ = ["EXAMPLES", "Options", "run"]

EXAMPLES = (
    ("Any voice to a head that Blender, Unity, Unreal and three.js open", "viseme animate voice.wav -o talk.glb"),
    ("Mouth cues for 2D animation, as Rhubarb writes them", "viseme animate voice.wav -o talk.tsv"),
    ("A text, spoken and drawn as a cartoon", 'viseme animate --text "Good morning!" -o hello.mp4 --style cartoon'),
)
"""What it does, and what to type."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Any speech to a moving 3D face, in the formats that people use.

    The end of the name decides what is written: .glb, .obj and .ply (a file a frame), .json (ARKit's 52 weights), .csv
    (Live Link Face), .tsv, .xml, .dat (Rhubarb's mouth cues), .mp4. Without --avatar it is the head that ships.

    With --live, raw 16-bit mono audio is read from standard input, and one JSON line a frame is written 0.17 s behind
    it; the first line says how far.
    """

    audio: Annotated[str | None, tyro.conf.Positional, tyro.conf.arg(metavar="AUDIO")] = None
    """A file with speech, audio or video."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="FILE", aliases=["-o"])] = None
    """What to write."""
    format: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """One of arkit, cartoon, glb, livelink, obj, ply, rhubarb-dat, rhubarb-json, rhubarb-tsv, rhubarb-xml, video;
    without it, the end of the name decides."""
    text: Annotated[str | None, tyro.conf.arg(metavar="TEXT")] = None
    """Say this instead; its phonemes are known, so the lips are exact."""
    voice: Annotated[str, tyro.conf.arg(metavar="NAME")] = "en-us"
    """Who says it: an espeak-ng voice (de, en-us+f3), flite:slt, kokoro:af_heart; see docs/voices.md."""
    avatar: Annotated[Path | None, tyro.conf.arg(metavar="FILE.vis")] = None
    """A personal face from viseme train avatar."""
    fps: str = "30"
    """Frames a second; 30000/1001 is exact. With --live at most 120."""
    strength: float = 1.0
    """Size of speech movements: 0.5 mumbling, 1 ordinary, 1.5 emphatic."""
    still: bool = False
    """Without blinks, glances and head movement."""
    style: Literal["plain", "cartoon"] = "plain"
    """Of a video."""
    view: Literal["front", "turntable"] = "front"
    """Of a video: the camera stays, or the head turns slowly from side to side."""
    size: int = 512
    """Of a video: pixels of a side."""
    seed: int = 0
    """Of blinks, glances and head movement."""
    weights: Annotated[str | None, tyro.conf.arg(metavar="NAME|FILE")] = None
    """Which voice weights. Without it, the shipped ones."""
    audio_stream: Annotated[int | None, tyro.conf.arg(metavar="N")] = None
    """Which audio stream of the file, counted from 0."""
    live: bool = False
    """Read raw audio from standard input and write a line a frame."""
    rate: int = 16_000
    """With --live: samples a second of the audio."""
    osc: Annotated[str | None, tyro.conf.arg(metavar="HOST:PORT")] = None
    """With --live: send VMC messages there instead of writing lines."""
    json: bool = False
    """Print one JSON object, and nothing else on stdout."""
    overwrite: bool = False
    """Replace a file that exists."""


def run(options: Options, screen: Screen) -> int:
    """Animate a file, a text, or a stream."""
    if options.live:
        return _live(options, screen)
    if options.osc is not None:
        raise UsageError("--osc belongs to --live")
    if (options.audio is None) == (options.text is None):
        raise UsageError("give an AUDIO file or --text, one of them; see viseme animate --help")
    if options.out is None and not options.json:
        raise UsageError("give a file to write: -o talk.glb; see viseme animate --help")
    from viseme.avatar.animate import animate

    with screen.progress("animating") as tick:
        result = animate(
            None if options.audio is None else Path(options.audio),
            out=options.out,
            format=options.format,
            text=options.text,
            voice=options.voice,
            avatar=options.avatar,
            fps=options.fps,
            strength=options.strength,
            still=options.still,
            style=options.style,
            view=options.view,
            size=options.size,
            seed=options.seed,
            weights=options.weights,
            audio_stream=options.audio_stream,
            overwrite=options.overwrite,
            on_progress=tick,
        )
    for warning in result.warnings:
        screen.warn(warning)
    if options.json:
        screen.write(jsonlib.dumps(result.to_json(), allow_nan=False) + "\n")
    else:
        inside = "inside, signed" if result.manifest is None else one_line(result.manifest)
        marked = f"; watermark {result.watermark}, manifest {inside}" if result.watermark else ""
        screen.say(
            f"{one_line(result.path or '')}  {result.format}, {result.frames} frames at {result.fps:g} a second, "
            f"lips by {result.driver}{marked}\n"
        )
    return ExitCode.DONE


def _live(options: Options, screen: Screen) -> int:
    """Print a line for the stream and for every frame, or send them."""
    if any(value is not None for value in (options.audio, options.text, options.out, options.avatar)):
        raise UsageError(
            "--live reads standard input and moves the default head; leave AUDIO, --text, -o, --avatar out"
        )
    try:
        fps = float(options.fps)
    except ValueError:
        raise UsageError(f"--fps {options.fps!r} is not a number; write 60") from None
    from viseme.avatar.live import animate_live

    with ExitStack() as stack:
        sender = None
        if options.osc is not None:
            from viseme.avatar.animation.osc import OscSender

            sender = OscSender(options.osc)
            stack.callback(sender.close)
        frames = animate_live(rate=options.rate, fps=fps, strength=options.strength, weights=options.weights)
        screen.write(jsonlib.dumps(frames.header(), allow_nan=False) + "\n")
        for frame in frames:
            if sender is not None:
                sender.send(frames.names, frame.weights)
            else:
                screen.write(jsonlib.dumps(frame.to_json(), allow_nan=False) + "\n")
    return ExitCode.DONE
