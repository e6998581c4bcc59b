"""Media files as streams with exact times. The only room that knows PyAV; it refuses to know faces and models."""

from __future__ import annotations

from viseme.media.info import AudioInfo, MediaInfo, VideoInfo, probe
from viseme.media.frames import Picture, pictures
from viseme.media.shift import ShiftReport, shift_sound
from viseme.media.audio import SoundBlock, sound
from viseme.media.writer import VideoWriter

__all__ = [
    "AudioInfo",
    "MediaInfo",
    "Picture",
    "ShiftReport",
    "SoundBlock",
    "VideoInfo",
    "VideoWriter",
    "pictures",
    "probe",
    "shift_sound",
    "sound",
]
