"""LSE-C and LSE-D in the seam of metrics, for a SyncNet file that the user supplies, fed frame by frame.

Knows views of faces and audio; what is computed is `lip_sync_error`. Of the frames, embeddings are kept (4 kB each) and
at most some twenty crops. Each face is embedded once, whatever it is compared with.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from viseme.audio.clock import RATE
from viseme.audio.features import mfcc
from viseme.core.scores import Better, FailureCause, MetricProtocol, Need
from viseme.faces import face_boxes
from viseme.faces.syncnet_crop import MEDIAN_FRAMES, syncnet_frame, syncnet_square, syncnet_squares
from viseme.metrics.clip_audio import whole_audio
from viseme.metrics.face_streams import NearestSteps
from viseme.metrics.interface import SHIFT_FRAMES, ClipAudio, FaceView, Measured
from viseme.metrics.lip_sync_error import FRAME_SAMPLES, SHORT_FRAMES, lse_of_embeddings
from viseme.sync.syncnet import UserSyncNet

__all__ = ["LEAST_FRAMES", "LEAST_PX", "LipSyncErrorClip", "LipSyncErrorMetric", "LseCrop"]

LseCrop = Literal["real", "lrs"]
"""Which of the two published crops: the tracked face, or the whole frame of a dataset whose frames are faces."""
LEAST_FRAMES, LEAST_PX = 100, 100.0
"""What the published program asks of a tracked face, frames and pixels of its box (mean over frames, larger side); it
leaves others out."""
BATCH = 16
"""Windows embedded at a time."""
_HALF = MEDIAN_FRAMES // 2
_CROPS: dict[LseCrop, str] = {
    "real": "real: 224 px of 1.4 boxes of the face mesh, median of 13 frames, no lossy copy; faces seen for 100 frames "
    "or more, 100 px or larger",
    "lrs": "lrs: the whole frame at 224 px",
}


class LipSyncErrorMetric:
    """A `ClipMetric`, by one of the two published protocols."""

    def __init__(self, model: UserSyncNet, crop: LseCrop = "real") -> None:
        """Name the protocols after the user's file."""
        self._model = model
        self._crop: LseCrop = crop
        self.protocols = (
            self._protocol("lse_c", Better.HIGHER, 0.0, "median over delays of the mean distance, less its least"),
            self._protocol("lse_d", Better.LOWER, 15.0, "least mean distance over delays"),
        )

    def start(self, audios: Mapping[str, ClipAudio]) -> LipSyncErrorClip:
        """See `ClipMetric.start`."""
        return LipSyncErrorClip(self._model, audios, self._crop)

    def _protocol(self, name: str, better: Better, worst: float, text: str) -> MetricProtocol:
        return MetricProtocol(
            name=f"{name}[{self._model.name}]",
            unit="1",
            better=better,
            version=2,
            needs=frozenset({Need.AUDIO, Need.LANDMARKS, Need.PIXELS, Need.SYNC_MODEL}),
            floor="mismatched_audio",
            worst=worst,
            crop=_CROPS[self._crop],
            text="distance of lips and audio, 25 a second, delays up to 15 frames, zeros around the audio, which clips "
            f"of up to {SHORT_FRAMES} frames mostly meet; {text}",
            source="Chung & Zisserman 2016; Prajwal et al. 2020",
            weights=self._model.name,
        )


class LipSyncErrorClip:
    """One clip of `LipSyncErrorMetric`."""

    def __init__(self, model: UserSyncNet, audios: Mapping[str, ClipAudio], crop: LseCrop) -> None:
        self._model, self._audios, self._crop = model, audios, crop
        self._faces: list[_Crops] = [_FaceCrops(model), _FaceCrops(model)]
        if crop == "lrs":
            self._faces = [_FrameCrops(model), _FrameCrops(model)]
        self._samples: dict[str, tuple[NDArray[np.float32], float]] = {}

    def add(self, generated: FaceView | None, reference: FaceView | None) -> None:
        """See `ClipAccumulator.add`."""
        time = reference.time if reference is not None else generated.time if generated is not None else 0.0
        for face, view in zip(self._faces, (generated, reference)):
            if view is not None:
                face.add(time, view)

    def compute(self) -> Mapping[str, Mapping[str, Measured]]:
        """See `ClipAccumulator.compute`."""
        ours, theirs = (face.finish() for face in self._faces)
        real = theirs if theirs.num else ours
        found = {
            "generated": self._scored(ours, "generated"),
            "mismatched_audio": self._scored(real, "mismatched_audio"),
        }
        if theirs.num:
            still = theirs._replace(embedded=np.repeat(theirs.embedded[:1], len(theirs.embedded), 0))
            found["reference"] = self._scored(theirs, "reference")
            found["still_face"] = self._scored(still, "reference")
            for name, shift in (("shifted", SHIFT_FRAMES), ("shifted_early", -SHIFT_FRAMES)):
                found[name] = self._scored(theirs._replace(first=theirs.first + shift), "reference")
        return found

    def _scored(self, lips: _Lips, audio: str) -> dict[str, Measured]:
        cause = self._refused(lips)
        samples = self._heard(audio, lips.first)
        num = max(0, min(lips.num, len(samples) // FRAME_SAMPLES) - 5)
        if cause is not None or num == 0:
            nothing = Measured(value=float("nan"), num_frames=0, cause=cause)
            return dict.fromkeys(self._keys(), nothing)
        found = lse_of_embeddings(
            self._model, lips.embedded[:num], self._model.embed_audio(mfcc(samples)[None])[0][:num]
        )
        values = zip(self._keys(), (found.confidence, found.distance))
        return {name: Measured(value=value, num_frames=num) for name, value in values}

    def _refused(self, lips: _Lips) -> FailureCause | None:
        """Why the published program would leave the face out."""
        if self._crop == "real" and lips.num < LEAST_FRAMES:
            return FailureCause.TOO_SHORT
        return FailureCause.FACE_TOO_SMALL if self._crop == "real" and lips.size_px < LEAST_PX else None

    def _keys(self) -> tuple[str, str]:
        return f"lse_c[{self._model.name}]", f"lse_d[{self._model.name}]"

    def _heard(self, audio: str, first: int) -> NDArray[np.float32]:
        """(S,) from the first frame on."""
        if audio not in self._samples:
            self._samples[audio] = whole_audio(self._audios.get(audio))
        samples, start = self._samples[audio]
        late = round(start * RATE) - first * FRAME_SAMPLES
        return np.pad(samples, (late, 0)) if late > 0 else samples[-late:]


class _Lips(NamedTuple):
    first: int
    """Number of the first step; step n lies at n / 25 seconds."""
    num: int
    """Frames."""
    embedded: NDArray[np.float32]
    """(num - 4, 1024)."""
    size_px: float
    """Larger side of the face's box, mean over frames."""


class _Crops(Protocol):
    """The frames of one face, embedded as they come."""

    def add(self, time: float, view: FaceView) -> None: ...

    def finish(self) -> _Lips: ...


class _Embedder:
    """Windows of crops, embedded a batch at a time."""

    def __init__(self, model: UserSyncNet) -> None:
        self._model, self._wide = model, model.specification.window_frames - 1
        self._crops: list[NDArray[np.float32]] = []
        self._embedded: list[NDArray[np.float32]] = []

    def add(self, crop: NDArray[np.uint8]) -> None:
        """(224, 224, 3) RGB; one more frame."""
        self._crops.append(crop[..., ::-1].transpose(2, 0, 1).astype(np.float32))
        if len(self._crops) == BATCH + self._wide:
            self._embed()

    def finish(self) -> NDArray[np.float32]:
        """(W, 1024) of all windows."""
        self._embed()
        return np.concatenate(self._embedded) if self._embedded else np.zeros((0, 1), np.float32)

    def _embed(self) -> None:
        if len(self._crops) > self._wide:
            self._embedded.append(self._model.embed_video(np.stack(self._crops)))
            self._crops = self._crops[-self._wide :]


class _FrameCrops:
    """Whole frames."""

    def __init__(self, model: UserSyncNet) -> None:
        self._steps: NearestSteps[NDArray[np.uint8]] = NearestSteps()
        self._embedder, self._num = _Embedder(model), 0

    def add(self, time: float, view: FaceView) -> None:
        """One more frame."""
        self._take(self._steps.add(time, view.crop("frame224")))

    def finish(self) -> _Lips:
        """Nothing more comes."""
        self._take(self._steps.finish())
        return _Lips(self._steps.first or 0, self._num, self._embedder.finish(), np.inf)

    def _take(self, frames: Iterable[NDArray[np.uint8]]) -> None:
        for frame in frames:
            self._num += 1
            self._embedder.add(frame)


class _Seen(NamedTuple):
    image: NDArray[np.uint8]
    shown: NDArray[np.float64]
    box: NDArray[np.float32]


class _FaceCrops:
    """Faces, cut by boxes that are smoothed over 13 frames."""

    def __init__(self, model: UserSyncNet) -> None:
        self._steps: NearestSteps[_Seen] = NearestSteps()
        self._around: deque[_Seen | None] = deque([None] * _HALF)
        """Up to 13 frames, the one to be cut in the middle; None = before the first or after the last."""
        self._few: list[_Seen] = []
        """The first frames, for a face that is seen for fewer than 13."""
        self._embedder, self._num = _Embedder(model), 0
        self._sizes = np.zeros(2)

    def add(self, time: float, view: FaceView) -> None:
        """One more frame."""
        seen = _Seen(view.crop("patch224"), view.square, face_boxes(view.landmarks[None])[0])
        for step in self._steps.add(time, seen):
            self._take(step)

    def finish(self) -> _Lips:
        """Nothing more comes."""
        for step in self._steps.finish():
            self._take(step)
        if self._num < MEDIAN_FRAMES:
            for seen in self._few:
                self._cut(seen, np.array(syncnet_square(seen.box)))
        else:
            for _ in range(_HALF):
                self._slide(None)
        size = float(self._sizes.max()) / max(self._num, 1)
        return _Lips(self._steps.first or 0, self._num, self._embedder.finish(), size)

    def _take(self, seen: _Seen) -> None:
        self._num += 1
        self._sizes += seen.box[2:] - seen.box[:2]
        if self._num < MEDIAN_FRAMES:
            self._few.append(seen)
            self._around.append(seen)
            return
        if self._num == MEDIAN_FRAMES:  # those that waited to see whether they are smoothed
            waiting = [s for s in self._around if s is not None]
            self._around = deque([None] * _HALF)
            self._few.clear()
            for before in waiting:
                self._slide(before)
        self._slide(seen)

    def _slide(self, seen: _Seen | None) -> None:
        """One more frame to the right; cut the one in the middle."""
        self._around.append(seen)
        if len(self._around) < MEDIAN_FRAMES:
            return
        middle = self._around[_HALF]
        assert middle is not None
        boxes = np.array([np.zeros(4) if s is None else s.box for s in self._around])
        self._cut(middle, syncnet_squares(boxes)[_HALF])
        self._around.popleft()

    def _cut(self, seen: _Seen, square: NDArray[np.floating]) -> None:
        self._embedder.add(syncnet_frame(seen.image, seen.shown, square))
