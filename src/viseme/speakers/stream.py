"""Between a stream and its steps: faces and audio of the last seconds -> features -> scores -> states -> one step.

What `pipeline` does to stretches of a file is done here to a window that slides; nothing grows with the stream. Knows
frames and audio blocks as they come; refuses to know where from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.audio.features import NUM_MELS
from viseme.core.errors import ConfigError
from viseme.core.live import LiveFace, LiveHeader, LiveReject, LiveStep
from viseme.core.results import RejectedTrack
from viseme.core.speakers import VoiceState
from viseme.faces import FaceTrack
from viseme.faces import tracker as trackers
from viseme.faces.live import LiveFaces, reach_s
from viseme.faces.shots import with_cuts
from viseme.faces.tracking import LandmarkTracker
from viseme.media import AudioBlock, Frame
from viseme.speakers.audio_embeddings import VOICE_S, AudioEmbeddings
from viseme.speakers.feature_collector import REACH_S
from viseme.speakers.interface import STEP_S, FaceSteps, SpeakerScorer, audio_steps
from viseme.speakers.latency import PACKET_S, SEARCH_S, Latency
from viseme.speakers.live_features import LiveFeatures
from viseme.speakers.timeline import CODES, DUBBED, UNKNOWN, TimelineConfig, read_states, voice_states
from viseme.sync.checkpoint import SyncWeights
from viseme.sync.inputs.interface import VisualInput, visual_inputs

__all__ = ["LiveWork"]

WINDOW_S = 12.0
"""Seconds by which a face's mean, and loudness and colour of the audio, are measured."""
PAST_S = 4.0
"""Seconds of steps before the one that is told of, for states that begin earlier."""
LATE_S = 2.0
"""Seconds that audio is waited for beyond the latency before a step is told without it."""


class LiveWork:
    """All that is between a stream and its steps."""

    def __init__(
        self,
        weights: SyncWeights,
        scorer: SpeakerScorer,
        *,
        every: float = 0.2,
        delays: tuple[float, float] = (0.0, 0.0),
        threshold: float | None = None,
        tracker_name: str = "mediapipe",
        timeline: TimelineConfig | None = None,
        window_s: float = WINDOW_S,
        latency: float | None = None,
    ) -> None:
        """Load the tracker and ask every part how far it looks ahead.

        Args:
            weights: Sync weights.
            scorer: Who scores.
            every: Seconds between steps.
            delays: Least and largest delay of the audio that is considered; where they are one, it is taken out.
            threshold: Score from which a face is called speaking.
            tracker_name: Which tracker.
            timeline: How scores become states.
            window_s: Seconds by which means and loudness are measured.
            latency: Seconds behind the newest frame at which a step is told; None = as many as all parts ask for.

        Raises:
            ConfigError: a value out of its range, a scorer that wants pixels, or a tracker that cannot go by frames.
        """
        if not STEP_S <= every <= 10:
            raise ConfigError(f"every is {every:g} s; it must lie between 0.04 and 10 s")
        if not -10 <= delays[0] <= delays[1] <= 10:
            raise ConfigError(f"the delay must lie between -10 and 10 s, not {delays[0]:g} and {delays[1]:g}")
        if scorer.wants_crops:
            raise ConfigError(f"the scorer {scorer.name} wants pixels of whole tracks; choose evidence, cosine or head")
        follower: Any = trackers[tracker_name](trackers[tracker_name].Config())
        if not isinstance(follower, LandmarkTracker):
            raise ConfigError(f"the tracker {tracker_name!r} cannot go frame by frame; choose mediapipe")
        self._weights_name, self.scorer = weights.name, scorer
        self._stride = max(1, round(every / STEP_S))
        self.threshold = scorer.threshold if threshold is None else threshold
        self.timeline = timeline or TimelineConfig(band=scorer.band)
        self._fixed = delays[0] if delays[0] == delays[1] else None
        self._next = 0
        self.num_frames = 0
        visual: VisualInput = visual_inputs[weights.input_mode]()
        self.latency = Latency.of(
            weights.models,
            scorer,
            self.timeline,
            visual=visual,
            num_mels=NUM_MELS,
            tracking=reach_s(follower.config),
            delay=delays[1],
        )
        if latency is not None and not self.latency.least_s <= latency:
            raise ConfigError(f"the latency is {latency:g} s; the face tracker alone needs {self.latency.least_s:g} s")
        self.late = self.latency.seconds if latency is None else latency
        """Seconds behind the newest frame at which a step is told."""
        span = PAST_S + scorer.reach_steps * STEP_S + self.latency.seconds + self._stride * STEP_S
        window_s = max(window_s, span)
        self._features = LiveFeatures(weights, delays=delays, search_s=SEARCH_S, span_s=span)
        self.faces = LiveFaces(follower, window_s, crops=visual.needs_pixels)
        self.audio = AudioEmbeddings(weights.models, window_s + REACH_S + max(abs(d) for d in delays))

    @property
    def delay(self) -> float | None:
        """Seconds taken out of the audio; None = it cannot be told (yet)."""
        return self._features.delay.seconds if self._fixed is None else self._fixed

    @property
    def settled(self) -> bool:
        """Whether dubbing may be suspected: the delay is known, or enough was seen."""
        return self._fixed is not None or self._features.delay.settled

    def header(self, source: str, align: str, size: tuple[int, int]) -> LiveHeader:
        """What holds for the whole stream."""
        return LiveHeader(
            source=source,
            latency_s=self.late,
            context_s=self.latency.seconds,
            context_parts=self.latency.parts(),
            every=self._stride * STEP_S,
            align=align,
            scorer=self.scorer.name,
            score_unit=self.scorer.unit,
            threshold=self.threshold,
            weights=self._weights_name,
            width=size[0],
            height=size[1],
        )

    def steps(self, items: Iterable[Frame | AudioBlock]) -> Iterator[LiveStep]:
        """Steps as they become final, the last ones when the items end."""
        with closing(self.faces):
            for frame, cut in with_cuts(self._frames(items)):
                self.faces.step(frame, cut)
                self.num_frames += 1
                yield from self._ready(self._final())
            self.audio.take(None)
            self.faces.end()
            yield from self._ready(self.faces.now + 1e-6)

    def _frames(self, items: Iterable[Frame | AudioBlock]) -> Iterator[Frame]:
        for item in items:
            if isinstance(item, Frame):
                yield item
            else:
                self.audio.take(item)

    def _final(self) -> float:
        """Seconds up to which nothing that comes can change an answer."""
        by_frames = self.faces.now - self.late
        by_audio = self.audio.end - min(self.latency.audio_s, self.late - PACKET_S)
        return max(min(by_frames, by_audio), by_frames - LATE_S)

    def features(self, windows: list[FaceTrack], until: int) -> tuple[list[FaceSteps], float | None]:
        """Features of faces, and the delay that was taken out; steps before `until` have met all their audio."""
        taken_out = self.delay
        faces = self._features.score(windows, self.audio.embedded(), until)
        if self._fixed is None:
            self._features.delay.decide(self.audio.voiced_fraction)
        return faces, taken_out

    def _ready(self, until: float) -> Iterator[LiveStep]:
        last = int(np.floor(until / STEP_S + 1e-6))
        if self._next > last:
            return
        moment = _Moment(self, last)
        while self._next <= last:
            yield moment.step(self._next)
            self._next += self._stride


class _Moment:
    """Everything that is known when some steps become final."""

    def __init__(self, work: LiveWork, last: int) -> None:
        self._newest = work.faces.now
        settled = work.settled
        windows, self._rejected = work.faces.windows()
        self._faces, self._delay = work.features(windows, last + 1)
        begin, bands = work.audio.levels(self._newest - VOICE_S)
        audio = audio_steps(begin, bands, self._delay or 0.0, work.scorer.voice(bands))
        self._scored = work.scorer.score(self._faces, audio)
        self._states, voiced = read_states(self._faces, self._scored, audio, work.threshold, work.timeline)
        if not settled:  # lips and audio that seem to be apart may be so by the delay alone
            for states in self._states:
                states[states == DUBBED] = UNKNOWN
        self._voices = voice_states(self._faces, self._states, voiced, audio.first)
        self._first_voice = audio.first

    def step(self, number: int) -> LiveStep:
        """What is so at one step."""
        time = number * STEP_S
        faces = []
        for face, scored, states in zip(self._faces, self._scored, self._states):
            at = number - face.first
            if 0 <= at < face.num:
                x0, y0, x1, y1 = (round(float(v), 1) for v in face.boxes[at])
                score = round(float(scored.speaking[at]), 4)
                faces.append(LiveFace(id=face.track_id, score=score, state=CODES[states[at]], box=(x0, y0, x1, y1)))
        return LiveStep(
            time=round(time, 3),
            newest=self._newest,
            faces=tuple(faces),
            rejected=_rejects(self._rejected, time),
            voice=_voice(self._voices, number - self._first_voice),
            delay=self._delay,
            backlog_s=0.0,
            dropped=0,
        )


def _rejects(tracks: list[RejectedTrack], time: float) -> tuple[LiveReject, ...]:
    return tuple(LiveReject(id=t.track_id, reason=t.reason) for t in tracks if t.start <= time <= t.end)


def _voice(codes: NDArray[np.int8], at: int) -> VoiceState | None:
    inside = 0 <= at < len(codes) and codes[at] > 0
    return list(VoiceState)[codes[at] - 1] if inside else None
