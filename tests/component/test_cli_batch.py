"""Batches in real processes: kills, crashes, interrupts, full disks. The files are stubs; the processes are not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
RUN = """
import sys, viseme.sync.batch
viseme.sync.batch.CHECKER = "stubs:check"
from viseme.cli.main import main
sys.exit(main())
"""
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1"}

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills processes as POSIX does")


def start(*words: str, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN, *words],
        cwd=cwd,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell starts what it puts into the background with the signal ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def run(*words: str, cwd: Path, timeout: float = 60) -> tuple[int, list[str], list[str]]:
    with start(*words, cwd=cwd) as process:
        out, err = process.communicate(timeout=timeout)
    return process.returncode, out.splitlines(), err.splitlines()


def make(folder: Path, count: int, text: str = "delay 0.2") -> list[str]:
    names = [f"{i:04d}.mp4" for i in range(count)]
    for name in names:
        (folder / name).write_text(text)
    return names


def files_in(path: Path) -> list[str]:
    """Files of all complete lines."""
    text = path.read_bytes()
    return [json.loads(line)["file"] for line in text[: text.rfind(b"\n") + 1].splitlines()]


def children(pid: int) -> set[int]:
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.add(int(status.parent.name))
    return found


def gone(pids: set[int], within: float = 10) -> bool:
    end = time.monotonic() + within
    while time.monotonic() < end:
        if not any(alive(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_workers_answer_every_file_once(tmp_path: Path) -> None:
    names = make(tmp_path, 40)
    (tmp_path / names[7]).write_text("bad")
    (tmp_path / names[9]).write_text("noise")
    code, out, err = run("check", ".", "--json", "--jobs", "2", cwd=tmp_path)
    answers = [json.loads(line) for line in out]
    assert sorted(os.path.basename(a["file"]) for a in answers) == names
    assert code == 1
    assert err[-1] == "39 answered, 0 cannot tell, 1 failed"


def test_a_crash_is_reported_and_the_batch_goes_on(tmp_path: Path) -> None:
    names = make(tmp_path, 12)
    (tmp_path / names[3]).write_text("crash")
    # the last file, so that it is not waiting in the pool that the other crash breaks: that would be its second try
    (tmp_path / names[11]).write_text(f"crash {tmp_path / 'crashed-once'}")
    for jobs in ("1", "2"):
        (tmp_path / "crashed-once").unlink(missing_ok=True)
        code, out, err = run("check", ".", "--json", "--jobs", jobs, cwd=tmp_path)
        answers = {os.path.basename(a["file"]): a for a in map(json.loads, out)}
        assert sorted(answers) == names
        assert len(out) == 12, "no answer twice"
        assert answers[names[3]]["error"]["type"] == "WorkerCrashed"
        assert answers[names[11]]["error"] is None, "a second try, alone, is given"
        assert code == 1
        assert len(err) == 2, err


def test_a_single_file_that_crashes_elsewhere_does_not_hang(tmp_path: Path) -> None:
    make(tmp_path, 2, "crash")
    code, out, _ = run("check", ".", "--json", cwd=tmp_path)
    assert code == 1
    assert [json.loads(line)["error"]["type"] for line in out] == ["WorkerCrashed"] * 2


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_killed_again_and_again_no_answer_is_lost_or_repeated(tmp_path: Path, jobs: str) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    names = make(clips, 60, "slow 0.02")
    log = tmp_path / "r.jsonl"
    seen: list[str] = []
    for kill_after in (3, 11, 17, 29):
        process = start("check", "clips", "--resume", "r.jsonl", "--jobs", jobs, cwd=tmp_path)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and (not log.exists() or len(files_in(log)) < kill_after):
            time.sleep(0.003)
        workers = children(process.pid)
        process.kill()
        process.communicate()
        assert gone(workers), "workers die with the one who started them"
        assert files_in(log)[: len(seen)] == seen, "what was answered stays answered"
        seen = files_in(log)
        with log.open("ab") as file:
            file.write(b'{"schema": "viseme.check/1", "file": "cl')  # a line torn by the kill
    code, _, err = run("check", "clips", "--resume", "r.jsonl", "--jobs", jobs, cwd=tmp_path)
    counts = Counter(os.path.basename(f) for f in files_in(log))
    assert counts == Counter(names)
    assert log.read_bytes().endswith(b"\n")
    assert code == 0
    assert err[-1].startswith("60 answered, 0 cannot tell, 0 failed (")


def test_ctrl_c_ends_at_once_and_leaves_nobody_behind(tmp_path: Path) -> None:
    make(tmp_path, 4, "slow 60")
    (tmp_path / "0000.mp4").write_text("delay 0.1")
    process = start("check", ".", "--resume", "r.jsonl", "--jobs", "2", cwd=tmp_path)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not ((tmp_path / "r.jsonl").exists() and files_in(tmp_path / "r.jsonl")):
        time.sleep(0.02)
    workers = children(process.pid)
    assert workers
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert err.splitlines()[-1] == "viseme: error: interrupted"
    assert gone(workers)
    assert len(files_in(tmp_path / "r.jsonl")) == 1


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    make(tmp_path, 3)
    code, _, err = run("check", ".", "--out", "/dev/full", cwd=tmp_path)
    assert code == 1
    assert len(err) == 1
    assert err[0].startswith("viseme: error: /dev/full cannot be written: No space left on device")
    with Path("/dev/full").open("w") as full:
        words = [sys.executable, "-c", RUN, "check", "0000.mp4", "--json"]
        done = subprocess.run(words, cwd=tmp_path, env=ENVIRONMENT, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr == "viseme: error: standard output cannot be written: No space left on device\n"


def test_a_file_size_limit_leaves_whole_lines_and_resumes(tmp_path: Path) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    names = make(clips, 12)
    limited = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    limited += "resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000)); " + RUN.strip().replace("\n", "; ")
    done = subprocess.run(
        [sys.executable, "-c", limited, "check", "clips", "--out", "r.jsonl"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        # a shell starts what it puts into the background with the signal ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "File too large" in done.stderr
    assert "continue with --resume" in done.stderr
    text = (tmp_path / "r.jsonl").read_bytes()
    assert text.endswith(b"\n"), "the line that did not fit is gone"
    assert 0 < len(files_in(tmp_path / "r.jsonl")) < 12
    code, _, _ = run("check", "clips", "--resume", "r.jsonl", cwd=tmp_path)
    assert code == 0
    assert Counter(os.path.basename(f) for f in files_in(tmp_path / "r.jsonl")) == Counter(names)


def test_a_reader_that_goes_away_ends_the_batch_quietly(tmp_path: Path) -> None:
    make(tmp_path, 30, "slow 0.05")
    process = start("check", ".", "--json", cwd=tmp_path)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=20) == 141
    assert err == ""


def test_answers_come_one_by_one(tmp_path: Path) -> None:
    make(tmp_path, 3)
    (tmp_path / "0002.mp4").write_text("slow 30")
    process = start("check", ".", "--json", cwd=tmp_path)
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["file"].endswith("0000.mp4")
    process.kill()
    process.communicate()


def test_stdout_closed_from_the_beginning(tmp_path: Path) -> None:
    make(tmp_path, 1)
    words = " ".join(["exec", sys.executable, "-c", f"'{RUN}'".replace('"', '"'), "check", "0000.mp4", ">&-"])
    done = subprocess.run(["sh", "-c", words], cwd=tmp_path, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0
    assert done.stderr == ""


def test_help_is_quick_and_loads_nothing_heavy(tmp_path: Path) -> None:
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "viseme.cli.main", "--help"], capture_output=True, text=True
    )
    assert time.perf_counter() - started < 2, "half a second at rest; this leaves room for a busy machine"
    assert "usage:" in done.stdout
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert not loaded & {"torch", "numpy", "scipy", "mediapipe", "av", "numba", "tyro", "rich", "jinja2"}
    for command in ("check", "fix", "weights list"):
        words = [sys.executable, "-X", "importtime", "-m", "viseme.cli.main", *command.split(), "--help"]
        done = subprocess.run(words, capture_output=True, text=True)
        loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
        assert "usage:" in done.stdout
        assert not loaded & {"torch", "numpy", "scipy", "mediapipe", "av", "numba"}, command
