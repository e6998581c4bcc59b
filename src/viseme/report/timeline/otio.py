"""A timeline as OpenTimelineIO keeps it: the audio moves by fractions of a frame."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from viseme.core.extras import import_part
from viseme.report.timeline.cut import Cut

__all__ = ["otio_timeline"]


def otio_timeline(cut: Cut) -> str:
    """The timeline as OpenTimelineIO writes it."""
    otio = import_part("opentimelineio")

    def span(start: Fraction | int, num_frames: int) -> Any:
        rate, time = float(cut.rate), otio.opentime.RationalTime
        return otio.opentime.TimeRange(time(float(start), rate), time(num_frames, rate))

    def clip(file: Path, first: int, start: Fraction | int, num_frames: int, metadata: dict[str, Any]) -> Any:
        reference = otio.schema.ExternalReference(file.as_uri(), span(first, cut.num_frames))
        return otio.schema.Clip(file.name, reference, span(first + start, num_frames), {"viseme": metadata})

    video = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    whole = clip(cut.video, cut.start, 0, cut.num_frames, {})
    for m in cut.markers:
        marker = otio.schema.Marker(m.name, span(cut.start + m.start, m.num_frames), m.colour)
        marker.comment = m.comment
        whole.markers.append(marker)
    video.append(whole)
    begin = otio.opentime.RationalTime(cut.start, float(cut.rate))
    timeline = otio.schema.Timeline(cut.video.stem, global_start_time=begin)
    timeline.tracks.append(video)
    if cut.clips:
        audio = otio.schema.Track("A1", kind=otio.schema.TrackKind.Audio)
        at = 0
        for c in cut.clips:
            if c.start > at:
                audio.append(otio.schema.Gap(source_range=span(0, c.start - at)))
            audio.append(clip(cut.audio, cut.audio_start, c.source, c.num_frames, {"audio_delay": float(c.delay)}))
            at = c.start + c.num_frames
        timeline.tracks.append(audio)
    return timeline.to_json_string(indent=4) + "\n"
