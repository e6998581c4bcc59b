"""Landmark tracks of talking heads without drawing them: what a tracker would have said, thousands of clips a minute.

Knows the face model's landmark bases and how the tracker errs; refuses to know frames. Landmarks are `mediapipe478`
in pixels: x right, y down, z in the same scale, smaller = nearer, zero at the head's middle.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from viseme.face3d.camera import place
from viseme.face3d.interface import FaceModel, load_face_model
from viseme.face3d.neutral_landmarks import shut_lips
from viseme.faces.schemes import EYE_CORNERS, LIPS, LOWER_INNER, UPPER_INNER
from viseme.synthetic.acoustics import disturb
from viseme.synthetic.motion import Motion, move
from viseme.synthetic.phonemes import SAMPLE_RATE, Phoneme, Speech
from viseme.synthetic.speech import speak
from viseme.synthetic.style import Style
from viseme.synthetic.text import LANGUAGES, command_sentence, pseudo_words, sentence
from viseme.synthetic.voices import VOICES

__all__ = [
    "LandmarkSpec",
    "TrainingClip",
    "focal_px",
    "landmarks_of",
    "script",
    "synth_landmarks",
    "training_clip",
    "utterance",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class LandmarkSpec:
    """One talking head, as its landmarks."""

    phonemes: tuple[Phoneme, ...]
    """Times in the clock of `times`."""
    times: NDArray[np.float64]
    """(T,) seconds of the frames."""
    audio: NDArray[np.float32] | None = None
    """(S,) the voice at 16 kHz, first sample at 0; for effort and nods only."""
    style: Style = field(default_factory=Style)
    identity: int = 0
    """Seed of the face."""
    seed: int = 0
    """Seed of motion and of the tracker's noise."""
    pose: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Mean pitch, yaw, roll, radians."""
    eye_distance_px: float = 60.0
    """Outer eye corner distance in a frontal frame; GRID has about 60."""
    perspective: float = 10.0
    """Camera distance in decimetres."""
    centre: tuple[float, float] = (180.0, 144.0)
    """Pixels."""
    jitter: float = 1.0
    """Size of the tracker's noise; 0 = none, 1 = a clean 360-line frame."""
    lip_response: float = 1.0
    """Share of the true lip movement that the tracker reports: small or blurred faces get less."""
    depth_response: float = 0.65
    """Share of movement to and from the camera that the tracker reports."""
    closed_gap_mm: float = 0.3
    """Inner lip gap that the tracker reports for touching lips."""
    snap_mm: float = 1.5
    """Below this gap the tracker takes the lips for shut."""


@lru_cache(maxsize=4)
def _bases(name: str) -> tuple[FaceModel, NDArray, NDArray, NDArray, NDArray]:
    model = load_face_model(name)
    mean, identity, expression = (x.astype(np.float32) for x in model.landmark_bases("mp478"))
    neutral = shut_lips(mean)
    inner = np.zeros(len(neutral), np.float32)
    inner[UPPER_INNER], inner[LOWER_INNER] = 1.0, -1.0
    return model, neutral, identity, expression, inner


def _identity(seed: int, num: int) -> NDArray[np.float32]:
    return np.random.default_rng([seed, 11]).normal(0, 0.8, num).clip(-2, 2).astype(np.float32)


def synth_landmarks(spec: LandmarkSpec, *, model: str = "default") -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Landmarks of a talking head, as the tracker would report them.

    Returns:
        times (T,) as given, landmarks (T, 478, 3) in pixels.
    """
    motion = move(spec.phonemes, spec.times, style=spec.style, seed=spec.seed, audio=spec.audio)
    return spec.times, landmarks_of(motion, spec, model)


def focal_px(spec: LandmarkSpec, name: str = "default") -> float:
    """Focal length in pixels of the camera that shows this face with its eyes `spec.eye_distance_px` apart."""
    _, mean, id_basis, _, _ = _bases(name)
    corners = EYE_CORNERS
    still = mean[corners] + id_basis[corners] @ _identity(spec.identity, id_basis.shape[-1])
    return spec.eye_distance_px / float(np.linalg.norm(still[1] - still[0])) * spec.perspective


def landmarks_of(motion: Motion, spec: LandmarkSpec, name: str = "default") -> NDArray[np.float32]:
    """(T, 478, 3) pixels: a motion as the tracker would report it; of `spec`, the face, camera and tracker count."""
    model, mean, id_basis, exp_basis, inner = _bases(name)
    rng = np.random.default_rng([spec.seed, 303])
    num = len(motion.times)
    still = mean + id_basis @ _identity(spec.identity, id_basis.shape[-1])
    moved = np.tensordot(motion.beta(model), exp_basis, axes=(1, 2))
    lips = np.zeros(len(mean), np.float32)
    lips[LIPS] = 1.0
    moved *= 1 - (1 - spec.lip_response) * lips[None, :, None]
    moved[..., 2] *= spec.depth_response
    points = still + moved
    points[..., 1] += inner * (_reported_gap(motion.gap_mm, spec, rng) / 200)[:, None]
    pose = motion.pose.copy()
    pose[:, :3] += spec.pose
    placed = place(points, pose.astype(np.float32))
    depth = spec.perspective - placed[..., 2]
    focal = focal_px(spec, name)
    out = np.empty((num, len(mean), 3), np.float32)
    out[..., 0] = focal * placed[..., 0] / depth + spec.centre[0]
    out[..., 1] = spec.centre[1] - focal * placed[..., 1] / depth
    scale = focal / spec.perspective
    out[..., 2] = -(placed[..., 2] - placed[..., 2].mean(axis=1, keepdims=True)) * scale
    out += _jitter(out, spec, rng)
    return out


def _reported_gap(gap_mm: NDArray[np.float64], spec: LandmarkSpec, rng: np.random.Generator) -> NDArray[np.float32]:
    """(T,) millimetres by which the tracker's inner lips stand off the true ones.

    The attention net knows open and shut: slits below some 2 mm are mostly reported as shut, and wide gaps flicker
    (GRID speaker 1: half of all frames below .4 mm, few between .5 and 2 mm, more power above 8 Hz than lips have).
    """
    gap = gap_mm * spec.lip_response
    noise = rng.standard_normal((2, len(gap)))
    shut = 1 / (1 + np.exp((gap_mm - spec.snap_mm - 0.4 * spec.jitter * noise[0]) / 0.25))
    return (shut * (spec.closed_gap_mm - gap) + (1 - shut) * 0.05 * spec.jitter * noise[1] * gap).astype(np.float32)


def _jitter(points: NDArray[np.float32], spec: LandmarkSpec, rng: np.random.Generator) -> NDArray[np.float32]:
    """Tracker noise: a rigid wobble of the region of interest, smooth over the face, and a little of each point."""
    num, count = points.shape[:2]
    size = np.float32(spec.jitter * spec.eye_distance_px)
    noise = (0.0011 * size) * rng.standard_normal((num, count, 3), dtype=np.float32)
    # Six smooth fields over the face (position, scale, shear ...), white and slowly varying parts.
    centred = points - points.mean(axis=1, keepdims=True)
    centred /= spec.eye_distance_px
    white = rng.standard_normal((num, 3, 4), dtype=np.float32)
    slow = gaussian_filter1d(rng.standard_normal((num, 3, 4), dtype=np.float32), 3.0, axis=0) * 3.2
    smooth = (0.0012 * white + 0.0022 * slow) * size
    noise += smooth[:, None, :, 0] + np.einsum("tkj,tij->tki", centred, smooth[..., 1:] * 0.8)
    # Lips err together: the attention net places the whole mouth a bit off.
    noise[:, LIPS] += (0.0013 * size) * rng.standard_normal((num, 1, 3), dtype=np.float32)
    return noise


# ---------------------------------------------------------------- training clips

_FRAME_RATES = (25.0, 25.0, 25.0, 30.0, 30.0, 30000 / 1001, 24000 / 1001, 24.0, 50.0, 60.0, 60000 / 1001, 15.0)
_VARIANTS = ("", "", "", "f1", "f2", "f3", "f4", "f5", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "croak", "whisper",
             "klatt2", "klatt4", "steph", "linda", "anika", "pablo", "adam")  # fmt: skip


def _espeak_utterance(rng: np.random.Generator, seconds: float) -> Speech:
    """Random speech of at least `seconds`, pauses included."""
    language = LANGUAGES[int(rng.integers(len(LANGUAGES)))]
    if rng.random() < 0.3:
        language = "en-us" if rng.random() < 0.5 else "en-gb"
    variant = _VARIANTS[int(rng.integers(len(_VARIANTS)))]
    voice = language + ("+" + variant if variant else "")
    settings: dict[str, Any] = {
        "voice": voice,
        "rate_wpm": int(rng.integers(115, 245)),
        "pitch": int(rng.integers(15, 90)),
        "pitch_range": int(rng.integers(20, 95)),
        "seed": int(rng.integers(2**31)),
    }
    return speak(script(rng, language, settings["rate_wpm"], seconds), **settings)


def script(rng: np.random.Generator, language: str, rate_wpm: int, seconds: float) -> str:
    """Sentences, commands and pseudo-words that take about `seconds` to say."""
    latin = language not in ("ar", "hi", "ru", "cmn-latn-pinyin")
    texts: list[str] = []
    length = 0.0
    while length < seconds:
        kind = rng.random()
        if latin and kind < 0.2:
            texts.append(pseudo_words(rng, int(rng.integers(3, 8))) + ".")
        elif language.startswith("en") and kind < 0.4:
            texts.append(command_sentence(rng) + ".")
        else:
            texts.append(sentence(rng, language))
        length += 0.38 * len(texts[-1].split()) * 170 / rate_wpm
    return " ".join(texts)


_RECORDED_SHARE = 0.55


def utterance(rng: np.random.Generator, seconds: float) -> Speech:
    """Random speech of about `seconds` or more, pauses included; more than half of it by recorded people.

    Raises:
        EspeakMissing, VoiceMissing: a voice is not installed.
    """
    if rng.random() >= _RECORDED_SHARE:
        return _espeak_utterance(rng, seconds)
    speakers = sorted({v.speaker for v in VOICES.values()})
    speaker = speakers[int(rng.integers(len(speakers)))]
    own = [v for v in VOICES.values() if v.speaker == speaker]
    voice = own[int(rng.integers(len(own)))]
    settings: dict[str, Any] = {
        "voice": voice.name,
        "rate_wpm": int(rng.integers(115, 245)),
        "pitch": int(rng.integers(20, 85)),
        "pitch_range": int(rng.integers(20, 95)),
        "tract": round(float(np.clip(rng.normal(1.0, 0.08), 0.84, 1.2)), 2),
    }
    return speak(script(rng, voice.language, settings["rate_wpm"], seconds), **settings)


class TrainingClip(NamedTuple):
    """Landmarks and audio that belong together: the true `audio_delay` is 0."""

    times: NDArray[np.float64]
    """(T,) seconds of the frames; the first is 0."""
    landmarks: NDArray[np.float32]
    """(T, 478, 3) pixels."""
    audio: NDArray[np.float32]
    """(S,) at 16 kHz."""
    audio_start: float
    """Seconds: sample `i` is heard at `audio_start + i / 16000` on the frames' clock."""
    speech_start: float
    """Seconds at which the speech that is said begins, on the frames' clock; negative where frames begin later."""


def training_clip(seed: int, *, seconds: float | None = None, speech: Speech | None = None) -> TrainingClip:
    """A talking head with everything drawn at random; safe in any number of processes.

    Args:
        seed: The same seed gives the same clip.
        seconds: Length of the frames; None = 2.5 to 8.
        speech: What it says; None = drawn too.

    Raises:
        EspeakMissing: espeak-ng is not installed.
        VoiceMissing: a recorded voice is not installed (docs/voices.md).
    """
    rng = np.random.default_rng([seed, 1])
    seconds = float(rng.uniform(2.5, 8.0)) if seconds is None else seconds
    speech = utterance(rng, seconds + 1.0) if speech is None else speech
    rate = _FRAME_RATES[int(rng.integers(len(_FRAME_RATES)))]
    # The frames begin anywhere in the speech, often before it, sometimes in the middle of a word.
    first = float(rng.uniform(-0.6, max(0.0, speech.duration - seconds)))
    clock = first + np.arange(int(seconds * rate)) / rate
    if rng.random() < 0.1:  # variable frame rate
        clock = clock + rng.uniform(-0.3, 0.3, len(clock)) / rate
        clock.sort()
    style = Style.random(rng)
    yaw_deg, pitch_deg, roll_deg = rng.normal(0, [16, 8, 5]).clip([-45, -22, -20], [45, 22, 20])
    spec = LandmarkSpec(
        phonemes=speech.phonemes,
        times=clock,
        audio=speech.samples,
        style=style,
        identity=int(rng.integers(2**31)),
        seed=int(rng.integers(2**31)),
        pose=tuple(np.deg2rad([pitch_deg, yaw_deg, roll_deg])),
        eye_distance_px=float(np.exp(rng.uniform(np.log(35), np.log(220)))),
        perspective=float(rng.uniform(4.5, 20)),
        jitter=float(np.exp(rng.normal(0.0, 0.45))),
        lip_response=float(rng.uniform(0.7, 1.1)),
        depth_response=float(rng.uniform(0.3, 1.0)),
        closed_gap_mm=float(rng.uniform(0.0, 1.2)),
        snap_mm=float(rng.uniform(-1.0, 2.2)),
    )
    _, landmarks = synth_landmarks(spec)
    audio = disturb(speech.samples, rng)
    low, high = int((first - 0.5) * SAMPLE_RATE), int((float(clock[-1]) + 0.6) * SAMPLE_RATE)
    low, high = max(0, low), min(len(audio), high)
    begin = float(clock[0])
    return TrainingClip(clock - begin, landmarks, audio[low:high], low / SAMPLE_RATE - begin, -begin)
