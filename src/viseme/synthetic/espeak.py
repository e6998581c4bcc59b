"""espeak-ng as a library: text to audio with phoneme times. The only module that knows it."""

from __future__ import annotations

import _ctypes
import ctypes
import os
import threading
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from viseme.core.errors import DataError, VisemeError
from viseme.synthetic.closures import with_closures
from viseme.synthetic.phonemes import SAMPLE_RATE, Phoneme, Speech, bare_ipa
from viseme.synthetic.voices import KOKORO_VOICES, VOICES

__all__ = ["EspeakMissing", "espeak_available", "espeak_ipa", "speak_espeak"]


class EspeakMissing(VisemeError):
    """espeak-ng is not installed."""


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
_IPA_TIED = 0x02 | 0x80 | ord("^") << 8
"""IPA, the letters of one phoneme joined by ^."""
_EVENT_END_OF_LIST, _EVENT_PHONEME = 0, 7
_LIBRARIES = ("libespeak-ng.so.1", "libespeak-ng.1.dylib", "libespeak-ng.dylib")
"""On Linux, on macOS."""
_RATE, _PITCH, _RANGE = 1, 3, 4
_ALIASES = {"en-gb": "en", "fr-fr": "fr", "en-uk": "en"}  # names that the command line knows and the library does not


class _Espeak:
    """The library, once per process.

    It reports the sample at which each phoneme starts; what these samples mean is said in `closures`.
    """

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None) if os.name == "posix" else None
        self._callback = _Callback(self._receive)
        self._audio: list[NDArray[np.int16]] = []
        self._events: list[tuple[int, str]] = []
        self._lock = threading.Lock()
        self._load()

    def _load(self) -> None:
        self._lib = _opened()
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
        lib.espeak_TextToPhonemes.argtypes = [ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int]
        lib.espeak_TextToPhonemes.restype = ctypes.c_char_p
        flags = _PHONEME_EVENTS | _PHONEME_IPA | _DONT_EXIT
        self.rate = self._lib.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, None, flags)
        if self.rate <= 0:
            raise EspeakMissing(
                "espeak-ng was found but not its voices; install them again (apt-get reinstall espeak-ng-data)"
            )
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

    def _choose(self, voice: str) -> None:
        language, plus, variant = voice.partition("+")
        if self._lib.espeak_SetVoiceByName((_ALIASES.get(language, language) + plus + variant).encode()) != 0:
            meant = [name for name in (*VOICES, *KOKORO_VOICES) if name.endswith(f":{voice}")]
            more = f"; did you mean {' or '.join(meant)}?" if meant else ""
            raise DataError(
                f"espeak-ng has no voice {voice!r}; `espeak-ng --voices` lists them (variants: en-us+f3){more}"
            )

    def phonemes(self, text: str, *, voice: str) -> str:
        with self._lock:
            self._choose(voice)
            left, found = ctypes.c_char_p(text.encode("utf-8")), []
            while left.value is not None:
                found.append(self._lib.espeak_TextToPhonemes(ctypes.byref(left), _CHARS_UTF8, _IPA_TIED) or b"")
            return " ".join(part.decode("utf-8", "ignore").strip() for part in found)

    def speak(
        self, text: str, *, voice: str, rate_wpm: int, pitch: int, pitch_range: int, seed: int
    ) -> tuple[NDArray[np.float32], list[tuple[int, str]]]:
        with self._lock:
            self._audio, self._events = [], []
            self._reload()
            if self._libc is not None:
                self._libc.srand(seed & 0x7FFFFFFF)
            self._choose(voice)
            self._lib.espeak_SetParameter(_RATE, rate_wpm, 0)
            self._lib.espeak_SetParameter(_PITCH, pitch, 0)
            self._lib.espeak_SetParameter(_RANGE, pitch_range, 0)
            data = text.encode("utf-8")
            self._lib.espeak_Synth(data, len(data) + 1, 0, 1, 0, _CHARS_UTF8, None, None)
            audio = np.concatenate(self._audio) if self._audio else np.zeros(0, np.int16)
            return (audio / 32768).astype(np.float32), list(self._events)


def _opened() -> ctypes.CDLL:
    for name in _LIBRARIES:
        with suppress(OSError):
            return ctypes.CDLL(name)
    raise EspeakMissing(
        "espeak-ng is not installed, and the talking head speaks with it; install it (apt-get install espeak-ng, "
        "brew install espeak-ng) or give a recording with phoneme times (--speech FILE.wav --phonemes FILE)"
    )


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


def espeak_ipa(text: str, *, voice: str) -> str:
    """How a text without punctuation is said, as espeak-ng writes it: IPA, stress before its vowel, words parted by
    spaces, the letters of one phoneme joined by ^ ("d^ʒ").

    Raises:
        EspeakMissing: the library is not installed.
        DataError: no such voice.
    """
    return _library().phonemes(text, voice=voice)


def speak_espeak(text: str, *, voice: str, rate_wpm: int, pitch: int, pitch_range: int, seed: int) -> Speech:
    """Say `text` with espeak-ng; the arguments are those of `viseme.synthetic.speak`.

    Raises:
        EspeakMissing: the library is not installed.
        DataError: no such voice, or nothing speakable in the text.
    """
    espeak = _library()
    audio, events = espeak.speak(text, voice=voice, rate_wpm=rate_wpm, pitch=pitch, pitch_range=pitch_range, seed=seed)
    named = [(sample / espeak.rate, bare_ipa(name)) for sample, name in events]
    ends = [time for time, _ in named[1:]] + [len(audio) / espeak.rate]
    spans = [Phoneme(name, time, end) for (time, name), end in zip(named, ends) if end > time]
    if not any(p.name for p in spans):
        raise DataError(f"espeak-ng voice {voice!r} found nothing to say in {text!r}")
    phonemes = with_closures(audio, espeak.rate, [p for p in spans if p.name])
    common = np.gcd(SAMPLE_RATE, espeak.rate)
    samples = resample_poly(audio, SAMPLE_RATE // common, espeak.rate // common).astype(np.float32)
    return Speech(samples, phonemes, text=text, voice=voice)
