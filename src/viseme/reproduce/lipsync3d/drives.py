"""Held-out clips dubbed under their own audio, another sentence's, silence and other voices; each made once.

Knows files and `viseme.dub`; refuses to know how anything is scored.
"""

from __future__ import annotations

import json
import shutil
import wave
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from viseme.audio.clock import RATE
from viseme.avatar.dub import dub
from viseme.compose.schedule import Beyond
from viseme.core.errors import VisemeError
from viseme.core.results import Verdict
from viseme.data.manifest import ManifestRow

__all__ = ["Drive", "Made", "drives", "make_drive", "real_clips"]

Kind = Literal["own", "cross", "silent", "voices"]
SILENCE_S = 1.0
"""What follows the end of an audio is silence too."""


@dataclass(frozen=True, kw_only=True)
class Drive:
    """Every held-out clip with the audio that it is dubbed with."""

    kind: Kind
    clips: tuple[tuple[ManifestRow, Path], ...]
    beyond: Beyond
    """What is done where the audio is longer."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """What became of one dub."""

    clip: str
    verdict: str | None
    """Of `viseme check`; None = there is no video."""
    delay: float | None
    """Seconds."""
    frames: int
    composed: int
    seconds: float
    """Wall time, the check included."""
    error: str = ""


def drives(held: Sequence[ManifestRow], voices: Sequence[Path], folder: Path) -> list[Drive]:
    """Every kind that can be made.

    Args:
        held: Held-out clips of one person.
        voices: Recordings of other people; none = no such drive.
        folder: Where silence is written.
    """
    others = [*held[1:], *held[:1]]
    silence = folder / "silence.wav"
    if not silence.exists():
        _write_silence(silence)
    found = [
        Drive(kind="own", clips=tuple((row, row.path) for row in held), beyond="cut"),
        Drive(kind="cross", clips=tuple((row, o.path) for row, o in zip(held, others)), beyond="cut"),
        Drive(kind="silent", clips=tuple((row, silence) for row in held), beyond="hold"),
    ]
    if voices:
        said = tuple((row, voices[i % len(voices)]) for i, row in enumerate(held))
        found.append(Drive(kind="voices", clips=said, beyond="ping-pong"))
    return found


def make_drive(drive: Drive, avatar: Path, folder: Path) -> list[Made]:
    """Dub what was not dubbed before.

    Args:
        drive: What.
        avatar: The `.vis` file.
        folder: Where videos and their answers are kept, named by clip.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for row, audio in drive.clips:
        answer = folder / f"{row.path.stem}.json"
        if not answer.exists():
            answer.write_text(json.dumps(asdict(_dubbed(row, audio, drive.beyond, avatar, folder))) + "\n")
        made.append(Made(**json.loads(answer.read_text())))
    return made


def _dubbed(row: ManifestRow, audio: Path, beyond: Beyond, avatar: Path, folder: Path) -> Made:
    out = folder / f"{row.path.stem}.mp4"
    try:
        found = dub(row.path, out, avatar=avatar, audio=audio, beyond=beyond, overwrite=True)
    except VisemeError as error:
        return Made(clip=row.path.stem, verdict=None, delay=None, frames=0, composed=0, seconds=0.0, error=str(error))
    verdict: Verdict = found.residual.estimate.verdict
    return Made(
        clip=row.path.stem,
        verdict=verdict.value,
        delay=found.residual.audio_delay,
        frames=found.num_frames,
        composed=found.num_composed,
        seconds=found.elapsed,
    )


def real_clips(rows: Sequence[ManifestRow], folder: Path) -> Path:
    """A folder with these clips and, where it is known, what is said in each, by the names of their dubs."""
    folder.mkdir(parents=True, exist_ok=True)
    for row in rows:
        copy = folder / row.path.name
        if not copy.exists():
            shutil.copyfile(row.path, copy)
        if row.text:
            (folder / f"{row.path.stem}.txt").write_text(row.text + "\n", encoding="utf-8")
    return folder


def _write_silence(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(bytes(2 * round(SILENCE_S * RATE)))
