"""What is true of a filmed conversation: who speaks when, who is seen, and where each face is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.core.card import Card
from viseme.faces.geometry import face_boxes
from viseme.synthetic.conversation.drawing import drawn_motions, frame_ranges
from viseme.synthetic.conversation.interface import STATES, Conversation
from viseme.synthetic.conversation.tracks import part_of, spec_of
from viseme.synthetic.landmarks import landmarks_of
from viseme.synthetic.turns import Shot, Span, common

__all__ = ["CONVERSATION_SCHEMA", "FilmedConversation", "face_tracks"]

CONVERSATION_SCHEMA = "viseme.conversation/1"

BOX_STEP_S = 0.2
"""Seconds between the boxes of the truth, as in the ASW corpus."""


@dataclass(frozen=True, kw_only=True, repr=False)
class FilmedConversation(Card):
    """A film and all that is true of it."""

    path: str
    conversation: Conversation
    tracks: tuple[dict[str, Any], ...]
    """Of each face between two cuts: `id`, `person`, `shot`, `start`, `end`, and `boxes`: time, xyxy in pixels and
    state every .2 s."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is other than asked for, one line each."""
        missing = dict.fromkeys(self.conversation.replaced_voices)
        if not missing:
            return ()
        are = "is" if len(missing) == 1 else "are"
        return (
            f"{', '.join(missing)} {are} not installed; espeak-ng speaks instead (docs/voices.md says what to install)",
        )

    def facts(self) -> Mapping[str, Any]:
        """What the card shows."""
        talk = self.conversation
        return {
            "path": self.path,
            "seconds": talk.seconds,
            "people": len(talk.people),
            "audio_delay": talk.audio_delay,
            "narrator": talk.narrator is not None,
        }

    def to_json(self) -> dict[str, Any]:
        """The versioned truth object; times in seconds on the frames' clock."""
        talk = self.conversation
        inside = [(0.0, talk.seconds)]

        def shown(spans: list[Span] | tuple[Span, ...]) -> list[list[float]]:
            return [[round(a, 4), round(b, 4)] for a, b in common(spans, inside)]

        people = []
        for index, who in enumerate(talk.people):
            lips = shown(talk.lips[index])
            people.append(
                {
                    "id": index,
                    "voice": who.voice.voice,
                    "dubbed": who.dubbed or None,
                    "voice_after_lips": who.shift,
                    "speaking": [] if who.dubbed else lips,
                    "dubbed_lips": lips if who.dubbed else [],
                    "lips_without_voice": shown(talk.mouthed[index]),
                    "voice_spans": shown([(s.start, s.end) for s in talk.segments if s.person == index]),
                    "in_view": shown(talk.seen(index)),
                    "acts": [
                        {"kind": a.kind, "start": round(a.start, 4), "end": round(a.end, 4)} for a in talk.acts[index]
                    ],
                }
            )
        return {
            "schema": CONVERSATION_SCHEMA,
            "file": Path(self.path).name,
            "seed": talk.seed,
            "width": talk.width,
            "height": talk.height,
            "rate": str(talk.rate),
            "num_frames": len(talk.times),
            "seconds": talk.seconds,
            "audio_delay": talk.audio_delay,
            "people": people,
            "narrator": talk.narrator and talk.narrator.voice,
            "offscreen_voice": shown([(s.start, s.end) for s in talk.segments if s.person is None]),
            "unseen_voice_heard": shown(talk.unseen_voice()),
            "segments": [
                {"start": round(s.start, 4), "end": round(s.end, 4), "person": s.person, "kind": s.kind}
                for s in talk.segments
            ],
            "cuts": talk.cuts,
            "shots": [{"start": s.start, "end": s.end, "people": list(s.view)} for s in talk.shots],
            "states": list(STATES),
            "tracks": list(self.tracks),
            "over": talk.over,
            "snr_db": talk.snr_db,
        }


def face_tracks(talk: Conversation) -> list[dict[str, Any]]:
    """Where each face truly is, shot by shot."""
    motions = drawn_motions(talk)
    tracks = []
    for number, (shot, (low, high)) in enumerate(zip(talk.shots, frame_ranges(talk))):
        for person, place in zip(shot.view if high > low else (), talk.places[shot.view]):
            exact = replace(
                spec_of(talk, person, place, 0), jitter=0.0, lip_response=1.0, depth_response=1.0, snap_mm=-10.0
            )
            boxes = face_boxes(landmarks_of(part_of(motions[person], low, high), exact))
            tracks.append(_track(talk, number, shot, person, low, high, boxes, len(tracks)))
    return tracks


def _track(
    talk: Conversation, number: int, shot: Shot, person: int, low: int, high: int, boxes: NDArray[np.float32], id_: int
) -> dict[str, Any]:
    times = talk.times[low:high]
    state = talk.states(person, times)
    steps = np.arange(np.ceil(times[0] / BOX_STEP_S - 1e-9), np.floor(times[-1] / BOX_STEP_S + 1e-9) + 1) * BOX_STEP_S
    at = np.abs(times[None] - steps[:, None]).argmin(axis=1)
    rows = [[round(float(times[i]), 4), *np.round(boxes[i].astype(float), 1).tolist(), int(state[i])] for i in at]
    return {
        "id": id_,
        "person": person,
        "shot": number,
        "start": float(times[0]),
        "end": float(times[-1]) + 1 / float(talk.rate),
        "boxes": rows,
    }
