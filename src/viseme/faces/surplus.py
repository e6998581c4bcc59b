"""Faces seen while enough larger ones are followed: remembered, and told of once. Knows boxes; follows nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viseme.core.results import Reason, RejectedTrack
from viseme.faces.geometry import box_iou

__all__ = ["SURPLUS_HOLD_S", "SurplusFaces"]

SURPLUS_HOLD_S = 1.0
"""Seconds a surplus face may go undetected before it is reported."""


@dataclass(slots=True)
class _Surplus:
    """A face that was seen while enough larger ones were followed."""

    id: int
    start: float
    end: float
    box: NDArray[np.float32]
    widths: list[float]
    limit: float


class SurplusFaces:
    """Those that are in the frame now."""

    def __init__(self, max_faces: int) -> None:
        """`max_faces`: how many are followed."""
        self._max_faces = max_faces
        self._entries: list[_Surplus] = []

    def note(self, now: float, box: NDArray[np.float32], width: float, limit: float, new_id: Callable[[], int]) -> None:
        """A face was seen and not followed.

        Args:
            now: Seconds.
            box: xyxy.
            width: Pixels.
            limit: Width of the smallest face that is followed.
            new_id: Gives an id to one that was not there before.
        """
        for entry in self._entries:
            if box_iou(entry.box[None], box[None])[0, 0] > 0.2:
                entry.box, entry.end, entry.limit = box, now, limit
                entry.widths.append(width)
                return
        self._entries.append(_Surplus(new_id(), now, now, box, [width], limit))

    def close(self, before: float) -> Iterator[RejectedTrack]:
        """Tell of those that were last seen at a time or earlier."""
        for entry in [s for s in self._entries if s.end <= before]:
            self._entries.remove(entry)
            yield RejectedTrack(
                track_id=entry.id,
                start=entry.start,
                end=entry.end,
                reason=Reason.FACE_TOO_SMALL,
                measured=float(np.median(entry.widths)),
                limit=entry.limit,
                unit=f"px (the {self._max_faces} largest faces are followed)",
            )
