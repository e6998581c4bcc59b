"""What the bench of speech experts counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from viseme.data.manifest import ManifestRow
from viseme.expert.grammar import GRID_WORDS
from viseme.expert.phones import PHONES
from viseme.reproduce.expert_bench import EmbeddedClip, bench_lines, falls_with_shift, shift_curve, window_scores


def _clip(number: int, speaker: str, *, source: str = "grid_more", late: int = 0) -> EmbeddedClip:
    rng = np.random.default_rng(number)
    lips = np.cumsum(rng.normal(size=(90, 16)), 0).astype(np.float32)
    said = [PHONES.index(p) for w in ("bin", "blue", "at", "f", "two", "now") for p in GRID_WORDS[w]]
    phones = np.repeat([0, *said, 0], 5)[:90]
    read = np.full((len(phones), len(PHONES)), -9.0, np.float32)
    read[np.arange(len(phones)), phones] = 0
    row = ManifestRow(path=Path("bbaf2n.mkv"), use="dev", speaker=speaker, licence="", source=source,
                      text="bin blue at f two now" if source.startswith("grid") else "")  # fmt: skip
    return EmbeddedClip(row=row, lips=lips, voice=np.roll(lips, late, 0), read=read, phones=phones)


def test_the_top_of_the_curve_is_where_the_audio_lies() -> None:
    assert int(np.argmax(shift_curve(*(_clip(0, "a").lips,) * 2))) == 10
    late = _clip(0, "a", late=3)
    assert abs(int(np.argmax(shift_curve(late.lips, late.voice))) - 10) == 3
    assert not falls_with_shift(shift_curve(late.lips, late.voice))


def test_other_audio_is_of_other_people() -> None:
    values, own, sources = window_scores([_clip(i, "ab"[i % 2]) for i in range(4)])
    assert own.sum() == 4
    assert (~own).sum() == 8
    assert values[own].min() > 0.999 > values[~own].max()
    assert set(sources) == {"grid_more"}


def test_every_figure_has_its_line() -> None:
    clips = [_clip(i, f"s{i}", source="grid_more" if i < 3 else "elsewhere") for i in range(5)]
    trained = [ManifestRow(path=Path("x"), use="train", speaker="s0", licence="", source="grid_more")]
    lines = list(bench_lines(clips, trained))
    assert lines[0].startswith("AVS_u falls with the shift: ")
    assert any("people trained on: word error rate 0.000" in line for line in lines)
    assert any("n = 2 clips" in line for line in lines)
