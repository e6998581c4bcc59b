"""A consent statement is read in three forms, and every fault in one is named."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import pytest

from viseme.core.errors import ConsentError, OutputError
from viseme.provenance.consent import Consent, consent_from_json, read_consent, write_consent_template

TODAY = date(2026, 11, 28)
LINES = """subject = "Ada Example"
scope = "Dubbing # into \\"Spanish\\""
date = 2026-11-01 # signed
signer = 'Ada'
"""
PLAIN = "Subject: Ada Example\nscope: Dubbing # own lectures\ndate: 2026-11-01\n\nsigner: Ada: the subject\n"
JSON = '{"subject": "Ada Example", "scope": "Dubbing", "date": "2026-11-01", "signer": "Ada", "expires": "2027-01-01"}'


def statement(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "consent.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "scope", "signer"),
    [
        (LINES, 'Dubbing # into "Spanish"', "Ada"),
        (PLAIN, "Dubbing", "Ada: the subject"),
        (JSON, "Dubbing", "Ada"),
        ("\ufeff" + PLAIN.replace("\n", "\r\n"), "Dubbing", "Ada: the subject"),
    ],
)
def test_three_forms_are_read(tmp_path: Path, text: str, scope: str, signer: str) -> None:
    path = statement(tmp_path, text)
    consent = read_consent(path, today=TODAY)
    assert (consent.subject, consent.scope, consent.signer) == ("Ada Example", scope, signer)
    assert consent.date == date(2026, 11, 1)
    assert consent.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lacks subject and scope and date and signer"),
        (PLAIN.replace("signer: Ada: the subject", ""), "lacks signer"),
        (PLAIN.replace("Ada Example", "  "), "subject is empty"),
        (LINES.replace('"Ada Example"', '"Ada" Example'), "quotation marks do not match"),
        (LINES.replace('\\"', "\\q"), "backslash"),
        (PLAIN + "expire: 2027-01-01", "perhaps you meant expires"),
        (PLAIN + "colour: red", "known are subject"),
        (PLAIN + "date: 2026-11-02", "given twice"),
        (PLAIN + "I agree.", "line 6: write one field a line"),
        (PLAIN.replace("2026-11-01", "1.11.2026"), "write it as 2026-11-28"),
        (PLAIN.replace("2026-11-01", "2026-11-29"), "lies in the future"),
        (PLAIN + "expires: 2026-11-27", "expired on 2026-11-27"),
        (JSON[:-1], "is not:"),
        (JSON.replace('"Dubbing"', "3"), "scope must be text"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"#" * 70000, "larger than 64 KB"),
    ],
)
def test_faults_are_named(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(ConsentError, match=message):
        read_consent(statement(tmp_path, text), today=TODAY)


def test_a_missing_statement_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConsentError, match=r"none\.toml cannot be read"):
        read_consent(tmp_path / "none.toml")


def test_it_is_stored_and_read_back(tmp_path: Path) -> None:
    consent = read_consent(statement(tmp_path, JSON), today=TODAY)
    stored = consent.to_json()
    assert consent_from_json(stored) == consent
    with pytest.raises(ConsentError, match="expired"):
        consent_from_json(stored).refuse_expired(date(2027, 1, 2))
    for broken in ({**stored, "sha256": "abc"}, {**stored, "signer": None}, {**stored, "date": "soon"}):
        with pytest.raises(ConsentError):
            consent_from_json(broken)


def test_a_template_is_refused_until_it_is_filled_in(tmp_path: Path) -> None:
    path = tmp_path / "consent.toml"
    write_consent_template(path)
    with pytest.raises(ConsentError, match="is empty"):
        read_consent(path)
    with pytest.raises(OutputError, match="exists"):
        write_consent_template(path)
    values = iter(["Ada", "Dubbing", "2026-11-01", "Ada"])
    text = path.read_text()
    while ' = ""\n' in text.split("# Optional")[0]:
        text = text.replace(' = ""\n', f' = "{next(values)}"\n', 1)
    path.write_text(text)
    assert isinstance(read_consent(path, today=TODAY), Consent)
