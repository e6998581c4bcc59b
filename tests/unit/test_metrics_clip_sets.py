"""Distances between sets of frames gathered clip by clip, and checks for leakage over clips."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from viseme import ConfigError, OutputError
from viseme.core.scores import ClipScore, ClipValue, FailureCause, ScoreResult
from viseme.metrics.fid import FrameSets
from viseme.metrics.frame_sets import FrameSetMetric, set_distance
from viseme.metrics.leakage_runs import cross_audio, reference_distance, silent_audio
from viseme.metrics.lip_opening import CLOSED, LipDistance, MouthOpening
from viseme.metrics.score_means import summarise


class Features:
    """Mean colours."""

    name, weights, size = "fid-stub", "stub@0", 3

    def of(self, frames: np.ndarray) -> np.ndarray:
        return frames.mean((1, 2)).astype(np.float32)


@dataclass
class Face:
    image: np.ndarray

    def crop(self, name: str) -> np.ndarray:
        assert name == "face256"
        return self.image


def faces(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (9, 4, 4, 3), dtype=np.uint8)


def gathered(place: Path, generated: np.ndarray, real: np.ndarray) -> None:
    clip = FrameSetMetric(Features(), place).start({})
    for one, other in zip(generated, real):
        clip.add(Face(one), Face(other))  # type: ignore[arg-type]
    assert clip.compute() == {}


def test_a_distance_of_clips_is_that_of_all_their_frames(tmp_path: Path) -> None:
    whole = FrameSets(Features())
    for n in (0, 2):
        gathered(tmp_path / f"c{n}", faces(n), faces(n + 1))
        whole.add(faces(n), faces(n + 1))
    places = [(tmp_path / "c0", False), (tmp_path / "c2", False)]
    found = set_distance(Features(), places)
    assert found.distance.value == pytest.approx(whole.compute().value, rel=1e-5)
    assert found.still_face > found.distance.value
    (protocol,) = FrameSetMetric(Features(), None).protocols
    clips = [ClipScore(file=n, name=n, reference=n, audio=None, metrics={}, anchors={}) for n in "ab"]
    value = summarise("made", "real", clips, [protocol], sets=[found])
    assert value["fid-stub"].relative == pytest.approx(1 - found.distance.value / found.still_face)
    assert (value["fid-stub"].interval, value["fid-stub"].failures) == (None, {})
    assert "few frames" in value.notes[0]
    failed = set_distance(Features(), [places[0], (tmp_path / "c2", True), (tmp_path / "crashed", True)])
    assert failed.distance.num_failed_clips == 1
    with pytest.raises(OutputError, match="score again without --resume"):
        set_distance(Features(), [(tmp_path / "gone", False)])


def result(name: str, values: dict[str, dict[str, float | None]], closed: float = 0.02) -> ScoreResult:
    """Metric -> clip -> value."""
    clips = [
        ClipScore(
            file=clip,
            name=clip,
            reference=clip,
            audio=None,
            metrics={
                metric: ClipValue(value=v, failure=FailureCause.NO_FACE if v is None else None)
                for metric, v in ((m, of_clip[clip]) for m, of_clip in values.items())
            },
            anchors={CLOSED: {"mouth_opening": closed}},
        )
        for clip in next(iter(values.values()))
    ]
    return summarise(name, "real", clips, [*MouthOpening.protocols, *LipDistance.protocols])


def test_leakage_is_concluded_over_clips() -> None:
    shut, open_ = (
        silent_audio(result("silent", {"mouth_opening": {"a": v, "b": v * 1.1, "c": None}})) for v in (0.02, 0.08)
    )
    assert (shut.passed, shut.n) == (True, 2)
    assert not open_.passed
    target, driving = (result(n, {"lip_distance": {"a": v, "b": v, "c": v}}) for n, v in (("t", 0.06), ("d", 0.03)))
    assert cross_audio(target, driving).passed
    assert not cross_audio(driving, target).passed
    found = reference_distance({1.0: driving, 5.0: target}, "lip_distance")
    assert (found.passed, found.certain) == (False, True), "lower is better, and it rises"
    with pytest.raises(ConfigError, match="no clip"):
        silent_audio(result("silent", {"mouth_opening": {"a": None}}))
