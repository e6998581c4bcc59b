"""A file again with changed frames and another audio: every other stream, tag and chapter is copied.

Knows containers; refuses to know what the frames show.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from av.error import FFmpegError

from viseme.core.errors import OutputError
from viseme.media.files import WarningSink, open_media, reason, replacing
from viseme.media.mux import Remux
from viseme.media.planes import FramePlanes
from viseme.media.search import shown
from viseme.media.shift import resolved_order
from viseme.media.video_track import VideoTrack
from viseme.media.writer import audio_encoder_of, muxer_for, open_output

__all__ = ["RewriteReport", "rewrite_video"]


@dataclass(frozen=True, kw_only=True)
class RewriteReport:
    """What `rewrite_video` did."""

    out: Path
    num_frames: int
    """Frames written."""
    warnings: tuple[str, ...] = ()
    """What could not be kept, in one line each."""


def rewrite_video(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    frames: Iterator[FramePlanes],
    *,
    audio_file: str | os.PathLike[str],
    audio_stream: int = 0,
    audio_end: Fraction | None = None,
    crf: int = 18,
    on_warning: Callable[[str], None] | None = None,
) -> RewriteReport:
    """Write `path` to `out` with other frames and other audio; nothing else of it is changed.

    The file appears when everything is written and not at all when anything fails.

    Args:
        path: The video whose streams, tags and chapters are kept.
        out: Another file; the extension chooses the container, which chooses the audio codec. Replaced when it exists.
        frames: The new video, made as they are asked for; times are seconds from the first frame.
        audio_file: The only audio of `out`; its first sample plays with the first frame.
        audio_stream: Which audio stream of it.
        audio_end: Seconds from the first frame at which the audio is cut; None = where it ends.
        crf: Quality of the video, lower is better.
        on_warning: Told at once what cannot be kept.

    Raises:
        NoVideo, NoAudio, UnreadableMedia: an input is not what it has to be.
        OutputError: `out` cannot be written, is an input, or its container cannot hold the streams.
    """
    muxer = muxer_for(out)
    order = resolved_order(path, out, Fraction(0), audio_file, audio_stream)
    end = None if audio_end is None else audio_end + order.frame
    order = replace(order, audio_codec=audio_encoder_of(muxer), audio_end=end)
    warnings: list[str] = []
    tell = WarningSink(on_warning)

    def warn(text: str) -> None:
        warnings.append(text)
        tell(text)

    made: list[VideoTrack] = []

    def film(container: object, stream: object) -> VideoTrack:
        made.append(VideoTrack(container, stream, frames, start=order.frame, crf=crf))
        return made[0]

    with replacing(order.out) as file, ExitStack() as stack:
        try:
            box = stack.enter_context(open_media(order.path))
            keys = any(key.startswith("com.apple.quicktime.") for key in box.metadata)
            container = stack.enter_context(open_output(file, muxer, any_tags=keys))
            Remux(order, box, container, encode=True, warn=WarningSink(warn), stack=stack, film=film).run()
            container.close()
        except (FFmpegError, ValueError) as error:
            if file.error is not None:
                raise
            hint = "convert the source first" if muxer == "matroska" else "use .mkv"
            raise OutputError(f"{shown(out)} cannot be written as {muxer}: {reason(error)}; {hint}") from error
    return RewriteReport(out=order.out, num_frames=made[0].num_frames, warnings=tuple(warnings))
