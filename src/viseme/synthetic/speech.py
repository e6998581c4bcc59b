"""Speech whose phoneme times are known: espeak-ng, recorded voices, or any recording with a table of phonemes.

Knows audio and phoneme times; refuses to know faces and frames. Phonemes are IPA. Times are seconds after the
first sample of the audio.

espeak-ng reports the sample at which each phoneme starts. Looked at on the waveform and the spectrogram these samples
are exact (no constant bias), but they mean different things: a voiceless stop, and any stop after a pause, is reported
at its *release*, with the closure hidden in the silence before; a voiced stop or a nasal after a voiced audio is
reported at its *closure*, with the release hidden before the next phoneme. Lips need both instants, so
`Phoneme.closure` holds them, found on the waveform by `_closure`.
"""

from __future__ import annotations

import _ctypes
import csv
import ctypes
import itertools
import os
import re
import threading
import wave
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, resample_poly, sosfilt

from viseme.core.errors import DataError, VisemeError

__all__ = [
    "SAMPLE_RATE",
    "EspeakMissing",
    "Phoneme",
    "Speech",
    "espeak_available",
    "read_phonemes",
    "read_speech",
    "speak",
]

SAMPLE_RATE = 16_000
"""Hertz of all speech here."""

STOPS = frozenset("pbtdkgɡqɢcɟʈɖʔɓɗɠ")
NASALS = frozenset("mnŋɱɲɳɴ")

_LOUDNESS_STEP_S = 0.002
_MIN_SILENCE_S = 0.008
_MAX_CLOSURE_S = 0.16


class EspeakMissing(VisemeError):
    """espeak-ng is not installed."""


@dataclass(frozen=True)
class Phoneme:
    """One speech sound."""

    name: str
    """IPA, for example "aɪ" or "tʃ"; empty = pause."""
    start: float
    """Seconds."""
    end: float
    """Seconds."""
    closure: tuple[float, float] | None = None
    """For stops and nasals: seconds of contact and of release of whatever articulator closes."""


@dataclass(frozen=True)
class Speech:
    """An audio and what was said in it."""

    samples: NDArray[np.float32]
    """(S,) in [-1, 1] at `SAMPLE_RATE`."""
    phonemes: tuple[Phoneme, ...]
    """In order; pauses are the gaps."""
    text: str = ""
    voice: str = ""

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.samples) / SAMPLE_RATE


# ---------------------------------------------------------------- espeak-ng


class _EventId(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_PHONEME_EVENTS, _PHONEME_IPA, _DONT_EXIT = 0x0001, 0x0002, 0x8000
_CHARS_UTF8 = 1
_EVENT_END_OF_LIST, _EVENT_PHONEME = 0, 7
_LIBRARY = "libespeak-ng.so.1"
_RATE, _PITCH, _RANGE = 1, 3, 4
_ALIASES = {"en-gb": "en", "fr-fr": "fr", "en-uk": "en"}  # names that the command line knows and the library does not


class _Espeak:
    """The library, once per process."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None)
        self._callback = _Callback(self._receive)
        self._audio: list[NDArray[np.int16]] = []
        self._events: list[tuple[int, str]] = []
        self._lock = threading.Lock()
        self._load()

    def _load(self) -> None:
        try:
            self._lib = ctypes.CDLL(_LIBRARY)
        except OSError as error:
            raise EspeakMissing(
                "espeak-ng is not installed, and the talking head speaks with it; install it "
                "(apt-get install espeak-ng) or give a recording with phoneme times (speech=FILE.wav)"
            ) from error
        lib = self._lib
        lib.espeak_Initialize.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int]
        lib.espeak_SetVoiceByName.argtypes = [ctypes.c_char_p]
        lib.espeak_SetParameter.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int]
        lib.espeak_Synth.argtypes = [
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.c_uint,
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.c_uint,
            ctypes.c_void_p,
            ctypes.c_void_p,
        ]
        flags = _PHONEME_EVENTS | _PHONEME_IPA | _DONT_EXIT
        self.rate = self._lib.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, None, flags)
        if self.rate <= 0:
            raise EspeakMissing("espeak-ng was found but not its voices; reinstall the package espeak-ng-data")
        self._lib.espeak_SetSynthCallback(self._callback)

    def _reload(self) -> None:
        """Forget the last sentence: the library keeps noise and phase, and a second Initialize hangs (1.51)."""
        self._lib.espeak_Terminate()
        _ctypes.dlclose(self._lib._handle)
        self._load()

    def _receive(self, audio, num_samples: int, events) -> int:
        if audio and num_samples > 0:
            self._audio.append(np.ctypeslib.as_array(audio, (num_samples,)).copy())
        index = 0
        while events[index].type != _EVENT_END_OF_LIST:
            event = events[index]
            if event.type == _EVENT_PHONEME:
                raw = bytes((ctypes.c_char * 8).from_buffer_copy(event.id)).split(b"\0")[0]
                self._events.append((event.sample, raw.decode("utf-8", "ignore")))
            index += 1
        return 0

    def speak(
        self, text: str, *, voice: str, rate_wpm: int, pitch: int, pitch_range: int, seed: int
    ) -> tuple[NDArray[np.float32], list[tuple[int, str]]]:
        with self._lock:
            self._audio, self._events = [], []
            self._reload()
            self._libc.srand(seed & 0x7FFFFFFF)
            language, plus, variant = voice.partition("+")
            if self._lib.espeak_SetVoiceByName((_ALIASES.get(language, language) + plus + variant).encode()) != 0:
                raise DataError(
                    f"espeak-ng has no voice {voice!r}; `espeak-ng --voices` lists them (variants: en-us+f3)"
                )
            self._lib.espeak_SetParameter(_RATE, rate_wpm, 0)
            self._lib.espeak_SetParameter(_PITCH, pitch, 0)
            self._lib.espeak_SetParameter(_RANGE, pitch_range, 0)
            data = text.encode("utf-8")
            self._lib.espeak_Synth(data, len(data) + 1, 0, 1, 0, _CHARS_UTF8, None, None)
            audio = np.concatenate(self._audio) if self._audio else np.zeros(0, np.int16)
            return (audio / 32768).astype(np.float32), list(self._events)


_espeak: dict[int, _Espeak] = {}


def _library() -> _Espeak:
    pid = os.getpid()
    if pid not in _espeak:
        _espeak[pid] = _Espeak()
    return _espeak[pid]


def espeak_available() -> bool:
    """Whether `speak` can work here."""
    try:
        _library()
    except EspeakMissing:
        return False
    return True


def speak(
    text: str,
    *,
    voice: str = "en-us",
    rate_wpm: int = 170,
    pitch: int = 50,
    pitch_range: int = 50,
    seed: int = 0,
    tract: float = 1.0,
) -> Speech:
    """Say `text` with espeak-ng, or with a voice made of recordings.

    Args:
        text: In the language of the voice.
        voice: For espeak-ng a language ("en-us", "de", "cmn"), with a variant if wished ("en-us+f3", "pl+croak"); a
            name with a colon ("flite:slt") is a recorded voice, see `viseme.synthetic.voices.VOICES`.
        rate_wpm: Words a minute, 80 to 450.
        pitch: 0 to 99, 50 = the voice's own.
        pitch_range: 0 (monotone) to 99.
        seed: Of espeak-ng's breath noise; the same arguments give the same samples.
        tract: Factor on the formants of a recorded voice, .7 to 1.4; espeak-ng takes 1 only.

    Raises:
        EspeakMissing: the library is not installed.
        VoiceMissing: the recorded voice is not installed.
        DataError: no such voice, or nothing speakable in the text.
        ValueError: an argument out of range.
    """
    if ":" in voice:
        from viseme.synthetic.voices import speak_recorded  # it needs this module's types

        return speak_recorded(text, voice=voice, rate_wpm=rate_wpm, pitch=pitch, pitch_range=pitch_range, tract=tract)
    if tract != 1.0:
        raise ValueError("espeak-ng's formants are set by its variants (en-us+f3), not by tract")
    espeak = _library()
    audio, events = espeak.speak(text, voice=voice, rate_wpm=rate_wpm, pitch=pitch, pitch_range=pitch_range, seed=seed)
    named = [(sample / espeak.rate, _clean(name)) for sample, name in events]
    ends = [time for time, _ in named[1:]] + [len(audio) / espeak.rate]
    spans = [Phoneme(name, time, end) for (time, name), end in zip(named, ends) if end > time]
    if not any(p.name for p in spans):
        raise DataError(f"espeak-ng voice {voice!r} found nothing to say in {text!r}")
    phonemes = _with_closures(audio, espeak.rate, [p for p in spans if p.name])
    common = np.gcd(SAMPLE_RATE, espeak.rate)
    samples = resample_poly(audio, SAMPLE_RATE // common, espeak.rate // common).astype(np.float32)
    return Speech(samples, phonemes, text=text, voice=voice)


def _clean(name: str) -> str:
    """IPA without stress, tone, language switches "(en)" and espeak's own marks."""
    if name.startswith("("):
        return ""
    return re.sub(r"[ˈˌ0-9˥˦˧˨˩.\-_|!*;'\"^`~]", "", name)


# ---------------------------------------------------------------- closures


def _with_closures(audio: NDArray[np.float32], rate: int, phonemes: list[Phoneme]) -> tuple[Phoneme, ...]:
    """Phonemes with `closure` filled in for stops and nasals, measured on the audio."""
    step = max(1, round(rate * _LOUDNESS_STEP_S))
    num = len(audio) // step
    if num < 2:
        return tuple(phonemes)
    silent = np.abs(audio[: num * step]).reshape(num, step).max(axis=1) < 10 ** (-48 / 20)
    # Voice bar and nasal murmur live below 400 Hz; the release is where everything above comes back.
    above = sosfilt(butter(2, 400, "highpass", fs=rate, output="sos"), audio)
    power = np.convolve(np.square(above[: num * step]).reshape(num, step).mean(axis=1), np.ones(3) / 3, "same")
    level_db = 10 * np.log10(power + 1e-7)
    result = []
    for index, phoneme in enumerate(phonemes):
        if phoneme.name[0] not in STOPS and phoneme.name[0] not in NASALS:
            result.append(phoneme)
            continue
        before = phonemes[index - 1] if index else None
        after = phonemes[index + 1] if index + 1 < len(phonemes) else None
        closure = _closure(phoneme, before, silent, level_db, step / rate)
        if phoneme.name[0] in NASALS and (after is None or after.start - phoneme.end > 0.03):
            closure = (closure[0], phoneme.end)  # before a pause the mouth stays closed
        result.append(replace(phoneme, closure=closure))
    return tuple(result)


def _closure(
    phoneme: Phoneme, before: Phoneme | None, silent: NDArray[np.bool_], level_db: NDArray[np.float64], step_s: float
) -> tuple[float, float]:
    """Contact and release of a stop or nasal, seconds."""
    start = min(int(phoneme.start / step_s), len(silent) - 1)
    first = start
    while first > 0 and silent[first - 1]:
        first -= 1
    silence = (start - first) * step_s
    nasal = phoneme.name[0] in NASALS
    if silence >= _MIN_SILENCE_S and not nasal:
        # Reported at its release: the closure is the silence before, or its last part after a pause.
        contact = max(first * step_s, phoneme.start - _MAX_CLOSURE_S)
        if before is None or phoneme.start - before.end > _MAX_CLOSURE_S:
            contact = max(contact, phoneme.start - 0.09)
        return contact, phoneme.start
    last = min(int(np.ceil(phoneme.end / step_s)), len(level_db) - 3)
    search = np.arange(start + round(0.008 / step_s), last)
    release = phoneme.end
    if len(search) >= 3:
        rise = level_db[search + 2] - level_db[search - 2]
        best = int(np.argmax(rise))
        if rise[best] >= 4:
            release = float(search[best] * step_s)
    contact = first * step_s if silence < 0.05 else phoneme.start
    return contact, max(release, contact + 0.015)


# ---------------------------------------------------------------- recordings

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
    return _ARPABET.get(re.sub(r"\d$", "", bare), _clean(bare))


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
    return Speech(samples, _with_closures(mono, rate, spans))
