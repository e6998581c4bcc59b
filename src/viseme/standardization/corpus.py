"""Collections of face crops of one person each, made once and kept on disk: what expression networks learn from.

Knows sources of clips and their crops; refuses to know networks. A clip marked `dev` never comes here: `read_manifest`
refuses to hand one out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import DataError
from viseme.data.manifest import ManifestRow
from viseme.data.prepare import PreparedClips, View, prepare, track_clips
from viseme.data.sources import TrackedClip, clip_sources
from viseme.data.store import ClipStore
from viseme.faces.crops import crop_squares, into_crop
from viseme.media.images import decode_image, encode_jpeg

__all__ = ["Collection", "merged", "most_varied", "prepare_real", "prepare_synthetic"]

QUALITY = 95
"""JPEG quality that crops are kept at."""
_TRUTHS = ("alpha", "beta", "delta")


@dataclass(frozen=True, kw_only=True)
class Collection:
    """Frames of one person, with landmarks: C_k of the papers."""

    name: str
    subject: str
    """Who it is; splits never divide a subject. Where speakers are unlabelled, the clip's own name."""
    jpegs: Sequence[bytes]
    """M crops, 224 x 224; read from disk when they are asked for."""
    landmarks: NDArray[np.float32]
    """(M, 468, 2) pixels of the crop."""
    alpha: NDArray[np.float32] | None = None
    """(A,) true identity of a synthetic person."""
    beta: NDArray[np.float32] | None = None
    """(M, E) true expression."""
    delta: NDArray[np.float32] | None = None
    """(D,) true texture."""

    def __len__(self) -> int:
        return len(self.jpegs)

    def image(self, index: int) -> NDArray[np.uint8]:
        """(224, 224, 3) RGB."""
        try:
            return decode_image(self.jpegs[index])
        except ValueError as error:
            raise DataError(
                f"frame {index} of {self.name} is damaged; delete the prepared files and run again"
            ) from error


@dataclass(frozen=True)
class _Stored(Sequence[bytes]):
    """The crops of one prepared clip."""

    store: ClipStore
    key: str
    num: int

    def __len__(self) -> int:
        return self.num

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[bytes, ...]: ...
    def __getitem__(self, index: int | slice) -> bytes | tuple[bytes, ...]:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(self.num)))
        ends, jpegs = self.store.read(self.key, ("ends", "jpegs"))
        if not -self.num <= index < self.num:
            raise IndexError(index)
        begin = int(ends[index % self.num - 1]) if index % self.num else 0
        return jpegs[begin : int(ends[index % self.num])].tobytes()


@dataclass(frozen=True)
class _Picked(Sequence[bytes]):
    """Crops out of several sequences."""

    places: tuple[tuple[Sequence[bytes], int], ...]

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> _Picked: ...
    def __getitem__(self, index: int | slice) -> bytes | _Picked:
        if isinstance(index, slice):
            return _Picked(self.places[index])
        crops, number = self.places[index]
        return crops[number]


def _crops(clip: TrackedClip, most: int) -> dict[str, NDArray[Any]]:
    """At most `most` evenly spaced crops of a clip as JPEG, their landmarks, and what is known of them.

    Raises:
        DataError: a face is seen in fewer than two frames.
    """
    assert clip.images is not None
    squares = crop_squares(clip.landmarks)
    usable = np.flatnonzero(np.asarray(clip.observed) & np.isfinite(squares).all(1))
    if len(usable) < 2:
        raise DataError("a face is seen in fewer than two frames")
    chosen = usable[np.unique(np.linspace(0, len(usable) - 1, most).round().astype(int))]
    jpegs = [encode_jpeg(clip.images[i], QUALITY) for i in chosen]
    points = into_crop(clip.landmarks[chosen, :468, :2], squares[chosen]) if not clip.truth else None
    return {
        "jpegs": np.frombuffer(b"".join(jpegs), np.uint8),
        "ends": np.cumsum([len(j) for j in jpegs], dtype=np.int64),
        # what is drawn as a crop has its landmarks in the crop already
        "landmarks": (clip.landmarks[chosen, :468, :2] if points is None else points).astype(np.float32),
        **{name: values[chosen] if name == "beta" else values for name, values in clip.truth.items()},
    }


def _collections(made: PreparedClips) -> list[Collection]:
    out = []
    for key, info in zip(made.keys, made.infos, strict=True):
        arrays = made.store[key]
        out.append(
            Collection(
                name=info.name,
                subject=info.speaker,
                jpegs=_Stored(made.store, key, len(arrays["ends"])),
                landmarks=np.array(arrays["landmarks"]),
                **{name: np.array(arrays[name]) for name in _TRUTHS if name in arrays},
            )
        )
    return out


def prepare_real(
    rows: Sequence[ManifestRow],
    work: Path,
    *,
    most: int = 25,
    num_jobs: int = 2,
    on_progress: Callable[[int, int], None],
) -> list[Collection]:
    """Crops of every clip, tracked once and kept under `work`; one collection a clip (DSP: an utterance).

    Clips without a usable face are left out; the number of collections says how many.

    Args:
        rows: From `read_manifest`.
        work: Folder.
        most: Crops of a clip.
        num_jobs: Processes.
        on_progress: Told clips done and in all.
    """
    source = clip_sources["manifest"](tuple(rows))
    tracked = track_clips(source, work, num_jobs=num_jobs, on_progress=on_progress)
    view = View(f"crops{most}", partial(_crops, most=most), needs_pixels=True)
    return _collections(prepare(tracked, view, work, num_jobs=num_jobs, on_progress=on_progress))


def prepare_synthetic(
    seeds: Sequence[int], work: Path, *, num: int = 24, num_jobs: int = 2, on_progress: Callable[[int, int], None]
) -> list[Collection]:
    """Synthetic people, `num` frames each, kept under `work`."""
    source = clip_sources["synthetic-faces"](tuple(seeds), num)
    view = View(f"crops{num}", partial(_crops, most=num), needs_pixels=True)
    return _collections(prepare(source, view, work, num_jobs=num_jobs, on_progress=on_progress))


def merged(collections: Sequence[Collection], *, clips: int = 10, most: int = 50) -> list[Collection]:
    """LMID's collections: up to `clips` clips of one subject together, the `most` varied frames of them kept."""
    groups: dict[str, list[Collection]] = defaultdict(list)
    for collection in collections:
        groups[collection.subject].append(collection)
    out = []
    for subject, members in groups.items():
        for first in range(0, len(members), clips):
            some = members[first : first + clips]
            points = np.concatenate([c.landmarks for c in some])
            places = [(c.jpegs, i) for c in some for i in range(len(c))]
            kept = most_varied(points, most)
            betas = [c.beta for c in some if c.beta is not None]
            out.append(
                replace(
                    some[0],
                    name=f"{subject}/{first // clips}",
                    jpegs=_Picked(tuple(places[i] for i in kept)),
                    landmarks=points[kept],
                    beta=np.concatenate(betas)[kept] if len(betas) == len(some) else None,
                )
            )
    return out


def most_varied(landmarks: NDArray[np.floating], most: int) -> NDArray[np.int64]:
    """Indices of frames that differ: each next one is the farthest from those taken, by mean lip landmark distance.

    Args:
        landmarks: (M, 468, 2); pose counts because nothing but position and size of the whole face is removed.
        most: How many, at most.

    Returns:
        Rising indices, `min(most, M)` of them.

    Source:
        LMID section 3.2: frames of varied pose and expression, by lip landmark distance.
    """
    from viseme.face3d.interface import load_face_model

    lips = np.asarray(load_face_model().landmarks["mp468"].subsets["lips"])
    centre = landmarks.mean(1, keepdims=True)
    spread = np.linalg.norm(landmarks - centre, axis=-1).mean(1)[:, None, None]
    shapes = ((landmarks - centre) / spread)[:, lips]
    taken = [int(np.linalg.norm(shapes - shapes.mean(0), axis=-1).mean(1).argmax())]
    nearest = np.full(len(shapes), np.inf)
    while len(taken) < min(most, len(shapes)):
        nearest = np.minimum(nearest, np.linalg.norm(shapes - shapes[taken[-1]], axis=-1).mean(1))
        nearest[taken] = -1
        taken.append(int(nearest.argmax()))
    return np.sort(np.array(taken, np.int64))
