"""Table I from end to end on a few synthetic people: files, resuming, and a network that learns something."""

from __future__ import annotations

import json

import pytest

from viseme.core.errors import DataError
from viseme.reproduce.table1 import networks, reproduce_table1
from viseme.reproduce.table1.rows import E1_ROWS, FIT_ROWS


@pytest.mark.slow
def test_a_toy_run_writes_every_row_and_is_not_done_again(tmp_path, monkeypatch):
    words = {"data": tmp_path, "work": tmp_path / "work", "collections": 0, "synthetic": 4, "frames": 12}
    words |= {"folds": 2, "seeds": 1, "steps": 3, "strangers": 2, "jobs": 1}
    result = reproduce_table1(tmp_path / "out", **words)
    record = json.loads(result.path.with_suffix(".json").read_text())
    assert list(record["e1_all"]) == [name for name, _ in E1_ROWS]
    assert record["e1_all"]["GT"]["ratio"] == {"value": 1, "low": 1, "high": 1}
    assert len(record["collections"]) == len(set(record["collections"])) == 4
    assert record["freed_all"]["GT"]["mean"]["value"] < record["e1_all"]["GT"]["mean"]["value"]
    assert record["settings"]["recipe"]["weights"]["known"] == 0
    assert record["settings"]["recipe"]["warm_start"] is False
    assert "published 1.137" in str(result)
    assert record["holds"] is result.holds
    assert list(record["fit_all"]) == [name for name, _ in FIT_ROWS]
    ratio = {name: record["fit_all"][name]["ratio"]["value"] for name, _ in FIT_ROWS}
    assert 1 < ratio["shared: β alone"] < ratio["per-image: β alone"], "sharing helps where networks do not err"

    def never(*args, **kwargs):
        raise AssertionError("trained again")

    monkeypatch.setattr(networks, "train_on", never)
    again = reproduce_table1(tmp_path / "out", **words)
    assert again.ratios == result.ratios


def test_too_few_collections_are_refused(tmp_path):
    with pytest.raises(DataError, match="too few for 5 folds"):
        reproduce_table1(tmp_path, data=tmp_path, work=tmp_path, collections=0, synthetic=2, frames=2, jobs=1)
