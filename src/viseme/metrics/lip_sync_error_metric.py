"""LSE-C and LSE-D in the seam of metrics, for a SyncNet file that the user supplies, fed frame by frame.

Knows views of faces and audio; what is computed is `lip_sync_error`. Of the frames, embeddings are kept (4 kB each) and
at most some twenty crops.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from viseme.audio.clock import RATE
from viseme.audio.features import mfcc
from viseme.core.scores import Better, MetricProtocol, Need
from viseme.faces import face_boxes
from viseme.faces.syncnet_crop import MEDIAN_FRAMES, syncnet_frame, syncnet_square, syncnet_squares
from viseme.media import AudioBlock
from viseme.media.audio import join_blocks
from viseme.metrics.face_streams import NearestSteps
from viseme.metrics.interface import ClipAudio, FramePair, Measured
from viseme.metrics.lip_sync_error import FRAME_SAMPLES, lse_of_embeddings
from viseme.sync.syncnet import UserSyncNet

__all__ = ["LipSyncErrorClip", "LipSyncErrorMetric"]

BATCH = 16
"""Windows embedded at a time."""
_HALF = MEDIAN_FRAMES // 2


class LipSyncErrorMetric:
    """A `FrameMetric`, by the protocol "real": the tracked face, cut as published and not compressed anew."""

    def __init__(self, model: UserSyncNet) -> None:
        """Name the protocols after the user's file."""
        self._model = model
        self.protocols = (
            self._protocol("lse_c", Better.HIGHER, 0.0, "median over delays of the mean distance, less its least"),
            self._protocol("lse_d", Better.LOWER, 15.0, "least mean distance over delays"),
        )

    def start(self, audio: ClipAudio | None) -> LipSyncErrorClip:
        """See `FrameMetric.start`."""
        return LipSyncErrorClip(self._model, audio)

    def _protocol(self, name: str, better: Better, worst: float, text: str) -> MetricProtocol:
        return MetricProtocol(
            name=f"{name}[{self._model.name}]",
            unit="1",
            better=better,
            version=1,
            needs=frozenset({Need.AUDIO, Need.LANDMARKS, Need.PIXELS, Need.SYNC_MODEL}),
            floor="mismatched_audio",
            worst=worst,
            crop="real: 224 px of 1.4 boxes of the face mesh, median of 13 frames; no lossy copy",
            text=f"distance of lips and audio, 25 a second, delays up to 15 frames, zeros around the audio; {text}",
            source="Chung & Zisserman 2016; Prajwal et al. 2020",
            weights=self._model.name,
        )


class _Seen(NamedTuple):
    image: NDArray[np.uint8]
    shown: NDArray[np.float64]
    box: NDArray[np.float32]


class LipSyncErrorClip:
    """One clip of `LipSyncErrorMetric`."""

    def __init__(self, model: UserSyncNet, audio: ClipAudio | None) -> None:
        """Nothing yet."""
        self._model, self._audio = model, audio
        self._steps: NearestSteps[_Seen] = NearestSteps()
        self._around: deque[_Seen | None] = deque([None] * _HALF)
        """Up to 13 frames, the one to be cut in the middle; None = before the first or after the last."""
        self._few: list[_Seen] = []
        """The first frames, for a face that is seen for fewer than 13."""
        self._crops: list[NDArray[np.float32]] = []
        self._embedded: list[NDArray[np.float32]] = []
        self._num = 0

    def add(self, pair: FramePair) -> None:
        """See `FrameAccumulator.add`."""
        view = pair.generated
        seen = _Seen(view.crop("patch224"), view.square, face_boxes(view.landmarks[None])[0])
        for step in self._steps.add(pair.time, seen):
            self._take(step)

    def compute(self) -> Mapping[str, Measured]:
        """See `FrameAccumulator.compute`."""
        for step in self._steps.finish():
            self._take(step)
        if self._num < MEDIAN_FRAMES:
            for seen in self._few:
                self._cut(seen, np.array(syncnet_square(seen.box)))
        else:
            for _ in range(_HALF):
                self._slide(None)
        samples = self._heard()
        num = max(0, min(self._num, len(samples) // FRAME_SAMPLES) - 5)
        if num == 0:
            return {p: Measured(value=float("nan"), num_frames=0) for p in self._keys()}
        self._embed()
        video = np.concatenate(self._embedded)[:num]
        found = lse_of_embeddings(self._model, video, self._model.embed_audio(mfcc(samples)[None])[0][:num])
        values = zip(self._keys(), (found.confidence, found.distance))
        return {name: Measured(value=value, num_frames=num) for name, value in values}

    def _keys(self) -> tuple[str, str]:
        return f"lse_c[{self._model.name}]", f"lse_d[{self._model.name}]"

    def _take(self, seen: _Seen) -> None:
        self._num += 1
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
        self._crops.append(
            syncnet_frame(seen.image, seen.shown, square)[..., ::-1].transpose(2, 0, 1).astype(np.float32)
        )
        if len(self._crops) == BATCH + self._wide:
            self._embed()

    @property
    def _wide(self) -> int:
        return self._model.specification.window_frames - 1

    def _embed(self) -> None:
        if len(self._crops) > self._wide:
            self._embedded.append(self._model.embed_video(np.stack(self._crops)))
            self._crops = self._crops[-self._wide :]

    def _heard(self) -> NDArray[np.float32]:
        """(S,) from the first frame on."""
        found = [] if self._audio is None else self._audio.blocks()
        blocks = [AudioBlock(start=b.start, samples=b.samples, rate=RATE) for b in found]
        if not blocks or self._steps.first is None:
            return np.zeros(0, np.float32)
        samples, start = join_blocks(blocks)
        late = round(float(start) * RATE) - self._steps.first * FRAME_SAMPLES
        return np.pad(samples, (late, 0)) if late > 0 else samples[-late:]
