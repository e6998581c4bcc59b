"""What a generated file says about itself, after C2PA: embedded and signed, or in a file beside it. Knows assertions,
containers and keys; refuses to know pixels.

A file is signed inside where the extra `[c2pa]` is installed, a key is named, and the container can hold a manifest
(MP4, MOV, M4V, AVI). Otherwise the same assertions lie in `FILE.c2pa.json`, with the SHA-256 of the file, unsigned.
There is no way to write neither.

Source:
    C2PA Technical Specification 2.x, actions `c2pa.opened`, `c2pa.edited`, `c2pa.created`; IPTC digital source types.
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import viseme
from viseme.core.errors import ConfigError, MissingExtra, OutputError
from viseme.core.extras import import_part
from viseme.media.files import replacing
from viseme.media.search import refuse_missing, shown
from viseme.provenance.consent import Consent
from viseme.provenance.source_types import CREATED, EDITED, source_type
from viseme.weights import sha256_of

__all__ = [
    "EMBEDDING",
    "PROVENANCE_LABEL",
    "SIDECAR_SCHEMA",
    "SigningKey",
    "WrittenManifest",
    "find_signing_key",
    "sidecar_of",
    "watermark_message",
    "write_manifest",
]

SIDECAR_SCHEMA = "viseme.c2pa/1"
PROVENANCE_LABEL = "org.viseme.provenance"
"""Label of our own assertion: model, consent, watermark, parent."""
EMBEDDING: Mapping[str, str] = {
    ".mp4": "video/mp4",
    ".m4v": "video/x-m4v",
    ".mov": "video/quicktime",
    ".avi": "video/avi",
    ".wav": "audio/wav",
    ".png": "image/png",
    ".jpg": "image/jpeg",
}
"""Extension that can hold a manifest -> media type."""
_CERTIFICATE, _KEY = "VISEME_C2PA_CERTIFICATE", "VISEME_C2PA_KEY"


@dataclass(frozen=True, kw_only=True)
class SigningKey:
    """With what a manifest is signed."""

    certificate: Path
    """PEM chain, the signer's first, the root's last or left out."""
    key: Path
    """PEM, PKCS #8, without a password."""


@dataclass(frozen=True, kw_only=True)
class WrittenManifest:
    """Where the manifest of a file is."""

    file: Path
    """Of which it tells."""
    sidecar: Path | None
    """The file beside it; None = embedded and signed."""
    why: str | None
    """Why it is not embedded, in one sentence; None = it is."""

    @property
    def embedded(self) -> bool:
        """Whether it is in the file, signed."""
        return self.sidecar is None


def sidecar_of(path: str | os.PathLike[str]) -> Path:
    """Name of the file beside a video that holds its manifest.

    Example:
        >>> sidecar_of("talk.mkv").name
        'talk.mkv.c2pa.json'
    """
    path = Path(os.fspath(path))
    return path.with_name(path.name + ".c2pa.json")


def watermark_message(model: str, consent: Consent | None) -> int:
    """The 24 bits that the watermark of a model carries: the beginning of a hash of its id and of its consent.

    Example:
        >>> f"{watermark_message('ada.vis@0123', None):06x}"
        '97dc57'
    """
    text = f"{model}\n{'' if consent is None else consent.sha256}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:3], "big")


def find_signing_key() -> SigningKey | None:
    """The key named by the environment, `VISEME_C2PA_CERTIFICATE` and `VISEME_C2PA_KEY`; None where neither is set.

    Raises:
        ConfigError: one of them is set alone, or a file is missing.
    """
    names = {name: os.environ.get(name) for name in (_CERTIFICATE, _KEY)}
    if not any(names.values()):
        return None
    for name, value in names.items():
        if not value:
            raise ConfigError(f"{name} is not set, though the other is; name a PEM file, or unset both")
        if not Path(value).is_file():
            raise ConfigError(f"{name} names {shown(value)}, which is not a file; name a PEM file")
    return SigningKey(certificate=Path(names[_CERTIFICATE] or ""), key=Path(names[_KEY] or ""))


def write_manifest(
    out: str | os.PathLike[str],
    *,
    parent: str | os.PathLike[str] | None = None,
    model: str | None = None,
    consent: Consent | None = None,
    watermark: int | None = None,
    signing_key: SigningKey | None = None,
) -> WrittenManifest:
    """Say of a finished file that it is synthetic, and of what it was made.

    Args:
        out: The file; it is replaced by one with the manifest inside where that is possible.
        parent: The video that was changed (a dub); None = the file was made from nothing (a render).
        model: Id of the model that made it.
        consent: Of the person shown.
        watermark: Message of the watermark in it; None = it has none.
        signing_key: None = what the environment names (`find_signing_key`).

    Raises:
        ConfigError: the key is not one, or does not fit the certificate.
        OutputError: the manifest could not be written.
        UnreadableMedia: `out` or `parent` does not exist.
    """
    out = Path(os.fspath(out))
    for file in (out, parent):
        if file is not None:
            refuse_missing(file)
    signing_key = find_signing_key() if signing_key is None else signing_key
    definition = _definition(out, parent, model, consent, watermark)
    why = _why_not_embedded(out, signing_key)
    if why is None and signing_key is not None:
        why = _embed(out, parent, definition, signing_key)
    if why is None:
        with suppress(FileNotFoundError):
            sidecar_of(out).unlink()  # of an earlier file of this name
        return WrittenManifest(file=out, sidecar=None, why=None)
    told = {"schema": SIDECAR_SCHEMA, "file": out.name, "sha256": sha256_of(out), "signed": False, "why": why}
    with replacing(sidecar_of(out)) as file:
        file.write((json.dumps(told | definition, indent=1, ensure_ascii=False) + "\n").encode())
    return WrittenManifest(file=out, sidecar=sidecar_of(out), why=why)


def _definition(
    out: Path,
    parent: str | os.PathLike[str] | None,
    model: str | None,
    consent: Consent | None,
    watermark: int | None,
) -> dict[str, Any]:
    agent = {"name": "viseme", "version": viseme.__version__}
    if parent is None:
        actions = [_action("c2pa.created", CREATED, agent)]
    else:
        opened = {"action": "c2pa.opened", "softwareAgent": agent, "parameters": {"ingredientIds": ["parent"]}}
        actions = [opened, _action("c2pa.edited", EDITED, agent)]
    changed = None if parent is None else Path(os.fspath(parent))
    ours = {
        "model": model,
        "consent_sha256": None if consent is None else consent.sha256,
        "watermark": None if watermark is None else f"{watermark:06x}",
        "parent": None if changed is None else {"file": changed.name, "sha256": sha256_of(changed)},
    }
    return {
        "claim_generator_info": [agent],
        "title": out.name,
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": actions}},
            {"label": PROVENANCE_LABEL, "data": ours},
        ],
    }


def _action(name: str, kind: str, agent: dict[str, str]) -> dict[str, Any]:
    return {"action": name, "digitalSourceType": source_type(kind), "softwareAgent": agent}


def _why_not_embedded(out: Path, signing_key: SigningKey | None) -> str | None:
    if out.suffix.lower() not in EMBEDDING:
        return f"{out.suffix or 'a file without extension'} cannot hold a C2PA manifest"
    if signing_key is None:
        return f"no signing key is named; set {_CERTIFICATE} and {_KEY}"
    try:
        import_part("c2pa")
    except MissingExtra as error:
        return str(error)
    return None


def _embed(
    out: Path, parent: str | os.PathLike[str] | None, definition: dict[str, Any], signing_key: SigningKey
) -> str | None:
    """Sign into a new file that becomes `out`; what the library says where it cannot."""
    c2pa = import_part("c2pa")
    info = _signer_info(signing_key)
    temporary = out.parent / f".viseme-{secrets.token_hex(6)}.tmp"
    try:
        with c2pa.Signer.from_info(info) as signer, c2pa.Builder(definition) as builder:
            if parent is not None:
                _add_parent(builder, Path(os.fspath(parent)))
            with out.open("rb") as source, temporary.open("w+b") as target:
                builder.sign(signer, EMBEDDING[out.suffix.lower()], source, target)
                target.flush()
                os.fsync(target.fileno())
        os.replace(temporary, out)
    except c2pa.C2paError as error:
        if "ignature" in str(error) or "ertificate" in str(error):
            raise ConfigError(
                f"the manifest cannot be signed with {shown(signing_key.certificate)}: {error}"
            ) from error
        return f"the C2PA library refuses the file: {' '.join(str(error).split())}"
    except OSError as error:
        raise OutputError(f"the manifest of {shown(out)} cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            temporary.unlink()
    return None


def _add_parent(builder: Any, parent: Path) -> None:
    kind = EMBEDDING.get(parent.suffix.lower()) or mimetypes.guess_type(parent.name)[0] or "application/octet-stream"
    told = {"title": parent.name, "relationship": "parentOf", "instance_id": "parent", "label": "parent"}
    with parent.open("rb") as source:
        builder.add_ingredient(told, kind, source)


def _signer_info(signing_key: SigningKey) -> Any:
    c2pa = import_part("c2pa")
    serialization = import_part("cryptography.hazmat.primitives.serialization")
    try:
        certificate, key = signing_key.certificate.read_bytes(), signing_key.key.read_bytes()
        loaded = serialization.load_pem_private_key(key, None)
    except (OSError, ValueError, TypeError) as error:
        name = shown(signing_key.key)
        raise ConfigError(f"{name} is not a private key without password in a PEM file: {error}") from error
    curve = getattr(getattr(loaded, "curve", None), "name", type(loaded).__name__)
    algorithms = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512", "Ed25519PrivateKey": "ed25519"}
    return c2pa.C2paSignerInfo(algorithms.get(curve, "ps256"), certificate, key, None)
