"""Calls made in another thread, in order, while the caller goes on. Knows functions; refuses to know what they do."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

__all__ = ["OrderedCalls"]


class OrderedCalls:
    """A thread that makes one call after the other. A call that fails is told of by a later `add`, or on leaving.

    Example:
        >>> said = []
        >>> with OrderedCalls(2) as calls:
        ...     for number in range(4):
        ...         calls.add(said.append, number)
        >>> said
        [0, 1, 2, 3]
    """

    def __init__(self, size: int) -> None:
        """At most `size` calls wait; `add` waits where there are more."""
        self._size = size
        self._waiting: deque[Future[Any]] = deque()
        self._pool = ThreadPoolExecutor(1)

    def __enter__(self) -> OrderedCalls:
        return self

    def __exit__(self, *error: object) -> None:
        """Wait until every call is made."""
        try:
            while self._waiting:
                self._waiting.popleft().result()
        finally:
            self._pool.shutdown(cancel_futures=True)

    def add(self, call: Callable[..., Any], *arguments: Any) -> None:
        """Make a call after those that were added before."""
        while len(self._waiting) >= self._size:
            self._waiting.popleft().result()
        self._waiting.append(self._pool.submit(call, *arguments))
