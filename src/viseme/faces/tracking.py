"""From pictures to face tracks, with any set of nets. Knows detections and landmarks; refuses to know MediaPipe.

Per picture: every live face is followed by the landmark net in a region taken from its last landmarks. The detector
runs on keyframes only (every `detect_every_s`, on a cut, and when a face was lost). The region is an argument of a
net without memory, so a face never jumps to its neighbour; two tracks that come to lie on one face become one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import ConfigError
from viseme.core.results import Reason, RejectedTrack
from viseme.faces.geometry import box_iou, face_boxes, face_rois, head_angles, merge_detections, same_face
from viseme.faces.interface import FaceEvent, FaceTrackChunk, PictureLike
from viseme.faces.nets import FaceNets
from viseme.faces.shots import with_cuts
from viseme.faces.smoothing import REACH, smooth
from viseme.faces.strips import FaceStrips

__all__ = ["LandmarkTracker", "TrackingConfig"]

DETECTOR_INPUT = 192
"""Pixels of the full-range detector's input; a face below `SMALLEST_SEEN` of them is not found."""
SMALLEST_SEEN = 12
FINE_EVERY = 3
"""Every so many runs of the detector, and on the first of a shot, small faces are looked for too."""
LOST_RETRY_S = 0.08
"""Seconds between detector runs while a face is lost, ..."""
LOST_SEARCH_S = 1.0
"""... and for how long after its track ended."""
SURPLUS_HOLD_S = 1.0
"""Seconds a surplus face may go undetected before it is reported."""
TAIL_S = 2.0
"""A remainder shorter than this keeps the verdict of the piece before it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrackingConfig:
    """How faces are followed and which tracks are refused."""

    max_faces: int = 10
    """Faces followed at once, 1 or more; of more, the largest are kept."""
    detect_every_s: float = 0.4
    """Seconds between runs of the detector while nothing is lost."""
    min_detection: float = 0.5
    """Detector score, 0 to 1, from which a face is followed."""
    min_presence: float = 0.5
    """Score of the landmark net, 0 to 1, below which the face is not seen on that picture."""
    max_gap_s: float = 0.2
    """Longest time between two sightings that is filled by straight lines; a longer gap ends the track."""
    chunk_s: float = 30.0
    """Longest chunk, seconds; also how much of a track is judged at once."""
    rigid_smoothing_s: float = 0.02
    """Width of the smoothing of points that speech does not move, seconds; 0 = none."""
    speech_smoothing_s: float = 0.012
    """Width of the smoothing of lips and jaw, seconds; 0 = none. So narrow that at 25 pictures a second it does next to
    nothing: a closure of p, b or m lasts two pictures and must keep its depth."""
    min_track_s: float = 0.4
    """Shorter tracks are rejected (`track_too_short`)."""
    min_mean_detection: float = 0.6
    """Least mean detector score over the keyframes of a track; below it, it is no face (`no_face`)."""
    min_face_px: float = 32.0
    """Least median width of the box in pixels of the source picture (`face_too_small`). Of 34 clips scaled down, the
    lip opening still correlates by .8 or more with the full size in 33 at 32 pixels, in 31 at 26, in 27 at 20."""
    min_observed: float = 0.7
    """Least fraction of pictures on which the face was seen (`occluded_or_profile`)."""
    max_yaw: float = 0.8
    """Radians, as `head_angles` gives them, beyond which a picture counts as profile. The net understates large
    angles: a head that shows one cheek and no far mouth corner comes out at about .75."""
    max_profile: float = 0.5
    """Largest fraction of profile pictures (`occluded_or_profile`)."""

    def __post_init__(self) -> None:
        if self.max_faces < 1:
            raise ConfigError(f"max_faces must be 1 or more, not {self.max_faces}")
        for name in ("min_detection", "min_presence", "min_mean_detection", "min_observed", "max_profile"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} must lie between 0 and 1, not {getattr(self, name)}")
        for name in ("detect_every_s", "chunk_s", "max_yaw"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be positive, not {getattr(self, name)}")
        for name in ("max_gap_s", "rigid_smoothing_s", "speech_smoothing_s", "min_track_s", "min_face_px"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"{name} must not be negative, not {getattr(self, name)}")
        if self.chunk_s < 8 * REACH:
            raise ConfigError(f"chunk_s must be at least {8 * REACH:g} s, not {self.chunk_s}")


class LandmarkTracker:
    """The tracker behind every registered name: `FaceNets` bring the pixels' side."""

    def __init__(self, nets: FaceNets, config: TrackingConfig) -> None:
        self._nets = nets
        self.config = config

    def track(self, pictures: Iterable[PictureLike], *, strips: FaceStrips | None = None) -> Iterator[FaceEvent]:
        """See `FaceTracker.track`."""
        run = _Run(self._nets, self.config, strips)
        for picture, cut in with_cuts(pictures):
            yield from run.step(picture, cut)
        yield from run.end_shot()


@dataclass(slots=True)
class _Sample:
    time: float
    landmarks: NDArray[np.float32]
    """(478, 3) source pixels."""
    observed: bool
    confidence: float


@dataclass(slots=True)
class _Track:
    """One face while it is followed, and what of it waits to be given out."""

    id: int
    shot: int
    samples: list[_Sample] = field(default_factory=list)
    missing: list[float] = field(default_factory=list)
    """Times since the last sighting."""
    roi: NDArray[np.float64] | None = None
    """(4,) where the net looked last, source pixels."""
    num_done: int = 0
    """Leading samples already given out and kept as context for smoothing."""
    detections: list[float] = field(default_factory=list)
    """Best detector score at each keyframe of the piece being gathered."""
    accepted: bool | None = None
    """Verdict of the piece before; None = there was none."""
    rejected: RejectedTrack | None = None
    """Verdict of the pieces since the last good one, not yet told."""
    said: bool = False
    """Something was told under this id."""

    @property
    def last(self) -> _Sample:
        return self.samples[-1]

    def see(self, sample: _Sample) -> None:
        """Add a sighting and fill the gap before it."""
        if self.missing:
            before = self.last
            for time in self.missing:
                share = (time - before.time) / (sample.time - before.time)
                self.samples.append(
                    _Sample(
                        time,
                        (before.landmarks * (1 - share) + sample.landmarks * share).astype(np.float32),
                        False,
                        before.confidence * (1 - share) + sample.confidence * share,
                    )
                )
            self.missing.clear()
        self.samples.append(sample)

    def span(self) -> float:
        """Seconds gathered and not given out."""
        return self.last.time - self.samples[self.num_done].time


@dataclass(slots=True)
class _Surplus:
    """A face that was seen while enough larger ones were followed."""

    id: int
    start: float
    end: float
    box: NDArray[np.float32]
    widths: list[float]
    limit: float


class _Run:
    """The state of one pass over one video."""

    def __init__(self, nets: FaceNets, config: TrackingConfig, strips: FaceStrips | None) -> None:
        self._nets, self._config, self._strips = nets, config, strips
        self._live: list[_Track] = []
        self._surplus: list[_Surplus] = []
        self._shot = 0
        self._next_id = 0
        self._detected_at = -np.inf
        self._search_until = -np.inf
        self._num_looks = 0
        self._now = -np.inf
        self._shot_start: float | None = None
        self._refused: tuple[float, float, str] | None = None
        self._shot_told = False

    # --- one picture

    def step(self, picture: PictureLike, cut: bool) -> Iterator[FaceEvent]:
        now = float(picture.time)
        if now <= self._now:
            raise ValueError(f"pictures must come in order of time: {now} after {self._now}")
        if cut:
            yield from self.end_shot()
            self._shot += 1
        self._now = now
        if self._shot_start is None:
            self._shot_start = now
        image, scale = picture.image, picture.scale
        seen = self._follow(image, scale)
        lost = now < self._search_until or any(t.id not in seen for t in self._live)
        if now - self._detected_at >= (LOST_RETRY_S if lost else self._config.detect_every_s) - 1e-6:
            self._detected_at = now
            yield from self._look(image, scale, seen)
        self._merge(seen)
        for track in list(self._live):
            if track.id in seen:
                track.see(seen[track.id])
                if self._strips is not None:
                    box = face_boxes(seen[track.id].landmarks) * scale
                    self._strips.offer(track.id, now, image, box)
            else:
                track.missing.append(now)
                if now - track.last.time > self._config.max_gap_s:
                    self._search_until = now + LOST_SEARCH_S
                    yield from self._end(track)
                    continue
            if track.span() >= self._config.chunk_s:
                yield from self._give(track, final=False)

    def _follow(self, image: NDArray[np.uint8], scale: float) -> dict[int, _Sample]:
        """Landmarks of every live face, in the regions where they were."""
        if not self._live:
            return {}
        wanted = face_rois(np.stack([t.last.landmarks for t in self._live]))
        for track, roi in zip(self._live, wanted):
            track.roi = roi if track.roi is None else _leashed(track.roi, roi)
        rois = np.stack([t.roi for t in self._live]) * (scale, scale, scale, 1)
        samples = self._measure(image, scale, rois)
        return {
            track.id: sample
            for track, sample in zip(self._live, samples)
            if sample is not None and _continues(track.last, sample)
        }

    def _measure(self, image: NDArray[np.uint8], scale: float, rois: NDArray[np.float64]) -> list[_Sample | None]:
        """A sample per region, None where there is no face."""
        points, scores = self._nets.landmarks(image, rois)
        boxes = face_boxes(points)
        share = (boxes[:, 2:] - boxes[:, :2]).max(axis=1) / rois[:, 2]
        good = (scores >= self._config.min_presence) & (share > 0.3) & (share < 1.2)
        return [
            _Sample(self._now, points[i] / np.float32(scale), True, float(scores[i])) if good[i] else None
            for i in range(len(rois))
        ]

    # --- keyframes

    def _look(self, image: NDArray[np.uint8], scale: float, seen: dict[int, _Sample]) -> Iterator[FaceEvent]:
        """Run the detector; confirm live faces, find lost ones again, start new ones."""
        coarse_px = max(image.shape[:2]) / DETECTOR_INPUT * SMALLEST_SEEN / scale
        missed = [_width(t.last) for t in self._live if t.id not in seen]
        fine = coarse_px > self._config.min_face_px and (
            self._num_looks % FINE_EVERY == 0 or min(missed, default=np.inf) < 2 * coarse_px
        )
        self._num_looks += 1
        found = self._detect(image, fine)
        boxes = found[:, :4] / scale
        claimed = np.zeros(len(found), bool)
        for track in self._live:
            where = _where(track, seen)
            box = face_boxes(where.landmarks)[None]
            hits = same_face(box, boxes)[0]
            if hits.any() or (track.id in seen and (fine or _width(where) > 2 * coarse_px)):
                track.detections.append(float(found[hits, 4].max(initial=0.0)))
            if track.id not in seen and hits.any():
                again = self._start(image, scale, found[int(np.argmax(box_iou(box, boxes)[0]))])
                if again is not None and _continues(track.last, again):
                    seen[track.id] = again
                    track.roi = None
            claimed |= hits
        largest_first = np.argsort(boxes[:, 0] - boxes[:, 2], kind="stable")
        for i in largest_first[~claimed[largest_first]]:
            if found[i, 4] < self._config.min_detection:
                self._refuse(float(found[i, 4]), self._config.min_detection, "detector score")
                continue
            yield from self._admit(image, scale, found[i], seen)
        yield from self._close_surplus(self._now - SURPLUS_HOLD_S)

    def _detect(self, image: NDArray[np.uint8], fine: bool) -> NDArray[np.float32]:
        """Detections in the whole picture and, for small faces, in overlapping squares of it."""
        height, width = image.shape[:2]
        found = [self._nets.detect(image)]
        side = min(height, width)
        if fine and max(height, width) > 1.2 * side:
            num = int(np.ceil((max(height, width) / side - 0.2) / 0.8))
            for start in np.linspace(0, max(height, width) - side, num).astype(int):
                x, y = (start, 0) if width > height else (0, start)
                tile = self._nets.detect(image[y : y + side, x : x + side])
                found.append(tile + np.array([x, y, x, y, 0], np.float32))
        return merge_detections(np.concatenate(found))

    def _start(self, image: NDArray[np.uint8], scale: float, detection: NDArray[np.float32]) -> _Sample | None:
        """Landmarks from a detection: once to find the face, once more in the region its landmarks ask for."""
        x0, y0, x1, y1 = map(float, detection[:4])
        roi = np.array([[(x0 + x1) / 2, (y0 + y1) / 2, 1.5 * max(x1 - x0, y1 - y0), 0.0]])
        (first,) = self._measure(image, scale, roi)
        if first is None:
            return None
        (second,) = self._measure(image, scale, face_rois(first.landmarks[None] * np.float32(scale)))
        return second

    def _admit(
        self, image: NDArray[np.uint8], scale: float, detection: NDArray[np.float32], seen: dict[int, _Sample]
    ) -> Iterator[FaceEvent]:
        """Start a track at a detection, or note why not."""
        sample = self._start(image, scale, detection)
        if sample is None:
            self._refuse(
                float(detection[4]), self._config.min_detection, "detector score; the landmark net saw no face"
            )
            return
        box = face_boxes(sample.landmarks)
        others = [_where(t, seen) for t in self._live]
        if others and same_face(box[None], face_boxes(np.stack([o.landmarks for o in others]))).any():
            return
        if len(self._live) >= self._config.max_faces:
            sizes = [_width(_where(t, seen)) for t in self._live]
            least = int(np.argmin(sizes))
            if _width(sample) < 1.3 * sizes[least]:
                self._note_surplus(box, _width(sample), sizes[least])
                return
            evicted = self._live[least]
            seen.pop(evicted.id, None)
            if evicted.samples:
                yield from self._end(evicted)
            else:
                self._live.remove(evicted)
        track = _Track(self._new_id(), self._shot)
        track.detections.append(float(detection[4]))
        self._live.append(track)
        seen[track.id] = sample

    def _note_surplus(self, box: NDArray[np.float32], width: float, limit: float) -> None:
        for entry in self._surplus:
            if box_iou(entry.box[None], box[None])[0, 0] > 0.2:
                entry.box, entry.end, entry.limit = box, self._now, limit
                entry.widths.append(width)
                return
        self._surplus.append(_Surplus(self._new_id(), self._now, self._now, box, [width], limit))

    def _close_surplus(self, before: float) -> Iterator[FaceEvent]:
        for entry in [s for s in self._surplus if s.end <= before]:
            self._surplus.remove(entry)
            yield self._told(
                RejectedTrack(
                    track_id=entry.id,
                    start=entry.start,
                    end=entry.end,
                    reason=Reason.FACE_TOO_SMALL,
                    measured=float(np.median(entry.widths)),
                    limit=entry.limit,
                    unit=f"px (the {self._config.max_faces} largest faces are followed)",
                )
            )

    def _merge(self, seen: dict[int, _Sample]) -> None:
        """Two tracks on one face: the one followed for the shorter time gives up this picture, and so ends."""
        order = sorted((t for t in self._live if t.id in seen), key=lambda t: -len(t.samples))
        for i, older in enumerate(order):
            for younger in order[i + 1 :]:
                if older.id in seen and younger.id in seen:
                    a, b = (face_boxes(seen[t.id].landmarks)[None] for t in (older, younger))
                    if box_iou(a, b)[0, 0] > 0.5:
                        del seen[younger.id]
        for track in [t for t in self._live if not t.samples and t.id not in seen]:
            self._live.remove(track)

    # --- endings and verdicts

    def end_shot(self) -> Iterator[FaceEvent]:
        """End every track, and say so when the shot showed nothing but a doubtful face."""
        for track in list(self._live):
            yield from self._end(track)
        yield from self._close_surplus(np.inf)
        if not self._shot_told and self._refused is not None and self._shot_start is not None:
            measured, limit, unit = self._refused
            yield RejectedTrack(
                track_id=self._new_id(),
                start=self._shot_start,
                end=self._now,
                reason=Reason.NO_FACE,
                measured=measured,
                limit=limit,
                unit=unit,
            )
        self._detected_at, self._search_until, self._num_looks, self._shot_start = -np.inf, -np.inf, 0, None
        self._refused, self._shot_told = None, False

    def _end(self, track: _Track) -> Iterator[FaceEvent]:
        self._live.remove(track)
        track.missing.clear()
        yield from self._give(track, final=True)

    def _give(self, track: _Track, *, final: bool) -> Iterator[FaceEvent]:
        """Judge what was gathered of a track; give it out, or remember why not."""
        times = np.array([s.time for s in track.samples])
        stop = len(times) if final else int(np.searchsorted(times, times[-1] - REACH))
        fault = self._fault(track, track.samples[track.num_done : stop], final)
        if fault is None:
            yield from self._clear(track)
            track.said = True
            chunk = self._chunk(track, times, stop, final)
            yield self._told(chunk)
        else:
            if track.rejected is None or track.rejected.reason is not fault.reason:
                yield from self._clear(track)
                track.rejected = replace(fault, track_id=track.id)
            else:
                track.rejected = _joined(track.rejected, fault)
            if final:
                yield from self._clear(track)
        keep = max(0, int(np.searchsorted(times, times[stop - 1] - REACH)))
        track.samples = track.samples[keep:]
        track.num_done = stop - keep
        track.detections.clear()
        track.accepted = fault is None

    def _clear(self, track: _Track) -> Iterator[FaceEvent]:
        """Tell a remembered rejection; the face goes on under a new id."""
        if track.rejected is not None:
            yield self._told(track.rejected)
            track.rejected = None
            track.id = self._new_id()

    def _chunk(self, track: _Track, times: NDArray[np.float64], stop: int, final: bool) -> FaceTrackChunk:
        points = smooth(
            times,
            np.stack([s.landmarks for s in track.samples]),
            rigid_width=self._config.rigid_smoothing_s,
            speech_width=self._config.speech_smoothing_s,
        )
        part = slice(track.num_done, stop)
        return FaceTrackChunk(
            track_id=track.id,
            shot=track.shot,
            times=times[part],
            landmarks=points[part],
            boxes=face_boxes(points[part]),
            observed=np.array([s.observed for s in track.samples[part]]),
            confidence=np.array([s.confidence for s in track.samples[part]], np.float32),
            last=final,
        )

    def _fault(self, track: _Track, samples: list[_Sample], final: bool) -> RejectedTrack | None:
        """The first rule that these samples break, with what was measured."""
        config = self._config
        start, end = samples[0].time, samples[-1].time

        def fault(reason: Reason, measured: float, limit: float, unit: str) -> RejectedTrack:
            return RejectedTrack(
                track_id=track.id, start=start, end=end, reason=reason, measured=measured, limit=limit, unit=unit
            )

        if final and track.accepted is not None and end - start < TAIL_S:
            if track.accepted:
                return None
            assert track.rejected is not None
            return replace(track.rejected, start=start, end=end)
        if end - start < config.min_track_s and track.accepted is None:
            return fault(Reason.TRACK_TOO_SHORT, end - start, config.min_track_s, "s")
        detection = float(np.mean(track.detections)) if track.detections else 0.0
        if detection < config.min_mean_detection:
            return fault(Reason.NO_FACE, detection, config.min_mean_detection, "mean detector score")
        landmarks = np.stack([s.landmarks for s in samples])
        boxes = face_boxes(landmarks)
        width = float(np.median(boxes[:, 2] - boxes[:, 0]))
        if width < config.min_face_px:
            return fault(Reason.FACE_TOO_SMALL, width, config.min_face_px, "px")
        observed = float(np.mean([s.observed for s in samples]))
        if observed < config.min_observed:
            return fault(Reason.OCCLUDED_OR_PROFILE, observed, config.min_observed, "fraction of pictures with a face")
        profile = float(np.mean(np.abs(head_angles(landmarks)[:, 1]) > config.max_yaw))
        if profile > config.max_profile:
            unit = f"fraction of pictures turned by more than {np.degrees(config.max_yaw):.0f} degrees"
            return fault(Reason.OCCLUDED_OR_PROFILE, profile, config.max_profile, unit)
        return None

    def _refuse(self, measured: float, limit: float, unit: str) -> None:
        """Remember the most face-like thing that was not followed."""
        if self._refused is None or measured > self._refused[0]:
            self._refused = (measured, limit, unit)

    def _told(self, event: FaceEvent) -> FaceEvent:
        self._shot_told = True
        return event

    def _new_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1


def _where(track: _Track, seen: dict[int, _Sample]) -> _Sample:
    """The sample of this picture, or the last one."""
    if track.id in seen:
        return seen[track.id]
    return track.last  # a track of this picture has no sample yet, so this must not be evaluated first


def _leashed(roi: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Move a region only as far as it must: a region that follows every pixel doubles the jitter of the lips."""
    slack = np.array([0.04 * roi[2], 0.04 * roi[2], 0.06 * roi[2], 0.04])
    ahead = wanted - roi
    return roi + ahead - np.clip(ahead, -slack, slack)


def _width(sample: _Sample) -> float:
    x = sample.landmarks[:, 0]
    return float(x.max() - x.min())


def _continues(before: _Sample, after: _Sample) -> bool:
    """The two samples may be one face: it moved by less than its overlap and kept its size."""
    a, b = face_boxes(before.landmarks), face_boxes(after.landmarks)
    return bool(box_iou(a[None], b[None])[0, 0] > 0.3)


def _joined(first: RejectedTrack, second: RejectedTrack) -> RejectedTrack:
    """Two pieces rejected for one reason as one, the measured value weighted by their length."""
    a, b = max(first.end - first.start, 1e-6), max(second.end - second.start, 1e-6)
    return replace(first, end=second.end, measured=(first.measured * a + second.measured * b) / (a + b))
