"""Text subtitles between containers: what is said and when survives, both ways; what is lost is named."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest

from viseme.core.errors import FixRefused
from viseme.media import shift_audio
from viseme.media.subtitles import Cue, cue_faults, read_cues

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg makes the inputs")

PLAIN = """1
00:00:00,500 --> 00:00:01,000
<i>Hello</i>
there

2
00:00:01,000 --> 00:00:01,400
straight on, é & 中

3
00:00:01,500 --> 00:00:01,800
the end
"""
WORDS = ["Hello\nthere", "straight on, é & 中", "the end"]
TIMES = [(0.5, 1.0), (1.0, 1.4), (1.5, 1.8)]


def film(folder: Path, name: str, codec: str, text: str = PLAIN, flags: str = "forced") -> Path:
    """Two seconds with audio and subtitles in French."""
    (folder / "s.srt").write_text(text, encoding="utf-8")
    inputs = "-f lavfi -i testsrc2=s=96x64:r=25:d=2 -f lavfi -i sine=440:d=2:r=48000 -i s.srt -map 0 -map 1 -map 2"
    coding = "-c:v libvpx -c:a libopus" if name.endswith("webm") else "-c:v mpeg4 -c:a aac"
    tags = f"-c:s {codec} -metadata:s:s:0 language=fra -metadata:s:s:0 title=Dialogue -disposition:s:0 {flags}"
    words = f"ffmpeg -v error -y {inputs} {coding} {tags} {name}".split()
    subprocess.run(words, check=True, cwd=folder)
    return folder / name


def cues_of(path: Path) -> list[Cue]:
    """Cues in seconds from the first frame."""
    with av.open(str(path)) as box:
        (stream,), frames = box.streams.subtitles, box.streams.video[0]
        first = frames.start_time * frames.time_base
        cues = read_cues(path, stream.index)[0]
    return [replace(cue, start=cue.start - first, end=cue.end - first) for cue in cues]


@pytest.mark.parametrize(
    ("name", "codec", "out"),
    [
        ("a.mkv", "srt", "b.mp4"),
        ("a.mkv", "srt", "b.mov"),
        ("a.mp4", "mov_text", "b.mkv"),
        ("a.mov", "mov_text", "b.mkv"),
    ],
)
def test_text_and_times_survive(tmp_path: Path, name: str, codec: str, out: str) -> None:
    flags = "default" if out.endswith(".mov") else "forced"  # QuickTime files have no place for the others
    source, target = film(tmp_path, name, codec, flags=flags), tmp_path / out
    told: list[str] = []
    report = shift_audio(source, target, shift=Fraction(-1, 10), strict=True, on_warning=told.append)
    assert told == []
    (kept,) = [s for s in report.kept.streams if s.kind == "subtitle"]
    assert (kept.status, kept.identical) == ("converted", True)
    cues = cues_of(target)
    assert [c.words for c in cues] == WORDS
    assert [(float(c.start), float(c.end)) for c in cues] == [pytest.approx(t, abs=2e-3) for t in TIMES]
    assert cues[0].text.startswith("{\\i1}Hello{")
    with av.open(str(target)) as box:
        (stream,) = box.streams.subtitles
        assert stream.metadata["language"] == "fra"
        assert name != "a.mkv" or "Dialogue" in (stream.metadata.get("title"), stream.metadata.get("handler_name"))
        assert stream.codec_context.name in ("mov_text", "srt", "subrip")
    back = tmp_path / f"back{source.suffix}"
    shift_audio(target, back, shift=Fraction(1, 10))
    assert cue_faults(cues_of(source), cues_of(back), Fraction(0)) == []


def test_two_cues_at_a_time_become_one_in_mp4(tmp_path: Path) -> None:
    text = PLAIN.replace("00:00:01,000\n", "00:00:01,200\n", 1)
    source, target = film(tmp_path, "a.mkv", "srt", text), tmp_path / "b.mp4"
    assert shift_audio(source, target, shift=Fraction(1, 10)).warnings == ()
    cues = cues_of(target)
    assert [c.words for c in cues] == [WORDS[0], f"{WORDS[0]}\n{WORDS[1]}", WORDS[1], WORDS[2]]
    assert [float(c.start) for c in cues] == pytest.approx([0.5, 1.0, 1.2, 1.5], abs=2e-3)


def test_styles_that_are_lost_are_named_and_strict_refuses(tmp_path: Path) -> None:
    source = film(tmp_path, "a.mkv", "srt", PLAIN.replace("the end", '{\\an8}<font color="#ff0000">the end</font>'))
    (told,) = shift_audio(source, tmp_path / "b.mp4", shift=Fraction(1, 10)).warnings
    assert (
        told.rpartition("/")[2]
        == "b.mp4: subtitle track 1 (fra, srt) became mov_text, which does not keep all its styles"
    )
    assert [c.words for c in cues_of(tmp_path / "b.mp4")] == WORDS
    with pytest.raises(FixRefused, match="styles"):
        shift_audio(source, tmp_path / "strict.mp4", shift=Fraction(1, 10), strict=True)


def test_canary_another_text_time_or_style_is_noticed() -> None:
    cue = Cue(Fraction(1), Fraction(2), "{\\i1}a{\\i0}\\Nb")
    assert cue_faults([cue], [Cue(Fraction(3, 2), Fraction(5, 2), "{\\i1}a{\\r}\\Nb")], Fraction(1, 2)) == []
    assert cue_faults([cue], [Cue(Fraction(1), Fraction(2), "{\\i1}a{\\i0}\\Nc")], Fraction(0)) == ["text"]
    assert cue_faults([cue], [], Fraction(0)) == ["text"]
    assert cue_faults([cue], [Cue(Fraction(1), Fraction(21, 10), cue.text)], Fraction(0)) == ["times"]
    assert cue_faults([cue], [Cue(Fraction(1), Fraction(2), "a\\Nb")], Fraction(0)) == ["styles"]
