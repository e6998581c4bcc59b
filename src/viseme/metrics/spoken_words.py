"""Word errors of a clip in the seam of metrics: what a recogniser hears, and what a speech expert reads off lips.

Knows texts, samples and what the lips of a clip look like to an expert; what is computed is `wer`. Errors and words are
counted over all clips: a clip counts by its words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from viseme.core.scores import Better, MetricProtocol, Need
from viseme.expert.grammar import GRAMMARS, best_sentence
from viseme.expert.phones import collapsed
from viseme.metrics.clip_audio import whole_audio
from viseme.metrics.interface import ClipAudio, FaceView, Measured
from viseme.metrics.wer import Reader, normalised_words, word_errors

__all__ = ["AudioWords", "Grammar", "LipWords", "LipWordsClip", "PhoneReader", "Recogniser"]

Grammar = Literal["none", "grid"]
"""Which sentences lips may say: any phones, or the sentences of the GRID corpus."""


class Recogniser(Reader, Protocol):
    """Hears words."""

    def transcribe(self, samples: NDArray[np.floating]) -> str:
        """The words of (S,) mono samples at 16 kHz."""
        ...


class PhoneReader(Protocol):
    """A speech expert that names phones, or writes text."""

    id: str
    phones: tuple[str, ...]
    """Empty = it names none."""
    units: tuple[str, ...]
    """Of its text; empty = it writes none."""

    def read_phones(self, video: NDArray[np.float32]) -> NDArray[np.float32]:
        """(T, P) log-probabilities of `phones`."""
        ...

    def read_text(self, video: NDArray[np.float32]) -> str:
        """Words, where there are `units`."""
        ...


class AudioWords:
    """WER of the audio that the lips go with: a `ClipMetric`. It tells whether the audio can be understood."""

    def __init__(self, recogniser: Recogniser, transcript: str | None) -> None:
        """What was said in the clip; None = it is not known."""
        self._recogniser, self._said = recogniser, transcript
        self.protocols = (
            _protocol(
                f"wer_audio[{recogniser.name}]",
                frozenset({Need.AUDIO, Need.TRANSCRIPT}),
                "words heard in the audio against the transcript",
                recogniser.name,
                identical=None,
            ),
        )

    def start(self, audios: Mapping[str, ClipAudio]) -> AudioWordsClip:
        """See `ClipMetric.start`."""
        return AudioWordsClip(self._recogniser, audios, normalised_words(self._said or ""))


class AudioWordsClip:
    """One clip of `AudioWords`."""

    def __init__(self, recogniser: Recogniser, audios: Mapping[str, ClipAudio], said: list[str]) -> None:
        self._recogniser, self._audios, self._said = recogniser, audios, said

    def add(self, generated: FaceView | None, reference: FaceView | None) -> None:
        """See `ClipAccumulator.add`; faces have no part in it."""

    def compute(self) -> dict[str, dict[str, Measured]]:
        """See `ClipAccumulator.compute`."""
        name = f"wer_audio[{self._recogniser.name}]"
        return {video: {name: self._errors(video)} for video in ("generated", "reference", "mismatched_audio")}

    def _errors(self, video: str) -> Measured:
        samples, _ = whole_audio(self._audios.get(video)) if self._said else (np.zeros(0, np.float32), 0.0)
        if not len(samples):
            return Measured(value=float("nan"), num_frames=len(self._said))
        return _rate(self._said, normalised_words(self._recogniser.transcribe(samples)))


class LipWords:
    """What an expert reads off the lips of one clip: phones against those of the real lips, and words against the
    transcript, those of a grammar or those that the expert writes by itself. A `Reader`."""

    teacher_forced = False

    def __init__(self, expert: PhoneReader, grammar: Grammar, transcript: str | None) -> None:
        """What was said in the clip; None = it is not known."""
        self._expert, self._said = expert, normalised_words(transcript or "")
        self._grammar: Grammar = grammar
        self.name, self.family = expert.id, expert.id.partition("@")[0]
        self._phones, self._words = f"per_lips[{expert.id}]", f"wer_lips[{expert.id}]"
        lips = frozenset({Need.EXPERT, Need.LANDMARKS})
        phones = "phones read off the generated lips against those read off the real ones"
        which = f"words of the grammar {grammar}" if grammar != "none" else "words"
        words = f"{which} read off the lips against the transcript"
        self.protocols: tuple[MetricProtocol, ...] = ()
        if expert.phones:
            self.protocols = (_protocol(self._phones, lips | {Need.REFERENCE}, phones, expert.id, identical=0.0),)
        if grammar != "none" or expert.units:
            self.protocols += (_protocol(self._words, lips | {Need.TRANSCRIPT}, words, expert.id, identical=None),)

    def start(self) -> LipWordsClip:
        """For one clip."""
        return LipWordsClip(self._expert, self._grammar, self._said, (self._phones, self._words))


class LipWordsClip:
    """One clip of `LipWords`, piece by piece. For a grammar 160 bytes a frame are kept: its sentences are whole."""

    def __init__(self, expert: PhoneReader, grammar: Grammar, said: list[str], names: tuple[str, str]) -> None:
        self._expert, self._grammar, self._said = expert, grammar, said
        self._phones, self._words = names
        self._errors: dict[str, int] = {}
        self._num_real = 0
        self._read: dict[str, list[NDArray[np.float32]]] = {}
        self._texts: dict[str, list[str]] = {}

    def add(self, lips: Mapping[str, NDArray[np.float32]]) -> None:
        """One more piece.

        Args:
            lips: "generated", "reference", "still_face" -> (T, ...) what the expert's video stream sees; what has no
                frames is left out.
        """
        if self._expert.units and self._grammar == "none" and self._said:
            for name, video in lips.items():
                text = self._expert.read_text(video) if len(video) else ""
                self._texts.setdefault(name, []).extend(normalised_words(text))
        if not self._expert.phones:
            return
        read = {name: self._expert.read_phones(video) for name, video in lips.items() if len(video)}
        real = _spoken(read["reference"]) if "reference" in read else []
        self._num_real += len(real)
        for name, frames in read.items():
            if "reference" in read:
                self._errors[name] = self._errors.get(name, 0) + word_errors(real, _spoken(frames))
            if self._grammar != "none" and self._said:
                self._read.setdefault(name, []).append(frames)
        if real and "generated" not in read:
            self._errors["generated"] = self._errors.get("generated", 0) + len(real)

    def compute(self) -> dict[str, dict[str, Measured]]:
        """ "generated", "reference" and "still_face" -> errors."""
        found: dict[str, dict[str, Measured]] = {"generated": {}}
        for name, errors in self._errors.items():
            if self._num_real:
                rate = Measured(value=errors / self._num_real, num_frames=self._num_real)
                found.setdefault(name, {})[self._phones] = rate
        for name, frames in self._read.items():
            found.setdefault(name, {})[self._words] = _rate(self._said, self._sentence(np.concatenate(frames)))
        for name, words in self._texts.items():
            found.setdefault(name, {})[self._words] = _rate(self._said, words)
        nothing = Measured(value=float("nan"), num_frames=len(self._said))
        found["generated"].setdefault(self._words, nothing)
        return found

    def _sentence(self, frames: NDArray[np.float32]) -> list[str]:
        try:
            return list(best_sentence(frames, GRAMMARS[self._grammar])[0])
        except ValueError:
            return []  # fewer frames than the shortest sentence has phones: nothing is read


def _spoken(frames: NDArray[np.float32]) -> list[str]:
    return list(collapsed(frames.argmax(1)))


def _rate(said: Sequence[str], read: Sequence[str]) -> Measured:
    return Measured(value=word_errors(list(said), list(read)) / len(said), num_frames=len(said))


def _protocol(name: str, needs: frozenset[Need], text: str, weights: str, *, identical: float | None) -> MetricProtocol:
    return MetricProtocol(
        name=name,
        unit="1",
        better=Better.LOWER,
        version=1,
        needs=needs,
        floor="still_face" if name.startswith("per_lips") else "",
        worst=1.0,
        identical=identical,
        text=f"{text}; errors over what was said, of all clips together",
        source="Levenshtein 1966",
        weights=weights,
        weighted=True,
    )
