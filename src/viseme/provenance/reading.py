"""What a file says of where it comes from: its manifest, its watermark, its consent. Knows files; refuses to guess."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from viseme.core.card import Card
from viseme.core.errors import MissingExtra, NoVideo
from viseme.core.extras import import_part
from viseme.media.frames import read_frames
from viseme.media.search import refuse_missing, shown
from viseme.provenance.manifest import EMBEDDING, PROVENANCE_LABEL, SIDECAR_SCHEMA, sidecar_of
from viseme.provenance.statement import find_statement
from viseme.provenance.watermark_reading import MarkSearch
from viseme.weights import sha256_of

__all__ = [
    "LARGEST_SIDE",
    "LOST_MARK",
    "PROVENANCE_SCHEMA",
    "RELIABLE_SECONDS",
    "ManifestFound",
    "ProvenanceResult",
    "keeps_watermark",
    "read_provenance",
]

PROVENANCE_SCHEMA = "viseme.provenance/1"
LARGEST_SIDE = 640
"""Frames are scaled down so far before a watermark is looked for."""
_MOST_FRAMES = 500
RELIABLE_SECONDS = 2.0
"""From which on a watermark is found as often as docs/provenance.md says."""
LOST_MARK = (
    "the invisible watermark cannot be read back from this file, as happens with short videos and with small frames "
    "full of motion: only the manifest says that it is synthetic"
)
"""What is told where `keeps_watermark` is false."""


@dataclass(frozen=True, kw_only=True)
class ManifestFound:
    """A manifest that was read."""

    place: str
    """`embedded`, `sidecar`, or `statement`: words in a file without frames."""
    signed: bool
    """Whether it carries a signature."""
    valid: bool
    """Whether the signature and the hashes (embedded), or the hash (sidecar), fit the file; a statement has neither."""
    state: str
    """What was found about that, in one sentence."""
    actions: tuple[str, ...]
    """C2PA's names, such as `c2pa.edited`."""
    source_types: tuple[str, ...]
    """IPTC's names, such as `compositeWithTrainedAlgorithmicMedia`."""
    generator: str | None
    """The program that wrote it."""
    model: str | None
    """Id of the model that made the file."""
    consent_sha256: str | None
    """Of the consent statement."""
    watermark: str | None
    """What the watermark should say, six hexadecimal digits."""
    parent: str | None
    """Name of the video that was changed."""


@dataclass(frozen=True, kw_only=True, repr=False)
class ProvenanceResult(Card):
    """What was found in a file."""

    file: str
    """Name."""
    manifest: ManifestFound | None
    """None = there is none."""
    watermark: str | None
    """What the watermark says, six hexadecimal digits; None = there is none."""
    watermark_cosine: float | None
    """How well it fits, 0 to 1."""
    num_frames: int
    """Frames in which it was looked for."""
    notes: tuple[str, ...] = ()
    """What could not be looked at, and why."""

    @property
    def watermark_agrees(self) -> bool | None:
        """Whether the watermark says what the manifest promises; None where one of them is missing."""
        if self.manifest is None or self.manifest.watermark is None or self.watermark is None:
            return None
        return self.manifest.watermark == self.watermark

    @property
    def synthetic(self) -> bool:
        """Whether anything was found that says so. False proves nothing: marks can be removed."""
        told = self.manifest.source_types if self.manifest else ()
        return self.watermark is not None or any("AlgorithmicMedia" in kind for kind in told)

    @property
    def words(self) -> str:
        """The findings, one a line."""
        lines = [f"manifest   {_manifest_words(self.manifest)}"]
        if self.watermark is None:
            promised = self.manifest is not None and self.manifest.watermark is not None
            looked = "not found" if self.num_frames else "not looked for, as there are no frames"
            lines.append(f"watermark  {looked}{', though the manifest promises one' if promised else ''}")
        else:
            agrees = {True: ", as the manifest says", False: ", not what the manifest says", None: ""}
            lines.append(f"watermark  {self.watermark}{agrees[self.watermark_agrees]}")
        consent = self.manifest.consent_sha256 if self.manifest else None
        lines.append(f"consent    {f'statement with SHA-256 {consent}' if consent else 'not stated'}")
        return "\n".join(lines)

    def facts(self) -> Mapping[str, Any]:
        """For `Card`."""
        place = self.manifest.place if self.manifest else None
        return {"file": self.file, "synthetic": self.synthetic, "manifest": place, "watermark": self.watermark}

    def to_json(self) -> dict[str, Any]:
        """Plain values, as docs/schemas/provenance.json describes."""
        told = None
        if self.manifest is not None:
            told = {name: getattr(self.manifest, name) for name in ManifestFound.__dataclass_fields__}
            told |= {"actions": list(self.manifest.actions), "source_types": list(self.manifest.source_types)}
        return {
            "schema": PROVENANCE_SCHEMA,
            "file": self.file,
            "synthetic": self.synthetic,
            "manifest": told,
            "watermark": self.watermark,
            "watermark_cosine": self.watermark_cosine,
            "watermark_agrees": self.watermark_agrees,
            "num_frames": self.num_frames,
            "notes": list(self.notes),
        }


def read_provenance(file: str | os.PathLike[str]) -> ProvenanceResult:
    """Read the manifest, embedded or beside the file, and the watermark.

    Args:
        file: A video, or what `viseme animate` wrote; what has no frames has a manifest or a statement alone.

    Raises:
        UnreadableMedia: missing, or neither media nor a file with a statement.
        NoVideo: no frames, and no manifest.
    """
    refuse_missing(file)
    path, notes, seconds = Path(os.fspath(file)), [], 0.0
    manifest = _embedded(path, notes) or _beside(path, notes) or _stated(path)
    search = MarkSearch()
    try:
        if manifest is None or manifest.place != "statement":
            seconds = _look(search, path, notes.append)
    except NoVideo:
        if manifest is None:
            raise
    found = search.find()
    if found is None and search.num_frames and seconds < RELIABLE_SECONDS - 0.1:
        notes.append(f"the video has {seconds:.1f} s; a watermark is read reliably from {RELIABLE_SECONDS:.0f} s on")
    return ProvenanceResult(
        file=shown(file),
        manifest=manifest,
        watermark=None if found is None else f"{found.message:06x}",
        watermark_cosine=None if found is None else round(float(found.cosine), 4),
        num_frames=search.num_frames,
        notes=tuple(notes),
    )


def keeps_watermark(file: str | os.PathLike[str], message: int) -> bool:
    """Whether the watermark that was laid into the frames of a video can be read from the file.

    Args:
        file: The video, as it was written.
        message: 24 bits, what the watermark should say.
    """
    search = MarkSearch()
    _look(search, Path(os.fsdecode(os.fspath(file))), lambda note: None)
    found = search.find()
    return found is not None and found.message == message


def _look(search: MarkSearch, path: Path, on_warning: Callable[[str], None]) -> float:
    """Take the first frames, small enough to be quick; the time of the last, seconds."""
    last = 0.0
    for frame in read_frames(path, max_side=LARGEST_SIDE, on_warning=on_warning):
        if frame.index >= _MOST_FRAMES:
            break
        last = float(frame.time)
        search.add(frame.image, last)
    return last


def _embedded(path: Path, notes: list[str]) -> ManifestFound | None:
    if path.suffix.lower() not in EMBEDDING:
        return None
    try:
        c2pa = import_part("c2pa")
    except MissingExtra as error:
        notes.append(f"whether a manifest is embedded is not known: {error}")
        return None
    with path.open("rb") as stream:
        try:
            with c2pa.Reader(EMBEDDING[path.suffix.lower()], stream) as reader:
                told, state = reader.get_active_manifest() or {}, reader.get_validation_state()
        except c2pa.C2paError as error:
            if "ManifestNotFound" not in str(error):
                notes.append(f"the embedded manifest cannot be read: {' '.join(str(error).split())}")
            return None
    words = {
        "Trusted": "the signature and the hashes are right, and the signer is trusted",
        "Valid": "the signature and the hashes are right; the signer is on no list of trusted signers here",
    }
    signer = (told.get("signature_info") or {}).get("issuer")
    sentence = words.get(str(state), "the signature or the hashes do not fit the file: it was changed afterwards")
    return _found(told, "embedded", True, state in words, f"{sentence} ({signer})" if signer else sentence)


def _beside(path: Path, notes: list[str]) -> ManifestFound | None:
    sidecar = sidecar_of(path)
    if not sidecar.is_file():
        return None
    try:
        told = json.loads(sidecar.read_text(encoding="utf-8"))
        if told["schema"] != SIDECAR_SCHEMA:
            raise ValueError(f"its schema is not {SIDECAR_SCHEMA}")
        fits = told["sha256"] == sha256_of(path)
        state = "the hash fits the file" if fits else "the hash does not fit the file: one of them was changed"
        return _found(told, "sidecar", False, fits, f"{state}; it is not signed, so anybody may have written it")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        notes.append(f"{shown(sidecar.name)} cannot be read: {error}")
        return None


def _stated(path: Path) -> ManifestFound | None:
    told = find_statement(path)
    if told is None:
        return None
    return ManifestFound(
        place="statement",
        signed=False,
        valid=True,
        state="it has no hash and is not signed, so anybody may have written it",
        actions=("c2pa.created",),
        source_types=(str(told.get("digitalSourceType")).rpartition("/")[2],),
        generator=_text(told.get("generator")),
        model=_text(told.get("model")),
        consent_sha256=_text(told.get("consent_sha256")),
        watermark=None,
        parent=None,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _found(told: dict[str, Any], place: str, signed: bool, valid: bool, state: str) -> ManifestFound:
    data: dict[str, Any] = {entry["label"]: entry["data"] for entry in told.get("assertions", [])}
    actions = next((d["actions"] for label, d in data.items() if label.startswith("c2pa.actions")), [])
    ours = data.get(PROVENANCE_LABEL, {})
    generators = told.get("claim_generator_info") or [{}]
    kinds = (str(action["digitalSourceType"]) for action in actions if "digitalSourceType" in action)
    return ManifestFound(
        place=place,
        signed=signed,
        valid=valid,
        state=state,
        actions=tuple(str(action["action"]) for action in actions),
        source_types=tuple(kind.rpartition("/")[2] for kind in kinds),
        generator=" ".join(str(generators[0][k]) for k in ("name", "version") if k in generators[0]) or None,
        model=ours.get("model"),
        consent_sha256=ours.get("consent_sha256"),
        watermark=ours.get("watermark"),
        parent=(ours.get("parent") or {}).get("file"),
    )


def _manifest_words(found: ManifestFound | None) -> str:
    if found is None:
        return "not found"
    made = ", ".join((*found.actions, *found.source_types))
    model = f", model {shown(found.model)}" if found.model else ""
    return f"{found.place}: {made}{model}; {found.state}"
