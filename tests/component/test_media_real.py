"""Reading the real clips beside the checkout."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from viseme.media import probe, read_audio, read_frames

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data"


# real clips
@pytest.mark.real
@pytest.mark.skipif(not REAL.exists(), reason="the real clips are not beside the checkout")
@pytest.mark.parametrize(
    ("folder", "pattern", "container"),
    [
        ("elospheres", "*.wav", ("mov", "matroska")),
        ("grid_misc", "*.mpg", ("mpeg",)),
        ("clearervoice", "*.avi", ("avi",)),
        ("mcgurk_pl", "*.mp4", ("mov",)),
        ("grid_s1", "*.mkv", ("matroska",)),
    ],
)
def test_real_clips(folder, pattern, container):
    path = sorted((REAL / folder).glob(pattern))[0]
    info = probe(path)
    assert info.format.split(",")[0] in container
    told: list[str] = []
    times = [p.time for p in islice(read_frames(path, max_side=320, on_warning=told.append), 60)]
    assert times[0] == 0
    assert np.diff(np.array(times, float)) == pytest.approx(1 / float(info.video.rate), abs=0.003)
    last = None
    for block in read_audio(path, on_warning=told.append):
        last = block.end
    assert float(last) == pytest.approx(float(info.duration), abs=0.6)
    assert not told
