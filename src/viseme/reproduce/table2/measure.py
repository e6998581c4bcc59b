"""One network asked about one clip: its delay, its accuracy by window, known shifts. Knows no files."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from viseme.audio.bands import band_filters
from viseme.audio.clock import FRAME_S
from viseme.reproduce.table2.recipe import LENGTHS, REACH, WINDOWS
from viseme.sync.clips import Clip
from viseme.sync.comparer import score_pairs
from viseme.sync.embeddings import VIDEO_STEP, normalise_mels, to_grid_points
from viseme.sync.estimator import log_ratios
from viseme.sync.models.torch_model import TorchModel

__all__ = ["Measurer"]


class Measurer:
    """A network asked about clips; counts the time that the network takes."""

    def __init__(self, network: Any, mode: str) -> None:
        self.network, self.mode = network.eval(), mode
        self.model = TorchModel(network)
        self.cpu, self.seconds = 0.0, 0.0

    def clip(
        self, clip: Clip, *, yaw: NDArray[np.floating], truth: float | None, seed: int, windows: bool
    ) -> dict[str, Any]:
        """Everything about one clip.

        Args:
            clip: The clip in the form of this network's input.
            yaw: (T,) turn of the head, radians.
            truth: Seconds by which its audio is late; None = not known.
            seed: Of the shifts and cuts, the same for every network.
            windows: Also by K5 to K15, where the truth is known.
        """
        grid, stream = to_grid_points(clip.times, clip.video)
        mels = normalise_mels(np.exp(clip.audio.astype(np.float32)) @ band_filters())
        began = time.process_time()
        raw = score_pairs([self.model], stream, mels)
        self.cpu += time.process_time() - began
        self.seconds += len(grid) * VIDEO_STEP
        columns = np.rint(grid / FRAME_S).astype(int) - clip.first_audio_frame - 2
        out: dict[str, Any] = {"name": clip.name, "speaker": clip.speaker, "seconds": len(grid) * VIDEO_STEP}
        out["yaw_deg"] = float(np.rad2deg(np.median(np.abs(yaw))))
        if truth is not None:
            lags = 4 * np.arange(-REACH, REACH + 1)
            for name, scores, mean in (("mean", raw, True), ("evidence", log_ratios(raw), False)):
                found = _best(scores, columns, lags, mean=mean)
                out[name] = None if found is None else 0.01 * found - truth
            if windows:
                out["windows"] = self._windows(stream, mels, columns + round(truth * 100))
        out["shifts"] = self._shifts(grid, stream, mels, columns, raw, seed)
        return out

    @torch.inference_mode()
    def _cut_scores(self, cuts: NDArray[Any], mels: NDArray[np.float32]) -> NDArray[np.float32]:
        """(W, N, A) as `score_pairs` for many cuts (W, N, ...) of equal length; the audio is embedded once."""
        num = len(mels)
        padded = np.pad(mels, ((0, 3 + (-num) % 4), (0, 0)))
        phases = np.stack([padded[r : r + num + (-num) % 4] for r in range(4)])
        heard = self.network.embed_audio(torch.from_numpy(phases)).transpose(0, 1).flatten(0, 1)[:num]
        frames = torch.from_numpy(np.ascontiguousarray(cuts)).float()
        frames = frames / 255 if cuts.dtype == np.uint8 else frames - frames.mean(1, keepdim=True)
        return (self.network.embed_video(frames) @ heard.T * self.network.scale()).numpy()

    def _windows(self, stream: NDArray[Any], mels: NDArray[np.float32], columns: NDArray[np.int64]) -> list[float]:
        """(6,) fraction of the windows of 5 to 15 frames that are matched to within a frame; the network sees five
        frames of frames at a time and no more."""
        rows, there = [], []
        lags = 4 * np.arange(-REACH, REACH + 1)
        cuts = np.stack([stream[at : at + 5] for at in range(len(stream) - 4)])
        for at, raw in enumerate(self._cut_scores(cuts, mels)):
            banded, inside = _banded(raw, columns[at : at + 5], lags)
            inside = inside.all(0)
            row = np.where(inside, banded.sum(0), -np.inf)
            rows.append(row - np.logaddexp.reduce(row) if inside.any() else row)
            there.append(inside)
        right = []
        for num in WINDOWS:
            reach = (num - 5) // 2
            hits = []
            for at in range(len(rows)):
                near = slice(max(0, at - reach), at + reach + 1)
                inside = np.array(there[near])
                if not there[at].any():
                    continue
                values = np.where(inside, np.array(rows[near]), 0.0).sum(0) / np.maximum(inside.sum(0), 1)
                best = int(np.where(there[at], values, -np.inf).argmax())
                hits.append(abs(best - REACH) <= 1)
            right.append(float(np.mean(hits)) if hits else float("nan"))
        return right

    def _shifts(
        self,
        grid: NDArray[np.float64],
        stream: NDArray[Any],
        mels: NDArray[np.float32],
        columns: NDArray[np.int64],
        raw: NDArray[np.float32],
        seed: int,
    ) -> list[list[float]]:
        """[length, error] of cuts under shifted audio, seconds, against the whole clip as it lies."""
        lags = np.arange(-100, 101)
        rest = _best(log_ratios(raw), columns, lags, mean=False)
        rng = np.random.default_rng(seed)
        out = []
        for length in LENGTHS:
            num = round(length / VIDEO_STEP)
            for _ in range(3):
                start = int(rng.integers(max(1, len(grid) - num + 1)))
                shift = int(rng.integers(-4 * REACH, 4 * REACH + 1))
                if len(grid) < num or rest is None:
                    continue
                part = log_ratios(score_pairs([self.model], stream[start : start + num], mels))
                found = _best(part, columns[start : start + num] - shift, lags, mean=False)
                out.append([length, float("nan") if found is None else 0.01 * (found - rest - shift)])
        return out


def _banded(
    scores: NDArray[np.floating], columns: NDArray[np.int64], lags: NDArray[np.int64]
) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
    at = columns[:, None] + lags
    inside = (at >= 0) & (at < scores.shape[1])
    found = np.take_along_axis(scores, np.clip(at, 0, max(scores.shape[1] - 1, 0)), 1)
    return np.where(inside, found, 0.0), inside


def _best(
    scores: NDArray[np.floating], columns: NDArray[np.int64], lags: NDArray[np.int64], *, mean: bool
) -> int | None:
    """The lag with the greatest sum, or mean over true overlap; None where nothing overlaps enough."""
    found, inside = _banded(scores, columns, lags)
    counts = inside.sum(0)
    usable = counts >= max(5, 0.2 * len(columns))
    if not usable.any():
        return None
    totals = found.sum(0) / np.maximum(counts, 1) if mean else found.sum(0)
    return int(lags[np.where(usable, totals, -np.inf).argmax()])
