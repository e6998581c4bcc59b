"""The JSON Schemas of docs/schemas, for tests that make real outputs."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "schemas"


@cache
def validator(name: str) -> Draft202012Validator:
    """Of `docs/schemas/<name>.json`."""
    schema = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def validate(name: str, value: Any) -> None:
    """Compare one object with a schema, after a trip through text.

    Raises:
        jsonschema.ValidationError: it has another shape; the error of the nearest alternative is shown.
    """
    from jsonschema.exceptions import best_match

    error = best_match(validator(name).iter_errors(json.loads(json.dumps(value, allow_nan=False))))
    if error is not None:
        raise error
