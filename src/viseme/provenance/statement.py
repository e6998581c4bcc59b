"""What a generated file without frames says of itself: one JSON object, in a field or a comment of its format. Knows
text; refuses to know which formats there are.

It has no hash and no signature, so it says what a file is to people who want to know, and proves nothing.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import viseme
from viseme.provenance.consent import Consent
from viseme.provenance.source_types import CREATED, source_type

__all__ = ["STATEMENT_SCHEMA", "find_statement", "statement", "statement_line"]

STATEMENT_SCHEMA = "viseme.statement/1"
_BEGINNING = re.compile(r'\{\s*"schema"\s*:\s*"' + re.escape(STATEMENT_SCHEMA) + '"')
_MOST_BYTES = 1 << 20
"""A statement stands within so many of the first bytes."""


def statement(model: str, consent: Consent | None) -> dict[str, Any]:
    """What a file made from nothing says of itself; the field is called `provenance`.

    Args:
        model: Id of what made it.
        consent: Of the person shown; None = nobody is shown.
    """
    return {
        "schema": STATEMENT_SCHEMA,
        "synthetic": True,
        "digitalSourceType": source_type(CREATED),
        "generator": f"viseme {viseme.__version__}",
        "model": model,
        "consent_sha256": None if consent is None else consent.sha256,
    }


def statement_line(model: str, consent: Consent | None) -> str:
    """The same in one line of ASCII without `--`, so that it may stand in a comment of any format.

    Example:
        >>> statement_line("two--dashes", None)[-52:]
        '"model": "two-\\\\u002ddashes", "consent_sha256": null}'
    """
    return json.dumps(statement(model, consent)).replace("--", "-\\u002d")


def find_statement(path: str | os.PathLike[str]) -> Mapping[str, Any] | None:
    """The statement in a file; None = there is none.

    Raises:
        OSError: the file cannot be read.
    """
    with Path(os.fspath(path)).open("rb") as file:
        text = file.read(_MOST_BYTES).decode("utf-8", "replace")
    place = _BEGINNING.search(text)
    if place is None:
        return None
    try:
        return json.JSONDecoder().raw_decode(text, place.start())[0]
    except ValueError:
        return None
