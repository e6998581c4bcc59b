"""Who says what when, how faces move, where the camera looks: a conversation made from one seed.

Held out: seeds from `HELD_OUT_SEED` on draw their voices from `HELD_OUT_SPEAKERS`, `HELD_OUT_LANGUAGES` and
`HELD_OUT_VARIANTS`, seeds below it never do. Faces, manners, rooms and scenes are drawn anew for every seed, so two
ranges of seeds share none. Knows voices, turns, listeners and cameras; refuses to know how speakers are found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import ConfigError
from viseme.synthetic.conversation.audio import PlacedPhrase, mixed_audio, said_audio
from viseme.synthetic.conversation.interface import Conversation, Participant, Place, Segment
from viseme.synthetic.conversation.phrases import Phrase
from viseme.synthetic.conversation.voices import (
    HELD_OUT_LANGUAGES,
    HELD_OUT_SEED,
    VoiceSettings,
    draw_voices,
    installed,
    is_held_out,
)
from viseme.synthetic.nonspeech_motion import Act, plan_acts
from viseme.synthetic.phonemes import Phoneme
from viseme.synthetic.style import Style
from viseme.synthetic.text import LANGUAGES
from viseme.synthetic.turns import Manners, Saying, direct, merged, outside, take_turns

__all__ = ["camera_places", "plan_conversation"]

_RATES = (Fraction(25), Fraction(25), Fraction(30), Fraction(30000, 1001), Fraction(24000, 1001), Fraction(24))
_SIZES = ((1280, 720), (640, 360), (854, 480), (1920, 1080), (640, 480))
BRIDGED_S = 0.3
"""Pauses up to this long count as speech."""


def _cast(rng: np.random.Generator, voices: Sequence[VoiceSettings], dubbing: float) -> list[Participant]:
    """One participant for each voice."""
    chance = rng.random()
    one = int(rng.integers(len(voices)))
    people = []
    for index, voice in enumerate(voices):
        dubbed: Literal["", "mismatched", "shifted"] = ""
        if chance < dubbing / 3 or (chance < dubbing and index == one):
            dubbed = "mismatched" if rng.random() < 0.7 else "shifted"
        shift = float(rng.uniform(0.45, 1.2)) * (1 if rng.random() < 0.5 else -1) if dubbed == "shifted" else 0.0
        people.append(
            Participant(
                identity=int(rng.integers(2**31)),
                seed=int(rng.integers(2**31)),
                style=Style.random(rng),
                voice=voice,
                dubbed=dubbed,
                shift=shift,
            )
        )
    return people


def plan_conversation(
    seed: int,
    *,
    num_people: int | None = None,
    seconds: float = 12.0,
    width: int | None = None,
    height: int | None = None,
    rate: Fraction | None = None,
    audio_delay: float | None = None,
    cuts: bool | None = None,
    dubbing: float = 0.32,
    recorded: float = 0.55,
    missing_voices: Literal["error", "espeak"] = "error",
) -> Conversation:
    """A conversation without its tracks: words, audio, timeline, cameras.

    Args:
        seed: The same seed and arguments give the same conversation.
        num_people: In the scene, 1 to 6; None = 2 to 4.
        seconds: Length of the frames.
        width: Pixels; None = a common size.
        height: Pixels; None = of that size.
        rate: Frames a second; None = a common rate.
        audio_delay: Seconds by which the audio comes later, within 1 s; None = 0 in 70 %, else up to .4 either way.
        cuts: Whether the camera changes; None = in 60 %.
        dubbing: Chance that somebody is dubbed; in a third of these everybody is.
        recorded: Share of recorded voices among all (docs/voices.md); 0 = espeak-ng alone.
        missing_voices: What happens where a recorded voice is not installed: "error", or "espeak" speaks in its place
            (`Conversation.replaced_voices`), and the conversation is another one than where it is installed.

    Raises:
        ConfigError: a value is out of its range.
        DataError: a speech engine broke down over its text (rare); take another seed.
        EspeakMissing: espeak-ng is not installed.
        VoiceMissing: a recorded voice is not installed.
    """
    _check(num_people, seconds, audio_delay, dubbing, recorded, (width, height))
    rng = np.random.default_rng([seed, 1201])
    num = int(rng.choice([2, 3, 4], p=[0.4, 0.4, 0.2])) if num_people is None else num_people
    size = _SIZES[int(rng.integers(len(_SIZES)))]
    drawn_rate = _RATES[int(rng.integers(len(_RATES)))]
    delay = 0.0 if rng.random() < 0.7 else round(float(rng.uniform(-0.4, 0.4)), 3)
    changes = rng.random() < 0.6
    rate = rate or drawn_rate
    times = np.arange(max(1, int(seconds * rate))) / float(rate)
    drawn = draw_voices(rng, num + 1, seed >= HELD_OUT_SEED, recorded)
    used = drawn if missing_voices == "error" else [installed(voice) for voice in drawn]
    *voices, outer = used
    people = _cast(rng, voices, dubbing)
    narrated, weights = _talkativeness(rng, num)
    narrator = outer if narrated else None
    voices += [narrator] if narrator else []
    share = np.minimum(1.0, 1.6 * weights / weights.sum())
    spoken = [v.say(rng, 2.0 + float(s) * seconds) if s > 0 else [] for v, s in zip(voices, share)]
    sayings = _sayings(rng, spoken, seconds, weights[: len(voices)].tolist())
    lips = [_lips(i, person, spoken[i], sayings, rng) for i, person in enumerate(people)]
    acts, mouthed = _listening(rng, lips, spoken, seconds)
    shots = direct(sayings, num, seconds, rng, cuts=changes if cuts is None else cuts)
    width, height = size if width is None or height is None else (width, height)
    perspective = float(rng.uniform(7, 18))
    late = delay if audio_delay is None else audio_delay
    over = str(rng.choice(["nothing", "noise", "music"], p=[0.45, 0.37, 0.18]))
    snr_db = float(rng.uniform(6, 30))
    audio = mixed_audio(spoken, sayings, num, len(times) / float(rate), late, over, snr_db, rng)
    return Conversation(
        seed=seed,
        width=width,
        height=height,
        rate=rate,
        times=times,
        audio_delay=late,
        people=tuple(people),
        narrator=narrator,
        replaced_voices=tuple(wanted.voice for wanted, own in zip(drawn, used) if own is not wanted),
        segments=_segments(sayings, people),
        lips=tuple(tuple(merged((s for s, _ in own), BRIDGED_S)) for own in lips),
        mouthed=tuple(tuple(s for s, _ in own) for own in mouthed),
        acts=tuple(acts),
        shots=tuple(shots),
        places={shot.view: camera_places(shot.view, width, height, seed) for shot in shots},
        perspective=perspective,
        over=over,
        snr_db=snr_db,
        audio=audio,
        audio_start=0.0,
        phonemes=tuple(_phonemes([*one, *two]) for one, two in zip(lips, mouthed)),
        effort=tuple(said_audio([*one, *two], seconds) for one, two in zip(lips, mouthed)),
    )


def _check(
    num_people: int | None,
    seconds: float,
    audio_delay: float | None,
    dubbing: float,
    recorded: float,
    size: tuple[int | None, int | None],
) -> None:
    if num_people is not None and not 1 <= num_people <= 6:
        raise ConfigError(f"num_people must be 1 to 6, not {num_people}")
    if not 1 <= seconds <= 600:
        raise ConfigError(f"seconds must be 1 to 600, not {seconds}")
    if audio_delay is not None and not -1 <= audio_delay <= 1:
        raise ConfigError(f"audio_delay must be -1 to 1 second, not {audio_delay}")
    if not (0 <= dubbing <= 1 and 0 <= recorded <= 1):
        raise ConfigError(f"dubbing and recorded are shares from 0 to 1, not {dubbing} and {recorded}")
    if (size[0] is None) != (size[1] is None):
        raise ConfigError("give both width and height, or neither")


def _talkativeness(rng: np.random.Generator, num: int) -> tuple[bool, NDArray[np.float64]]:
    """Whether there is a narrator, and (num + 1,) how often each person and the narrator take the word."""
    narration = rng.random()  # none, some, or nothing but a voice from outside
    narrated = narration < 0.35
    weights = np.append(rng.gamma(2.0, 0.5, num), 0.0)
    weights[:num][rng.random(num) < 0.15] = 0
    if narrated:
        weights[num] = max(0.6, 0.6 * float(weights[:num].mean()))
    if narration < 0.08:
        weights[:num] = 0
    elif weights[:num].max() == 0:
        weights[int(rng.integers(num))] = 1.0
    return narrated, weights


def _sayings(
    rng: np.random.Generator, spoken: Sequence[Sequence[Phrase]], seconds: float, weights: Sequence[float]
) -> list[Saying]:
    manners = Manners(
        overlap=float(rng.choice([0.05, 0.2, 0.45])),
        silence=float(rng.choice([0.05, 0.2, 0.5])),
        assent=float(rng.uniform(0, 0.5)),
        turn_s=float(rng.uniform(1.5, 5.0)),
    )
    lengths = [[p.length for p in own] for own in spoken]
    return take_turns(lengths, seconds, rng, weights=weights, manners=manners, start=float(rng.uniform(-1.5, 1.5)))


def _listening(
    rng: np.random.Generator,
    lips: Sequence[Sequence[PlacedPhrase]],
    spoken: Sequence[Sequence[Phrase]],
    seconds: float,
) -> tuple[list[tuple[Act, ...]], list[list[PlacedPhrase]]]:
    """For each person, what the face does while the lips are quiet, and the words that lips form without voice."""
    acts, mouthed = [], []
    for index, own in enumerate(lips):
        quiet = outside([s for s, _ in own], -0.5, seconds + 0.5)
        planned = plan_acts(quiet, rng, activity=float(rng.uniform(0.2, 2.2)), chewing=bool(rng.random() < 0.1))
        planned, silent = _mouthed(planned, spoken[index] or [p for other in spoken for p in other])
        acts.append(tuple(planned))
        mouthed.append(silent)
    return acts, mouthed


def _lips(
    index: int, person: Participant, own: list[Phrase], sayings: Sequence[Saying], rng: np.random.Generator
) -> list[PlacedPhrase]:
    """What this one's lips say, and when."""
    mine = [s for s in sayings if s.voice == index]
    if person.dubbed != "mismatched":
        return [((s.start - person.shift, s.end - person.shift), own[s.phrase]) for s in mine]
    if not mine:
        return []
    # the original words, in another language where there is one
    wanted = sum(s.end - s.start for s in mine)
    held_out = is_held_out(person.voice)
    others = [x for x in sorted(LANGUAGES) if x != person.voice.language and (x in HELD_OUT_LANGUAGES) == held_out]
    language = others[int(rng.integers(len(others)))]
    original = replace(person.voice, voice=language, language=language, tract=1.0).say(rng, 1.5 * wanted + 3.0)
    placed: list[PlacedPhrase] = []
    free = -np.inf
    for saying in mine:
        if not original:
            break
        length = saying.end - saying.start
        best = min(range(len(original)), key=lambda i: abs(original[i].length - length))
        start = max(saying.start + rng.uniform(-0.2, 0.25), free)
        phrase = original.pop(best)
        placed.append(((float(start), float(start + phrase.length)), phrase))
        free = start + phrase.length + 0.1
    return placed


def _mouthed(acts: Sequence[Act], own: Sequence[Phrase]) -> tuple[list[Act], list[PlacedPhrase]]:
    """The acts, and for each `mouthing` the phrase that fits best; those that nothing fits are left out."""
    kept, placed = [], []
    for act in acts:
        if act.kind != "mouthing":
            kept.append(act)
            continue
        fitting = [p for p in own if p.length <= act.end - act.start]
        if fitting:
            phrase = max(fitting, key=lambda p: p.length)
            end = act.start + phrase.length
            kept.append(replace(act, end=end))
            placed.append(((act.start, end), phrase))
    return kept, placed


def _segments(sayings: Sequence[Saying], people: Sequence[Participant]) -> tuple[Segment, ...]:
    result = []
    for voice in sorted({s.voice for s in sayings}):
        person = voice if voice < len(people) else None
        kind = "offscreen" if person is None else "dubbed" if people[person].dubbed else "speech"
        for start, end in merged(((s.start, s.end) for s in sayings if s.voice == voice), BRIDGED_S):
            result.append(Segment(start=start, end=end, person=person, kind=kind))
    return tuple(sorted(result, key=lambda s: s.start))


def _phonemes(placed: Sequence[PlacedPhrase]) -> tuple[Phoneme, ...]:
    ordered = sorted(placed, key=lambda p: p[0])
    return tuple(phoneme.shifted(span[0]) for span, phrase in ordered for phoneme in phrase.phonemes)


def camera_places(view: tuple[int, ...], width: int, height: int, seed: int) -> tuple[Place, ...]:
    """Where a camera that shows `view` sees its people; a camera stays where it is from shot to shot."""
    rng = np.random.default_rng([seed, 907, *view])
    num = max(1, len(view))
    largest = min(0.46 * height, width / (2.25 * num))
    face = largest * float(rng.uniform(0.55, 1.0))
    side = float(rng.normal(0, np.deg2rad(13)))
    level = float(rng.uniform(0.4, 0.5)) * height
    result = []
    for index, person in enumerate(view):
        own = np.random.default_rng([seed, 908, person])
        slack = width / num - 1.3 * face
        x = width * (index + 0.5) / num + 0.3 * max(slack, 0.0) * float(rng.uniform(-1, 1))
        y = level + face * float(own.uniform(-0.18, 0.18))
        pitch, roll = own.normal(0, np.deg2rad([5.0, 3.0]))
        yaw = float(np.clip(side + own.normal(0, np.deg2rad(6)), -0.7, 0.7))
        size = face * float(own.uniform(0.92, 1.08))
        result.append(Place(centre=(round(x), round(y)), face_px=size, pose=(float(pitch), yaw, float(roll))))
    return tuple(result)
