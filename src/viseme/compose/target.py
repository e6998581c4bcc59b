"""The faces of the video that a new face goes into: where each one is on which frame, and which one is meant.

Knows tracks and frames; refuses to know pixels of the output. Landmarks wait in a temporary file, so memory does not
grow with the video.
"""

from __future__ import annotations

import tempfile
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import IO

import numpy as np
from numpy.typing import NDArray

from viseme.compose.covered_mouths import (
    MOST_COVERED,
    MOST_PATCHES,
    PATCH_SIDE,
    UsualMouth,
    mouth_patch,
    smoothed_flags,
)
from viseme.compose.same_person import ALIKE, face_shape, shapes_apart
from viseme.core.errors import FaceError, OutputError
from viseme.core.results import Reason, RejectedTrack
from viseme.faces import FaceTrackChunk, FaceTracker, FrameLike
from viseme.faces.geometry import box_iou

__all__ = ["Stretch", "TargetFaces"]

NUM_VERTICES = 468
FRAME_BYTES = NUM_VERTICES * 3 * 4
PATCH_BYTES = PATCH_SIDE * PATCH_SIDE * 3
OF_ONE_SIZE = 0.8
"""From this share of the largest face's width on, another one may as well be meant."""
BESIDE = 0.5
"""Share of the time that the largest face is seen for which another one has to be seen too."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Stretch:
    """One face on frames that follow each other."""

    track_id: int
    shot: int
    first: int
    """Number of the first frame."""
    num: int
    """Frames."""
    boxes: NDArray[np.float32]
    """(2, 4) xyxy of the face on the first and on the last frame, pixels of the frame."""
    at: int
    """Where its landmarks lie in the file, bytes."""

    @property
    def stop(self) -> int:
        """Number of the frame after the last one."""
        return self.first + self.num

    @property
    def width(self) -> float:
        """Pixels of the frame."""
        return float((self.boxes[:, 2] - self.boxes[:, 0]).mean())

    @property
    def middle(self) -> float:
        """Pixels from the left border of the frame."""
        return float(self.boxes[:, [0, 2]].mean())


class _Person:
    """Stretches of one shot that are taken for one person: each begins where the one before ended."""

    def __init__(self, first: Stretch) -> None:
        self.stretches = [first]

    def continues(self, other: Stretch) -> bool:
        last = self.stretches[-1]
        if last.track_id == other.track_id:
            return True
        near = box_iou(last.boxes[1:], other.boxes[:1])[0, 0] > 0.1
        return last.stop <= other.first and bool(near)

    @property
    def num(self) -> int:
        return sum(s.num for s in self.stretches)

    @property
    def width(self) -> float:
        return sum(s.width * s.num for s in self.stretches) / self.num

    @property
    def middle(self) -> float:
        return sum(s.middle * s.num for s in self.stretches) / self.num

    def frames_beside(self, other: _Person) -> int:
        """Frames on which both are seen."""
        pairs = ((a, b) for a in self.stretches for b in other.stretches)
        return sum(max(0, min(a.stop, b.stop) - max(a.first, b.first)) for a, b in pairs)


class _MouthPatches:
    """A `FaceObserver` that keeps a small patch around every mouth on every frame."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._seen: dict[int, tuple[array[float], array[int]]] = {}

    def see(
        self,
        track_id: int,
        time: float,
        image: NDArray[np.uint8],
        scale: float,
        landmarks: NDArray[np.float32],
        *,
        observed: bool,
    ) -> None:
        """See `FaceObserver.see`."""
        at = _appended(self._file, mouth_patch(image, landmarks, scale).tobytes())
        times, places = self._seen.setdefault(track_id, (array("d"), array("q")))
        times.append(time)
        places.append(at)

    def renamed(self, track_id: int, new_id: int, start: float) -> None:
        """See `FaceObserver.renamed`."""
        times, places = self._seen.get(track_id, (array("d"), array("q")))
        first = bisect_left(times, start)
        self._seen[new_id] = times[first:], places[first:]
        del times[first:], places[first:]

    def forget(self, track_id: int) -> None:
        """Drop what is known of a face that cannot be used."""
        self._seen.pop(track_id, None)

    def of(self, track_id: int, times: NDArray[np.float64]) -> NDArray[np.uint8]:
        """(T, 16, 16, 3) of the frames nearest to some times; none where a face was never seen."""
        known, places = self._seen.get(track_id, (array("d"), array("q")))
        if not known:
            return np.zeros((0, PATCH_SIDE, PATCH_SIDE, 3), np.uint8)
        when = np.asarray(known)
        after = np.searchsorted(when, times).clip(0, len(when) - 1)
        before = np.maximum(after - 1, 0)
        nearest = np.where(np.abs(when[before] - times) <= np.abs(when[after] - times), before, after)
        out = np.empty((len(times), PATCH_BYTES), np.uint8)
        for row, number in zip(out, nearest.tolist()):
            self._file.seek(places[number])
            row[:] = np.frombuffer(self._file.read(PATCH_BYTES), np.uint8)
        return out.reshape(-1, PATCH_SIDE, PATCH_SIDE, 3)


def _appended(file: IO[bytes], data: bytes) -> int:
    """Where the bytes lie in the file now."""
    at = file.seek(0, 2)
    try:
        file.write(data)
    except OSError as error:
        raise OutputError(f"{tempfile.gettempdir()} cannot be written to: {error.strerror}") from error
    return at


class TargetFaces:
    """Every usable face of a video, and why the others are not.

    Example:
        >>> with TargetFaces() as faces:
        ...     faces.num_frames, faces.chosen(None)
        Traceback (most recent call last):
        ...
        viseme.core.errors.FaceError: no face was found in the video; dub needs one whose mouth can be seen
    """

    def __init__(self) -> None:
        """Have seen nothing yet.

        Raises:
            OutputError: there is no room for the temporary file.
        """
        self.rejected: list[RejectedTrack] = []
        """Faces that cannot be used."""
        self.notes: list[str] = []
        """What people should know of the choice."""
        self._times: list[float] = []
        self._stretches: list[Stretch] = []
        try:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `__exit__`
        except OSError as error:
            raise OutputError(f"{tempfile.gettempdir()} cannot be written to: {error.strerror}") from error
        self._patches = _MouthPatches(self._file)
        self._covered: dict[tuple[int, ...], NDArray[np.bool_]] = {}

    def __enter__(self) -> TargetFaces:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def num_frames(self) -> int:
        """Frames of the video."""
        return len(self._times)

    @property
    def times(self) -> NDArray[np.float64]:
        """(T,) seconds of the frames."""
        return np.array(self._times, np.float64)

    def follow(
        self, frames: Iterable[FrameLike], tracker: FaceTracker, on_time: Callable[[float], None] | None = None
    ) -> None:
        """Follow every face to the end of the video.

        Args:
            frames: In order.
            tracker: Finds the faces.
            on_time: Told the seconds that are done.
        """
        for event in tracker.track(self._counted(frames, on_time), observers=(self._patches,)):
            if isinstance(event, RejectedTrack):
                self.rejected.append(event)
                self._patches.forget(event.track_id)
            else:
                self._take(event)

    def _counted(self, frames: Iterable[FrameLike], on_time: Callable[[float], None] | None) -> Iterator[FrameLike]:
        for frame in frames:
            self._times.append(float(frame.time))
            if on_time is not None:
                on_time(self._times[-1])
            yield frame

    def _take(self, chunk: FaceTrackChunk) -> None:
        first = int(np.searchsorted(self._times, chunk.times[0] - 1e-6))
        at = _appended(self._file, np.ascontiguousarray(chunk.landmarks[:, :NUM_VERTICES], "<f4").tobytes())
        boxes = chunk.boxes[[0, -1]]
        new = Stretch(track_id=chunk.track_id, shot=chunk.shot, first=first, num=len(chunk.times), boxes=boxes, at=at)
        self._stretches.append(new)

    def landmarks(self, stretch: Stretch) -> NDArray[np.float32]:
        """(T, 468, 3) landmarks of a stretch, pixels of the frames that `read_frames` gives."""
        self._file.seek(stretch.at)
        data = self._file.read(stretch.num * FRAME_BYTES)
        return np.frombuffer(data, "<f4").reshape(stretch.num, NUM_VERTICES, 3)

    def covered(self, stretches: Sequence[Stretch]) -> NDArray[np.bool_]:
        """In which frames of the video something lies before the mouth of one person.

        Args:
            stretches: Of the person.

        Returns:
            (T,) bool, False where the person is not seen.
        """
        key = tuple(s.at for s in stretches)
        if key not in self._covered:
            self._covered = {key: self._found_covered(stretches)}
        return self._covered[key]

    def _found_covered(self, stretches: Sequence[Stretch]) -> NDArray[np.bool_]:
        """Shot by shot: another shot is another light and another place of the camera."""
        out = np.zeros(self.num_frames, bool)
        shots: dict[int, list[Stretch]] = {}
        for stretch in stretches:
            shots.setdefault(stretch.shot, []).append(stretch)
        for shown in shots.values():
            seen = np.concatenate([np.arange(s.first, s.stop) for s in shown])
            usual = UsualMouth.of(self._mouths(shown, max(1, -(-len(seen) // MOST_PATCHES))))
            if usual is None:
                continue
            found = np.zeros(self.num_frames, bool)
            for stretch in shown:
                patches = self._mouths([stretch], 1)
                found[stretch.first : stretch.first + len(patches)] = usual.covered(patches)
            found = smoothed_flags(found)
            if found[seen].mean() <= MOST_COVERED:
                out[seen] = found[seen]
        return out

    def _mouths(self, stretches: Sequence[Stretch], step: int) -> NDArray[np.uint8]:
        """(N, 16, 16, 3) patches around the mouth of every so many frames."""
        times = self.times
        return np.concatenate([self._patches.of(s.track_id, times[s.first : s.stop : step]) for s in stretches])

    def chosen(self, face: int | None) -> list[Stretch]:
        """The stretches of the person who is meant, in order; they do not overlap.

        Args:
            face: Counted from the left, from 1, in every shot; None = the largest of each shot, if it is the person
                seen longest; shots that show somebody else alone are left out, with a note.

        Raises:
            FaceError: there is no usable face, no such one, or two that may be meant.
        """
        shots: dict[int, list[_Person]] = {}
        for stretch in sorted(self._stretches, key=lambda s: s.first):
            people = shots.setdefault(stretch.shot, [])
            known = next((p for p in people if p.continues(stretch)), None)
            if known is None:
                people.append(_Person(stretch))
            else:
                known.stretches.append(stretch)
        if not shots:
            raise FaceError(self._why_none())
        picked = [one for people in shots.values() if (one := self._pick(people, face)) is not None]
        if face is None and len(picked) > 1:
            picked = self._one_person(picked, list(shots.values()))
        if not picked:
            most = max(len(people) for people in shots.values())
            raise FaceError(f"there is no face {face}; the video shows {most} at a time, counted from the left")
        return [stretch for person in picked for stretch in person.stretches]

    def _pick(self, people: list[_Person], face: int | None) -> _Person | None:
        """The person of one shot who is meant; None where there is no such one."""
        people = sorted(people, key=lambda p: p.middle)
        if face is not None:
            return people[face - 1] if 1 <= face <= len(people) else None
        largest = max(people, key=lambda p: p.width * p.num)
        others = [p for p in people if p is not largest and p.frames_beside(largest) > BESIDE * largest.num]
        place = people.index(largest) + 1
        if any(p.width > OF_ONE_SIZE * largest.width for p in others):
            raise FaceError(
                f"{len(others) + 1} faces of about one size are seen together; "
                f"say which one is meant, counted from the left: --face 1 to {len(people)}"
            )
        if others:
            note = f"{len(others) + 1} faces are seen together; the largest was taken (--face {place} from the left)"
            if note not in self.notes:
                self.notes.append(note)
        return largest

    def _one_person(self, picked: list[_Person], shots: list[list[_Person]]) -> list[_Person]:
        """Of each shot the person who is seen longest in the picked ones; faces turned away are left as picked."""
        shapes = {id(p): self._shape(p) for people in shots for p in people}

        def alike(one: _Person, other: _Person) -> bool:
            a, b = shapes[id(one)], shapes[id(other)]
            return a is None or b is None or shapes_apart(a, b) < ALIKE

        seen = [p for p in picked if shapes[id(p)] is not None]
        if not seen:
            return picked
        longest = max(seen, key=lambda p: sum(q.num for q in seen if alike(p, q)))
        found, others = [], 0
        for person, people in zip(picked, shots):
            if alike(longest, person):
                found.append(person)
                continue
            same = [p for p in people if shapes[id(p)] is not None and alike(longest, p)]
            found += same[:1]
            others += 0 if same else person.num
        if others:
            self.notes.append(
                f"{others} frames show somebody else and stay as they are: the video cuts from one person to another, "
                "and the one seen longest was taken; --face 1 takes whoever is leftmost"
            )
        return found

    def _shape(self, person: _Person) -> NDArray[np.float64] | None:
        """Of a person's face, from their longest stretch."""
        return face_shape(self.landmarks(max(person.stretches, key=lambda s: s.num)))

    def _why_none(self) -> str:
        reasons = Counter(track.reason for track in self.rejected)
        told = {
            Reason.FACE_TOO_SMALL: "the faces in the video are too small to be dubbed",
            Reason.OCCLUDED_OR_PROFILE: "the faces in the video are turned away or covered",
            Reason.TRACK_TOO_SHORT: "the faces in the video are seen too briefly to be dubbed",
        }
        common = reasons.most_common(1)[0][0] if reasons else Reason.NO_FACE
        return told.get(common, "no face was found in the video") + "; dub needs one whose mouth can be seen"
