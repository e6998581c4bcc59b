"""Recordings of people whose phones are known in time, as speech for the synthetic head.

A folder holds `manifest.csv` (file, use, speaker, licence, ...) and `phones.jsonl` (file, oov, asr_logprob, phones:
[ARPABET or IPA, start, end] in seconds, as pocketsphinx aligned them, `tools/align_recordings.py`). Knows
files and phones; refuses to know faces.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from viseme.core.errors import ConfigError, DataError
from viseme.synthetic.alignment import align
from viseme.synthetic.closures import with_releases
from viseme.synthetic.phoneme_tables import OWN_LICENCE, phone_ipa, read_samples, read_speech
from viseme.synthetic.phonemes import SAMPLE_RATE, Phoneme, Speech
from viseme.synthetic.visemes import targets

__all__ = ["Recording", "read_recordings", "recorded_phones", "recorded_speech", "recording_folders", "speech_of"]

LEAST_LOGPROB = -0.6
"""Mean log-probability of a machine's transcript under which it is doubtful."""


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One utterance of one person."""

    path: Path
    speaker: str
    licence: str
    text: str
    phones: tuple[tuple[str, float, float], ...]
    """ARPABET or IPA, start and end in seconds; SIL = pause."""


@lru_cache(maxsize=4)
def read_recordings(folder: Path, use: str = "train") -> tuple[Recording, ...]:
    """Utterances that were aligned whole: no word was left out, and the transcript is not doubtful.

    Args:
        folder: Of manifest.csv and phones.jsonl.
        use: Which rows.

    Raises:
        DataError: the files are not there or not what they should be.
    """
    try:
        with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
            rows = {row["file"]: row for row in csv.DictReader(file) if row["use"] == use}
        lines = (folder / "phones.jsonl").read_text(encoding="utf-8").splitlines()
        aligned = [json.loads(line) for line in lines]
        return tuple(
            Recording(
                path=folder / entry["file"],
                speaker=rows[entry["file"]]["speaker"],
                licence=rows[entry["file"]]["licence"],
                text=entry["text"],
                phones=tuple((str(name), float(start), float(end)) for name, start, end in entry["phones"]),
            )
            for entry in aligned
            if entry["file"] in rows and not entry["oov"] and (entry["asr_logprob"] or 0.0) >= LEAST_LOGPROB
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{folder} does not hold recordings with their phones ({error!r})") from error


def recording_folders(folders: Iterable[Path]) -> list[Path]:
    """Those of the folders that hold recordings with their phones."""
    return [folder for folder in folders if (folder / "phones.jsonl").is_file()]


def speech_of(path: Path, *, phones: Path | None = None, text: str | None = None, seed: int = 0) -> Speech:
    """The recording that a user names: a file with its phones or its text, or one out of a folder.

    Args:
        path: An audio file, or a folder that `read_recordings` reads.
        phones: The phones of the file, as `read_phonemes` reads them.
        text: What is said in the file, in English; without `phones`, pocketsphinx finds them.
        seed: Chooses among the recordings of a folder.

    Raises:
        ConfigError: the phones of a file are not known.
        DataError: they do not fit, or the folder holds nothing.
        MediaError: the file cannot be read.
        MissingExtra: pocketsphinx is needed and not installed.
    """
    if path.is_dir():
        if phones is not None or text is not None:
            raise ConfigError(
                f"the recordings in {path} have their own text and phones; leave --text and --phonemes out"
            )
        found = read_recordings(path)
        if not found:
            raise DataError(f"{path} has no recording of use train that was aligned whole")
        return recorded_speech(found[seed % len(found)])
    if phones is not None:
        return replace(read_speech(path, phones), text=text or "")
    if text is None:
        raise ConfigError(
            f"what is said in {path}? give its phones (--phonemes FILE) or its words (--text, in English)"
        )
    spans = align(read_samples(path), text).phones
    return recorded_speech(Recording(path=path, speaker=path.name, licence=OWN_LICENCE, text=text, phones=spans))


def recorded_speech(recording: Recording, *, tract: float = 1.0) -> Speech:
    """The recording as speech whose phonemes are known.

    Args:
        recording: From `read_recordings`.
        tract: Factor on all frequencies, .7 to 1.4: played so much faster, as a person with a vocal tract of 1 / tract
            times the length who speaks as much faster.

    Raises:
        DataError: a phone is neither ARPABET nor IPA.
        MediaError: the file cannot be read.
    """
    if not 0.7 <= tract <= 1.4:
        raise ValueError(f"tract must be .7 to 1.4, not {tract}")
    audio, phonemes = read_samples(recording.path), []
    for name, start, end in recording.phones:
        ipa = phone_ipa(name)
        if ipa and not targets(ipa):
            raise DataError(f"{recording.path} has a phone {name!r} that is neither ARPABET nor IPA")
        if ipa and end > start:
            phonemes.append(Phoneme(ipa, start, min(end, len(audio) / SAMPLE_RATE)))
    found = with_releases(audio, SAMPLE_RATE, phonemes)
    played = _played(tract)
    samples = resample_poly(audio, played.numerator, played.denominator).astype(np.float32)
    samples /= max(1.0, float(np.abs(samples).max()))
    return Speech(
        samples,
        tuple(p.scaled(float(played)) for p in found),
        text=recording.text,
        voice=f"recording:{recording.speaker}",
        licence=recording.licence,
    )


def recorded_phones(recording: Recording, *, tract: float = 1.0) -> tuple[tuple[str, float, float], ...]:
    """ARPABET, start and end in seconds of `recorded_speech(recording, tract=tract)`."""
    played = float(_played(tract))
    return tuple((name, start * played, end * played) for name, start, end in recording.phones)


def _played(tract: float) -> Fraction:
    """How much longer the recording lasts, as played."""
    return Fraction(1 / tract).limit_denominator(200)
