"""Files that come back from a study: the key of the analyst, and the answers of raters."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from viseme.core.errors import DataError
from viseme.core.studies import KEY_SCHEMA, StudyItem, StudyKey, StudyQuestion

__all__ = ["RaterAnswers", "read_answers", "read_key"]

_COLUMNS = ("study", "rater", "item", "clip", "question", "answer")


@dataclass
class RaterAnswers:
    """What one rater said."""

    rater: str
    file: Path
    given: dict[tuple[str, str, str], int] = field(default_factory=dict)
    """(screen, clip, question) -> answer or rank."""


def read_key(path: Path) -> StudyKey:
    """The key that `study make` wrote.

    Raises:
        DataError: it cannot be read, or is no key.
    """
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
        if row["schema"] != KEY_SCHEMA:
            raise ValueError
        return StudyKey(
            row["study"],
            row["title"],
            row["kind"],
            row["seed"],
            tuple(StudyQuestion(q["name"], q["text"], tuple(q["labels"]), q["low"]) for q in row["questions"]),
            tuple(row["methods"]),
            tuple(StudyItem(i["item"], i["source"], i["clips"], i["check"]) for i in row["items"]),
        )
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}; give the key.json that study make wrote") from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is not the key of a study; give the key.json that study make wrote") from error


def read_answers(paths: Sequence[Path], key: StudyKey) -> tuple[list[RaterAnswers], int]:
    """Every rater's answers, in the order of the files; folders are searched for CSV files.

    Returns:
        The raters, and how many files repeated another with the same answers.

    Raises:
        DataError: no file, a file that is not of this study, an answer outside its scale, or two files with other
            answers under the same rater code.
    """
    raters: dict[str, RaterAnswers] = {}
    repeated = 0
    for path in _files(paths):
        for rater in _read(path, key):
            known = raters.get(rater.rater)
            if known is None:
                raters[rater.rater] = rater
            elif known.given == rater.given:
                repeated += 1
            else:
                raise DataError(
                    f"{known.file} and {path} hold different answers of rater {rater.rater}; keep one, or change a code"
                )
    return list(raters.values()), repeated


def _files(paths: Sequence[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        inside = sorted(path.glob("*.csv")) if path.is_dir() else [path]
        if not inside:
            raise DataError(f"{path} holds no CSV file of a rater")
        files += inside
    if not files:
        raise DataError("no answers were given: name the CSV files of the raters, or their folder")
    return files


def _read(path: Path, key: StudyKey) -> list[RaterAnswers]:
    scales = {q.name: (q.low, q.high) for q in key.questions}
    clips = {item.item: item.clips for item in key.items}
    raters: dict[str, RaterAnswers] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if missing := [c for c in _COLUMNS if c not in (reader.fieldnames or ())]:
                raise DataError(f"{path} lacks the columns {', '.join(missing)}; give the file that the page downloads")
            for row in reader:
                where = f"{path} line {reader.line_num}"
                _refuse(row, where, key, clips, scales)
                rater = raters.setdefault(row["rater"], RaterAnswers(row["rater"], path))
                place = (row["item"], row["clip"], row["question"])
                if place in rater.given:
                    raise DataError(f"{where} answers a question a second time")
                rater.given[place] = int(row["answer"])
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is not a CSV file in UTF-8; give the file that the page downloads") from error
    if not raters:
        raise DataError(f"{path} holds no answers")
    if key.kind == "ranking":
        for rater in raters.values():
            _refuse_ties(rater)
    return list(raters.values())


def _refuse(
    row: Mapping[str, str],
    where: str,
    key: StudyKey,
    clips: Mapping[str, Mapping[str, str]],
    scales: Mapping[str, tuple[int, int]],
) -> None:
    if row["study"] != key.study:
        raise DataError(f"{where} belongs to study {row['study']}, the key to {key.study}; give the key of that study")
    if row["clip"] not in clips.get(row["item"], {}) or row["question"] not in scales:
        raise DataError(f"{where} answers what the study did not ask; was the file edited?")
    low, high = scales[row["question"]] if key.kind == "rating" else (1, len(clips[row["item"]]))
    if not (row["answer"] or "").isascii() or not (row["answer"] or "").isdigit():
        raise DataError(f"{where}: the answer {row['answer']!r} is not a number from {low} to {high}")
    if not low <= int(row["answer"]) <= high:
        raise DataError(f"{where}: the answer {row['answer']!r} is not a number from {low} to {high}")


def _refuse_ties(rater: RaterAnswers) -> None:
    seen = set()
    for (item, _, question), rank in rater.given.items():
        if (item, question, rank) in seen:
            raise DataError(f"{rater.file}: rater {rater.rater} gives rank {rank} twice on {item} under {question}")
        seen.add((item, question, rank))
