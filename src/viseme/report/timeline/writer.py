"""Results as a timeline that editing programs open: the video, its audio moved into place, and markers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from viseme.core.errors import OutputError
from viseme.core.extras import import_part
from viseme.core.results import CheckResult
from viseme.core.speakers import SpeakersResult
from viseme.report.files import refuse_unwritable, replacing_text
from viseme.report.timeline.cut import Cut
from viseme.report.timeline.edl import edl_timeline
from viseme.report.timeline.fcpxml import fcpxml_timeline
from viseme.report.timeline.otio import otio_timeline

__all__ = ["refuse_timeline", "write_timeline"]

FORMATS: Mapping[str, Callable[[Cut], str]] = MappingProxyType(
    {".otio": otio_timeline, ".edl": edl_timeline, ".fcpxml": fcpxml_timeline}
)
"""End of a name -> writer."""


def refuse_timeline(path: str | Path) -> None:
    """Find out before the work that a timeline could not be written afterwards.

    Raises:
        OutputError: the name ends in none of .otio, .edl and .fcpxml, or the folder is missing or read-only.
        MissingExtra: .otio without the package opentimelineio.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in FORMATS:
        raise OutputError(f"{path} is no timeline that can be written; end its name in .otio, .edl or .fcpxml")
    refuse_unwritable(path)
    if kind == ".otio":
        import_part("opentimelineio")


def write_timeline(path: str | Path, result: CheckResult | SpeakersResult, *, audio: str | None = None) -> None:
    """Write the file of a result as a timeline: its video on V1, its audio moved by -audio_delay on A1, and markers.

    Where the delay jumps, every piece is an audio clip of its own. Where it cannot be told, the audio stays and a
    marker says why. Speakers are markers on the video, one a turn, with the person's name. Sources and timeline begin
    at the time code of the file, where it has one.

    Args:
        path: Ends in .otio (OpenTimelineIO), .edl (CMX 3600) or .fcpxml (Final Cut Pro XML 1.10).
        result: Of `viseme.check` or `viseme.find_speakers`.
        audio: The file that the audio was taken from, where that is another one.

    Raises:
        OutputError: not such a name, not writable, or the file has no video or no known duration.
        MissingExtra: .otio without the package opentimelineio.
    """
    path = Path(path)
    refuse_timeline(path)
    text = FORMATS[path.suffix.lower()](Cut.of(result, audio))
    with replacing_text(path) as out:
        out.write(text)
