"""Batches in this process: every file is answered, whatever the others do."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterator
from pathlib import Path

import pytest

import viseme.sync.batch as batch
from viseme.core.errors import ConfigError, VisemeError
from viseme.core.results import CHECK_SCHEMA, CheckResult, FailedCheck, Verdict
from viseme.engine.result_log import ResultLog
from viseme.sync.batch import check_many


@pytest.fixture(autouse=True)
def _stub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "CHECKER", "stubs:check")


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    for name, text in {"a": "delay 0.2", "b": "bad", "c": "unknown", "d": "bug", "e": "delay 0.01"}.items():
        (folder / f"{name}.mp4").write_text(text)
    return folder


def named(outcomes: Iterator[batch.Outcome]) -> dict[str, batch.Outcome]:
    return {Path(o.file).stem: o for o in outcomes}


def test_one_bad_file_ends_nothing(clips: Path) -> None:
    found = named(check_many([clips]))
    assert list(found) == ["a", "b", "c", "d", "e"]
    assert isinstance(found["a"], CheckResult)
    assert found["a"].estimate.verdict is Verdict.OUT_OF_SYNC
    assert isinstance(found["b"], FailedCheck)
    assert found["b"].error_type == "UnreadableMedia"
    assert isinstance(found["c"], CheckResult)
    assert isinstance(found["d"], FailedCheck)
    assert "unexpected ZeroDivisionError" in found["d"].message
    assert "ZeroDivisionError" in found["d"].traceback
    assert "traceback" not in found["d"].to_json()


def test_a_missing_file_is_a_failure(tmp_path: Path) -> None:
    (outcome,) = check_many([tmp_path / "no.mp4"])
    assert isinstance(outcome, FailedCheck)


def test_a_fault_that_every_file_would_have_ends_the_batch(clips: Path) -> None:
    (clips / "a.mp4").write_text("settings")
    with pytest.raises(ConfigError):
        list(check_many([clips]))


def test_a_second_run_does_only_what_is_left(clips: Path, tmp_path: Path) -> None:
    log = tmp_path / "r.jsonl"
    first = list(check_many([clips / "a.mp4", clips / "b.mp4"], resume=log))
    assert len(first) == 2
    assert list(named(check_many([clips], resume=log))) == ["c", "d", "e"]
    assert list(check_many([clips], resume=log)) == []
    (clips / "a.mp4").write_text("delay 0.35")
    assert list(named(check_many([clips], resume=log))) == ["a"], "a file that changed is checked again"


@pytest.mark.parametrize("option", [{"max_delay": 3.0}, {"audio_stream": 1}, {"in_sync_band": (-0.1, 0.1)}])
def test_other_options_are_other_answers(clips: Path, tmp_path: Path, option: dict) -> None:
    log = tmp_path / "r.jsonl"
    list(check_many([clips / "a.mp4"], resume=log))
    assert len(list(check_many([clips / "a.mp4"], resume=log, **option))) == 1


def test_an_answer_is_on_the_disk_before_it_is_yielded(clips: Path, tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    for count, _ in enumerate(check_many([clips], resume=path), start=1):
        assert path.read_bytes().count(b"\n") == count


def test_a_log_of_the_caller_stays_open(clips: Path, tmp_path: Path) -> None:
    with ResultLog(tmp_path / "r.jsonl", schema=CHECK_SCHEMA, resume=False) as log:
        list(check_many([clips], resume=log))
        assert len(log) == 5


def test_evidence_only_when_asked(clips: Path) -> None:
    (plain,) = check_many([clips / "a.mp4"])
    (full,) = check_many([clips / "a.mp4"], evidence=True)
    assert isinstance(plain, CheckResult)
    assert isinstance(full, CheckResult)
    assert plain.evidence is None
    assert full.evidence is not None


def test_any_executor_will_do(clips: Path) -> None:
    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        found = named(check_many([clips], jobs=2, executor=threads))
    assert sorted(found) == ["a", "b", "c", "d", "e"]


class BrokenAfter(concurrent.futures.Executor):
    """Answers so many, then breaks down like a cluster that went away."""

    def __init__(self, count: int) -> None:
        self.left = count

    def submit(self, fn, /, *args, **kwargs):  # type: ignore[no-untyped-def]
        future: concurrent.futures.Future = concurrent.futures.Future()
        self.left -= 1
        if self.left >= 0:
            future.set_result(fn(*args, **kwargs))
        else:
            future.set_exception(concurrent.futures.BrokenExecutor("gone"))
        return future


def test_a_cluster_that_went_away_loses_no_answer(clips: Path, tmp_path: Path) -> None:
    log = tmp_path / "r.jsonl"
    with pytest.raises(VisemeError, match="3 files unanswered"):
        list(check_many([clips], executor=BrokenAfter(2), resume=log))
    assert len(list(check_many([clips], resume=log))) == 3


def test_jobs_must_be_positive(clips: Path) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        check_many([clips], jobs=0)


def test_progress_is_told(clips: Path) -> None:
    told: list[float] = []
    list(check_many([clips / "a.mp4"], on_progress=told.append))
    assert told == [1.0]


def test_a_message_stays_on_its_line(tmp_path: Path) -> None:
    odd = tmp_path / "two\nlines.mp4"
    odd.write_text("bad")
    (outcome,) = check_many([odd])
    assert isinstance(outcome, FailedCheck)
    assert "\n" not in outcome.message
