"""A queue for a source that does not wait, such as a camera: it holds so many items; further ones are dropped, counted.

Knows iterators and a clock; refuses to know what the items are.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

__all__ = ["BoundedQueue"]

T = TypeVar("T")


class BoundedQueue(Iterator[T], Generic[T]):
    """Items made in another thread, in order; errors arrive where they are asked for.

    When `size` droppable items wait, the source is blocked, as a pipe from a file can be. Once that has put the source
    `patience` seconds behind real time, which only a live source can be, further droppable items are dropped instead.
    """

    def __init__(
        self,
        items: Iterable[T],
        moment: Callable[[T], float | None],
        *,
        size: int,
        patience: float | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start reading.

        Args:
            items: The source.
            moment: Time of a droppable item on the stream's own clock, seconds; None = it must be kept.
            size: Droppable items that wait at most.
            patience: Seconds behind real time from which items are dropped; None = never, the source is blocked.
            clock: Wall clock, seconds.
        """
        self._moment, self._size, self._patience, self._clock = moment, size, patience, clock
        self._waiting: deque[tuple[T, float | None]] = deque()
        self._num_optional = 0
        self._change = threading.Condition()
        self._stopped = self._ended = False
        self._error: BaseException | None = None
        self._anchor: tuple[float, float] | None = None
        self.num_dropped = 0
        self.newest = self.oldest = 0.0
        """Seconds on the stream's clock: the newest item that was kept, and the newest that was given out."""
        self._items = items
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)
        self._thread.start()

    @property
    def seconds(self) -> float:
        """Seconds of the stream that wait."""
        return max(0.0, self.newest - self.oldest)

    def __next__(self) -> T:
        with self._change:
            self._change.wait_for(lambda: self._waiting or self._ended)
            if not self._waiting:
                raise StopIteration if self._error is None else self._error
            item, at = self._waiting.popleft()
            if at is not None:
                self._num_optional -= 1
                self.oldest = at
            self._change.notify_all()
            return item

    def close(self, stop: Callable[[], Any] | None = None) -> bool:
        """Stop reading; items not asked for are lost. `stop` wakes a source that waits. True = the thread has ended."""
        with self._change:
            self._stopped = True
            self._change.notify_all()
        if stop is not None:
            stop()
        self._thread.join(timeout=5)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            for item in self._items:
                if not self._take(item, self._moment(item)):
                    break
        except BaseException as error:
            self._error = error
        with self._change:
            self._ended = True
            self._change.notify_all()

    def _take(self, item: T, at: float | None) -> bool:
        with self._change:
            if at is not None:
                if self._anchor is None or self._num_optional == 0:  # whoever asks has caught up: count from here
                    self._anchor = self._clock(), at
                if not self._has_room(at):
                    self.num_dropped += 1
                    return not self._stopped
                self._num_optional += 1
                self.newest = at
            self._waiting.append((item, at))
            self._change.notify_all()
            return not self._stopped

    def _has_room(self, at: float) -> bool:
        """Wait for room, as long as that is allowed."""
        assert self._anchor is not None
        while not self._stopped and self._num_optional >= self._size:
            left = None
            if self._patience is not None:
                behind = (self._clock() - self._anchor[0]) - (at - self._anchor[1])
                left = self._patience - behind
                if left <= 0:
                    return False
            self._change.wait(left)
        return not self._stopped
