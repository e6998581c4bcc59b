"""`viseme provenance` on real files: marked, encoded, with a manifest beside or inside."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from itertools import islice
from pathlib import Path

import pytest

from schemas import validate
from viseme.cli.main import main
from viseme.core.errors import ConfigError
from viseme.media.frames import read_frames
from viseme.media.writer import VideoWriter
from viseme.provenance.manifest import SigningKey, sidecar_of, write_manifest
from viseme.provenance.reading import read_provenance
from viseme.provenance.watermark import mark_frames
from viseme.weights import assets_folder

SAMPLE = assets_folder() / "samples" / "sample_in_sync.mp4"
MESSAGE = 0xC0FFEE


@pytest.fixture(scope="module")
def dub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A marked video without a manifest."""
    out = tmp_path_factory.mktemp("dub") / "dub.mp4"
    frames = [frame.image for frame in islice(read_frames(SAMPLE), 24)]
    height, width = frames[0].shape[:2]
    with VideoWriter(out, width=width, height=height, rate=25) as video:
        for frame in mark_frames(frames, MESSAGE):
            video.write(frame)
    return out


@pytest.fixture
def file(dub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("VISEME_C2PA_CERTIFICATE", raising=False)
    monkeypatch.delenv("VISEME_C2PA_KEY", raising=False)
    copy = tmp_path / dub.name
    copy.write_bytes(dub.read_bytes())
    return copy


def test_a_dub_with_a_manifest_beside_it(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_manifest(file, parent=SAMPLE, model="ada@12", watermark=MESSAGE)
    assert main(["provenance", str(file), "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    validate("provenance", told)
    assert (told["synthetic"], told["watermark"], told["watermark_agrees"]) == (True, "c0ffee", True)
    assert (told["manifest"]["place"], told["manifest"]["valid"]) == ("sidecar", True)
    assert told["manifest"]["actions"] == ["c2pa.opened", "c2pa.edited"]


def test_a_changed_file_and_an_unreadable_manifest_are_told(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mkv", width=16, height=16, rate=25) as video:
        video.write(next(iter(read_frames(SAMPLE))).image[:16, :16])
    text = tmp_path / "a.mkv"
    write_manifest(text, model="head")
    text.write_bytes(text.read_bytes() + b"\0")
    found = read_provenance(text)
    assert found.manifest is not None
    assert not found.manifest.valid
    assert "does not fit" in found.words
    validate("provenance", found.to_json())
    sidecar_of(text).write_text("{}")
    found = read_provenance(text)
    assert (found.manifest, found.synthetic) == (None, False)
    assert "cannot be read" in found.notes[0]


def test_a_command_without_files_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["provenance"]) == 2
    assert "name a file" in capfd.readouterr().err


@pytest.fixture
def signing_key(tmp_path: Path) -> SigningKey:
    """A signer under a root of its own, made for this test."""
    pytest.importorskip("c2pa")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    now, keys = datetime.now(timezone.utc), [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    pems = []
    for key, authority in ((keys[0], False), (keys[1], True)):
        name, issuer = (
            x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, text)])
            for text in ("root" if authority else "signer", "root")
        )
        flags = [not authority, *[False] * 4, authority, authority, False, False]
        builder = (
            x509.CertificateBuilder(issuer, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(authority, None), True)
            .add_extension(x509.KeyUsage(*flags), True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[1].public_key()), False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        )
        if not authority:
            builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
        pems.append(builder.sign(keys[1], hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    (tmp_path / "chain.pem").write_bytes(b"".join(pems))
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (tmp_path / "key.pem").write_bytes(keys[0].private_bytes(serialization.Encoding.PEM, *form))
    return SigningKey(certificate=tmp_path / "chain.pem", key=tmp_path / "key.pem")


def test_a_signed_manifest_is_inside_and_frames_stay(file: Path, signing_key: SigningKey) -> None:
    before = [frame.image.tobytes() for frame in read_frames(file)]
    write_manifest(file, model="old", watermark=1)
    written = write_manifest(file, parent=SAMPLE, model="ada@12", watermark=MESSAGE, signing_key=signing_key)
    assert (written.embedded, written.why, sidecar_of(file).exists()) == (True, None, False)
    assert [frame.image.tobytes() for frame in read_frames(file)] == before
    found = read_provenance(file)
    assert found.manifest is not None
    assert (found.manifest.place, found.manifest.signed, found.manifest.valid) == ("embedded", True, True)
    assert found.manifest.source_types == ("compositeWithTrainedAlgorithmicMedia",)
    assert found.watermark_agrees
    file.write_bytes(file.read_bytes()[:-9] + b"different")
    changed = read_provenance(file).manifest
    assert changed is not None
    assert not changed.valid


def test_a_key_that_is_none_is_named(file: Path, signing_key: SigningKey) -> None:
    signing_key.key.write_text("no key")
    with pytest.raises(ConfigError, match=r"key\.pem is not a private key"):
        write_manifest(file, signing_key=signing_key)
