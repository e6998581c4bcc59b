"""`check` and `find_speakers` on a shipped sample twice in a row, its stamps starting over or leaping in between."""

from __future__ import annotations

import pytest

import viseme
from media_files import joined_ts
from viseme.weights import assets_folder

SAMPLE = assets_folder() / "samples" / "sample_late_137ms.mp4"


@pytest.mark.slow
def test_check_uses_both_halves_when_stamps_start_over(tmp_path):
    result = viseme.check(joined_ts(tmp_path, SAMPLE, video_s=0))
    assert result.audio_delay == pytest.approx(0.137, abs=0.02)
    assert sum(t.end - t.start for t in result.tracks) > 8.5
    assert len(result.warnings) == 1


@pytest.mark.slow
def test_a_leap_of_ten_hours_changes_no_answer(tmp_path):
    path = joined_ts(tmp_path, SAMPLE, video_s=36_000.0)
    result = viseme.check(path)
    assert result.audio_delay == pytest.approx(0.137, abs=0.02)
    assert [round(t.start) for t in result.tracks] == [0, 36_000]
    assert all(t.end - t.start < 5 for t in result.tracks)
    assert len(result.warnings) == 1
    found = viseme.find_speakers(path)
    assert found.delay.audio_delay == pytest.approx(0.137, abs=0.02)
    assert [round(f.times[0]) for f in found.faces] == [0, 36_000]
    assert {round(v.start // 36_000) for v in found.voice} == {0, 1}
