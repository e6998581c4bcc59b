"""A timeline as Final Cut Pro XML 1.10, which DaVinci Resolve reads too. Times are exact: rational seconds.

The video lies in the primary storyline; the audio is connected to it below, in lane -1, and moves by exact samples.

Source:
    Apple, "Final Cut Pro XML", document type definition of version 1.10.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

from viseme.report.timeline.cut import Cut

__all__ = ["fcpxml_timeline"]

AUDIO_STEP = Fraction(1, 48000)
"""Seconds; audio is taken from a multiple of this after its beginning."""


def fcpxml_timeline(cut: Cut) -> str:
    """The timeline as a document with one project in one event."""
    root = ElementTree.Element("fcpxml", version="1.10")
    resources = ElementTree.SubElement(root, "resources")
    size = {} if cut.size is None else {"width": str(cut.size[0]), "height": str(cut.size[1])}
    ElementTree.SubElement(resources, "format", {"id": "r1", "frameDuration": _frames(1, cut), **size})
    own_audio = cut.audio == cut.video
    _asset(resources, "r2", cut.video, cut, start=cut.start, video=True, audio=own_audio and bool(cut.clips))
    if cut.clips and not own_audio:
        _asset(resources, "r3", cut.audio, cut, start=cut.audio_start, video=False, audio=True)
    event = ElementTree.SubElement(ElementTree.SubElement(root, "library"), "event", name="viseme")
    project = ElementTree.SubElement(event, "project", name=_legal(cut.video.stem))
    start, duration, count = _frames(cut.start, cut), _frames(cut.num_frames, cut), "DF" if cut.drop else "NDF"
    sequence = ElementTree.SubElement(
        project, "sequence", format="r1", duration=duration, tcStart=start, tcFormat=count
    )
    spine = ElementTree.SubElement(sequence, "spine")
    whole = ElementTree.SubElement(
        spine,
        "asset-clip",
        ref="r2",
        offset=start,
        name=_legal(cut.video.name),
        start=start,
        duration=duration,
        srcEnable="video",
        format="r1",
        tcFormat=count,
    )
    for clip in cut.clips:
        ElementTree.SubElement(
            whole,
            "asset-clip",
            ref="r2" if own_audio else "r3",
            lane="-1",
            offset=_frames(cut.start + clip.start, cut),
            name=_legal(cut.audio.name),
            start=_seconds(cut.audio_start / cut.rate + _on_sample(clip.source / cut.rate)),
            duration=_frames(clip.num_frames, cut),
            srcEnable="audio",
            tcFormat=count,
            audioRole="dialogue",
        )
    for marker in cut.markers:
        note = {"note": marker.comment} if marker.comment else {}
        ElementTree.SubElement(
            whole,
            "marker",
            {
                "start": _frames(cut.start + marker.start, cut),
                "duration": _frames(marker.num_frames, cut),
                "value": _legal(marker.name),
                **note,
            },
        )
    ElementTree.indent(root, "    ")
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n{body}\n'


def _asset(
    resources: ElementTree.Element, name: str, file: Path, cut: Cut, *, start: int, video: bool, audio: bool
) -> None:
    """A file; its length is that of the video, also for an audio file, whose own is not known."""
    holds = {"hasVideo": "1", "format": "r1"} if video else {}
    holds |= {"hasAudio": "1", "audioSources": "1"} if audio else {}
    asset = ElementTree.SubElement(
        resources,
        "asset",
        {
            "id": name,
            "name": _legal(file.name),
            "start": _frames(start, cut),
            "duration": _frames(cut.num_frames, cut),
            **holds,
        },
    )
    ElementTree.SubElement(asset, "media-rep", kind="original-media", src=file.as_uri())


def _legal(text: str) -> str:
    """Text without what XML cannot hold: control characters, and bytes that are no UTF-8."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _on_sample(seconds: Fraction) -> Fraction:
    return round(seconds / AUDIO_STEP) * AUDIO_STEP


def _frames(number: int, cut: Cut) -> str:
    """A number of frames in seconds, in steps of the frame: "1001/30000s"."""
    if number == 0:
        return "0s"
    if cut.rate.denominator == 1 and number % cut.rate.numerator == 0:
        return f"{number // cut.rate.numerator}s"
    return f"{number * cut.rate.denominator}/{cut.rate.numerator}s"


def _seconds(time: Fraction) -> str:
    return f"{time.numerator}s" if time.denominator == 1 else f"{time.numerator}/{time.denominator}s"
