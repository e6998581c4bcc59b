"""Predictions as the evaluation program of AVA-ActiveSpeaker reads them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viseme.data.active_speakers import LabelledTrack
from viseme.media.files import replacing

__all__ = ["ava_predictions", "write_ava_predictions"]

Scored = tuple[str, LabelledTrack, NDArray[np.floating]]
"""Video, labelled face, (T,) scores."""


def ava_predictions(rows: Iterable[Scored]) -> str:
    """One row for every labelled row: its own box and time, SPEAKING_AUDIBLE, entity and score."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for video, track, scores in rows:
        for time, box, score in zip(track.times, track.boxes, scores):
            corners = [repr(float(v)) for v in box]
            stamp = repr(float(time)).removesuffix(".0")
            writer.writerow([video, stamp, *corners, "SPEAKING_AUDIBLE", track.entity, f"{score:.6f}"])
    return text.getvalue()


def write_ava_predictions(path: Path, rows: Iterable[Scored]) -> None:
    """Write `ava_predictions`, complete or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    with replacing(path) as file:
        file.write(ava_predictions(rows).encode("utf-8"))
