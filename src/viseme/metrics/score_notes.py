"""Sentences to be read beside the numbers of a set of clips. Knows results and options."""

from __future__ import annotations

from collections.abc import Sequence

from viseme.core.scores import ClipScore, MetricProtocol
from viseme.metrics.lip_sync_error import SHORT_FRAMES

__all__ = ["score_notes"]

WINDOW_LOSS = 5
"""Frames by which a clip has fewer windows of SyncNet."""


def score_notes(
    protocols: Sequence[MetricProtocol], clips: Sequence[ClipScore], *, trained_with: str | None
) -> list[str]:
    """What must be known before a number is believed.

    Args:
        protocols: Of what was measured.
        clips: All.
        trained_with: Family of the expert that the generator was trained with; None = not known.
    """
    notes = []
    if any(p.weighted for p in protocols) and trained_with is None:
        notes.append(
            "word and phone errors say nothing of a generator that was trained with the same reader; name its expert "
            "with --trained-with NAME"
        )
    lse = next((p.name for p in protocols if p.name.startswith("lse_c")), None)
    found = [clip.metrics[lse] for clip in clips if lse in clip.metrics] if lse else []
    num = sum(v.value is not None and v.num_frames + WINDOW_LOSS <= SHORT_FRAMES for v in found)
    if num:
        notes.append(
            f"LSE: {num} of {len(clips)} clips have at most {SHORT_FRAMES} frames and mostly meet the zeros around the "
            "audio; do not compare them with longer ones"
        )
    return notes
