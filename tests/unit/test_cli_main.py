"""The command line itself: the table, exit codes, where words may stand, what goes where."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import pytest

import viseme
import viseme.engine.executor as executor
import viseme.sync.batch as batch
from viseme.cli.arguments import parse
from viseme.cli.commands import check as check_command
from viseme.cli.commands import fix as fix_command
from viseme.cli.event_log import EventLog
from viseme.cli.exits import ExitCode
from viseme.cli.main import COMMANDS, GROUPS, main
from viseme.cli.screen import Screen
from viseme.core.errors import OutputError
from viseme.core.standards import STANDARDS


@pytest.fixture(autouse=True)
def _stub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(batch, "CHECKER", "stubs:check")
    monkeypatch.chdir(tmp_path)


def write(name: str, text: str = "delay 0.2") -> str:
    Path(name).write_text(text)
    return name


def rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(Path(name).read_text())))


def test_help_lists_every_command(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == ExitCode.DONE
    out, err = capfd.readouterr()
    assert all(name in out for name in COMMANDS)
    assert err == ""


def test_every_command_has_one_heading() -> None:
    assert sorted(name for members in GROUPS.values() for name in members) == sorted(COMMANDS)


def test_a_standard_is_a_band() -> None:
    bands = {name: parse("check", check_command, ["a", "--standard", name]).band for name in STANDARDS}
    assert bands == {"itu": (-0.045, 0.125), "ebu-r37": (-0.04, 0.06), "atsc": (-0.015, 0.045)}
    assert parse("check", check_command, ["a", "--in-sync-band", "-0.1", "0.2"]).band == (-0.1, 0.2)


def test_no_words_is_a_question_for_help(capfd: pytest.CaptureFixture[str]) -> None:
    assert main([]) == ExitCode.USAGE
    assert "usage:" in capfd.readouterr().out


def test_version(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == ExitCode.DONE
    assert capfd.readouterr().out == f"viseme {viseme.__version__}\n"


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["chek"], "perhaps you meant 'check'"),
        (["version"], "viseme --version"),
        (["."], "viseme check ."),
        (["check", "a.mp4", "--standard", "custom"], "needs --in-sync-band"),
        (["check", "a.mp4", "--standard", "atsc", "--in-sync-band", "0", "0.1"], "disagree"),
        (["xyzzy"], "there is no command 'xyzzy'"),
        (["weights"], "one of: weights list, weights convert, weights verify"),
        (["weights", "verfy"], "perhaps you meant 'verify'"),
        (["check"], "give at least one FILE"),
        (["check", "--resume", "a.mp4"], "--resume FILE.jsonl"),
        (["check", "a.mp4", "--json", "--csv"], "both want stdout"),
        (["check", "a.mp4", "--jobs", "0"], "at least 1"),
        (["check", "a.mp4", "--max-delay", "0"], "more than 0"),
        (["check", "a.mp4", "--audio-stream", "-1"], "counts from 0"),
        (["check", "a.mp4", "--in-sync-band", "0.1", "-0.1"], "low and a high"),
        (["check", "a.mp4", "b.mp4", "--audio", "x.wav"], "one video"),
        (["fix", "-o", "b.mp4"], "give at least one FILE"),
        (["fix", "a.mp4", "-o", "b.mp4", "--delay", "120"], "needs a unit"),
        (["fix", "a.mp4", "-o", "b.mp4", "--delay", "xs"], "is not a time"),
        (["weights", "verify", "nosuch"], "no weights 'nosuch'"),
    ],
)
def test_nonsense_gets_one_line_and_code_2(words: list[str], hint: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(words) == ExitCode.USAGE
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("viseme: error: ")
    assert hint in err
    assert err.count("\n") == 1


def test_an_unknown_option_gets_a_suggestion(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--jsn", "a.mp4"]) == ExitCode.USAGE
    assert "--json" in capfd.readouterr().err


def test_json_is_one_object_a_file_and_nothing_else(capfd: pytest.CaptureFixture[str]) -> None:
    names = [write("a.mp4"), write("b.mp4", "bad")]
    assert main(["check", names[0], "--json"]) == ExitCode.DONE
    out, err = capfd.readouterr()
    answer = json.loads(out)
    assert (answer["file"], answer["verdict"], answer["audio_delay"]) == ("a.mp4", "out_of_sync", 0.2)
    assert answer["delay_frames"] == 5.0
    assert err == ""
    assert main(["check", names[1], "--json"]) == ExitCode.FAILED
    out, err = capfd.readouterr()
    assert json.loads(out)["error"]["type"] == "UnreadableMedia"
    assert err == "viseme: error: b.mp4 is not a readable media file; copy it again\n"


def test_what_libraries_print_reaches_neither_stream(capfd: pytest.CaptureFixture[str]) -> None:
    write("a.mp4", "noise")
    assert main(["check", "a.mp4", "--json"]) == ExitCode.DONE
    out, err = capfd.readouterr()
    assert len(out.splitlines()) == 1
    json.loads(out)
    assert "on 1" not in err + out
    assert "on 2" not in err + out


def test_debug_lets_them_through_to_stderr_only(capfd: pytest.CaptureFixture[str]) -> None:
    write("a.mp4", "noise")
    assert main(["--debug", "check", "a.mp4", "--json"]) == ExitCode.DONE
    out, err = capfd.readouterr()
    assert len(out.splitlines()) == 1
    assert "a library says hello on 1" in err
    assert "a library says hello on 2" in err


def test_the_descriptors_are_given_back(capfd: pytest.CaptureFixture[str]) -> None:
    with Screen() as screen:
        screen.write("inside\n")
        os.write(1, b"lost\n")
    os.write(1, b"after\n")
    print("python", flush=True)
    assert capfd.readouterr().out == "inside\nafter\npython\n"


def test_cannot_tell_is_an_answer(capfd: pytest.CaptureFixture[str]) -> None:
    write("a.mp4", "unknown")
    assert main(["check", "a.mp4"]) == ExitCode.DONE
    out, _ = capfd.readouterr()
    assert "cannot tell" in out
    assert "no delay stands out" in out


def test_a_card_says_everything(capfd: pytest.CaptureFixture[str]) -> None:
    write("a.mp4", "delay 0.2")
    assert main(["check", "a.mp4"]) == ExitCode.DONE
    out, err = capfd.readouterr()
    for words in (
        "a.mp4",
        "out of sync",
        "+200 ms",
        "+190 ms to +210 ms",
        "97 %",
        "lags",
        "-200",
        "#0",
        "too small",
        "22",
    ):
        assert words in out, words
    assert "\x1b" not in out, "no colours in a pipe"
    assert err == "", "no progress bar in a pipe"


def test_many_files_get_a_line_each_and_a_summary(capfd: pytest.CaptureFixture[str], monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(check_command, "MOST_CARDS", 1)
    monkeypatch.setattr(executor.FileWork, "elsewhere", lambda work, files, settings, **_: work.here(files, settings))
    write("a.mp4")
    write("b.mp4", "bad")
    write("c.mp4", "unknown")
    assert main(["check", "."]) == ExitCode.FAILED
    out, err = capfd.readouterr()
    assert len(out.splitlines()) == 3, "a header and two answers"
    assert err.splitlines()[-1] == "1 answered, 1 cannot tell, 1 failed"


def test_csv_to_stdout_and_to_a_file(capfd: pytest.CaptureFixture[str]) -> None:
    write("a.mp4")
    assert main(["check", "--csv", "a.mp4"]) == ExitCode.DONE
    (row,) = csv.DictReader(io.StringIO(capfd.readouterr().out))
    assert (row["file"], row["audio_delay"], row["num_tracks_rejected"]) == ("a.mp4", "0.2", "1")
    assert main(["check", "--csv", "t.csv", "a.mp4"]) == ExitCode.DONE
    assert rows("t.csv")[0]["verdict"] == "out_of_sync"


def test_csv_never_takes_a_video_for_its_file() -> None:
    write("a.mp4")
    assert main(["check", "--csv", "a.mp4"]) == ExitCode.DONE
    assert Path("a.mp4").read_text() == "delay 0.2"


def test_a_formula_in_a_file_name_stays_text(capfd: pytest.CaptureFixture[str]) -> None:
    write("=1+1.mp4")
    main(["check", "--csv", "=1+1.mp4"])
    assert next(csv.DictReader(io.StringIO(capfd.readouterr().out)))["file"] == "'=1+1.mp4"


def test_a_report_is_written(capfd: pytest.CaptureFixture[str]) -> None:
    write("a.mp4")
    assert main(["check", "a.mp4", "--report", "r.html"]) == ExitCode.DONE
    assert "<svg" in Path("r.html").read_text()


@pytest.mark.parametrize("option", ["--report=no/r.html", "--csv=no/t.csv", "--out=no/r.jsonl"])
def test_a_missing_folder_is_found_before_the_work(option: str, capfd: pytest.CaptureFixture[str]) -> None:
    write("a.mp4", "slow 30")
    assert main(["check", "a.mp4", option]) == ExitCode.FAILED
    assert "viseme: error: no/" in capfd.readouterr().err


def test_resume_continues(capfd: pytest.CaptureFixture[str]) -> None:
    write("a.mp4")
    write("b.mp4", "unknown")
    assert main(["check", "a.mp4", "--out", "r.jsonl"]) == ExitCode.DONE
    assert main(["check", "a.mp4", "--out", "r.jsonl"]) == ExitCode.FAILED, "an existing file is not appended to"
    capfd.readouterr()
    assert main(["check", "a.mp4", "b.mp4", "--resume", "r.jsonl", "--csv", "t.csv"]) == ExitCode.DONE
    assert capfd.readouterr().err == "1 answered, 1 cannot tell, 0 failed (1 of them answered before)\n"
    assert [json.loads(line)["file"] for line in Path("r.jsonl").read_text().splitlines()] == ["a.mp4", "b.mp4"]
    assert sorted(row["file"] for row in rows("t.csv")) == ["a.mp4", "b.mp4"]


def test_an_earlier_failure_still_counts() -> None:
    write("b.mp4", "bad")
    assert main(["check", "b.mp4", "--out", "r.jsonl"]) == ExitCode.FAILED
    assert main(["check", "b.mp4", "--resume", "r.jsonl"]) == ExitCode.FAILED


def test_a_bug_is_one_line_and_a_traceback_only_on_request(capfd: pytest.CaptureFixture[str]) -> None:
    write("a.mp4", "bug")
    assert main(["check", "a.mp4"]) == ExitCode.FAILED
    assert "Traceback" not in capfd.readouterr().err
    assert main(["check", "a.mp4", "--debug"]) == ExitCode.FAILED
    assert "Traceback" in capfd.readouterr().err


def test_settings_out_of_range_are_a_usage_error(capfd: pytest.CaptureFixture[str]) -> None:
    write("a.mp4", "settings")
    assert main(["check", "a.mp4"]) == ExitCode.USAGE
    assert capfd.readouterr().err == "viseme: error: max_delay is out of its range\n"


def test_odd_names(capfd: pytest.CaptureFixture[str]) -> None:
    for name in ("with space.mp4", "quo'te\".mp4", "two\nlines.mp4", "-dash.mp4", "\udcff.mp4", "esc\x1b[2J.mp4"):
        write(name)
        assert main(["check", "--", name]) == ExitCode.DONE
        out, _ = capfd.readouterr()
        assert "\x1b" not in out
        assert main(["check", "--json", "--", name]) == ExitCode.DONE
        assert json.loads(capfd.readouterr().out)["file"] == name


def test_words_may_stand_anywhere() -> None:
    options = parse("check", check_command, ["a", "--max-delay", "3", "b", "--json", "c"])
    assert (options.files, options.max_delay, options.json) == (("a", "b", "c"), 3.0, True)
    options = parse("check", check_command, ["--in-sync-band", "-0.1", "0.1", "-j", "2", "a"])
    assert (options.files, options.in_sync_band, options.jobs) == (("a",), (-0.1, 0.1), 2)


def test_a_value_may_begin_with_a_minus() -> None:
    options = parse("fix", fix_command, ["a", "-o", "b", "--delay", "-80ms"])
    assert (options.files, options.out, options.delay) == (("a",), "b", "-80ms")


def test_an_interrupt_says_so(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(check_command, "run", interrupted)
    assert main(["check", "a.mp4"]) == ExitCode.INTERRUPTED
    assert capfd.readouterr().err == "viseme: error: interrupted\n"


def test_warnings_of_libraries_are_not_ours_to_show(monkeypatch, capfd) -> None:  # type: ignore[no-untyped-def]
    import warnings

    def run(*_: object) -> int:
        warnings.warn("a library is worried", stacklevel=1)
        return 0

    monkeypatch.setattr(check_command, "run", run)
    assert main(["check", "a.mp4"]) == ExitCode.DONE
    assert capfd.readouterr().err == ""


def events(name: str) -> list[list[str]]:
    """Kind and words of each event."""
    return [line.split(maxsplit=2)[1:] for line in Path(name).read_text().splitlines()]


def test_a_log_says_what_happened(capfd: pytest.CaptureFixture[str]) -> None:
    write("a.mp4")
    write("b.mp4", "bad")
    assert main(["check", "a.mp4", "--log", "run.log"]) == ExitCode.DONE
    assert main(["--log=run.log", "check", "b.mp4"]) == ExitCode.FAILED
    told = events("run.log")
    assert [kind for kind, _ in told] == ["start", "begin", "answer", "end", "start", "begin", "error", "end"]
    assert told[0][1] == "viseme check a.mp4 --log run.log"
    assert told[2][1].startswith("a.mp4: out of sync, audio lags by 200 ms")
    assert told[6][1] == "b.mp4 is not a readable media file; copy it again"
    assert told[7][1].startswith("exit code 1 after ")


def test_a_log_hears_what_python_prints(monkeypatch, capfd) -> None:  # type: ignore[no-untyped-def]
    import sys

    def run(*_: object) -> int:
        sys.stderr.write("step 1\r\x1b[Kstep 2\r\x1b[Kstep 3\nnote\n")
        raise KeyboardInterrupt

    monkeypatch.setattr(check_command, "run", run)
    assert main(["check", "a.mp4", "--quiet", "--log", "run.log"]) == ExitCode.INTERRUPTED
    assert events("run.log")[1:4] == [["note", "step 3"], ["note", "note"], ["error", "interrupted"]]
    assert capfd.readouterr().err == "viseme: error: interrupted\n"


@pytest.mark.parametrize(
    ("words", "hint"),
    [(["--log", "a.mp4"], "is no log"), (["--log", "no/run.log"], "cannot be written"), (["--log"], "--log FILE")],
)
def test_a_log_never_eats_a_video(words: list[str], hint: str, capfd: pytest.CaptureFixture[str]) -> None:
    write("a.mp4", "slow 30")
    assert main(["check", "a.mp4", *words]) != ExitCode.DONE
    assert hint in capfd.readouterr().err
    assert Path("a.mp4").read_text() == "slow 30"


def test_quiet_is_answers_and_errors(capfd: pytest.CaptureFixture[str], monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(executor.FileWork, "elsewhere", lambda work, files, settings, **_: work.here(files, settings))
    write("a.mp4")
    write("b.mp4", "bad")
    assert main(["check", "a.mp4", "b.mp4", "--quiet"]) == ExitCode.FAILED
    out, err = capfd.readouterr()
    assert "out of sync" in out
    assert err == "viseme: error: b.mp4 is not a readable media file; copy it again\n"


def test_errors_are_said_as_errors() -> None:
    """`note` is for what --quiet hides."""
    commands = Path(check_command.__file__).parent
    loud = [p.name for p in commands.glob("*.py") if 'note(f"viseme: ' in p.read_text() or "print(" in p.read_text()]
    assert loud == []


def test_a_log_that_cannot_be_begun_leaves_no_empty_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OutputError("run.log cannot be written: No space left on device")

    monkeypatch.setattr(EventLog, "add", full)
    with pytest.raises(OutputError, match="No space left"):
        EventLog(tmp_path / "run.log", "viseme check a.mp4")
    assert list(tmp_path.iterdir()) == []
