"""Every face of a video that was followed, as a list to look through. Knows face events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from viseme.core.results import RejectedTrack
from viseme.core.scores import ScoredFace
from viseme.faces import FaceEvent

__all__ = ["FaceList"]


@dataclass
class _Seen:
    start: float
    end: float
    sizes: list[float] = field(default_factory=list)
    """Of each chunk."""
    num: int = 0
    confidence: float = 0.0
    """Sum over frames."""


class FaceList:
    """Takes face events as they come; a few numbers of each chunk are kept."""

    def __init__(self) -> None:
        self._faces: dict[int, _Seen] = {}

    def take(self, events: Iterable[FaceEvent]) -> None:
        """What the tracker told."""
        for event in events:
            seen = self._faces.setdefault(event.track_id, _Seen(event.start, event.end))
            seen.end = event.end
            if not isinstance(event, RejectedTrack):
                seen.num += len(event.times)
                seen.sizes.append(event.face_size_px)
                seen.confidence += float(event.confidence.sum())

    def told(self) -> tuple[ScoredFace, ...]:
        """All of them, those that were used: a rejected face has no frames."""
        return tuple(
            ScoredFace(
                track_id=track,
                start=seen.start,
                end=seen.end,
                num_frames=seen.num,
                size_px=float(np.median(seen.sizes)),
                confidence=seen.confidence / seen.num,
            )
            for track, seen in self._faces.items()
            if seen.num
        )
