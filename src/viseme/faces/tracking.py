"""From frames to face tracks, with any set of nets. Knows detections and landmarks; refuses to know MediaPipe.

Per frame: every live face is followed by the landmark net in a region taken from its last landmarks. The detector
runs on keyframes only (every `detect_every_s`, on a cut, and when a face was lost). The region is an argument of a
net without memory, so a face never jumps to its neighbour; two tracks that come to lie on one face become one. Where
frames lie farther apart than `max_gap_s` every track ends: nobody is followed over a hole in the time stamps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from viseme.core.results import Reason, RejectedTrack
from viseme.faces.config import TrackingConfig
from viseme.faces.geometry import box_iou, face_boxes, face_rois, same_face
from viseme.faces.interface import FaceEvent, FaceObserver, FrameLike
from viseme.faces.nets import FaceNets, smallest_face
from viseme.faces.region_landmarks import RegionLandmarks
from viseme.faces.shots import with_cuts
from viseme.faces.smoothing import REACH
from viseme.faces.surplus import SURPLUS_HOLD_S, SurplusFaces
from viseme.faces.tiles import COARSE, FINE, FINEST, detect_faces, smallest_seen
from viseme.faces.tracks import LoneFrames, Sample, Track, chunk_of, continues, fault_of, joined
from viseme.faces.turns import FilmTurn

__all__ = ["LandmarkTracker", "Run"]

FINE_EVERY = 3
"""Every so many runs of the detector, and on the first of a shot, small faces are looked for too."""
FINEST_EVERY, FINEST_FIRST = 15, 1
"""Every so many runs, from the second of a shot on, the smallest faces are looked for where nobody is followed."""
LOST_RETRY_S = 0.08
LOST_SEARCH_S = 1.0
"""Seconds between detector runs while a face is lost, and for how long after its track ended."""
TURN_S = 1.0
"""Seconds of a track that are forgotten when the film turns out to lie on its side."""


class LandmarkTracker:
    """The tracker behind every registered name: `FaceNets` bring the pixels' side."""

    def __init__(self, nets: FaceNets, config: TrackingConfig) -> None:
        self._nets = nets
        self.config = config

    def track(self, frames: Iterable[FrameLike], *, observers: Sequence[FaceObserver] = ()) -> Iterator[FaceEvent]:
        """See `FaceTracker.track`."""
        run = self.start(observers=observers)
        for frame, cut in with_cuts(frames):
            yield from run.step(frame, cut)
        yield from run.finish()

    def start(self, *, observers: Sequence[FaceObserver] = (), chunk_s: float | None = None) -> Run:
        """A pass that is given one frame after the other; `chunk_s` replaces that of the configuration."""
        return Run(self._nets, self.config if chunk_s is None else replace(self.config, chunk_s=chunk_s), observers)


class Run:
    """The state of one pass over one video."""

    def __init__(self, nets: FaceNets, config: TrackingConfig, observers: Sequence[FaceObserver]) -> None:
        self._nets, self._config, self._observers = nets, config, observers
        self._live: list[Track] = []
        self._surplus = SurplusFaces(config.max_faces)
        self._regions = RegionLandmarks(nets, config)
        self._shot = 0
        self._next_id = 0
        self._detected_at = -np.inf
        self._search_until = -np.inf
        self._num_looks = 0
        self._now = -np.inf
        self._shot_start: float | None = None
        self._refused: tuple[float, float, str] | None = None
        self._shot_told = False
        self._lone = LoneFrames(config)
        self._film = FilmTurn()

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The faces that are followed now."""
        return tuple(self._live)

    def step(self, frame: FrameLike, cut: bool) -> Iterator[FaceEvent]:
        """Look at the next frame; `cut`: it opens a new shot."""
        now = float(frame.time)
        if now <= self._now:
            raise ValueError(f"frames must come in order of time: {now} after {self._now}")
        if self._shot_start is not None and now - self._now > self._config.max_gap_s + 1e-6:
            yield from self._break_off()
            self._search_until = now + LOST_SEARCH_S
        if cut:
            yield from self.end_shot()
            self._shot += 1
        self._now = now
        if self._shot_start is None:
            self._shot_start = now
        image, scale = frame.image, frame.scale
        seen = self._follow(image, scale)
        lost = now < self._search_until or any(t.id not in seen for t in self._live)
        if now - self._detected_at >= (LOST_RETRY_S if lost else self._config.detect_every_s) - 1e-6:
            self._detected_at = now
            yield from self._look(image, scale, seen)
        self._merge(seen)
        for track in list(self._live):
            if track.id in seen:
                track.see(seen[track.id])
            else:
                track.missing.append(now)
                if now - track.last.time > self._config.max_gap_s:
                    self._search_until = now + LOST_SEARCH_S
                    yield from self._end(track)
                    continue
            for observer in self._observers:
                observer.see(track.id, now, image, scale, track.last.landmarks, observed=track.id in seen)
            if track.span() >= self._config.chunk_s:
                yield from self._give(track, final=False)

    def _follow(self, image: NDArray[np.uint8], scale: float) -> dict[int, Sample]:
        """Landmarks of every live face, in the regions where they were."""
        if not self._live:
            return {}
        wanted = face_rois(np.stack([t.last.landmarks for t in self._live]))
        rois = np.stack([roi if t.roi is None else _leashed(t.roi, roi) for t, roi in zip(self._live, wanted)])
        for track, roi in zip(self._live, rois):
            track.roi = roi
        samples = self._regions.measure(self._now, image, scale, rois * (scale, scale, scale, 1))
        return {
            track.id: sample
            for track, sample in zip(self._live, samples)
            if sample is not None and continues(track.last, sample)
        }

    def _look(self, image: NDArray[np.uint8], scale: float, seen: dict[int, Sample]) -> Iterator[FaceEvent]:
        """Run the detector; confirm live faces, find lost ones again, start new ones."""
        level = self._level(image, scale, seen)
        height, width = image.shape[:2]
        least_px = smallest_seen(height, width, level, self._config.min_face_px * scale) / scale
        self._num_looks += 1
        found = self._detect(image, scale, level)
        if self._film.changes(self._nets, image, found):
            yield from self._start_anew(seen)
            found = self._detect(image, scale, level)
        boxes = found[:, :4] / scale
        claimed = np.zeros(len(found), bool)
        for track in self._live:
            where = _where(track, seen)
            box = face_boxes(where.landmarks)[None]
            hits = same_face(box, boxes)[0]
            score = float(found[hits, 4].max(initial=0.0))
            visible = _width(where) > (2 if level == COARSE else 1) * least_px
            if score >= self._config.min_mean_detection or (visible and (hits.any() or track.id in seen)):
                track.detections.append(score)
            if track.id not in seen and hits.any():
                again = self._start(image, scale, found[int(np.argmax(box_iou(box, boxes)[0]))])
                if again is not None and continues(track.last, again):
                    seen[track.id] = again
                    track.roi = None
            claimed |= hits
        largest_first = np.argsort(boxes[:, 0] - boxes[:, 2], kind="stable")
        for i in largest_first[~claimed[largest_first]]:
            if found[i, 4] < self._config.min_detection:
                self._refuse(float(found[i, 4]), self._config.min_detection, "detector score")
                continue
            yield from self._admit(image, scale, found[i], seen)
        yield from self._report_surplus(self._now - SURPLUS_HOLD_S)

    def _detect(self, image: NDArray[np.uint8], scale: float, level: int) -> NDArray[np.float32]:
        least = self._config.min_face_px * scale
        return detect_faces(self._nets, image, level, quarters=self._film.quarters, least_px=least)

    def _level(self, image: NDArray[np.uint8], scale: float, seen: dict[int, Sample]) -> int:
        """How finely the next keyframe is searched; most finely now and then, where nobody is followed."""
        coarse_px = smallest_face(*image.shape[:2]) / scale
        missed = [_width(t.last) for t in self._live if t.id not in seen]
        if coarse_px <= self._config.min_face_px:
            return COARSE
        if not self._live and self._num_looks % FINEST_EVERY == FINEST_FIRST:
            return FINEST
        fine = self._num_looks % FINE_EVERY == 0 or min(missed, default=np.inf) < 2 * coarse_px
        return FINE if fine else COARSE

    def _start(self, image: NDArray[np.uint8], scale: float, detection: NDArray[np.float32]) -> Sample | None:
        return self._regions.at_detection(self._now, image, scale, detection, self._film.angle)

    def _admit(
        self, image: NDArray[np.uint8], scale: float, detection: NDArray[np.float32], seen: dict[int, Sample]
    ) -> Iterator[FaceEvent]:
        """Start a track at a detection, or note why not."""
        sample = self._start(image, scale, detection)
        if sample is None:
            if self._regions.presence < self._config.min_presence:
                self._refuse(self._regions.presence, self._config.min_presence, "landmark score")
            return
        box = face_boxes(sample.landmarks)
        others = [_where(t, seen) for t in self._live]
        if others and same_face(box[None], face_boxes(np.stack([o.landmarks for o in others]))).any():
            return
        if len(self._live) >= self._config.max_faces:
            sizes = [_width(_where(t, seen)) for t in self._live]
            least = int(np.argmin(sizes))
            if _width(sample) < 1.3 * sizes[least]:
                self._surplus.note(self._now, box, _width(sample), sizes[least], self._new_id)
                return
            evicted = self._live[least]
            seen.pop(evicted.id, None)
            if evicted.samples:
                yield from self._end(evicted)
            else:
                self._live.remove(evicted)
        track = Track(self._new_id(), self._shot)
        track.detections.append(float(detection[4]))
        self._live.append(track)
        seen[track.id] = sample

    def _report_surplus(self, before: float) -> Iterator[FaceEvent]:
        for rejected in self._surplus.close(before):
            yield self._told(rejected)

    def _merge(self, seen: dict[int, Sample]) -> None:
        """Two tracks on one face: the one followed for the shorter time gives up this frame, and so ends."""
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
        yield from self._report_surplus(np.inf)
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
        self._film.new_shot()

    def finish(self) -> Iterator[FaceEvent]:
        """End everything: no further frame comes."""
        yield from self._break_off()
        if (rejected := self._lone.rejected()) is not None:
            yield self._told(rejected)
        yield from self.end_shot()

    def _break_off(self) -> Iterator[FaceEvent]:
        """The next frame lies too far away, or there is none: no face is followed to it."""
        for track in list(self._live):
            if self._lone.take(track):
                self._live.remove(track)
            else:
                yield from self._end(track)

    def _start_anew(self, seen: dict[int, Sample]) -> Iterator[FaceEvent]:
        """The film lies on its side: what was followed as if it were upright may be no face."""
        for track in list(self._live):
            if track.accepted is None and (not track.samples or track.span() < TURN_S):
                self._live.remove(track)
                self._lone.drop(track)
            else:
                yield from self._end(track)
        seen.clear()

    def _end(self, track: Track) -> Iterator[FaceEvent]:
        self._live.remove(track)
        track.missing.clear()
        yield from self._give(track, final=True)

    def _give(self, track: Track, *, final: bool) -> Iterator[FaceEvent]:
        """Judge what was gathered of a track; give it out, or remember why not."""
        times = np.array([s.time for s in track.samples])
        stop = len(times) if final else int(np.searchsorted(times, times[-1] - REACH))
        fault = fault_of(track, track.samples[track.num_done : stop], final, self._config)
        if fault is None:
            yield from self._clear(track)
            chunk = chunk_of(track, times, stop, final, self._config)
            yield self._told(chunk)
        else:
            if track.rejected is None or track.rejected.reason is not fault.reason:
                yield from self._clear(track)
                track.rejected = replace(fault, track_id=track.id)
            else:
                track.rejected = joined(track.rejected, fault)
            if final:
                yield from self._clear(track)
        keep = max(0, int(np.searchsorted(times, times[stop - 1] - REACH)))
        track.samples = track.samples[keep:]
        track.num_done = stop - keep
        track.detections.clear()
        track.accepted = fault is None

    def _clear(self, track: Track) -> Iterator[FaceEvent]:
        """Tell a remembered rejection; the face goes on under a new id."""
        if track.rejected is not None:
            rejected, track.rejected = track.rejected, None
            before, track.id = track.id, self._new_id()
            for observer in self._observers:  # before anybody hears that the old id has ended
                observer.renamed(before, track.id, track.samples[track.num_done].time)
            yield self._told(rejected)

    def _refuse(self, measured: float, limit: float, unit: str) -> None:
        """Remember what came closest to its limit and was not followed."""
        if self._refused is None or measured / limit > self._refused[0] / self._refused[1]:
            self._refused = (measured, limit, unit)

    def _told(self, event: FaceEvent) -> FaceEvent:
        self._shot_told = True
        return event

    def _new_id(self) -> int:
        if (spare := self._lone.spare_id()) is not None:
            return spare
        self._next_id += 1
        return self._next_id - 1


def _where(track: Track, seen: dict[int, Sample]) -> Sample:
    """The sample of this frame, or the last one."""
    return seen.get(track.id) or track.last  # a track of this frame has no last sample yet


def _leashed(roi: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Move a region only as far as it must: a region that follows every pixel doubles the jitter of the lips."""
    slack = np.array([0.04 * roi[2], 0.04 * roi[2], 0.06 * roi[2], 0.04])
    ahead = wanted - roi
    return roi + ahead - np.clip(ahead, -slack, slack)


def _width(sample: Sample) -> float:
    x = sample.landmarks[:, 0]
    return float(x.max() - x.min())
