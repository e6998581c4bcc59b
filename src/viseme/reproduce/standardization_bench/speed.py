"""How fast expression is read and rendered, on tracked landmarks, on crops, and file to file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from viseme.face3d.interface import load_face_model
from viseme.reproduce.standardization_bench.lines import line
from viseme.reproduce.standardization_bench.truth import NUM_FRAMES, SEEDS, filmed_speaker, tracked_speaker, true_beta
from viseme.reproduce.timing import median_seconds
from viseme.standardization.estimators.landmark_fit import LandmarkFit
from viseme.standardization.interface import ExpressionEstimator
from viseme.standardization.pipeline import standardize
from viseme.standardization.synthesis import StandardFace

__all__ = ["file_lines", "speed_lines"]


def speed_lines(networks: Sequence[tuple[str, ExpressionEstimator]]) -> Iterator[str]:
    """Times real time of 25 frames a second; medians of five."""
    model = load_face_model()
    piece = tracked_speaker(SEEDS[0], model)
    seconds = NUM_FRAMES / 25
    n = f"n = {NUM_FRAMES} frames, median of 5"
    fit = LandmarkFit()
    spent = median_seconds(lambda: list(fit.estimate([piece])))
    yield line("landmark-fit on tracked landmarks", f"{seconds / spent:.1f} x real time", n, ">= 10")
    filmed = filmed_speaker(SEEDS[0], model)
    for name, reader in networks:
        spent = median_seconds(lambda reader=reader: list(reader.estimate([filmed])))
        yield line(f"{name} on face crops", f"{seconds / spent:.1f} x real time", n, ">= 5")
    face = StandardFace(StandardFace.Config())
    beta = true_beta(SEEDS[0], model)
    spent = median_seconds(lambda: face.rgbd(beta, face.model_depth_range))
    yield line("rendering RGB-D at 224 px", f"{NUM_FRAMES / spent:.0f} frames/s", n, ">= 100")


def file_lines(video: Path) -> Iterator[str]:
    """Times real time of `viseme.standardize` on a file."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.safetensors"
        result = standardize(video, out, as_="rgbd")
        spent = median_seconds(lambda: standardize(video, out, as_="rgbd", overwrite=True), times=3)
    what = f"standardize --as rgbd, file to file, {result.width}x{result.height}"
    value = f"{(result.duration or 0) / spent:.1f} x real time"
    yield line(what, value, f"n = 1 clip of {result.duration:.1f} s, median of 3", ">= 1")
