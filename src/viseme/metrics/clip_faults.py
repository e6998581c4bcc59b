"""What is wrong with a clip, and which metrics that costs. Knows causes and needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from viseme.core.results import DelayEstimate, Reason
from viseme.core.scores import ClipValue, FailureCause, MetricProtocol, Need
from viseme.metrics.interface import Measured

__all__ = ["EVERYTHING", "Faults", "audio_faults"]

EVERYTHING: frozenset[Need] = frozenset(Need)


@dataclass
class Faults:
    """Causes in the order they were found, each with the needs that it leaves unmet."""

    found: dict[FailureCause, tuple[frozenset[Need], str]] = field(default_factory=dict)

    def add(self, cause: FailureCause, unmet: frozenset[Need], message: str) -> None:
        """One more cause; what was told of the same one before is kept beside it."""
        before, told = self.found.get(cause, (frozenset(), ""))
        self.found[cause] = before | unmet, "; ".join(filter(None, (told, message)))

    @property
    def message(self) -> str:
        """All of it in one line."""
        return "; ".join(dict.fromkeys(text for _, text in self.found.values()))

    def of(self, protocol: MetricProtocol) -> FailureCause | None:
        """Why a metric cannot be had, None where it can."""
        return next((c for c, (unmet, _) in self.found.items() if unmet & protocol.needs or unmet == EVERYTHING), None)

    def value(self, protocol: MetricProtocol, measured: Mapping[str, Measured]) -> ClipValue:
        """What a metric gives for the clip."""
        cause, found = self.of(protocol), measured.get(protocol.name)
        if cause is None and (found is None or found.value != found.value):
            cause = FailureCause.TOO_SHORT if found is None or not found.num_frames else FailureCause.NOT_A_NUMBER
            cause = cause if found is None or found.cause is None else found.cause
            why = f" (crop {protocol.crop})" if found is not None and found.cause is not None else ""
            self.add(cause, frozenset(), f"{protocol.name} cannot be told: {cause.value.replace('_', ' ')}{why}")
        if cause is not None or found is None:
            num = found.num_frames if found is not None and protocol.weighted else 0
            return ClipValue(value=None, num_frames=num, failure=cause)
        return ClipValue(value=found.value, num_frames=found.num_frames)


def audio_faults(faults: Faults, estimate: DelayEstimate | None, name: str) -> None:
    """What the measurement of the delay says about audio and lips.

    Args:
        faults: Added to.
        estimate: None = there is no audio at all.
        name: Of the clip.
    """
    unmet = frozenset({Need.AUDIO})
    if estimate is None or Reason.NO_AUDIO in estimate.reasons:
        faults.add(FailureCause.NO_AUDIO, unmet, f"{name} has no audio; pass --audio FILE")
    elif Reason.NO_VOICE in estimate.reasons:
        faults.add(FailureCause.SILENT, unmet, f"no voice is heard with {name}")
    elif Reason.MOUTH_STATIC in estimate.reasons:
        faults.add(FailureCause.STILL_IMAGE, unmet, f"the mouth in {name} does not move")
