"""Is the watermark read again, and only where it is? Run `python -m viseme.reproduce.watermark_bench CLIP...`.

Every clip is marked, encoded (H.264, CRF 28), scaled to half, cropped by a tenth of each side, and all of these one
after the other; a row states the share of marks read and the share of bits right. A mark that is not read counts as no
bit right. Clean clips, and pieces of them, count false alarms. PSNR is that of RGB frames.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from viseme.media import VideoWriter, read_frames
from viseme.metrics.intervals import wilson
from viseme.provenance.watermark import mark_frames
from viseme.provenance.watermark_reading import read_watermark

__all__ = ["ATTACKS", "main"]

Frames = list[NDArray[np.uint8]]
MESSAGE = 0xC0FFEE
_BITS = 24


def encoded(frames: Iterable[NDArray[np.uint8]], crf: int, max_side: int | None = None) -> Frames:
    """Frames after H.264, scaled while they are decoded."""
    with TemporaryDirectory() as folder:
        path, video = Path(folder) / "clip.mp4", None
        for frame in frames:
            frame = np.ascontiguousarray(frame[: len(frame) // 2 * 2, : frame.shape[1] // 2 * 2])
            if video is None:
                video = VideoWriter(path, width=frame.shape[1], height=frame.shape[0], rate=25, crf=crf).__enter__()
            video.write(frame)
        if video is not None:
            video.__exit__(None, None, None)
        return [frame.image for frame in read_frames(path, max_side=max_side)]


def halved(frames: Frames) -> Frames:
    """Half the size, from an encoding of high quality."""
    return encoded(frames, 12, max_side=max(frames[0].shape[:2]) // 2)


def cropped(frames: Frames) -> Frames:
    """A tenth of each side cut off, unevenly."""
    height, width = frames[0].shape[:2]
    rows, columns = slice(height // 33, height - height // 15), slice(width // 15, width - width // 33)
    return [frame[rows, columns] for frame in frames]


ATTACKS: dict[str, Callable[[Frames], Frames]] = {
    "none": lambda frames: frames,
    "CRF 28": lambda frames: encoded(frames, 28),
    "half size, CRF 28": lambda frames: encoded(halved(frames), 28),
    "crop, CRF 28": lambda frames: encoded(cropped(frames), 28),
    "CRF 18, half, crop, CRF 28": lambda frames: encoded(cropped(halved(encoded(frames, 18))), 28),
}
"""Name -> what is done to marked frames."""


def psnr(frames: Frames, others: Frames) -> float:
    """Of all frames together, dB."""
    errors = [float(np.mean((a.astype(np.float32) - b) ** 2)) for a, b in zip(frames, others)]
    return 10 * math.log10(255**2 / max(float(np.mean(errors)), 1e-9))


def bits_right(found: int | None) -> int:
    """Bits of the message that were read."""
    return 0 if found is None else _BITS - bin(found ^ MESSAGE).count("1")


def bench_lines(clips: Sequence[Path], num_frames: int) -> Iterator[str]:
    """One line a result."""
    read: dict[str, list[int | None]] = {name: [] for name in ATTACKS}
    costs, quality, alarms, num_clean = [], [], 0, 0
    for clip in clips:
        frames = [f.image for f in islice(read_frames(clip), num_frames)]
        frames = [f[: len(f) // 2 * 2, : f.shape[1] // 2 * 2] for f in frames]
        for piece in (frames, cropped(frames)):
            alarms += read_watermark(piece) is not None
            num_clean += 1
        marked = list(mark_frames(frames, MESSAGE))
        quality.append(psnr(frames, marked))
        costs.append(psnr(frames, encoded(frames, 28)) - psnr(frames, encoded(marked, 28)))
        for name, attack in ATTACKS.items():
            found = read_watermark(attack(marked))
            read[name].append(None if found is None else found.message)
    for name, messages in read.items():
        share = wilson(sum(m == MESSAGE for m in messages), len(messages))
        bits = sum(map(bits_right, messages)) / (_BITS * len(messages))
        yield f"{name:<28} read {share}  bits {bits:.3f} (n {len(messages)})"
    clean = wilson(alarms, num_clean)
    yield f"false alarms {alarms} of {num_clean}, at most {clean.high:.4f} (95 %)"
    yield f"PSNR of marked frames {np.mean(quality):.2f} dB, least {min(quality):.2f}"
    yield f"PSNR cost after CRF 28 {np.mean(costs):.2f} dB, largest {max(costs):.2f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m viseme.reproduce.watermark_bench", description=__doc__)
    parser.add_argument("clips", nargs="+", type=Path, metavar="CLIP")
    parser.add_argument("--frames", type=int, default=75, help="frames of a clip that are used")
    options = parser.parse_args(arguments)
    for line in bench_lines(options.clips, options.frames):
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
