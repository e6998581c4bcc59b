"""What a speech expert is worth on clips nobody trained on. Run `python -m viseme.reproduce.expert_bench`.

AVS_u when the audio is shifted, own against other audio, phones and GRID sentences read from lips alone. Clips of `dev`
whose delay is known; of a clip with several faces the one seen longest.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from viseme.core.errors import VisemeError
from viseme.data.manifest import ManifestRow, read_held_out, read_manifest
from viseme.expert.corpus import SpeechClips, real_clips
from viseme.expert.grammar import GRAMMARS, best_sentence
from viseme.expert.interface import RATE
from viseme.expert.phones import UNKNOWN, collapsed
from viseme.expert.runner import ShippedExpert, load_expert
from viseme.expert.seen import network_input
from viseme.metrics.area_under_roc import area_under_roc
from viseme.metrics.intervals import wilson
from viseme.metrics.proportion import Proportion
from viseme.metrics.speech_similarity import similarity
from viseme.metrics.wer import WordErrors, word_errors

__all__ = ["EmbeddedClip", "bench_lines", "falls_with_shift", "main", "shift_curve", "window_scores"]

REACH = 10
"""Frames either way by which audio is shifted."""
WINDOW = 3 * RATE
"""Frames of a cut under own or other audio."""
NUM_OTHERS = 4
"""Other audio that each cut is put under."""


@dataclass(frozen=True, kw_only=True)
class EmbeddedClip:
    """One clip as an expert sees and hears it."""

    row: ManifestRow
    lips: NDArray[np.float32]
    """(T, D) of video alone."""
    voice: NDArray[np.float32]
    """(T, D) of audio alone."""
    read: NDArray[np.float32]
    """(T, P) log-probabilities of phones, lips alone."""
    phones: NDArray[np.int64]
    """(T,) what is said, `UNKNOWN` where that is not known."""


def shift_curve(lips: NDArray[np.floating], voice: NDArray[np.floating], reach: int = REACH) -> NDArray[np.float64]:
    """(2 reach + 1,) AVS_u with the audio so many frames early to late, where both are there."""
    num, out = min(len(lips), len(voice)), []
    for shift in range(-reach, reach + 1):
        late, early = max(0, shift), max(0, -shift)
        out.append(similarity(lips[late : num - early], voice[early : num - late]).value)
    return np.array(out)


def falls_with_shift(curve: NDArray[np.floating]) -> bool:
    """Whether the highest value lies within a frame of no shift, and the mean of both sides falls from 0 over 1 to 2
    and 3 to 5 to 6 to 10 frames.

    Example:
        >>> falls_with_shift(-np.abs(np.arange(-10.0, 11.0))), falls_with_shift(np.arange(21.0))
        (True, False)
    """
    apart = np.abs(np.arange(len(curve)) - len(curve) // 2)
    steps = [curve[(apart >= low) & (apart <= high)].mean() for low, high in ((0, 0), (1, 2), (3, 5), (6, 10))]
    return bool(apart[int(np.argmax(curve))] <= 1 and (np.diff(steps) < 0).all())


def window_scores(
    clips: Sequence[EmbeddedClip], *, window: int = WINDOW, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.bool_], list[str]]:
    """AVS_u of one cut of each clip that is long enough, under its own audio and under that of other people.

    Returns:
        (N,) values, (N,) whether the audio is its own, and the source of each.
    """
    rng = np.random.default_rng(seed)
    long = [clip for clip in clips if min(len(clip.lips), len(clip.voice)) >= window]
    values, own, sources = [], [], []
    for clip in long:
        begin = (min(len(clip.lips), len(clip.voice)) - window) // 2
        cut = clip.lips[begin : begin + window]
        others = [other for other in long if other.row.speaker != clip.row.speaker]
        picked = rng.permutation(len(others))[:NUM_OTHERS].tolist()
        for other in [clip, *(others[i] for i in picked)]:
            at = begin if other is clip else (min(len(other.lips), len(other.voice)) - window) // 2
            values.append(similarity(cut, other.voice[at : at + window]).value)
            own.append(other is clip)
            sources.append(clip.row.source)
    return np.array(values), np.array(own), sources


def _embedded(expert: ShippedExpert, rows: Sequence[ManifestRow], work: Path) -> list[EmbeddedClip]:
    prepared = SpeechClips.of([real_clips(rows, work, sees=expert.input)], expert.input)
    by_name = {row.info().name: row for row in rows}
    found = []
    for number, info in enumerate(prepared.infos):
        seen, speech, phones = prepared.read(number, prepared.seen, "speech", "phones")
        lips = network_input(seen)
        found.append(
            EmbeddedClip(
                row=by_name[info.name],
                lips=expert.encode(video=lips),
                voice=expert.encode(audio=speech.astype(np.float32)),
                read=expert.read_phones(lips),
                phones=phones,
            )
        )
    return found


def bench_lines(clips: Sequence[EmbeddedClip], trained: Sequence[ManifestRow]) -> Iterator[str]:
    """Every figure in a line, with its interval and n.

    Args:
        clips: Held-out ones.
        trained: What the expert was trained on, to tell known people and sources from others.
    """
    curves = [shift_curve(clip.lips, clip.voice) for clip in clips if len(clip.lips) > 2 * REACH]
    yield f"AVS_u falls with the shift: {Proportion.of(map(falls_with_shift, curves))}"
    tops = [abs(int(np.argmax(curve)) - REACH) <= 1 for curve in curves]
    yield f"  its highest value within 1 frame of no shift: {Proportion.of(tops)}"
    ranks = [_rank_correlation(np.abs(np.arange(-REACH, REACH + 1)), curve) for curve in curves]
    negative = Proportion.of(r < 0 for r in ranks)
    yield f"  rank correlation with the size of the shift: median {np.median(ranks):.2f}; negative {negative}"
    mean = np.mean(curves, 0)
    shown = ", ".join(f"{k:+d} {mean[REACH + k]:.3f}" for k in (-10, -5, -2, -1, 0, 1, 2, 5, 10))
    yield f"  mean by frames the audio is early or late: {shown}"
    values, own, sources = window_scores(clips)
    known = {row.source for row in trained}
    everybody = np.ones(len(own), bool)
    for name, which in (
        ("all", everybody),
        ("sources nobody of whom was trained on", np.array([s not in known for s in sources])),
    ):
        area = area_under_roc(values[which], own[which])
        counts = f"n = {int(own[which].sum())} own, {int((~own[which]).sum())} other"
        yield f"own against other audio, 3 s, {name}: AUROC {area:.3f}  {counts}"
    speakers = {row.speaker for row in trained}
    yield from _read(clips, speakers)


def _rank_correlation(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Spearman's."""
    return float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])


def _read(clips: Sequence[EmbeddedClip], trained: set[str]) -> Iterator[str]:
    said = [clip for clip in clips if clip.row.text]
    for name, group in (
        ("people trained on", [c for c in said if c.row.speaker in trained]),
        ("people never seen", [c for c in said if c.row.speaker not in trained]),
    ):
        words, errors, spoken = WordErrors(), 0, 0
        for clip in group:
            sentence, _ = best_sentence(clip.read, GRAMMARS["grid"])
            words.add(clip.row.text, " ".join(sentence))
            truth = collapsed(clip.phones[clip.phones != UNKNOWN])
            errors += word_errors(truth, collapsed(clip.read.argmax(1)))
            spoken += len(truth)
        wrong = wilson(words.errors, words.words) if words.words else None
        if wrong is not None:
            rate = wrong.text(3)
            yield f"GRID sentences of {name}: word error rate {rate}  n = {len(group)} clips, {words.words} words"
        if spoken:
            yield f"  phone error rate, lips alone: {errors / spoken:.3f}  n = {spoken} phones"


def main(arguments: list[str] | None = None) -> int:
    """Run and print; 1 where nothing could be measured."""
    parser = argparse.ArgumentParser(prog="python -m viseme.reproduce.expert_bench", description=__doc__)
    parser.add_argument("--weights", type=Path, help="a speech expert; without it, the one that ships")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder with manifest.csv")
    parser.add_argument("--work", type=Path, default=Path("runs/expert-bench"), help="where prepared clips are kept")
    options: Any = parser.parse_args(arguments)
    try:
        expert = load_expert(options.weights)
        rows = [row for row in read_held_out(options.data, ("dev",)) if row.audio_delay is not None]
        clips = _embedded(expert, rows, options.work)
        print(f"{expert.id}, {len(clips)} clips of {len({c.row.speaker for c in clips})} people")
        for line in bench_lines(clips, read_manifest(options.data, ("train",))):
            print(line, flush=True)
    except VisemeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
