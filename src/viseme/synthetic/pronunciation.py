"""How text is said: IPA phoneme by phoneme, as espeak-ng's rules and dictionaries have it, and the same in ARPABET.

Knows letters; refuses to know audio.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from viseme.synthetic.espeak import espeak_ipa
from viseme.synthetic.phonemes import bare_ipa

__all__ = ["Sign", "arpabet", "signs"]

_PUNCTUATION = {"。": ".", "、": ",", "，": ",", "！": "!", "？": "?", "।": ".", "¿": "", "¡": "", "«": '"', "»": '"'}
_PAUSES = r"[.,;:!?—…\"“”()]"
_LANGUAGE_SWITCH = re.compile(r"\((?:\^?[a-z-])+\)")
_LETTER = r"[^\W\d_][\u0300-\u036fːˑʰʲʷˠˤ˞ʱᵝ]*"
_SIGN = re.compile(rf"(?P<phoneme>{_LETTER}(?:\^{_LETTER})*)|(?P<stress>[ˈˌ])|(?P<space>\s+)")
_MODIFIERS = frozenset("ːˑʰʲʷˠˤ˞ʱᵝ")


@dataclass(frozen=True, slots=True)
class Sign:
    """One phoneme, stress mark, space or punctuation mark of a text."""

    written: str
    """As espeak-ng writes it, without ^: "dʒ", "ˈ", " ", ","."""
    phoneme: str = ""
    """IPA; empty = no phoneme."""


def signs(text: str, language: str) -> list[Sign]:
    """Phonemes, stress, spaces and punctuation of a text, in order.

    Args:
        text: In the language.
        language: espeak-ng voice, for example en-us.

    Raises:
        EspeakMissing: espeak-ng is not installed.
        DataError: it does not know the language.
    """
    plain = "".join(_PUNCTUATION.get(c, c) for c in text)
    found: list[Sign] = []
    for part in re.split(rf"\s*({_PAUSES})", plain):
        if re.fullmatch(_PAUSES, part):
            found.append(Sign(part))
        elif part.strip():
            if found:
                found.append(Sign(" "))
            line = _LANGUAGE_SWITCH.sub("", espeak_ipa(part.strip(), voice=language))
            found += _read(line.replace("ɜ", "") if language.startswith("cmn") else line)  # there it is the tone 3
    return found


def _read(line: str) -> list[Sign]:
    result = []
    for match in _SIGN.finditer(line):
        written = match.group().replace("^", "")
        if match.group("phoneme") and written[0] not in _MODIFIERS:
            name = re.sub(r"(?<=[pbtdkɡcʈɖɟ])\^h", "ʰ", match.group()).replace("^", "")
            result.append(Sign(written, bare_ipa(name)))
        else:
            result.append(Sign(" " if match.group("space") else written))
    return result


_ARPABET = {
    pair.split("=")[0]: pair.split("=")[1].split("+")
    for pair in [
        "aɪ=AY",
        "aʊ=AW",
        "eɪ=EY",
        "oʊ=OW",
        "əʊ=OW",
        "ɔɪ=OY",
        "tʃ=CH",
        "dʒ=JH",
        "ɪə=IH+R",
        "əl=AH+L",
        "n̩=AH+N",
        "l̩=AH+L",
        "aɪə=AY+AH",
        "aɪɚ=AY+ER",
        "iə=IY+AH",
        "i=IY",
        "ɪ=IH",
        "ᵻ=IH",
        "e=EY",
        "ɛ=EH",
        "æ=AE",
        "a=AE",
        "ɑ=AA",
        "ɒ=AA",
        "ɔ=AO",
        "ʌ=AH",
        "ə=AH",
        "ɐ=AH",
        "ɜ=ER",
        "ɝ=ER",
        "ɚ=ER",
        "ʊ=UH",
        "u=UW",
        "o=OW",
        "y=IY",
        "ø=ER",
        "œ=ER",
        "b=B",
        "d=D",
        "ð=DH",
        "f=F",
        "ɡ=G",
        "h=HH",
        "j=Y",
        "k=K",
        "l=L",
        "m=M",
        "n=N",
        "ŋ=NG",
        "p=P",
        "ɹ=R",
        "r=R",
        "s=S",
        "ʃ=SH",
        "t=T",
        "θ=TH",
        "v=V",
        "w=W",
        "z=Z",
        "ʒ=ZH",
        "ɾ=T",
        "ʔ=T",
        "x=K",
        "ɬ=L",
        "ɲ=N+Y",
        "ç=HH",
        "ɫ=L",
        "ʁ=R",
    ]
}
_LONGEST = max(map(len, _ARPABET))


def arpabet(word: str, language: str = "en-us") -> list[str] | None:
    """The ARPABET phones of a word as espeak-ng says it; None where it says a phoneme that English has not.

    Raises:
        EspeakMissing: espeak-ng is not installed.
    """
    phones: list[str] = []
    for sign in signs(word, language):
        letters = sign.phoneme.replace("ː", "").replace("\u0303", "")
        while letters:
            length = next((n for n in range(_LONGEST, 0, -1) if letters[:n] in _ARPABET), 0)
            if not length:
                return None
            phones += _ARPABET[letters[:length]]
            letters = letters[length:]
    return phones or None
