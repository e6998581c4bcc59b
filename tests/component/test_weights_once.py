"""A batch reads weights once in every process that works on it, whatever the number of files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import viseme.sync.checkpoint as checkpoint
from viseme.core.results import CheckResult
from viseme.engine.executor import FileWork
from viseme.sync.batch import check_many
from viseme.weights import assets_folder

SAMPLES = sorted((assets_folder() / "samples").glob("*.mp4"))


def test_a_worker_keeps_weights_from_file_to_file(tmp_path: Path) -> None:
    files = [tmp_path / str(n) for n in range(5)]
    for file in files:
        file.write_text("a file")
    work = FileWork(function="stubs:loads_weights", failed="stubs:failed_work")
    answers = [answer for _, answer in work.elsewhere(map(str, files), lambda _: {}, jobs=1)]
    assert len({process for process, _ in answers}) == 1
    assert [read for _, read in answers] == [1] * 5
    assert answers[0][0] != os.getpid()


def test_a_batch_in_this_process_reads_weights_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []

    def counted(weights: Any, **options: Any) -> Any:
        read.append(weights)
        return original(weights, **options)

    original = checkpoint.read_checkpoint
    monkeypatch.setattr(checkpoint, "read_checkpoint", counted)
    checkpoint._load.cache_clear()
    outcomes = list(check_many(SAMPLES[:2], isolate=False))
    assert [type(outcome) for outcome in outcomes] == [CheckResult, CheckResult]
    assert len(read) == 1
