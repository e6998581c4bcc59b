"""Moving the audio of a file inside that file's own container. Knows which containers can; each has its own editor.

What no library understands survives, since it is copied: timecode and data tracks, programs, keys of metadata.
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, BinaryIO

from viseme.media.containers import MOV_FAMILY
from viseme.media.files import WarningSink, open_media
from viseme.media.in_place import Piece, Unsuitable, write_pieces
from viseme.media.mkv_shift import LARGEST_SHIFT, move_mkv_audio
from viseme.media.mp4_shift import move_mp4_tracks
from viseme.media.mxf_shift import SoundPlaces, move_mxf_samples, sound_places
from viseme.media.remux_order import Order
from viseme.media.search import shown
from viseme.media.ts_shift import move_ts_audio

__all__ = ["in_place_method", "write_in_place"]

PCM_BITS = {"s16": 16, "s24": 24, "s32": 32}
"""How names of PCM codecs begin -> bits of a sample."""


def in_place_method(order: Order, muxer: str) -> str | None:
    """How the audio would be moved without a new container: "timestamps" or "samples"; None = it cannot be."""
    if order.replaced or order.out.suffix.lower() != order.path.suffix.lower():
        return None
    with open_media(order.path) as box:
        source = box.format.name
    if order.shift == 0:
        return "timestamps"
    if source.startswith("mov,") and muxer in MOV_FAMILY:
        return "timestamps"
    if source.startswith("matroska,") and muxer in ("matroska", "webm") and abs(order.shift) <= LARGEST_SHIFT:
        return "timestamps"
    return {("mpegts", "mpegts"): "timestamps", ("mxf", "mxf"): "samples"}.get((source, muxer))


def write_in_place(order: Order, out: Any, warn: WarningSink) -> None:
    """Write the edited copy.

    Args:
        order: What to move; `in_place_method` has an answer for it.
        out: Where the bytes go.
        warn: Told what is lost.

    Raises:
        Unsuitable: the file is of a make that its editor does not handle.
        OutputError: no audio would be left.
    """
    with open(order.path, "rb") as file:
        if order.shift == 0:
            shutil.copyfileobj(file, out, 1 << 20)
            return
        with open_media(order.path) as box:
            streams = [box.streams.audio[i] for i in order.chosen]
            cues = any(getattr(s, "name", None) == "scte_35" for s in box.streams.data)
            source, ids = box.format.name, {s.id for s in streams}
            moves = _sounds(file, box, streams, order.shift) if source == "mxf" else []
        pieces: Iterable[Piece]
        try:
            if source == "mxf":
                _tell_lost_end(order, file, moves, warn)
                pieces = move_mxf_samples(file, moves)
            elif source.startswith("matroska,"):
                pieces = move_mkv_audio(file, order.chosen, order.shift)
            elif source == "mpegts":
                if cues and order.shift < 0:
                    raise Unsuitable("its cues state times of their own")
                pieces = move_ts_audio(file, ids, order.shift)
            else:
                pieces = move_mp4_tracks(file, ids, order.shift)
            write_pieces(file, pieces, out)
        except (IndexError, ValueError, struct.error) as error:
            raise Unsuitable(f"its structure is unusual ({error})") from error


def _sounds(file: BinaryIO, box: Any, streams: list[Any], shift: Fraction) -> list[tuple[SoundPlaces, int]]:
    """Where the samples of each moved stream lie, and the bytes by which they move."""
    firsts: dict[int, int] = {}
    for packet in box.demux(streams):
        if packet.pos is not None and packet.size:
            firsts.setdefault(packet.stream.index, packet.pos)
        if len(firsts) == len(streams):
            break
    places = sound_places(file)
    moves = []
    for stream in streams:
        context = stream.codec_context
        width = 0 if context is None else PCM_BITS.get(context.name.removeprefix("pcm_")[:3], 0) // 8
        found = [p for p in places.values() if stream.index in firsts and p.holds(firsts[stream.index])]
        if context is None or not width or len(found) != 1:
            raise Unsuitable("its audio is not plain PCM")
        sample = len(found[0].silence) if found[0].is_d10 else width * context.channels
        num = round(shift * context.sample_rate) * sample
        moves.append((found[0], num))
    return moves


def _tell_lost_end(order: Order, file: BinaryIO, moves: list[tuple[SoundPlaces, int]], warn: WarningSink) -> None:
    """Say that the end of the audio is cut where it is not silent: an MXF file does not grow."""
    if any(num > 0 and not p.is_silent(last) for p, num in moves for last in p.last_bytes(file, num)):
        ms = round(order.shift * 1000)
        warn(f"{shown(order.path)}: the last {ms} ms of the audio were cut, because an MXF file keeps its length")
