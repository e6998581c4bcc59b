"""Voices made of recordings of people: flite and festival, run as programs, with the times of their phones.

Knows engines, their phone sets and where their audio begin; refuses to know faces. Phones become IPA, times are
seconds after the first sample.

A phone of these engines begins where its audio changes, so a stop is its closure and its release together;
`Phoneme.closure` holds both instants, the release found on the waveform. `docs/voices.md` lists speakers, licences and
how far the phone times lie from the audio.
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
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, resample_poly, sosfilt

from viseme.core.errors import DataError, VisemeError
from viseme.synthetic.speech import NASALS, SAMPLE_RATE, STOPS, Phoneme, Speech

__all__ = ["PHONE_SETS", "VOICES", "Voice", "VoiceMissing", "speak_recorded", "voice_available"]

_VOICE_FOLDERS = (Path("/usr/share/festival/voices"), Path("/usr/local/share/festival/voices"))
_HEAP_CELLS = 2_000_000  # festival's own default of ten million costs .15 s at each start
_TIMEOUT_S = 60
_MAX_TAIL_S = 0.35
_MAX_MISMATCH_S = 0.03
_DEFAULT_WPM = 170


class VoiceMissing(VisemeError):
    """The engine or the data of a voice is not installed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Voice:
    """One recorded speaker in one engine."""

    name: str
    """Engine and the engine's own name: "flite:slt", "festival:kal_diphone"."""
    language: str
    """For `viseme.synthetic.text.sentence`."""
    sex: str
    """f or m."""
    speaker: str
    """Voices of the same speaker share it."""
    method: str
    """How recordings become speech: diphone, or a statistical model of them (cg, hts)."""
    phones: str
    """Key of `PHONE_SETS`."""
    packages: tuple[str, ...]
    """Debian packages, all of them in Debian main."""
    licence: str
    """Of the voice data, as the package's copyright file says."""
    encoding: str = "ascii"
    """Of text that the engine reads."""
    lag: float = 0.0
    """Seconds at the voice's own rate by which its audio changes after its phones: measured, then taken out."""

    @property
    def engine(self) -> str:
        """flite or festival."""
        return self.name.partition(":")[0]


_CMU = "CMU (BSD-like)"
_CZECH = ("festival", "festival-czech")
VOICES: dict[str, Voice] = {
    v.name: v
    for v in (
        Voice(name="flite:awb", language="en-us", sex="m", speaker="awb (Scottish)", method="cg", phones="radio",
              packages=("flite",), licence=_CMU),
        Voice(name="flite:rms", language="en-us", sex="m", speaker="rms (US)", method="cg", phones="radio",
              packages=("flite",), licence=_CMU, lag=-0.0035),
        Voice(name="flite:slt", language="en-us", sex="f", speaker="slt (US)", method="cg", phones="radio",
              packages=("flite",), licence=_CMU),
        Voice(name="flite:kal16", language="en-us", sex="m", speaker="kal (US)", method="diphone", phones="radio",
              packages=("flite",), licence=_CMU),
        Voice(name="festival:kal_diphone", language="en-us", sex="m", speaker="kal (US)", method="diphone",
              phones="radio", packages=("festival", "festvox-kallpc16k"), licence=_CMU, lag=0.007),
        Voice(name="festival:ked_diphone", language="en-us", sex="m", speaker="ked (US)", method="diphone",
              phones="radio", packages=("festival", "festvox-kdlpc16k"), licence="CSTR (BSD-like)", lag=0.003),
        Voice(name="festival:cmu_us_slt_arctic_hts", language="en-us", sex="f", speaker="slt (US)", method="hts",
              phones="radio", packages=("festival", "festvox-us-slt-hts"), licence=_CMU),
        Voice(name="festival:lp_diphone", language="it", sex="f", speaker="lp (Italian)", method="diphone",
              phones="italian", packages=("festival", "festvox-italp16k"), licence="GPL-2+", encoding="latin-1"),
        Voice(name="festival:pc_diphone", language="it", sex="m", speaker="pc (Italian)", method="diphone",
              phones="italian", packages=("festival", "festvox-itapc16k"), licence="GPL-2+", encoding="latin-1"),
        Voice(name="festival:czech_dita", language="cs", sex="f", speaker="dita (Czech)", method="diphone",
              phones="czech", packages=(*_CZECH, "festvox-czech-dita"), licence="GPL-3+", encoding="iso-8859-2"),
        Voice(name="festival:czech_krb", language="cs", sex="m", speaker="krb (Czech, a boy)", method="diphone",
              phones="czech", packages=(*_CZECH, "festvox-czech-krb"), licence="GPL-3+", encoding="iso-8859-2"),
        Voice(name="festival:czech_machac", language="cs", sex="m", speaker="machac (Czech)", method="diphone",
              phones="czech", packages=(*_CZECH, "festvox-czech-machac"), licence="GPL-3+", encoding="iso-8859-2"),
        Voice(name="festival:czech_ph", language="cs", sex="m", speaker="ph (Czech)", method="diphone",
              phones="czech", packages=(*_CZECH, "festvox-czech-ph"), licence="GPL-2+", encoding="iso-8859-2"),
        Voice(name="festival:suo_fi_lj_diphone", language="fi", sex="f", speaker="lj (Finnish)", method="diphone",
              phones="finnish", packages=("festival", "festvox-suopuhe-lj"), licence="LGPL-2+", encoding="latin-1",
              lag=0.0065),
        Voice(name="festival:hy_fi_mv_diphone", language="fi", sex="m", speaker="mv (Finnish)", method="diphone",
              phones="finnish", packages=("festival", "festvox-suopuhe-mv"), licence="LGPL-2+", encoding="latin-1"),
        Voice(name="festival:upc_ca_ona_hts", language="ca", sex="f", speaker="ona (Catalan)", method="hts",
              phones="catalan", packages=("festival", "festival-ca", "festvox-ca-ona-hts"), licence="LGPL-2.1+",
              encoding="latin-1", lag=0.0035),
        Voice(name="festival:hindi_NSK_diphone", language="hi", sex="m", speaker="nsk (Indian)", method="diphone",
              phones="indic", packages=("festival", "festival-hi", "festvox-hi-nsk"), licence="GPL-2+",
              encoding="utf-8"),
    )
}  # fmt: skip
"""Name -> voice."""


# ---------------------------------------------------------------- phone sets


def _table(text: str) -> dict[str, str]:
    """ "a=b" pairs; "pause" stands for no audio."""
    pairs = (pair.rsplit("=", 1) for pair in text.split())
    return {name: "" if ipa == "pause" else ipa for name, ipa in pairs}


def _long(table: dict[str, str]) -> dict[str, str]:
    return table | {name + ":": ipa + "ː" for name, ipa in table.items() if ipa}


PHONE_SETS: dict[str, dict[str, str]] = {
    "radio": _table("""
        aa=ɑ ae=æ ah=ʌ ao=ɔ aw=aʊ ax=ə axr=ɚ ay=aɪ b=b ch=tʃ d=d dh=ð dx=ɾ eh=ɛ el=l em=m en=n er=ɝ ey=eɪ f=f g=ɡ hh=h
        hv=ɦ ih=ɪ iy=i jh=dʒ k=k l=l m=m n=n nx=ɾ ng=ŋ ow=oʊ oy=ɔɪ p=p r=ɹ s=s sh=ʃ t=t th=θ uh=ʊ uw=u v=v w=w y=j z=z
        zh=ʒ pau=pause h#=pause brth=pause"""),
    "italian": _table("""
        i=i e=e E=ɛ a=a o=o O=ɔ u=u i1=i e1=e E1=ɛ a1=a o1=o O1=ɔ u1=u j=j w=w p=p t=t k=k b=b d=d g=ɡ f=f s=s S=ʃ v=v
        z=z Z=ʒ ts=ts tS=tʃ dz=dz dZ=dʒ m=m n=n J=ɲ ng=ŋ nf=ɱ l=l L=ʎ r=r #=pause"""),
    "czech": _table("""
        a=a a:=aː b=b c=ts c~=tʃ ch=x d=d d~=ɟ dz=dz dz~=dʒ e=ɛ e:=ɛː f=f g=ɡ h=ɦ i=ɪ i:=iː j=j k=k l=l m=m n=n n*=ŋ
        n~=ɲ o=o o:=oː p=p r=r r~=r̝ r~*=r̝̊ s=s s~=ʃ t=t t~=c u=u u:=uː v=v z=z z~=ʒ _=pause #=pause"""),
    "finnish": _long(
        _table("""
        a=ɑ e=e i=i o=o u=u y=y @=æ 7=ø &=æ p=p t=t k=k b=b d=d g=ɡ f=f T=θ D=ð s=s S=ʃ z=z Z=ʒ h=h v=ʋ m=m n=n N=ŋ l=l
        L=ʎ r=r j=j w=w #=pause ##=pause""")
    ),
    "catalan": _table("""
        ax=ə a=a a1=a b=b d=d e=e e1=e E=ɛ E1=ɛ f=f g=ɡ i=i i1=i j=j J=ɲ k=k l=l L=ʎ m=m n=n o=o o1=o O=ɔ O1=ɔ p=p r=ɾ
        rr=r s=s S=ʃ t=t u=u u1=u w=w z=z Z=ʒ pau=pause _=pause #=pause"""),
    "indic": _table("""
        a=ə aa=aː ih=ɪ iy=iː uh=ʊ uw=uː eh=e ee=eː ay=ɛː oh=o oo=oː aw=ɔː k=k kh=kʰ g=ɡ gh=ɡʱ ch=tʃ j=dʒ T=ʈ D=ɖ N=ɳ
        th=t̪ dh=d̪ n=n p=p b=b bh=bʱ m=m y=j r=r l=l v=ʋ w=ʋ L=ɭ s=s sh=ʃ h=ɦ f=f pau=pause"""),
}
"""Phone set -> the engine's phone -> IPA; empty = pause. Phones of doubtful meaning are left out: meeting one is an
error, not a guess."""


# ---------------------------------------------------------------- running the engines


@dataclass(frozen=True)
class _Spoken:
    audio: NDArray[np.float32]
    rate: int
    phones: list[tuple[str, float]]  # name, end in seconds


def _data_found(voice: Voice) -> bool:
    engine, _, name = voice.name.partition(":")
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
    """Whether engine and data of a voice of `VOICES` are installed (looked up once per process)."""
    return _data_found(_voice(name))


def _voice(name: str) -> Voice:
    if name not in VOICES:
        raise DataError(f"no recorded voice {name!r}; known: {', '.join(VOICES)}")
    return VOICES[name]


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
        message = done.stderr.decode("utf-8", "replace").strip().splitlines()[:1]
        raise DataError(f"voice {voice.name}: {command[0]} failed with status {done.returncode}: {' '.join(message)}")
    return done.stdout.decode("utf-8", "replace")


def _read(file: Path, voice: Voice, text: str) -> tuple[NDArray[np.float32], int]:
    try:
        with wave.open(str(file)) as stream:
            data, rate = stream.readframes(stream.getnframes()), stream.getframerate()
    except (OSError, EOFError, wave.Error) as error:
        raise DataError(f"voice {voice.name} found nothing to say in {text!r} ({error})") from error
    return (np.frombuffer(data, "<i2") / 32768).astype(np.float32), rate


def _phone_times(line: str, voice: Voice, text: str) -> list[tuple[str, float]]:
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
        spoken.append(_Spoken(audio, rate, _phone_times(lines, voice, text)))
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
        spoken.append(_Spoken(audio, rate, _phone_times(lines[index], voice, text)))
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
    chosen = _voice(voice)
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
        audio, found = _tidy(part, chosen, stretch, text)
        played = Fraction(SAMPLE_RATE / part.rate / tract).limit_denominator(400)
        scale = float(played) * part.rate / SAMPLE_RATE
        audios.append(resample_poly(audio, played.numerator, played.denominator).astype(np.float32))
        phonemes += [
            Phoneme(
                p.name,
                p.start * scale + offset,
                p.end * scale + offset,
                p.closure and (p.closure[0] * scale + offset, p.closure[1] * scale + offset),
            )
            for p in found
        ]
        offset += len(audios[-1]) / SAMPLE_RATE
    if not phonemes:
        raise DataError(f"voice {voice} found nothing to say in {text!r}")
    samples = np.concatenate(audios)
    samples /= max(1.0, float(np.abs(samples).max()))
    return Speech(samples, tuple(phonemes), text=text, voice=voice)


def _tidy(part: _Spoken, voice: Voice, stretch: float, text: str) -> tuple[NDArray[np.float32], list[Phoneme]]:
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
    return audio, _with_releases(audio, part.rate, phonemes)


@lru_cache(maxsize=8)
def _above_voice_bar(rate: int) -> NDArray[np.float64]:
    """Second-order sections; designing them takes longer than filtering a sentence."""
    return np.asarray(butter(2, 500, "highpass", fs=rate, output="sos"))


def _with_releases(audio: NDArray[np.float32], rate: int, phonemes: list[Phoneme]) -> list[Phoneme]:
    """Phonemes with `closure`: from the phone's start to the steepest rise of what lies above voice bar and murmur."""
    step = max(1, round(rate * 0.002))
    num = len(audio) // step
    if num < 8:
        return phonemes
    above = np.asarray(sosfilt(_above_voice_bar(rate), audio))
    power = np.convolve(np.square(above[: num * step]).reshape(num, step).mean(axis=1), np.ones(3) / 3, "same")
    level_db = 10 * np.log10(power + 1e-7)
    result = []
    for index, phoneme in enumerate(phonemes):
        letter = phoneme.name[0]
        if letter in NASALS:
            result.append(replace(phoneme, closure=(phoneme.start, phoneme.end)))
        elif letter in STOPS:
            paused = index + 1 == len(phonemes) or phonemes[index + 1].start - phoneme.end > 0.03
            first = int((phoneme.start + min(0.015, 0.3 * (phoneme.end - phoneme.start))) * rate / step) + 2
            last = min(int((phoneme.end + (0.0 if paused else 0.012)) * rate / step), num - 3)
            release = phoneme.end
            search = np.arange(first, last)
            if len(search) >= 3:
                rise = level_db[search + 2] - level_db[search - 2]
                best = int(np.argmax(rise))
                if rise[best] >= 4:
                    release = float(search[best] * step / rate)
            result.append(replace(phoneme, closure=(phoneme.start, max(release, phoneme.start + 0.015))))
        else:
            result.append(phoneme)
    return result
