"""`viseme read-lips`: what lips alone say. Knows weights that run without torch, and files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from viseme.core.errors import ConfigError, DataError
from viseme.core.results import to_jsonable
from viseme.data.manifest import ManifestRow
from viseme.data.manifest_clips import ManifestClips
from viseme.expert.grammar import GRAMMARS, best_sentence
from viseme.expert.phone_beam import best_phones
from viseme.expert.runner import load_expert
from viseme.expert.seen import network_input, seen_of
from viseme.media.source import FileSource

__all__ = ["LipReading", "read_lips"]


@dataclass(frozen=True, kw_only=True)
class LipReading:
    """What the lips of a video say."""

    file: str
    """The video."""
    phones: tuple[str, ...]
    """ARPABET, pauses left out."""
    words: tuple[str, ...] | None
    """The likeliest sentence of the grammar, or what the expert's decoder writes; None = phones alone."""
    score: float | None
    """Mean over frames of the logarithm of the probability of the grammar's sentence; None = there is no grammar."""
    num_frames: int
    """Frames read, 25 a second."""
    expert: str
    """Name and hash of the weights."""

    def __str__(self) -> str:
        return " ".join(self.phones if self.words is None else self.words)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return to_jsonable(self)


def read_lips(
    video: Path,
    *,
    weights: Path | None = None,
    grammar: Literal["none", "grid"] = "none",
    beam: int = 1,
    device: str = "auto",
) -> LipReading:
    """Read the lips of the face that is seen longest; the audio is not listened to.

    Args:
        video: A file with one face.
        weights: A speech expert that names phones, made by `viseme train expert`, or one that writes text, a published
            fine-tuned file of yours (`viseme expert import`); None = the one that ships.
        grammar: "none" gives phones; "grid" also the likeliest sentence of the GRID corpus, one of its 51 words in
            each of six places.
        beam: Sequences of phones or of units of text that are followed at a time; 1 = the likeliest each time.
        device: Where it runs, see `viseme.weights.DEVICES`.

    Raises:
        MissingWeights: there are no such weights.
        WeightsError: the weights name no phones and write no text.
        ConfigError: `beam` is less than 1.
        DataError: no face is seen for long enough.
        MediaError: the file cannot be read.
    """
    if beam < 1:
        raise ConfigError(f"beam must be 1 or more, not {beam}")
    expert = load_expert(weights, device=device)
    FileSource(video)  # a photograph, or no video at all, is refused
    row = ManifestRow(path=video, use="", speaker="", licence="")
    try:
        _, seen = seen_of(ManifestClips((row,)).track(0, pixels=expert.input == "pixel"), expert.input)
    except DataError as error:
        raise DataError(f"{video}: {error}") from None
    lips, phones, words, score = network_input(seen), (), None, None
    if expert.units and grammar == "none":
        words = tuple(expert.read_text(lips, beam=beam).split())
    if expert.phones or words is None:
        found = expert.read_phones(lips)
        phones = best_phones(found, beam=beam)[0]
        if grammar != "none":
            try:
                words, score = best_sentence(found, GRAMMARS[grammar])
            except ValueError as error:
                raise DataError(f"{video}: {error}") from None
    return LipReading(
        file=str(video),
        phones=phones,
        words=words,
        score=score,
        num_frames=len(seen),
        expert=expert.id,
    )
