"""Recorded voices, engine by engine; skips aloud where an engine is not installed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt

from viseme.core.errors import DataError
from viseme.synthetic.engines import voice_available
from viseme.synthetic.phonemes import SAMPLE_RATE, Speech
from viseme.synthetic.speech import speak
from viseme.synthetic.voices import VOICES

TEXTS = {
    "en-us": "My mother made a map. Pam met a happy panda.",
    "it": "mia mamma prepara una pappa. un panino ottimo.",
    "cs": "máma má mapu. tatínek kupuje kapesník.",
    "fi": "mummo antaa maton. pieni poika nukkuu.",
    "ca": "la mare menja una poma. en Pau pinta el mapa.",
    "hi": "मीना नाना मामा. मेरा नाम मीना मानो. काका काम पाना.",
}
VOWELS = set("iyɨʉɯuɪʏʊeøɘɵɤoəɛœɜɞʌɔæɐaɶɑɒɝɚ")


def _installed(name: str) -> None:
    if not voice_available(name):
        pytest.skip(f"not installed: apt-get install --no-install-recommends {' '.join(VOICES[name].packages)}")


def _lags(speech: Speech) -> list[float]:
    """Seconds from each border between a vowel and m, n, p, t or k to where the audio above 500 Hz changes."""
    above = sosfiltfilt(butter(4, 500, "highpass", fs=SAMPLE_RATE, output="sos"), speech.samples)
    step = SAMPLE_RATE // 1000
    power = np.convolve(np.square(above), np.ones(10 * step) / (10 * step), "same")[::step]
    level_db = 10 * np.log10(power + 1e-7)
    lags = []
    for one, two in zip(speech.phonemes, speech.phonemes[1:]):
        closing = one.name[0] in VOWELS and two.name in ("m", "n", "p", "t", "k")
        opening = one.name in ("m", "n") and two.name[0] in VOWELS
        if two.start - one.end > 0.005 or not (closing or opening):
            continue
        first, last = (int(1000 * (p.start + part * (p.end - p.start))) for p, part in ((one, 0.5), (two, 0.4)))
        half = (level_db[first] + level_db[last]) / 2
        crossed = np.flatnonzero((level_db[first:last] < half) != (level_db[first + 1 : last + 1] < half))
        if abs(level_db[first] - level_db[last]) > 8 and len(crossed):
            at = (crossed + first + 0.5) / 1000 - one.end
            lags.append(float(at[np.argmin(np.abs(at))]))
    return lags


@pytest.mark.parametrize("name", VOICES)
def test_audio_changes_where_phones_do(name):
    _installed(name)
    speech = speak(TEXTS[VOICES[name].language], voice=name, rate_wpm=160)
    assert speech.samples.dtype == np.float32
    assert 0.05 < np.abs(speech.samples).max() <= 1
    for one, two in zip(speech.phonemes, speech.phonemes[1:]):
        assert 0 <= one.start < one.end <= two.start + 1e-6
    assert speech.phonemes[-1].end < speech.duration + 0.03
    lags = _lags(speech)
    assert len(lags) >= 4
    assert abs(np.median(lags)) < 0.009


def test_the_measure_sees_a_shift():
    _installed("flite:slt")
    speech = speak(TEXTS["en-us"], voice="flite:slt")
    late = Speech(np.concatenate([np.zeros(320, np.float32), speech.samples]), speech.phonemes)
    assert np.median(_lags(late)) - np.median(_lags(speech)) == pytest.approx(0.02, abs=0.004)


@pytest.mark.parametrize("name", ["flite:rms", "festival:ked_diphone", "festival:czech_ph", "festival:upc_ca_ona_hts"])
def test_the_same_arguments_give_the_same_samples(name):
    _installed(name)
    text = TEXTS[VOICES[name].language]
    one, two = (speak(text, voice=name, pitch=60, tract=1.05) for _ in range(2))
    assert np.array_equal(one.samples, two.samples)
    assert one.phonemes == two.phonemes


@pytest.mark.parametrize("name", ["flite:slt", "festival:lp_diphone", "festival:cmu_us_slt_arctic_hts"])
def test_rate_and_tract(name):
    _installed(name)
    text = TEXTS[VOICES[name].language]
    plain, fast, small = (speak(text, voice=name, **kw) for kw in ({}, {"rate_wpm": 220}, {"tract": 1.15}))
    assert fast.phonemes[-1].end == pytest.approx(plain.phonemes[-1].end * 170 / 220, rel=0.06)
    assert small.phonemes[-1].end == pytest.approx(plain.phonemes[-1].end, rel=0.04)
    assert [p.name for p in fast.phonemes] == [p.name for p in plain.phonemes] == [p.name for p in small.phonemes]


def test_nothing_to_say_is_an_error():
    _installed("flite:slt")
    with pytest.raises(DataError, match="nothing to say"):
        speak("...", voice="flite:slt")


def test_text_that_the_engine_cannot_read_is_an_error():
    _installed("festival:lp_diphone")
    with pytest.raises(DataError, match="cannot read"):
        speak("привет", voice="festival:lp_diphone")
