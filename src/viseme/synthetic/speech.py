"""Text to speech whose phoneme times are known, with whichever engine a voice belongs to."""

from __future__ import annotations

from viseme.synthetic.engines import speak_recorded
from viseme.synthetic.espeak import speak_espeak
from viseme.synthetic.kokoro import speak_kokoro
from viseme.synthetic.phonemes import Speech

__all__ = ["speak"]


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
    """Say `text` with espeak-ng, with a voice made of recordings, or with Kokoro.

    Args:
        text: In the language of the voice.
        voice: For espeak-ng a language ("en-us", "de", "cmn"), with a variant if wished ("en-us+f3", "pl+croak"); a
            name with a colon ("flite:slt", "kokoro:af_heart") is a recorded voice, see `VOICES` and `KOKORO_VOICES` of
            `viseme.synthetic.voices`.
        rate_wpm: Words a minute, 80 to 450.
        pitch: 0 to 99, 50 = the voice's own. Kokoro keeps its own.
        pitch_range: 0 (monotone) to 99. Kokoro keeps its own.
        seed: Of espeak-ng's breath noise; the same arguments give the same samples.
        tract: Factor on the formants of a recorded voice, .7 to 1.4; espeak-ng takes 1 only.

    Raises:
        EspeakMissing: the library is not installed.
        VoiceMissing: the recorded voice is not installed.
        DataError: no such voice, or nothing speakable in the text.
        ValueError: an argument out of range.
    """
    settings = {"voice": voice, "rate_wpm": rate_wpm, "pitch": pitch, "pitch_range": pitch_range}
    if voice.startswith("kokoro:"):
        return speak_kokoro(text, voice=voice, rate_wpm=rate_wpm, tract=tract)
    if ":" in voice:
        return speak_recorded(text, tract=tract, **settings)
    if tract != 1.0:
        raise ValueError("espeak-ng's formants are set by its variants (en-us+f3), not by tract")
    return speak_espeak(text, seed=seed, **settings)
