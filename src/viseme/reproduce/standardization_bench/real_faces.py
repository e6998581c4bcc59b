"""Real clips marked `dev`: how far fitted landmarks lie from tracked ones, and whether E-Net opens lips alike."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from viseme.core.errors import VisemeError
from viseme.data.manifest import ManifestRow, read_held_out
from viseme.face3d.interface import load_face_model
from viseme.faces.crops import CROP_SIZE, crop_frame, crop_squares
from viseme.media import read_frames
from viseme.reproduce.measured_clips import MAX_SIDE, measured_clip
from viseme.reproduce.standardization_bench.lines import line
from viseme.reproduce.standardization_bench.neutral_head import NeutralLips
from viseme.standardization.estimators.landmark_fit import LandmarkFit
from viseme.standardization.interface import ExpressionEstimator, FaceObservation

__all__ = ["real_lines"]


@dataclass
class _Found:
    """What was measured so far."""

    residuals: list[float] = field(default_factory=list)
    """Of each clip the median distance of fitted from tracked landmarks, per cent of the face width."""
    correlations: list[float] = field(default_factory=list)
    """Of each clip, of lip apertures by E-Net and by the landmark fit."""
    num_frames: int = 0
    num_valid: int = 0


def real_lines(folder: Path, work: Path, every: int, network: ExpressionEstimator | None) -> Iterator[str]:
    """Distance of the fitted landmarks from the tracked ones over the width of the face; and whether E-Net, which has
    seen one real person, opens strangers' lips as the landmark fit does.

    Args:
        folder: Of the manifest.
        work: Where tracks are kept.
        every: Take every n-th clip.
        network: E-Net; None = leave it out.
    """
    lips, found = NeutralLips(load_face_model()), _Found()
    for row in read_held_out(folder, ("dev",))[::every]:
        try:
            _measure(row, work, lips, network, found)
        except VisemeError as error:
            print(f"left out: {error}", file=sys.stderr)
    if found.residuals:
        n = f"n = {len(found.residuals)} dev clips, {found.num_frames} frames, {found.num_valid} valid"
        value = f"{np.median(found.residuals):.2f} %, 95th percentile {np.percentile(found.residuals, 95):.2f} %"
        yield line("landmark-fit: median residual of the face width", value, n, "<= 1.3 %")
    if found.correlations:
        value = f"{np.median(found.correlations):.3f}, 5th percentile {np.percentile(found.correlations, 5):.3f}"
        n = f"n = {len(found.correlations)} dev clips, first stretch"
        yield line("E-Net: lip aperture, correlation with landmark-fit, median", value, n)


def _measure(
    row: ManifestRow, work: Path, lips: NeutralLips, network: ExpressionEstimator | None, found: _Found
) -> None:
    """Add one clip: its face that is seen longest."""
    track = _observations(row, work)
    fitted = list(LandmarkFit().estimate(track)) if track else []
    residual = np.concatenate([c.residual[c.valid] for c in fitted if c.residual is not None] or [np.zeros(0)])
    found.num_frames += sum(len(c.times) for c in fitted)
    found.num_valid += sum(int(c.valid.sum()) for c in fitted)
    if len(residual):
        found.residuals.append(100 * float(np.median(residual)))
    if network is None or not track:
        return
    seen = next(iter(network.estimate([_with_crops(row.path, track[0])])))
    both = fitted[0].valid & seen.valid
    if both.sum() >= 25:
        apertures = [lips.aperture(c.beta[both]) for c in (fitted[0], seen)]
        found.correlations.append(float(np.asarray(np.corrcoef(apertures))[0, 1]))


def _observations(row: ManifestRow, work: Path) -> Sequence[FaceObservation]:
    """The face that is seen longest, without its pixels."""
    tracks = measured_clip(row, work).tracks()
    return [
        FaceObservation(times=c.times, landmarks=c.landmarks, observed=c.observed, crops=crop_squares(c.landmarks))
        for c in (tracks[0] if tracks else ())
    ]


def _with_crops(path: Path, piece: FaceObservation) -> FaceObservation:
    """The same stretch with its pixels."""
    wanted = {round(float(t) * 1e6): i for i, t in enumerate(piece.times) if np.isfinite(piece.crops[i]).all()}
    images = np.zeros((len(piece.times), CROP_SIZE, CROP_SIZE, 3), np.uint8)
    for frame in read_frames(path, max_side=MAX_SIDE):
        index = wanted.get(round(float(frame.time) * 1e6))
        if index is not None:
            images[index] = crop_frame(frame.image, piece.crops[index], scale=frame.scale)
    return replace(piece, images=images)
