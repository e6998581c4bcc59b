"""Clips of a talker that nobody filmed: bright squares as faces, with a mouth that opens, prepared in a store."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from viseme.data.prepare import PreparedClips
from viseme.data.sources import ClipInfo
from viseme.data.store import ClipStore
from viseme.talker.clips import TalkerClips

__all__ = ["made_up_clips"]


def made_up_clips(folder: Path, *, num: int = 4, frames: int = 60, side: int = 96) -> TalkerClips:
    """Clips of two people; the mouth opens as the audio is loud."""
    store = ClipStore(folder)
    arrays = {}
    for i in range(num):
        rng = np.random.default_rng(i)
        opening = rng.uniform(0, 1, frames).astype(np.float32)
        faces = np.full((frames, side, side, 3), 90 + 40 * (i % 2), np.uint8)
        faces += rng.integers(0, 20, faces.shape, np.uint8)
        for face, wide in zip(faces, opening):
            face[side * 3 // 4 : side * 3 // 4 + 2 + int(8 * wide), side // 3 : -side // 3] = (160, 40, 40)
        to_mouth = np.tile(np.array([[1.4, 0.1, -20.0], [-0.1, 1.4, -50.0]], np.float32), (frames, 1, 1))
        arrays[f"clip{i}"] = {
            "faces": faces,
            "mel": (opening[:, None, None] * rng.normal(size=(80, 16))).astype(np.float16),
            "speech": (opening[:, None] * rng.normal(size=104)).astype(np.float16),
            "to_mouth": to_mouth,
        }
    store.write(arrays, {})
    infos = tuple(ClipInfo(name=key, speaker=f"s{i % 2}", licence="none") for i, key in enumerate(arrays))
    places = tuple(range(num))
    return TalkerClips(PreparedClips(ClipStore(folder), tuple(arrays), infos, places, ()), places, side)
