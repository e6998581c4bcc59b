"""What weights exist, where they lie, what they hash to and who may use them. Knows no network.

A record is one entry of `WEIGHTS`. Bundled files lie in `viseme/assets`; a name or a path finds a file
(`find_weights`), `verify` compares it with its record.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from viseme.core.errors import BadHash, MissingWeights
from viseme.weights.safetensors import read_header

__all__ = [
    "WEIGHTS",
    "FileStamp",
    "WeightsRecord",
    "assets_folder",
    "file_stamp",
    "find_weights",
    "sha256_of",
    "verify",
    "weights_id",
]


@dataclass(frozen=True, kw_only=True)
class WeightsRecord:
    """One file of weights."""

    name: str
    """What `--weights` and `find_weights` take."""
    component: str
    """What it is for: "sync", "face-model", ..."""
    file: str
    """Path inside `viseme/assets`."""
    sha256: str
    """Of the whole file, 64 hexadecimal digits."""
    size: int
    """Bytes."""
    licence: str
    """Of the weights."""
    training_data: str
    """What they were made from, with licences."""
    preprocessing: str
    """What the input must look like."""
    card: str = ""
    """Path inside `viseme/assets` of the card: metrics with n and intervals, known failures."""
    default: bool = False
    """Used when nothing is chosen."""
    results: Mapping[str, str] = field(default_factory=dict)
    """Headline numbers, each with its n."""

    @property
    def path(self) -> Path:
        """Where the file should lie."""
        return assets_folder() / self.file


def assets_folder() -> Path:
    """The folder of files that ship inside the package."""
    return Path(str(files("viseme"))) / "assets"


_TRAINED_ON = (
    "420 clips of one GRID speaker (Cooke, Barker, Cunningham, Shao 2006; CC BY 4.0) and 3,958 synthetic talkers of "
    "this package (CC0 face model; espeak-ng, flite and festival voices, see docs/voices.md)"
)
_TRAINED_ON_MANY = (
    "572 clips of 9 GRID speakers (Cooke, Barker, Cunningham, Shao 2006; CC BY 4.0) and of one of us_weekly_address "
    "(public domain), 2,959 synthetic talkers of this package (CC0 face model; espeak-ng, flite and festival voices, "
    "see docs/voices.md) and 2,752 with the voices of 133 people of LibriSpeech (Panayotov, Chen, Povey, Khudanpur "
    "2015; CC BY 4.0), whose phones the audio stream learnt to tell first"
)
_SEES = "mediapipe478 landmarks, head motion removed by the upper face, 25 Hz; audio at 16 kHz, 40 log-mels, 100 Hz"

_RECORDS: tuple[WeightsRecord, ...] = (
    WeightsRecord(
        name="sync-landmarks",
        component="sync",
        file="sync-landmarks.safetensors",
        sha256="f3e8f6d68f7fa0aa1e5f3b22d819da5ffccfd678f5db166e5c24f80a8779d095",
        size=7479492,
        licence="Apache-2.0",
        training_data=_TRAINED_ON_MANY,
        preprocessing=_SEES,
        card="sync-landmarks.md",
        default=True,
    ),
    WeightsRecord(
        name="sync-mesh",
        component="sync",
        file="sync-mesh.safetensors",
        sha256="68612374dacac0b09e4670f82b08a1cb0a7ba9a730f8fbcec3a4004daaf4aa93",
        size=3812698,
        licence="Apache-2.0",
        training_data=_TRAINED_ON,
        preprocessing=_SEES + "; lip points explained by the default face model's expressions",
        card="sync-mesh.md",
    ),
    WeightsRecord(
        name="enet-small",
        component="enet",
        file="enet-small.safetensors",
        sha256="b5ac5aa7023fe4f61ea45622eef12bc6d5307f57915f49804086d19e9b9ae46c",
        size=12782008,
        licence="Apache-2.0",
        training_data=(
            "619 clips of 14 GRID speakers (Cooke, Barker, Cunningham, Shao 2006; CC BY 4.0), 10 of us_weekly_address "
            "(public domain), 3 of lipify_selfies (MIT) and 1,600 synthetic people of this package (CC0 face model)"
        ),
        preprocessing="mediapipe478 landmarks; square crop 1.7 times their box, 224 px RGB in [0, 1]",
        card="enet-small.md",
        default=True,
    ),
    WeightsRecord(
        name="expert-tiny",
        component="expert",
        file="expert-tiny.safetensors",
        sha256="21d537a8161bc6a024d873f7c84113a5d85c3d08563cdf82c1f124696b9b21ff",
        size=12590516,
        licence="Apache-2.0",
        training_data=(
            "618 clips of 13 GRID speakers (Cooke, Barker, Cunningham, Shao 2006; CC BY 4.0) and 890 synthetic talkers "
            "of this package (CC0 face model) with the voices of LibriSpeech (Panayotov, Chen, Povey, Khudanpur 2015; "
            "CC BY 4.0)"
        ),
        preprocessing="67 lip points, head motion removed, 25 Hz; audio at 16 kHz, 4 x 26 log filter banks, 25 Hz",
        card="expert-tiny.md",
        default=True,
    ),
    WeightsRecord(
        name="speaker-head",
        component="speakers",
        file="speaker-head.safetensors",
        sha256="eefd0b848c6342f72a7ff1942f76487c0f08b3b318e3429c1f9f247a5697281e",
        size=343993,
        licence="Apache-2.0",
        training_data=(
            "594 synthetic conversations of this package (CC0 face model; espeak-ng, flite and festival voices, see "
            "docs/voices.md) and 629 clips of 14 GRID speakers (Cooke, Barker, Cunningham, Shao 2006; CC BY 4.0) and "
            "one of us_weekly_address (public domain)"
        ),
        preprocessing="scores of sync-landmarks and mouth motion every 40 ms; 40 log-mels",
        card="speaker-head.md",
        default=True,
    ),
    WeightsRecord(
        name="talker",
        component="talker",
        file="talker.safetensors",
        sha256="5692e078a9a56adc18eb6ffaded85482f8cd9f0ef682bf955428dd0b524cea24",
        size=5632439,
        licence="Apache-2.0",
        training_data=(
            "219 clips of 14 GRID speakers (Cooke, Barker, Cunningham, Shao 2006; CC BY 4.0), 10 of us_weekly_address "
            "(public domain), 3 of lipify_selfies (MIT; painting alone), 240 synthetic talkers of this package (CC0 "
            "face model), 200 of them with voices of LibriSpeech (Panayotov, Chen, Povey, Khudanpur 2015; CC BY 4.0); "
            "hears through sync-landmarks"
        ),
        preprocessing="mediapipe478 landmarks; lip crop of the cylindrical atlas; audio at 16 kHz, 40 log-mels, 100 Hz",
        card="talker.md",
        default=True,
    ),
    WeightsRecord(
        name="voice-to-face",
        component="voice",
        file="voice-to-face.safetensors",
        sha256="05296337b3008f43aed04ba1746d19ef6ba5fef91a64a676eaa5429fc4f6c16a",
        size=773946,
        licence="Apache-2.0",
        training_data=(
            "133 utterances of as many people of LibriSpeech (Panayotov, Chen, Povey, Khudanpur 2015; CC BY 4.0) and "
            "226 of espeak-ng, flite and festival voices (docs/voices.md), with the articulation of this package's "
            "synthetic head"
        ),
        preprocessing="audio at 16 kHz, 40 log-mels, 100 Hz",
        card="voice-to-face.md",
        default=True,
    ),
)

WEIGHTS: Mapping[str, WeightsRecord] = MappingProxyType({record.name: record for record in _RECORDS})
"""Every known file of weights by name."""


def sha256_of(path: str | Path) -> str:
    """SHA-256 of a file, read in pieces.

    Raises:
        MissingWeights: there is no such file.
    """
    digest = hashlib.sha256()
    try:
        with Path(path).open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except FileNotFoundError:
        raise MissingWeights(f"there are no weights at {path}") from None
    return digest.hexdigest()


class FileStamp(NamedTuple):
    """A file as it was at one moment: equal stamps, equal content. For caches of what was read from it."""

    path: Path
    size: int
    mtime_ns: int


def file_stamp(path: str | Path) -> FileStamp:
    """The stamp of a file now.

    Raises:
        MissingWeights: there is no such file.
    """
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        raise MissingWeights(f"there are no weights at {path}") from None
    return FileStamp(Path(path), status.st_size, status.st_mtime_ns)


def find_weights(name: str | Path | None = None, *, component: str = "sync") -> Path:
    """The file behind a name, a path, or nothing (the component's default).

    Raises:
        MissingWeights: neither a known name nor a file; or the known file is not where it should be.
    """
    if name is None:
        chosen = [record for record in WEIGHTS.values() if record.component == component and record.default]
        if not chosen:
            raise MissingWeights(f"no default weights for {component!r} are catalogued; pass a file")
        record = chosen[0]
    elif str(name) in WEIGHTS:
        record = WEIGHTS[str(name)]
    elif Path(name).is_file():
        return Path(name)
    else:
        near = get_close_matches(str(name), WEIGHTS, n=1)
        hint = f"perhaps you meant {near[0]!r}" if near else f"known: {', '.join(sorted(WEIGHTS)) or 'none'}"
        raise MissingWeights(f"{str(name)!r} is neither a file nor the name of weights; {hint}")
    if not record.path.is_file():
        raise MissingWeights(f"weights {record.name!r} should lie at {record.path}; install the package again")
    return record.path


def verify(record: WeightsRecord) -> None:
    """Compare a file with its record: there, of the right size and hash, and readable where it is safetensors.

    Raises:
        MissingWeights: it is not there.
        BadHash: it is there and is something else.
        WeightsError: it hashes right and is no safetensors file for all that.
    """
    if not record.path.is_file():
        raise MissingWeights(f"weights {record.name!r} should lie at {record.path}; install the package again")
    found = sha256_of(record.path)
    if found != record.sha256:
        raise BadHash(
            f"weights {record.name!r} at {record.path} hash to {found[:12]}..., not {record.sha256[:12]}...; "
            "install the package again"
        )
    if record.path.suffix == ".safetensors":
        read_header(record.path)


def weights_id(path: str | Path) -> str:
    """Name and short hash, as results quote them: "sync-landmarks@1a2b3c4d5e6f".

    Raises:
        MissingWeights: there is no such file.
    """
    digest = sha256_of(path)
    for record in WEIGHTS.values():
        if record.sha256 == digest:
            return f"{record.name}@{digest[:12]}"
    return f"{Path(path).stem}@{digest[:12]}"
