"""Which files a batch finds, and what it writes down."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import stubs
from viseme.core.errors import OutputError
from viseme.core.results import CHECK_SCHEMA, FailedCheck
from viseme.engine.result_log import ResultLog
from viseme.media.search import find_media


def make(folder: Path, *names: str, text: str = "delay 0.1") -> list[str]:
    paths = []
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        paths.append(str(path))
    return paths


def identity(path: str = "/a.mp4", size: int = 3) -> dict[str, Any]:
    return {"path": path, "size": size, "mtime_ns": 5, "options": "x"}


def test_a_folder_is_searched_for_media_in_order(tmp_path: Path) -> None:
    wanted = make(tmp_path, "a/1.mp4", "a/b/2.MKV", "c.webm")
    make(tmp_path, "a/notes.txt", ".hidden/3.mp4", "a/._1.mp4")
    assert sorted(find_media([tmp_path])) == sorted(wanted)
    assert find_media([tmp_path]) == find_media([tmp_path])


def test_a_named_file_is_taken_whatever_it_is_called(tmp_path: Path) -> None:
    named = make(tmp_path, "clip.txt")
    assert find_media(named) == named


def test_a_file_appears_once(tmp_path: Path) -> None:
    a, b = make(tmp_path, "a.mp4", "b.mp4")
    assert find_media([b, tmp_path, a]) == [b, a]


def test_patterns_reach_into_folders(tmp_path: Path) -> None:
    a, b = make(tmp_path, "x/a.mp4", "y/b.mp4")
    assert find_media([f"{tmp_path}/**/*.mp4"]) == [a, b]


def test_a_name_that_looks_like_a_pattern_is_a_name_when_it_exists(tmp_path: Path) -> None:
    odd = make(tmp_path, "take [1].mp4")
    assert find_media(odd) == odd


@pytest.mark.parametrize("name", ["nosuch.mp4", "nosuch*.mp4", "empty"])
def test_what_stands_for_nothing_is_kept_so_that_it_is_reported(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    assert find_media([tmp_path / name]) == [str(tmp_path / name)]


def test_a_failure_has_the_fields_of_an_answer() -> None:
    failed = FailedCheck(file="a.mp4", error_type="UnreadableMedia", message="a.mp4 is empty").to_json()
    answer = stubs.result().to_json()
    assert set(failed) <= set(answer)
    assert failed["verdict"] is None
    assert failed["error"] == {"type": "UnreadableMedia", "message": "a.mp4 is empty"}
    assert failed["schema"] == CHECK_SCHEMA


def test_answers_are_found_again(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with ResultLog(path, schema=CHECK_SCHEMA, resume=False) as log:
        log.append(stubs.result(), identity())
    with ResultLog(path, schema=CHECK_SCHEMA, resume=True) as log:
        assert identity() in log
        assert identity(size=4) not in log, "a changed file is another file"
        assert len(log) == 1


def test_a_torn_last_line_is_cut_at_every_byte(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with ResultLog(path, schema=CHECK_SCHEMA, resume=False) as log:
        log.append(stubs.result(), identity("/a.mp4"))
        first = path.read_bytes()
        log.append(stubs.result(), identity("/b.mp4"))
    whole = path.read_bytes()
    for end in range(len(first), len(whole), 37):
        path.write_bytes(whole[:end])
        with ResultLog(path, schema=CHECK_SCHEMA, resume=True) as log:
            assert identity("/a.mp4") in log
            assert identity("/b.mp4") not in log
        assert path.read_bytes() == first


@given(count=st.integers(0, 4), cut=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_cut_file_resumes_to_the_same_answers(tmp_path: Path, count: int, cut: int) -> None:
    path = tmp_path / "r.jsonl"
    path.unlink(missing_ok=True)
    names = [f"/{i}.mp4" for i in range(4)]
    with ResultLog(path, schema=CHECK_SCHEMA, resume=False) as log:
        for name in names[:count]:
            log.append(stubs.result(name), identity(name))
    path.write_bytes(path.read_bytes()[: max(0, path.stat().st_size - cut)])
    with ResultLog(path, schema=CHECK_SCHEMA, resume=True) as log:
        for name in names:
            if identity(name) not in log:
                log.append(stubs.result(name), identity(name))
        assert [line["file"] for line in log.lines()] == names


@pytest.mark.parametrize("text", ["a,b\n1,2\n", '{"schema": "other/1"}\n', "hello", "{}\n", "[]\n", '{"schema": 1}'])
def test_a_file_of_something_else_is_not_touched(tmp_path: Path, text: str) -> None:
    path = tmp_path / "precious.csv"
    path.write_text(text)
    with pytest.raises(OutputError, match="line 1 is not an answer"):
        ResultLog(path, schema=CHECK_SCHEMA, resume=True)
    assert path.read_text() == text


def test_an_existing_file_is_not_appended_to_by_accident(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text("x")
    with pytest.raises(OutputError, match="add --resume"):
        ResultLog(path, schema=CHECK_SCHEMA, resume=False)


def test_two_runs_do_not_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with ResultLog(path, schema=CHECK_SCHEMA, resume=False), pytest.raises(OutputError, match="another run"):
        ResultLog(path, schema=CHECK_SCHEMA, resume=True)


def test_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        ResultLog(tmp_path / "no" / "r.jsonl", schema=CHECK_SCHEMA, resume=False)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_said_and_nothing_counts_as_answered() -> None:
    log = ResultLog("/dev/full", schema=CHECK_SCHEMA, resume=False)
    with log, pytest.raises(OutputError, match="No space left"):
        log.append(stubs.result(), identity())
    assert len(log) == 0


def test_a_full_disk_leaves_no_empty_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "r.jsonl"
    with ResultLog(path, schema=CHECK_SCHEMA, resume=False) as log, monkeypatch.context() as patched:
        patched.setattr("os.write", full)
        with pytest.raises(OutputError, match=r"No space left on device$"):
            log.append(stubs.result(), identity())
    assert not path.exists()
    with ResultLog(path, schema=CHECK_SCHEMA, resume=False) as log:
        log.append(stubs.result(), identity())
        monkeypatch.setattr("os.write", full)
        with pytest.raises(OutputError, match="1 answers are safe"):
            log.append(stubs.result("b.mp4"), identity("b.mp4"))
        monkeypatch.undo()
    assert path.read_bytes().count(b"\n") == 1, "what was answered stays"


def test_odd_names_survive_the_file(tmp_path: Path) -> None:
    path, odd = tmp_path / "r.jsonl", "a\n\udcff\u202e\"'.mp4"
    with ResultLog(path, schema=CHECK_SCHEMA, resume=False) as log:
        log.append(stubs.result(odd), identity(odd))
    assert path.read_bytes().count(b"\n") == 1
    assert json.loads(path.read_text())["file"] == odd
