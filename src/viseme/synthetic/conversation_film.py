"""Conversations as films: the heads of everybody in view in one frame, the audio, and the truth beside the file.

Knows rendering and media; refuses to know how the timeline came about.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.core.card import Card
from viseme.core.errors import ConfigError, OutputError
from viseme.face3d.camera import Camera
from viseme.face3d.interface import load_face_model
from viseme.face3d.render import render_head
from viseme.faces.geometry import face_boxes
from viseme.media import VideoWriter
from viseme.synthetic.conversation import (
    STATES,
    Conversation,
    Place,
    part_of,
    perform,
    plan_conversation,
    spec_of,
)
from viseme.synthetic.landmarks import focal_px, landmarks_of
from viseme.synthetic.motion import Motion
from viseme.synthetic.phonemes import SAMPLE_RATE
from viseme.synthetic.pipeline import DRAWN_STRENGTH
from viseme.synthetic.scene import Person, backdrop, light, shoulders, with_tongue
from viseme.synthetic.turns import Shot, Span, common

__all__ = ["CONVERSATION_SCHEMA", "FilmedConversation", "draw", "film_conversation", "synth_conversation"]

CONVERSATION_SCHEMA = "viseme.conversation/1"

BOX_STEP_S = 0.2
"""Seconds between the boxes of the truth, as in the ASW corpus."""

_BUST_DM = 3.2  # below the head's origin a table hides the arms, which end there
_SIDE_DM = 3.3
_TOP_DM = 2.2


@dataclass(frozen=True, kw_only=True, repr=False)
class FilmedConversation(Card):
    """A film and all that is true of it."""

    path: str
    conversation: Conversation
    tracks: tuple[dict[str, Any], ...]
    """Of each face between two cuts: `id`, `person`, `shot`, `start`, `end`, and `boxes`: time, xyxy in pixels and
    state every .2 s."""

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


@dataclass(frozen=True)
class _Seat:
    """One head in one shot: everything that does not change from frame to frame."""

    person: Person
    place: Place
    camera: Camera
    left: int
    top: int
    motion: Motion
    still: NDArray[np.float32]
    """(V, 3) this face at rest."""
    basis: NDArray[np.float32]
    """(V * 3, U) of the expression units that move at all."""
    beta: NDArray[np.float32]
    """(T, U)."""
    pose: NDArray[np.float64]
    body: NDArray[np.float64]


def _seat(talk: Conversation, person: int, place: Place, motion: Motion) -> _Seat:
    model = load_face_model()
    focal = focal_px(spec_of(talk, person, place, 0))
    pixels = focal / talk.perspective  # a decimetre
    x, y = place.centre
    half = int(_SIDE_DM * pixels), int(min(max(_TOP_DM * pixels, talk.height - y), 5.2 * pixels))
    camera = Camera(
        width=2 * half[0],
        height=2 * half[1],
        focal=focal,
        distance=talk.perspective,
        near=max(1.0, talk.perspective - 5),
        far=talk.perspective + 5,
    )
    pose = motion.pose.copy()
    pose[:, :3] += place.pose
    who = Person.random(talk.people[person].identity, model)
    beta = motion.beta(model)
    used = np.flatnonzero(beta.any(axis=0))
    return _Seat(
        person=who,
        place=place,
        camera=camera,
        left=x - half[0],
        top=y - half[1],
        motion=motion,
        still=model.shape(who.alpha),
        basis=np.ascontiguousarray(model.exp_basis[..., used].reshape(-1, len(used))),
        beta=beta[:, used],
        pose=pose,
        body=shoulders(pose, np.zeros(3), float(talk.rate)),
    )


def _put(image: NDArray[np.float32], seat: _Seat, gamma: NDArray[np.float64], frame: int, antialias: int) -> None:
    """Draw one head over `image`, in place."""
    height, width = image.shape[:2]
    model, camera = load_face_model(), seat.camera
    y0, y1 = max(0, seat.top), min(height, seat.top + camera.height)
    x0, x1 = max(0, seat.left), min(width, seat.left + camera.width)
    behind = np.zeros((camera.height, camera.width, 3), np.float32)
    patch = slice(y0 - seat.top, y1 - seat.top), slice(x0 - seat.left, x1 - seat.left)
    behind[patch] = image[y0:y1, x0:x1]
    vertices = seat.still + (seat.basis @ seat.beta[frame]).reshape(-1, 3)
    drawn = render_head(
        with_tongue(vertices, model, seat.motion.tongue[frame]),
        seat.person.albedo,
        gamma,
        seat.pose[frame],
        camera=camera,
        model=model,
        look=seat.person.look,
        background=behind,
        antialias=antialias,
        body_pose=seat.body[frame],
    ).image
    image[y0:y1, x0:x1] = drawn[patch]


def _scenery(talk: Conversation, view: tuple[int, ...]) -> tuple[NDArray[np.float32], int]:
    """The room as this camera sees it, and the row from which a table hides what is below."""
    rng = np.random.default_rng([talk.seed, 505, *view])
    kind = ("room", "room", "gradient", "plain")[int(np.random.default_rng([talk.seed, 506]).integers(4))]
    wall = backdrop(rng, kind, talk.width, talk.height)
    ends = [p.centre[1] + _BUST_DM * p.face_px / 1.45 for p in talk.places[view]]
    return wall, min([talk.height, *(int(end) for end in ends)])


def _lay_table(frame: NDArray[np.float32], row: int, seed: int) -> None:
    """A table from `row` down."""
    rng = np.random.default_rng([seed, 507])
    depth = frame.shape[0] - row
    if depth <= 0:
        return
    wood = rng.uniform(0.2, 0.5) * np.array([1.0, rng.uniform(0.7, 0.95), rng.uniform(0.45, 0.9)])
    shade = np.interp(np.arange(depth), [0, 0.04 * frame.shape[0], frame.shape[0] / 3], [0.6, 0.95, 1.2])
    frame[row:] = (wood * shade[:, None])[:, None].clip(0, 1)


def draw(talk: Conversation, *, antialias: int = 2, noise: float = 0.008) -> Iterator[NDArray[np.uint8]]:
    """Draw a conversation, one (H, W, 3) uint8 frame per time.

    Args:
        talk: From `plan_conversation`.
        antialias: Samples per pixel along each axis, 1 to 4.
        noise: Standard deviation of sensor noise, of 1.
    """
    motions = _performed(talk)
    gamma = light(np.random.default_rng([talk.seed, 508]))
    grain_rng = np.random.default_rng([talk.seed, 606])
    grain = noise * grain_rng.standard_normal((talk.height + 61, talk.width + 67, 3), dtype=np.float32)
    for shot, (low, high) in zip(talk.shots, _frames(talk)):
        wall, row = _scenery(talk, shot.view)
        seats = [
            _seat(talk, person, place, part_of(motions[person], low, high))
            for person, place in zip(shot.view, talk.places[shot.view])
            if high > low
        ]
        seats.sort(key=lambda seat: seat.place.face_px)  # who is larger sits in front
        for frame in range(high - low):
            image = wall.copy()
            for seat in seats:
                _put(image, seat, gamma, frame, antialias)
            _lay_table(image, row, talk.seed)
            y, x = grain_rng.integers(61), grain_rng.integers(67)
            image += grain[y : y + talk.height, x : x + talk.width]
            np.clip(image, 0, 1, out=image)
            image *= 255
            image += 0.5
            yield image.astype(np.uint8)


def _performed(talk: Conversation) -> dict[int, Motion]:
    seen = sorted({person for shot in talk.shots for person in shot.view})
    return {person: perform(talk, person, strength=DRAWN_STRENGTH) for person in seen}


def _frames(talk: Conversation) -> list[tuple[int, int]]:
    """First frame and the one after the last, of each shot."""
    return [tuple(np.searchsorted(talk.times, [shot.start, shot.end]).tolist()) for shot in talk.shots]


def _boxes(talk: Conversation) -> list[dict[str, Any]]:
    """Where each face truly is, shot by shot."""
    motions = _performed(talk)
    tracks = []
    for number, (shot, (low, high)) in enumerate(zip(talk.shots, _frames(talk))):
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


def film_conversation(
    path: Path | str,
    conversation: int | Conversation,
    *,
    truth: Path | str | None = None,
    antialias: int = 2,
    crf: int = 20,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> FilmedConversation:
    """Film a conversation into `path` and write its truth as JSON beside it.

    Args:
        path: File name; its extension chooses the container.
        conversation: A seed, or a conversation from `plan_conversation` or `conversation_tracks`.
        truth: JSON file. Default: `path` with `.json` in place of its extension.
        antialias: Samples per pixel along each axis, 1 to 4.
        crf: Quality of the frames, lower is better.
        progress: Called with (frames done, frames in all).
        options: Of `plan_conversation`, with a seed.

    Raises:
        ConfigError: options beside a finished conversation, or one is out of its range.
        OutputError: a file cannot be written.
        As `plan_conversation`, with a seed.
    """
    if isinstance(conversation, Conversation):
        if options:
            raise ConfigError(f"a finished conversation takes no {', '.join(sorted(options))}; give a seed instead")
        talk = conversation
    else:
        talk = plan_conversation(conversation, **options)
    start = Fraction(talk.audio_start).limit_denominator(SAMPLE_RATE)
    with VideoWriter(
        path, width=talk.width, height=talk.height, rate=talk.rate, audio_rate=SAMPLE_RATE, crf=crf
    ) as video:
        sent = 0
        for index, frame in enumerate(draw(talk, antialias=antialias)):
            video.write(frame, Fraction(index) / talk.rate)
            last = index == len(talk.times) - 1
            until = len(talk.audio) if last else min(len(talk.audio), int((talk.times[index] + 1) * SAMPLE_RATE))
            if until > sent:  # interleave by the second
                video.write_audio(talk.audio[sent:until], start if sent == 0 else None)
                sent = until
            if progress is not None:
                progress(index + 1, len(talk.times))
    result = FilmedConversation(path=str(path), conversation=talk, tracks=tuple(_boxes(talk)))
    beside = Path(path).with_suffix(".json") if truth is None else Path(truth)
    try:
        beside.write_text(json.dumps(result.to_json(), ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write the truth to {beside}: {error.strerror}") from error
    return result


def synth_conversation(
    out: Path,
    *,
    seed: int = 0,
    people: int | None = None,
    seconds: float = 12.0,
    width: int = 1280,
    height: int = 720,
    fps: str = "25",
    audio_delay: float = 0.0,
    still: bool = False,
    dubbing: float = 0.32,
    recorded: float = 0.55,
    crf: int = 20,
    truth: Path | None = None,
) -> FilmedConversation:
    """Film a conversation of synthetic people; who speaks when, and who only seems to, is known.

    Args:
        out: File to write; the extension chooses the container.
        seed: Chooses people, voices, words, turns, cameras and the room; from 1000000000 on, voices held out for
            tests.
        people: In the scene, 1 to 6; None = 2 to 4.
        seconds: Length.
        width: Pixels, even.
        height: Pixels, even.
        fps: Frames a second; fractions such as 30000/1001 are exact.
        audio_delay: Seconds by which the audio comes later than the lips.
        still: One camera that shows everybody, without cuts.
        dubbing: Chance that somebody is dubbed.
        recorded: Share of recorded voices (docs/voices.md); 0 = espeak-ng alone.
        crf: Video quality, lower is better.
        truth: JSON file for the truth; None = OUT with .json in place of its extension.

    Raises:
        EspeakMissing: espeak-ng is not installed.
        VoiceMissing: a recorded voice is not installed.
        ConfigError: a value is out of its range.
        OutputError: a file cannot be written.
    """
    try:
        rate = Fraction(fps)
    except (ValueError, ZeroDivisionError):
        raise ConfigError(f"{fps!r} is not a frame rate; write 25, 29.97 or 30000/1001") from None
    return film_conversation(
        out,
        seed,
        truth=truth,
        crf=crf,
        num_people=people,
        seconds=seconds,
        width=width,
        height=height,
        rate=rate,
        audio_delay=audio_delay,
        cuts=False if still else None,
        dubbing=dubbing,
        recorded=recorded,
    )
