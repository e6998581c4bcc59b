"""What raters are asked: the questions of the papers, or those of a file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from viseme.core.errors import DataError
from viseme.core.studies import StudyQuestion

__all__ = ["PRESETS", "read_questions"]

_FIVE = ("1 bad", "2 poor", "3 fair", "4 good", "5 excellent")

PRESETS = {
    "yaman": (
        StudyQuestion("sync", "How well do the lips match the speech?", _FIVE),
        StudyQuestion("visual", "How good is the visual quality?", _FIVE),
        StudyQuestion("overall", "How good is the clip overall?", _FIVE),
    ),
    "lipsync3d": (
        StudyQuestion("real", "Is the video real or fake?", ("fake", "real"), low=0),
        StudyQuestion("sync", "How well does the motion of the lips match the audio?", ("poor", "acceptable", "great")),
        StudyQuestion(
            "visual",
            "How good is the picture: naturalness, resolution, consistency?",
            ("1 poor", "2", "3", "4", "5 great"),
        ),
    ),
}
"""Name -> questions of a paper: Yaman et al., section 4.4; LipSync3D, appendix A."""


def read_questions(name: str) -> tuple[StudyQuestion, ...]:
    """A preset, or a JSON file: a list of {"name", "text", "labels", "low"}; `low` may be left out and is then 1.

    Raises:
        DataError: neither a preset nor a readable list of questions.
    """
    if name in PRESETS:
        return PRESETS[name]
    path = Path(name)
    if not path.is_file():
        raise DataError(f"--questions {name} is neither a file nor one of: {', '.join(PRESETS)}")
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        questions = tuple(_question(row) for row in rows)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        told = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise DataError(f"{path} is not a list of questions with name, text and labels: {told}") from error
    if not questions or len({q.name for q in questions}) < len(questions):
        raise DataError(f"{path} has no question, or two of the same name; give each a name of its own")
    return questions


def _question(row: dict[str, Any]) -> StudyQuestion:
    labels = tuple(str(label) for label in row["labels"])
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", row["name"]):
        raise ValueError(f"the name {row['name']!r} may hold letters, digits, - and _ alone")
    if isinstance(row["labels"], str) or len(labels) < 2:
        raise ValueError(f"the question {row['name']!r} needs a list of two labels or more")
    return StudyQuestion(row["name"], str(row["text"]), labels, int(row.get("low", 1)))
