"""What is said to a face: the audio of a file, or a text that a voice says."""

from __future__ import annotations

import shutil
import wave
from pathlib import Path

import numpy as np
import pytest

from viseme.avatar.animate import animate
from viseme.avatar.spoken import heard, spoken
from viseme.core.errors import NoAudio
from viseme.media import VideoWriter


def _wav(path: Path, samples: np.ndarray) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


def test_audio_without_a_voice_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    said = heard(_wav(tmp_path / "hush.wav", np.zeros(16_000)), None, told.append)
    assert (len(said.samples), said.start) == (16_000, 0.0)
    assert told == [f"no speech was found in {tmp_path / 'hush.wav'}: the mouth stays closed"]
    still = animate(tmp_path / "hush.wav")
    assert still.warnings == tuple(told)
    assert still.opening[1] < 0.05


def test_a_video_without_audio_is_refused(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "mute.mp4", width=64, height=48, rate=25) as video:
        for number in range(5):
            video.write(np.full((48, 64, 3), 50 * number, np.uint8), number / 25)
    for say in (lambda path: heard(path, None, print), animate):
        with pytest.raises(NoAudio, match="give a file with speech"):
            say(tmp_path / "mute.mp4")


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_a_text_is_a_file_while_it_is_used() -> None:
    with spoken(None, "Good evening.", "en-us", None, print) as said:
        assert said.path.exists()
        assert len(said.samples) > 8000
    assert not said.path.exists()
