"""Word and phone errors of clips: what is read and heard by stubs, counted by words over all clips."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from viseme import ConfigError
from viseme.audio.mel_frames import AudioPiece
from viseme.core.scores import ClipScore, ClipValue, FailureCause
from viseme.expert.phones import PHONES
from viseme.metrics.score_means import summarise
from viseme.metrics.spoken_words import AudioWords, LipWords
from viseme.metrics.wer import check_reader


class Hearer:
    """Hears as many words as there are seconds."""

    name, family, teacher_forced = "ears@0", "ears", False

    def transcribe(self, samples: np.ndarray) -> str:
        return " ".join(["one", "two", "three"][: round(len(samples) / 16_000)])


class Audio:
    def __init__(self, seconds: int) -> None:
        self._seconds = seconds

    def blocks(self):
        yield AudioPiece(Fraction(0), np.ones(16_000 * self._seconds, np.float32))


class Expert:
    """Sees the phone that a frame names."""

    id: str = "lips@0"
    phones: tuple[str, ...] = PHONES
    units: tuple[str, ...] = ()

    def read_text(self, video: np.ndarray) -> str:
        raise NotImplementedError

    def read_phones(self, video: np.ndarray) -> np.ndarray:
        return np.log(np.eye(len(PHONES))[video] + 1e-9)


def seen(text: str) -> np.ndarray:
    return np.array([PHONES.index(p) for p in text.split() for _ in range(2)])


BIN_BLUE = "B IH N B L UW AE T EH F T UW N AW"


def test_audio_is_heard_and_compared_with_the_transcript() -> None:
    metric = AudioWords(Hearer(), "One, two three!")
    found = metric.start({"generated": Audio(2), "reference": Audio(3)}).compute()
    name = metric.protocols[0].name
    assert found["generated"][name].value == pytest.approx(1 / 3)
    assert (found["reference"][name].value, found["reference"][name].num_frames) == (0.0, 3)
    assert np.isnan(found["mismatched_audio"][name].value)
    assert np.isnan(AudioWords(Hearer(), None).start({"generated": Audio(1)}).compute()["generated"][name].value)


def test_lips_are_read_by_phones_and_by_a_grammar() -> None:
    words = LipWords(Expert(), "grid", "bin blue at f two now")
    clip, cut = words.start(), 15  # a piece ends within a word
    made, real = seen(BIN_BLUE.replace("UW N", "IY N")), seen(BIN_BLUE)
    for part in (slice(cut * 2), slice(cut * 2, None)):
        clip.add({"generated": made[part], "reference": real[part], "still_face": real[:0]})
    found = clip.compute()
    assert found["generated"]["per_lips[lips@0]"].value == pytest.approx(1 / 14)
    assert found["reference"]["wer_lips[lips@0]"].value == 0
    assert [p.name for p in LipWords(Expert(), "none", None).protocols] == ["per_lips[lips@0]"]
    with pytest.raises(ConfigError, match="of the family 'lips'"):
        check_reader(words, trained_with="lips")


class Writer:
    """Writes a word a piece."""

    id: str = "writer@0"
    phones: tuple[str, ...] = ()
    units: tuple[str, ...] = ("<s>", "<pad>", "</s>", "<unk>", "a")

    def read_phones(self, video: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def read_text(self, video: np.ndarray) -> str:
        return "Bin" if video[0] else "now"


def test_an_expert_that_writes_needs_no_grammar() -> None:
    words = LipWords(Writer(), "none", "bin now")
    assert [p.name for p in words.protocols] == ["wer_lips[writer@0]"]
    clip = words.start()
    for real in (np.ones(3, np.float32), np.zeros(3, np.float32)):
        clip.add({"generated": np.ones(3, np.float32), "reference": real, "still_face": real[:0]})
    found = clip.compute()
    assert found["generated"]["wer_lips[writer@0]"].value == pytest.approx(0.5)
    assert found["reference"]["wer_lips[writer@0]"].value == 0
    assert "per_lips[writer@0]" not in found["generated"]


def test_long_clips_count_by_their_words_and_a_failed_one_wholly() -> None:
    (protocol,) = AudioWords(Hearer(), "").protocols

    def clip(name: str, value: float | None, words: int) -> ClipScore:
        cause = None if value is not None else FailureCause.SILENT
        found = {protocol.name: ClipValue(value=value, num_frames=words, failure=cause)}
        anchors = {"reference": {protocol.name: 0.2 if words == 30 else 0.0}}
        return ClipScore(file=name, name=name, reference=None, audio=None, metrics=found, anchors=anchors)

    clips = [clip("a", 0.1, 30), clip("b", 0.5, 10)]
    result = summarise("made", None, clips, [protocol])
    assert result[protocol.name].value == pytest.approx((3 + 5) / 40)
    assert result.anchors["reference"][protocol.name] == pytest.approx(6 / 40)
    found = summarise("made", None, [*clips, clip("c", None, 10)], [protocol])[protocol.name]
    assert (found.value, found.valid) == pytest.approx((18 / 50, 8 / 40))
