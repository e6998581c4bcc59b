"""Collections of face crops of one person each, made once and kept on disk: what expression networks train on.

Knows the manifest of real clips, the tracker and synthetic faces; refuses to know networks. A clip marked `dev` is
never read here.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import DataError, VisemeError
from viseme.data.manifest import ManifestRow
from viseme.engine.jobs import make_files
from viseme.faces.crops import CROP_SIZE, crop_frame, crop_squares, into_crop
from viseme.media.images import decode_image, encode_jpeg

__all__ = [
    "Collection",
    "merged",
    "most_varied",
    "prepare_real",
    "prepare_synthetic",
]

QUALITY = 95
"""JPEG quality that crops are kept at."""

_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Collection:
    """Frames of one person, with landmarks: C_k of the papers."""

    name: str
    subject: str
    """Who it is; splits never divide a subject. Where speakers are unlabelled, the clip's own name."""
    jpegs: tuple[bytes, ...]
    """M crops, 224 x 224."""
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


def _save(collection: Collection, path: Path) -> None:
    lengths = np.array([len(j) for j in collection.jpegs], np.int64)
    arrays: dict[str, Any] = {
        "name": np.array(collection.name),
        "subject": np.array(collection.subject),
        "lengths": lengths,
        "jpegs": np.frombuffer(b"".join(collection.jpegs), np.uint8),
        "landmarks": collection.landmarks,
    }
    arrays.update({k: v for k in ("alpha", "beta", "delta") if (v := getattr(collection, k)) is not None})
    temporary = path.with_suffix(".partial.npz")
    np.savez(temporary, **arrays)
    temporary.replace(path)


def _load(path: Path) -> Collection:
    with np.load(path, allow_pickle=False) as data:
        values = {k: data[k] for k in data.files}
    ends = np.cumsum(values["lengths"])
    blob = values["jpegs"].tobytes()
    known = {k: values[k] for k in ("alpha", "beta", "delta") if k in values}
    return Collection(
        name=str(values["name"]),
        subject=str(values["subject"]),
        jpegs=tuple(blob[a:b] for a, b in zip(ends - values["lengths"], ends, strict=True)),
        landmarks=values["landmarks"],
        **known,
    )


def _track_one(row: ManifestRow, most: int, path: Path) -> None:
    """Track a clip, then read it again for at most `most` evenly spaced crops of its longest track."""
    from viseme.faces import FaceTrackChunk, tracker
    from viseme.media import read_frames

    try:
        kind = tracker["mediapipe"]
        found = kind(kind.Config()).track(read_frames(row.path, max_side=1280))
        chunks = [c for c in found if isinstance(c, FaceTrackChunk)]
        lengths: dict[int, int] = defaultdict(int)
        for chunk in chunks:
            lengths[chunk.track_id] += len(chunk.times)
        if not lengths or max(lengths.values()) < 10:
            return
        best = [c for c in chunks if c.track_id == max(lengths, key=lengths.__getitem__)]
        seen = np.concatenate([c.observed for c in best])
        times = np.concatenate([c.times for c in best])[seen]
        landmarks = np.concatenate([c.landmarks for c in best])[seen]
        if len(times) < 2:
            return
        chosen = np.unique(np.linspace(0, len(times) - 1, most).round().astype(int))
        squares = crop_squares(landmarks)
        wanted = {round(float(times[i]) * 1e6): i for i in chosen if np.isfinite(squares[i]).all()}
        jpegs, points = [], []
        for frame in read_frames(row.path, max_side=1280):
            index = wanted.get(round(float(frame.time) * 1e6))
            if index is not None:
                jpegs.append(encode_jpeg(crop_frame(frame.image, squares[index], scale=frame.scale), QUALITY))
                points.append(into_crop(landmarks[index : index + 1, :468, :2], squares[index : index + 1])[0])
    except (VisemeError, ValueError):
        return  # counted as left out by the caller
    if jpegs:
        unlabelled = row.speaker.endswith("unlabelled")
        subject = f"{row.source}/{row.path.stem}" if unlabelled else row.speaker
        made = Collection(
            name=f"{row.source}/{row.path.stem}",
            subject=subject,
            jpegs=tuple(jpegs),
            landmarks=np.array(points, np.float32),
        )
        _save(made, path)


def _draw_one(seed: int, num: int, path: Path) -> None:
    from viseme.synthetic.faces import draw_faces

    made = draw_faces(seed, num)
    name = f"synthetic/{seed}"
    _save(
        Collection(
            name=name,
            subject=name,
            jpegs=tuple(encode_jpeg(image, QUALITY) for image in made.images),
            landmarks=made.landmarks,
            alpha=made.alpha,
            beta=made.beta,
            delta=made.delta,
        ),
        path,
    )


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
    folder = work / "real"
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(_track_one, (row, most), folder / f"{_key(row, most)}.npz") for row in rows]
    return [_load(path) for path in make_files(jobs, num_jobs=num_jobs, on_progress=on_progress)]


def prepare_synthetic(
    seeds: Sequence[int], work: Path, *, num: int = 24, num_jobs: int = 2, on_progress: Callable[[int, int], None]
) -> list[Collection]:
    """Synthetic people, `num` frames each, kept under `work`."""
    folder = work / "synthetic"
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(_draw_one, (seed, num), folder / f"{_VERSION}-{num}-{seed}.npz") for seed in seeds]
    return [_load(path) for path in make_files(jobs, num_jobs=num_jobs, on_progress=on_progress)]


def _key(row: ManifestRow, most: int) -> str:
    text = f"{_VERSION}:{row.path.parent.name}/{row.path.name}:{most}:{CROP_SIZE}"
    return hashlib.sha256(text.encode()).hexdigest()[:20]


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
            jpegs = [j for c in some for j in c.jpegs]
            kept = most_varied(points, most)
            betas = [c.beta for c in some if c.beta is not None]
            out.append(
                replace(
                    some[0],
                    name=f"{subject}/{first // clips}",
                    jpegs=tuple(jpegs[i] for i in kept),
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
