"""A trial of the bench is what `viseme.check` answers for the same material."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import viseme
from viseme.core.results import DelayEstimate
from viseme.data.manifest import read_held_out
from viseme.media import shift_audio
from viseme.reproduce.measured_clips import MeasuredClip, measured_clip
from viseme.reproduce.sync_bench.questions import Question
from viseme.reproduce.sync_bench.trials import Examiner
from viseme.sync.checkpoint import load_sync_weights
from viseme.weights import assets_folder

LATE = assets_folder() / "samples" / "sample_late_137ms.mp4"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> MeasuredClip:
    folder = tmp_path_factory.mktemp("clips")
    shutil.copy(LATE, folder / "late.mp4")
    (folder / "manifest.csv").write_text("file,use,source,speaker,truth_delay_ms\nlate.mp4,dev,samples,head,137\n")
    (row,) = read_held_out(folder)
    found = measured_clip(row, folder / "work")
    (folder / "late.mp4").rename(folder / "moved.mp4")
    again = measured_clip(row_at(folder / "moved.mp4", row), folder / "work")
    assert again.chunks[0].landmarks.tolist() == found.chunks[0].landmarks.tolist()
    return found


def row_at(path: Path, row):
    return type(row)(path=path, use=row.use, speaker=row.speaker, licence=row.licence, audio_delay=row.audio_delay)


@pytest.fixture(scope="module")
def examiner() -> Examiner:
    return Examiner(load_sync_weights())


def same(mine: DelayEstimate, theirs: DelayEstimate) -> None:
    assert mine.verdict is theirs.verdict
    assert mine.reasons == theirs.reasons
    assert mine.num_windows == theirs.num_windows
    assert mine.audio_delay == pytest.approx(theirs.audio_delay, abs=1e-4)
    assert mine.confidence == pytest.approx(theirs.confidence, abs=1e-4)


def test_a_clip_untouched(clip: MeasuredClip, examiner: Examiner) -> None:
    found = examiner.answer(Question(group="untouched", lips=clip, audio=None)).estimate
    same(found, viseme.check(LATE).estimate)
    assert found.audio_delay == pytest.approx(0.137, abs=0.03)


@pytest.mark.parametrize("shift", [0.31, -0.5])
def test_a_clip_under_shifted_audio(clip: MeasuredClip, examiner: Examiner, tmp_path: Path, shift: float) -> None:
    """The file is written with its audio moved; the bench moves the samples that it kept."""
    moved = tmp_path / "moved.mkv"
    shift_audio(LATE, moved, shift=shift)
    theirs = viseme.check(moved).estimate
    mine = examiner.trial(Question(group="whole", lips=clip, audio=None, shift=shift))
    assert mine.verdict is theirs.verdict
    assert theirs.audio_delay is not None
    assert mine.error == pytest.approx(theirs.audio_delay - 0.137 - shift, abs=2e-3)
    assert mine.confidence == pytest.approx(theirs.confidence, abs=2e-2)
    assert mine.relative == pytest.approx(0, abs=0.02)
    assert mine.known
