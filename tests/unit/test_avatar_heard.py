"""What an avatar hears, at any instant and however long the audio, and when its mouth is closed."""

from __future__ import annotations

import numpy as np
import pytest

from viseme.sync import heard
from viseme.sync.heard import STEPS, HeardAudio, in_another_voice


class MeanOfBands:
    """An audio stream whose embedding is the mean of the window, in two halves of the bands."""

    def embed_audio(self, mels: np.ndarray) -> np.ndarray:
        """See `AudioStream`."""
        return mels.reshape(len(mels), -1, 4, 2, 20).mean((2, 4))


def _said(seconds: float = 3.0) -> np.ndarray:
    rng = np.random.default_rng(0)
    loud = np.repeat(rng.uniform(0.1, 1, round(seconds * 10)), 1600)
    return (rng.normal(0, 0.1, len(loud)) * loud).astype(np.float32)


def test_chunks_and_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    times = np.arange(-0.1, 3.2, 1 / 29.97)
    whole = HeardAudio([MeanOfBands()], _said(), 0.0123).at(times)
    assert whole.shape == (len(times), STEPS, 3)
    monkeypatch.setattr(heard, "_BLOCK", 37)
    monkeypatch.setattr(heard, "_CHUNK_S", 0.64)
    pieces = HeardAudio([MeanOfBands()], _said(), 0.0123)
    assert np.allclose(np.concatenate([pieces.at(times[:40]), pieces.at(times[40:])]), whole, atol=1e-5)


def test_a_later_start_is_heard_later() -> None:
    times = np.arange(0.5, 2.5, 0.04)
    early, late = HeardAudio([MeanOfBands()], _said(), 0.0), HeardAudio([MeanOfBands()], _said(), 7.0)
    assert np.allclose(early.at(times), late.at(times + 7), atol=1e-4)


def test_loudness_of_the_recording_is_not_heard() -> None:
    times = np.arange(0.5, 2.5, 0.04)
    loud, quiet = (HeardAudio([MeanOfBands()], _said() * gain, 0.0).at(times) for gain in (1.0, 0.4))
    assert np.abs(loud - quiet).max() < 0.05


def test_silence_and_no_audio_close_the_mouth() -> None:
    times = np.array([0.2, 0.5])
    for samples in (np.zeros(16_000, np.float32), np.zeros(0, np.float32)):
        nobody = HeardAudio([MeanOfBands()], samples, 0.0)
        assert (nobody.at(times)[..., :-1] == 0).all()
        assert (nobody.at(times)[..., -1] == -1).all()
        assert (nobody.openness(times) == 0).all()


def test_steady_noise_is_nobody() -> None:
    noise = np.random.default_rng(0).normal(0, 0.01, 32_000).astype(np.float32)
    assert (HeardAudio([MeanOfBands()], noise, 0.0).openness(np.arange(0, 2, 0.04)) == 0).all()


def test_the_mouth_follows_the_voice_and_closes_a_quarter_of_a_second_from_it() -> None:
    open_at = HeardAudio([MeanOfBands()], _said(1.0), 2.0).openness(np.array([1.7, 1.9, 2.0, 2.5, 3.0, 3.1, 3.3]))
    assert open_at[[0, -1]].tolist() == [0, 0]
    assert (open_at[[2, 3, 4]] > 0.8).all()
    assert (np.diff(open_at[:4]) >= 0).all()


def test_another_voice_is_as_much_shorter_as_it_is_higher() -> None:
    tone = np.sin(2 * np.pi * 200 * np.arange(16_000) / 16_000)
    higher = in_another_voice(tone, 1.25, 60, np.random.default_rng(0))
    assert len(higher) == 12_800
    assert np.abs(np.fft.rfft(higher)).argmax() == 200  # over .8 s: 250 Hz
