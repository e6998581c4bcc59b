"""Is the watermark read again, and only where it is? Run `python -m viseme.reproduce.watermark_bench CLIP...`.

The first clips are marked in the luma of the whole frame and written at CRF 18, both as `viseme dub` does it, then
harmed as people harm videos. A row states the share of clips whose message is read, with its 95 % interval, and the
share of bits that are right; where nothing is read no bit is right. The cost is the PSNR (RGB, against the original)
of the same encoding without a mark less that with it. False alarms are counted over stretches of two seconds of all
clips, each of them once, then over pieces of them and patterns, by the search that `viseme provenance` uses, on frames
of the size that it uses.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import VisemeError
from viseme.media import VideoWriter, probe, read_frames
from viseme.media.planes import FramePlanes, read_planes
from viseme.media.rewrite import rewrite_video
from viseme.metrics.intervals import wilson
from viseme.provenance.reading import LARGEST_SIDE
from viseme.provenance.watermark_reading import read_watermark
from viseme.provenance.watermark_strength import video_mark
from viseme.reproduce.clean_pieces import clean_pieces, clean_stretches

__all__ = ["ATTACKS", "main"]

Frames = list[NDArray[np.uint8]]
MESSAGE = 0xC0FFEE
RETIMED = "25 to 30 frames/s, CRF 28"
_BITS = 24


def dubbed(clip: Path, out: Path, num_frames: int, *, marked: bool, crf: int = 18) -> Frames:
    """Frames of a clip as `viseme dub` would write them, without another face."""
    mark = video_mark(clip, MESSAGE, audio_file=clip, crf=crf) if marked else None

    def frames() -> Iterator[FramePlanes]:
        for planes in islice(read_planes(clip), num_frames):
            planes.make_writable()
            if mark is not None:
                mark(planes)
            yield planes

    rewrite_video(clip, out, frames(), audio_file=clip, crf=crf)
    return [frame.image for frame in read_frames(out)]


def encoded(frames: Sequence[NDArray[np.uint8]], crf: int, *, rate: int = 25, half: bool = False) -> Frames:
    """Frames after H.264, scaled while they are decoded."""
    height, width = (size // 2 * 2 for size in frames[0].shape[:2])
    with TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        with VideoWriter(path, width=width, height=height, rate=rate, crf=crf) as video:
            for frame in frames:
                video.write(np.ascontiguousarray(frame[:height, :width]))
        return [frame.image for frame in read_frames(path, max_side=max(height, width) // 2 if half else None)]


def halved(frames: Frames) -> Frames:
    """Half the size, from an encoding of high quality."""
    return encoded(frames, 12, half=True)


def cropped(frames: Frames) -> Frames:
    """A tenth of width and height cut off, unevenly."""
    height, width = frames[0].shape[:2]
    rows, columns = slice(height // 33, height - height // 15), slice(width // 15, width - width // 33)
    return [frame[rows, columns] for frame in frames]


def brighter(frames: Frames) -> Frames:
    """A gain of 1.15 and 12 levels more."""
    return [np.clip(frame * 1.15 + 12, 0, 255).astype(np.uint8) for frame in frames]


def retimed(frames: Frames) -> Frames:
    """From 25 to 30 frames a second by showing some twice."""
    return [frames[number * 5 // 6] for number in range(len(frames) * 6 // 5)]


ATTACKS: dict[str, Callable[[Frames], Frames]] = {
    "CRF 18, as written": lambda frames: frames,
    "CRF 28": lambda frames: encoded(frames, 28),
    "half size": lambda frames: encoded(halved(frames), 18),
    "half size, CRF 28": lambda frames: encoded(halved(frames), 28),
    "crop 10 %": lambda frames: encoded(cropped(frames), 18),
    "crop 10 %, CRF 28": lambda frames: encoded(cropped(frames), 28),
    "half size, crop 10 %, CRF 28": lambda frames: encoded(cropped(halved(frames)), 28),
    "mirrored, CRF 28": lambda frames: encoded([frame[:, ::-1] for frame in frames], 28),
    "brighter, CRF 28": lambda frames: encoded(brighter(frames), 28),
    RETIMED: lambda frames: encoded(retimed(frames), 28, rate=30),
    "7 frames cut off, CRF 28": lambda frames: encoded(frames[7:], 28),
    "2 s, CRF 28": lambda frames: encoded(frames[:50], 28),
    "1 s, CRF 28": lambda frames: encoded(frames[:25], 28),
}
"""Name -> what is done to marked frames, first of which is the encoding at CRF 18."""


def psnr(frames: Frames, others: Frames) -> float:
    """Of all frames together, dB."""
    errors = [float(np.mean((a.astype(np.float32) - b) ** 2)) for a, b in zip(frames, others)]
    return 10 * math.log10(255**2 / max(float(np.mean(errors)), 1e-9))


@dataclass
class _Counts:
    """What was read in marked clips."""

    read: dict[str, list[int | None]] = field(default_factory=lambda: {name: [] for name in ATTACKS})
    costs: dict[int, list[float]] = field(default_factory=lambda: {18: [], 28: []})

    def take(self, clip: Path, num_frames: int) -> None:
        """Mark a clip and harm it."""
        with TemporaryDirectory() as folder:
            out = Path(folder) / "clip.mkv"
            original = [frame.image for frame in islice(read_frames(clip), num_frames)]
            for crf, costs in self.costs.items():
                plain = psnr(original, dubbed(clip, out, num_frames, marked=False, crf=crf))
                costs.append(plain - psnr(original, dubbed(clip, out, num_frames, marked=True, crf=crf)))
            frames = dubbed(clip, out, num_frames, marked=True)
            video = probe(clip).video
            rate = 25.0 if video is None or video.rate is None else float(video.rate)
        for name, attack in ATTACKS.items():
            found = read_watermark(attack(frames), rate=rate * (1.2 if name == RETIMED else 1.0))
            self.read[name].append(None if found is None else found.message)

    def last(self, name: str) -> str:
        """Of the clip that was taken last: what was not read, and the cost."""
        lost = [attack for attack, messages in self.read.items() if messages[-1] != MESSAGE]
        costs = ", ".join(f"{costs[-1]:.2f} dB at CRF {crf}" for crf, costs in self.costs.items())
        return f"{name}: {costs}; lost: {'; '.join(lost) or 'nothing'}"

    def lines(self) -> Iterator[str]:
        """The table."""
        for name, messages in self.read.items():
            share = wilson(sum(message == MESSAGE for message in messages), len(messages)).text()
            bits = sum(map(bits_right, messages)) / (_BITS * max(1, len(messages)))
            wrong = sum(message not in (None, MESSAGE) for message in messages)
            yield f"{name:<30} read {share}  bits {bits:.3f}  wrong {wrong}  (n {len(messages)})"
        for crf, costs in self.costs.items():
            yield f"PSNR cost at CRF {crf}: mean {np.mean(costs):.2f} dB, {min(costs):.2f} to {max(costs):.2f}"


def bits_right(found: int | None) -> int:
    """Bits of the message that were read.

    Example:
        >>> bits_right(None), bits_right(MESSAGE), bits_right(MESSAGE ^ 1)
        (0, 24, 23)
    """
    return 0 if found is None else _BITS - (found ^ MESSAGE).bit_count()


def false_alarms(clips: Sequence[Path], num_clean: int) -> str:
    """Clean stretches, then pieces of them and patterns, one line."""
    alarms, num = 0, 0
    for clip in clips:
        for search in clean_stretches(clip, max_side=LARGEST_SIDE):
            alarms += search.find() is not None
            num += 1
    real = num
    for piece in clean_pieces(clips, max(0, num_clean - num), max_side=LARGEST_SIDE):
        alarms += read_watermark(piece) is not None
        num += 1
    share = wilson(alarms, num)
    told = f"{alarms} of {num} clean clips, {real} of them stretches as filmed"
    return f"false alarms: {told}; at most {share.high:.4f} (95 %)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m viseme.reproduce.watermark_bench", description=__doc__)
    parser.add_argument("clips", nargs="+", type=Path, metavar="CLIP")
    parser.add_argument("--marked", type=int, default=12, help="clips that are marked, the first ones")
    parser.add_argument("--frames", type=int, default=75, help="frames of a clip that are marked")
    parser.add_argument("--clean", type=int, default=1000, help="clean clips in which nothing may be found")
    options = parser.parse_args(arguments)
    counts = _Counts()
    for clip in options.clips[: options.marked]:
        try:
            counts.take(clip, options.frames)
            print(counts.last(clip.name), file=sys.stderr, flush=True)
        except VisemeError as error:
            print(f"left out: {error}", file=sys.stderr)
    for line in counts.lines():
        print(line, flush=True)
    print(false_alarms(options.clips, options.clean))
    return 0


if __name__ == "__main__":
    sys.exit(main())
