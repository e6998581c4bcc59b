"""Rows of a table of scores: floors, causes, intervals, ranks, and how they are written."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from schemas import validate
from viseme import ConfigError
from viseme.core.results import DelayEstimate, DelayPiece, Verdict
from viseme.core.scores import (
    Better,
    ClipScore,
    ClipValue,
    FailedScore,
    FailureCause,
    MetricProtocol,
    Need,
    ScoreResult,
)
from viseme.metrics.clip_faults import EVERYTHING, Faults
from viseme.metrics.clip_files import match_clips
from viseme.metrics.clip_score import share_in_sync
from viseme.metrics.interface import Measured
from viseme.metrics.lockstep import lockstep
from viseme.metrics.score_means import summarise
from viseme.metrics.score_ranking import compare_scores
from viseme.report.score_tables import comparison_text, protocol_text, score_csv, score_latex, score_text
from viseme.report.scores import write_score_report

SSIM = MetricProtocol(
    name="ssim",
    unit="1",
    better=Better.HIGHER,
    version=1,
    needs=frozenset({Need.REFERENCE, Need.PIXELS}),
    floor="still_face",
    worst=0.0,
    identical=1.0,
)
VSC = MetricProtocol(
    name="vsc",
    unit="1",
    better=Better.HIGHER,
    version=1,
    needs=frozenset({Need.AUDIO}),
    floor="mismatched_audio",
    worst=0.0,
)


def clip(name: str, value: float | None, floor: float | None = 0.6) -> ClipScore:
    failed = FailureCause.NO_FACE if value is None else None
    return ClipScore(
        file=f"made/{name}.mp4",
        name=name,
        reference=f"real/{name}.mp4",
        audio=None,
        metrics={"ssim": ClipValue(value=value, num_frames=75 if value else 0, failure=failed)},
        anchors={"reference": {"ssim": 1.0}} | ({} if floor is None else {"still_face": {"ssim": floor}}),
        failures=() if failed is None else (failed,),
        message="" if failed is None else f"no face is seen in {name}",
    )


def result(*clips: ClipScore, name: str = "made") -> ScoreResult:
    return summarise(name, "real", clips, [SSIM])


def test_a_faceless_clip_lowers_the_headline_and_is_named() -> None:
    good = result(clip("a", 0.9), clip("b", 0.9))["ssim"]
    found = result(clip("a", 0.9), clip("b", None))["ssim"]
    assert good.value == pytest.approx(0.9)
    assert found.value == pytest.approx(0.75), "the failed clip counts at its own floor, .6"
    assert found.valid == pytest.approx(0.9)
    assert found.relative == pytest.approx((0.75 - 0.6) / 0.4)
    assert (found.n, found.failures) == (2, {FailureCause.NO_FACE: 1})


def test_a_clip_without_a_floor_has_that_of_the_others_or_the_worst() -> None:
    assert result(clip("a", 0.9), clip("b", None, floor=None))["ssim"].value == pytest.approx(0.75)
    assert result(clip("b", None, floor=None))["ssim"].value == 0.0
    crashed = FailedScore(file="made/c.mp4", error_type="WorkerCrashed", message="c.mp4 crashes").clip
    found = result(clip("a", 0.9), crashed)["ssim"]
    assert found.failures == {FailureCause.UNREADABLE: 1}
    with pytest.raises(KeyError, match="there are ssim"):
        result(clip("a", 0.9))["nosuch"]


def test_twice_the_jitter_is_not_better_than_the_real_video() -> None:
    jitter = replace(SSIM, name="jitter", better=Better.ONE)

    def of(value: float) -> float | None:
        one = replace(
            clip("a", 1.0),
            metrics={"jitter": ClipValue(value=value, num_frames=9)},
            anchors={"reference": {"jitter": 1.0}, "still_face": {"jitter": 0.0}},
        )
        return summarise("made", "real", [one], [jitter])["jitter"].relative

    assert (of(1.0), of(0.5), of(3.0)) == (1.0, 0.5, -1.0)


def test_methods_are_ranked_where_the_difference_is_certain() -> None:
    rng = np.random.default_rng(0)
    base = rng.uniform(0.5, 0.9, 30)

    def method(name: str, gain: float, noise: float) -> ScoreResult:
        values = base + gain + rng.normal(0, noise, 30)
        return result(*(clip(f"c{i}", float(v)) for i, v in enumerate(values)), name=f"x/{name}")

    found = compare_scores([method("ours", 0.02, 0.005), method("same", 0.02, 0.005), method("worse", 0.0, 0.005)])
    assert found.n == 30
    assert {r.method: r.rank for r in found.metrics["ssim"].ranks} == {"ours": 1, "same": 1, "worse": 3}
    pair = next(p for p in found.metrics["ssim"].pairs if (p.first, p.second) == ("ours", "worse"))
    assert pair.better == "ours"
    validate("score", found.to_json())
    assert "worse" in comparison_text(found)
    with pytest.raises(ConfigError, match="no clip in common"):
        compare_scores([result(clip("a", 1.0), clip("b", 1.0)), result(clip("c", 1.0), clip("d", 1.0))])
    with pytest.raises(ConfigError, match="different protocols"):
        compare_scores([result(clip("a", 1.0)), summarise("b", None, [clip("a", 1.0)], [VSC])])


def test_what_is_written(tmp_path) -> None:
    found = result(clip("a", 0.9), clip("b", None))
    validate("score", found.to_json())
    for entry in found.clips:
        validate("score", entry.to_json())
        assert ClipScore.from_json(json.loads(json.dumps(entry.to_json()))) == entry
    failed = FailedScore(file="c.mp4", error_type="WorkerCrashed", message="c.mp4 crashes")
    validate("score", failed.to_json())
    text = score_text(found)
    assert max(map(len, text.splitlines())) <= 80
    assert "failed 1 of 2 (1 no face)" in text
    rows = list(csv.DictReader(io.StringIO(score_csv([found]))))
    assert [(r["clip"], r["value"], r["failure"]) for r in rows] == [
        ("a", "0.9", ""),
        ("b", "", "no_face"),
        ("", "0.75", "1 no_face"),
    ]
    assert r"\textbf{0.750}" in score_latex([found, result(clip("a", 0.1), name="other_one")])
    assert "hash of all" in protocol_text([SSIM, VSC], "0")
    write_score_report([found], tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "1 no face" in page
    assert "no face is seen in b" in page


def test_no_number_is_minus_nothing_and_columns_stay_in_line() -> None:
    fdd = replace(SSIM, name="fdd", better=Better.ZERO, unit="mm", identical=0.0)
    wide = replace(SSIM, name="avs_m_of_means[tiny@0123456789ab]", floor="audio_only")
    values = {"fdd": -0.0004, wide.name: -12.5, "ssim": 100.0}
    one = replace(
        clip("a", 1.0),
        metrics={name: ClipValue(value=value, num_frames=9) for name, value in values.items()},
        anchors={
            "reference": {"fdd": 0.0, wide.name: 1.0},
            "still_face": {"fdd": 1.25, wide.name: 0.25},
            "audio_only": {wide.name: 0.5},
        },
        audio_delay=-0.0001,
    )
    found = summarise("made", "real", [one], [fdd, wide, SSIM], not_measured={"fid": "--inception FILE"})
    text = score_text(found)
    assert "-0.000" not in text
    assert "audio delay 0 ms" in text
    assert max(map(len, text.splitlines())) <= 80
    table, others, *_ = text.split("\n\n")
    assert found["fdd"].relative == pytest.approx(1.0, abs=1e-3), "less than nothing too much is as good as too little"
    heading, *rows = table.splitlines()
    assert heading.index("VALUE") + 5 == next(row.index("-12.50") + 6 for row in rows if "-12.50" in row)
    assert heading.index("REL.") + 4 == next(row.rindex("1.00") + 4 for row in rows if row.startswith("fdd"))
    assert others.splitlines()[-1].split() == ["0.250", "0.500"]
    assert "not measured: fid (--inception FILE)" in text
    assert "-0.0" not in score_csv([found]).replace("-0.0004", "")


def test_a_cause_costs_only_the_metrics_that_need_what_is_missing() -> None:
    faults = Faults()
    faults.add(FailureCause.LENGTHS_DIFFER, frozenset({Need.REFERENCE}), "other lengths")
    measured = {"ssim": Measured(value=0.5, num_frames=9), "vsc": Measured(value=float("nan"), num_frames=0)}
    assert faults.value(SSIM, measured).failure is FailureCause.LENGTHS_DIFFER
    assert faults.value(VSC, measured).failure is FailureCause.TOO_SHORT
    assert faults.value(VSC, {"vsc": Measured(value=float("nan"), num_frames=9)}).failure is FailureCause.NOT_A_NUMBER
    faults.add(FailureCause.ONE_FRAME, EVERYTHING, "one frame")
    assert faults.of(VSC) is FailureCause.ONE_FRAME


def test_clips_are_matched_by_name(tmp_path) -> None:
    for name in ("made/a.mp4", "made/b.mkv", "real/a.mov", "real/c.mp4", "said/a.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = {c.name: c for c in match_clips(tmp_path / "made", tmp_path / "real", tmp_path / "said")}
    assert sorted(found) == ["a", "b", "c"]
    assert found["a"].reference
    assert found["a"].audio
    assert found["b"].reference is None
    assert found["c"].generated is None, "a real video without a generated one is a failed clip"
    with pytest.raises(ConfigError, match="must be one too"):
        match_clips(tmp_path / "made", tmp_path / "real" / "c.mp4")


def test_frames_of_other_rates_are_not_paired() -> None:
    a, b = [Fraction(n, 25) for n in range(5)], [Fraction(n, 30) for n in range(6)]
    pairs = lockstep(iter(a), iter(b), time_of_first=lambda t: t, time_of_second=lambda t: t, apart=Fraction(-1))
    assert all((x is None) != (y is None) for x, y in pairs)


def test_the_share_in_sync_is_of_time() -> None:
    pieces = tuple(
        DelayPiece(start=s, end=e, audio_delay=d, interval=(d, d), confidence=1.0)
        for s, e, d in ((0, 3, 0.0), (3, 4, 0.4))
    )
    told = DelayEstimate(audio_delay=0.0, interval=(0, 0), confidence=1, verdict=Verdict.OUT_OF_SYNC, pieces=pieces)
    assert share_in_sync(told, (-0.045, 0.125)) == pytest.approx(0.75)
    unknown = DelayEstimate(audio_delay=None, interval=None, confidence=0, verdict=Verdict.CANNOT_TELL)
    assert share_in_sync(unknown, (-0.045, 0.125)) is None
