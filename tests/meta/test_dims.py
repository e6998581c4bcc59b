"""One alphabet for the dimensions of arrays, in signatures everywhere."""

from __future__ import annotations

import re
from pathlib import Path

from viseme.core.dims import DIMS

SHAPE = re.compile(r'\b(?:Float|Int|Bool|UInt8|Num|Shaped)\[[\w.]+,\s*"([^"]*)"\]')


def unknown_letters(text: str) -> set[str]:
    """Names of dimensions that the alphabet does not have; numbers and "..." need none."""
    names = {name.lstrip("*#") for shape in SHAPE.findall(text) for name in shape.split()}
    return {name for name in names if name.isidentifier() and name not in DIMS}


def test_signatures_use_the_alphabet(root: Path) -> None:
    texts = {p: p.read_text(encoding="utf-8") for p in (root / "src").rglob("*.py")}
    assert sum(len(SHAPE.findall(text)) for text in texts.values()) > 20
    assert {p.name: found for p, text in texts.items() if (found := unknown_letters(text))} == {}


def test_another_letter_is_noticed() -> None:
    assert unknown_letters('x: Float[Tensor, "B T Q 3"], y: Int[np.ndarray, "... D"]') == {"Q"}
