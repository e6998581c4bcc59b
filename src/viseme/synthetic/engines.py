"""flite and festival, run as programs: text to audio with the times of its phones.

Knows engines and their output; refuses to know faces. Phones become IPA, times are seconds after the first sample.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from viseme.core.errors import DataError
from viseme.synthetic.closures import with_releases
from viseme.synthetic.kokoro import kokoro_available
from viseme.synthetic.phonemes import SAMPLE_RATE, Phoneme, Speech
from viseme.synthetic.voices import PHONE_SETS, Voice, VoiceMissing, find_voice

__all__ = ["Spoken", "phone_times", "speak_recorded", "tidied", "voice_available"]

_VOICE_FOLDERS = (Path("/usr/share/festival/voices"), Path("/usr/local/share/festival/voices"))
_HEAP_CELLS = 2_000_000  # festival's own default of ten million costs .15 s at each start
_TIMEOUT_S = 60
_MAX_TAIL_S = 0.35
_MAX_MISMATCH_S = 0.03
_DEFAULT_WPM = 170


@dataclass(frozen=True)
class Spoken:
    """What an engine gave for one sentence."""

    audio: NDArray[np.float32]
    """(S,) in [-1, 1]."""
    rate: int
    phones: list[tuple[str, float]]
    """Name in the engine's own set, end in seconds."""


def _data_found(voice: Voice) -> bool:
    engine, _, name = voice.name.partition(":")
    if engine == "kokoro":
        return kokoro_available(voice.name)
    if shutil.which(engine) is None:
        return False
    if engine == "flite":
        return name in _flite_voices()
    return any(next(folder.glob(f"*/{name}/festvox"), None) is not None for folder in _VOICE_FOLDERS)


@lru_cache(maxsize=1)
def _flite_voices() -> frozenset[str]:
    listed = subprocess.run(["flite", "-lv"], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    return frozenset(listed.stdout.partition(":")[2].split())


@lru_cache(maxsize=64)
def voice_available(name: str) -> bool:
    """Whether engine and data of a voice are installed (looked up once per process)."""
    return _data_found(find_voice(name))


def _run(command: Sequence[str], voice: Voice, folder: Path) -> str:
    path = os.environ.get("PATH", os.defpath)
    environment = {"PATH": path, "HOME": "/nonexistent", "LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DataError(f"voice {voice.name}: {command[0]} did not answer ({error})") from error
    if done.returncode != 0:
        told = done.stderr.decode("utf-8", "replace").strip().splitlines()[:1] or [f"status {done.returncode}"]
        raise DataError(
            f"voice {voice.name}: {command[0]} failed ({told[0]}); the text must be in the language {voice.language}"
        )
    return done.stdout.decode("utf-8", "replace")


def _read(file: Path, voice: Voice, text: str) -> tuple[NDArray[np.float32], int]:
    try:
        with wave.open(str(file)) as stream:
            data, rate = stream.readframes(stream.getnframes()), stream.getframerate()
    except (OSError, EOFError, wave.Error) as error:
        raise DataError(f"voice {voice.name} found nothing to say in {text!r} ({error})") from error
    return (np.frombuffer(data, "<i2") / 32768).astype(np.float32), rate


def phone_times(line: str, voice: Voice, text: str) -> list[tuple[str, float]]:
    """Phones and their ends from "name:end" words.

    Raises:
        DataError: the engine made several utterances, whose lengths it does not tell.
    """
    words = (word.rpartition(":") for word in line.split())
    phones = [(name, float(end)) for name, _, end in words]
    if any(two < one for (_, one), (_, two) in itertools.pairwise(phones)):
        raise DataError(f"voice {voice.name} parts {text!r} into several utterances; end sentences with a full stop")
    return phones


def _flite(voice: Voice, texts: Sequence[str], stretch: float, pitch: float, spread: float, folder: Path) -> list:
    spoken = []
    for index, text in enumerate(texts):
        file = folder / f"{index}.wav"
        mean, deviation = _FLITE_PITCH[voice.name]
        command = ["flite", "-voice", voice.name.partition(":")[2], "-psdur"]
        for name, value in (
            ("duration_stretch", stretch),
            ("int_f0_target_mean", mean * pitch),
            ("int_f0_target_stddev", deviation * pitch * spread),
        ):
            command += ["--setf", f"{name}={value:.5f}"]
        lines = _run([*command, "-t", text, "-o", str(file)], voice, folder)
        audio, rate = _read(file, voice, text)
        spoken.append(Spoken(audio, rate, phone_times(lines, voice, text)))
    return spoken


_FLITE_PITCH = {"flite:awb": (133.0, 20.0), "flite:rms": (96.0, 17.0), "flite:slt": (170.0, 23.0),
                "flite:kal16": (95.0, 11.0)}  # fmt: skip
"""Hertz: each voice's own mean and deviation."""

# Stretch and pitch are changed between analysis and audio, alike for all diphone voices.
_FESTIVAL = """
(define (viseme.total items)
  (if items (+ (item.feat (car items) 'f0) (viseme.total (cdr items))) 0))
(define (viseme.vary utt)
  (mapcar (lambda (s) (item.set_feat s 'end (* STRETCH (item.feat s 'end)))) (utt.relation.items utt 'Segment))
  (let ((targets (utt.relation.leafs utt 'Target)) (mean 0))
    (if targets (set! mean (/ (viseme.total targets) (length targets))))
    (mapcar
      (lambda (target)
        (item.set_feat target 'pos (* STRETCH (item.feat target 'pos)))
        (item.set_feat target 'f0 (* PITCH (+ mean (* SPREAD (- (item.feat target 'f0) mean))))))
      targets))
  utt)
"""


def _festival(voice: Voice, texts: Sequence[str], stretch: float, pitch: float, spread: float, folder: Path) -> list:
    name = voice.name.partition(":")[2]
    parts = [f"(voice_{name})"]
    if voice.method == "hts":
        semitones = 12 * np.log2(pitch)
        parts.append(
            f'(set! hts_engine_params (append hts_engine_params (list (list "-r" {1 / stretch:.5f})'
            f' (list "-fm" {semitones:.4f}))))'
        )
    else:
        values = {"STRETCH": f"{stretch:.5f}", "PITCH": f"{pitch:.5f}", "SPREAD": f"{spread:.5f}"}
        parts.append(re.sub("STRETCH|PITCH|SPREAD", lambda match: values[match[0]], _FESTIVAL))
        parts.append(
            "(set! after_analysis_hooks (append (if (consp after_analysis_hooks) after_analysis_hooks"
            " (if after_analysis_hooks (list after_analysis_hooks) nil)) (list viseme.vary)))"
        )
    for index, text in enumerate(texts):
        quoted = re.sub(r'[\\"\x00-\x1f]', " ", text)
        parts.append(f'(set! u (utt.synth (Utterance Text "{quoted}")))')
        parts.append(
            '(mapcar (lambda (s) (format t "%s:%.5f " (item.name s) (item.feat s \'end)))'
            f' (utt.relation.items u \'Segment))\n(format t "\\n")\n(utt.save.wave u "{index}.wav" \'riff)'
        )
    script = folder / "say.scm"
    try:
        script.write_bytes("\n".join(parts).encode(voice.encoding))
    except UnicodeEncodeError as error:
        raise DataError(f"voice {voice.name} cannot read {error.object[error.start : error.end]!r}") from error
    lines = _run(["festival", "--heap", str(_HEAP_CELLS), "-b", str(script)], voice, folder).splitlines()
    spoken = []
    for index, text in enumerate(texts):
        audio, rate = _read(folder / f"{index}.wav", voice, text)
        spoken.append(Spoken(audio, rate, phone_times(lines[index], voice, text)))
    return spoken


# ---------------------------------------------------------------- speech


def speak_recorded(
    text: str,
    *,
    voice: str = "flite:slt",
    rate_wpm: int = _DEFAULT_WPM,
    pitch: int = 50,
    pitch_range: int = 50,
    tract: float = 1.0,
) -> Speech:
    """Say `text` with a voice made of recordings; the same arguments give the same samples.

    Args:
        text: In the language of the voice; sentences end with ".", "?" or "!".
        voice: Name in `VOICES`.
        rate_wpm: 170 = the voice's own rate, 340 = twice as fast.
        pitch: 0 (half an octave lower) to 99; 50 = the voice's own.
        pitch_range: 0 (monotone) to 99; 50 = the voice's own. Voices of method hts keep their own.
        tract: Factor on all formants, .7 to 1.4: a vocal tract of 1 / tract times the length. Made by playing faster
            or slower while the engine compensates rate and pitch, so times stay exact.

    Raises:
        VoiceMissing: engine or data are not installed.
        DataError: no such voice, nothing speakable in the text, or a phone the mapping does not know.
        ValueError: an argument out of range.
    """
    chosen = find_voice(voice)
    if not (40 <= rate_wpm <= 450 and 0 <= pitch <= 99 and 0 <= pitch_range <= 99 and 0.7 <= tract <= 1.4):
        raise ValueError(f"out of range: rate_wpm={rate_wpm}, pitch={pitch}, pitch_range={pitch_range}, tract={tract}")
    if not voice_available(voice):
        raise VoiceMissing(
            f"voice {voice!r} is not installed; on Debian: apt-get install --no-install-recommends "
            + " ".join(chosen.packages)
            + " (docs/voices.md has one command for all voices)"
        )
    texts = [part.strip() for part in re.split(r"(?<=[.?!।])\s+", text) if re.search(r"\w", part)]
    if not texts:
        raise DataError(f"voice {voice} found nothing to say in {text!r}")
    stretch, factor = _DEFAULT_WPM / rate_wpm * tract, 2 ** ((pitch - 50) / 100) / tract
    run = _flite if chosen.engine == "flite" else _festival
    with tempfile.TemporaryDirectory(prefix="viseme") as folder:
        spoken = run(chosen, texts, stretch, factor, pitch_range / 50, Path(folder))
    audios, phonemes, offset = [], [], 0.0
    for part in spoken:
        audio, found = tidied(part, chosen, stretch, text)
        played = Fraction(SAMPLE_RATE / part.rate / tract).limit_denominator(400)
        scale = float(played) * part.rate / SAMPLE_RATE
        audios.append(resample_poly(audio, played.numerator, played.denominator).astype(np.float32))
        phonemes += [p.scaled(scale).shifted(offset) for p in found]
        offset += len(audios[-1]) / SAMPLE_RATE
    if not phonemes:
        raise DataError(f"voice {voice} found nothing to say in {text!r}")
    samples = np.concatenate(audios)
    samples /= max(1.0, float(np.abs(samples).max()))
    return Speech(samples, tuple(phonemes), text=text, voice=voice)


def tidied(part: Spoken, voice: Voice, stretch: float, text: str) -> tuple[NDArray[np.float32], list[Phoneme]]:
    """Audio without a long tail, and phonemes in IPA with closures."""
    table = PHONE_SETS[voice.phones]
    phonemes, start, late = [], 0.0, voice.lag * stretch
    for name, end in part.phones:
        if name not in table:
            raise DataError(f"voice {voice.name} says a phone {name!r} in {text!r} whose audio is not known here")
        if table[name] and end > start:
            phonemes.append(Phoneme(table[name], start + late, end + late))
        start = end
    if phonemes and phonemes[-1].end - len(part.audio) / part.rate > _MAX_MISMATCH_S:
        raise DataError(
            f"voice {voice.name}: the last phone ends at {phonemes[-1].end:.3f} s, after the audio "
            f"({len(part.audio) / part.rate:.3f} s) of {text!r}"
        )
    tail = int(((phonemes[-1].end if phonemes else 0.0) + _MAX_TAIL_S) * part.rate)
    audio = part.audio[:tail]
    return audio, with_releases(audio, part.rate, phonemes)
