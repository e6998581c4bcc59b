"""The page of a user study: one HTML file beside its clips. Works from a disk, and asks no server for anything.

Knows what raters may see; refuses to know which method a clip is of.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import jinja2
from markupsafe import Markup

from viseme.core.studies import StudyItem, StudyKey, StudyQuestion
from viseme.report.files import replacing_text

__all__ = ["attention_check", "write_study_page"]

INTRO = {
    "rating": "You will watch short clips of people who talk, one at a time, and answer a few questions about each.",
    "ranking": "You will watch versions of the same clip side by side, and rank them from best to worst.",
}


def write_study_page(path: str | Path, key: StudyKey) -> None:
    """Write the page that raters open; clips are sought in `clips` beside it.

    The page holds no name of a method or of a source clip. Its content-security policy allows its own script and style
    by their hashes, media from its own folder, and nothing else: no network, no forms, no frames.

    Raises:
        OutputError: the page cannot be written.
    """
    loader = jinja2.PackageLoader("viseme.report", "templates")
    pages = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    style, script = (loader.get_source(pages, f"study.{kind}")[0] for kind in ("css", "js"))
    policy = (
        f"default-src 'none'; script-src {_source(script)}; style-src {_source(style)}; media-src 'self' file:; "
        "base-uri 'none'; form-action 'none'"
    )
    text = pages.get_template("study.html.j2").render(
        title=key.title,
        intro=INTRO[key.kind],
        policy=Markup(policy),  # holds hashes and fixed words alone
        style=Markup(style),
        script=Markup(script),
        data=Markup(json.dumps(_public(key), ensure_ascii=True).replace("<", "\\u003c")),
    )
    with replacing_text(path) as file:
        file.write(text)


def attention_check(
    kind: Literal["rating", "ranking"], questions: Sequence[StudyQuestion], clips: Sequence[str], *, last: bool
) -> dict[str, dict[str, int]]:
    """The answers that an attention check asks for: clip -> question -> answer.

    Args:
        kind: Of the study.
        questions: All.
        clips: In the order of the page.
        last: The last answer of every question, or ranks against the order of the clips; otherwise the first answer, or
            ranks in their order. With one check of each, whoever gives the same answer everywhere fails.

    Example:
        >>> question = StudyQuestion("sync", "Do the lips fit?", ("no", "yes"), low=0)
        >>> attention_check("rating", [question], ["a.mp4"], last=True)
        {'a.mp4': {'sync': 1}}
        >>> attention_check("ranking", [question], ["a.mp4", "b.mp4"], last=True)
        {'a.mp4': {'sync': 2}, 'b.mp4': {'sync': 1}}
    """
    if kind == "rating":
        return {clip: {q.name: q.high if last else q.low for q in questions} for clip in clips}
    ranks = range(len(clips), 0, -1) if last else range(1, len(clips) + 1)
    return {clip: {q.name: rank for q in questions} for clip, rank in zip(clips, ranks)}


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _public(key: StudyKey) -> dict[str, Any]:
    """What the page is told."""
    return {
        "study": key.study,
        "kind": key.kind,
        "order": hashlib.sha256(f"order {key.seed}".encode()).hexdigest()[:8],
        "questions": [
            {"name": q.name, "text": q.text, "labels": q.labels if key.kind == "rating" else [], "low": q.low}
            for q in key.questions
        ],
        "items": [
            {"item": i.item, "clips": list(i.clips), "check": _asked(key, i)}
            for i in sorted(key.items, key=lambda i: i.item)
        ],
    }


def _asked(key: StudyKey, item: StudyItem) -> str | None:
    """What a check says; the order of its clips is that of the key."""
    if item.check is None:
        return None
    first, question = next(iter(item.clips)), key.questions[0]
    is_first = item.check[first][question.name] == (question.low if key.kind == "rating" else 1)
    if key.kind == "rating":
        return f"Attention check: choose the {'first' if is_first else 'last'} answer of every question on this screen."
    letters = [chr(65 + k) for k in range(len(item.clips))]
    order = ", ".join(letters if is_first else letters[::-1])
    return f"Attention check: under every question on this screen rank the clips in the order {order}; {order[0]} is 1."
