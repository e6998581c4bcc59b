"""Conversations of synthetic people, every answer known: who speaks, who only moves the lips, who is seen.

One timeline (`plan`) makes two products: landmarks and audio (`tracks`, thousands of them) and a file (`film`). Read
`interface` first. Refuses to know how speakers are found.
"""

from __future__ import annotations

from viseme.synthetic.conversation.interface import STATES, Conversation, FaceTrack, Participant, Place, Segment
from viseme.synthetic.conversation.plan import plan_conversation
from viseme.synthetic.conversation.tracks import conversation_tracks
from viseme.synthetic.conversation.voices import (
    HELD_OUT_LANGUAGES,
    HELD_OUT_SEED,
    HELD_OUT_SPEAKERS,
    HELD_OUT_VARIANTS,
    VoiceSettings,
)

__all__ = [
    "HELD_OUT_LANGUAGES",
    "HELD_OUT_SEED",
    "HELD_OUT_SPEAKERS",
    "HELD_OUT_VARIANTS",
    "STATES",
    "Conversation",
    "FaceTrack",
    "Participant",
    "Place",
    "Segment",
    "VoiceSettings",
    "conversation_tracks",
    "plan_conversation",
]
