"""Shards of prepared clips: to the last bit, complete or absent, no larger in memory than what is looked at."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest

from viseme.core.errors import DataError
from viseme.data.store import ClipStore


def _arrays(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "times": rng.normal(size=5),
        "points": rng.normal(size=(5, 67, 3)).astype(np.float32),
        "audio": rng.normal(size=(9, 105)).astype(np.float16),
        "frames": rng.integers(0, 256, (5, 3, 4, 4), dtype=np.uint8),
        "observed": rng.random(5) < 0.5,
        "first": np.array(-17, np.int64),
        "nothing": np.zeros((0, 3), np.float32),
    }


def test_arrays_come_back_as_they_were_from_several_shards(tmp_path):
    store = ClipStore(tmp_path / "store")
    store.write({"a": _arrays(0), "b": _arrays(1)}, {"dark": "no face"})
    store.write({"c": _arrays(2)}, {})
    assert len(store) == 0, "what others wrote is taken in when asked for"
    store.refresh()
    assert sorted(store) == ["a", "b", "c"]
    for seed, key in enumerate("abc"):
        for name, array in _arrays(seed).items():
            found = store[key][name]
            np.testing.assert_array_equal(found, array)
            assert (found.dtype, found.shape) == (array.dtype, array.shape)
    (points,) = store.read("b", ["points"])
    np.testing.assert_array_equal(points, _arrays(1)["points"])
    assert store.reasons == {"dark": "no face"}
    assert store.done("dark")
    assert not store.done("else")


def test_a_clip_is_read_only(tmp_path):
    store = ClipStore(tmp_path)
    store.write({"a": _arrays(0)}, {})
    store.refresh()
    with pytest.raises(ValueError, match="read-only"):
        store["a"]["points"][0] = 1


def test_another_process_gets_the_folder_not_the_data(tmp_path):
    store = ClipStore(tmp_path)
    store.write({"a": _arrays(0)}, {})
    store.refresh()
    sent = pickle.dumps(store)
    assert len(sent) < 500
    np.testing.assert_array_equal(pickle.loads(sent)["a"]["times"], _arrays(0)["times"])


def test_a_shard_cut_short_is_named_and_half_a_shard_is_never_seen(tmp_path):
    store = ClipStore(tmp_path)
    path = store.write({"a": _arrays(0)}, {})
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    (tmp_path / ".viseme-0.tmp").write_bytes(path.read_bytes()[:100])
    assert list(ClipStore(tmp_path)) == ["a"]
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(DataError, match="delete it"):
        ClipStore(tmp_path)


MEASURE = """
import resource, sys
from pathlib import Path
from viseme.data.store import ClipStore
store = ClipStore(Path(sys.argv[1]))
def anonymous_and_mapped():
    text = Path("/proc/self/status").read_text()
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith(("RssAnon", "RssFile")))
before = anonymous_and_mapped()
total = 0.0
for key in store:
    total += float(store[key]["points"].sum())
print(anonymous_and_mapped() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_reading_every_clip_does_not_keep_any(tmp_path):
    store = ClipStore(tmp_path)
    for number in range(8):
        store.write({f"{number}": {"points": np.full((4 << 20,), number, np.float32)}}, {})
    done = subprocess.run([sys.executable, "-c", MEASURE, str(tmp_path)], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 40_000, "kB, of 131,072 that were read"
