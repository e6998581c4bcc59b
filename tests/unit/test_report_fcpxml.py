"""Final Cut Pro XML, read by a reader of this file's own and, where it can, by OpenTimelineIO's."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import opentimelineio as otio
import pytest

import stubs
from viseme.core.results import CheckResult, DelayPiece
from viseme.report.timeline import write_timeline

NTSC, FILM = 30000 / 1001, 24000 / 1001
RATES = {25.0: "1/25s", NTSC: "1001/30000s", FILM: "1001/24000s", 50.0: "1/50s"}

CHILDREN = {
    "fcpxml": ["resources", "library"],
    "resources": ["format", "asset"],
    "format": [],
    "asset": ["media-rep"],
    "media-rep": [],
    "library": ["event"],
    "event": ["project"],
    "project": ["sequence"],
    "sequence": ["spine"],
    "spine": ["asset-clip"],
    "asset-clip": ["asset-clip", "marker"],
    "marker": [],
}
"""Element -> what it may hold, in this order. The part of the document type definition that is used."""
ATTRIBUTES = {
    "fcpxml": {"version"},
    "format": {"id", "frameDuration", "width", "height"},
    "asset": {"id", "name", "start", "duration", "hasVideo", "format", "hasAudio", "audioSources"},
    "media-rep": {"kind", "src"},
    "event": {"name"},
    "project": {"name"},
    "sequence": {"format", "duration", "tcStart", "tcFormat"},
    "asset-clip": {
        *("ref", "lane", "offset", "name", "start", "duration", "srcEnable", "format", "tcFormat", "audioRole"),
    },
    "marker": {"start", "duration", "value", "note"},
}
REQUIRED = {"format": {"id"}, "asset": {"id"}, "media-rep": {"src"}, "asset-clip": {"ref"}, "sequence": {"format"}}


def refuse_undefined(element: ElementTree.Element) -> None:
    """Compare a document with the rules above.

    Raises:
        AssertionError: an element or attribute that is not defined, out of its order, or missing.
    """
    order = [CHILDREN[element.tag].index(child.tag) for child in element]
    assert order == sorted(order), f"{element.tag} holds its elements out of order"
    assert set(element.attrib) <= ATTRIBUTES.get(element.tag, set()), element.attrib
    assert REQUIRED.get(element.tag, set()) <= set(element.attrib), element.attrib
    for child in element:
        refuse_undefined(child)


def test_the_rules_refuse_a_marker_before_a_clip() -> None:
    text = '<asset-clip ref="r1"><marker start="0s" value="a"/><asset-clip ref="r1"/></asset-clip>'
    with pytest.raises(AssertionError, match="out of order"):
        refuse_undefined(ElementTree.fromstring(text))


def seconds(text: str) -> Fraction:
    """A time of the document."""
    assert text.endswith("s")
    value = Fraction(text[:-1])
    assert value.denominator < 2**32
    return value


def result(delay: float | None, rate: float, *pieces: DelayPiece) -> CheckResult:
    found = replace(stubs.estimate(delay), pieces=pieces)
    return CheckResult(
        file="a folder/my talk & more.mp4", estimate=found, duration=10.01, frame_rate=rate, width=1920, height=1080
    )


def written(path: Path, answer: CheckResult, audio: str | None = None) -> ElementTree.Element:
    """The document that is written, its rules kept."""
    write_timeline(path, answer, audio=audio)
    assert path.read_text().startswith('<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n')
    root = ElementTree.parse(path).getroot()
    refuse_undefined(root)
    ids = {e.get("id") for e in root.iter() if e.get("id")}
    assert {e.get(name) for e in root.iter() for name in ("ref", "format")} - {None} <= ids
    return root


def clips(root: ElementTree.Element) -> tuple[ElementTree.Element, list[ElementTree.Element]]:
    """The video, and what is connected to it."""
    (video,) = root.findall(".//spine/asset-clip")
    return video, video.findall("asset-clip")


@pytest.mark.parametrize("rate", RATES, ids=lambda rate: f"{rate:.5g}")
def test_the_audio_moves_by_exact_time(rate: float, tmp_path: Path) -> None:
    root = written(tmp_path / "talk.fcpxml", result(0.137, rate))
    (form,) = root.findall(".//format")
    assert (form.get("frameDuration"), form.get("width"), form.get("height")) == (RATES[rate], "1920", "1080")
    frame = seconds(RATES[rate])
    video, (audio,) = clips(root)
    assert (video.get("srcEnable"), audio.get("srcEnable"), audio.get("lane")) == ("video", "audio", "-1")
    for clip in (video, audio):
        for name in ("offset", "duration"):
            assert (seconds(clip.get(name, "")) / frame).denominator == 1, "cuts lie on whole frames"
    assert seconds(audio.get("start", "")) == Fraction(137, 1000)
    assert seconds(audio.get("offset", "")) == 0
    assert seconds(video.get("duration", "")) == round(10.01 * rate) * frame
    assert seconds(audio.get("start", "")) + seconds(audio.get("duration", "")) <= seconds(video.get("duration", ""))
    (asset,) = root.findall(".//asset")
    assert (asset.get("hasVideo"), asset.get("hasAudio")) == ("1", "1")
    assert asset[0].get("src") == (Path.cwd() / "a folder" / "my talk & more.mp4").as_uri()


def test_early_audio_begins_later(tmp_path: Path) -> None:
    _, (audio,) = clips(written(tmp_path / "talk.fcpxml", result(-0.1, 25.0)))
    assert [audio.get(name) for name in ("offset", "start", "duration")] == ["3/25s", "1/50s", "247/25s"]


def test_pieces_are_clips(tmp_path: Path) -> None:
    told = {"interval": (0.0, 0.0), "confidence": 0.9}
    pieces = [DelayPiece(start=0.0, end=4.0, audio_delay=-0.2, **told)]
    pieces += [DelayPiece(start=4.0, end=10.0, audio_delay=0.2, **told)]
    _, connected = clips(written(tmp_path / "talk.fcpxml", result(0.2, 25.0, *pieces)))
    times = [[seconds(c.get(name, "")) for name in ("offset", "start")] for c in connected]
    assert times == [[Fraction(1, 5), 0], [4, Fraction(21, 5)]]


@pytest.mark.parametrize(
    ("rate", "code", "count", "start"),
    [(NTSC, "10:00:00;00", "DF", Fraction(1078920 * 1001, 30000)), (25.0, "01:00:00:00", "NDF", Fraction(3600))],
)
def test_the_time_code_of_the_file_is_where_all_begins(
    rate: float, code: str, count: str, start: Fraction, tmp_path: Path
) -> None:
    root = written(tmp_path / "talk.fcpxml", replace(result(0.2, rate), timecode=code))
    video, (audio,) = clips(root)
    sequence, asset = root.find(".//sequence"), root.find(".//asset")
    assert sequence is not None
    assert asset is not None
    assert sequence.get("tcFormat") == count
    times = [sequence.get("tcStart"), asset.get("start"), video.get("offset"), video.get("start"), audio.get("offset")]
    assert [seconds(t or "") for t in times] == [start] * 5
    assert seconds(audio.get("start", "")) == start + Fraction(1, 5)


def test_a_withheld_delay_is_a_marker_and_other_audio_another_asset(tmp_path: Path) -> None:
    root = written(tmp_path / "talk.fcpxml", result(None, 25.0), audio="mic.wav")
    video, (audio,) = clips(root)
    (marker,) = video.findall("marker")
    assert marker.get("value") == "audio not moved: no delay stands out"
    assert (marker.get("note") or "").startswith("No delay fits clearly better")
    assert audio.get("ref") == "r3"
    assert [a.get("hasVideo") for a in root.findall(".//asset")] == ["1", None]


@pytest.mark.parametrize("rate", [25.0, 50.0])
def test_opentimelineio_reads_it_at_whole_rates(rate: float, tmp_path: Path) -> None:
    written(tmp_path / "talk.fcpxml", result(0.2, rate), audio="mic.wav")
    read = otio.adapters.read_from_file(str(tmp_path / "talk.fcpxml"), "fcpx_xml")
    read = read if isinstance(read, otio.schema.Timeline) else next(iter(read))
    (video,), (audio,) = read.video_tracks(), read.audio_tracks()
    assert video[0].source_range.duration.to_seconds() == pytest.approx(10.0, abs=1 / rate)
    assert audio[0].source_range.start_time.to_seconds() == pytest.approx(0.2)
