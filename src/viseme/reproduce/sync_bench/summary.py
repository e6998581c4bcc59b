"""Trials as the lines that are printed: additive counts first, the ratio with its interval last, then the target."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from viseme.core.results import Verdict
from viseme.metrics.calibration_error import expected_calibration_error
from viseme.metrics.proportion import Proportion
from viseme.reproduce.sync_bench.trials import RIGHT_S, Trial

__all__ = ["answer_lines", "proportion_line", "summary_lines"]

_GROUPS: tuple[tuple[str, str, Callable[[Trial], bool], str, str], ...] = (
    ("whole clips", "whole", lambda t: True, ">= 92 %", ">= 98 %"),
    ("2 s windows with speech", "2 s", lambda t: t.with_speech, ">= 85 %", ">= 97 %"),
    ("2 s windows, all", "2 s", lambda t: True, ">= 85 %", ">= 97 %"),
    ("1 s windows with speech", "1 s", lambda t: t.with_speech, ">= 65 %", ">= 93 %"),
    ("1 s windows, all", "1 s", lambda t: True, ">= 65 %", ">= 93 %"),
)
"""Label, group, which of its trials, targets of "answered" and "right among answers"."""


def summary_lines(trials: Sequence[Trial]) -> list[str]:
    """Everything that `make bench` prints of known shifts and mismatched audio."""
    whole = [t for t in trials if t.group == "whole"]
    lines = []
    for label, group, chosen, answered, right in _GROUPS:
        lines += answer_lines([t for t in trials if t.group == group and chosen(t)], label, answered, right)
    lines.append(f"{'whole clips: median error':58s} {_median_error(whole)}   <= 15 ms")
    lines += _by_truth(whole)
    for label, group in (("whole clips", "whole"), ("2 s windows", "2 s"), ("1 s windows", "1 s")):
        moved = [t.relative for t in trials if t.group == group and t.relative is not None]
        right = Proportion.of(abs(e) <= RIGHT_S for e in moved)
        lines.append(proportion_line(f"{label}, against the same clip untouched: right", right))
    for source in sorted({t.source for t in whole}):
        some = [t for t in whole if t.source == source]
        lines += answer_lines(some, f"  {source}")
        lines.append(f"{'    median error':58s} {_median_error(some)}")
    mismatched = [t for t in trials if t.group == "mismatched"]
    apart = Proportion.of(t.verdict is not Verdict.IN_SYNC for t in mismatched)
    lines.append(proportion_line("mismatched audio: not in_sync", apart, ">= 98 %"))
    told = Proportion.of(t.answered for t in mismatched)
    lines.append(proportion_line("mismatched audio: a delay is told, which is wrong", told, "<= 2 %"))
    for source in sorted({t.source for t in mismatched}):
        some = Proportion.of(t.answered for t in mismatched if t.source == source)
        lines.append(proportion_line(f"  {source}: a delay is told under mismatched audio", some))
    lines.append(_calibration_line("calibration error (ECE, 10 bins)", trials, "<= .05"))
    lines.append(_calibration_line("  under its own audio alone", [t for t in trials if t.group != "mismatched"]))
    return lines


def _calibration_line(name: str, trials: Sequence[Trial], target: str = "") -> str:
    error = expected_calibration_error([t.confidence for t in trials], [t.best_right for t in trials])
    return f"{name:58s} {error:.3f}   n = {len(trials)}   {target}".rstrip()


def answer_lines(trials: Sequence[Trial], label: str, answered: str = "", right: str = "") -> list[str]:
    """How many were answered, and how many of these rightly, with targets."""
    return [
        proportion_line(f"{label}: answered", Proportion.of(t.answered for t in trials), answered),
        proportion_line(f"{label}: right among answers", _right(trials), right),
    ]


def proportion_line(name: str, proportion: Proportion, target: str = "") -> str:
    """ "name   95.0% [91.2%, 97.6%]  n = 120   target"."""
    found = proportion.interval()
    shown = f"{found.value:7.1%} [{found.low:.1%}, {found.high:.1%}]  n = {proportion.num:<5d}"
    return f"{name:58s} {shown} {target}".rstrip()


def _right(trials: Sequence[Trial]) -> Proportion:
    return Proportion.of(abs(t.error) <= RIGHT_S for t in trials if t.error is not None)


def _by_truth(whole: Sequence[Trial]) -> list[str]:
    """Accuracy where the manifest knows the delay, apart from mere consistency where it does not."""
    known, unknown = ([t for t in whole if t.known is k] for k in (True, False))
    return [
        proportion_line("whole clips, delay known: right among answers", _right(known)),
        proportion_line("whole clips, delay unknown: consistent with the clip", _right(unknown)),
    ]


def _median_error(trials: Sequence[Trial]) -> str:
    errors = np.array([abs(t.error) for t in trials if t.error is not None]) * 1000
    return f"{np.median(errors):.1f} ms (n = {len(errors)})" if len(errors) else "no answers"
