"""Media files as streams with exact times. The only room that knows PyAV; it refuses to know faces and models.

Names are loaded when first read: `viseme.media.search` works without PyAV.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from viseme.core.lazy import lazy_names

if TYPE_CHECKING:
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

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "AudioBlock": "viseme.media.audio",
        "AudioInfo": "viseme.media.info",
        "Frame": "viseme.media.frames",
        "MediaInfo": "viseme.media.info",
        "ShiftReport": "viseme.media.shift",
        "VideoInfo": "viseme.media.info",
        "VideoWriter": "viseme.media.writer",
        "probe": "viseme.media.info",
        "read_audio": "viseme.media.audio",
        "read_frames": "viseme.media.frames",
        "shift_audio": "viseme.media.shift",
    },
)
