"""Answers for people: a card a file, or a line a file where there are many. Rich text, plain in a pipe."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.text import Text

from viseme.cli.lines import one_line, shortened
from viseme.core.results import CheckResult, Verdict
from viseme.core.time import format_time, in_frames
from viseme.report.words import REASON_WORDS, VERDICT_WORDS, milliseconds, percent

__all__ = ["CSV_COLUMNS", "card", "csv_row", "line", "line_header", "summary"]

_STYLES = {Verdict.IN_SYNC: "bold green", Verdict.OUT_OF_SYNC: "bold red", Verdict.CANNOT_TELL: "bold yellow"}


def card(result: CheckResult, width: int | None = None) -> Text:
    """Everything about one file: verdict, delay with interval, confidence, reasons, every face.

    Args:
        result: Of `check`.
        width: Columns of the terminal; None = as many as are needed, as in a pipe.
    """
    e = result.estimate
    text = Text()
    name = one_line(result.file)
    text.append(name if width is None else shortened(name, width), style="bold").append("\n")
    text.append("  ").append(VERDICT_WORDS[e.verdict], style=_STYLES[e.verdict])
    if e.audio_delay is not None:
        text.append(f": {e.words}")
    text.append("\n")
    if e.audio_delay is not None:
        told = ", ".join(filter(None, (milliseconds(e.audio_delay), in_frames(e.audio_delay, result.frame_rate))))
        _row(text, "delay", f"{told}{_between(e.interval)}{' in the longest piece' if e.pieces else ''}")
    told = "sure to be within 40 ms" if e.audio_delay is not None else "for the likeliest delay, too little to give it"
    _row(text, "confidence", f"{percent(e.confidence)} {told}{_held(e.held)}")
    if e.reasons:
        _row(text, "because" if e.audio_delay is None else "but", "; ".join(REASON_WORDS[r] for r in e.reasons))
    if e.audio_delay is None and e.searched is not None:
        low, high = e.searched
        _row(text, "searched", f"{milliseconds(low)} to {milliseconds(high)}; --max-delay searches farther")
    for number, piece in enumerate(e.pieces):
        where = f"{format_time(piece.start)} to {format_time(piece.end)}"
        _row(text, "" if number else "pieces", f"{where}  {milliseconds(piece.audio_delay)}{_between(piece.interval)}")
    if e.drift is not None and e.drift.is_told:
        low, high = e.drift.interval
        _row(text, "drift", f"{e.drift.ms_per_min:+.1f} ms a minute (95 %: {low:+.1f} to {high:+.1f})")
    for number, face in enumerate(_faces(result)):
        _row(text, "faces" if number == 0 else "", face)
    for warning in result.warnings:
        _row(text, "note", one_line(warning))
    return text


def _row(text: Text, label: str, value: str) -> None:
    text.append(f"  {label:<11} ", style="dim").append(value).append("\n")


def _held(held: tuple[int, int] | None) -> str:
    """What a confidence rests on."""
    return "" if held is None else f" ({held[0]:,} of {held[1]:,} trials as sure were right)"


def _between(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f" (95 %: {milliseconds(interval[0])} to {milliseconds(interval[1])})"


def _faces(result: CheckResult) -> Iterable[str]:
    for t in result.tracks:
        where = f"#{t.track_id}  {format_time(t.start)} to {format_time(t.end)}"
        told = VERDICT_WORDS[t.estimate.verdict]
        if t.estimate.audio_delay is not None:
            told = f"{milliseconds(t.estimate.audio_delay)}{_between(t.estimate.interval)}"
        elif t.estimate.reasons:
            told += f" ({'; '.join(REASON_WORDS[r] for r in t.estimate.reasons)})"
        yield f"{where}  {told}, {t.weight:.0%} of the evidence"
    for r in result.rejected:
        where = f"#{r.track_id}  {format_time(r.start)} to {format_time(r.end)}"
        yield f"{where}  not used: {REASON_WORDS[r.reason]} ({r.measured:.3g} {r.unit}, limit {r.limit:.3g})"


WIDE = 100
"""Columns of a terminal that has room for the interval in a line a file."""


def line_header(width: int | None = None) -> Text:
    """Names of the columns of `line`."""
    between = "" if width is not None and width < WIDE else f"  {'95 % INTERVAL':<20}"
    return Text(f"{'VERDICT':<12}  {'DELAY':>8}  {'FRAMES':>7}{between}  {'SURE':>6}  FILE", style="dim")


def line(result: CheckResult, width: int | None = None) -> Text:
    """One file in one line; the name comes last, as it may be long.

    Args:
        result: Of `check`.
        width: Columns of the terminal: the name is shortened to what is left, reasons stand below. None = a pipe.
    """
    e = result.estimate
    delay = "" if e.audio_delay is None else milliseconds(e.audio_delay)
    text = Text(f"{VERDICT_WORDS[e.verdict]:<12}", style=_STYLES[e.verdict])
    frames = "" if e.audio_delay is None else in_frames(e.audio_delay, result.frame_rate).partition(" ")[0]
    text.append(f"  {delay:>8}  {frames:>7}", style="default")
    if width is None or width >= WIDE:
        interval = "" if e.interval is None else f"{milliseconds(e.interval[0])} to {milliseconds(e.interval[1])}"
        text.append(f"  {interval:<20}", style="default")
    text.append(f"  {percent(e.confidence):>6}  ", style="default")
    name = one_line(result.file)
    text.append(name if width is None else shortened(name, width - len(text)), style="default")
    if e.reasons:
        text.append("  " if width is None else "\n  ")
        text.append(f"({'; '.join(REASON_WORDS[r] for r in e.reasons)})", style="dim")
    return text


def summary(answered: int, cannot_tell: int, failed: int, *, before: int = 0) -> str:
    """The last line of a batch."""
    earlier = f" ({before} of them answered before)" if before else ""
    return f"{answered} answered, {cannot_tell} cannot tell, {failed} failed{earlier}"


CSV_COLUMNS = (
    "file",
    "verdict",
    "audio_delay",
    "delay_frames",
    "interval_low",
    "interval_high",
    "confidence",
    "drift_ms_per_min",
    "reasons",
    "words",
    "num_tracks_used",
    "num_tracks_rejected",
    "duration",
    "input_mode",
    "weights",
    "error",
)
"""Times in seconds, `audio_delay` positive when the audio is late; empty = not known."""


def csv_row(answer: dict[str, Any]) -> list[Any]:
    """The columns of one JSON answer."""
    low, high = answer.get("interval") or (None, None)
    statuses = [track["status"] for track in answer["tracks"]]
    error = answer["error"]
    values = {
        **answer,
        "interval_low": low,
        "interval_high": high,
        "reasons": " ".join(answer["reasons"]),
        "num_tracks_used": statuses.count("used"),
        "num_tracks_rejected": statuses.count("rejected"),
        "error": "" if error is None else f"{error['type']}: {error['message']}",
    }
    return [_cell(values.get(column)) for column in CSV_COLUMNS]


def _cell(value: Any) -> Any:
    """A value that a spreadsheet does not run as a formula."""
    if isinstance(value, str) and value.startswith(("=", "+", "@", "-", "\t", "\r")):
        return "'" + value
    return "" if value is None else value
