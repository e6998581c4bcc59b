"""Who speaks when, for people: faces, turns and voices of one file. Rich text, plain in a pipe."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from viseme.cli.lines import one_line, shortened
from viseme.core.speakers import FaceState, SpeakersResult, VoiceState
from viseme.core.time import format_time
from viseme.report.speakers import VOICE_WORDS, person_name, turns
from viseme.report.words import REASON_WORDS, percent

__all__ = ["speaker_table"]

WIDE = 84
"""Columns of the table with every number in one row."""


def speaker_table(result: SpeakersResult, width: int | None = None) -> Text:
    """Everything about one file.

    Args:
        result: Of `find_speakers`.
        width: Columns of the terminal; None = as many as are needed, as in a pipe.
    """
    text = Text()
    name = one_line(result.file)
    text.append(name if width is None else shortened(name, width), style="bold").append("\n")
    people = f"{result.num_people} {'person' if result.num_people == 1 else 'people'}"
    delay = f"; {result.delay_words}" if result.delay_words else ""
    text.append(f"  {len(result.faces)} {'face' if len(result.faces) == 1 else 'faces'}, {people}{delay}\n")
    if result.faces:
        head, *rows = _wide_rows(result) if width is None or width >= WIDE else _narrow_rows(result)
        text.append(f"{head}\n", style="dim").append("".join(f"{row}\n" for row in rows))
    for start, end, name in turns(result):
        if name != "offscreen":
            text.append(f"  {format_time(start):>12} to {format_time(end):<11}  ")
            text.append(f"{name} speaks\n", style="green")
    for v in result.voice:
        if v.state is not VoiceState.ONSCREEN:
            text.append(f"  {format_time(v.start):>12} to {format_time(v.end):<11}  ")
            text.append(f"voice: {VOICE_WORDS[v.state]}\n", style="yellow")
    for r in result.rejected:
        text.append(f"  not used: face {r.track_id}, {format_time(r.start)} to {format_time(r.end)}, ")
        text.append(f"{REASON_WORDS[r.reason]} ({r.measured:.3g} {r.unit}, limit {r.limit:.3g})\n")
    for warning in result.warnings:
        text.append(f"  note: {one_line(warning)}\n", style="dim")
    return text


def _wide_rows(result: SpeakersResult) -> Iterator[str]:
    yield f"  {'PERSON':<7} {'FACE':>4}  {'IN VIEW':<27}  {'SPEAKS':>8}  {'UNSURE':>8}  {'OTHER WORDS':>11}  SURE"
    for f in result.faces:
        seen = f"{format_time(f.start):>12} to {format_time(f.end):<11}"
        speaks, unsure, other = (
            f"{f.seconds(state):.1f} s"
            for state in (FaceState.SPEAKING, FaceState.CANNOT_TELL, FaceState.DUBBING_SUSPECTED)
        )
        row = f"  {person_name(f.person):<7} {f.track_id:>4}  {seen}  {speaks:>8}  {unsure:>8}  {other:>11}"
        yield f"{row}  {percent(f.person_confidence)}"


def _narrow_rows(result: SpeakersResult) -> Iterator[str]:
    """The same within 60 columns: tenths of a second, and other words below the face that says them."""
    yield f"  {'WHO':<3}  {'FACE':>4}  {'FROM':>9}  {'TO':>9}  {'SPEAKS':>7}  {'UNSURE':>7}  SURE"
    for f in result.faces:
        speaks, unsure = (f"{f.seconds(state):.1f} s" for state in (FaceState.SPEAKING, FaceState.CANNOT_TELL))
        seen = f"{format_time(f.start)[:-2]:>9}  {format_time(f.end)[:-2]:>9}"
        row = f"  {person_name(f.person):<3}  {f.track_id:>4}  {seen}  {speaks:>7}  {unsure:>7}"
        yield f"{row}  {percent(f.person_confidence)}"
        other = f.seconds(FaceState.DUBBING_SUSPECTED)
        if other:
            yield f"             says other words for {other:.1f} s"
