"""What `check` is asked: lips of one clip with audio of known delay, cut and put together as a file would hold them.

Knows measured clips and chance; refuses to know weights. Chance depends on the clip's name alone, so that two runs ask
the same whatever else is in the manifest.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from viseme.audio.clock import RATE
from viseme.faces import FaceTrackChunk
from viseme.reproduce.measured_clips import MeasuredClip

__all__ = ["MOST_SHIFT_S", "Question", "cut_chunks", "known_shifts", "mismatched_audio", "rng_for"]

AUDIO_AROUND_S = 2.5
"""Seconds of audio kept on either side of a window: what `check` reaches with delays up to 2 s."""
WINDOWS_S = (1.0, 2.0)
LEAST_WHOLE_S = 2.9
"""Shorter clips are asked about in windows alone."""
MOST_SHIFT_S = 1.0
MANY_CLIPS = 30
"""Clips of a speaker of whom there are more are asked about once each, so that nobody outweighs the others."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Question:
    """Lips of one clip, audio of the same or of another."""

    group: str
    """"whole", "1 s", "2 s" or "mismatched"."""
    lips: MeasuredClip
    audio: MeasuredClip | None
    """Whose audio is heard; None = the clip's own, which fits the lips."""
    shift: float = 0.0
    """Seconds by which the audio is moved later."""
    window: tuple[float, float] | None = None
    """Seconds of the video that are kept; None = all."""
    trimmed: bool = False
    """Whether the audio ends with the video, as in a clip cut from a longer one; else it goes on around it."""
    noise: NDArray[np.float32] | None = None
    """(S,) added to the audio."""

    @property
    def span(self) -> tuple[float, float]:
        """Seconds of the video from the first frame to the end of the last."""
        return self.window or (self.lips.start, self.lips.end)

    def chunks(self) -> list[FaceTrackChunk]:
        """The faces, as the tracker gave them."""
        return list(self.lips.chunks) if self.window is None else cut_chunks(self.lips.chunks, *self.window)

    def samples(self) -> tuple[NDArray[np.float32], float]:
        """(S,) audio at 16 kHz, and seconds of its first sample on the video's clock."""
        heard = self.audio or self.lips
        samples = heard.samples if self.noise is None else heard.samples + self.noise
        start, end = self.span
        around = 0.0 if self.trimmed else AUDIO_AROUND_S
        begin = heard.audio_start + self.shift
        first = max(0, round((start - around - begin) * RATE))
        last = max(first, round((end + around - begin) * RATE))
        return samples[first:last], begin + first / RATE

    def speech_fraction(self) -> float:
        """Fraction of the window's time in which the audio, unmoved, is less than 25 dB below its loudest passages."""
        heard = self.audio or self.lips
        start, end = (round((t - heard.audio_start) * 100) for t in self.span)
        spoken = heard.speech()[max(0, start) : max(0, end)]
        return float(spoken.mean()) if len(spoken) else 0.0


def cut_chunks(chunks: Sequence[FaceTrackChunk], start: float, end: float) -> list[FaceTrackChunk]:
    """What lies in [start, end) seconds of every face, as if the file began and ended there."""
    kept = []
    for chunk in chunks:
        rows = (chunk.times >= start - 1e-6) & (chunk.times < end - 1e-6)
        if rows.any():
            arrays = {k: getattr(chunk, k)[rows] for k in ("times", "landmarks", "boxes", "observed", "confidence")}
            kept.append(replace(chunk, **arrays, last=False))
    final = {chunk.track_id: number for number, chunk in enumerate(kept)}
    return [replace(c, last=True) if final[c.track_id] == number else c for number, c in enumerate(kept)]


def rng_for(clip: MeasuredClip, what: str, turn: int = 0) -> np.random.Generator:
    """Chance for one clip and one purpose."""
    return np.random.default_rng([0, turn, zlib.crc32(f"{what}:{clip.name}".encode())])


def known_shifts(clips: Sequence[MeasuredClip], each: int) -> Iterator[Question]:
    """Whole clips, half of them with the audio trimmed to the video, and windows cut from them, under shifted audio.

    Args:
        clips: With their own audio.
        each: Shifts of a clip.
    """
    of_speaker = Counter(clip.speaker for clip in clips)
    for clip in clips:
        rng = rng_for(clip, "shifts")
        for number in range(1 if of_speaker[clip.speaker] > MANY_CLIPS else each):
            if clip.seconds >= LEAST_WHOLE_S:
                shift = float(rng.uniform(-MOST_SHIFT_S, MOST_SHIFT_S))
                yield Question(group="whole", lips=clip, audio=None, shift=shift, trimmed=number % 2 == 0)
            for length in WINDOWS_S:
                if clip.seconds >= length + 0.1:
                    start = clip.start + float(rng.uniform(0, clip.seconds - length))
                    shift = float(rng.uniform(-MOST_SHIFT_S, MOST_SHIFT_S))
                    window = start, start + length
                    yield Question(group=f"{length:.0f} s", lips=clip, audio=None, shift=shift, window=window)


def mismatched_audio(clips: Sequence[MeasuredClip], each: int) -> Iterator[Question]:
    """Every clip under the audio of another clip of its source, and of another speaker.

    Args:
        clips: With their own audio.
        each: Times both.
    """
    for clip in clips:
        others = [c for c in clips if not c.same_recording(clip)]
        pools = [c for c in others if c.source == clip.source], [c for c in others if c.speaker != clip.speaker]
        for turn in range(each):
            rng = rng_for(clip, "mismatched", turn)
            for pool in pools:
                if pool:
                    heard = pool[int(rng.integers(len(pool)))]
                    yield Question(group="mismatched", lips=clip, audio=heard)
