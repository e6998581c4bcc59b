"""Recordings with their phones as speech, and talkers who say them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from recordings import PHONES, write_recordings
from viseme.core.errors import ConfigError, DataError
from viseme.data.sources import clip_sources
from viseme.synthetic.recordings import read_recordings, recorded_speech, speech_of


def test_recordings_of_a_use_are_read_with_their_phones(tmp_path: Path) -> None:
    found = read_recordings(write_recordings(tmp_path))
    assert [r.speaker for r in found] == ["s0", "s1"]
    assert found[0].phones[1] == ("P", 0.4, 0.5)


@pytest.mark.parametrize("changes", [{"oov": ["zzyzx"]}, {"asr_logprob": -0.9}])
def test_doubtful_alignments_are_left_out(tmp_path: Path, changes: dict[str, object]) -> None:
    assert read_recordings(write_recordings(tmp_path, **changes)) == ()


def test_a_folder_of_something_else_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="recordings"):
        read_recordings(tmp_path)


@pytest.mark.parametrize("tract", [1.0, 1.1, 0.9])
def test_phonemes_keep_their_place_in_the_audio(tmp_path: Path, tract: float) -> None:
    speech = recorded_speech(read_recordings(write_recordings(tmp_path))[0], tract=tract)
    assert [p.name for p in speech.phonemes] == ["p", "ɑ", "m", "i"]
    assert speech.phonemes[0].start == pytest.approx(0.4 / tract, abs=0.003)
    assert speech.duration == pytest.approx(6 / tract, abs=0.02)
    onset = np.flatnonzero(np.abs(speech.samples) > 0.05)[0] / 16_000
    assert onset == pytest.approx(0.5 / tract, abs=0.01)


def test_a_phone_that_is_not_known_is_an_error_not_a_guess(tmp_path: Path) -> None:
    (recording, _) = read_recordings(write_recordings(tmp_path, phones=[["QX", 0.0, 0.3]]))
    with pytest.raises(DataError, match="QX"):
        recorded_speech(recording)


def test_talkers_say_recordings_and_are_the_people_recorded(tmp_path: Path) -> None:
    source = clip_sources["synthetic-recorded"]([write_recordings(tmp_path)], range(4))
    assert [info.speaker for info in source.clips] == ["recorded-s0", "recorded-s1"] * 2
    assert len({source.key(i) for i in range(4)}) == 4
    made = source.track(2)
    assert made.landmarks.shape[1:] == (478, 3)
    assert made.audio is not None
    gap = made.landmarks[:, 14, 1] - made.landmarks[:, 13, 1]
    assert gap.std() > 0.01 * np.ptp(made.landmarks[..., 0]), "the mouth moves"


def test_folders_are_joined_and_a_talker_is_kept_apart_by_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    folders = [
        write_recordings(tmp_path / "a"),
        write_recordings(tmp_path / "b", phones=[["p", 0.4, 0.5], ["aɪ", 0.5, 0.8]]),
    ]
    source = clip_sources["synthetic-recorded"](folders, range(4))
    alone = clip_sources["synthetic-recorded"](folders[1:], range(4))
    assert source.key(0) != alone.key(0)
    assert source.key(2).rpartition("-")[2] == alone.key(0).rpartition("-")[2]
    ipa = read_recordings(folders[1])[0]
    assert [p.name for p in recorded_speech(ipa).phonemes] == ["p", "aɪ"]


def test_a_recording_of_a_user_says_what_is_missing(tmp_path: Path) -> None:
    folder = write_recordings(tmp_path)
    with pytest.raises(ConfigError, match="--phonemes FILE"):
        speech_of(folder / "0.wav")
    with pytest.raises(ConfigError, match="their own text"):
        speech_of(folder, text="hello")
    assert speech_of(folder, seed=1).licence == "CC BY 4.0"
    (folder / "p.json").write_text(json.dumps(PHONES))
    own = speech_of(folder / "0.wav", phones=folder / "p.json", text="pa me")
    assert (own.text, [p.name for p in own.phonemes]) == ("pa me", ["p", "ɑ", "m", "i"])
