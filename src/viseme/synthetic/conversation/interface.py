"""What a conversation is: people, voices, shots, and all that is true of them. Read this first.

Times are seconds on the frames' clock, zero at the first frame. What is said at `t` is heard at `t + audio_delay`.
Knows no engine, no renderer and no file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from viseme.synthetic.conversation.voices import VoiceSettings
from viseme.synthetic.nonspeech_motion import Act
from viseme.synthetic.phonemes import Phoneme
from viseme.synthetic.style import Style
from viseme.synthetic.turns import Shot, Span, common, merged, outside

__all__ = ["STATES", "Conversation", "FaceTrack", "Participant", "Place", "Segment"]

STATES = ("not_speaking", "speaking", "dubbed")
"""Of a face at an instant, by index. `dubbed`: the lips speak, and the voice that is heard says something else."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Participant:
    """Somebody in the scene."""

    identity: int
    """Seed of the face."""
    seed: int
    """Of all movement that is not speech, and of the tracker's noise."""
    style: Style
    voice: VoiceSettings
    dubbed: Literal["", "mismatched", "shifted"] = ""
    """`mismatched`: the lips say other words than are heard; `shifted`: the same words `shift` seconds earlier."""
    shift: float = 0.0
    """Seconds by which this one's voice comes after the lips, beyond `audio_delay`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """A stretch of one voice without a pause of more than .3 s."""

    start: float
    """Seconds; heard `audio_delay` later."""
    end: float
    person: int | None
    """Whose voice; None = somebody who is never seen."""
    kind: Literal["speech", "dubbed", "offscreen"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a camera sees somebody."""

    centre: tuple[int, int]
    """Pixels, of the head's origin."""
    face_px: float
    """Width of an average face."""
    pose: tuple[float, float, float]
    """Mean pitch, yaw, roll, radians."""


@dataclass(frozen=True)
class FaceTrack:
    """One face between two cuts, as a tracker would report it."""

    id: int
    person: int
    """Number of the person in the conversation."""
    shot: int
    """Index into `Conversation.shots`."""
    times: NDArray[np.float64]
    """(T,) seconds."""
    landmarks: NDArray[np.float32]
    """(T, 478, 3) pixels."""
    state: NDArray[np.int8]
    """(T,) index into `STATES`."""


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """A conversation and all that is true of it."""

    seed: int
    width: int
    """Pixels."""
    height: int
    rate: Fraction
    """Frames a second."""
    times: NDArray[np.float64]
    """(T,) seconds of the frames."""
    audio_delay: float
    """Seconds, positive = audio later than the lips."""
    people: tuple[Participant, ...]
    """Seated from left to right."""
    narrator: VoiceSettings | None
    """The voice of nobody in the scene."""
    segments: tuple[Segment, ...]
    """Every voice, by start; may begin before 0 and end after the last frame."""
    lips: tuple[tuple[Span, ...], ...]
    """For each person, when the lips speak, heard or dubbed."""
    mouthed: tuple[tuple[Span, ...], ...]
    """For each person, when the lips speak without any voice."""
    acts: tuple[tuple[Act, ...], ...]
    """For each person."""
    shots: tuple[Shot, ...]
    places: dict[tuple[int, ...], tuple[Place, ...]]
    """View -> where each of its people is seen."""
    perspective: float
    """Camera distance, decimetres."""
    over: str
    """What lies over the voices: nothing, noise, music."""
    snr_db: float
    """Voices over that."""
    audio: NDArray[np.float32]
    """(S,) at 16 kHz."""
    audio_start: float
    """Seconds: sample `i` is heard at `audio_start + i / 16000`."""
    phonemes: tuple[tuple[Phoneme, ...], ...]
    """For each person, what the lips do."""
    effort: tuple[NDArray[np.float32], ...]
    """For each person, (S,) what the lips say as audio, first sample at 0; drives the size of movement."""
    tracks: tuple[FaceTrack, ...] = field(default=())
    replaced_voices: tuple[str, ...] = ()
    """Recorded voices that were drawn and are not installed; espeak-ng spoke in their place."""

    @property
    def seconds(self) -> float:
        """Length of the frames."""
        return len(self.times) / float(self.rate)

    @property
    def cuts(self) -> list[float]:
        """Seconds of the first frame of each shot but the first."""
        firsts = np.searchsorted(self.times, [shot.start for shot in self.shots[1:]])
        return [float(self.times[i]) for i in firsts if i < len(self.times)]

    def seen(self, person: int) -> list[Span]:
        """When `person` is in the frame."""
        return merged((shot.start, shot.end) for shot in self.shots if person in shot.view)

    def unseen_voice(self) -> list[Span]:
        """When a voice is heard whose owner is not in the frame, and nobody in the frame speaks.

        On the clock of what is heard: the audio's, that is the frames'. Lips that speak dubbed words count as
        speaking here.
        """
        heard = [s for s in self.segments if s.end > s.start]
        late = self.audio_delay
        spans, owned = [], []
        for segment in heard:
            span = (segment.start + late, segment.end + late)
            spans.append(span)
            if segment.person is not None:
                owned += common([span], self.seen(segment.person))
        return common(_without(spans, owned, self.seconds), [(0.0, self.seconds)])

    def states(self, person: int, times: NDArray[np.float64]) -> NDArray[np.int8]:
        """(T,) index into `STATES` at `times`."""
        state = np.zeros(len(times), np.int8)
        value = STATES.index("dubbed" if self.people[person].dubbed else "speaking")
        for start, end in self.lips[person]:
            state[(times >= start) & (times < end)] = value
        return state


def _without(spans: Sequence[Span], taken: Sequence[Span], seconds: float) -> list[Span]:
    return common(spans, outside(taken, -60.0, seconds + 60.0))
