"""AVS_u, AVS_m and AVS_v: how alike a speech expert finds lips and audio, or two videos.

Knows what an expert takes and gives; refuses to know files and faces. Numbers of different experts are never merged:
the key of a result names the expert (`avs_key`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import DataError
from viseme.expert.interface import SpeechExpert

__all__ = [
    "MOST_APART_FRAMES",
    "SimilaritySums",
    "SpeechSimilarity",
    "avs_audio_floor",
    "avs_key",
    "avs_m",
    "avs_u",
    "avs_v",
    "similarity",
]

MOST_APART_FRAMES = 2
"""Frames by which two lengths may differ; the shorter one counts."""


@dataclass(frozen=True, kw_only=True)
class SpeechSimilarity:
    """How alike two sequences of embeddings are."""

    value: float
    """Primary: mean over frames of the cosine of a frame with its counterpart, -1 to 1."""
    of_means: float
    """Secondary: cosine of the two means over time, -1 to 1."""
    num_frames: int
    """Frames compared, 25 a second."""


def avs_key(metric: str, expert_id: str) -> str:
    """The name of a result.

    Example:
        >>> avs_key("avs_u", "tiny@1a2b3c4d5e6f")
        'avs_u[tiny@1a2b3c4d5e6f]'
    """
    return f"{metric}[{expert_id}]"


def similarity(one: NDArray[np.floating], other: NDArray[np.floating]) -> SpeechSimilarity:
    """Cosines of two sequences of embeddings.

    Args:
        one: (T, D).
        other: (T, D), T as long or up to two frames longer or shorter; the shorter one counts. An embedding of zeros is
            like nothing: its cosine is 0.

    Raises:
        DataError: the lengths differ by more, or there is no frame.

    Example:
        >>> found = similarity(np.eye(2), np.ones((2, 2)))
        >>> round(found.value, 4), round(found.of_means, 4), found.num_frames
        (0.7071, 1.0, 2)
    """
    num = _common_length(len(one), len(other))
    a, b = np.asarray(one[:num], np.float64), np.asarray(other[:num], np.float64)
    return SpeechSimilarity(
        value=float(np.mean(_cosines(a, b))), of_means=float(_cosines(a.mean(0), b.mean(0))), num_frames=num
    )


class SimilaritySums:
    """`similarity` over several pieces of a clip.

    Example:
        >>> sums = SimilaritySums()
        >>> sums.add(np.eye(2), np.ones((2, 2)))
        >>> sums.add(np.eye(2), np.eye(2))
        >>> round(sums.compute().value, 4), sums.compute().num_frames
        (0.8536, 4)
    """

    def __init__(self) -> None:
        self._num, self._cosines = 0, 0.0
        self._one: NDArray[np.float64] | float = 0.0
        self._other: NDArray[np.float64] | float = 0.0

    def add(self, one: NDArray[np.floating], other: NDArray[np.floating]) -> None:
        """One more piece: two sequences (T, D) of one length."""
        a, b = np.asarray(one, np.float64), np.asarray(other, np.float64)
        if len(a):
            self._num += len(a)
            self._cosines += float(_cosines(a, b).sum())
            self._one, self._other = self._one + a.sum(0), self._other + b.sum(0)

    def compute(self) -> SpeechSimilarity:
        """NaN without frames."""
        if not self._num:
            return SpeechSimilarity(value=float("nan"), of_means=float("nan"), num_frames=0)
        means = float(_cosines(np.asarray(self._one), np.asarray(self._other)))
        return SpeechSimilarity(value=self._cosines / self._num, of_means=means, num_frames=self._num)


def avs_u(expert: SpeechExpert, video: NDArray[np.float32], audio: NDArray[np.float32]) -> SpeechSimilarity:
    """AVS_u: lips alone against audio alone; needs no reference.

    Args:
        expert: A speech expert.
        video: (T, ...) what the expert's video stream sees: mouths (`viseme.faces.mouth_roi`) or points.
        audio: (T, 104) `viseme.audio.features.speech_features`; lengths as for `similarity`.

    Raises:
        DataError: see `similarity`.

    Source:
        Yaman et al., equation 4: cosine of TE(V, 0) and TE(0, A), a missing modality being zeros after projection.
        Averaging over frames, lengths and crops are ours; the paper does not give them.
    """
    num = _common_length(len(video), len(audio))
    return similarity(expert.encode(video=video[:num]), expert.encode(audio=audio[:num]))


def avs_m(
    expert: SpeechExpert,
    video: NDArray[np.float32],
    reference: NDArray[np.float32],
    audio: NDArray[np.float32],
) -> SpeechSimilarity:
    """AVS_m: a generated video with the audio, against the real video with the audio. See `avs_u`.

    The audio is common to both sides, so even a video that shows nothing scores high: read it beside `avs_audio_floor`.

    Args:
        expert: A speech expert.
        video: (T, ...) generated.
        reference: (T, ...) real.
        audio: (T, 104).

    Source:
        Yaman et al., equation 5.
    """
    num = _common_length(len(video), len(reference), len(audio))
    return similarity(
        expert.encode(audio=audio[:num], video=video[:num]), expert.encode(audio=audio[:num], video=reference[:num])
    )


def avs_v(expert: SpeechExpert, video: NDArray[np.float32], reference: NDArray[np.float32]) -> SpeechSimilarity:
    """AVS_v: a generated video against the real one, without audio. See `avs_u`.

    Source:
        Yaman et al., equation 6.
    """
    num = _common_length(len(video), len(reference))
    return similarity(expert.encode(video=video[:num]), expert.encode(video=reference[:num]))


def avs_audio_floor(
    expert: SpeechExpert, reference: NDArray[np.float32], audio: NDArray[np.float32]
) -> SpeechSimilarity:
    """What AVS_m gives for a generated video of nothing: the audio alone, against the real video with the audio."""
    num = _common_length(len(reference), len(audio))
    return similarity(expert.encode(audio=audio[:num]), expert.encode(audio=audio[:num], video=reference[:num]))


def _common_length(*lengths: int) -> int:
    least, most = min(lengths), max(lengths)
    if least == 0:
        raise DataError("there is no frame to compare")
    if most - least > MOST_APART_FRAMES:
        raise DataError(f"lengths of {least} and {most} frames differ by more than {MOST_APART_FRAMES}")
    return least


def _cosines(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """(...,) over the last axis; 0 where either is zero."""
    norms = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    return np.asarray((a * b).sum(-1) / np.where(norms > 0, norms, 1), np.float64)
