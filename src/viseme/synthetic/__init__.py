"""The synthetic talking head: speech with known phoneme times, motion, landmarks, frames, every answer known.

Knows speech, faces and media; refuses to know what will be measured on its clips.
"""

from __future__ import annotations

from viseme.synthetic.conversation import Conversation, FaceTrack, Segment, conversation_tracks, plan_conversation
from viseme.synthetic.engines import voice_available
from viseme.synthetic.espeak import EspeakMissing, espeak_available
from viseme.synthetic.landmarks import LandmarkSpec, TrainingClip, synth_landmarks, training_clip
from viseme.synthetic.motion import Motion, move
from viseme.synthetic.phoneme_tables import read_speech
from viseme.synthetic.phonemes import Phoneme, Speech
from viseme.synthetic.speech import speak
from viseme.synthetic.style import Style
from viseme.synthetic.voices import KOKORO_VOICES, VOICES, Voice, VoiceMissing

__all__ = [
    "KOKORO_VOICES",
    "VOICES",
    "Conversation",
    "EspeakMissing",
    "FaceTrack",
    "LandmarkSpec",
    "Motion",
    "Phoneme",
    "Segment",
    "Speech",
    "Style",
    "TrainingClip",
    "Voice",
    "VoiceMissing",
    "conversation_tracks",
    "espeak_available",
    "move",
    "plan_conversation",
    "read_speech",
    "speak",
    "synth_landmarks",
    "training_clip",
    "voice_available",
]
