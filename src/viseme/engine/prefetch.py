"""Items made in another thread before they are asked for. Knows iterators; refuses to know what they yield."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any, TypeVar

__all__ = ["Prefetch", "prefetch"]

T = TypeVar("T")


class Prefetch(Iterator[T]):
    """Items made in another thread before they are asked for; errors arrive where they are asked for."""

    def __init__(self, items: Iterator[T], size: int) -> None:
        self._queue: queue.Queue[Any] = queue.Queue(size)
        self._stop = threading.Event()
        self._items = items
        self._thread = threading.Thread(target=self._run, name="decode", daemon=True)
        self._thread.start()

    def _put(self, item: Any) -> bool:
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=0.2)
                return True
            except queue.Full:
                continue
        return False

    def _run(self) -> None:
        try:
            for item in self._items:
                if not self._put((item, None)):
                    return
            self._put((None, StopIteration()))
        except BaseException as error:
            self._put((None, error))

    def __next__(self) -> T:
        item, error = self._queue.get()
        if error is not None:
            self._queue.put((None, error))
            raise error
        return item

    def close(self) -> None:
        """End the thread; items not asked for are lost."""
        self._stop.set()
        while not self._queue.empty():
            self._queue.get_nowait()
        self._thread.join(timeout=5)


def prefetch(items: Iterator[T], size: int) -> Prefetch[T]:
    """Make at most `size` items before they are asked for; call `close` when leaving early.

    Example:
        >>> sum(prefetch(iter(range(5)), 2))
        10
    """
    return Prefetch(items, size)
