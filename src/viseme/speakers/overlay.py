"""The video to look at: boxes, names, scores and the audio under the frame. Knows frames, results, the writer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.audio.voice_activity import voice_fraction
from viseme.core.speakers import FaceState, FaceTimeline, SpeakersResult, VoiceState
from viseme.engine.prefetch import prefetch
from viseme.media import AudioBlock, VideoWriter, probe, read_audio, read_frames
from viseme.media.audio_choice import choose_audible
from viseme.media.images import draw_box, draw_text, text_size
from viseme.speakers.interface import STEP_S

__all__ = ["write_overlay"]

MAX_SIDE = 1280
STRIP = 72
"""Pixels under the frame for the audio and the voices."""
SPAN_S = 6.0
"""Seconds of audio shown."""

COLOURS: dict[FaceState, tuple[int, int, int]] = {
    FaceState.SPEAKING: (64, 200, 110),
    FaceState.NOT_SPEAKING: (150, 150, 150),
    FaceState.CANNOT_TELL: (240, 180, 60),
    FaceState.DUBBING_SUSPECTED: (190, 120, 235),
}
VOICES: dict[VoiceState, tuple[tuple[int, int, int], str]] = {
    VoiceState.ONSCREEN: ((64, 200, 110), "voice: in view"),
    VoiceState.OFFSCREEN: ((225, 75, 90), "voice: not in view"),
    VoiceState.UNSURE: ((240, 180, 60), "voice: cannot tell whose"),
    VoiceState.DUBBED: ((190, 120, 235), "voice: dubbing suspected"),
}
WORDS = {
    FaceState.SPEAKING: "speaking",
    FaceState.NOT_SPEAKING: "",
    FaceState.CANNOT_TELL: "?",
    FaceState.DUBBING_SUSPECTED: "other words",
}


def write_overlay(
    result: SpeakersResult,
    out: str | os.PathLike[str],
    *,
    audio: str | os.PathLike[str] | None = None,
    audio_stream: int | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> None:
    """Write the video of a result with what was found drawn into it; the source is decoded once more.

    Args:
        result: Of `find_speakers`.
        out: The extension chooses the container; MP4 is H.264 and AAC.
        audio: Where the audio came from, if not from the video.
        audio_stream: Which audio stream of it; None = as `find_speakers` chose.
        on_progress: Told the fraction done, 0 to 1.

    Raises:
        OutputError: it cannot be written.
    """
    info = probe(result.file)
    assert info.video is not None
    source = result.file if audio is None else audio
    streams = probe(source).audio
    heard = choose_audible(source, stream=audio_stream, voice=voice_fraction) if streams else None
    audio_rate = None if heard is None else streams[heard.stream].rate
    delay = result.delay_taken_out
    strip = _Strip(result, delay)
    stream = prefetch(read_frames(result.file, max_side=MAX_SIDE), 8)
    try:
        first = next(stream)
        height, width = (side // 2 * 2 for side in first.image.shape[:2])
        with VideoWriter(
            out,
            width=width,
            height=height + STRIP,
            rate=info.video.rate or Fraction(25),
            audio_rate=audio_rate,
            crf=22,
        ) as video:
            blocks = (
                iter(())
                if heard is None or audio_rate is None
                else read_audio(source, rate=audio_rate, stream=heard.stream, channel=heard.channel)
            )
            track = _Audio(video, blocks)
            for frame in _and(first, stream):
                at = float(frame.time)
                sheet = np.empty((height + STRIP, width, 3), np.uint8)
                sheet[:height] = frame.image[:height, :width]
                for face in result.faces:
                    _draw_face(sheet[:height], face, at, frame.scale)
                strip.draw(sheet[height:], at)
                track.write_until(frame.time + 1)
                video.write(sheet, frame.time)
                if on_progress and info.duration:
                    on_progress(min(1.0, at / float(info.duration)))
            track.write_until(None)
    finally:
        stream.close()


def _and(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


class _Audio:
    """Hands the audio to the writer shortly before the frames it belongs to."""

    def __init__(self, video: VideoWriter, blocks: Iterator[AudioBlock]) -> None:
        self._video, self._blocks = video, blocks
        self._held: AudioBlock | None = next(blocks, None)

    def write_until(self, limit: Fraction | None) -> None:
        while self._held is not None and (limit is None or self._held.start < limit):
            self._video.write_audio(self._held.samples, self._held.start)
            self._held = next(self._blocks, None)


def state_at(face: FaceTimeline, time: float) -> FaceState:
    """The state of a face at a time; the nearest one outside its span."""
    for s in face.segments:
        if time < s.end:
            return s.state
    return face.segments[-1].state


def _draw_face(image: NDArray[np.uint8], face: FaceTimeline, time: float, scale: float) -> None:
    if not face.times[0] - STEP_S <= time <= face.times[-1] + STEP_S:
        return
    index = int(np.clip(round(time / STEP_S) - round(face.times[0] / STEP_S), 0, len(face.times) - 1))
    state = state_at(face, time)
    colour = COLOURS[state]
    x0, y0, x1, y1 = (round(float(v) * scale) for v in face.boxes[index])
    thick = 3 if state is FaceState.SPEAKING else 2
    draw_box(image, (x0, y0, x1, y1), colour, thick)
    name = chr(65 + face.person % 26)
    words = f"{name}  {face.scores[index]:+.1f}  {WORDS[state]}".rstrip()
    size = int(np.clip((x1 - x0) / 10, 13, 24))
    wide, tall = text_size(words, size)
    top = max(y0 - tall - 3, 0)
    left = int(np.clip(x0 - thick // 2, 0, max(image.shape[1] - wide - 10, 0)))
    draw_box(image, (left, top, left + wide + 10, top + tall + 2), colour, 0)
    draw_text(image, words, (left + 5, top + 1), (20, 20, 20), size)


class _Strip:
    """Loudness of the seconds around now, coloured by whose voice it is."""

    def __init__(self, result: SpeakersResult, delay: float) -> None:
        self._times = result.audio_times
        level = np.asarray(result.audio_level_db, np.float64)
        loud = float(np.percentile(level, 99)) if len(level) else 0.0
        self._height = np.clip((level - loud + 40) / 40, 0.03, 1)
        self._voice = result.voice
        self._delay = delay

    def draw(self, sheet: NDArray[np.uint8], now: float) -> None:
        sheet[:] = 24
        height, width = sheet.shape[:2]
        middle = 22 + (height - 22) // 2
        if len(self._times):
            # the audio that is heard at a time was made by lips `delay` earlier
            at = now - SPAN_S / 2 + (np.arange(width) + 0.5) / width * SPAN_S
            tall = np.interp(at, self._times, self._height, left=0, right=0) * (height - 26) / 2
            colours = np.full((width, 3), 90, np.uint8)
            for v in self._voice:
                colours[(at - self._delay >= v.start) & (at - self._delay < v.end)] = VOICES[v.state][0]
            rows = np.abs(np.arange(height) - middle)[:, None] <= tall[None]
            sheet[:] = np.where(rows[..., None], colours[None], sheet)
        sheet[20:, width // 2] = 250
        voice = next((v for v in self._voice if v.start <= now - self._delay < v.end), None)
        colour, words = ((140, 140, 140), "no voice") if voice is None else VOICES[voice.state]
        draw_text(sheet, f"{now:.2f} s   {words}", (8, 1), colour, 15)
