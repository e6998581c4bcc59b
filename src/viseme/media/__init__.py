"""Media files as streams with exact times. The only room that knows PyAV; it refuses to know faces and models."""

from __future__ import annotations

from viseme.media.audio import AudioBlock, read_audio
from viseme.media.frames import Frame, read_frames
from viseme.media.info import AudioInfo, MediaInfo, VideoInfo, probe
from viseme.media.shift import ShiftReport, shift_audio
from viseme.media.writer import VideoWriter

__all__ = [
    "AudioBlock",
    "AudioInfo",
    "Frame",
    "MediaInfo",
    "ShiftReport",
    "VideoInfo",
    "VideoWriter",
    "probe",
    "read_audio",
    "read_frames",
    "shift_audio",
]
