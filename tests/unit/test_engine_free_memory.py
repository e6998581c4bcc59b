"""Memory that was freed in pieces goes back to the system, where the C library can do that."""

from __future__ import annotations

import sys

import pytest

from viseme.engine import free_memory
from viseme.engine.free_memory import return_free_memory


def test_a_c_library_without_the_function_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(free_memory, "_malloc_trim", lambda: None)
    assert return_free_memory() is False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the figures are those of Linux")
def test_what_is_free_between_what_is_used_is_returned() -> None:
    if free_memory._malloc_trim() is None:
        pytest.skip("this C library keeps nothing")
    pieces = [bytearray(60_000) for _ in range(1000)]
    del pieces[::2]
    before = _resident_mb()
    return_free_memory()
    assert _resident_mb() < before - 15
    del pieces


def _resident_mb() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6
