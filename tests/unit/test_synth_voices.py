"""Recorded voices: tables, phone times and releases, no engine needed."""

from __future__ import annotations

import numpy as np
import pytest

from viseme.core.errors import DataError
from viseme.synthetic import engines
from viseme.synthetic.closures import with_releases
from viseme.synthetic.engines import Spoken, phone_times, speak_recorded, tidied, voice_available
from viseme.synthetic.phonemes import Phoneme
from viseme.synthetic.speech import speak
from viseme.synthetic.text import sentence
from viseme.synthetic.visemes import targets
from viseme.synthetic.voices import PHONE_SETS, VOICES, VoiceMissing


@pytest.mark.parametrize("phone_set", PHONE_SETS)
def test_every_phone_moves_the_mouth_or_is_a_pause(phone_set):
    for phone, ipa in PHONE_SETS[phone_set].items():
        assert ipa == "" or targets(ipa), f"{phone} -> {ipa!r}"
    assert not targets("?")  # the guard can fail


@pytest.mark.parametrize("phone_set", PHONE_SETS)
def test_lips_close_for_p_b_m_alone(phone_set):
    closing = {phone for phone, ipa in PHONE_SETS[phone_set].items() if any(t.lips_close for t in targets(ipa))}
    assert {"p", "b", "m"} <= closing <= {"p", "b", "m", "p:", "b:", "m:", "em", "bh"}


def test_table_is_whole():
    rng = np.random.default_rng(0)
    for name, voice in VOICES.items():
        assert name.startswith(voice.engine + ":")
        assert voice.engine in ("flite", "festival")
        assert voice.phones in PHONE_SETS
        assert voice.sex in "fm"
        assert voice.packages[0] == voice.engine
        assert voice.licence
        assert abs(voice.lag) < 0.01
        for _ in range(50):
            sentence(rng, voice.language).encode(voice.encoding)


def test_phone_times():
    voice = VOICES["flite:slt"]
    assert phone_times("pau:0.2 b:0.25 aa:0.4 ", voice, "x") == [("pau", 0.2), ("b", 0.25), ("aa", 0.4)]
    with pytest.raises(DataError, match="several utterances"):
        phone_times("pau:0.2 b:0.25 pau:0.1 b:0.2", voice, "x")


def test_release_lies_at_the_burst():
    rate = 16_000
    t = np.arange(rate) / rate
    tone = (0.3 * np.sin(2 * np.pi * 1200 * t)).astype(np.float32)
    audio = np.where((t < 0.3) | (t >= 0.38), tone, 0).astype(np.float32)
    spans = [Phoneme("ɑ", 0.0, 0.3), Phoneme("p", 0.3, 0.4), Phoneme("m", 0.4, 0.5), Phoneme("ɑ", 0.5, 1.0)]
    vowel, stop, nasal, _ = with_releases(audio, rate, spans)
    assert vowel.closure is None
    assert nasal.closure == (0.4, 0.5)
    assert stop.closure is not None
    assert stop.closure[0] == 0.3
    assert stop.closure[1] == pytest.approx(0.38, abs=0.005)


def test_a_phone_of_unknown_audio_is_refused():
    spoken = Spoken(np.zeros(16_000, np.float32), 16_000, [("pau", 0.1), ("xyz", 0.2)])
    with pytest.raises(DataError, match="xyz"):
        tidied(spoken, VOICES["flite:slt"], 1.0, "text")


def test_phones_after_the_audio_are_refused():
    spoken = Spoken(np.zeros(8_000, np.float32), 16_000, [("pau", 0.1), ("aa", 0.7)])
    with pytest.raises(DataError, match="after the audio"):
        tidied(spoken, VOICES["flite:slt"], 1.0, "text")


def test_a_missing_engine_names_its_packages(monkeypatch):
    monkeypatch.setattr(engines, "voice_available", lambda name: False)
    with pytest.raises(VoiceMissing, match=r"apt-get install .*festival festvox-kallpc16k"):
        speak("Hello.", voice="festival:kal_diphone")


def test_wrong_arguments_are_refused():
    with pytest.raises(DataError, match="flite:slt"):
        speak("Hello.", voice="flite:nobody")
    with pytest.raises(ValueError, match="tract"):
        speak_recorded("Hello.", voice="flite:slt", tract=2.0)
    with pytest.raises(ValueError, match="tract"):
        speak("Hello.", voice="en-us", tract=1.1)
    with pytest.raises(DataError):
        voice_available("espeak")
