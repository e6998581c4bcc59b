"""Conversations as landmarks: every face in every shot, as a tracker would report it; thousands an hour.

Knows motion and the tracker's errors; refuses to know pixels.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from viseme.synthetic.conversation.interface import Conversation, FaceTrack, Place
from viseme.synthetic.conversation.plan import plan_conversation
from viseme.synthetic.landmarks import LandmarkSpec, landmarks_of
from viseme.synthetic.motion import Motion, move
from viseme.synthetic.nonspeech_motion import enact, turned

__all__ = ["conversation_tracks", "part_of", "perform", "spec_of"]

_EYES_TO_FACE = 0.583
"""Outer eye corner distance over the width of an average face."""


def perform(conversation: Conversation, person: int, *, strength: float = 1.0) -> Motion:
    """What one person's face does at all the frames' times, seen or not.

    Args:
        conversation: From `plan_conversation`.
        person: Number.
        strength: Factor on the articulation.
    """
    who = conversation.people[person]
    style = replace(who.style, strength=strength * who.style.strength)
    motion = move(
        conversation.phonemes[person],
        conversation.times,
        style=style,
        seed=who.seed,
        audio=conversation.effort[person],
    )
    motion = enact(motion, conversation.acts[person])
    rng = np.random.default_rng([who.seed, 909])
    heard = [(s.start, s.end, s.person) for s in conversation.segments]
    motion.pose[:, 1] += turned(conversation.times, person, heard, rng)
    return motion


def part_of(motion: Motion, low: int, high: int) -> Motion:
    """Frames `low` to `high` of a motion."""
    units = {name: value[low:high] for name, value in motion.units.items()}
    return Motion(
        motion.times[low:high], units, motion.pose[low:high], motion.gap_mm[low:high], motion.tongue[low:high]
    )


def spec_of(conversation: Conversation, person: int, place: Place, seed: int) -> LandmarkSpec:
    """The face at its place, before a tracker that errs as trackers do."""
    rng = np.random.default_rng([conversation.seed, 910])  # one tracker for all
    return LandmarkSpec(
        phonemes=(),
        times=conversation.times,
        identity=conversation.people[person].identity,
        seed=seed,
        pose=place.pose,
        eye_distance_px=_EYES_TO_FACE * place.face_px,
        perspective=conversation.perspective,
        centre=(float(place.centre[0]), float(place.centre[1])),
        jitter=float(np.exp(rng.normal(0.0, 0.45))),
        lip_response=float(rng.uniform(0.7, 1.1)),
        depth_response=float(rng.uniform(0.3, 1.0)),
        closed_gap_mm=float(rng.uniform(0.0, 1.2)),
        snap_mm=float(rng.uniform(-1.0, 2.2)),
    )


def conversation_tracks(seed: int, **options: Any) -> Conversation:
    """A conversation with the landmarks of every face in every shot, as a tracker would report them.

    Args:
        seed: The same seed and options give the same conversation.
        options: Of `plan_conversation`.

    Raises:
        As `plan_conversation`.
    """
    plan = plan_conversation(seed, **options)
    needed = {person for shot in plan.shots for person in shot.view}
    motions = {person: perform(plan, person) for person in sorted(needed)}
    tracks = []
    for number, shot in enumerate(plan.shots):
        low, high = np.searchsorted(plan.times, [shot.start, shot.end]).tolist()
        if high - low < 2:
            continue
        for person, place in zip(shot.view, plan.places[shot.view]):
            spec = spec_of(plan, person, place, plan.people[person].seed + number)
            tracks.append(
                FaceTrack(
                    id=len(tracks),
                    person=person,
                    shot=number,
                    times=plan.times[low:high],
                    landmarks=landmarks_of(part_of(motions[person], low, high), spec),
                    state=plan.states(person, plan.times[low:high]),
                )
            )
    return replace(plan, tracks=tuple(tracks))
