"""How finely frames are searched: squares and tiles cover the frame, and are few."""

from __future__ import annotations

import numpy as np
import pytest

from viseme.faces.tiles import COARSE, FINE, FINEST, MOST_TILES, detect_faces, smallest_seen

SIZES = [(720, 1280), (1280, 720), (360, 480), (960, 960), (1080, 1920)]


class Corners:
    """A detector that finds one face wherever a white pixel is."""

    def __init__(self) -> None:
        self.num = 0

    def detect(self, frame):
        self.num += 1
        y, x = np.nonzero(frame[..., 0])
        return np.column_stack([x - 4, y - 4, x + 4, y + 4, np.full(len(x), 0.9)]).astype(np.float32)


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("level", [COARSE, FINE, FINEST])
def test_a_face_in_any_corner_is_found_in_its_place(height, width, level):
    for y, x in [(8, 8), (8, width - 8), (height - 8, 8), (height - 8, width - 8), (height // 2, width // 2)]:
        image = np.zeros((height, width, 3), np.uint8)
        image[y, x] = 255
        nets = Corners()
        (found,) = detect_faces(nets, image, level, least_px=21.0)
        assert found[:4] == pytest.approx([x - 4, y - 4, x + 4, y + 4])
        assert nets.num <= 1 + 3 + MOST_TILES


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_finer_levels_see_smaller_faces(height, width):
    seen = [smallest_seen(height, width, level, 21.0) for level in (COARSE, FINE, FINEST)]
    assert seen[0] >= seen[1]
    assert 20 < seen[2] < 35
