"""What a user study came to, as text, as a CSV file, and as a table for LaTeX. Knows the result alone."""

from __future__ import annotations

import csv
import io

from viseme.core.studies import MethodScore, PairTest, QuestionResult, StudyAnalysis

__all__ = ["study_csv", "study_latex", "study_text"]

_COLUMNS = (
    *("question", "method", "other_method", "mean", "low", "high", "half_width", "num_ratings"),
    *("tukey_low", "tukey_high", "tukey_p", "dunn_z", "dunn_p", "dunn_p_holm"),
    *("kruskal_h", "kruskal_df", "kruskal_p"),
)


def study_text(analysis: StudyAnalysis) -> str:
    """For a terminal: raters, then for each question its methods and pairs."""
    blocks = [_raters(analysis)]
    for question in analysis.questions:
        width = max(len(m.method) for m in question.methods)
        lines = [f"{question.name}  ({question.low:g} worst, {question.high:g} best)"]
        head = f"  {'method':<{width}}   mean  95 % interval    +-     n"
        lines += [head, *(_method(m, width) for m in question.methods), f"  {_kruskal(question)}"]
        pair_width = max(len(p.first) + len(p.second) + 5 for p in question.pairs)
        lines.append(f"  {'pair':<{pair_width}}  difference  Tukey 95 %        Tukey p   Dunn z  Dunn p (Holm)")
        lines += [_pair(p, pair_width) for p in question.pairs]
        blocks.append("\n".join(lines))
    blocks.append(
        "95 % interval: over raters, one mean each.  +-: half the interval over single ratings, as papers print it."
    )
    return "\n\n".join(blocks) + "\n"


def study_csv(analysis: StudyAnalysis) -> str:
    """One row a question and method, then one a question and pair; RFC 4180 with names in the first line."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    for q in analysis.questions:
        kruskal = (q.kruskal_h, q.kruskal_df, q.kruskal_p)
        for m in q.methods:
            ends = m.interval or (None, None)
            row = (q.name, m.method, None, m.mean, *ends, m.half_width, m.num_ratings, *[None] * 6, *kruskal)
            writer.writerow(row)
        for p in q.pairs:
            tukey, ranks = p.tukey_interval or (None, None), (p.dunn_z, p.dunn_p, p.dunn_p_holm)
            row = (q.name, p.first, p.second, p.difference, *[None] * 4, *tukey, p.tukey_p, *ranks, *[None] * 3)
            writer.writerow(row)
    return file.getvalue()


def study_latex(analysis: StudyAnalysis) -> str:
    """A `tabular` as in the papers: methods down, questions across, the best in bold; needs no package."""
    names = [q.name for q in analysis.questions]
    lines = [
        f"% {analysis.num_kept} of {analysis.num_raters} raters; mean, and half the 95% interval over single ratings",
        r"\begin{tabular}{l" + "c" * len(names) + "}",
        r"\hline",
        " & ".join(["Method", *(rf"{_tex(n)} $\uparrow$" for n in names)]) + r" \\",
        r"\hline",
    ]
    best = [max(m.mean for m in q.methods) for q in analysis.questions]
    for k, method in enumerate(m.method for m in analysis.questions[0].methods):
        cells = [_cell(q.methods[k], top) for q, top in zip(analysis.questions, best)]
        lines.append(" & ".join([_tex(method), *cells]) + r" \\")
    return "\n".join([*lines, r"\hline", r"\end{tabular}"]) + "\n"


def _cell(score: MethodScore, best: float) -> str:
    mean = rf"\mathbf{{{score.mean:.2f}}}" if score.mean == best else f"{score.mean:.2f}"
    return f"${mean}$" if score.half_width is None else rf"${mean} \pm {score.half_width:.2f}$"


_SPECIAL = {c: rf"\{c}" for c in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def _tex(text: str) -> str:
    return "".join(_SPECIAL.get(c, c) for c in text)


def _raters(analysis: StudyAnalysis) -> str:
    lines = [f"{analysis.title}  (study {analysis.study}, {analysis.kind})"]
    lines.append(f"  raters   {analysis.num_kept} of {analysis.num_raters} count")
    for reason in ("failed attention check", "unfinished"):
        names = [d.rater for d in analysis.dropped if d.reason == reason]
        lines += [f"  dropped  {len(names)} {reason}: {', '.join(names)}"] if names else []
    lines += [f"  files    {analysis.repeated_files} repeated, counted once"] if analysis.repeated_files else []
    return "\n".join(lines)


def _method(score: MethodScore, width: int) -> str:
    interval = "-" if score.interval is None else f"[{score.interval[0]:.2f}, {score.interval[1]:.2f}]"
    half = "-" if score.half_width is None else f"{score.half_width:.2f}"
    return f"  {score.method:<{width}}  {score.mean:5.2f}  {interval:<14}  {half:>5}  {score.num_ratings:>4}"


def _kruskal(question: QuestionResult) -> str:
    if question.kruskal_h is None:
        return "Kruskal-Wallis: cannot be computed, all ratings are equal"
    return f"Kruskal-Wallis: H({question.kruskal_df}) = {question.kruskal_h:.1f}, {_p(question.kruskal_p, equals=True)}"


def _pair(pair: PairTest, width: int) -> str:
    ends = "-" if pair.tukey_interval is None else f"[{pair.tukey_interval[0]:.2f}, {pair.tukey_interval[1]:.2f}]"
    z = "-" if pair.dunn_z is None else f"{pair.dunn_z:.2f}"
    names = f"{pair.first} less {pair.second}"
    tests = f"{ends:<16}  {_p(pair.tukey_p):>7}  {z:>7}  {_p(pair.dunn_p_holm):>7}"
    return f"  {names:<{width + 1}} {pair.difference:+10.2f}  {tests}"


def _p(value: float | None, *, equals: bool = False) -> str:
    if value is None:
        return "-"
    if value < 1e-4:
        return "p < .0001" if equals else "<.0001"
    text = f"{value:.4f}".removeprefix("0")
    return f"p = {text}" if equals else text
