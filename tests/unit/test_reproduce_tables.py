"""Tables as Markdown and JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest

from viseme.core.errors import OutputError
from viseme.metrics.intervals import Interval
from viseme.reproduce.tables import Table, write_tables


def test_both_files_are_written_and_say_the_same(tmp_path):
    table = Table(title="T", header=("a", "b"), rows=(("x|y", "1"),), notes=("n = 1",))
    path = write_tables(tmp_path / "new", "t", [table], {"x": Interval(1, 0, 2), "y": np.arange(2)}, head="# Head")
    assert path.read_text() == "# Head\n\n### T\n\n| a | b |\n| --- | --- |\n| x\\|y | 1 |\n\n- n = 1\n"
    assert json.loads(path.with_suffix(".json").read_text()) == {"x": {"value": 1, "low": 0, "high": 2}, "y": [0, 1]}


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="--out"):
        write_tables(tmp_path / "file" / "x", "t", [], {}, head="")
