"""Clips in a report: the same seconds of both files, the audio where it is in each."""

from __future__ import annotations

import base64
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from media_files import click_time, flash_time, make_clip
from viseme.core.errors import NoVideo
from viseme.media import VideoWriter, probe, read_frames
from viseme.media.playable import MOST_SECONDS, MOST_SIDE, liveliest_start, playable_clip
from viseme.report.repairs import write_repairs
from viseme.sync.playback import playback_of_repair


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flash at 1.6 s, its click .3 s later; large, in a codec and container that browsers leave alone."""
    folder = tmp_path_factory.mktemp("late")
    return make_clip(folder / "late.mkv", num=70, flash=40, click=1.9, size=(960, 540), audio_start=0.4, codec="mpeg4")


@pytest.mark.parametrize("start", [0.0, 0.9])
def test_a_clip_keeps_the_delay_of_its_file(late: Path, start: float, tmp_path: Path) -> None:
    clip = playable_clip(late, start=start)
    assert (clip.mime, clip.width, clip.height) == ("video/mp4", MOST_SIDE, 270)
    assert clip.start == pytest.approx(start, abs=0.04)
    out = tmp_path / "clip.mp4"
    out.write_bytes(clip.data)
    info = probe(out)
    assert info.video is not None
    assert (info.video.codec, info.audio[0].codec, float(info.audio[0].start)) == ("h264", "aac", 0.0)
    assert flash_time(out) == pytest.approx(1.6 - clip.start, abs=0.03)
    assert click_time(out) - flash_time(out) == pytest.approx(0.3, abs=0.02)
    assert base64.b64decode(clip.uri.removeprefix("data:video/mp4;base64,")) == clip.data


def test_a_clip_is_short_and_has_few_frames(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "long.mp4", width=64, height=48, rate=Fraction(50)) as video:
        for _ in range(600):
            video.write(np.zeros((48, 64, 3), np.uint8))
    clip = playable_clip(tmp_path / "long.mp4")
    assert clip.duration == pytest.approx(MOST_SECONDS, abs=0.05)
    (tmp_path / "clip.mp4").write_bytes(clip.data)
    assert sum(1 for _ in read_frames(tmp_path / "clip.mp4")) <= 300
    with pytest.raises(NoVideo, match="no frame after"):
        playable_clip(tmp_path / "long.mp4", start=20)


def test_the_part_with_most_voice_is_played(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "quiet.mkv", width=64, height=48, rate=2, audio_rate=16000) as video:
        for second in range(40):
            video.write(np.zeros((48, 64, 3), np.uint8), second)
            wave = np.sin(np.arange(16000, dtype=np.float32)) * (0.3 if 25 <= second < 36 else 0.0)
            video.write_audio(wave.astype(np.float32))
    assert liveliest_start(tmp_path / "quiet.mkv", 0, 40) == pytest.approx(25, abs=1)
    assert liveliest_start(tmp_path / "quiet.mkv", 10, 20) == 10


def test_a_page_of_repairs_plays_both_and_says_why_not(late: Path, tmp_path: Path) -> None:
    told = {"tracks": [], "duration": 2.8, "reasons": []}
    fixed = {"file": str(late), "out": str(late), "measured": told, "residual": 0.0, "warnings": []}
    answer = {"status": "fixed", "out": str(late), "audio_delay": 0.3, "message": "", "fix": fixed, "file": str(late)}
    gone = {**answer, "file": "gone.mkv", "fix": {**fixed, "file": str(tmp_path / "gone.mkv")}}
    write_repairs([answer, gone], tmp_path / "page.html", playback=playback_of_repair)
    page = (tmp_path / "page.html").read_text()
    assert len(re.findall(r'<video controls[^>]* src="data:video/mp4;base64,', page)) == 2
    assert "media-src data:" in page
    assert "Before: +300 ms" in page
    assert "After: 0 ms" in page
    assert "no clip to play: " in page
    assert not re.search(r'(src|href)="(?!data:)', page)
