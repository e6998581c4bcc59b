"""A trained avatar as one page that needs nothing else: numbers, frames real beside made, and how the mouth opens.

Knows results alone.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import viseme
from viseme.core.avatars import AvatarTrainResult
from viseme.media.png import png_uri
from viseme.report.files import replacing_text
from viseme.report.pages import page_templates

__all__ = ["write_avatar_report"]

WIDTH, HEIGHT = 1000.0, 180.0
MOST_POINTS = 500
"""Held-out frames that are drawn."""
_ROWS = (
    ("ssim", "Likeness of the lip texture (SSIM); a still face has {ssim_still:.3f}"),
    ("mouth_percent", "Lips off, percent of the face's width; a still face {mouth_still_percent:.2f}"),
    ("opening_correlation", "Correlation of the opening of the mouth with the real one"),
    ("opening_ratio", "Spread of that opening over the real one's"),
    ("vsc", "Sync confidence of the lips; the real ones have {vsc_real:.3f}"),
    ("silent_opening", "Opening in digital silence over the person's own in silence"),
)


def write_avatar_report(result: AvatarTrainResult, path: str | Path) -> None:
    """Write a page about an avatar.

    Args:
        result: Of `viseme.train_avatar`.
        path: The page; appears complete or not at all.

    Raises:
        OutputError: the page cannot be written.
    """
    text = (
        page_templates()
        .get_template("avatar.html.j2")
        .render(
            result=result,
            rows=[(words.format(**result.measured), f"{result.measured[name]:.3f}") for name, words in _ROWS],
            sheet=png_uri(result.sheet),
            curves=[_curve(values, float(result.openings.max())) for values in result.openings[:, :MOST_POINTS]],
            width=WIDTH,
            height=HEIGHT,
            version=viseme.__version__,
        )
    )
    with replacing_text(path) as file:
        file.write(text)


def _curve(values: NDArray[np.float32], most: float) -> str:
    """Points of a line from the left to the right edge; `most` is the upper edge."""
    x = np.linspace(0, WIDTH, len(values))
    y = HEIGHT * (1 - values / max(most, 1e-9))
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y))
