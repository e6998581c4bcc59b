"""Speed as ratios: the clip that is timed, and what is counted."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from viseme.media import probe, read_audio, read_frames
from viseme.reproduce.sync_bench import speed
from viseme.reproduce.sync_bench.speed_clip import minute_clip
from viseme.reproduce.timing import Spent, median_of, spent_by_command, spent_by_job

needs_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")


def burn(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_work_and_waiting_are_told_apart() -> None:
    waited = spent_by_job(lambda: time.sleep(0.2))
    assert waited.wall >= 0.2
    assert waited.cpu < 0.1
    worked = spent_by_job(lambda: burn(0.2))
    assert worked.cpu == pytest.approx(0.2, abs=0.1)
    assert median_of([Spent(1, 9), Spent(3, 7), Spent(2, 8)]) == Spent(2, 8)


@pytest.mark.skipif(sys.platform == "win32", reason="no times of child processes")
def test_a_command_counts_what_it_starts_and_not_what_ran_before() -> None:
    code = "import time\nend = time.process_time() + .5\nwhile time.process_time() < end: pass"
    busy = spent_by_command([sys.executable, "-S", "-c", code], times=1)
    idle = spent_by_command([sys.executable, "-S", "-c", "import time; time.sleep(.3)"], times=1)
    assert busy.cpu >= 0.45
    assert idle.cpu < 0.3
    assert idle.wall >= 0.3


@needs_espeak
def test_the_clip_is_filmed_once_and_looped_without_gaps(tmp_path: Path) -> None:
    clip = minute_clip(tmp_path, width=160, height=120, filmed_s=1, loops=3)
    times = [float(frame.time) for frame in read_frames(clip)]
    assert np.diff(times) == pytest.approx(0.04, abs=1e-3)
    assert len(times) == 75
    samples = np.concatenate([b.samples for b in read_audio(clip)])
    assert len(samples) / 16000 == pytest.approx(3, abs=0.1)
    first, last = samples[4000:12000], samples[36000:44000]
    assert np.corrcoef(first, last)[0, 1] > 0.9
    info = probe(clip)
    assert info.video is not None
    assert (info.video.width, info.video.height) == (160, 120)
    stamp = clip.stat().st_mtime_ns
    assert minute_clip(tmp_path, width=160, height=120, filmed_s=1, loops=3).stat().st_mtime_ns == stamp


@pytest.mark.slow
def test_check_is_told_as_a_multiple_of_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    from viseme.weights import assets_folder

    monkeypatch.setattr(speed, "RUNS", 1)
    lines = list(speed.ratio_lines(assets_folder() / "samples" / "sample_late_137ms.mp4"))
    assert "1 faces, over decoding" in lines[0]
    assert lines[0].endswith("<= 3.5 x")
    ratio = float(lines[0].split("decoding")[1].split()[0])
    assert ratio > 1
    assert "x real time" in lines[1]
    assert lines[-1].endswith("median of 1")
