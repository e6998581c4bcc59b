"""What an expert sees of a clip: points, the model's lips, or mouths, on one clock, and how training varies it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from viseme.core.errors import DataError
from viseme.data.sources import TrackedClip
from viseme.expert.phones import PHONES
from viseme.expert.recipes import quick_recipe, sized
from viseme.expert.seen import NUM_POINTS, SEES, network_input, seen_of, varied
from viseme.faces.mouth_roi import INPUT_PX, ROI_PX
from viseme.synthetic.landmarks import training_clip


def _clip(images: bool) -> TrackedClip:
    made = training_clip(5, seconds=1.5)
    num = len(made.times)
    pixels = np.tile(np.arange(224, dtype=np.uint8)[None, :, None, None], (num, 1, 224, 3)) if images else None
    return TrackedClip(times=made.times + 2.0, landmarks=made.landmarks, observed=np.ones(num, bool), images=pixels)


@pytest.mark.parametrize("sees", SEES)
def test_frames_come_25_a_second_whatever_is_seen(sees: str) -> None:
    clip = _clip(sees == "pixel")
    begin, seen = seen_of(clip, sees)  # type: ignore[arg-type]
    assert begin == clip.times[0]
    assert abs(len(seen) - 25 * (clip.times[-1] - begin) - 1) < 1
    inner = (ROI_PX, ROI_PX) if sees == "pixel" else (NUM_POINTS[sees], 3)  # type: ignore[index]
    assert seen.shape[1:] == inner
    for given in (network_input(seen), varied(seen, np.random.default_rng(1))):
        assert given.dtype == np.float32
        assert given.shape == ((len(seen), INPUT_PX, INPUT_PX) if sees == "pixel" else seen.shape)
        assert np.isfinite(given).all()
    if sees != "pixel":
        assert np.abs(network_input(seen).mean(0)).max() < 1e-5


def test_mouths_of_a_clip_that_was_never_filmed_are_refused() -> None:
    with pytest.raises(DataError, match="filmed clips"):
        seen_of(_clip(False), "pixel")


def test_all_frames_of_a_mouth_are_varied_alike() -> None:
    mouth: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 255, (1, ROI_PX, ROI_PX)).astype(np.uint8)
    given = varied(np.repeat(mouth, 3, 0), np.random.default_rng(3))
    assert np.array_equal(given[0], given[2])
    assert not np.array_equal(given[0], network_input(mouth)[0])


def test_sizes_follow_the_input() -> None:
    pixel = sized(quick_recipe(), "pixel", None)
    assert (pixel.size.num_points, pixel.num_recorded, pixel.size.phones) == (0, 0, len(PHONES))
    large = sized(quick_recipe(), "mesh", "large")
    assert (large.size.num_points, large.size.layers) == (96, 24)
    assert all(each.layers == 0 for each in large.iterations)
