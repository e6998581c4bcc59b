"""Recordings with a table of phonemes: Praat TextGrids and lines of start, end, phoneme. Knows files and phonemes."""

from __future__ import annotations

import csv
import itertools
import re
import wave
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from viseme.core.errors import DataError
from viseme.synthetic.closures import with_closures
from viseme.synthetic.phonemes import SAMPLE_RATE, Phoneme, Speech, bare_ipa

__all__ = ["read_phonemes", "read_speech"]

_ARPABET_TABLE = """
AA:ɑ AE:æ AH:ʌ AO:ɔ AW:aʊ AY:aɪ EH:ɛ ER:ɝ EY:eɪ IH:ɪ IY:i OW:oʊ OY:ɔɪ UH:ʊ UW:u B:b CH:tʃ D:d DH:ð F:f G:ɡ HH:h JH:dʒ
K:k L:l M:m N:n NG:ŋ P:p R:ɹ S:s SH:ʃ T:t TH:θ V:v W:w Y:j Z:z ZH:ʒ AX:ə AXR:ɚ IX:ɨ UX:ʉ DX:ɾ EL:l EM:m EN:n NX:ɾ Q:ʔ
HV:ɦ
"""
_ARPABET: dict[str, str] = {pair.split(":")[0]: pair.split(":")[1] for pair in _ARPABET_TABLE.split()}
_PAUSES = frozenset({"", "sil", "sp", "spn", "pau", "<eps>", "h#", "#", "_", "<p:>", "silence"})


def _ipa(name: str) -> str:
    bare = name.strip()
    if bare.lower() in _PAUSES:
        return ""
    return _ARPABET.get(re.sub(r"\d$", "", bare), bare_ipa(bare))


def read_phonemes(file: Path | str) -> list[Phoneme]:
    """Phonemes of a Praat TextGrid (tier "phones", "phonemes" or the last interval tier), or of a table.

    A table has `start end phoneme` a line, in seconds, parted by tabs, commas or spaces; a header line is skipped.
    IPA and ARPAbet (stress digits allowed) are understood; "sil", "sp", "pau" and empty names are pauses.

    Raises:
        DataError: unreadable, empty, or times that do not rise.
    """
    file = Path(file)
    try:
        text = file.read_bytes()
        decoded = text.decode("utf-16" if text[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{file}: cannot read phoneme times ({error}); give a TextGrid or `start end phoneme` lines"
        ) from error
    rows = _textgrid(decoded, file) if "TextGrid" in decoded[:200] else _table(decoded, file)
    phonemes = [Phoneme(_ipa(name), start, end) for start, end, name in rows]
    phonemes = [p for p in phonemes if p.name]
    if not phonemes:
        raise DataError(f"{file} holds no phonemes; give a TextGrid or `start end phoneme` lines")
    for one, two in itertools.pairwise(phonemes):
        if one.end <= one.start or two.start < one.end - 1e-6:
            raise DataError(f"{file}: phoneme {two.name!r} at {two.start} s overlaps or goes back; sort by start time")
    return phonemes


def _table(text: str, file: Path) -> list[tuple[float, float, str]]:
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        delimiter = "\t" if "\t" in line else "," if "," in line else " "
        cells = [c for c in next(csv.reader([line.strip()], delimiter=delimiter)) if delimiter != " " or c]
        try:
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
    """A recording (PCM WAV) with its phoneme times.

    Raises:
        DataError: not a PCM WAV, or the phoneme table is unusable or outlasts the audio by more than .1 s.
    """
    audio = Path(audio)
    try:
        with wave.open(str(audio)) as stream:
            rate, width, channels = stream.getframerate(), stream.getsampwidth(), stream.getnchannels()
            data = stream.readframes(stream.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise DataError(
            f"{audio}: not a PCM WAV file ({error}); convert it: ffmpeg -i IN -c:a pcm_s16le OUT.wav"
        ) from error
    if width not in (1, 2, 4):
        raise DataError(f"{audio}: {8 * width}-bit samples; convert it: ffmpeg -i IN -c:a pcm_s16le OUT.wav")
    values = np.frombuffer(data, {1: "u1", 2: "<i2", 4: "<i4"}[width]).astype(np.float32)
    values = (values - 128) / 128 if width == 1 else values / float(2 ** (8 * width - 1))
    mono = values.reshape(-1, channels).mean(axis=1)
    spans = read_phonemes(phonemes)
    if spans[-1].end > len(mono) / rate + 0.1:
        raise DataError(f"{phonemes} ends at {spans[-1].end:.2f} s, after the audio {audio} ({len(mono) / rate:.2f} s)")
    common = np.gcd(SAMPLE_RATE, rate)
    samples = resample_poly(mono, SAMPLE_RATE // common, rate // common).astype(np.float32)
    return Speech(samples, with_closures(mono, rate, spans))
