"""Time code against counting one by one, and against OpenTimelineIO."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import opentimelineio as otio
import pytest

from viseme.core.timecode import counts_drop_frames, format_timecode, timecode_frame

NTSC, DOUBLE, FILM = Fraction(30000, 1001), Fraction(60000, 1001), Fraction(24000, 1001)


@pytest.mark.parametrize(("rate", "nominal", "left_out"), [(NTSC, 30, 2), (DOUBLE, 60, 4)])
def test_drop_frame_counts_as_one_by_one(rate: Fraction, nominal: int, left_out: int) -> None:
    codes = (
        f"00:{minute:02d}:{second:02d};{frame:02d}"
        for minute, second, frame in product(range(21), range(60), range(nominal))
        if second or frame >= left_out or minute % 10 == 0
    )
    for number, code in enumerate(codes):
        assert format_timecode(number, rate, drop=True) == code
        assert timecode_frame(code, rate) == number


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(50), FILM, NTSC, Fraction(24)])
def test_it_counts_as_opentimelineio_does(rate: Fraction) -> None:
    for code in ("00:59:59:23", "10:00:00:00", *(["01:01:00;02"] if rate == NTSC else [])):
        theirs = otio.opentime.from_timecode(code, float(rate))
        number = timecode_frame(code, rate)
        assert number == theirs.value
        assert format_timecode(number, rate, drop=";" in code) == code


def test_what_is_no_time_code_at_a_rate() -> None:
    assert [timecode_frame(text, Fraction(25)) for text in ("", "10:00", "00:00:00:25", "00:61:00:00")] == [None] * 4
    assert timecode_frame("10:00:00;00", Fraction(25)) == 900000, "drop-frame is unknown at 25"
    assert not counts_drop_frames("10:00:00;00", Fraction(25))
    assert not counts_drop_frames(None, NTSC)


def test_a_day_begins_anew() -> None:
    assert format_timecode(24 * 3600 * 25 + 3, Fraction(25)) == "00:00:00:03"
    assert format_timecode(24 * 6 * 17982 + 3, NTSC, drop=True) == "00:00:00;03"
