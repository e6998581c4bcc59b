"""Phoneme tables and targets: hand-checkable, no espeak-ng needed."""

from __future__ import annotations

import wave

import numpy as np
import pytest

from viseme.core.errors import DataError, MediaError
from viseme.synthetic.closures import with_closures
from viseme.synthetic.phoneme_tables import read_phonemes, read_speech
from viseme.synthetic.phonemes import SAMPLE_RATE, Phoneme, bare_ipa
from viseme.synthetic.text import LANGUAGES, command_sentence, pseudo_words, sentence
from viseme.synthetic.visemes import CHANNELS, targets

TEXTGRID = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 0.5
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 0.5
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = "by"
    item [2]:
        class = "IntervalTier"
        name = "phones"
        xmin = 0
        xmax = 0.5
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.1
            text = "sil"
        intervals [2]:
            xmin = 0.1
            xmax = 0.2
            text = "B"
        intervals [3]:
            xmin = 0.2
            xmax = 0.5
            text = "AY1"
"""


@pytest.mark.parametrize(
    "text",
    [
        "start\tend\tphoneme\n0\t.1\tsil\n0.1\t0.2\tB\n0.2\t0.5\tAY1\n",
        "0.1,0.2,b\n0.2,0.5,aɪ\n",
        "0.1 0.2 b\n0.2 0.5 aɪ\n",
        "clip 1 0.0 0.1 SIL\nclip 1 0.1 0.1 B\nclip 1 0.2 0.3 AY1\n",
        '{"file": "a.wav", "phones": [["SIL", 0.0, 0.1], ["B", 0.1, 0.2], ["AY", 0.2, 0.5]]}',
        '[["b", 0.1, 0.2], ["aɪ", 0.2, 0.5]]',
    ],
)
def test_tables_in_ipa_and_arpabet_read_alike(tmp_path, text):
    file = tmp_path / "a.tsv"
    file.write_text(text, encoding="utf-8")
    assert read_phonemes(file) == [Phoneme("b", 0.1, 0.2), Phoneme("aɪ", 0.2, 0.5)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_textgrid_takes_the_phone_tier(tmp_path, encoding):
    file = tmp_path / "a.TextGrid"
    file.write_text(TEXTGRID, encoding=encoding)
    assert read_phonemes(file) == [Phoneme("b", 0.1, 0.2), Phoneme("aɪ", 0.2, 0.5)]


@pytest.mark.parametrize(
    "text", ["", "{}", "[[1, 2]]", "0 1 sil\n", "0 1 a\nx y b\n", "0.5 0.7 a\n0.1 0.2 b\n", "0.5 0.5 a\n0.6 0.7 b\n"]
)
def test_unusable_tables_are_refused(tmp_path, text):
    file = tmp_path / "a.txt"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DataError):
        read_phonemes(file)


def test_missing_table_names_the_file(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.tsv"):
        read_phonemes(tmp_path / "nowhere.tsv")


def test_recording_is_resampled_and_keeps_its_length(tmp_path):
    file = tmp_path / "a.wav"
    with wave.open(str(file), "wb") as stream:
        stream.setnchannels(2)
        stream.setsampwidth(2)
        stream.setframerate(44100)
        stream.writeframes(np.zeros(2 * 44100, "<i2").tobytes())
    (tmp_path / "a.tsv").write_text("0.1 0.2 b\n0.2 0.5 aɪ\n", encoding="utf-8")
    speech = read_speech(file, tmp_path / "a.tsv")
    assert speech.samples.shape == (SAMPLE_RATE,)
    assert [p.name for p in speech.phonemes] == ["b", "aɪ"]
    (tmp_path / "late.tsv").write_text("0.1 3.0 b\n", encoding="utf-8")
    with pytest.raises(DataError, match="after the audio"):
        read_speech(file, tmp_path / "late.tsv")
    (tmp_path / "not.wav").write_bytes(b"text")
    with pytest.raises(MediaError, match=r"not\.wav"):
        read_speech(tmp_path / "not.wav", tmp_path / "a.tsv")


def test_closure_is_found_on_the_audio():
    """A vowel, 50 ms of voice bar, a vowel: contact at the bar's begin, release at its end."""
    rate = 22050
    t = np.arange(rate) / rate
    vowel = 0.3 * sum(np.sin(2 * np.pi * 120 * k * t) for k in range(1, 20)) / 4
    bar = 0.1 * np.sin(2 * np.pi * 120 * t)
    audio = np.where((t > 0.4) & (t < 0.45), bar, vowel).astype(np.float32)
    (a, b, c) = with_closures(audio, rate, [Phoneme("a", 0, 0.4), Phoneme("b", 0.4, 0.48), Phoneme("a", 0.48, 1)])
    assert a.closure is None
    assert c.closure is None
    assert b.closure == pytest.approx((0.4, 0.45), abs=0.006)


def test_closure_before_a_reported_release_is_the_silence():
    rate = 22050
    t = np.arange(rate) / rate
    noise = np.random.default_rng(0).normal(0, 0.1, rate)
    audio = np.where((t > 0.4) & (t < 0.46), 0, noise).astype(np.float32)
    (_, p, _) = with_closures(audio, rate, [Phoneme("a", 0, 0.46), Phoneme("p", 0.46, 0.5), Phoneme("a", 0.5, 1)])
    assert p.closure == pytest.approx((0.4, 0.46), abs=0.006)


def test_clean_names():
    assert [bare_ipa(x) for x in ("(en)", "ˈaɪ", "s.", "ɑː", "i1")] == ["", "aɪ", "s", "ɑː", "i"]


def test_targets_cover_many_phonemes_and_say_what_must_touch():
    consonants = "pbmfvwθðtdnszlrɹɾʃʒɲjkɡŋxɣhçʁqħʕʔβʂʐɕʑɖʈɭʎɥcɟ"
    vowels = "iyɨuɯɪʊʏeøoəɛœɔʌæaɑɒɐɚ"
    names = [*consonants, "tʃ", "dʒ", "ts", "tɕ", "pʲ", *vowels, "iː", "ɑː", "aɪ", "aʊ", "oʊ", "ɔɪ", "ɛ̃", "ɑ̃"]
    assert len(set(names)) >= 75
    for name in names:
        found = targets(name)
        assert found, name
        assert sum(t.share for t in found) == pytest.approx(1), name
        assert all(t.aim.shape == t.dominance.shape == (len(CHANNELS),) for t in found), name
    assert [n for n in names if targets(n)[0].lips_close] == ["p", "b", "m", "pʲ"]
    assert [n for n in names if targets(n)[0].teeth_touch] == ["f", "v"]
    gap, width = CHANNELS.index("gap"), CHANNELS.index("width")
    assert targets("a")[0].aim[gap] > targets("i")[0].aim[gap] > targets("u")[0].aim[gap]
    assert targets("i")[0].aim[width] > 0 > targets("u")[0].aim[width]
    assert targets("?") == ()


def test_sentences_are_seeded_and_exist_for_every_language():
    for language in LANGUAGES:
        one, two, three = (sentence(np.random.default_rng(s), language) for s in (1, 1, 2))
        assert one == two != three
    assert len(command_sentence(np.random.default_rng(0)).split()) == 6
    assert len(pseudo_words(np.random.default_rng(0), 5).split()) == 5
    with pytest.raises(ValueError, match="no words"):
        sentence(np.random.default_rng(0), "tlh")
