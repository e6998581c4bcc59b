"""Work that comes whether we are ready or not, with a source and a clock that the test holds in its hand."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from viseme.engine.bounded_queue import BoundedQueue

STEP = 0.04


class Wall:
    """A clock that stands still until it is told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def frame(item: str) -> float | None:
    """ "p7" is the seventh frame and may be left out; "s7" is audio."""
    return int(item[1:]) * STEP if item[0] == "p" else None


def both(num: int) -> list[str]:
    return [word for i in range(num) for word in (f"p{i}", f"s{i}")]


def settled(queue: BoundedQueue, reads: int, source: Counted) -> None:
    for _ in range(500):
        if source.num >= reads:
            return
        threading.Event().wait(0.01)
    pytest.fail(f"the source was read {source.num} times, not {reads}")


class Counted:
    """A source that tells how far it was read."""

    def __init__(self, items: list[str]) -> None:
        self.items, self.num = items, 0

    def __iter__(self) -> Iterator[str]:
        for item in self.items:
            self.num += 1
            yield item
        self.num += 1


def test_everything_comes_in_order_where_the_source_may_wait() -> None:
    """A film through a pipe: faster than real time, and so never left out from, however small the room."""
    for patience in (None, 0.5):
        queue = BoundedQueue(both(60), frame, size=3, patience=patience, clock=Wall())
        assert list(queue) == both(60)
        assert queue.num_dropped == 0
        assert queue.close()


def test_what_is_too_much_is_left_out_and_counted_but_never_audio() -> None:
    """A camera whose frames nobody takes: the wall goes on, the room is full."""
    wall = Wall()
    source = Counted(both(100))
    queue = BoundedQueue(source, frame, size=4, patience=0.5, clock=wall)
    settled(queue, 9, source)  # p4 waits for room
    wall.now = 1000.0
    with queue._change:
        queue._change.notify_all()
    settled(queue, 201, source)
    got = list(queue)
    assert [x for x in got if x[0] == "s"] == [f"s{i}" for i in range(100)]
    assert [x for x in got if x[0] == "p"] == ["p0", "p1", "p2", "p3"]
    assert queue.num_dropped == 96
    assert queue.close()


def test_who_waits_is_told_how_much_of_the_stream_waits() -> None:
    source = Counted(both(4))
    queue = BoundedQueue(source, frame, size=10, patience=0.5, clock=Wall())
    settled(queue, 9, source)
    assert queue.seconds == pytest.approx(3 * STEP)
    next(queue)
    next(queue)
    next(queue)
    assert queue.seconds == pytest.approx(2 * STEP)
    list(queue)
    assert queue.seconds == 0
    assert queue.close()


def test_a_pause_of_the_source_is_not_our_slowness() -> None:
    """A camera that stood still for a minute: whoever asks had caught up, so counting begins anew."""
    wall = Wall()
    resume = threading.Event()

    def source() -> Iterator[str]:
        yield "p0"
        resume.wait(5)
        wall.now = 60.0
        yield from (f"p{i}" for i in range(1, 20))

    queue = BoundedQueue(source(), frame, size=2, patience=0.5, clock=wall)
    assert next(queue) == "p0"
    resume.set()
    assert list(queue) == [f"p{i}" for i in range(1, 20)]
    assert queue.num_dropped == 0
    assert queue.close()


def test_errors_arrive_after_what_came_before() -> None:
    def source() -> Iterator[str]:
        yield "p0"
        raise OSError("the cable was pulled")

    queue = BoundedQueue(source(), frame, size=2, patience=0.5)
    assert next(queue) == "p0"
    with pytest.raises(OSError, match="cable"):
        next(queue)
    assert queue.close()


def test_closing_wakes_a_source_that_waits() -> None:
    woken = threading.Event()

    def source() -> Iterator[str]:
        yield "p0"
        woken.wait(30)

    queue = BoundedQueue(source(), frame, size=2, patience=0.5)
    assert next(queue) == "p0"
    assert queue.close(woken.set)


def test_closing_ends_a_thread_that_waits_for_room() -> None:
    source = Counted(both(100))
    queue = BoundedQueue(source, frame, size=1, patience=None)
    settled(queue, 3, source)
    assert queue.close()
    assert source.num == 3
