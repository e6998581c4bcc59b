"""Real frames above generated ones, as one image. Knows arrays and where an image is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viseme.media.files import replacing
from viseme.media.images import encode_png

__all__ = ["contact_sheet", "write_contact_sheet"]

_GAP = 4
"""Pixels between frames."""


def contact_sheet(real: NDArray[np.uint8], made: NDArray[np.floating], columns: int = 8) -> NDArray[np.uint8]:
    """Pairs of rows: real frames, and what was generated in their place.

    Args:
        real: (T, H, W, 3).
        made: (T, H, W, 3) in [0, 1].
        columns: Frames of a row.

    Returns:
        An image; white where there is no frame.
    """
    num, height, width, _ = real.shape
    pairs = [real, np.rint(np.clip(made, 0, 1) * 255).astype(np.uint8)]
    rows = 2 * -(-num // columns)
    sheet = np.full((rows * (height + _GAP), min(num, columns) * (width + _GAP), 3), 255, np.uint8)
    for i in range(num):
        for k, frames in enumerate(pairs):
            y, x = (2 * (i // columns) + k) * (height + _GAP), (i % columns) * (width + _GAP)
            sheet[y : y + height, x : x + width] = frames[i]
    return sheet


def write_contact_sheet(path: Path, real: NDArray[np.uint8], made: NDArray[np.floating]) -> None:
    """Write the sheet as PNG, complete or not at all; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(encode_png(contact_sheet(real, made)))
