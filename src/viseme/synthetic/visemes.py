"""From speech sounds to what lips, jaw and tongue aim at, and how strongly.

Knows phonetics; refuses to know face models. A phoneme's IPA is read letter by letter, so any language works; a
diphthong or an affricate becomes several `Target`s.

Lips and jaw aim at positions in millimetres of a grown-up face, other channels at 0..1. Each target has a dominance
per channel: how strongly it insists against its neighbours (Cohen & Massaro, "Modeling coarticulation in synthetic
visual speech", 1993), and how far ahead and behind it reaches, in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

__all__ = ["ANTICIPATION_S", "CARRY_S", "CHANNELS", "REST", "Target", "targets"]

CHANNELS = ("jaw", "gap", "width", "protrude", "dental", "tip", "body", "dorsum", "out")
"""jaw: opening at the incisors, mm. gap: between the lips' inner rims, mm. width: -1 pursed .. 1 spread.
protrude: 0..1. dental: lower lip to upper teeth 0..1. tip: tongue tip to the ridge 0..1. body: tongue -1 back .. 1
front. dorsum: tongue back raised 0..1. out: tongue between the teeth 0..1."""

REST: NDArray[np.float64] = np.array([1.0, 0.0, 0.0, 0.0, 0.0, 0.2, 0.0, 0.2, 0.0])
"""A closed, relaxed mouth."""

ANTICIPATION_S: NDArray[np.float64] = np.array([0.050, 0.042, 0.080, 0.080, 0.035, 0.035, 0.045, 0.045, 0.040])
"""Time constant of the rise before a target, per channel: rounding reaches about twice as far ahead as opening."""

CARRY_S: NDArray[np.float64] = np.array([0.045, 0.040, 0.055, 0.055, 0.035, 0.035, 0.045, 0.045, 0.040])
"""Time constant of the decay after a target."""


@dataclass(frozen=True)
class Target:
    """What one speech sound aims at."""

    aim: NDArray[np.float64]
    """(C,) in the order of `CHANNELS`."""
    dominance: NDArray[np.float64]
    """(C,) 0 = indifferent, 1 = as strong as a stressed vowel, more = insists."""
    share: float = 1.0
    """Part of the phoneme's duration."""
    lips_close: bool = False
    """p, b, m: the lips touch from contact to release, whatever the neighbours."""
    teeth_touch: bool = False
    """f, v: the lower lip touches the upper teeth."""


# Vowels: opening 0 (close) .. 1 (open), frontness -1 .. 1, rounding 0 .. 1.
_VOWELS: dict[str, tuple[float, float, float]] = {
    "i": (0.08, 1.0, 0.0), "y": (0.08, 1.0, 0.9), "ɨ": (0.12, 0.1, 0.0), "ʉ": (0.1, 0.1, 0.9), "ɯ": (0.12, -1.0, 0.0),
    "u": (0.08, -1.0, 1.0), "ɪ": (0.25, 0.8, 0.0), "ʏ": (0.22, 0.8, 0.8), "ʊ": (0.22, -0.7, 0.75),
    "e": (0.38, 1.0, 0.0), "ø": (0.34, 1.0, 0.8), "ɘ": (0.38, 0.2, 0.0), "ɵ": (0.35, 0.2, 0.7), "ɤ": (0.4, -0.9, 0.0),
    "o": (0.36, -1.0, 0.85), "ə": (0.38, 0.0, 0.05), "ɛ": (0.6, 0.8, 0.0), "œ": (0.55, 0.8, 0.65),
    "ɜ": (0.5, 0.1, 0.1), "ɞ": (0.55, 0.1, 0.6), "ʌ": (0.62, -0.4, 0.05), "ɔ": (0.6, -0.9, 0.7), "æ": (0.82, 0.7, 0.0),
    "ɐ": (0.7, 0.0, 0.0), "a": (0.92, 0.3, 0.0), "ɶ": (0.9, 0.6, 0.4), "ɑ": (1.0, -0.7, 0.0), "ɒ": (0.85, -0.9, 0.5),
    "ɝ": (0.4, 0.0, 0.35), "ɚ": (0.36, 0.0, 0.3), "ᵻ": (0.22, 0.5, 0.0), "ɫ̩": (0.3, -0.5, 0.2),
}  # fmt: skip

# Consonants: jaw mm, gap mm, width, protrude, dental, tip, body, dorsum, out | dominance of the same.
_CONSONANTS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "bilabial": ((3.0, 0.0, 0.0, 0.05, 0.0, 0.2, 0.0, 0.2, 0.0), (0.9, 2.5, 0.15, 0.15, 2.0, 0.1, 0.1, 0.1, 2.0)),
    "bilabial_open": ((3.0, 1.8, 0.0, 0.3, 0.0, 0.2, 0.0, 0.2, 0.0), (0.7, 2.0, 0.3, 0.3, 1.0, 0.1, 0.1, 0.1, 1.0)),
    "labiodental": ((3.0, 2.6, 0.15, 0.0, 1.0, 0.2, 0.0, 0.2, 0.0), (1.0, 2.0, 0.35, 0.5, 3.0, 0.1, 0.1, 0.1, 2.0)),
    "labiovelar": ((3.5, 1.2, -1.0, 1.0, 0.0, 0.1, -0.9, 0.8, 0.0), (0.8, 1.8, 2.0, 2.0, 1.0, 0.4, 1.0, 1.0, 1.0)),
    "dental": ((4.0, 4.0, 0.15, 0.0, 0.0, 0.7, 0.6, 0.2, 1.0), (0.9, 0.8, 0.3, 0.3, 0.8, 2.0, 1.0, 0.5, 2.5)),
    "alveolar_stop": ((3.5, 5.0, 0.1, 0.0, 0.0, 1.0, 0.5, 0.3, 0.0), (0.8, 0.6, 0.15, 0.12, 0.6, 2.5, 0.8, 0.4, 1.0)),
    "sibilant": ((2.2, 7.0, 0.2, 0.0, 0.0, 0.85, 0.6, 0.3, 0.0), (2.0, 1.0, 0.4, 0.3, 0.9, 2.5, 1.0, 0.5, 1.5)),
    "postalveolar": ((2.4, 7.0, -0.6, 0.8, 0.0, 0.75, 0.3, 0.5, 0.0), (2.0, 1.3, 1.2, 1.4, 0.9, 2.0, 1.0, 0.6, 1.5)),
    "lateral": ((4.5, 6.0, 0.05, 0.0, 0.0, 1.0, 0.1, 0.3, 0.1), (0.6, 0.5, 0.15, 0.15, 0.6, 2.5, 0.7, 0.4, 0.8)),
    "tap": ((4.5, 5.5, 0.05, 0.0, 0.0, 0.95, 0.1, 0.3, 0.0), (0.5, 0.4, 0.1, 0.1, 0.5, 2.0, 0.5, 0.4, 0.8)),
    "approximant_r": ((4.0, 3.6, -0.5, 0.5, 0.0, 0.6, -0.1, 0.4, 0.0), (0.7, 0.9, 0.9, 0.9, 0.7, 1.2, 0.8, 0.6, 0.8)),
    "retroflex": ((3.5, 5.0, -0.15, 0.3, 0.0, 0.9, -0.1, 0.4, 0.0), (1.0, 0.7, 0.4, 0.5, 0.7, 2.0, 0.8, 0.5, 1.0)),
    "palatal": ((3.0, 4.8, 0.5, 0.0, 0.0, 0.3, 1.0, 0.9, 0.0), (1.0, 0.8, 0.8, 0.6, 0.6, 0.8, 1.8, 1.5, 0.8)),
    "palatal_round": ((3.0, 3.0, -0.9, 0.9, 0.0, 0.3, 1.0, 0.9, 0.0), (0.9, 1.5, 1.8, 1.8, 0.8, 0.8, 1.8, 1.5, 0.8)),
    "velar": ((5.0, 5.5, 0.0, 0.0, 0.0, 0.1, -0.5, 1.0, 0.0), (0.45, 0.3, 0.08, 0.08, 0.5, 0.6, 1.2, 2.5, 0.8)),
    "uvular": ((5.5, 6.0, 0.0, 0.0, 0.0, 0.1, -0.8, 0.9, 0.0), (0.4, 0.3, 0.08, 0.08, 0.5, 0.5, 1.2, 2.0, 0.8)),
    "pharyngeal": ((8.0, 8.0, 0.0, 0.0, 0.0, 0.1, -0.9, 0.2, 0.0), (0.6, 0.4, 0.08, 0.08, 0.5, 0.5, 1.2, 1.0, 0.8)),
    "glottal": ((5.0, 5.0, 0.0, 0.0, 0.0, 0.2, 0.0, 0.2, 0.0), (0.1, 0.1, 0.02, 0.02, 0.3, 0.1, 0.1, 0.1, 0.5)),
}
_PLACES: dict[str, str] = {
    "bilabial": "pbmɓ", "bilabial_open": "βɸ", "labiodental": "fvɱʋⱱ", "labiovelar": "wʍ", "dental": "θð",
    "alveolar_stop": "tdnɗ", "sibilant": "sz", "postalveolar": "ʃʒɕʑ", "lateral": "lɫɬɮɺ", "tap": "rɾ",
    "approximant_r": "ɹɻ", "retroflex": "ʈɖɳʂʐɭɽ", "palatal": "jɲcɟçʝʎ", "palatal_round": "ɥ", "velar": "kgɡŋxɣɰɠ",
    "uvular": "qɢχʁɴʀʛ", "pharyngeal": "ħʕ", "glottal": "hɦʔ",
}  # fmt: skip
_PLACE_OF = {letter: place for place, letters in _PLACES.items() for letter in letters}
# Not aims themselves: length, nasality, palatalisation, aspiration, ties, tone letters ...
_MARKS = set("ːˑ̃ʲʰʷˠˤʱ̩̯̥̪̬̝̞̟̠̊ʼ͡'ˈˌ˞")


def _vowel(opening: float, front: float, rounding: float) -> Target:
    # Rounded lips shrink the opening in both directions: a rounded [u] leaves 2-3 mm, a spread [i] 5 mm.
    gap = (4.0 + 10.0 * opening + 4.5 * max(front, 0.0) * (1 - opening)) * (1 - 0.5 * rounding)
    width = 0.75 * max(front, 0.0) * (1 - 0.75 * opening) * (1 - rounding) - (1.05 - 0.45 * opening) * rounding
    aim = (
        3.0 + 11.0 * opening,
        gap,
        width,
        0.95 * rounding * (1 - 0.3 * opening),
        0.0,
        0.15,
        front,
        0.9 - opening,
        0.0,
    )
    strength = 0.55 if 0.3 < opening < 0.45 and abs(front) < 0.3 else 1.0  # schwa yields
    dominance = np.array([1.0, 1.0, 0.45 + 0.9 * rounding, 0.5 + 0.9 * rounding, 0.8, 0.6, 1.0, 1.0, 1.0])
    return Target(np.array(aim), strength * dominance)


@lru_cache(maxsize=4096)
def targets(name: str) -> tuple[Target, ...]:
    """The targets of one phoneme, in order; their shares sum to 1.

    Letters that are neither vowels, consonants nor diacritics are skipped; a phoneme with none left moves nothing
    (an empty tuple).

    Example:
        >>> [t.lips_close for t in targets("p")], len(targets("aɪ")), len(targets("tʃ"))
        ([True], 2, 2)
    """
    found: list[Target] = []
    whole = "".join(c if c in _PLACE_OF else normalize("NFD", c) for c in name)  # "ä" is an a, "ç" no c
    letters = [c for c in whole if c in _VOWELS or c in _PLACE_OF or c in _MARKS]
    for letter in letters:
        if letter in _VOWELS:
            found.append(_vowel(*_VOWELS[letter]))
        elif letter in _PLACE_OF:
            place = _PLACE_OF[letter]
            aim, dominance = _CONSONANTS[place]
            found.append(
                Target(
                    np.array(aim),
                    np.array(dominance),
                    lips_close=place == "bilabial",
                    teeth_touch=place == "labiodental" and letter != "ʋ",
                )
            )
        elif letter == "ʷ" and found:
            last = found[-1]
            aim, dominance = last.aim.copy(), last.dominance.copy()
            aim[2:4], dominance[2:4] = (-0.8, 0.8), 1.5
            found[-1] = Target(aim, dominance, lips_close=last.lips_close, teeth_touch=last.teeth_touch)
    if not found:
        return ()
    first = 0.6 if len(found) > 1 and letters[0] in _VOWELS else 1 / len(found)
    rest = (1 - first) / max(1, len(found) - 1)
    return tuple(
        Target(t.aim, t.dominance, first if i == 0 else rest, t.lips_close, t.teeth_touch) for i, t in enumerate(found)
    )
