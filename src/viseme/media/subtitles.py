"""Text subtitles: their cues, and the form that another container holds them in. Knows FFmpeg's subtitle codecs.

FFmpeg's decoders turn every form into text with the override tags of ASS; its encoders keep what their form can say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path
from typing import Any

from av.subtitles.subtitle import SubtitleSet

from viseme.media.containers import MOV_FAMILY
from viseme.media.files import open_media

__all__ = ["Cue", "SubtitleConverter", "cue_faults", "read_cues", "text_codec"]

TEXT_CODECS = ("subrip", "srt", "text", "mov_text", "ass", "ssa", "webvtt")
"""Codecs of subtitles, by FFmpeg's names, that are text."""
CONVERTED_TO = {**dict.fromkeys(MOV_FAMILY, "mov_text"), "matroska": "subrip", "webm": "webvtt"}
"""Muxer -> the text codec that every player of it knows."""
TICK = Fraction(1, 1000)
"""Seconds to which the times of converted cues are rounded."""
UNTIMED_S = Fraction(4)
"""Seconds for which a cue without a duration is shown, where no other cue follows sooner."""
TAGS = re.compile(r"\{([^}]*)\}")
OVERRIDE = re.compile(r"\\(fn|\d?[a-z]+)([^\\]*)")


@dataclass(frozen=True)
class Cue:
    """What is shown from one time to another."""

    start: Fraction
    """Seconds."""
    end: Fraction
    text: str
    """With the override tags of ASS: `{\\i1}`, `\\N` for a new line."""
    style: str = "Default"
    """Name of an ASS style."""

    @property
    def words(self) -> str:
        """The text without tags."""
        return TAGS.sub("", self.text).replace("\\N", "\n").replace("\\n", "\n").replace("\\h", " ").strip()

    @property
    def looks(self) -> list[tuple[str, ...]]:
        """How each character of the text is set: its style and its override tags."""
        looks: list[tuple[str, ...]] = []
        now: dict[str, str] = {}
        for number, part in enumerate(TAGS.split(self.text)):
            if number % 2:
                for name, value in OVERRIDE.findall(part):
                    now = {} if name == "r" else {**now, name.removeprefix("1"): _plain_value(value)}
            else:
                set_as = (self.style, *sorted(name + value for name, value in now.items() if value))
                looks += [set_as] * len("".join(part.replace("\\N", "").replace("\\n", "").replace("\\h", "").split()))
        return looks


def _plain_value(value: str) -> str:
    """One spelling of a tag's value; empty for what is usual: not italic, white."""
    plain = value.strip().strip("&H").lstrip("0").upper()
    return "" if plain in ("", "FFFFFF", "FFFFFF&") else plain


def text_codec(stream: Any, muxer: str) -> str | None:
    """The codec that a subtitle stream is converted to for a muxer; None where it is no text, or no text is held."""
    codec = "" if stream.codec_context is None else stream.codec_context.name
    return CONVERTED_TO.get(muxer) if stream.type == "subtitle" and codec in TEXT_CODECS else None


def read_cues(path: Path, index: int, *, one_at_a_time: bool = False) -> tuple[list[Cue], bytes | None]:
    """The cues of a text subtitle stream, in seconds of the container's clock, and the header of its ASS styles.

    Args:
        path: The file.
        index: Of the stream among all.
        one_at_a_time: Show cues of the same time as one, as MP4 and QuickTime files must.

    Raises:
        FFmpegError: a cue cannot be decoded.
    """
    with open_media(path) as box:
        stream: Any = box.streams[index]
        stream.codec_context.open(strict=False)
        packets = [packet for packet in box.demux(stream) if packet.size and packet.pts is not None]
        starts = sorted(packet.pts * Fraction(packet.time_base) for packet in packets)
        cues = [cue for packet in packets for cue in _decoded(stream, packet, starts)]
        header = stream.codec_context.subtitle_header
    cues.sort(key=lambda cue: cue.start)
    return list(_one_at_a_time(cues)) if one_at_a_time else cues, header


def _decoded(stream: Any, packet: Any, starts: Sequence[Fraction]) -> Iterator[Cue]:
    """The cue of a packet; none where it only says that nothing is shown."""
    found = stream.codec_context.decode2(packet)
    fields = [rect.ass.decode("utf-8").split(",", 8) for rect in found or ()]
    text = "\\N".join(f[8] for f in fields if len(f) == 9)
    if not text:
        return
    tick = Fraction(packet.time_base)
    start = packet.pts * tick
    length = (packet.duration or 0) * tick
    if not length:
        length = min([UNTIMED_S, *(s - start for s in starts if s > start)])
    yield Cue(start, start + length, text, fields[0][2].lstrip("*") or "Default")


def _one_at_a_time(cues: Sequence[Cue]) -> Iterator[Cue]:
    """Cues one after the other: where several are shown at a time, they are one."""
    active: list[Cue] = []
    now = Fraction(0)
    for following in (*cues, None):
        while active and (following is None or now < following.start):
            end = min(cue.end for cue in active)
            end = end if following is None else min(end, following.start)
            if end > now:
                yield replace(active[0], start=now, end=end, text="{\\r}\\N".join(cue.text for cue in active))
            now = max(now, end)
            active = [cue for cue in active if cue.end > now]
        if following is not None:
            now = following.start
            active.append(following)


class SubtitleConverter:
    """A text subtitle stream of a file, as a stream of an output that holds another form."""

    def __init__(self, path: Path, index: int, out: Any, codec: str) -> None:
        """Read all cues and add the stream.

        Args:
            path: The file.
            index: Of the stream among all.
            out: The output container.
            codec: FFmpeg's encoder.

        Raises:
            FFmpegError, ValueError: a cue cannot be decoded, or the container does not hold the codec.
        """
        self._cues, header = read_cues(path, index, one_at_a_time=out.format.name in MOV_FAMILY)
        self.stream = out.add_stream(codec)
        self.stream.codec_context.subtitle_header = header
        self.stream.codec_context.time_base = TICK
        self.stream.time_base = TICK

    def packets(self, zero: Fraction) -> Iterator[Any]:
        """The cues as packets of the output; `zero`: seconds of the file that become second 0."""
        for number, cue in enumerate(self._cues):
            start, end = (round((at - zero) / TICK) for at in (cue.start, cue.end))
            line = f"{number},0,{cue.style},,0,0,0,,{cue.text}".encode()
            packet = self.stream.codec_context.encode_subtitle(SubtitleSet.create(line, 0, end - start))
            packet.pts = packet.dts = start
            packet.duration, packet.time_base, packet.stream = end - start, TICK, self.stream
            yield packet


def cue_faults(before: Sequence[Cue], after: Sequence[Cue], late: Fraction) -> list[str]:
    """What is not kept of cues: their text, times or styles, each in a few words.

    Args:
        before: Of the source.
        after: Of the output.
        late: Seconds by which the clock of the output is ahead of the source's.
    """
    pairs = list(zip_longest(before, after))
    both = [(old, new) for old, new in pairs if old is not None and new is not None]
    faults = []
    if len(both) < len(pairs) or any(old.words != new.words for old, new in both):
        faults.append("text")
    if any(max(abs(old.start + late - new.start), abs(old.end + late - new.end)) > 2 * TICK for old, new in both):
        faults.append("times")
    if any(old.looks != new.looks for old, new in both):
        faults.append("styles")
    return faults
