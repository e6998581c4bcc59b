"""`viseme.animate_live`: raw audio in, ARKit weights out as it comes, a stated time behind it.

Knows samples and the voice network; refuses to know files. The answer for an instant needs audio up to `latency_s`
later; nothing that was told is changed afterwards.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, BinaryIO

import numpy as np

from viseme.audio.clock import FRAME_S, RATE, WINDOW
from viseme.audio.mel_frames import AudioPiece, MelFrames
from viseme.avatar.mouth import Curves, arkit_weights, mouth_at
from viseme.avatar.voice.features import FRAMES_A_STEP
from viseme.avatar.voice.runner import STEP_S, VoiceCurves, load_voice_curves
from viseme.core.errors import ConfigError
from viseme.face3d.interface import load_face_model
from viseme.media.audio import Resampler
from viseme.provenance.statement import statement

__all__ = ["ANIMATE_LIVE_SCHEMA", "AnimateFrame", "AnimateStream", "animate_live"]

ANIMATE_LIVE_SCHEMA = "viseme.animate.live/1"
BLOCK_S = 0.02
"""Seconds of audio read at once."""
USUAL_LEVEL = 60.0
"""Level of speech that is supposed before any is heard, see `loudest`."""
MEMORY_FRAMES = 1000
"""Audio frames that the level is measured on: 10 s."""
MOST_FPS = 120
NUM_UNITS = 52


@dataclass(frozen=True)
class AnimateFrame:
    """The face at one instant; it is final."""

    time: float
    """Seconds after the first sample."""
    weights: tuple[float, ...]
    """52, in the order of `AnimateStream.names`."""

    def to_json(self) -> dict[str, Any]:
        """One line."""
        return {"schema": ANIMATE_LIVE_SCHEMA, "event": "frame", "time": self.time, "weights": list(self.weights)}


def animate_live(
    source: BinaryIO | None = None,
    *,
    rate: int = 16_000,
    fps: float = 60.0,
    strength: float = 1.0,
    weights: str | os.PathLike[str] | None = None,
) -> AnimateStream:
    """Move the default head by audio as it comes.

    Args:
        source: Raw PCM, 16-bit signed little-endian, mono; None = standard input.
        rate: Its samples a second.
        fps: Frames a second.
        strength: Size of speech movements.
        weights: Name or file of other voice weights; None = those that ship.

    Returns:
        An iterator of `AnimateFrame`, with `names`, `latency_s` and `header()`.

    Raises:
        ConfigError: an option is out of its range.
        WeightsError: weights are missing or damaged.
    """
    if not 8000 <= rate <= 192_000:
        raise ConfigError(f"the sampling rate must be 8000 to 192000, not {rate}")
    if not 0 < fps <= MOST_FPS:
        raise ConfigError(f"the frame rate must be above 0 and at most {MOST_FPS}, not {fps:g}")
    opened = sys.stdin.buffer if source is None else source
    return AnimateStream(load_voice_curves(weights), opened, rate=rate, fps=fps, strength=strength)


class AnimateStream(Iterator[AnimateFrame]):
    """Frames of an open stream, as soon as they are final."""

    def __init__(self, voice: VoiceCurves, source: BinaryIO, *, rate: int, fps: float, strength: float) -> None:
        self.names: tuple[str, ...] = load_face_model().expression_names[:NUM_UNITS]
        self.latency_s = latency_of(voice, fps)
        """Seconds between an instant and the audio that must have been heard before it is told; computing comes on
        top."""
        self._voice, self._source, self._fps, self._strength = voice, source, fps, strength
        self._block_bytes, self._resampled = 2 * max(1, round(BLOCK_S * rate)), Resampler(rate, RATE)
        self._mels = MelFrames(None)
        self._levels: deque[float] = deque([USUAL_LEVEL] * 100, maxlen=MEMORY_FRAMES)
        self._samples = self._measured = self._told = self._step = 0
        self._times = np.zeros(0)
        self._values = np.zeros((0, 11), np.float32)
        self._waiting: deque[AnimateFrame] = deque()
        self._ended = False

    def header(self) -> dict[str, Any]:
        """The first line."""
        return {
            "schema": ANIMATE_LIVE_SCHEMA, "event": "header", "names": list(self.names), "fps": self._fps,
            "latency_s": round(self.latency_s, 4), "weights": self._voice.name,
            "provenance": statement(self._voice.name, None),
        }  # fmt: skip

    def __next__(self) -> AnimateFrame:
        while not self._waiting:
            if self._ended:
                raise StopIteration
            self._read()
        return self._waiting.popleft()

    def _read(self) -> None:
        """Take in one block of audio, or its end."""
        data = self._block()
        self._ended = len(data) < self._block_bytes
        samples = (np.frombuffer(data[: len(data) // 2 * 2], "<i2") / 32768).astype(np.float32)
        heard = [self._resampled(samples)]
        if self._ended:
            heard.append(self._resampled.flush())
        for part in heard:
            self._mels.take(AudioPiece(Fraction(self._samples, RATE), part))
            self._samples += len(part)
        if self._ended:  # what comes after it is silence
            silence = np.zeros(round((self.latency_s + BLOCK_S) * RATE), np.float32)
            self._mels.take(AudioPiece(Fraction(self._samples, RATE), silence))
        self._advance()

    def _block(self) -> bytes:
        """`BLOCK_S` of audio; less at the end alone."""
        data = b""
        while len(data) < self._block_bytes:
            more = self._source.read(self._block_bytes - len(data))
            if not more:
                break
            data += more
        return data

    def _advance(self) -> None:
        """Run the network on the steps that have all the audio they use, and tell the frames between them."""
        ready = round(self._mels.position / FRAME_S)
        last = (ready - self._voice.ahead_frames) // FRAMES_A_STEP
        if last <= self._step:
            return
        begin = self._step * FRAMES_A_STEP - self._voice.behind_frames // 2 * 2 - 2
        _, power = self._mels.window(max(begin, 0) * FRAME_S, ready * FRAME_S)
        fresh = power[max(self._measured - max(begin, 0), 0) :]
        self._levels.extend(fresh.sum(1).tolist())
        self._measured = ready
        level = float(np.quantile(np.array(self._levels), 0.9))
        curves = self._voice.of_power(power, level)
        skip = self._step - max(begin, 0) // FRAMES_A_STEP
        new = curves[skip : skip + last - self._step]
        times = (np.arange(self._step, last) * FRAMES_A_STEP + 1) * FRAME_S
        self._times = np.concatenate([self._times[-8:], times])
        self._values = np.concatenate([self._values[-8:], new])
        self._step = last
        self._mels.forget(begin * FRAME_S - 1)
        self._tell()

    def _tell(self) -> None:
        """Frames whose closures can no longer change."""
        end = min(self._times[-1] - 0.5 / self._fps, self._samples / RATE)
        num = int(np.floor(end * self._fps)) + 1 - self._told
        if num <= 0:
            return
        times = (self._told + np.arange(num)) / self._fps
        mouth = mouth_at(Curves(times=self._times, values=self._values), times, strength=self._strength)
        rows = arkit_weights(mouth.units, self.names, num)
        for time, row in zip(times.tolist(), np.round(rows.astype(np.float64), 4).tolist()):
            self._waiting.append(AnimateFrame(round(time, 4), tuple(row)))
        self._told += num


def latency_of(voice: VoiceCurves, fps: float) -> float:
    """Seconds of audio after an instant that must be heard before it is told: what the network looks ahead, half a
    spectrum's window, up to two steps between which the frame lies, half a frame, and the block that is being read."""
    return (voice.ahead_frames + 1) * FRAME_S + WINDOW / 2 / RATE + STEP_S + 0.5 / fps + BLOCK_S
