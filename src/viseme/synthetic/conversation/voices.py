"""The voices of a conversation: which there are, which are held out for tests, and what they say.

Knows engines by the names of their voices; refuses to know faces and turns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from viseme.synthetic.conversation.phrases import Phrase, phrases
from viseme.synthetic.engines import voice_available
from viseme.synthetic.landmarks import script
from viseme.synthetic.speech import speak
from viseme.synthetic.text import LANGUAGES, pseudo_words
from viseme.synthetic.voices import VOICES

__all__ = [
    "HELD_OUT_LANGUAGES",
    "HELD_OUT_SEED",
    "HELD_OUT_SPEAKERS",
    "HELD_OUT_VARIANTS",
    "VoiceSettings",
    "draw_voices",
    "installed",
    "is_held_out",
]

HELD_OUT_SEED = 1_000_000_000
"""Conversations with this seed or a larger one are for tests."""

HELD_OUT_SPEAKERS = frozenset({"rms (US)", "lp (Italian)", "ph (Czech)", "lj (Finnish)", "ona (Catalan)"})
HELD_OUT_LANGUAGES = frozenset({"en-gb", "it", "ro", "tr"})
HELD_OUT_VARIANTS = frozenset({"f4", "f5", "m3", "m6", "anika", "adam"})
_VARIANTS = ("", "f1", "f2", "f3", "f4", "f5", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "klatt2", "klatt4", "steph",
             "linda", "anika", "pablo", "adam")  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class VoiceSettings:
    """Arguments of `viseme.synthetic.speak`."""

    voice: str
    language: str
    """For made-up sentences."""
    rate_wpm: int
    pitch: int
    pitch_range: int
    tract: float = 1.0
    seed: int = 0

    def say(self, rng: np.random.Generator, seconds: float, num_short: int = 2) -> list[Phrase]:
        """Phrases of about `seconds` in all, some of them short."""
        text = script(rng, self.language, self.rate_wpm, seconds)
        if self.language not in ("ar", "hi", "ru", "cmn-latn-pinyin"):
            text += "".join(f" {pseudo_words(rng, 1)}." for _ in range(num_short))
        return phrases(
            speak(
                text,
                voice=self.voice,
                rate_wpm=self.rate_wpm,
                pitch=self.pitch,
                pitch_range=self.pitch_range,
                seed=self.seed,
                tract=self.tract,
            )
        )


def draw_voices(rng: np.random.Generator, num: int, held_out: bool, recorded: float) -> list[VoiceSettings]:
    """Voices that can be told apart: never twice the same speaker or the same variant."""
    own = {v.speaker for v in VOICES.values()}
    speakers = sorted(own & HELD_OUT_SPEAKERS if held_out else own - HELD_OUT_SPEAKERS)
    languages = sorted(x for x in LANGUAGES if (x in HELD_OUT_LANGUAGES) == held_out)
    variants = sorted(x for x in _VARIANTS if (x in HELD_OUT_VARIANTS) == held_out)
    rng.shuffle(speakers)
    rng.shuffle(variants)
    together = languages[int(rng.integers(len(languages)))] if rng.random() < 0.5 else None
    result = []
    for index in range(num):
        tract = 1.0
        if rng.random() < recorded and speakers:
            speaker = speakers.pop()
            voices = sorted(v.name for v in VOICES.values() if v.speaker == speaker)
            voice = VOICES[voices[int(rng.integers(len(voices)))]]
            name, language = voice.name, voice.language
            tract = round(float(np.clip(rng.normal(1.0, 0.07), 0.86, 1.18)), 2)
        else:
            language = together or languages[int(rng.integers(len(languages)))]
            variant = variants[index % len(variants)]
            name = language + ("+" + variant if variant else "")
        result.append(
            VoiceSettings(
                voice=name,
                language=language,
                rate_wpm=int(rng.integers(125, 230)),
                pitch=int(rng.integers(20, 85)),
                pitch_range=int(rng.integers(20, 95)),
                tract=tract,
                seed=int(rng.integers(2**31)),
            )
        )
    return result


def installed(voice: VoiceSettings) -> VoiceSettings:
    """The voice itself, or an espeak-ng voice of its language where its engine is not installed."""
    if voice.voice not in VOICES or voice_available(voice.voice):
        return voice
    sex = VOICES[voice.voice].sex
    variants = [x for x in _VARIANTS if x.startswith(sex) and x[1:].isdigit()]
    return replace(voice, voice=f"{voice.language}+{variants[voice.seed % len(variants)]}", tract=1.0)


def is_held_out(voice: VoiceSettings) -> bool:
    """Whether the voice is one of those held out."""
    if voice.voice in VOICES:
        return VOICES[voice.voice].speaker in HELD_OUT_SPEAKERS
    return voice.language in HELD_OUT_LANGUAGES
