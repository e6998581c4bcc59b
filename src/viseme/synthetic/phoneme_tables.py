"""Recordings with a table of phonemes: Praat TextGrids, CTM, JSON and lines of start, end, phoneme. Knows files and
phonemes."""

from __future__ import annotations

import csv
import itertools
import json
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import DataError
from viseme.media.audio import read_audio
from viseme.synthetic.closures import with_closures
from viseme.synthetic.phonemes import SAMPLE_RATE, Phoneme, Speech, bare_ipa

__all__ = ["OWN_LICENCE", "PHONE_FORMATS", "phone_ipa", "read_phonemes", "read_samples", "read_speech"]

OWN_LICENCE = "the recording's own"
"""Of the voice of a user's file."""
PHONE_FORMATS = "a TextGrid, a CTM, JSON, or `start end phoneme` lines"

_ARPABET_TABLE = """
AA:ɑ AE:æ AH:ʌ AO:ɔ AW:aʊ AY:aɪ EH:ɛ ER:ɝ EY:eɪ IH:ɪ IY:i OW:oʊ OY:ɔɪ UH:ʊ UW:u B:b CH:tʃ D:d DH:ð F:f G:ɡ HH:h JH:dʒ
K:k L:l M:m N:n NG:ŋ P:p R:ɹ S:s SH:ʃ T:t TH:θ V:v W:w Y:j Z:z ZH:ʒ AX:ə AXR:ɚ IX:ɨ UX:ʉ DX:ɾ EL:l EM:m EN:n NX:ɾ Q:ʔ
HV:ɦ
"""
_ARPABET: dict[str, str] = {pair.split(":")[0]: pair.split(":")[1] for pair in _ARPABET_TABLE.split()}
_PAUSES = frozenset({"", "sil", "sp", "spn", "pau", "<eps>", "h#", "#", "_", "<p:>", "silence"})


def phone_ipa(name: str) -> str:
    """IPA of a phone that is named in ARPABET (stress digits allowed) or IPA; empty for a pause.

    Example:
        >>> phone_ipa("AY1"), phone_ipa("aɪ"), phone_ipa("SIL")
        ('aɪ', 'aɪ', '')
    """
    bare = name.strip()
    if bare.lower() in _PAUSES:
        return ""
    return _ARPABET.get(re.sub(r"\d$", "", bare), bare_ipa(bare))


def read_phonemes(file: Path | str) -> list[Phoneme]:
    """Phonemes of a Praat TextGrid (tier "phones", "phonemes" or the last interval tier), of JSON, or of a table.

    A table has `start end phoneme` a line, in seconds, parted by tabs, commas or spaces; a header line is skipped. A
    CTM has `name channel start duration phoneme`. JSON is a list of [phoneme, start, end], or has one as "phones".
    IPA and ARPAbet (stress digits allowed) are understood; "sil", "sp", "pau" and empty names are pauses.

    Raises:
        DataError: unreadable, empty, or times that do not rise.
    """
    file = Path(file)
    try:
        text = file.read_bytes()
        decoded = text.decode("utf-16" if text[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: cannot read phoneme times ({error}); give {PHONE_FORMATS}") from error
    if "TextGrid" in decoded[:200]:
        rows = _textgrid(decoded, file)
    elif decoded.lstrip()[:1] in ("{", "["):
        rows = _json(decoded, file)
    else:
        rows = _table(decoded, file)
    phonemes = [Phoneme(phone_ipa(name), start, end) for start, end, name in rows]
    phonemes = [p for p in phonemes if p.name]
    if not phonemes:
        raise DataError(f"{file} holds no phonemes; give {PHONE_FORMATS}")
    for one, two in itertools.pairwise(phonemes):
        if one.end <= one.start or two.start < one.end - 1e-6:
            raise DataError(f"{file}: phoneme {two.name!r} at {two.start} s overlaps or goes back; sort by start time")
    return phonemes


def _json(text: str, file: Path) -> list[tuple[float, float, str]]:
    try:
        told = json.loads(text)
        phones = told["phones"] if isinstance(told, dict) else told
        return [(float(start), float(end), str(name)) for name, start, end in phones]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{file}: expected JSON with phones as [name, start, end], in seconds ({error!r})") from None


def _table(text: str, file: Path) -> list[tuple[float, float, str]]:
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        delimiter = "\t" if "\t" in line else "," if "," in line else " "
        cells = [c for c in next(csv.reader([line.strip()], delimiter=delimiter)) if delimiter != " " or c]
        try:
            if len(cells) >= 5:  # CTM: name, channel, start, duration, phoneme
                start, length = float(cells[2]), float(cells[3])
                rows.append((start, round(start + length, 6), cells[4]))
                continue
            rows.append((float(cells[0]), float(cells[1]), cells[2] if len(cells) > 2 else ""))
        except (ValueError, IndexError):
            if number > 1:
                raise DataError(
                    f"{file}, line {number}: expected `start end phoneme`, found {line.strip()!r}"
                ) from None
    return rows


def _textgrid(text: str, file: Path) -> list[tuple[float, float, str]]:
    """Intervals of the phone tier; both the long and the short form of Praat's text files."""
    tokens = re.findall(r'"(?:[^"]|"")*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\]\w])', text)
    tiers: dict[str, list[tuple[float, float, str]]] = {}
    at = 0
    while at < len(tokens):
        if tokens[at] != '"IntervalTier"':
            at += 1
            continue
        try:
            name, num = tokens[at + 1].strip('"'), int(tokens[at + 4])
            cells = tokens[at + 5 : at + 5 + 3 * num]
            tiers[name] = [
                (float(cells[i]), float(cells[i + 1]), cells[i + 2][1:-1].replace('""', '"'))
                for i in range(0, 3 * num, 3)
            ]
        except (ValueError, IndexError):
            raise DataError(f"{file}: damaged TextGrid; save it again as text from Praat") from None
        at += 5 + 3 * num
    if not tiers:
        raise DataError(f"{file}: no interval tier in this TextGrid; add a tier named 'phones'")
    for name in tiers:
        if name.lower().strip() in ("phones", "phonemes", "phone", "phoneme", "segments"):
            return tiers[name]
    return list(tiers.values())[-1]


def read_speech(audio: Path | str, phonemes: Path | str) -> Speech:
    """A recording with its phoneme times.

    Raises:
        MediaError: the recording cannot be read.
        DataError: the phoneme table is unusable or outlasts the audio by more than .1 s.
    """
    samples, spans = read_samples(audio), read_phonemes(phonemes)
    seconds = len(samples) / SAMPLE_RATE
    if spans[-1].end > seconds + 0.1:
        raise DataError(f"{phonemes} ends at {spans[-1].end:.2f} s, after the audio {audio} ({seconds:.2f} s)")
    return Speech(
        samples, with_closures(samples, SAMPLE_RATE, spans), voice=f"recording:{Path(audio).name}", licence=OWN_LICENCE
    )


def read_samples(audio: Path | str) -> NDArray[np.float32]:
    """(S,) at `SAMPLE_RATE`, all channels mixed.

    Raises:
        MediaError: the file cannot be read.
    """
    return np.concatenate([block.samples for block in read_audio(audio, rate=SAMPLE_RATE)])
