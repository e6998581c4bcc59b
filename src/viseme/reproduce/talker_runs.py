"""Talkers run over held-out clips and scored: every clip says its own audio again, with references a second away.

Knows the order: follow, generate, put back, score. Generated clips lie in a temporary folder and are deleted: they bear
no mark that they are synthetic.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from viseme.compose.target import TargetFaces
from viseme.compose.video import compose_video
from viseme.core.errors import FaceError, NoAudio
from viseme.core.scores import ScoreResult
from viseme.engine.prefetch import prefetch
from viseme.faces import tracker as trackers
from viseme.media import read_audio
from viseme.media.source import FileSource
from viseme.metrics.metric_choice import MetricOptions, metric_set, short_name
from viseme.metrics.pipeline import score
from viseme.reproduce.measured_clips import MAX_SIDE, TRACKER

__all__ = ["MEASURED", "TalkerScores", "measured_names", "score_talker"]

MEASURED = ("ssim", "psnr", "fid-mbv2", "lmd_px@256", "vsc", "vsd", "lse_c", "lse_d", "avs_u", "avs_m", "avs_v")
"""Metrics of the papers' tables, those of networks without a licence to train on them beside the published ones."""
RATE = 16_000
NUM_AHEAD = 4


@dataclass(frozen=True)
class TalkerScores:
    """What was measured of one talker."""

    clips: dict[str, dict[str, float]]
    """Clip -> metric -> value."""
    sets: dict[str, float]
    """Metric over the frames of all clips -> value."""
    left_out: dict[str, str]
    """Clip -> why it could not be generated."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"clips": self.clips, "sets": self.sets, "left_out": self.left_out}


def measured_names(expert: str | None, syncnet: str | None, inception: str | None = None) -> list[str]:
    """Those of `MEASURED` that can be measured here."""
    options = MetricOptions(expert=expert, syncnet=syncnet, inception=inception)
    left_out = metric_set(options).not_measured or {}
    names = [name for name in MEASURED if name not in left_out]
    return [*names, "fid"] if inception else names


def score_talker(
    talker: Any,
    files: Sequence[Path],
    names: Sequence[str],
    *,
    expert: str | None = None,
    syncnet: str | None = None,
    inception: str | None = None,
) -> TalkerScores:
    """Let a talker say every clip's own audio in it, and score that beside the clip.

    Args:
        talker: A `CropGenerator` or `FaceGenerator` of a video is got from its `of_video`.
        files: Real clips; their stems differ.
        names: Of metrics, see `measured_names`.
        expert: For AVS.
        syncnet: For LSE-C and LSE-D.
        inception: For FID.
    """
    left_out: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="viseme-talker-") as place:
        made, real = Path(place) / "generated", Path(place) / "real"
        made.mkdir()
        real.mkdir()
        for file in files:
            try:
                _generate(talker, file, made / f"{file.stem}.mkv")
            except (FaceError, NoAudio) as error:
                left_out[file.stem] = str(error)
                continue
            (real / f"{file.stem}{file.suffix}").symlink_to(file.absolute())
        if len(left_out) == len(files):
            return TalkerScores({}, {}, left_out)
        found = score(made, real, metrics=names, expert=expert, syncnet=syncnet, inception=inception)
    return TalkerScores(_by_clip(found), _of_sets(found), left_out)


def _generate(talker: Any, file: Path, out: Path) -> None:
    samples = [block.samples for block in read_audio(file, rate=RATE)]
    if not samples:
        raise NoAudio(f"{file} holds no audio")
    with TargetFaces() as faces:
        with closing(prefetch(_frames(file), NUM_AHEAD)) as frames:
            faces.follow(frames, trackers[TRACKER](trackers[TRACKER].Config()))
        stretches = faces.chosen(None)
        generator = talker.of_video(file, faces, stretches)
        # frames with something before the mouth are generated too: left as they are they would flatter the talker
        compose_video(file, out, generator, np.concatenate(samples), audio_file=file, faces=faces, stretches=stretches)


def _frames(file: Path) -> Iterator[Any]:
    yield from FileSource(file).frames(max_side=MAX_SIDE)


def _by_clip(found: ScoreResult) -> dict[str, dict[str, float]]:
    return {
        clip.name: {short_name(k): float(v.value) for k, v in clip.metrics.items() if v.value is not None}
        for clip in found.clips
    }


def _of_sets(found: ScoreResult) -> dict[str, float]:
    sets = {p.name for p in found.protocols if p.of_set}
    return {short_name(k): float(v.value) for k, v in found.metrics.items() if k in sets and v.value is not None}
