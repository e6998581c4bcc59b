"""Metrics are chosen by the names that users see; what cannot be measured says what it needs."""

from __future__ import annotations

import pytest

from viseme import ConfigError
from viseme.metrics.interface import clip_metrics, frame_metrics, track_metrics
from viseme.metrics.metric_choice import NEEDED, MetricOptions, metric_names, metric_set


def names(*asked: str) -> list[str]:
    return [p.name for p in metric_set(MetricOptions(names=asked)).protocols(has_reference=True)]


def test_a_name_gives_that_metric_and_no_other() -> None:
    assert names("ssim@face256", "lmd_raw") == ["lmd_raw", "ssim@face256"]
    assert names("lip_distance") == ["lip_distance"]
    assert "lip_distance" not in [p.name for p in metric_set().protocols(has_reference=True)], "only on request"


def test_the_expert_that_ships_is_asked_where_none_is_named_and_is_no_reader_of_what_it_trained() -> None:
    told = metric_set(MetricOptions(names=("avs_u", "per_lips"))).protocols(has_reference=True)
    assert [p.name.partition("@")[0] for p in told] == ["avs_u[expert-tiny", "per_lips[expert-tiny"]
    left_out = metric_set(MetricOptions(trained_with="expert-tiny")).not_measured or {}
    assert {"per_lips", "avs_u"} & set(left_out) == {"per_lips"}


def test_every_metric_says_its_names() -> None:
    for registry in (frame_metrics, track_metrics, clip_metrics):
        for kind in (registry[name] for name in registry):
            told = getattr(kind, "names", None) or [p.name for p in kind.protocols]
            assert [p.name for p in kind().protocols] == list(told)
            assert set(told) <= set(metric_names())


def test_unknown_names_and_names_that_lack_something_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"there is no metric 'visual-sync'; known: cpbd, .*vsd@0.*avs_u"):
        names("ssim", "visual-sync")
    with pytest.raises(ConfigError, match="fid needs --inception FILE"):
        names("fid")
    with pytest.raises(ConfigError, match="avs_u needs an --expert"):
        metric_set(MetricOptions(names=("avs_u[tiny@0]",), expert="none"))
    told = metric_set(MetricOptions(expert="none")).not_measured or {}
    assert {"fid", "avs_m", "lse_d", "wer_audio"} <= set(told) <= set(NEEDED)
    assert metric_set(MetricOptions(names=("ssim",))).not_measured == {}, "what was not asked for is not missed"
