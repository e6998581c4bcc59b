"""Who says what when, and where the camera looks: the timeline of a conversation, as pure functions of chance.

Knows lengths of phrases and numbers of people; refuses to know audio, words and faces. Seconds throughout.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Manners", "Saying", "Shot", "Span", "common", "direct", "merged", "outside", "take_turns", "total"]

Span = tuple[float, float]
"""Start and end, seconds, half-open."""

SHORT_S = 0.85
"""Phrases shorter than this serve as a listener's "yes" into another's turn."""

_OWN_GAP_S = 0.12
_LEAST_TURN_S = 0.3


# ---------------------------------------------------------------- spans


def merged(spans: Iterable[Span], gap: float = 0.0) -> list[Span]:
    """Spans in order, those closer than or equal to `gap` joined.

    Example:
        >>> merged([(2.0, 3.0), (0.0, 1.0), (1.2, 1.5)], gap=0.3)
        [(0.0, 1.5), (2.0, 3.0)]
    """
    result: list[Span] = []
    for start, end in sorted(spans):
        if result and start - result[-1][1] <= gap:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result


def outside(spans: Iterable[Span], start: float, end: float) -> list[Span]:
    """What of `start` .. `end` no span covers.

    Example:
        >>> outside([(1.0, 2.0), (4.0, 9.0)], 0.0, 5.0)
        [(0.0, 1.0), (2.0, 4.0)]
    """
    result, at = [], start
    for low, high in merged(spans):
        if high <= start or low >= end:
            continue
        if low > at:
            result.append((at, low))
        at = max(at, high)
    if at < end:
        result.append((at, end))
    return result


def common(one: Iterable[Span], two: Iterable[Span]) -> list[Span]:
    """What both cover.

    Example:
        >>> common([(0.0, 2.0), (3.0, 5.0)], [(1.0, 4.0)])
        [(1.0, 2.0), (3.0, 4.0)]
    """
    two = merged(two)
    both = [(max(a, c), min(b, d)) for a, b in merged(one) for c, d in two if min(b, d) > max(a, c)]
    return merged(both)


def total(spans: Iterable[Span]) -> float:
    """Seconds covered."""
    return sum(end - start for start, end in merged(spans))


# ---------------------------------------------------------------- turns


@dataclass(frozen=True, kw_only=True, slots=True)
class Manners:
    """How people share the time."""

    overlap: float = 0.2
    """Chance that a turn begins before the one before has ended."""
    overlap_s: tuple[float, float] = (0.15, 1.1)
    """By so many seconds."""
    silence: float = 0.18
    """Chance of a long silence before a turn."""
    silence_s: tuple[float, float] = (1.0, 3.0)
    """Its length."""
    pause_s: tuple[float, float] = (0.05, 0.7)
    """Gap between turns otherwise."""
    assent: float = 0.25
    """Chance that somebody says a short phrase into a turn of more than two seconds."""
    again: float = 0.12
    """Chance that the same person takes the next turn too."""
    turn_s: float = 3.0
    """Mean length of a turn."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Saying:
    """One phrase of one voice at its place."""

    voice: int
    """Index of the voice."""
    phrase: int
    """Index of the phrase among the voice's own."""
    start: float
    """Seconds, where its first audio begins."""
    end: float
    """Where its last audio ends."""


def take_turns(
    lengths: Sequence[Sequence[float]],
    seconds: float,
    rng: np.random.Generator,
    *,
    weights: Sequence[float] | None = None,
    manners: Manners | None = None,
    start: float = 0.0,
) -> list[Saying]:
    """Place phrases in turns until `seconds` are filled or nobody has anything left to say.

    Nobody speaks over themselves, at most two voices audio at once, each phrase is said at most once and a voice's
    long phrases are said in their order.

    Args:
        lengths: Seconds of each phrase of each voice.
        seconds: No phrase begins after this.
        rng: Where chance comes from.
        weights: How often each voice takes the word; 0 = never. Default: all alike.
        manners: Default: `Manners()`.
        start: Where the first turn begins; may be negative.

    Returns:
        Sayings by start.
    """
    manners = manners or Manners()
    shares = np.ones(len(lengths)) if weights is None else np.asarray(weights, float)
    long = [[i for i, x in enumerate(own) if x >= SHORT_S] for own in lengths]
    short = [[i for i, x in enumerate(own) if x < SHORT_S] for own in lengths]
    free = np.full(len(lengths), -np.inf)  # when each voice may speak again
    ends: list[float] = []  # of turns and assents so far
    said: list[Saying] = []
    last, at = -1, start
    while at < seconds:
        able = np.array([bool(queue) for queue in long]) * shares
        if able.sum() == 0:
            break
        if last >= 0 and able.sum() > able[last] and rng.random() >= manners.again:
            able[last] = 0
        voice = int(rng.choice(len(able), p=able / able.sum()))
        # at most two at once: not before all but the latest of the others have ended
        others = sorted(ends)[-2:]
        begin = max(at, free[voice], others[0] if len(others) == 2 else -np.inf)
        if begin >= seconds:
            break
        turn = _turn(lengths[voice], long[voice], begin, voice, seconds, rng, manners)
        said += turn
        end = turn[-1].end
        free[voice] = end + _OWN_GAP_S
        ends.append(end)
        assent = _assent(lengths, short, free, shares, turn, ends, seconds, rng, manners)
        if assent is not None:
            said.append(assent)
            free[assent.voice] = assent.end + _OWN_GAP_S
            ends.append(assent.end)
        kind = rng.random()
        if kind < manners.overlap:
            at = max(end - rng.uniform(*manners.overlap_s), begin + _LEAST_TURN_S)
            if assent is not None:
                at = max(at, assent.end)
        elif kind < manners.overlap + manners.silence:
            at = end + rng.uniform(*manners.silence_s)
        else:
            at = end + rng.uniform(*manners.pause_s)
        last = voice
    return sorted(said, key=lambda s: (s.start, s.voice))


def _turn(
    own: Sequence[float],
    queue: list[int],
    begin: float,
    voice: int,
    seconds: float,
    rng: np.random.Generator,
    manners: Manners,
) -> list[Saying]:
    """Phrases from the head of `queue`, taken off it, one after the other."""
    wanted, at, turn = rng.exponential(manners.turn_s), begin, []
    while queue and (not turn or at - begin + 0.5 * own[queue[0]] < wanted) and at < seconds:
        phrase = queue.pop(0)
        turn.append(Saying(voice=voice, phrase=phrase, start=float(at), end=float(at + own[phrase])))
        at += own[phrase] + max(_OWN_GAP_S, rng.gamma(2.0, 0.17))
    return turn


def _assent(
    lengths: Sequence[Sequence[float]],
    short: list[list[int]],
    free: np.ndarray,
    shares: np.ndarray,
    turn: list[Saying],
    ends: list[float],
    seconds: float,
    rng: np.random.Generator,
    manners: Manners,
) -> Saying | None:
    """A short phrase of somebody else in the middle of a turn, or None."""
    begin, end, voice = turn[0].start, turn[-1].end, turn[0].voice
    able = [v for v, queue in enumerate(short) if queue and v != voice and shares[v] > 0]
    if end - begin < 2.0 or not able or rng.random() >= manners.assent:
        return None
    other = able[int(rng.integers(len(able)))]
    phrase = short[other][0]
    quiet = max([begin + 0.6, free[other], *ends[:-1]])  # the turns before are over
    latest = end - 0.2 - lengths[other][phrase]
    if latest <= quiet or quiet >= seconds:
        return None
    short[other].pop(0)
    at = float(rng.uniform(quiet, min(latest, seconds)))
    return Saying(voice=other, phrase=phrase, start=at, end=at + lengths[other][phrase])


# ---------------------------------------------------------------- cameras


@dataclass(frozen=True, kw_only=True, slots=True)
class Shot:
    """What one camera shows between two cuts."""

    start: float
    """Seconds."""
    end: float
    view: tuple[int, ...]
    """Who is in the frame, from left to right; may be nobody."""


def direct(
    sayings: Sequence[Saying],
    num_people: int,
    seconds: float,
    rng: np.random.Generator,
    *,
    cuts: bool = True,
    away: float = 0.35,
    group: float = 0.35,
    empty: float = 0.04,
    length_s: tuple[float, float] = (1.5, 6.0),
) -> list[Shot]:
    """Shots that fill `0 .. seconds`.

    Args:
        sayings: Who speaks when; voices from `num_people` on belong to nobody in the scene.
        num_people: In the scene, seated by their number.
        seconds: Length.
        rng: Where chance comes from.
        cuts: False = one shot of everybody.
        away: Chance that a close shot is of somebody other than who speaks.
        group: Chance of a shot of everybody.
        empty: Chance of a shot of nobody: the table, the wall.
        length_s: Shortest and longest shot.
    """
    everybody = tuple(range(num_people))
    if not cuts:
        return [Shot(start=0.0, end=seconds, view=everybody)]
    shots: list[Shot] = []
    at = 0.0
    while at < seconds:
        end = at + rng.uniform(*length_s)
        if seconds - end < length_s[0]:
            end = seconds
        before = shots[-1].view if shots else None
        for _ in range(20):
            view = _view(sayings, num_people, at, end, rng, away, group, empty)
            if view != before:
                break
        else:
            view = everybody if before != everybody else (0,)
        if view == before and shots:  # a single person: the same view goes on
            shots[-1] = Shot(start=shots[-1].start, end=end, view=view)
        else:
            shots.append(Shot(start=at, end=end, view=view))
        at = end
    return shots


def _view(
    sayings: Sequence[Saying],
    num_people: int,
    start: float,
    end: float,
    rng: np.random.Generator,
    away: float,
    group: float,
    empty: float,
) -> tuple[int, ...]:
    if rng.random() < empty:
        return ()
    if rng.random() < group:
        return tuple(range(num_people))
    heard = np.zeros(num_people)
    for saying in sayings:
        if saying.voice < num_people:
            heard[saying.voice] += max(0.0, min(end, saying.end) - max(start, saying.start))
    speaker = int(heard.argmax()) if heard.max() > 0 else int(rng.integers(num_people))
    others = [p for p in range(num_people) if p != speaker]
    if not others:
        return (speaker,)
    if rng.random() < away:
        rng.shuffle(others)
        count = 2 if len(others) > 2 and rng.random() < 0.3 else 1
        return tuple(sorted(others[:count]))
    if len(others) > 1 and rng.random() < 0.3:
        return tuple(sorted((speaker, others[int(rng.integers(len(others)))])))
    return (speaker,)
