"""Is a real clip better than every disturbed copy of itself? Run `python -m viseme.reproduce.score_bench CLIP...`.

For each disturbance and metric: the share of clips of which the disturbed copy is worse than the real one. A copy that
cannot be scored counts as worse. Clips that are not in sync themselves are left out: moved audio may mend them. Audio
moved by 0.2 s keeps `vsc` and `vsd`, which look for the best delay, and AVS_m and AVS_v, which compare lips under one
audio: `vsd@0` and AVS_u are those that must fall.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import VisemeError
from viseme.core.scores import ClipScore, MetricProtocol
from viseme.media import AudioBlock, Frame
from viseme.media.images import decode_image, encode_jpeg, gaussian_blur
from viseme.media.source import FileSource, MediaSource, Warn
from viseme.metrics.clip_score import ClipSources, score_sources
from viseme.metrics.intervals import wilson
from viseme.metrics.metric_choice import MetricOptions, MetricSet, metric_set

__all__ = ["DISTURBANCES", "DisturbedSource", "bench_lines", "is_worse", "main", "plays_in_sync"]

IN_SYNC_S = 0.06
"""Delay up to which a real clip is in sync: a frame and a half."""


class DisturbedSource:
    """A `MediaSource` whose frames or audio are changed on the way."""

    def __init__(
        self,
        source: MediaSource,
        disturb: Callable[[Iterator[Frame]], Iterator[Frame]] = iter,
        *,
        audio_later: Fraction = Fraction(0),
    ) -> None:
        """Change nothing yet.

        Args:
            source: The clip.
            disturb: Of its frames.
            audio_later: Seconds by which its audio is moved.
        """
        self._source, self._disturb, self._audio_later = source, disturb, audio_later
        self.name, self.duration, self.frame_rate = source.name, source.duration, source.frame_rate
        self.width, self.height, self.timecode = source.width, source.height, source.timecode

    def frames(self, *, max_side: int | None = None, on_warning: Warn | None = None) -> Iterator[Frame]:
        """See `MediaSource.frames`."""
        return self._disturb(self._source.frames(max_side=max_side, on_warning=on_warning))

    def audio(self, *, on_warning: Warn | None = None) -> Iterator[AudioBlock]:
        """See `MediaSource.audio`."""
        for block in self._source.audio(on_warning=on_warning):
            yield replace(block, start=block.start + self._audio_later)

    def samples(self, start: float, end: float) -> NDArray[np.float32]:
        """See `MediaSource.samples`."""
        return self._source.samples(start - float(self._audio_later), end - float(self._audio_later))


def _each(change: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]) -> Callable[[Iterator[Frame]], Iterator[Frame]]:
    return lambda frames: (replace(frame, image=change(frame.image)) for frame in frames)


def _held(frames: Iterator[Frame]) -> Iterator[Frame]:
    """The first frame for the whole length."""
    first: NDArray[np.uint8] | None = None
    for frame in frames:
        first = frame.image if first is None else first
        yield replace(frame, image=first)


def _late(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Every frame shows what was five frames ago; the audio stays."""
    past: list[NDArray[np.uint8]] = []
    for frame in frames:
        past = [*past[-5:], frame.image]
        yield replace(frame, image=past[0])


DISTURBANCES: dict[str, Callable[[MediaSource], MediaSource]] = {
    "audio 0.2 s late": lambda s: DisturbedSource(s, audio_later=Fraction(1, 5)),
    "audio 0.2 s early": lambda s: DisturbedSource(s, audio_later=Fraction(-1, 5)),
    "frames 5 late": lambda s: DisturbedSource(s, _late),
    "blur, sigma 3": lambda s: DisturbedSource(s, _each(lambda image: gaussian_blur(image, 3))),
    "JPEG 20": lambda s: DisturbedSource(s, _each(lambda image: decode_image(encode_jpeg(image, 20)))),
    "first frame held": lambda s: DisturbedSource(s, _held),
}
"""Name -> the copy of a clip."""


def bench_lines(clips: Sequence[Path], metrics: MetricSet) -> Iterator[str]:
    """A line for each disturbance: metric, share of clips whose copy is worse, 95 % interval."""
    protocols = metrics.protocols(has_reference=True)
    for name, disturb in DISTURBANCES.items():
        scores = [_scored(clip, disturb, metrics) for clip in clips]
        pairs = [score for score in scores if plays_in_sync(score)]
        cells = []
        for protocol in protocols:
            worse = [w for score in pairs if (w := is_worse(protocol, score)) is not None]
            cells.append(f"{protocol.name} {wilson(sum(worse), len(worse)).text(2)} (n {len(worse)})")
        yield f"{name} ({len(scores) - len(pairs)} clips out of sync left out): {', '.join(cells)}"


def _scored(clip: Path, disturb: Callable[[MediaSource], MediaSource], metrics: MetricSet) -> ClipScore:
    real = FileSource(clip)
    made = disturb(real)
    return score_sources(
        ClipSources(
            name=clip.stem,
            file=str(clip),
            generated=made,
            reference=real,
            heard=made,
            reference_heard=real,
            mismatched=None,
            has_reference=True,
        ),
        metrics,
    )


def plays_in_sync(score: ClipScore) -> bool:
    """Whether the real clip does, as far as can be told."""
    return score.reference_delay is not None and abs(score.reference_delay) <= IN_SYNC_S


def is_worse(protocol: MetricProtocol, score: ClipScore) -> bool | None:
    """Whether the copy is worse than the real clip; None where the real one has no value."""
    real = score.anchors.get("reference", {}).get(protocol.name)
    value = score.metrics[protocol.name].value
    if real is None:
        return None
    if value is None:
        return True
    return protocol.better.cost(value) > protocol.better.cost(real)


def main(arguments: list[str] | None = None) -> int:
    """Run and print; 1 where something could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m viseme.reproduce.score_bench", description=__doc__)
    parser.add_argument("clips", nargs="+", type=Path, metavar="CLIP")
    parser.add_argument("--metrics", help="names with commas between; without it, all")
    options = parser.parse_args(arguments)
    try:
        names = None if options.metrics is None else tuple(options.metrics.split(","))
        for line in bench_lines(options.clips, metric_set(MetricOptions(names=names))):
            print(line, flush=True)
    except VisemeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
