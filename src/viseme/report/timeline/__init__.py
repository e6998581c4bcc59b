"""Timelines for editing programs: OpenTimelineIO, CMX 3600, Final Cut Pro XML."""

from viseme.report.timeline.cut import frame_rate_of
from viseme.report.timeline.writer import refuse_timeline, write_timeline

__all__ = ["frame_rate_of", "refuse_timeline", "write_timeline"]
