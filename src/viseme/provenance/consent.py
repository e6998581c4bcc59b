"""The statement by which a person allows a model of their face. Knows text files and dates; refuses to know networks.

A statement is a small text file with one field a line, `name = "value"` (TOML), `name: value`, or a JSON object:

    subject = "Ada Example"
    scope = "Dubbing of my own lectures into Spanish"
    date = 2026-11-28
    signer = "Ada Example"

Its SHA-256 is that of the file, so `sha256sum consent.toml` prints the hash that models and videos carry.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from viseme.core.errors import ConsentError
from viseme.media.files import refuse_output, replacing
from viseme.media.search import shown

__all__ = ["Consent", "consent_from_json", "read_consent", "write_consent_template"]

_REQUIRED = ("subject", "scope", "date", "signer")
_OPTIONAL = ("expires", "note")
_LONGEST_BYTES = 1 << 16
_LINE = re.compile(r"([A-Za-z_]+)\s*[:=]\s*(.*)")
_COMMENT_AFTER = re.compile(r"\s#.*$")
_HASH = re.compile(r"[0-9a-f]{64}")

_TEMPLATE = """\
# Consent to a personal model of a face. Fill in the four fields; the file is stored with the model.
# Who is filmed:
subject = ""
# What the model may be used for, in words the subject understands:
scope = ""
# Day of the signature, YEAR-MONTH-DAY:
date = ""
# Who signs: the subject, or who may sign for them, and in what role:
signer = ""
# Optional, the last day of the consent, YEAR-MONTH-DAY:
# expires = ""
"""


@dataclass(frozen=True, kw_only=True)
class Consent:
    """What a person allowed, when, and who signed."""

    subject: str
    """Whose face and voice."""
    scope: str
    """What they may be used for."""
    date: date
    """Day of the signature."""
    signer: str
    """Who signed, where not the subject: in what role."""
    sha256: str
    """Of the statement file, 64 hexadecimal digits."""
    expires: date | None = None
    """The last day on which it holds; None = no end is stated."""
    note: str | None = None
    """Anything else the statement says."""

    def refuse_expired(self, today: date | None = None) -> None:
        """Refuse a statement that no longer holds; to be asked again each time a stored statement is used.

        Args:
            today: Another day than today.

        Raises:
            ConsentError: the day `expires` lies in the past everywhere on Earth.
        """
        today = _day_at(hours=-12) if today is None else today
        if self.expires is not None and self.expires < today:
            raise ConsentError(f"the consent of {self.subject} expired on {self.expires}; ask for a new statement")

    def to_json(self) -> dict[str, Any]:
        """Plain values; `consent_from_json` reads them back."""
        return {
            "subject": self.subject,
            "scope": self.scope,
            "date": self.date.isoformat(),
            "signer": self.signer,
            "expires": None if self.expires is None else self.expires.isoformat(),
            "note": self.note,
            "sha256": self.sha256,
        }


def read_consent(path: str | os.PathLike[str], *, today: date | None = None) -> Consent:
    """Read and check a consent statement.

    Args:
        path: A text file, see the head of this module; at most 64 KB of UTF-8.
        today: Another day than today, for tests.

    Raises:
        ConsentError: unreadable; a field is missing, empty, unknown or given twice; a date is not one, lies in the
            future, or the statement has expired.
    """
    name = shown(path)
    try:
        with Path(os.fspath(path)).open("rb") as file:
            data = file.read(_LONGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        hint = getattr(error, "strerror", None) or error
        raise ConsentError(f"the consent statement {name} cannot be read: {hint}") from error
    if len(data) > _LONGEST_BYTES:
        raise ConsentError(f"{name} is larger than 64 KB; a consent statement is a short text file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConsentError(f"{name} is not UTF-8 text; write the consent statement as a plain text file") from error
    fields = _json_fields(text, name) if text.lstrip().startswith("{") else _line_fields(text, name)
    consent = _checked(fields, name, hashlib.sha256(data).hexdigest())
    if consent.date > (_day_at(hours=14) if today is None else today):
        raise ConsentError(f"{name}: the date {consent.date} lies in the future; give the day of the signature")
    consent.refuse_expired(today)
    return consent


def consent_from_json(values: Mapping[str, Any]) -> Consent:
    """The statement that a model stores, as `Consent.to_json` wrote it; whether it has expired is not asked here.

    Raises:
        ConsentError: a field is missing, empty, unknown or no date.
    """
    values = dict(values)
    sha256 = values.pop("sha256", None)
    if not isinstance(sha256, str) or not _HASH.fullmatch(sha256):
        raise ConsentError("the stored consent has no SHA-256 of its statement; train the model again")
    return _checked({k: v for k, v in values.items() if v is not None}, "the stored consent", sha256)


def write_consent_template(path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a statement with empty fields, to be filled in and signed.

    Raises:
        OutputError: the file exists already, or cannot be written.
    """
    refuse_output(path, overwrite=overwrite)
    with replacing(path) as file:
        file.write(_TEMPLATE.encode())


def _day_at(*, hours: int) -> date:
    """Today where clocks are that many hours ahead of UTC."""
    return datetime.now(timezone(timedelta(hours=hours))).date()


def _json_fields(text: str, name: str) -> dict[str, Any]:
    try:
        fields = json.loads(text)
    except ValueError as error:
        raise ConsentError(f"{name} begins like JSON but is not: {error}") from error
    return {str(key).lower(): value for key, value in fields.items()}


def _line_fields(text: str, name: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise ConsentError(f'{name}, line {number}: write one field a line, such as subject = "Ada Example"')
        key = match[1].lower()
        if key in fields:
            raise ConsentError(f"{name}, line {number}: {key} is given twice")
        fields[key] = _value(match[2].strip(), f"{name}, line {number}")
    return fields


def _value(text: str, place: str) -> str:
    """A quoted string with what may follow it, or the plain rest of the line."""
    if text[:1] not in ('"', "'"):
        return _COMMENT_AFTER.sub("", text).strip() if not text.startswith("#") else ""
    pattern = r'("(?:[^"\\]|\\.)*")\s*(?:#.*)?' if text[0] == '"' else r"('[^']*')\s*(?:#.*)?"
    match = re.fullmatch(pattern, text)
    if match is None:
        raise ConsentError(f"{place}: the quotation marks do not match; a value is one line")
    if text[0] == "'":
        return match[1][1:-1]
    try:
        return json.loads(match[1])
    except ValueError as error:
        raise ConsentError(f"{place}: a backslash is written twice inside quotation marks") from error


def _checked(fields: Mapping[str, Any], name: str, sha256: str) -> Consent:
    known = (*_REQUIRED, *_OPTIONAL)
    for key in fields:
        if key not in known:
            near = get_close_matches(key, known, 1)
            hint = f"perhaps you meant {near[0]}" if near else f"known are {', '.join(known)}"
            raise ConsentError(f"{name}: the field {shown(key)} is not known; {hint}")
    missing = [key for key in _REQUIRED if key not in fields]
    if missing:
        raise ConsentError(f"{name} lacks {' and '.join(missing)}; a consent statement needs {', '.join(_REQUIRED)}")
    texts = {}
    for key, value in fields.items():
        if not isinstance(value, str):
            raise ConsentError(f"{name}: {key} must be text")
        texts[key] = value.strip()
        if not texts[key]:
            raise ConsentError(f"{name}: {key} is empty; fill it in")
    expires = texts.get("expires")
    return Consent(
        subject=texts["subject"],
        scope=texts["scope"],
        date=_date(texts["date"], name, "date"),
        signer=texts["signer"],
        sha256=sha256,
        expires=None if expires is None else _date(expires, name, "expires"),
        note=texts.get("note"),
    )


def _date(text: str, name: str, field: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise ConsentError(f"{name}: {field} is {shown(text)!r}; write it as 2026-11-28") from None
