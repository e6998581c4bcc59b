"""`synth`: one synthetic talking clip as a file, with its truth. Knows speech, motion, frames and media."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from viseme.core.card import Card
from viseme.core.errors import ConfigError, OutputError
from viseme.core.results import to_jsonable
from viseme.core.time import Seconds, as_seconds
from viseme.face3d.interface import load_face_model
from viseme.media import VideoWriter
from viseme.media.files import refuse_output
from viseme.synthetic.acoustics import coloured_noise, mix, music, reverberate
from viseme.synthetic.motion import Motion, move
from viseme.synthetic.phonemes import SAMPLE_RATE, Phoneme, Speech
from viseme.synthetic.recordings import speech_of
from viseme.synthetic.scene import DRAWN_STRENGTH, Person, TalkerSpec, film
from viseme.synthetic.speech import speak
from viseme.synthetic.style import Style
from viseme.synthetic.text import LANGUAGES, sentence
from viseme.synthetic.voices import find_voice, licence_of

__all__ = ["SYNTH_SCHEMA", "SynthResult", "make_clip", "synth", "true_shape"]

SYNTH_SCHEMA = "viseme.synth/1"

RECORDING = "recording:"
"""A voice that is a recording: what follows is `speech`."""

LEAD_IN_S = Fraction(1, 2)
"""Silence before and after the text where the length is not asked for."""


@dataclass(frozen=True, kw_only=True, repr=False)
class SynthResult(Card):
    """A synthetic clip and all that is true of it."""

    path: str
    audio_delay: float | None
    """Seconds, positive = audio later than the lips; None where there is none to find: nothing is said, there is no
    audio, or the mouth says other words."""
    phonemes: tuple[Phoneme, ...]
    """What the lips do, in seconds after the first frame; may begin before it and end after the last."""
    times: NDArray[np.float64]
    """(T,) seconds of the frames."""
    text: str
    """What the lips say."""
    voice: str
    voice_licence: str
    """Of the voice's data; empty where nothing is said."""
    width: int
    height: int
    rate: float
    seed: int

    def facts(self) -> Mapping[str, Any]:
        """What the card shows."""
        return {"path": self.path, "audio_delay": self.audio_delay, "text": self.text, "voice": self.voice,
                "voice_licence": self.voice_licence, "frames": len(self.times)}  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """The versioned truth object."""
        return {"schema": SYNTH_SCHEMA, **to_jsonable(self)}


def _made_up(spec: TalkerSpec, seconds: float, salt: int) -> str:
    rng = np.random.default_rng([spec.seed, salt])
    language = _language(spec)
    words, sentences = 0.0, []
    while words < seconds * spec.rate_wpm / 60 * 0.9 or not sentences:
        sentences.append(sentence(rng, language))
        words += len(sentences[-1].split()) + 1
    return " ".join(sentences)


def _language(spec: TalkerSpec) -> str:
    """Of made-up sentences: a recorded voice reads its own language alone."""
    if ":" in spec.language:
        return find_voice(spec.language).language
    language = spec.language.partition("+")[0]
    return language if language in LANGUAGES else "en-us"


def _said(spec: TalkerSpec, text: str) -> Speech:
    return speak(text, voice=spec.voice, rate_wpm=spec.rate_wpm, pitch=spec.pitch, seed=spec.seed)


def _frame_times(spec: TalkerSpec, seconds: Fraction) -> list[Fraction]:
    num = max(1, int(seconds * spec.rate))
    times = [Fraction(i) / spec.rate for i in range(num)]
    if spec.vfr:
        rng = np.random.default_rng([spec.seed, 707])
        jitter = rng.uniform(-spec.vfr, spec.vfr, num)
        # whole milliseconds, so that containers hold them exactly
        times = [Fraction(round((t + Fraction(j) / spec.rate) * 1000), 1000) for t, j in zip(times, jitter)]
        times[0] = Fraction(0)
        for index in range(1, num):
            times[index] = max(times[index], times[index - 1] + Fraction(2, 1000))
    return times


def _moved(spec: TalkerSpec, speech: Speech | None, start: float, times: list[Fraction], seed: int) -> Motion:
    """Motion at the frames' instants (three each with a shutter); the speech begins at `start`."""
    phonemes = [] if speech is None else [p.shifted(start) for p in speech.phonemes]
    clock = np.array([float(t) for t in times])
    if spec.shutter > 0:
        period = spec.shutter / float(spec.rate)
        clock = (clock[:, None] + period * np.array([-1 / 3, 0.0, 1 / 3])).ravel()
    voice = None
    if speech is not None and start >= 0:
        voice = np.concatenate([np.zeros(round(start * SAMPLE_RATE), np.float32), speech.samples])
    style = replace(spec.style, strength=DRAWN_STRENGTH * spec.style.strength)
    return move(phonemes, clock, style=style, seed=seed, audio=voice)


def _audio_track(spec: TalkerSpec, speech: Speech | None, start: Fraction, num: int) -> NDArray[np.float32]:
    """(num,) samples from time 0 on; sample 0 of the speech lies at `start` seconds."""
    rng = np.random.default_rng([spec.seed, 808])
    track = np.zeros(num, np.float32)
    if speech is not None and not spec.silent:
        voice = 0.5 * speech.samples / max(float(np.abs(speech.samples).max()), 1e-6)
        if spec.reverb_s > 0:
            room = np.pad(voice, (0, round(spec.reverb_s * SAMPLE_RATE)))
            voice = reverberate(room, rng, seconds=spec.reverb_s)
        at = round(start * SAMPLE_RATE)
        low, high = max(0, at), min(num, at + len(voice))
        if high > low:
            track[low:high] = voice[low - at : high - at]
    if spec.over == "noise":
        track = mix(track, coloured_noise(rng, num, 1.0), spec.snr_db)
    elif spec.over == "music":
        track = mix(track, music(rng, num), spec.snr_db)
    else:
        track = track + np.float32(2e-4) * rng.standard_normal(num).astype(np.float32)
    return (track / max(1.0, float(np.abs(track).max()) / 0.98)).astype(np.float32)


def _seconds(spec: TalkerSpec, lips: Speech | None) -> Fraction:
    if spec.seconds is not None:
        return as_seconds(spec.seconds)
    return as_seconds(round(lips.duration, 2)) + 2 * LEAD_IN_S if lips else Fraction(4)


def _planned(spec: TalkerSpec, speech: Speech | None) -> tuple[Speech | None, Fraction, list[Fraction], Motion]:
    """What the lips say, when they begin, the frames' instants and the speaker's motion."""
    lips = speech
    if lips is None and not spec.silent:
        lips = _said(spec, _made_up(spec, spec.seconds or 4.0, 1) if spec.text is None else spec.text)
    seconds = _seconds(spec, lips)
    start = LEAD_IN_S if lips is None or float(seconds) > lips.duration + 0.3 else Fraction(1, 10)
    times = _frame_times(spec, seconds)
    return lips, start, times, _moved(spec, lips, float(start), times, spec.seed)


def true_shape(spec: TalkerSpec) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Where the points of the face in `make_clip(spec)` truly are, the head's pose taken out.

    Args:
        spec: What was filmed.

    Returns:
        (T,) seconds of the frames, and (T, 468, 3) decimetres at these instants, x to the image's right, y up, z out
        of the face.
    """
    model = load_face_model()
    mean, identity, expression = model.landmark_bases("mp468")
    _, _, times, motion = _planned(spec, None)
    alpha = Person.random(spec.seed if spec.identity is None else spec.identity, model).alpha
    beta = motion.beta(model)[1::3] if spec.shutter > 0 else motion.beta(model)
    moved = np.tensordot(beta, expression, axes=(1, 2))
    return np.array([float(t) for t in times]), (mean + identity @ alpha + moved).astype(np.float32)


def make_clip(
    spec: TalkerSpec,
    out: Path | str,
    *,
    speech: Speech | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SynthResult:
    """Film `spec` into `out`.

    Args:
        spec: What to film.
        out: File name; its extension chooses the container. Audio is AAC in mp4.
        speech: Say this instead of `spec.text`.
        progress: Called with (frames done, frames in all).

    Raises:
        EspeakMissing: the text must be spoken and espeak-ng is not installed.
        OutputError: the file cannot be written.
    """
    lips, start, times, motion = _planned(spec, speech)
    seconds = _seconds(spec, lips)
    motions = [motion]
    if spec.second_face:
        motions.append(_moved(spec, None, 0.0, times, spec.seed + 1))
    heard = lips
    if spec.mismatched:
        heard = _said(replace(spec, seed=spec.seed + 1), _made_up(spec, float(seconds), 2))
    num = round(seconds * SAMPLE_RATE)
    track = _audio_track(spec, heard, start + spec.audio_delay, num) if spec.audio else None
    with VideoWriter(
        out,
        width=spec.width,
        height=spec.height,
        rate=spec.rate,
        audio_rate=SAMPLE_RATE if spec.audio else None,
        crf=spec.crf,
    ) as video:
        sent = 0
        for index, (time, frame) in enumerate(zip(times, film(spec, motions))):
            video.write(frame, time)
            if track is not None:  # interleave by the second
                until = num if index == len(times) - 1 else min(num, int((time + 1) * SAMPLE_RATE))
                if until > sent:
                    video.write_audio(track[sent:until], Fraction(sent, SAMPLE_RATE) if sent == 0 else None)
                    sent = until
            if progress is not None:
                progress(index + 1, len(times))
    known = lips is not None and not spec.mismatched and not spec.silent and spec.audio
    return SynthResult(
        path=str(out),
        audio_delay=float(spec.audio_delay) if known else None,
        phonemes=tuple(p.shifted(float(start)) for p in lips.phonemes) if lips else (),
        times=np.array([float(t) for t in times]),
        text=lips.text if lips else "",
        voice=lips.voice if lips else "",
        voice_licence=(lips.licence or licence_of(lips.voice)) if lips and lips.voice else "",
        width=spec.width,
        height=spec.height,
        rate=float(spec.rate),
        seed=spec.seed,
    )


def synth(
    out: Path,
    *,
    text: str | None = None,
    voice: str | None = None,
    speech: Path | None = None,
    phonemes: Path | None = None,
    audio_delay: Seconds = 0.0,
    seconds: Seconds | None = None,
    seed: int = 0,
    language: str = "en-us",
    variant: str = "",
    rate_wpm: int = 165,
    width: int = 480,
    height: int = 360,
    fps: str = "25",
    vfr: float = 0.0,
    face_width: float = 0.36,
    yaw_deg: float = 0.0,
    pitch_deg: float = 0.0,
    roll_deg: float = 0.0,
    strength: float = 1.0,
    background: Literal["plain", "gradient", "room"] = "room",
    blur_px: float = 0.0,
    noise: float = 0.008,
    crf: int = 20,
    over: Literal["nothing", "noise", "music"] = "nothing",
    snr_db: float = 15.0,
    reverb_s: Seconds = 0.0,
    second_face: bool = False,
    silent: bool = False,
    mismatched: bool = False,
    truth: Path | None = None,
    overwrite: bool = False,
) -> SynthResult:
    """Film a synthetic talking head; every answer about it is known.

    Args:
        out: File to write; the extension chooses the container.
        text: What is said, in the language of the voice; None = made-up sentences.
        voice: Who speaks: an espeak-ng voice (en-us+f3), a recorded voice (flite:slt), a voice of Kokoro
            (kokoro:af_heart), or recording:FILE, which is `speech`; it replaces `language` and `variant`.
        speech: A recording to speak with: an audio file with `phonemes`, or with `text` that pocketsphinx aligns
            (English), or a folder of recordings with their phones, out of which `seed` chooses.
        phonemes: Phoneme times of the recording, in IPA or ARPAbet: a Praat TextGrid, a CTM, JSON as [phoneme, start,
            end], or lines `start end phoneme`, in seconds.
        audio_delay: How much later than the lips the audio comes, in seconds.
        seconds: Length in seconds; None = as long as the text needs.
        seed: Chooses the face, looks, light, background and all movement that is not speech.
        language: espeak-ng voice, for example en-us, de, fr, pl, ar, hi, cmn-latn-pinyin (docs/voices.md).
        variant: espeak-ng voice variant, for example f2, m5, croak, whisper.
        rate_wpm: Words a minute.
        width: Width of the frame in pixels, even.
        height: Height of the frame in pixels, even.
        fps: Frames a second; fractions such as 30000/1001 are exact.
        vfr: Jitter of the frame times in frame periods, 0 to 0.4.
        face_width: Width of the face as a share of the width of the frame.
        yaw_deg: Mean turn of the head in degrees, nose to image right.
        pitch_deg: Mean nod in degrees, down.
        roll_deg: Mean tilt in degrees, counter-clockwise.
        strength: Size of speech movements: 0.5 mumbling, 1 ordinary, 1.5 emphatic.
        background: What is behind.
        blur_px: Lens blur in pixels (standard deviation).
        noise: Sensor noise as a share of white (standard deviation).
        crf: Quality of the video as x264 counts it, 0 to 51, lower is better.
        over: What lies over the voice.
        snr_db: How much louder than that the voice is, in decibels.
        reverb_s: Reverberation time of the room, in seconds.
        second_face: A silent listener beside the speaker.
        silent: Nothing is said.
        mismatched: The mouth says another sentence than the audio.
        truth: JSON file to write the truth into.
        overwrite: Replace files that exist.

    Raises:
        EspeakMissing: espeak-ng is not installed and no `speech` was given.
        VoiceMissing: the voice is not installed.
        MissingExtra: a recording must be aligned and pocketsphinx is not installed.
        ConfigError: a value is out of its range.
        DataError: `phonemes` is unreadable, or does not fit the recording.
        MediaError: `speech` is unreadable.
        OutputError: a file exists, or cannot be written.
    """
    if voice is not None and voice.startswith(RECORDING):
        voice, speech = None, Path(voice.removeprefix(RECORDING))
    if speech is None and phonemes is not None:
        raise ConfigError("--phonemes tells of a recording; give it too: --speech FILE.wav")
    try:
        rate = Fraction(fps)
    except (ValueError, ZeroDivisionError):
        raise ConfigError(f"{fps!r} is not a frame rate; write 25, 29.97 or 30000/1001") from None
    spec = TalkerSpec(
        seed=seed,
        text=text,
        language=language if voice is None else voice,
        variant=variant if voice is None else "",
        rate_wpm=rate_wpm,
        seconds=seconds,
        audio_delay=as_seconds(audio_delay),
        style=replace(Style.random(np.random.default_rng([seed, 21])), strength=strength),
        width=width,
        height=height,
        rate=rate,
        vfr=vfr,
        face_width=face_width,
        pose_deg=(pitch_deg, yaw_deg, roll_deg),
        background=background,
        blur_px=blur_px,
        noise=noise,
        crf=crf,
        over=over,
        snr_db=snr_db,
        reverb_s=reverb_s,
        second_face=second_face,
        silent=silent,
        mismatched=mismatched,
    )
    for target in (out, truth):
        if target is not None:
            refuse_output(target, overwrite=overwrite)
    recording = None if speech is None else speech_of(speech, phones=phonemes, text=text, seed=seed)
    result = make_clip(spec, out, speech=recording)
    if truth is not None:
        try:
            Path(truth).write_text(json.dumps(result.to_json(), ensure_ascii=False) + "\n", encoding="utf-8")
        except OSError as error:
            raise OutputError(f"cannot write the truth to {truth}: {error.strerror}") from error
    return result
