"""A talker of Yaman et al. as exported, run by ONNX Runtime: a face crop and audio in, the face with other lips out.

Knows weights, arrays and the person of a video; refuses to know torch and how a crop is put back.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.audio.mel_windows import mel_windows
from viseme.compose.target import Stretch, TargetFaces
from viseme.faces.mouth_roi import STEP_S
from viseme.faces.tight_squares import tight_squares
from viseme.talker.references import References, find_references
from viseme.weights import Checkpoint

__all__ = ["PIXELS", "PixelTalker", "TalkingCrops"]

PIXELS = "yaman"
"""What the header of such a file calls the model."""
CHUNK = 256
"""Frames whose mel windows are made at once."""


class PixelTalker:
    """A generator of faces for everybody; see `viseme.talker.networks.TalkerGenerator`."""

    def __init__(self, checkpoint: Checkpoint, device: str = "auto") -> None:
        self._session = checkpoint.session("face", device=device)
        self.id: str = checkpoint.name
        """Name and hash, for results and the manifest."""
        self.card: dict[str, Any] = checkpoint.header["card"]
        """Training data, experts, licence and results."""
        self.side: int = checkpoint.config()["side"]
        """Of a face, pixels."""

    def of_video(self, path: str | os.PathLike[str], faces: TargetFaces, stretches: Sequence[Stretch]) -> TalkingCrops:
        """Look for identity references in a video.

        Args:
            path: The video.
            faces: Of the video, followed.
            stretches: The frames of the person who is meant.

        Raises:
            FaceError: too little of the face is seen.
        """
        return TalkingCrops(self, find_references(path, faces, stretches, self.side))

    def faces(
        self, identity: NDArray[np.uint8], targets: NDArray[np.uint8], mel: NDArray[np.floating]
    ) -> NDArray[np.float32]:
        """Faces whose lips say what is heard.

        Args:
            identity: (S, S, 3) RGB, another frame of the person, best with the mouth closed.
            targets: (N, S, S, 3) RGB; their lower halves are not looked at.
            mel: (N, 80, 16) mel windows around their frames.

        Returns:
            (N, S, S, 3) RGB in [0, 1].
        """
        num, side = len(targets), self.side
        pose = np.moveaxis(targets, -1, 1).astype(np.float32) / 255
        pose[:, :, side // 2 :] = 0
        who = np.broadcast_to(np.moveaxis(identity, -1, 0).astype(np.float32) / 255, (num, 3, side, side))
        found = self._session.run(identity=np.ascontiguousarray(who), pose=pose, mel=mel.astype(np.float32))
        return np.moveaxis(found["face"], 1, -1)


class TalkingCrops:
    """`compose.interface.CropGenerator`: one person's face crops, driven by any audio."""

    def __init__(self, talker: PixelTalker, references: References) -> None:
        self._talker, self._references = talker, references
        self.side: int = talker.side
        """Of a crop, pixels."""

    def squares(self, landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
        """See `CropGenerator.squares`."""
        return tight_squares(landmarks)

    def hear(self, samples: NDArray[np.floating], start: float, times: NDArray[np.floating]) -> Iterator[Any]:
        """See `CropGenerator.hear`: mel windows around the middles of frames of 40 ms, as in training."""
        for at in range(0, len(times), CHUNK):
            yield from mel_windows(samples, times[at : at + CHUNK] + STEP_S / 2, start=start)

    def paint(self, crop: NDArray[np.uint8], heard: Any, time: float) -> NDArray[np.float32]:
        """See `CropGenerator.paint`: the reference lies a second or more away, where the video allows."""
        return self._talker.faces(self._references.far_from(time), crop[None], heard[None])[0]
