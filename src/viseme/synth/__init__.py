"""The synthetic talking head: speech with known phoneme times, motion, landmarks, pictures, every answer known.

Knows speech, faces and media; refuses to know what will be measured on its clips.
"""

from __future__ import annotations

from viseme.synth.landmarks import LandmarkSpec, TrainingClip, synth_landmarks, training_clip
from viseme.synth.motion import Motion, Style, move
from viseme.synth.speech import EspeakMissing, Phoneme, Speech, espeak_available, read_speech, speak
from viseme.synth.voices import VOICES, Voice, VoiceMissing, voice_available

__all__ = [
    "VOICES",
    "EspeakMissing",
    "LandmarkSpec",
    "Motion",
    "Phoneme",
    "Speech",
    "Style",
    "TrainingClip",
    "Voice",
    "VoiceMissing",
    "espeak_available",
    "move",
    "read_speech",
    "speak",
    "synth_landmarks",
    "training_clip",
    "voice_available",
]
