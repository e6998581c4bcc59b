"""A page of repairs: every file before and after, what was kept, and a clip of both to play.

Knows the JSON objects of `viseme fix FOLDER`; refuses to know how they came about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import viseme
from viseme.core.playable import Playback
from viseme.report.files import replacing_text
from viseme.report.pages import page_templates
from viseme.report.words import milliseconds, short_time

__all__ = ["STATUS_WORDS", "write_repairs"]

STATUS_WORDS: Mapping[str, str] = {
    "fixed": "fixed",
    "planned": "would be fixed",
    "left": "left as it is",
    "refused": "cannot tell",
    "failed": "failed",
}
"""Status of a file -> words for people."""
MOST_PLAYED = 12
"""Repairs with clips on a page; a clip takes some 0.3 to 1 MB."""
LEAST_REACH = 0.1
"""Seconds; the axis of the drawing reaches at least so far to both sides."""


def write_repairs(
    answers: Iterable[Mapping[str, Any]],
    path: str | Path,
    *,
    playback: Callable[[Mapping[str, Any]], Playback] | None = None,
) -> None:
    """Write a page: one line a file, with its delay before and after, and clips of the first `MOST_PLAYED` repairs.

    Args:
        answers: As `FixOutcome.to_json()` gives them, or read back from a results file.
        path: The page; appears complete or not at all.
        playback: The object `fix` of an answer -> its clips; None = the page has no clips.

    Raises:
        OutputError: the page cannot be written.
    """
    rows: list[dict[str, Any]] = []
    num_played = 0
    for number, answer in enumerate(answers, 1):
        play, fixed = None, answer["fix"]
        if playback is not None and fixed is not None and num_played < MOST_PLAYED:
            play = playback(fixed)
            num_played += 1
        rows.append(_row(number, answer, play))
    num_written = sum(row["repaired"] for row in rows)
    known = [abs(row[key]) for row in rows for key in ("before", "after") if row[key] is not None]
    pages = page_templates(ms=milliseconds, frames=_frames, clock=short_time)
    counts = Counter(row["status"] for row in rows)
    text = pages.get_template("repairs.html.j2").render(
        rows=rows,
        reach=max([LEAST_REACH, *known]),
        counts={words: counts[status] for status, words in STATUS_WORDS.items() if counts[status]},
        words=STATUS_WORDS,
        num_silent=num_written - num_played if playback is not None else 0,
        version=viseme.__version__,
    )
    with replacing_text(path) as file:
        file.write(text.encode("utf-8", "backslashreplace").decode("utf-8"))


def _frames(number: float) -> str:
    """A delay in frames.

    Example:
        >>> _frames(-4.06), _frames(-0.02)
        ('\N{MINUS SIGN}4.1 frames', '0.0 frames')
    """
    return f"{number + 0.0:.1f} frames".replace("-0.0", "0.0").replace("-", "\N{MINUS SIGN}")


def _row(number: int, answer: Mapping[str, Any], play: Playback | None) -> dict[str, Any]:
    """What the page shows of one file."""
    fixed = answer["fix"] or {}
    return {
        "number": number,
        "file": answer["file"],
        "name": answer["file"].replace("\\", "/").rstrip("/").rpartition("/")[2],
        "out": answer["out"],
        "status": answer["status"],
        "before": answer["audio_delay"],
        "before_frames": answer.get("delay_frames"),
        "after": fixed.get("residual"),
        "after_frames": fixed.get("residual_frames"),
        "shift": fixed.get("shift"),
        "message": answer["message"],
        "notes": fixed.get("warnings", []),
        "repaired": answer["fix"] is not None,
        "play": play,
    }
