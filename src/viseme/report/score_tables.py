"""Scores as text of 80 columns, as CSV and as a table for LaTeX. Knows results alone."""

from __future__ import annotations

import csv
import io
import math
import textwrap
from collections.abc import Mapping, Sequence

from viseme.core.score_comparison import ScoreComparison
from viseme.core.scores import (
    Better,
    ClipScore,
    FailureCause,
    LeakageOutcome,
    MetricProtocol,
    MetricValue,
    ScoreResult,
)

__all__ = [
    "ARROWS",
    "comparison_text",
    "digits",
    "fixed",
    "leakage_text",
    "protocol_text",
    "score_csv",
    "score_latex",
    "score_text",
    "words",
]

ARROWS = {
    Better.HIGHER: "\N{UPWARDS ARROW}",
    Better.LOWER: "\N{DOWNWARDS ARROW}",
    Better.ONE: "1",
    Better.ZERO: "0",
}
_LATEX_ARROWS = {
    Better.HIGHER: r"$\uparrow$",
    Better.LOWER: r"$\downarrow$",
    Better.ONE: r"$\to 1$",
    Better.ZERO: r"$\to 0$",
}
NAME_COLUMNS = 14
WIDE = 80
OTHER_ANCHORS = {"still_face": "STILL", "shifted": "LATE", "mismatched_audio": "MISMATCHED", "audio_only": "AUDIO ONLY"}
"""Anchors of the second table and their heads."""
MOST_FAILED_TOLD = 5


def score_text(result: ScoreResult) -> str:
    """Metrics with intervals, floor and real video, the other anchors, then what failed and what was not measured."""
    single = len(result.clips) == 1
    heads = f"{'VALUE':>7}  {'95 % INTERVAL':<18} {'VALID':>7}  {'FLOOR':>7}  {'REAL':>7}  {'REL.':>6}"
    lines = [f"{'METRIC':<{NAME_COLUMNS}}   {heads}"]
    for protocol in result.protocols:
        lines += _metric_lines(protocol, result)
    lines += ["", *_anchor_lines(result)]
    delays = [c.audio_delay for c in result.clips if c.audio_delay is not None]
    if single and delays:
        lines.append(f"audio delay {_signed_ms(delays[0])} ms")
    if result.share_in_sync is not None:
        lines.append(f"{100 * result.share_in_sync:.0f} % of the time in sync")
    lines += _failure_lines(result)
    lines += _notes(result)
    lines.append(f"{len(result.clips)} clip{'' if single else 's'}, protocols {result.protocol_hash}")
    return "\n".join(lines) + "\n"


def _metric_lines(protocol: MetricProtocol, result: ScoreResult) -> list[str]:
    found = result.metrics[protocol.name]
    floor = result.anchors.get(protocol.floor, {}).get(protocol.name) if protocol.floor else protocol.worst
    real = result.anchors.get("reference", {}).get(protocol.name)
    interval = "" if found.interval is None else f"{digits(found.interval[0])} to {digits(found.interval[1])}"
    valid = "" if not found.failures else digits(found.valid)
    relative = "" if found.relative is None else fixed(found.relative, 2)
    cells = f"{digits(found.value):>7}  {interval:<18} {valid:>7}  {digits(floor):>7}  {digits(real):>7}  {relative:>6}"
    return _named_line(protocol.name, f"{ARROWS[protocol.better]} {cells}")


def _named_line(name: str, cells: str) -> list[str]:
    """A name and what belongs to it; a long name has a line of its own."""
    if len(name) > NAME_COLUMNS:
        return [name, f"{'':<{NAME_COLUMNS}} {cells}".rstrip()]
    return [f"{name:<{NAME_COLUMNS}} {cells}".rstrip()]


def _anchor_lines(result: ScoreResult) -> list[str]:
    """What the metrics that have further anchors give there; nothing where none has."""
    known = {a: head for a, head in OTHER_ANCHORS.items() if a in result.anchors}
    rows = []
    for p in result.protocols:
        others = {a: result.anchors[a].get(p.name) for a in known}
        if any(value is not None and a != p.floor for a, value in others.items()):
            cells = "  ".join(f"{'' if v is None else digits(v):>10}" for v in others.values())
            rows += _named_line(p.name, f"  {cells}")
    heads = "  ".join(f"{head:>10}" for head in known.values())
    return [f"{'ANCHOR':<{NAME_COLUMNS}}   {heads}", *rows, ""] if rows else []


def _notes(result: ScoreResult) -> list[str]:
    lines = [line for note in result.notes for line in _wrapped(note)]
    if result.leakage is not None:
        lines += _wrapped(leakage_text(result.leakage))
    if result.not_measured:
        needs: dict[str, list[str]] = {}
        for name, need in result.not_measured.items():
            needs.setdefault(need, []).append(name)
        told = "; ".join(f"{', '.join(names)} ({need})" for need, names in needs.items())
        lines += _wrapped(f"not measured: {told}")
    return lines


def leakage_text(found: LeakageOutcome) -> str:
    """One sentence."""
    low, high = map(digits, found.interval)
    verdict = ("passed" if found.passed else "failed") + ("" if found.certain else ", not certain")
    name = found.name.replace("_", " ")
    return f"leakage, {name}: {verdict}: {digits(found.value)} [{low}, {high}], n = {found.n} ({found.text})"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDE, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _failure_lines(result: ScoreResult) -> list[str]:
    if not result.failures:
        return []
    causes = ", ".join(f"{n} {words(cause)}" for cause, n in result.failures.items())
    failed = [c for c in result.clips if c.failures]
    lines = [f"failed {len(failed)} of {len(result.clips)} ({causes}); counted at the floor, VALID leaves them out"]
    lines += [f"  {c.name}: {c.message}" for c in failed[:MOST_FAILED_TOLD]]
    more = len(failed) - MOST_FAILED_TOLD
    return [*lines, f"  and {more} more"] if more > 0 else lines


def words(cause: FailureCause) -> str:
    """A cause for people."""
    return cause.value.replace("_", " ")


def comparison_text(comparison: ScoreComparison) -> str:
    """For each metric the methods, best first, with the rank that is certain."""
    width = max(len(m) for m in comparison.methods)
    lines = [f"{comparison.n} clips that all methods have; a rank is 1 + the methods that are certainly better", ""]
    for name, found in comparison.metrics.items():
        lines.append(f"{name} {ARROWS[found.better]}")
        for rank in found.ranks:
            interval = "" if rank.interval is None else f"  {digits(rank.interval[0])} to {digits(rank.interval[1])}"
            lines.append(f"  {rank.rank}  {rank.method:<{width}}  {digits(rank.value):>7}{interval}")
    return "\n".join(lines) + "\n"


def protocol_text(protocols: Sequence[MetricProtocol], protocol_hash: str) -> str:
    """How each metric is computed."""
    lines = []
    for p in protocols:
        crop = f", {p.crop}" if p.crop else ""
        lines.append(f"{p.name}  version {p.version}, {p.unit}, better {p.better.value}{crop}")
        lines.append(f"  {p.text}{f' ({p.source})' if p.source else ''}")
        lines.append(f"  needs {', '.join(sorted(n.value for n in p.needs))}; floor {p.floor or f'{p.worst:g}'}")
        lines += [f"  weights {p.weights}"] if p.weights else []
    return "\n".join([*lines, f"hash of all: {protocol_hash}"]) + "\n"


def score_csv(results: Sequence[ScoreResult]) -> str:
    """One row a method, clip and metric, then the means over clips with an empty clip; anchors as columns."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    anchors = sorted({a for r in results for a in r.anchors})
    writer.writerow(
        ["method", "clip", "metric", "value", "low", "high", "valid", "relative", "num_frames", "failure", *anchors]
    )
    for result in results:
        for clip in result.clips:
            writer.writerows(_clip_rows(result.name, clip, result.protocols, anchors))
        for name, m in result.metrics.items():
            low, high = m.interval or (None, None)
            told = "; ".join(f"{n} {cause.value}" for cause, n in m.failures.items())
            around = [_cell(result.anchors.get(a, {}).get(name)) for a in anchors]
            writer.writerow(
                [result.name, "", name, *map(_cell, (m.value, low, high, m.valid, m.relative)), m.n, told, *around]
            )
    return file.getvalue()


def _clip_rows(
    method: str, clip: ClipScore, protocols: Sequence[MetricProtocol], anchors: Sequence[str]
) -> list[list[object]]:
    rows: list[list[object]] = []
    for protocol in (p for p in protocols if not p.of_set):
        found = clip.metrics.get(protocol.name)
        value = None if found is None else found.value
        cause = clip.failures[0] if found is None and clip.failures else None if found is None else found.failure
        around = [_cell(clip.anchors.get(a, {}).get(protocol.name)) for a in anchors]
        frames = 0 if found is None else found.num_frames
        told = "" if cause is None else cause.value
        rows.append([method, clip.name, protocol.name, _cell(value), "", "", "", "", frames, told, *around])
    return rows


def score_latex(results: Sequence[ScoreResult]) -> str:
    """A tabular with a row a method; needs the package booktabs. The best value of a column is bold."""
    protocols = results[0].protocols
    heads = " & ".join(f"{_escaped(p.name)} {_LATEX_ARROWS[p.better]}" for p in protocols)
    lines = [rf"\begin{{tabular}}{{l{'r' * len(protocols)}}}", r"\toprule", rf"Method & {heads} \\", r"\midrule"]
    best = {p.name: _best(p, [r.metrics[p.name] for r in results]) for p in protocols}
    for result in results:
        cells = []
        for p in protocols:
            text = digits(result.metrics[p.name].value)
            cells.append(rf"\textbf{{{text}}}" if len(results) > 1 and text == best[p.name] else text)
        lines.append(rf"{_escaped(result.name)} & {' & '.join(cells)} \\")
    for anchor in ("reference", "still_face", "mismatched_audio", "audio_only"):
        found: Mapping[str, float] = results[0].anchors.get(anchor, {})
        if found:
            cells = [digits(found.get(p.name)) for p in protocols]
            lines.append(rf"\textit{{{_escaped(anchor)}}} & {' & '.join(cells)} \\")
    n = len(results[0].clips)
    return "\n".join(
        [*lines, r"\bottomrule", r"\end{tabular}", f"% n = {n} clips, protocols {results[0].protocol_hash}", ""]
    )


def _best(protocol: MetricProtocol, values: Sequence[MetricValue]) -> str:
    known = [v.value for v in values if v.value is not None]
    if not known:
        return ""
    return digits(min(known, key=protocol.better.cost))


def digits(value: float | None) -> str:
    """Four significant digits at most, at most three behind the point; "-" where nothing is known.

    Example:
        >>> digits(-0.0004), digits(27.8378), digits(None)
        ('0.000', '27.84', '-')
    """
    if value is None or not math.isfinite(value):
        return "-"
    size = abs(value)
    return fixed(value, 3 if size < 10 else 2 if size < 100 else 1)


def fixed(value: float, places: int) -> str:
    """A number with so many digits behind the point; never "-0.00".

    Example:
        >>> fixed(-0.004, 2), fixed(-0.006, 2)
        ('0.00', '-0.01')
    """
    text = f"{value:.{places}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def _signed_ms(seconds: float) -> str:
    """Whole milliseconds with their sign; "0" without one."""
    whole = round(1000 * seconds)
    return f"{whole:+d}" if whole else "0"


def _cell(value: float | None) -> object:
    return "" if value is None else round(value, 6) + 0.0


def _escaped(text: str) -> str:
    for character in "\\&%$#_{}":
        text = text.replace(character, "\\" + character if character != "\\" else r"\textbackslash ")
    return text
