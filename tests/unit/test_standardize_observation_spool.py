"""Stretches of tracks that wait on the disk come back as they were."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest

from viseme.core.errors import OutputError
from viseme.standardization.interface import FaceObservation
from viseme.standardization.observation_spool import ObservationSpool


def stretch(start: float, num: int, seed: int) -> FaceObservation:
    rng = np.random.default_rng(seed)
    return FaceObservation(
        times=start + np.arange(num) / 25,
        landmarks=rng.normal(size=(num, 478, 3)).astype(np.float32),
        observed=rng.random(num) > 0.3,
        crops=rng.normal(size=(num, 3)),
    )


@pytest.mark.parametrize("in_memory", [0, 1000, 1 << 30])
def test_tracks_come_back_apart_and_in_order(tmp_path: Path, in_memory: int) -> None:
    given = [(7, stretch(0.0, 5, 1)), (3, stretch(0.1, 2, 2)), (7, stretch(0.2, 3, 3))]
    with ObservationSpool(tmp_path, in_memory=in_memory) as spool:
        for track_id, piece in given:
            spool.add(piece, track_id)
        assert (spool.num_frames(7), spool.num_frames(3), spool.num_frames(99)) == (8, 2, 0)
        found = list(spool.observations(7, most=4))
        assert [len(piece.times) for piece in found] == [4, 1, 3]
        for name in ("times", "landmarks", "observed", "crops"):
            whole = np.concatenate([getattr(piece, name) for piece in found])
            expected = np.concatenate([getattr(piece, name) for track_id, piece in given if track_id == 7])
            np.testing.assert_array_equal(whole, expected)
            assert whole.dtype == expected.dtype
        assert len(list(spool.observations(7))) == 2
    assert list(tmp_path.iterdir()) == [], "the file has no name"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="nowhere"):
        ObservationSpool(tmp_path / "nowhere")


def test_a_full_disk_is_told_by_folder_not_by_the_close_that_fails_too(tmp_path: Path) -> None:
    class Full:
        def seek(self, *where: int) -> int:
            return 0

        def write(self, *data: bytes) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        close = write

    spool = ObservationSpool(tmp_path)
    spool._file.close()
    spool._file = Full()  # type: ignore[assignment]
    with pytest.raises(OutputError, match="cannot hold the landmarks"):
        spool.add(stretch(0.0, 2, 1))
    spool.__exit__()
