"""One clock for stamps that start over, leap or are wild: packets that were never in a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest

from viseme.media.stamps import StampRepair, read_packets

RATE = 25


@dataclass
class Packet:
    """A packet of the stream `stream`, 40 ms long."""

    stream: Any
    dts: int | None
    pts: int | None = None
    duration: int = 40
    time_base: Fraction = field(default=Fraction(1, 1000))

    def __post_init__(self) -> None:
        self.pts = self.dts


class Container:
    """Packets in file order."""

    def __init__(self, *seconds: tuple[str, float]) -> None:
        self.streams = [SimpleNamespace(index=0, type="video"), SimpleNamespace(index=1, type="audio")]
        self._packets = [Packet(self.streams[kind == "a"], round(at * 1000)) for kind, at in seconds]

    def demux(self, streams):
        assert [s.type for s in streams] == ["video", "audio"]
        return iter(self._packets)


def part(start: float, num: int = 25, *, streams: str = "va") -> list[tuple[str, float]]:
    """A second (25 packets) of both streams from `start` seconds on."""
    return [(kind, round(start + i / RATE, 3)) for i in range(num) for kind in streams]


def read(*seconds: tuple[str, float]) -> tuple[dict[str, list[float]], StampRepair]:
    """Seconds of the packets of both streams after the repair; None where there is no stamp."""
    repair, found = StampRepair(), {"v": [], "a": []}
    for packet in read_packets(Container(*seconds), repair):
        found["va"[packet.stream.index]].append(None if packet.pts is None else packet.pts / 1000)
    return found, repair


def test_good_stamps_are_left_alone_and_nothing_is_said():
    found, repair = read(*part(5.0, 50))
    assert found["v"] == found["a"] == [at for _, at in part(5.0, 50, streams="v")]
    assert list(repair.notes(5.0)) == []


@pytest.mark.parametrize("second", [0.0, 1.0, 4.5, 5.4])
def test_stamps_that_start_over_go_on_for_both_streams(second):
    found, repair = read(*part(5.0), *part(second))
    assert found["v"] == pytest.approx([5 + i / RATE for i in range(50)])
    assert found["a"] == pytest.approx(found["v"])
    (note,) = repair.notes(5.0)
    assert note.startswith("the time stamps start over at 0:00:01.000")


def test_the_gap_between_streams_is_kept_when_stamps_start_over():
    """The audio of each part begins 200 ms late; so it does afterwards."""
    late = [(kind, at + 0.2 * (kind == "a")) for kind, at in part(5.0)]
    again = [(kind, at - 4.0) for kind, at in late]
    found, _ = read(*late, *again)
    assert found["a"][25] - found["v"][25] == pytest.approx(0.2)


def test_many_parts_give_one_note():
    found, repair = read(*part(5.0), *part(0.0), *part(0.2), *part(0.0))
    assert found["v"] == pytest.approx([5 + i / RATE for i in range(25)] + found["v"][25:])
    assert max(b - a for a, b in zip(found["v"], found["v"][1:])) < 0.1
    (note,) = repair.notes(5.0)
    assert "3 times" in note


def test_only_one_stream_that_starts_over_leaves_the_other_alone():
    video = [("v", 5 + i / RATE) for i in range(25)] + [("v", 1 + i / RATE) for i in range(25)]
    audio = [("a", 5 + i / RATE) for i in range(50)]
    found, _ = read(*(packet for pair in zip(video, audio) for packet in pair))
    assert found["a"] == pytest.approx([at for _, at in audio])
    assert found["v"][25:] == pytest.approx([6 + i / RATE for i in range(25)], abs=0.1)


@pytest.mark.parametrize("length", [40.0, 600.0, 3600.0, 36000.0])
def test_a_leap_stays_and_is_told_once(length):
    found, repair = read(*part(5.0), *part(6.0 + length))
    assert found["v"][25] == found["a"][25] == 6.0 + length
    assert list(repair.notes(5.0)) == [
        f"the time stamps leap by {length:.0f} s at 0:00:01.000; nothing was put into the gap"
    ]


@pytest.mark.parametrize("wild", [0.0, 36000.0])
@pytest.mark.parametrize("num", [1, 3])
def test_a_few_wild_stamps_are_dropped(wild, num):
    packets = part(5.0, 60)
    rows = [i for i, (kind, _) in enumerate(packets) if kind == "v"][20 : 20 + num]
    for i in rows:
        packets[i] = ("v", wild + i)
    found, repair = read(*packets)
    assert found["v"][20 : 20 + num] == [None] * num
    stored = [at for _, at in part(5.0, 60, streams="v")]
    assert found["v"][20 + num :] == stored[20 + num :]
    assert found["a"] == stored
    assert list(repair.notes(5.0)) == []


def test_a_wild_stamp_at_the_very_end_is_a_leap():
    found, _ = read(*part(5.0), ("v", 5000.0))
    assert found["v"][-1] == 5000.0


def test_a_slow_stream_of_frames_does_not_leap_while_the_audio_goes_on():
    packets = [("a", i / RATE) for i in range(60 * RATE)]
    packets += [("v", 0.0), ("v", 30.0), ("v", 59.0)]
    found, repair = read(*sorted(packets, key=lambda p: p[1]))
    assert found["v"] == [0.0, 30.0, 59.0]
    assert list(repair.notes(0.0)) == []


def test_missing_stamps_stay_missing():
    repair = StampRepair()
    box = Container(*part(0.0))
    for packet in box._packets[10:20]:
        packet.dts = packet.pts = None
    assert sum(packet.pts is None for packet in read_packets(box, repair)) == 10
