"""Tests of commands share what the face networks say of the same pixels; tests of the networks themselves do not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from remembering_networks import load_remembering_network
from viseme.faces import nets

FORGETFUL = ("test_faces_nets", "test_faces_real", "test_faces_task_file", "test_reproduce_speed", "test_weights_once")
"""Modules whose subject is what the networks say or cost."""


@pytest.fixture(autouse=True, scope="module")
def remembering_networks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Trackers of this module run networks that remember."""
    if request.module.__name__ in FORGETFUL:
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nets, "load_network", load_remembering_network)
        nets.shared_nets.cache_clear()
        yield
    nets.shared_nets.cache_clear()
