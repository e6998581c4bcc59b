"""Conversations of synthetic people, every answer known: who speaks, who only moves the lips, who is seen.

Knows voices, turns, listeners and cameras; refuses to know how speakers are found. One timeline makes two products:
`conversation_tracks` (landmarks and audio, thousands of them) and `conversation_film.film_conversation` (a file).

Times are seconds on the frames' clock, zero at the first frame. What is said at `t` is heard at
`t + audio_delay`.

Held out: seeds from `HELD_OUT_SEED` on draw their voices from `HELD_OUT_SPEAKERS`, `HELD_OUT_LANGUAGES` and
`HELD_OUT_VARIANTS`, seeds below it never do. Faces, manners, rooms and scenes are drawn anew for every seed, so two
ranges of seeds share none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from viseme.core.errors import ConfigError
from viseme.synthetic.acoustics import coloured_noise, mix, music, reverberate
from viseme.synthetic.landmarks import LandmarkSpec, landmarks_of, script
from viseme.synthetic.motion import Motion, move
from viseme.synthetic.nonspeech_motion import Act, enact, plan_acts, turned
from viseme.synthetic.phonemes import SAMPLE_RATE, Phoneme, Speech
from viseme.synthetic.speech import speak
from viseme.synthetic.style import Style
from viseme.synthetic.text import LANGUAGES, pseudo_words
from viseme.synthetic.turns import Manners, Saying, Shot, Span, common, direct, merged, outside, take_turns
from viseme.synthetic.voices import VOICES

__all__ = [
    "HELD_OUT_LANGUAGES",
    "HELD_OUT_SEED",
    "HELD_OUT_SPEAKERS",
    "HELD_OUT_VARIANTS",
    "STATES",
    "Conversation",
    "FaceTrack",
    "Participant",
    "Phrase",
    "Place",
    "Segment",
    "VoiceSettings",
    "conversation_tracks",
    "perform",
    "phrases",
    "plan_conversation",
]

HELD_OUT_SEED = 1_000_000_000
"""Conversations with this seed or a larger one are for tests."""

HELD_OUT_SPEAKERS = frozenset({"rms (US)", "lp (Italian)", "ph (Czech)", "lj (Finnish)", "ona (Catalan)"})
HELD_OUT_LANGUAGES = frozenset({"en-gb", "it", "ro", "tr"})
HELD_OUT_VARIANTS = frozenset({"f4", "f5", "m3", "m6", "anika", "adam"})

STATES = ("not_speaking", "speaking", "dubbed")
"""Of a face at an instant, by index. `dubbed`: the lips speak, and the voice that is heard says something else."""

_VARIANTS = ("", "f1", "f2", "f3", "f4", "f5", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "klatt2", "klatt4", "steph",
             "linda", "anika", "pablo", "adam")  # fmt: skip
_RATES = (Fraction(25), Fraction(25), Fraction(30), Fraction(30000, 1001), Fraction(24000, 1001), Fraction(24))
_SIZES = ((1280, 720), (640, 360), (854, 480), (1920, 1080), (640, 480))
_PHRASE_GAP_S = 0.18
_BRIDGED_S = 0.3
_PAD_S = 2.5
_EYES_TO_FACE = 0.583


@dataclass(frozen=True)
class Phrase:
    """A piece of speech between two pauses."""

    samples: NDArray[np.float32]
    """(S,) at 16 kHz, with what little silence lies around."""
    lead: float
    """Seconds from the first sample to the first audio."""
    phonemes: tuple[Phoneme, ...]
    """Times after the first audio."""

    @property
    def length(self) -> float:
        """Seconds from the first audio to the end of the last."""
        return self.phonemes[-1].end


def phrases(speech: Speech, *, gap: float = _PHRASE_GAP_S) -> list[Phrase]:
    """Cut speech at its pauses of `gap` seconds and more.

    Example:
        >>> samples = np.zeros(16000, np.float32)
        >>> spoken = Speech(samples, (Phoneme("a", 0.1, 0.3), Phoneme("u", 0.7, 0.9)))
        >>> [round(p.length, 3) for p in phrases(spoken)]
        [0.2, 0.2]
    """
    groups: list[list[Phoneme]] = []
    for phoneme in speech.phonemes:
        if groups and phoneme.start - groups[-1][-1].end < gap:
            groups[-1].append(phoneme)
        else:
            groups.append([phoneme])
    result = []
    for index, group in enumerate(groups):
        before = groups[index - 1][-1].end if index else 0.0
        after = groups[index + 1][0].start if index + 1 < len(groups) else speech.duration
        low = int(max(group[0].start - 0.12, (group[0].start + before) / 2, 0.0) * SAMPLE_RATE)
        high = int(min(group[-1].end + 0.25, (group[-1].end + after) / 2, speech.duration) * SAMPLE_RATE)
        samples = speech.samples[low:high].copy()
        fade = min(len(samples) // 2, SAMPLE_RATE // 200)
        if fade:
            samples[:fade] *= np.linspace(0, 1, fade, dtype=np.float32)
            samples[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
        start = group[0].start
        result.append(Phrase(samples, start - low / SAMPLE_RATE, tuple(p.shifted(-start) for p in group)))
    return result


# ---------------------------------------------------------------- people


@dataclass(frozen=True, kw_only=True, slots=True)
class VoiceSettings:
    """Arguments of `viseme.synthetic.speak`."""

    voice: str
    language: str
    """For made-up sentences."""
    rate_wpm: int
    pitch: int
    pitch_range: int
    tract: float = 1.0
    seed: int = 0

    def say(self, rng: np.random.Generator, seconds: float, num_short: int = 2) -> list[Phrase]:
        """Phrases of about `seconds` in all, some of them short."""
        text = script(rng, self.language, self.rate_wpm, seconds)
        if self.language not in ("ar", "hi", "ru", "cmn-latn-pinyin"):
            text += "".join(f" {pseudo_words(rng, 1)}." for _ in range(num_short))
        return phrases(
            speak(
                text,
                voice=self.voice,
                rate_wpm=self.rate_wpm,
                pitch=self.pitch,
                pitch_range=self.pitch_range,
                seed=self.seed,
                tract=self.tract,
            )
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Participant:
    """Somebody in the scene."""

    identity: int
    """Seed of the face."""
    seed: int
    """Of all movement that is not speech, and of the tracker's noise."""
    style: Style
    voice: VoiceSettings
    dubbed: Literal["", "foreign", "shifted"] = ""
    """`foreign`: the lips say other words than are heard; `shifted`: the same words `shift` seconds earlier."""
    shift: float = 0.0
    """Seconds by which this one's voice comes after the lips, beyond `audio_delay`."""


def _draw_voices(rng: np.random.Generator, num: int, held_out: bool, recorded: float) -> list[VoiceSettings]:
    """Voices that can be told apart: never twice the same speaker or the same variant."""
    own = {v.speaker for v in VOICES.values()}
    speakers = sorted(own & HELD_OUT_SPEAKERS if held_out else own - HELD_OUT_SPEAKERS)
    languages = sorted(x for x in LANGUAGES if (x in HELD_OUT_LANGUAGES) == held_out)
    variants = sorted(x for x in _VARIANTS if (x in HELD_OUT_VARIANTS) == held_out)
    rng.shuffle(speakers)
    rng.shuffle(variants)
    together = languages[int(rng.integers(len(languages)))] if rng.random() < 0.5 else None
    result = []
    for index in range(num):
        tract = 1.0
        if rng.random() < recorded and speakers:
            speaker = speakers.pop()
            voices = sorted(v.name for v in VOICES.values() if v.speaker == speaker)
            voice = VOICES[voices[int(rng.integers(len(voices)))]]
            name, language = voice.name, voice.language
            tract = round(float(np.clip(rng.normal(1.0, 0.07), 0.86, 1.18)), 2)
        else:
            language = together or languages[int(rng.integers(len(languages)))]
            variant = variants[index % len(variants)]
            name = language + ("+" + variant if variant else "")
        result.append(
            VoiceSettings(
                voice=name,
                language=language,
                rate_wpm=int(rng.integers(125, 230)),
                pitch=int(rng.integers(20, 85)),
                pitch_range=int(rng.integers(20, 95)),
                tract=tract,
                seed=int(rng.integers(2**31)),
            )
        )
    return result


# ---------------------------------------------------------------- the timeline


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


def _cast(rng: np.random.Generator, voices: Sequence[VoiceSettings], dubbing: float) -> list[Participant]:
    """One participant for each voice."""
    chance = rng.random()
    one = int(rng.integers(len(voices)))
    people = []
    for index, voice in enumerate(voices):
        dubbed: Literal["", "foreign", "shifted"] = ""
        if chance < dubbing / 3 or (chance < dubbing and index == one):
            dubbed = "foreign" if rng.random() < 0.7 else "shifted"
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

    Raises:
        ConfigError: a value is out of its range.
        DataError: a speech engine broke down over its text (rare); take another seed.
        EspeakMissing: espeak-ng is not installed.
        VoiceMissing: a recorded voice is not installed.
    """
    if num_people is not None and not 1 <= num_people <= 6:
        raise ConfigError(f"num_people must be 1 to 6, not {num_people}")
    if not 1 <= seconds <= 600:
        raise ConfigError(f"seconds must be 1 to 600, not {seconds}")
    if audio_delay is not None and not -1 <= audio_delay <= 1:
        raise ConfigError(f"audio_delay must be -1 to 1 second, not {audio_delay}")
    if not (0 <= dubbing <= 1 and 0 <= recorded <= 1):
        raise ConfigError(f"dubbing and recorded are shares from 0 to 1, not {dubbing} and {recorded}")
    if (width is None) != (height is None):
        raise ConfigError("give both width and height, or neither")
    rng = np.random.default_rng([seed, 1201])
    num = int(rng.choice([2, 3, 4], p=[0.4, 0.4, 0.2])) if num_people is None else num_people
    size = _SIZES[int(rng.integers(len(_SIZES)))]
    drawn_rate = _RATES[int(rng.integers(len(_RATES)))]
    delay = 0.0 if rng.random() < 0.7 else round(float(rng.uniform(-0.4, 0.4)), 3)
    changes = rng.random() < 0.6
    held_out = seed >= HELD_OUT_SEED
    rate = rate or drawn_rate
    times = np.arange(max(1, int(seconds * rate))) / float(rate)
    *voices, outer = _draw_voices(rng, num + 1, held_out, recorded)
    people = _cast(rng, voices, dubbing)
    narration = rng.random()  # none, some, or nothing but a voice from outside
    narrator = outer if narration < 0.35 else None
    weights = np.append(rng.gamma(2.0, 0.5, num), 0.0)
    weights[:num][rng.random(num) < 0.15] = 0
    if narrator is not None:
        weights[num] = max(0.6, 0.6 * float(weights[:num].mean()))
    if narration < 0.08:
        weights[:num] = 0
    elif weights[:num].max() == 0:
        weights[int(rng.integers(num))] = 1.0
    share = np.minimum(1.0, 1.6 * weights / weights.sum())
    voices += [narrator] if narrator else []
    spoken = [v.say(rng, 2.0 + float(s) * seconds) if s > 0 else [] for v, s in zip(voices, share)]
    manners = Manners(
        overlap=float(rng.choice([0.05, 0.2, 0.45])),
        silence=float(rng.choice([0.05, 0.2, 0.5])),
        assent=float(rng.uniform(0, 0.5)),
        turn_s=float(rng.uniform(1.5, 5.0)),
    )
    lengths = [[p.length for p in own] for own in spoken]
    sayings = take_turns(
        lengths,
        seconds,
        rng,
        weights=weights[: len(voices)].tolist(),
        manners=manners,
        start=float(rng.uniform(-1.5, 1.5)),
    )
    lips = [_lips(i, person, spoken[i], sayings, rng) for i, person in enumerate(people)]
    acts, mouthed = [], []
    for index, own in enumerate(lips):
        quiet = outside([s for s, _ in own], -0.5, seconds + 0.5)
        planned = plan_acts(quiet, rng, activity=float(rng.uniform(0.2, 2.2)), chewing=bool(rng.random() < 0.1))
        planned, silent = _mouthed(planned, spoken[index] or [p for other in spoken for p in other])
        acts.append(tuple(planned))
        mouthed.append(silent)
    segments = _segments(sayings, people)
    shots = direct(sayings, num, seconds, rng, cuts=changes if cuts is None else cuts)
    width, height = size if width is None or height is None else (width, height)
    perspective = float(rng.uniform(7, 18))
    places = {shot.view: _places(shot.view, width, height, seed) for shot in shots}
    late = delay if audio_delay is None else audio_delay
    over = str(rng.choice(["nothing", "noise", "music"], p=[0.45, 0.37, 0.18]))
    snr_db = float(rng.uniform(6, 30))
    audio = _mixed(spoken, sayings, num, len(times) / float(rate), late, over, snr_db, rng)
    return Conversation(
        seed=seed,
        width=width,
        height=height,
        rate=rate,
        times=times,
        audio_delay=late,
        people=tuple(people),
        narrator=narrator,
        segments=segments,
        lips=tuple(tuple(merged((s for s, _ in own), _BRIDGED_S)) for own in lips),
        mouthed=tuple(tuple(s for s, _ in own) for own in mouthed),
        acts=tuple(acts),
        shots=tuple(shots),
        places=places,
        perspective=perspective,
        over=over,
        snr_db=snr_db,
        audio=audio,
        audio_start=0.0,
        phonemes=tuple(_phonemes([*one, *two]) for one, two in zip(lips, mouthed)),
        effort=tuple(_effort([*one, *two], seconds) for one, two in zip(lips, mouthed)),
    )


_Placed = tuple[Span, Phrase]


def _lips(
    index: int, person: Participant, own: list[Phrase], sayings: Sequence[Saying], rng: np.random.Generator
) -> list[_Placed]:
    """What this one's lips say, and when."""
    mine = [s for s in sayings if s.voice == index]
    if person.dubbed != "foreign":
        return [((s.start - person.shift, s.end - person.shift), own[s.phrase]) for s in mine]
    if not mine:
        return []
    # the original words, in another language where there is one
    wanted = sum(s.end - s.start for s in mine)
    others = [x for x in sorted(LANGUAGES) if x != person.voice.language and (x in HELD_OUT_LANGUAGES) == _test(person)]
    language = others[int(rng.integers(len(others)))]
    original = replace(person.voice, voice=language, language=language, tract=1.0).say(rng, 1.5 * wanted + 3.0)
    placed: list[_Placed] = []
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


def _test(person: Participant) -> bool:
    """Whether the voice is one of those held out."""
    if person.voice.voice in VOICES:
        return VOICES[person.voice.voice].speaker in HELD_OUT_SPEAKERS
    return person.voice.language in HELD_OUT_LANGUAGES


def _mouthed(acts: Sequence[Act], own: Sequence[Phrase]) -> tuple[list[Act], list[_Placed]]:
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
        for start, end in merged(((s.start, s.end) for s in sayings if s.voice == voice), _BRIDGED_S):
            result.append(Segment(start=start, end=end, person=person, kind=kind))
    return tuple(sorted(result, key=lambda s: s.start))


def _phonemes(placed: Sequence[_Placed]) -> tuple[Phoneme, ...]:
    ordered = sorted(placed, key=lambda p: p[0])
    return tuple(phoneme.shifted(span[0]) for span, phrase in ordered for phoneme in phrase.phonemes)


def _effort(placed: Sequence[_Placed], seconds: float) -> NDArray[np.float32]:
    track = np.zeros(int(seconds * SAMPLE_RATE), np.float32)
    for span, phrase in placed:
        _add(track, phrase.samples, round((span[0] - phrase.lead) * SAMPLE_RATE))
    return track


def _add(track: NDArray[np.float32], samples: NDArray[np.float32], at: int) -> None:
    low, high = max(0, at), min(len(track), at + len(samples))
    if high > low:
        track[low:high] += samples[low - at : high - at]


# ---------------------------------------------------------------- audio


def _mixed(
    spoken: Sequence[Sequence[Phrase]],
    sayings: Sequence[Saying],
    num_people: int,
    seconds: float,
    delay: float,
    over: str,
    snr_db: float,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """(S,) all voices in one room, a voice from outside it, and what lies over them."""
    wide = round((seconds + 2 * _PAD_S) * SAMPLE_RATE)
    scene, outer = np.zeros(wide, np.float32), np.zeros(wide, np.float32)
    for voice, own in enumerate(spoken):
        gain = 10 ** (float(rng.normal(0, 2.5)) / 20)
        if not own:
            continue
        loud = np.concatenate([p.samples for p in own])
        level = float(np.sqrt(np.mean(np.square(loud[np.abs(loud) > 0.02])))) if np.any(np.abs(loud) > 0.02) else 1.0
        for saying in sayings:
            if saying.voice == voice:
                phrase = own[saying.phrase]
                at = round((saying.start - phrase.lead + delay + _PAD_S) * SAMPLE_RATE)
                _add(scene if voice < num_people else outer, phrase.samples * np.float32(0.1 * gain / level), at)
    if rng.random() < 0.55:
        scene = reverberate(scene, rng, seconds=float(rng.uniform(0.15, 0.7)))
    if rng.random() < 0.3:
        outer = reverberate(outer, rng, seconds=float(rng.uniform(0.15, 0.7)))
    first = round(_PAD_S * SAMPLE_RATE)
    track = (scene + outer)[first : first + round(seconds * SAMPLE_RATE)]
    if rng.random() < 0.2:
        band = float(rng.uniform(120, 350)), float(rng.uniform(3000, 7000))
        sos = butter(1, band, "bandpass", fs=SAMPLE_RATE, output="sos")  # both ways, so that nothing moves
        track = np.asarray(sosfilt(sos, np.asarray(sosfilt(sos, track))[::-1]))[::-1].astype(np.float32)
    if over == "noise":
        track = mix(track, coloured_noise(rng, len(track), float(rng.uniform(0, 1.8))), snr_db)
    elif over == "music":
        track = mix(track, music(rng, len(track)), snr_db)
    else:
        track = track + np.float32(2e-4) * rng.standard_normal(len(track)).astype(np.float32)
    peak = float(np.abs(track).max()) if len(track) else 0.0
    return (track * np.float32(10 ** (rng.uniform(-18, -1) / 20) / max(peak, 1e-6))).astype(np.float32)


# ---------------------------------------------------------------- frames


def _places(view: tuple[int, ...], width: int, height: int, seed: int) -> tuple[Place, ...]:
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
