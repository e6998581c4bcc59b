"""`viseme.check` from file to answer: samples whose truth is known, shifted audio, mismatched audio, clips that must be
refused, and real people."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

import viseme
from viseme.core.errors import ConfigError, NoAudio, NoVideo, UnreadableMedia
from viseme.core.results import CheckResult, Reason, Verdict
from viseme.media import VideoWriter, read_audio, shift_audio
from viseme.sync.checkpoint import Calibration, load_sync_weights
from viseme.sync.export import save_sync_weights
from viseme.sync.models.two_stream import TwoStream
from viseme.weights import assets_folder

SAMPLES = assets_folder() / "samples"
LATE, TOGETHER = SAMPLES / "sample_late_137ms.mp4", SAMPLES / "sample_in_sync.mp4"
REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data"
needs_real = pytest.mark.skipif(not (REAL / "manifest.csv").is_file(), reason="no real clips beside the checkout")


@pytest.fixture(scope="module")
def late() -> CheckResult:
    return viseme.check(LATE, evidence=True)


@pytest.fixture(scope="module")
def together() -> CheckResult:
    return viseme.check(TOGETHER)


def test_a_late_sample_is_late(late):
    estimate = late.estimate
    assert estimate.audio_delay == pytest.approx(0.137, abs=0.040)
    assert estimate.verdict is Verdict.OUT_OF_SYNC
    low, high = estimate.interval or (np.nan, np.nan)
    assert low <= estimate.audio_delay <= high
    assert estimate.confidence > 0.8
    assert "lags by" in estimate.words


def test_a_sample_in_sync_is_in_sync(together):
    assert together.estimate.audio_delay == pytest.approx(0.0, abs=0.040)
    assert together.estimate.verdict is Verdict.IN_SYNC


@pytest.mark.parametrize("shift", [0.2, -0.3])
def test_delaying_the_audio_raises_the_delay_by_as_much(tmp_path, late, shift):
    shift_audio(LATE, tmp_path / "moved.mp4", shift=shift)
    moved = viseme.check(tmp_path / "moved.mp4").estimate.audio_delay
    assert late.estimate.audio_delay is not None
    assert moved is not None
    assert moved - late.estimate.audio_delay == pytest.approx(shift, abs=0.010)


def test_the_audio_of_another_clip_is_not_in_sync():
    found = viseme.check(LATE, audio=TOGETHER)
    assert found.estimate.verdict is not Verdict.IN_SYNC


def test_its_own_audio_from_another_file_gives_the_same_delay(late):
    again = viseme.check(LATE, audio=LATE).estimate.audio_delay
    assert again == pytest.approx(late.estimate.audio_delay, abs=0.03)  # AAC may begin a frame early


def test_the_answer_is_the_same_twice(together):
    again = viseme.check(TOGETHER)
    one, two = ({**r.to_json(), "elapsed": 0} for r in (together, again))
    assert one == two


def test_what_the_report_draws_fits_together(late):
    drawn = late.evidence
    assert drawn is not None
    assert len(drawn.curve_delays) == len(drawn.curve_scores) == len(drawn.curve_posterior) == 401
    assert drawn.curve_posterior.sum() == pytest.approx(1.0)
    best = drawn.curve_delays[np.nanargmax(drawn.curve_scores)]
    assert best == pytest.approx(late.estimate.audio_delay, abs=0.04)
    assert len(drawn.mouth_times) == len(drawn.mouth_opening) > 50
    assert (np.diff(drawn.mouth_times) > 0).all()
    assert len(drawn.audio_times) == len(drawn.audio_level_db)
    assert drawn.strips
    assert sum(t.weight for t in late.tracks) == pytest.approx(1.0)


def test_a_delay_beyond_a_narrow_search_is_found(tmp_path):
    shift_audio(LATE, tmp_path / "moved.mp4", shift=0.6)
    found = viseme.check(tmp_path / "moved.mp4", max_delay=0.3).estimate
    assert found.audio_delay == pytest.approx(0.737, abs=0.02)
    assert found.searched is not None
    assert found.searched[1] > 2


# What follows needs no trained weights: any weights will do where there is nothing to hear or to see.


@pytest.fixture(scope="module")
def untrained(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "untrained.safetensors"
    save_sync_weights(
        path, [TwoStream(TwoStream.Config.tiny())], input_mode="landmarks", calibration=Calibration(), card={}
    )
    return path


def _film(path: Path, *, audio_samples: np.ndarray | None, seconds: float = 1.0) -> Path:
    """Grey frames without a face."""
    grey = np.full((96, 128, 3), 120, np.uint8)
    rate = None if audio_samples is None else 16_000
    with VideoWriter(path, width=128, height=96, rate=25, audio_rate=rate) as video:
        for _ in range(round(seconds * 25)):
            video.write(grey)
        if audio_samples is not None:
            video.write_audio(audio_samples)
    return path


def test_nobody_in_the_frame(tmp_path, untrained):
    noise = (np.random.default_rng(0).standard_normal(16_000) * 0.1).astype(np.float32)
    found = viseme.check(_film(tmp_path / "a.mp4", audio_samples=noise), weights=untrained)
    assert found.estimate.verdict is Verdict.CANNOT_TELL
    assert found.estimate.reasons == (Reason.NO_FACE,)
    assert found.tracks == ()


def test_no_audio_is_an_error_that_says_what_to_do(tmp_path, untrained):
    with pytest.raises(NoAudio, match="--audio"):
        viseme.check(_film(tmp_path / "a.mp4", audio_samples=None), weights=untrained)


def test_silence_is_no_voice(tmp_path, untrained):
    length = sum(len(b.samples) for b in read_audio(TOGETHER))
    _film(tmp_path / "silent.wav.mp4", audio_samples=np.zeros(length, np.float32), seconds=0.2)
    found = viseme.check(TOGETHER, audio=tmp_path / "silent.wav.mp4", weights=untrained)
    assert found.estimate.verdict is Verdict.CANNOT_TELL
    assert Reason.NO_VOICE in found.estimate.reasons


def test_audio_alone_is_no_video(tmp_path, untrained):
    import wave

    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(b"\0\0" * 16_000)
    with pytest.raises(NoVideo, match=r"a\.wav"):
        viseme.check(tmp_path / "a.wav", weights=untrained)


def test_what_is_no_media_is_unreadable(tmp_path, untrained):
    (tmp_path / "a.mp4").write_bytes(b"not a film")
    with pytest.raises(UnreadableMedia, match=r"a\.mp4"):
        viseme.check(tmp_path / "a.mp4", weights=untrained)


@pytest.mark.parametrize(
    "wrong", [{"max_delay": 0}, {"max_delay": 100}, {"in_sync_band": (1, 0)}, {"tracker": "nobody"}, {"input": "smell"}]
)
def test_impossible_options_are_refused(untrained, wrong):
    weights = None if "input" in wrong else untrained
    with pytest.raises(ConfigError):
        viseme.check(TOGETHER, weights=weights, **wrong)


def test_weights_for_the_mesh_are_shown_the_mesh(tmp_path):
    torch.manual_seed(0)
    config = TwoStream.Config(num_points=96, width=16, embedding=8, video_dilations=(1,), audio_dilations=(1,))
    path = tmp_path / "mesh.safetensors"
    save_sync_weights(path, [TwoStream(config)], input_mode="mesh", calibration=Calibration(), card={})
    found = viseme.check(TOGETHER, weights=path)
    assert found.input_mode == "mesh"
    assert found.estimate.num_windows > 50 or found.estimate.reasons


def test_progress_rises_to_the_end(untrained):
    seen: list[float] = []
    viseme.check(TOGETHER, weights=untrained, on_progress=seen.append)
    assert seen
    assert seen == sorted(seen)
    assert 0.5 < seen[-1] <= 1.0


# Real people.


def _rows(source: str) -> list[dict[str, str]]:
    with (REAL / "manifest.csv").open(newline="", encoding="utf-8") as file:
        return [r for r in csv.DictReader(file) if r["source"] == source or r["file"].startswith(source + "/")]


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.slow
@needs_real
def test_studio_recordings_of_other_speakers_are_in_sync():
    rows, wrong, answered = _rows("grid_misc"), [], 0
    assert len(rows) == 6
    for row in rows:
        found = viseme.check(REAL / row["file"], evidence=True)
        assert found.evidence is not None
        best = found.evidence.curve_delays[np.nanargmax(found.evidence.curve_scores)]
        delay = found.estimate.audio_delay
        answered += delay is not None
        if abs(best) > 0.060 or abs(delay or 0.0) > 0.060:
            wrong.append((row["file"], best, delay))
    assert not wrong  # the best delay of all six, whether sure enough to be told or not
    assert answered >= 1


@pytest.mark.real
@needs_real
def test_frames_of_mouths_alone_are_refused():
    rows = _rows("romanian_tedx")[:3]
    assert rows
    for row in rows:
        found = viseme.check(REAL / row["file"]).estimate
        assert found.verdict is Verdict.CANNOT_TELL, row["file"]
        assert found.reasons


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.slow
@needs_real
def test_frames_under_mismatched_audio_are_not_in_sync():
    with (REAL / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["use"] == "dev-foreign"][:4]
    for row in rows:
        assert viseme.check(REAL / row["file"]).estimate.verdict is not Verdict.IN_SYNC, row["file"]


def test_the_default_weights_say_what_they_were_trained_on():
    bundle = load_sync_weights()
    assert bundle.card["training_data"]
    assert bundle.input_mode == "landmarks"
    assert not any("dev" in str(s) for s in bundle.card["training_data"])
    assert bundle.calibration.answer_above >= 0.5


def test_an_input_that_the_weights_do_not_see_is_refused():
    with pytest.raises(ConfigError, match="sees landmarks, not mesh"):
        viseme.check(LATE, weights="sync-landmarks", input="mesh")


def test_the_mesh_input_measures_the_late_sample():
    assert viseme.check(LATE, input="mesh").estimate.audio_delay == pytest.approx(0.137, abs=0.04)
