"""Which audio stream of a file, and which of its channels, is listened to: the one that carries a voice.

Knows levels and the file's own marks; what a voice sounds like is handed in.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from av import AudioLayout
from av.stream import Disposition
from numpy.typing import NDArray

from viseme.core.errors import NoAudio
from viseme.media.audio import AudioReader, Resampler, choose_audio, layout_name, mono, planes
from viseme.media.files import open_media
from viseme.media.search import shown

__all__ = ["AudioChoice", "VoiceMeasure", "choose_audible", "likeliest_audio", "loudness"]

RATE = 16_000
LISTENED_S = 20.0
"""Seconds with sound in them that decide."""
FARTHEST_S = 300.0
"""Seconds after which no more is listened to, sound or not."""
SILENCE = 1e-3
"""Root mean square of a second, full scale 1, under which it is silent: -60 dB."""
AS_GOOD = 0.8
"""A channel that holds a voice for this part of the best one's time is as good."""
CANCELS = 0.35
"""Power of the mix over the mean power of two channels under which they cancel each other, or one is empty."""

VoiceMeasure = Callable[[NDArray[np.float32]], float]
"""(S,) audio at 16 kHz -> how much of it is a voice, 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class AudioChoice:
    """What of a file is listened to, and why, where there was a choice."""

    stream: int
    """Among the audio streams, from 0."""
    channel: int | None = None
    """One channel of it; None = all mixed to one."""
    note: str = ""
    """For people; empty where nothing was chosen."""


def loudness(samples: NDArray[np.float32]) -> float:
    """A `VoiceMeasure` that takes any sound for a voice: the part of the seconds that are not silent."""
    seconds = np.array_split(samples, max(1, len(samples) // RATE))
    return float(np.mean([np.sqrt(np.mean(s**2)) > SILENCE if len(s) else 0.0 for s in seconds]))


def choose_audible(
    path: str | os.PathLike[str], *, stream: int | None = None, voice: VoiceMeasure = loudness
) -> AudioChoice:
    """The stream that the file marks as default, or the first; where that holds no voice, the first that does.

    Within the stream: the centre loudspeaker where it has the voice; all channels mixed, unless they cancel each other
    or one of them alone holds clearly more of a voice; then that one.

    Args:
        path: A file.
        stream: Only this one.
        voice: How much of a second is a voice.

    Raises:
        NoAudio: there is no audio stream, none with that number, or none whose codec is known.
        UnreadableMedia: the file cannot be read.
    """
    with open_media(path) as container:
        streams = list(container.streams.audio)
        if stream is not None or not streams:
            choose_audio(container, path, stream or 0)
            order = [stream or 0]
        else:
            order = _by_likelihood(streams)
            if not order:
                raise NoAudio(f"{shown(path)}: the codec of its audio is not known here; pass --audio FILE")
        names = {i: _name(streams[i], i) for i in order}
        several = [s.codec_context is not None and s.codec_context.channels > 1 for s in streams]
        num = len(streams)
    if len(order) == 1 and not several[order[0]]:
        return AudioChoice(stream=order[0], note=_stream_note(num, order[0], names, stream, ""))
    first: AudioChoice | None = None
    for index in order:
        heard = _listen(path, index)
        channel, why, amount = _channel(heard, voice, alone=len(order) == 1)
        because = "" if first is None else "; those before it hold no voice"
        note = ". ".join(filter(None, (_stream_note(num, index, names, stream, because), why)))
        choice = AudioChoice(stream=index, channel=channel, note=note)
        first = first or choice
        if amount > 0:
            return choice
    assert first is not None
    return first


def likeliest_audio(container: Any, asked: int | None) -> int:
    """The audio stream that was asked for, else the one marked as default, else the first that can be decoded."""
    return asked if asked is not None else next(iter(_by_likelihood(list(container.streams.audio))), 0)


def _by_likelihood(streams: Sequence[Any]) -> list[int]:
    """Numbers of the streams that can be decoded, those marked as default first."""
    order = [i for i, s in enumerate(streams) if s.codec_context is not None]
    return sorted(order, key=lambda i: (not streams[i].disposition & Disposition.default, i))


def _name(stream: Any, index: int) -> str:
    about = [str(part) for part in (stream.language, stream.metadata.get("title")) if part and part != "und"]
    if stream.disposition & Disposition.default:
        about.append("default")
    return f"{index} ({', '.join(about)})" if about else str(index)


def _stream_note(num: int, index: int, names: dict[int, str], asked: int | None, because: str) -> str:
    if num < 2 or asked is not None:
        return ""
    return f"{num} audio streams; number {names[index]} was used{because}"


@dataclass(frozen=True, eq=False)
class _Heard:
    """The beginning of a stream, at 16 kHz."""

    channels: NDArray[np.float32]
    """(C, S)."""
    mixed: NDArray[np.float32]
    """(S,)."""
    names: tuple[str, ...]
    """Of the loudspeakers."""


def _listen(path: str | os.PathLike[str], index: int) -> _Heard:
    """As much of a stream as decides; a change of its channels ends it."""
    parts: list[NDArray[np.float32]] = []
    mixes: list[NDArray[np.float32]] = []
    names: tuple[str, ...] = ()
    with open_media(path) as container:
        frames = iter(AudioReader(container, choose_audio(container, path, index)))
        resamplers: list[Resampler] = []
        for second in _seconds(frames):
            data = np.concatenate([planes(f) for f in second], axis=1)
            if not resamplers:
                resamplers = [Resampler(second[0].sample_rate, RATE) for _ in range(len(data) + 1)]
                names = tuple(c.name for c in AudioLayout(layout_name(second[0])).channels)
            elif len(data) + 1 != len(resamplers):
                break
            mix = np.concatenate([mono(f) for f in second])
            *each, mixed = [resample(row) for resample, row in zip(resamplers, (*data, mix))]
            parts.append(np.stack(each))
            mixes.append(mixed)
            sounding = sum(np.sqrt((part**2).mean(1)).max(initial=0) > SILENCE for part in parts if part.size)
            if sounding >= LISTENED_S or len(parts) >= FARTHEST_S:
                break
    if not parts:
        return _Heard(np.zeros((1, 0), np.float32), np.zeros(0, np.float32), ("mono",))
    return _Heard(np.concatenate(parts, axis=1), np.concatenate(mixes), names)


def _seconds(frames: Iterator[Any]) -> Iterator[Sequence[Any]]:
    """About a second of frames at a time, all of one layout and rate."""
    held: list[Any] = []
    for frame in frames:
        if held and (frame.sample_rate != held[0].sample_rate or layout_name(frame) != layout_name(held[0])):
            return
        held.append(frame)
        if sum(f.samples for f in held) >= frame.sample_rate:
            yield held
            held = []
    if held:
        yield held


def _channel(heard: _Heard, voice: VoiceMeasure, *, alone: bool) -> tuple[int | None, str, float]:
    """Channel (None = the mix), why, and how much of a voice it holds; `alone`: no other stream waits."""
    num = len(heard.channels)
    power = (heard.channels**2).mean(1) if heard.channels.size else np.zeros(num)
    mixes_well = num == 2 and (heard.mixed**2).mean() > CANCELS * power.mean() and power.min() > CANCELS * power.max()
    if num == 1 or mixes_well:
        amount = 1.0 if alone else voice(heard.mixed)
        return None, "", amount
    amounts = [voice(row) for row in heard.channels]
    mixed, best = voice(heard.mixed), max(amounts, default=0.0)
    if "FC" in heard.names and amounts[heard.names.index("FC")] >= AS_GOOD * max(best, mixed) > 0:
        return heard.names.index("FC"), "the centre channel was used", amounts[heard.names.index("FC")]
    if best == 0 or (mixed >= AS_GOOD * best and not _drowned(heard, amounts)):
        return None, "", mixed
    chosen = int(np.argmax([round(a, 2) for a in amounts]))
    label = {0: "left", 1: "right"}.get(chosen, str(chosen)) if num == 2 else f"number {chosen}"
    cancels = num == 2 and (heard.mixed**2).mean() < 0.1 * power.mean()
    why = "cancel each other when mixed" if cancels else "do not all hold the voice"
    return chosen, f"its channels {why}; the {label} one was used", amounts[chosen]


def _drowned(heard: _Heard, amounts: list[float]) -> bool:
    """Whether a channel without a voice is louder than the voice: the mix would bury it."""
    power = (heard.channels**2).mean(1)
    speaking = np.array(amounts) >= AS_GOOD * max(amounts)
    return bool((~speaking).any() and power[~speaking].max() > power[speaking].max())
