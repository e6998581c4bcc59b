"""Where the delay of a clip jumps: the pieces between the jumps, each with its own delay.

Knows evidence of faces; refuses to know files. The pieces are the likeliest path through the candidate delays: it may
creep by one candidate at a time, as a drifting clock does, and pays for every jump as much as chance evidence earns.
One byte is kept for each .4 s and candidate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np
from numpy.typing import NDArray

from viseme.core.results import DelayPiece
from viseme.sync.checkpoint import Calibration
from viseme.sync.embeddings import VIDEO_STEP
from viseme.sync.estimator import DelayCurve, EstimatorConfig, credible_interval, find_peak
from viseme.sync.evidence import BLOCK, ENOUGH, PART, EvidenceBlock

__all__ = ["JUMP_S", "find_pieces"]

JUMP_S = 0.08
"""Seconds: neighbouring pieces whose delays differ by less are one piece."""
JUMP_COST = 12.0
"""Natural logarithm of the odds against a jump at any one part."""
CREEP_COST = 1.5
"""The same of a change by one candidate delay, 10 ms."""
LEAST_S = 2.0
"""Seconds of evidence that a piece must have."""
PART_S = PART * VIDEO_STEP
"""Seconds of a part."""


def find_pieces(
    blocks: Sequence[EvidenceBlock],
    lags: NDArray[np.int64],
    config: EstimatorConfig,
    calibration: Calibration,
) -> tuple[DelayPiece, ...]:
    """The pieces of a clip whose delay jumps; none where one delay (or a drifting one) explains it.

    Args:
        blocks: Of all faces.
        lags: (L,) candidate delays, audio frames.
        config: When a piece is sure enough to be one.
        calibration: Probability of a piece's delay.

    Returns:
        At least two pieces, or none. A stretch that is not sure belongs to no piece; the jump is put into its middle.

    Source:
        Most likely path (Viterbi, 1967) over delays.
    """
    numbers, path = _path(_parts(blocks), config.temperature)
    spans = _spans(path)
    if len(spans) < 2:
        return ()
    pieces = [_piece(blocks, numbers[span], lags, config, calibration) for span in spans]
    return _joined([piece for piece in pieces if piece is not None])


def _parts(blocks: Sequence[EvidenceBlock], first: int | None = None, last: int | None = None) -> Iterator[_Part]:
    """The parts of blocks in order of time, faces seen at one time added up; from `first` to `last`, if given."""
    waiting: dict[int, _Part] = {}
    for block in sorted(blocks, key=lambda block: block.start):
        begin = round(block.start / PART_S)
        for number in sorted(n for n in waiting if n < begin):
            yield waiting.pop(number)
        rows = _alike(block) if block.parts is None else block.parts
        if (last is not None and begin > last) or (first is not None and begin + len(rows) <= first):
            continue
        share = (block.counts / np.float32(len(rows))).astype(np.float32)
        for number, row in enumerate(rows, begin):
            if (first is None or number >= first) and (last is None or number <= last):
                part = waiting.setdefault(number, _Part(number, np.zeros_like(share), np.zeros_like(share)))
                part.scores += row
                part.counts += share
    for number in sorted(waiting):
        yield waiting[number]


@dataclass(eq=False)
class _Part:
    """Evidence of .4 s."""

    number: int
    """It begins at `number` times .4 seconds."""
    scores: NDArray[np.float32]
    """(L,) summed log-likelihood ratios."""
    counts: NDArray[np.float32]
    """(L,) pairs summed."""


def _piece(
    blocks: Sequence[EvidenceBlock],
    numbers: NDArray[np.int64],
    lags: NDArray[np.int64],
    config: EstimatorConfig,
    calibration: Calibration,
) -> DelayPiece | None:
    """The delay of some parts in a row by their own evidence; None where it is not sure."""
    if len(numbers) * PART_S < LEAST_S:
        return None
    curve = _curve(_parts(blocks, int(numbers[0]), int(numbers[-1])), lags)
    peak = find_peak(curve, config)
    interval = credible_interval(curve, config)
    if peak is None or interval is None or peak.at_edge:
        return None
    confidence = calibration.probability(peak)
    if confidence < config.answer_above:
        return None
    low, high = min(interval[0], peak.delay), max(interval[1], peak.delay)
    return DelayPiece(
        start=float(numbers[0] * PART_S),
        end=float((numbers[-1] + 1) * PART_S),
        audio_delay=peak.delay - calibration.bias,
        interval=(low - calibration.bias, high - calibration.bias),
        confidence=confidence,
    )


def _curve(parts: Iterator[_Part], lags: NDArray[np.int64]) -> DelayCurve:
    """The sum of parts; as `DelayCurve.best`, the clearest of every two seconds in turn."""
    scores, counts = np.zeros(len(lags)), np.zeros(len(lags))
    best = np.full(len(lags), -np.inf)
    while together := list(islice(parts, BLOCK // PART)):
        sums, pairs = sum(part.scores for part in together), sum(part.counts for part in together)
        scores, counts = scores + sums, counts + pairs
        best = np.maximum(best, np.where(pairs >= ENOUGH, sums / np.maximum(pairs, 1), -np.inf))
    return DelayCurve(lags, scores, np.rint(counts).astype(np.int64), best)


def _alike(block: EvidenceBlock) -> NDArray[np.float32]:
    num = -(-block.num_windows // PART)
    return np.repeat((block.scores[None] / num).astype(np.float32), num, axis=0)


def _path(parts: Iterator[_Part], temperature: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(P,) numbers of the parts, and (P,) index of the delay of each on the likeliest path."""
    numbers: list[int] = []
    came: list[NDArray[np.int8]] = []  # 0 = stayed, -1, 1 = crept from that side, 2 = jumped from the best
    best_before: list[int] = []
    total = np.zeros(0)
    for part in parts:
        scores = part.scores / temperature
        if not numbers:
            total = scores.astype(np.float64)
        else:
            options = np.full((4, len(total)), -np.inf)
            options[0] = total
            options[1, 1:] = total[:-1] - CREEP_COST
            options[2, :-1] = total[1:] - CREEP_COST
            best_before.append(int(total.argmax()))
            options[3] = total[best_before[-1]] - JUMP_COST
            chosen = options.argmax(0)
            came.append(np.array([0, -1, 1, 2], np.int8)[chosen])
            total = options[chosen, np.arange(len(total))] + scores
        numbers.append(part.number)
    path = np.zeros(len(numbers), np.int64)
    if numbers:
        path[-1] = int(total.argmax())
    for at in range(len(numbers) - 1, 0, -1):
        move = int(came[at - 1][path[at]])
        path[at - 1] = best_before[at - 1] if move == 2 else path[at] + move
    return np.array(numbers, np.int64), path


def _spans(path: NDArray[np.int64]) -> list[slice]:
    """The path cut where it moves by more than one candidate at once."""
    edges = [0, *(np.flatnonzero(np.abs(np.diff(path)) > 1) + 1).tolist(), len(path)]
    return [slice(a, b) for a, b in pairwise(edges)]


def _joined(pieces: list[DelayPiece]) -> tuple[DelayPiece, ...]:
    """Neighbours with (nearly) one delay made one; jumps put halfway between neighbours. None where one is left."""
    kept: list[DelayPiece] = []
    for piece in pieces:
        if kept and abs(kept[-1].audio_delay - piece.audio_delay) < JUMP_S:
            before = kept.pop()
            surer = max(before, piece, key=lambda p: p.confidence)
            piece = DelayPiece(
                start=before.start,
                end=piece.end,
                audio_delay=surer.audio_delay,
                interval=surer.interval,
                confidence=surer.confidence,
            )
        kept.append(piece)
    if len(kept) < 2:
        return ()
    edges = [kept[0].start, *((a.end + b.start) / 2 for a, b in pairwise(kept)), kept[-1].end]
    return tuple(
        DelayPiece(start=start, end=end, audio_delay=p.audio_delay, interval=p.interval, confidence=p.confidence)
        for p, start, end in zip(kept, edges, edges[1:])
    )
