"""Two videos side by side on exact time. Knows items with times; refuses to know frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import TypeVar

__all__ = ["lockstep"]

A = TypeVar("A")
B = TypeVar("B")


def lockstep(
    first: Iterator[A],
    second: Iterator[B],
    *,
    time_of_first: Callable[[A], Fraction],
    time_of_second: Callable[[B], Fraction],
    apart: Fraction,
) -> Iterator[tuple[A | None, B | None]]:
    """Pair items whose times are nearly the same; what has no partner comes alone.

    Args:
        first: In order of time.
        second: In order of time.
        time_of_first: Seconds of an item.
        time_of_second: Seconds of an item.
        apart: Largest distance of a pair, seconds: half a frame. Negative = nothing is paired.

    Example:
        >>> times = [Fraction(n, 25) for n in range(4)]
        >>> same = lambda t: t
        >>> list(map(str, lockstep(iter(times[:1]), iter([]), time_of_first=same, time_of_second=same, apart=times[1])))
        ['(Fraction(0, 1), None)']
        >>> pairs = lockstep(
        ...     iter(times), iter(times[:1] + times[2:]), time_of_first=same, time_of_second=same, apart=Fraction(1, 50)
        ... )
        >>> [(a is not None, b is not None) for a, b in pairs]
        [(True, True), (True, False), (True, True), (True, True)]
    """
    a, b = next(first, None), next(second, None)
    while a is not None and b is not None:
        ahead = time_of_first(a) - time_of_second(b)
        if abs(ahead) <= apart:
            yield a, b
            a, b = next(first, None), next(second, None)
        elif ahead < 0:
            yield a, None
            a = next(first, None)
        else:
            yield None, b
            b = next(second, None)
    while a is not None:
        yield a, None
        a = next(first, None)
    while b is not None:
        yield None, b
        b = next(second, None)
