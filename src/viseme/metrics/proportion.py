"""How often something held: a count of hits over a count of trials, with Wilson's interval."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from viseme.metrics.intervals import Interval, wilson

__all__ = ["Proportion"]


@dataclass(frozen=True)
class Proportion:
    """Hits of trials; proportions of disjoint trials add up.

    Example:
        >>> whole = Proportion.of([True, False]) + Proportion(8, 8)
        >>> str(whole)
        '90.0% [59.6%, 98.2%]  n = 10'
    """

    hits: int = 0
    num: int = 0

    @classmethod
    def of(cls, held: Iterable[bool]) -> Proportion:
        """Count what held."""
        found = [bool(h) for h in held]
        return cls(sum(found), len(found))

    def __add__(self, other: Proportion) -> Proportion:
        return Proportion(self.hits + other.hits, self.num + other.num)

    def interval(self) -> Interval:
        """The proportion with its 95 % interval, see `wilson`."""
        return wilson(self.hits, self.num)

    def __str__(self) -> str:
        found = self.interval()
        return f"{found.value:.1%} [{found.low:.1%}, {found.high:.1%}]  n = {self.num}"
