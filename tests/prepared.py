"""Clips made up and already prepared, so that no face needs to be tracked and nothing needs to be spoken."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from viseme.audio.bands import NUM_BANDS
from viseme.data.prepare import VERSION
from viseme.data.sources import ClipInfo
from viseme.data.store import ClipStore
from viseme.sync.clips import ClipSet
from viseme.sync.inputs.points import Mesh
from viseme.sync.views import inputs_view

VIEW = inputs_view(["landmarks", "mesh"]).name


def spoken(seed: int) -> dict[str, np.ndarray]:
    """Three seconds in which lips and loudness follow one random curve: arrays of a prepared clip."""
    rng = np.random.default_rng(seed)
    knots = np.arange(-1, 5, 0.09)
    values = rng.uniform(0, 1, len(knots))
    at = np.arange(75) * 0.04
    direction = rng.normal(size=(67, 3)) * 0.02
    heard = np.interp(np.arange(300) * 0.01, knots, values)
    audio = -4 + 6 * heard[:, None] + rng.normal(0, 0.3, (300, NUM_BANDS))
    points = (np.interp(at, knots, values)[:, None, None] * direction).astype(np.float32)
    return {
        "times": at + 0.005,
        "landmarks": points,
        "mesh": Mesh().of_points(points),
        "raw": np.random.default_rng(seed).integers(0, 256, (75, 3, 48, 48), dtype=np.uint8),
        "audio": audio.astype(np.float16),
        "first_audio_frame": np.array(0),
        "level": np.array(6.0),
    }


def clip_set(folder: Path, seeds: Sequence[int], input: str = "landmarks") -> ClipSet:
    """Such clips in a store of their own."""
    store = ClipStore(folder)
    store.write({f"{seed}": spoken(seed) for seed in seeds}, {})
    store.refresh()
    infos = tuple(ClipInfo(name=f"{seed}", speaker=f"speaker{seed}") for seed in seeds)
    return ClipSet(store, tuple(f"{seed}" for seed in seeds), infos, input, (0.0,) * len(seeds))


def fill(source, work: Path, seeds: Sequence[int], view: str = VIEW) -> None:
    """Put such clips where the preparation of a source looks for what it has done before."""
    keys = [source.key(i) for i in range(len(seeds))]
    made = {key: spoken(seed) for key, seed in zip(keys, seeds, strict=True)}
    common = ("times", "audio", "first_audio_frame", "level")
    rest = {"observed": np.ones(75, bool), "landmarks": np.zeros((75, 478, 3), np.float32)}
    tracks = {key: {**{n: arrays[n] for n in common}, **rest} for key, arrays in made.items()}
    ClipStore(work / f"{source.kind}-tracks-{VERSION}").write(tracks, {})
    ClipStore(work / f"{source.kind}-{view}-{VERSION}").write(made, {})
