"""`viseme.check` on ten faces of whom one speaks, and on music without a voice: never a made-up number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import viseme
from viseme.core.results import Verdict
from viseme.media import VideoWriter, read_audio, read_frames
from viseme.media.images import resize
from viseme.weights import assets_folder

LATE = assets_folder() / "samples" / "sample_late_137ms.mp4"
SPEAKER = 3


def _crowd(path: Path) -> Path:
    """Two rows of five: place 3 shows the sample, the others show it backwards, every one from another moment on."""
    images = [p.image for p in read_frames(LATE)]
    blocks = list(read_audio(LATE))
    height, width = (side * 2 // 3 // 2 * 2 for side in images[0].shape[:2])
    small = [resize(i, width, height) for i in images]
    with VideoWriter(path, width=5 * width, height=2 * height, rate=25, audio_rate=16_000) as video:
        for at in range(len(small)):
            faces = [small[at if k == SPEAKER else (-at - 11 * k) % len(small)] for k in range(10)]
            video.write(np.concatenate([np.concatenate(faces[:5], 1), np.concatenate(faces[5:], 1)]))
        video.write_audio(np.concatenate([b.samples for b in blocks]), blocks[0].start)
    return path


@pytest.mark.slow
def test_ten_faces_are_all_told_of(tmp_path):
    found = viseme.check(_crowd(tmp_path / "crowd.mp4"))
    assert len(found.tracks) + len(found.rejected) >= 10
    if found.estimate.audio_delay is not None:
        assert found.estimate.audio_delay == pytest.approx(0.137, abs=0.040)


def _music(num: int) -> np.ndarray:
    """Plucked chords, four a second."""
    rng, out = np.random.default_rng(3), np.zeros(num)
    for start in range(0, num, 4000):
        time = np.arange(min(12_000, num - start)) / 16_000
        for pitch in 110 * 2 ** (rng.integers(0, 36, 3) / 12):
            for k in range(1, 8):
                partial = np.sin(2 * np.pi * k * pitch * time) * np.exp(-(2 + k) * time) / k
                out[start : start + len(time)] += 0.05 * partial
    return out.astype(np.float32)


def test_music_alone_is_not_matched(tmp_path):
    path = tmp_path / "music.mkv"
    with VideoWriter(path, width=64, height=64, rate=25, audio_rate=16_000) as video:
        video.write(np.zeros((64, 64, 3), np.uint8))
        video.write_audio(_music(90_000))
    found = viseme.check(LATE, audio=path)
    assert found.estimate.verdict is Verdict.CANNOT_TELL
    assert found.estimate.reasons
    assert found.estimate.audio_delay is None
