"""What a generated file says about itself: beside the file without a key, inside it with one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from viseme.core.errors import ConfigError, UnreadableMedia
from viseme.provenance.consent import Consent, consent_from_json
from viseme.provenance.manifest import PROVENANCE_LABEL, find_signing_key, sidecar_of, watermark_message, write_manifest


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISEME_C2PA_CERTIFICATE", raising=False)
    monkeypatch.delenv("VISEME_C2PA_KEY", raising=False)


@pytest.fixture
def consent() -> Consent:
    told = {"subject": "Ada", "scope": "Dubbing", "date": "2026-11-01", "signer": "Ada", "sha256": "0" * 64}
    return consent_from_json(told)


def test_a_dub_without_a_key_has_a_file_beside_it(tmp_path: Path, consent: Consent) -> None:
    out, parent = tmp_path / "dub.mp4", tmp_path / "ada.mkv"
    out.write_bytes(b"dub")
    parent.write_bytes(b"ada")
    written = write_manifest(out, parent=parent, model="ada@12", consent=consent, watermark=0xC0FFEE)
    assert (written.sidecar, written.embedded) == (sidecar_of(out), False)
    assert "VISEME_C2PA_KEY" in (written.why or "")
    told = json.loads(sidecar_of(out).read_text(encoding="utf-8"))
    assert told["sha256"] == hashlib.sha256(b"dub").hexdigest()
    actions, ours = (entry["data"] for entry in told["assertions"])
    assert [a["action"] for a in actions["actions"]] == ["c2pa.opened", "c2pa.edited"]
    assert actions["actions"][1]["digitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert told["assertions"][1]["label"] == PROVENANCE_LABEL
    assert (ours["model"], ours["consent_sha256"], ours["watermark"]) == ("ada@12", "0" * 64, "c0ffee")
    assert ours["parent"] == {"file": "ada.mkv", "sha256": hashlib.sha256(b"ada").hexdigest()}


def test_a_render_is_created_and_a_container_may_not_hold_it(tmp_path: Path) -> None:
    out = tmp_path / "cartoon.mkv"
    out.write_bytes(b"x")
    written = write_manifest(out, model="head")
    assert written.why == ".mkv cannot hold a C2PA manifest"
    (action,) = json.loads(sidecar_of(out).read_text())["assertions"][0]["data"]["actions"]
    assert action["action"] == "c2pa.created"
    assert action["digitalSourceType"].endswith("/trainedAlgorithmicMedia")


def test_faults_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnreadableMedia, match="does not exist"):
        write_manifest(tmp_path / "none.mp4")
    monkeypatch.setenv("VISEME_C2PA_KEY", str(tmp_path / "none.pem"))
    with pytest.raises(ConfigError, match="VISEME_C2PA_CERTIFICATE is not set"):
        find_signing_key()
    monkeypatch.setenv("VISEME_C2PA_CERTIFICATE", str(tmp_path / "none.pem"))
    with pytest.raises(ConfigError, match="not a file"):
        find_signing_key()


def test_the_watermark_depends_on_model_and_consent(consent: Consent) -> None:
    messages = {watermark_message(m, c) for m in ("a", "b") for c in (None, consent)}
    assert len(messages) == 4
    assert all(0 <= message < 1 << 24 for message in messages)
