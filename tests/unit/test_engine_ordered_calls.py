"""Calls in another thread: all are made, in order, and a fault arrives."""

from __future__ import annotations

import threading

import pytest

from viseme.engine.ordered_calls import OrderedCalls


def test_calls_are_made_in_order_in_one_other_thread() -> None:
    made: list[tuple[int, int]] = []
    with OrderedCalls(3) as calls:
        for number in range(50):
            calls.add(lambda n: made.append((n, threading.get_ident())), number)
    assert [n for n, _ in made] == list(range(50))
    assert {thread for _, thread in made}.isdisjoint({threading.get_ident()})
    assert len({t for _, t in made}) == 1


def test_only_so_many_calls_wait() -> None:
    go, most = threading.Event(), 2
    added: list[int] = []

    def add() -> None:
        with OrderedCalls(most) as calls:
            for number in range(5):
                calls.add(go.wait)
                added.append(number)

    caller = threading.Thread(target=add)
    caller.start()
    caller.join(0.1)
    assert len(added) <= most
    go.set()
    caller.join(5)
    assert len(added) == 5


def _fail() -> None:
    raise KeyError("lost")


def test_a_fault_arrives_on_leaving() -> None:
    with pytest.raises(KeyError), OrderedCalls(2) as calls:
        calls.add(_fail)


def test_a_fault_arrives_at_a_later_call() -> None:
    added: list[int] = []

    def add() -> None:
        with OrderedCalls(1) as calls:
            for number in range(9):
                calls.add(_fail)
                added.append(number)

    with pytest.raises(KeyError):
        add()
    assert len(added) < 9
