"""Mouth cues in the files of Rhubarb Lip Sync: TSV, XML, JSON, and DAT for Moho and OpenToonz."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from viseme.avatar.animation.cues import Cue, mouth_cues
from viseme.avatar.animation.interface import FaceAnimation
from viseme.media.files import replacing

__all__ = ["DAT", "JSON", "TSV", "XML", "CueFormat"]

DAT_RATE = 24
"""Frames a second of a DAT file."""
PRESTON_BLAIR = {
    "A": "MBP", "B": "etc", "C": "E", "D": "AI", "E": "O", "F": "U", "G": "FV", "H": "L", "X": "rest",
}  # fmt: skip
"""Names of the shapes in a DAT file."""

Text = Callable[[Sequence[Cue], FaceAnimation], str]


@dataclass(frozen=True)
class CueFormat:
    """See `AnimationFormat`."""

    suffixes: tuple[str, ...]
    summary: str
    text: Text

    def write(self, animation: FaceAnimation, out: Path) -> None:
        """Write one file."""
        with replacing(out) as file:
            file.write(self.text(mouth_cues(animation), animation).encode())


def _tsv(cues: Sequence[Cue], animation: FaceAnimation) -> str:
    rows = [f"{cue.start:.2f}\t{cue.value}\n" for cue in cues]
    closing = "X" if cues[-1].value == "X" else "A"
    return "".join(rows) + f"{cues[-1].end:.2f}\t{closing}\n"


def _xml(cues: Sequence[Cue], animation: FaceAnimation) -> str:
    rows = [f'    <mouthCue start="{c.start:.2f}" end="{c.end:.2f}">{c.value}</mouthCue>\n' for c in cues]
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<!-- {animation.statement_line} -->\n<rhubarbResult>\n  <metadata>\n'
        f"    <soundFile>{escape(animation.source)}</soundFile>\n    <duration>{animation.duration:.2f}</duration>\n"
        f"  </metadata>\n  <mouthCues>\n{''.join(rows)}  </mouthCues>\n</rhubarbResult>\n"
    )


def _json(cues: Sequence[Cue], animation: FaceAnimation) -> str:
    whole = {
        "metadata": {
            "soundFile": animation.source,
            "duration": round(animation.duration, 2),
            "provenance": animation.statement,
        },
        "mouthCues": [{"start": cue.start, "end": cue.end, "value": cue.value} for cue in cues],
    }
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _dat(cues: Sequence[Cue], animation: FaceAnimation) -> str:
    rows, last = ["MohoSwitch1\n"], 0
    for cue in cues:
        number = 1 + round(cue.start * DAT_RATE)
        if number > last:  # two cues within one frame: the first is seen
            rows.append(f"{number} {PRESTON_BLAIR[cue.value]}\n")
            last = number
    return "".join(rows) + f"{max(last + 1, 1 + round(cues[-1].end * DAT_RATE))} {PRESTON_BLAIR['X']}\n"


TSV = CueFormat((".tsv",), "Rhubarb's mouth cues, a line each", _tsv)
XML = CueFormat((".xml",), "Rhubarb's mouth cues as XML", _xml)
JSON = CueFormat((), "Rhubarb's mouth cues as JSON", _json)
DAT = CueFormat((".dat",), "mouth cues for Moho and OpenToonz, 24 frames a second", _dat)
