"""LSE-C and LSE-D: confidence and distance of a SyncNet file that the user supplies, as published.

Knows frames, samples and the network; refuses to know files of media and how faces were found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from viseme.audio.clock import RATE
from viseme.audio.features import mfcc
from viseme.metrics.sync_confidence import LAGS_FRAMES, SyncConfidence, sync_confidence
from viseme.sync.comparer import scores_at_lags
from viseme.sync.interface import SyncModel

__all__ = ["SHORT_FRAMES", "lip_sync_error", "lse_of_embeddings"]

SHORT_FRAMES = 35
"""Clips up to this length mostly meet the zeros around the audio."""
FRAME_SAMPLES = RATE // 25
CHUNK = 64
"""Windows embedded at a time: 40 MB of frames."""


def lip_sync_error(
    model: SyncModel, frames: Iterable[NDArray[np.uint8]], num_frames: int, samples: NDArray[np.floating]
) -> SyncConfidence:
    """LSE-C (confidence) and LSE-D (distance) of one face.

    Args:
        model: SyncNet (`viseme.sync.syncnet`).
        frames: (224, 224, 3) RGB, 25 a second.
        num_frames: How many there are.
        samples: (S,) at 16 kHz, the first at the time of the first frame.

    Returns:
        NaN where fewer than six frames meet audio.

    Source:
        joonson/syncnet_python: min(frames, S // 640) - 5 windows, video frames i to i + 4 against cepstra 4 i to
        4 i + 19.
    """
    num = max(0, min(num_frames, len(samples) // FRAME_SAMPLES) - 5)
    if num == 0:
        return sync_confidence(np.zeros((0, len(LAGS_FRAMES))))
    audio = model.embed_audio(mfcc(samples)[None])[0][:num]
    wide = model.specification.window_frames - 1
    video = np.concatenate([model.embed_video(chunk) for chunk in _chunks(frames, num + wide, wide)])
    return lse_of_embeddings(model, video, audio)


def lse_of_embeddings(model: SyncModel, video: NDArray[np.float32], audio: NDArray[np.float32]) -> SyncConfidence:
    """LSE of embeddings, (W, D) each; before and after the audio there are 15 embeddings of zeros, as published."""
    reach = int(np.abs(LAGS_FRAMES).max())
    padded = np.pad(audio, ((reach, reach), (0, 0)))
    scores, _ = scores_at_lags(model, video, padded, LAGS_FRAMES + reach)
    return sync_confidence(-scores)


def _chunks(frames: Iterable[NDArray[np.uint8]], num: int, wide: int) -> Iterator[NDArray[np.float32]]:
    """The first `num` frames as (T, 3, 224, 224) in blue, green, red, each beginning with the last `wide` of the one
    before."""
    kept: list[NDArray[np.uint8]] = []
    for number, frame in enumerate(frames, 1):
        kept.append(frame[..., ::-1].transpose(2, 0, 1))
        if len(kept) == CHUNK + wide or number == num:
            yield np.stack(kept).astype(np.float32)
            kept = kept[len(kept) - wide :]
        if number == num:
            return
