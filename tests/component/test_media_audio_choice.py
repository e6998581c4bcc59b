"""Which stream and which channel is listened to: files made for the purpose, one a way of hiding a voice."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

from viseme.audio.voice_activity import voice_fraction
from viseme.core.errors import NoAudio
from viseme.media.audio import read_audio
from viseme.media.audio_choice import choose_audible
from viseme.media.source import FileSource
from viseme.weights.catalog import assets_folder

RATE = 48_000
SAMPLE = assets_folder() / "samples" / "sample_in_sync.mp4"


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    """(S,) somebody speaking."""
    return np.concatenate([block.samples for block in read_audio(SAMPLE, rate=RATE)])


def _file(path: Path, *streams: np.ndarray, layout: str = "stereo", default: int | None = None) -> Path:
    """A file of a few frames, with PCM streams of (C, S)."""
    with av.open(str(path), "w", format="matroska") as box:
        video = box.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        tracks = []
        for number, data in enumerate(streams):
            track = box.add_stream("pcm_s16le", rate=RATE, layout=layout if len(data) > 1 else "mono")
            track.disposition = Disposition.default if number == default else Disposition(0)
            tracks.append(track)
        for n in range(10):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "rgb24")
            frame.pts, frame.time_base = n, Fraction(1, 25)
            box.mux(video.encode(frame))
        box.mux(video.encode(None))
        for track, data in zip(tracks, streams):
            packed = np.round(np.clip(data, -1, 1) * 32767).astype(np.int16).T.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(packed), "s16", layout if len(data) > 1 else "mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
            box.mux(track.encode(frame))
            box.mux(track.encode(None))
    return path


def _noise(num: int, db: float) -> np.ndarray:
    return np.random.default_rng(0).normal(size=num) * 10 ** (db / 20)


def test_two_channels_alike_are_mixed_without_a_word(tmp_path, voice):
    found = choose_audible(_file(tmp_path / "a.mkv", np.stack([voice, voice])), voice=voice_fraction)
    assert (found.stream, found.channel, found.note) == (0, None, "")


def test_channels_that_cancel_each_other_are_not_mixed(tmp_path, voice):
    path = _file(tmp_path / "a.mkv", np.stack([voice, -voice]))
    found = choose_audible(path, voice=voice_fraction)
    assert found.channel == 0
    assert "cancel each other" in found.note
    heard = np.concatenate([b.samples for b in FileSource(path, voice=voice_fraction).audio()])
    assert np.abs(heard).max() > 0.1
    assert np.abs(FileSource(path, voice=voice_fraction).samples(1.0, 2.0)).max() > 0.05


@pytest.mark.parametrize("level", [-200.0, -60.0, -14.0])
def test_a_voice_in_one_channel_is_found_beside_silence_and_noise(tmp_path, voice, level):
    path = _file(tmp_path / "a.mkv", np.stack([_noise(len(voice), level), voice]))
    found = choose_audible(path, voice=voice_fraction)
    assert found.channel == (1 if level > -30 else found.channel)
    heard = np.concatenate([b.samples for b in read_audio(path, channel=found.channel)])
    assert voice_fraction(heard) > 0.5


def test_the_centre_loudspeaker_is_used_where_the_voice_comes_from_it(tmp_path, voice):
    loud = [_noise(len(voice), -20) for _ in range(2)]
    bed = np.zeros_like(voice)
    path = _file(tmp_path / "a.mkv", np.stack([*loud, voice, bed, bed, bed]), layout="5.1")
    found = choose_audible(path, voice=voice_fraction)
    assert found.channel == 2
    assert "centre" in found.note


def test_the_default_stream_is_used_and_named(tmp_path, voice):
    path = _file(tmp_path / "a.mkv", voice[None] * 0.5, voice[None], default=1)
    found = choose_audible(path, voice=voice_fraction)
    assert found.stream == 1
    assert "2 audio streams; number 1 (default) was used" in found.note


def test_a_default_stream_without_a_voice_gives_way(tmp_path, voice):
    path = _file(tmp_path / "a.mkv", _noise(len(voice), -30)[None], voice[None], default=0)
    found = choose_audible(path, voice=voice_fraction)
    assert found.stream == 1
    assert "hold no voice" in found.note


def test_where_nobody_speaks_the_first_choice_stays(tmp_path, voice):
    path = _file(tmp_path / "a.mkv", np.zeros_like(voice)[None], np.zeros_like(voice)[None], default=1)
    assert choose_audible(path, voice=voice_fraction).stream == 1


def test_what_is_asked_for_is_used_without_a_word(tmp_path, voice):
    path = _file(tmp_path / "a.mkv", voice[None], voice[None], default=1)
    found = choose_audible(path, stream=0, voice=voice_fraction)
    assert (found.stream, found.note) == (0, "")
    with pytest.raises(NoAudio, match="no audio stream 5"):
        choose_audible(path, stream=5)
