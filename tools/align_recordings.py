"""Align a folder of English recordings with their texts: manifest.csv (file, text, ...) becomes phones.jsonl.

    python tools/align_recordings.py FOLDER [--out FILE] [--jobs N]

Needs pocketsphinx (pip install 'viseme[align]') and espeak-ng, which pronounces words that the dictionary has not. A
recording whose text does not fit is left out and named; remarks in [brackets] are not read as
text. `viseme train sync --speech FOLDER` reads the result.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
from pathlib import Path
from typing import Any

from viseme.core.errors import VisemeError
from viseme.engine.jobs import run_jobs
from viseme.synthetic.alignment import align
from viseme.synthetic.phoneme_tables import read_samples


def aligned(folder: Path, row: dict[str, str], logprob: float | None) -> dict[str, Any] | str:
    """A line of phones.jsonl, or why there is none."""
    try:
        text = re.sub(r"\[[^]]*\]", "", row["text"]).strip()
        found = align(read_samples(folder / row["file"]), text)
    except VisemeError as error:
        return f"{row['file']}: {error}"
    return {
        "file": row["file"],
        "text": text,
        "asr_logprob": logprob,
        "oov": [],
        "spelled": {word: " ".join(phones) for word, phones in found.spelled.items()},
        "words": found.words,
        "phones": found.phones,
    }


def logprobs(folder: Path) -> dict[str, float | None]:
    """How sure a machine's transcripts were, where an earlier phones.jsonl says so."""
    file = folder / "phones.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return {entry["file"]: entry.get("asr_logprob") for entry in map(json.loads, lines)}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, help="default: FOLDER/phones.jsonl")
    parser.add_argument("--jobs", type=int, default=1)
    told = parser.parse_args(arguments)
    with (told.folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    known = logprobs(told.folder)
    jobs = [(aligned, (told.folder, row, known.get(row["file"]))) for row in rows]
    found = list(run_jobs(jobs, num_jobs=told.jobs))
    order = {row["file"]: number for number, row in enumerate(rows)}
    found.sort(key=lambda entry: order[entry["file"]] if isinstance(entry, dict) else -1)
    lines = [json.dumps(entry, ensure_ascii=False) for entry in found if isinstance(entry, dict)]
    (told.out or told.folder / "phones.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for reason in found:
        if isinstance(reason, str):
            print(reason, file=sys.stderr)
    spelled = sum(bool(entry["spelled"]) for entry in found if isinstance(entry, dict))
    print(f"{len(lines)} of {len(rows)} recordings aligned, {spelled} of them with words spelled by espeak-ng")
    return 0


if __name__ == "__main__":
    sys.exit(main())
