"""Whole clips and windows of 2 s under disturbed frames or audio, the same shifts for every disturbance."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viseme.data.manifest import ManifestRow
from viseme.reproduce.measured_clips import MeasuredClip, measured_clips
from viseme.reproduce.sync_bench.disturbances import FRAME_DISTURBANCES, babble_of, noise_at
from viseme.reproduce.sync_bench.questions import MOST_SHIFT_S, Question, rng_for
from viseme.reproduce.sync_bench.summary import answer_lines
from viseme.reproduce.sync_bench.trials import Examiner

__all__ = ["disturbed_lines"]

MOST_OF_SPEAKER = 6
"""Clips of one speaker that are tracked again for every disturbance."""
SHIFTS = 4
BABBLE_DB = 15.0


def disturbed_lines(
    examiner: Examiner, rows: Sequence[ManifestRow], clips: Sequence[MeasuredClip], work: Path
) -> Iterator[str]:
    """Two lines a group for clean clips and for every disturbance.

    Args:
        examiner: Who is asked.
        rows: Of the manifest.
        clips: The same undisturbed, as far as they can be used; their delays are taken from these.
        work: Where tracks are kept.
    """
    clean = {clip.name: clip for clip in clips if examiner.true_delay(clip) is not None}
    rows = _few_of_each(rows, clean)
    chosen = [clean[_name(row)] for row in rows]
    yield from _lines(examiner, "clean", chosen, clean)
    for name, disturb in FRAME_DISTURBANCES.items():
        found = measured_clips(
            rows, work, disturb=disturb, name=name, on_left_out=lambda why: print(f"left out: {why}", file=sys.stderr)
        )
        yield from _lines(examiner, name, found, clean)
    yield from _lines(examiner, f"babble {BABBLE_DB:.0f} dB", chosen, clean, babble_of(chosen))


def _name(row: ManifestRow) -> str:
    return f"{row.path.parent.name}/{row.path.name}"


def _few_of_each(rows: Sequence[ManifestRow], clean: dict[str, MeasuredClip]) -> list[ManifestRow]:
    """Some clips of every speaker, evenly chosen."""
    of_speaker: dict[str, list[ManifestRow]] = defaultdict(list)
    for row in rows:
        if _name(row) in clean:
            of_speaker[row.speaker].append(row)
    kept = []
    for some in of_speaker.values():
        places = np.linspace(0, len(some) - 1, min(len(some), MOST_OF_SPEAKER)).round().astype(int)
        kept += [some[i] for i in places]
    return kept


def _lines(
    examiner: Examiner,
    name: str,
    clips: Sequence[MeasuredClip],
    clean: dict[str, MeasuredClip],
    babble: NDArray[np.float32] | None = None,
) -> Iterator[str]:
    questions = [question for clip in clips for question in _questions(clip, clean[clip.name], babble)]
    trials = [examiner.trial(question, like=clean[question.lips.name]) for question in questions]
    for group in ("whole", "2 s"):
        yield from answer_lines([t for t in trials if t.group == group], f"{name}, {group}")


def _questions(clip: MeasuredClip, clean: MeasuredClip, babble: NDArray[np.float32] | None) -> Iterator[Question]:
    rng = rng_for(clip, "disturbed")
    for _ in range(SHIFTS):
        shift = float(rng.uniform(-MOST_SHIFT_S, MOST_SHIFT_S))
        start = clean.start + float(rng.uniform(0, max(clean.seconds - 2.0, 0.0)))
        noise = None if babble is None else noise_at(babble, clip.samples, BABBLE_DB, rng)
        yield Question(group="whole", lips=clip, audio=None, shift=shift, trimmed=True, noise=noise)
        yield Question(group="2 s", lips=clip, audio=None, shift=shift, window=(start, start + 2), noise=noise)
