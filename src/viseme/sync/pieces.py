"""Where the delay of a clip jumps: the pieces between the jumps, each with its own delay.

Knows evidence of faces; refuses to know files. The pieces are the likeliest path through the candidate delays: it may
creep by one candidate at a time, as a drifting clock does, and pays for every jump as much as chance evidence earns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

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
    parts = _Parts.of(blocks, lags)
    if len(parts.times) < 2:
        return ()
    spans = _spans(_path(parts.scores / config.temperature))
    if len(spans) < 2:
        return ()
    pieces = [parts.piece(span, config, calibration) for span in spans]
    return _joined([piece for piece in pieces if piece is not None])


@dataclass(frozen=True, eq=False)
class _Parts:
    """Evidence of every .4 s that holds any, faces seen at one time added up."""

    lags: NDArray[np.int64]
    times: NDArray[np.float64]
    """(P, 2) seconds."""
    scores: NDArray[np.float32]
    """(P, L) summed log-likelihood ratios."""
    counts: NDArray[np.float32]
    """(P, L) pairs summed."""

    @classmethod
    def of(cls, blocks: Sequence[EvidenceBlock], lags: NDArray[np.int64]) -> _Parts:
        """The parts of blocks; of one that kept none, all alike."""
        sums: dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}
        for block in blocks:
            rows = _alike(block) if block.parts is None else block.parts
            share = (block.counts / np.float32(len(rows))).astype(np.float32)
            for i, row in enumerate(rows):
                number = round(block.start / PART_S) + i
                scores, counts = sums.get(number, (np.float32(0), np.float32(0)))
                sums[number] = np.asarray(scores + row, np.float32), np.asarray(counts + share, np.float32)
        numbers = np.array(sorted(sums), dtype=np.int64)
        shape = len(numbers), len(lags)
        return cls(
            lags,
            np.asarray(np.stack([numbers, numbers + 1], -1) * PART_S, np.float64),
            np.array([sums[n][0] for n in numbers], np.float32).reshape(shape),
            np.array([sums[n][1] for n in numbers], np.float32).reshape(shape),
        )

    def piece(self, span: slice, config: EstimatorConfig, calibration: Calibration) -> DelayPiece | None:
        """The delay of a span by its own evidence; None where it is not sure."""
        times, scores, counts = self.times[span], self.scores[span], self.counts[span]
        if len(times) * PART_S < LEAST_S:
            return None
        curve = DelayCurve(self.lags, scores.sum(0), np.rint(counts.sum(0)).astype(np.int64), _best(scores, counts))
        peak = find_peak(curve, config)
        interval = credible_interval(curve, config)
        if peak is None or interval is None or peak.at_edge:
            return None
        confidence = calibration.probability(peak)
        if confidence < config.answer_above:
            return None
        low, high = min(interval[0], peak.delay), max(interval[1], peak.delay)
        return DelayPiece(
            start=float(times[0, 0]),
            end=float(times[-1, 1]),
            audio_delay=peak.delay - calibration.bias,
            interval=(low - calibration.bias, high - calibration.bias),
            confidence=confidence,
        )


def _alike(block: EvidenceBlock) -> NDArray[np.float32]:
    num = -(-block.num_windows // PART)
    return np.repeat((block.scores[None] / num).astype(np.float32), num, axis=0)


def _best(scores: NDArray[np.float32], counts: NDArray[np.float32]) -> NDArray[np.float64]:
    """(L,) as `DelayCurve.best`: of every two seconds in turn."""
    starts = np.arange(0, len(scores), BLOCK // PART)
    sums, pairs = (np.add.reduceat(values, starts, axis=0) for values in (scores, counts))
    return np.where(pairs >= ENOUGH, sums / np.maximum(pairs, 1), -np.inf).max(0).astype(np.float64)


def _path(scores: NDArray[np.floating]) -> NDArray[np.int64]:
    """(P,) index of the delay of every part on the likeliest path.

    Args:
        scores: (P, L) natural logarithms.
    """
    num, width = scores.shape
    came = np.zeros((num, width), np.int8)  # 0 = stayed, -1, 1 = crept from that side, 2 = jumped from the best
    best_before = np.zeros(num, np.int64)
    total = scores[0].astype(np.float64)
    for at in range(1, num):
        options = np.full((4, width), -np.inf)
        options[0] = total
        options[1, 1:] = total[:-1] - CREEP_COST
        options[2, :-1] = total[1:] - CREEP_COST
        best_before[at] = int(total.argmax())
        options[3] = total[best_before[at]] - JUMP_COST
        chosen = options.argmax(0)
        came[at] = np.array([0, -1, 1, 2], np.int8)[chosen]
        total = options[chosen, np.arange(width)] + scores[at]
    path = np.zeros(num, np.int64)
    path[-1] = int(total.argmax())
    for at in range(num - 1, 0, -1):
        move = int(came[at, path[at]])
        path[at - 1] = best_before[at] if move == 2 else path[at] + move
    return path


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
