"""What tests share of the face networks: answers are the networks' own, and another pixel is another question."""

from __future__ import annotations

import numpy as np

from remembering_networks import RememberingNetwork


def test_a_batch_is_run_once_and_another_is_not_taken_for_it() -> None:
    runs: list[np.ndarray] = []

    def network(batch: np.ndarray) -> list[np.ndarray]:
        runs.append(batch.copy())
        return [batch.sum(axis=(1, 2, 3))]

    remembering = RememberingNetwork(network, most_bytes=8)
    batch = np.ones((1, 3, 4, 4), np.float32)
    (first,) = remembering(batch)
    first += 1  # whoever gets an answer may change it
    assert remembering(batch)[0] == 48
    assert len(runs) == 1
    batch[0, 0, 0, 0] = 2
    assert remembering(batch)[0] == 49
    assert remembering(np.ones((1, 1, 12, 4), np.float32))[0] == 48
    assert len(runs) == 3
    remembering(np.ones((1, 3, 4, 4), np.float32))
    assert len(runs) == 4, "the oldest is forgotten"
