"""How far behind the newest frame an answer is final, from the parts that look ahead.

Knows what each part needs of the future; refuses to know media. Looking ahead is a choice of the parts, so nothing
here is a guess: the networks are asked, the rest are their constants.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from viseme.audio.clock import FRAME_S, RATE, WINDOW
from viseme.face3d.lips import POSE_REACH_S
from viseme.speakers.features import NEAR
from viseme.speakers.interface import STEP_S, SpeakerScorer
from viseme.speakers.timeline import TimelineConfig
from viseme.sync.inputs.interface import VisualInput
from viseme.sync.interface import SyncModel

__all__ = ["Latency", "audio_reach", "video_reach"]

SEARCH_S = 0.3
"""Seconds by which audio later than the delay taken out is compared; over a whole file 1.3 are."""
VOICE_S = 0.66
"""Seconds of later audio that tell a voice: half of the second in which its level must move, and its smoothing."""
PACKET_S = 0.1
"""Seconds by which a packet of audio may come after its frame."""
assert max(NEAR) * FRAME_S <= SEARCH_S


def video_reach(models: Sequence[SyncModel], visual: VisualInput) -> int:
    """Later steps that an embedding depends on, measured: which embeddings change with what is seen at one step?"""
    num, middle = 64, 32
    rows = np.zeros((2, num, *visual.shape), np.float32)
    rows[1, middle] = 1.0 if visual.dtype == np.uint8 else 0.05
    first = middle
    for model in models:
        a, b = (model.embed_video(r) for r in rows)
        first = min(first, int(np.flatnonzero(np.abs(a - b).max(1) > 1e-6)[0]))
    return middle - first


def audio_reach(models: Sequence[SyncModel], num_mels: int) -> float:
    """Seconds of later audio that an embedding depends on, measured as in `video_reach`."""
    num, middle = 256, 128
    mels = np.zeros((2, num, num_mels), np.float32)
    mels[1, middle] = 1.0
    first = middle // 4
    for model in models:
        a, b = model.embed_audio(mels)
        first = min(first, int(np.flatnonzero(np.abs(a - b).max(1) > 1e-6)[0]))
    return (middle - (4 * first + 1.5)) * FRAME_S + 0.5 * WINDOW / RATE  # an embedding lies 1.5 frames on


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Seconds that each part looks ahead."""

    tracking: float
    """Gaps of a face are filled and landmarks smoothed."""
    pose: float
    """The head's motion is smoothed."""
    video_context: float
    """The frame network, and the grid of steps."""
    audio_context: float
    """The audio network."""
    delay: float
    """By how much the audio may be late."""
    mean: float
    """The mean of 15 steps, and what the scorer looks ahead beyond it."""
    states: float
    """Short pauses are filled and short speech is dropped."""

    @classmethod
    def of(
        cls,
        models: Sequence[SyncModel],
        scorer: SpeakerScorer,
        timeline: TimelineConfig,
        *,
        visual: VisualInput,
        num_mels: int,
        tracking: float,
        delay: float,
    ) -> Latency:
        """Ask the parts; `tracking` and `delay` as in the fields."""
        return cls(
            tracking=tracking,
            pose=POSE_REACH_S,
            video_context=(video_reach(models, visual) + 1) * STEP_S,
            audio_context=audio_reach(models, num_mels),
            delay=max(delay, 0.0),
            mean=scorer.reach_steps * STEP_S,
            states=timeline.fill_s + timeline.least_s,
        )

    @property
    def video_s(self) -> float:
        """Seconds by which frames must have come."""
        return self.tracking + self.pose + self.video_context + self.mean + self.states

    @property
    def audio_s(self) -> float:
        """Seconds by which audio must have come."""
        return self.delay + max(SEARCH_S + self.audio_context, VOICE_S) + self.mean + self.states

    @property
    def least_s(self) -> float:
        """Seconds under which a face may not be there yet."""
        return self.tracking + STEP_S + PACKET_S

    @property
    def seconds(self) -> float:
        """The whole: the slower of frames and audio."""
        return max(self.video_s, self.audio_s + PACKET_S)

    def parts(self) -> dict[str, float]:
        """What `seconds` is the sum of."""
        common = {"mean": self.mean, "states": self.states}
        if self.video_s >= self.audio_s + PACKET_S:
            own = {"tracking": self.tracking, "pose": self.pose, "video_context": self.video_context}
        elif SEARCH_S + self.audio_context >= VOICE_S:
            own = {"delay": self.delay, "search": SEARCH_S, "audio_context": self.audio_context, "packets": PACKET_S}
        else:
            own = {"delay": self.delay, "voice": VOICE_S, "packets": PACKET_S}
        return {name: round(value, 4) for name, value in (own | common).items()}
