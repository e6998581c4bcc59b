"""`fix` with a measurement and a shift that tests can see through."""

from __future__ import annotations

import json
import sys
import types
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import stubs
import viseme.media
from viseme.cli.exits import ExitCode
from viseme.cli.main import main
from viseme.core.errors import FixRefused, OutputError
from viseme.core.results import CheckResult, DelayEstimate, DelayPiece, Drift
from viseme.sync.repair import fix


class Shifts(list):
    """What was ordered, in seconds."""


@pytest.fixture
def shifts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shifts:
    """Files hold their delay as text; shifting one adds to it."""
    done = Shifts()

    def shift_audio(
        path: Any, out: Any, *, shift: Fraction, audio_file: Any = None, stream: Any = None, **_: Any
    ) -> Any:
        done.append((shift, audio_file, stream))
        word, _, delay = Path(path).read_text().partition(" ")
        Path(out).write_text(f"delay {float(delay or 0) + float(shift)}" if word == "delay" else word)
        return types.SimpleNamespace(shift=shift, method="timestamps", warnings=(), kept=stubs.KEPT)

    pipeline = types.ModuleType("viseme.sync.pipeline")
    pipeline.check = lambda path, **settings: stubs.check(str(path))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "viseme.sync.pipeline", pipeline)
    monkeypatch.setattr(viseme.media, "shift_audio", shift_audio)
    monkeypatch.chdir(tmp_path)
    Path("late.mp4").write_text("delay 0.217")
    return done


@pytest.mark.parametrize("delay", ["0.217", "-0.0871"])
def test_the_audio_moves_by_minus_the_delay(shifts: Shifts, delay: str) -> None:
    Path("late.mp4").write_text(f"delay {delay}")
    result = fix("late.mp4", "out.mp4")
    assert shifts == [(-Fraction(delay), None, None)]
    assert result.residual.estimate.audio_delay == pytest.approx(0, abs=1e-9)
    assert result.shift == pytest.approx(-float(delay))
    assert result.repaired


def test_it_refuses_what_it_cannot_tell(shifts: Shifts, capfd: pytest.CaptureFixture[str]) -> None:
    Path("late.mp4").write_text("unknown")
    with pytest.raises(FixRefused, match=r"late\.mp4.*--delay"):
        fix("late.mp4", "out.mp4")
    assert main(["fix", "late.mp4", "-o", "out.mp4"]) == ExitCode.REFUSED
    assert capfd.readouterr().err.startswith("viseme: error: late.mp4: cannot tell")
    assert not Path("out.mp4").exists()
    assert shifts == []


def test_a_given_delay_is_taken_at_its_word(shifts: Shifts) -> None:
    Path("late.mp4").write_text("unknown")
    result = fix("late.mp4", "out.mp4", delay="120ms")
    assert shifts == [(Fraction(-120, 1000), None, None)]
    assert result.measured is None
    assert result.repaired


@pytest.mark.parametrize("delay", [0.004, -0.0049, 0.0])
def test_a_audio_in_place_is_left_there_and_said_so(shifts: Shifts, delay: float) -> None:
    Path("late.mp4").write_text(f"delay {delay}")
    result = fix("late.mp4", "out.mp4")
    assert shifts == [(0, None, None)]
    assert "in place" in result.warnings[0]


def test_in_sync_is_still_made_exact(shifts: Shifts) -> None:
    Path("late.mp4").write_text("delay 0.03")
    fix("late.mp4", "out.mp4")
    assert shifts == [(Fraction(-3, 100), None, None)]


def test_other_audio_is_put_under_the_frame(shifts: Shifts) -> None:
    fix("late.mp4", "out.mp4", audio="voice.wav", audio_stream=1)
    assert shifts == [(Fraction(-217, 1000), "voice.wav", 1)]


def test_the_input_is_never_the_output(shifts: Shifts) -> None:
    Path("link.mp4").symlink_to("late.mp4")
    for out in ("late.mp4", "./late.mp4", "link.mp4"):
        with pytest.raises(OutputError, match="is the input"):
            fix("late.mp4", out, overwrite=True)
    assert Path("late.mp4").read_text() == "delay 0.217"


def test_an_existing_file_is_replaced_only_on_request(shifts: Shifts) -> None:
    Path("out.mp4").write_text("precious")
    with pytest.raises(OutputError, match="--overwrite"):
        fix("late.mp4", "out.mp4")
    assert Path("out.mp4").read_text() == "precious"
    fix("late.mp4", "out.mp4", overwrite=True)
    assert Path("out.mp4").read_text() != "precious"


def test_a_residual_that_is_no_repair_is_an_error(
    shifts: Shifts, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        viseme.media,
        "shift_audio",
        lambda path, out, *, shift, **_: types.SimpleNamespace(
            shift=shift, method="timestamps", warnings=(), kept=stubs.KEPT, _=Path(out).write_text("delay 0.3")
        ),
    )
    assert main(["fix", "late.mp4", "-o", "out.mp4"]) == ExitCode.FAILED
    out, err = capfd.readouterr()
    assert "residual" in out
    assert "not in place" in err


@pytest.mark.parametrize("jumps", [False, True])
def test_drift_and_jumps_are_not_hidden(shifts: Shifts, monkeypatch: pytest.MonkeyPatch, jumps: bool) -> None:
    drifting = Drift(ms_per_min=900.0, interval=(700.0, 1100.0))
    pieces = tuple(
        DelayPiece(start=start, end=start + 2.5, audio_delay=delay, interval=(delay, delay), confidence=0.9)
        for start, delay in ((0.0, 0.2), (2.5, 0.4))
    )
    whole = stubs.result("late.mp4", 0.2)
    estimate = DelayEstimate(**{**_fields(whole.estimate), "drift": drifting, "pieces": pieces if jumps else ()})
    monkeypatch.setattr(
        sys.modules["viseme.sync.pipeline"],
        "check",
        lambda path, **_: CheckResult(**{**_fields(whole), "estimate": estimate}),
    )
    if jumps:
        with pytest.raises(FixRefused, match=r"jumps at 0:00:02\.500"):
            fix("late.mp4", "out.mp4")
    else:
        assert "drifts by +900 ms a minute" in " ".join(fix("late.mp4", "out.mp4").warnings)


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def test_the_command_prints_before_and_after(shifts: Shifts, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["fix", "late.mp4", "--out", "out.mp4"]) == ExitCode.DONE
    out, err = capfd.readouterr()
    assert "audio lags by 217 ms" in out
    assert "(5.4 frames at 25)" in out
    assert "by \N{MINUS SIGN}217.0 ms, \N{MINUS SIGN}5.4 frames at 25 (timestamps)" in out
    assert "residual  0 ms" in out
    assert err == ""


def test_json_is_one_object(shifts: Shifts, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["fix", "late.mp4", "-o", "out.mp4", "--json", "--delay", "217ms"]) == ExitCode.DONE
    answer = json.loads(capfd.readouterr().out)
    frames = [answer[name] for name in ("delay_frames", "shift_frames", "residual_frames")]
    assert frames == [None, -5.42, 0.0]
    assert (answer["schema"], answer["shift"], answer["repaired"]) == ("viseme.fix/1", -0.217, True)
    assert answer["remeasured"]["schema"] == "viseme.check/1"
