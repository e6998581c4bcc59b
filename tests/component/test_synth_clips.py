"""Synthetic clips from end to end: audio where the truth says, determinism, speed, and a real speaker's statistics."""

from __future__ import annotations

import json
import time
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from viseme.core.errors import ConfigError, DataError, OutputError
from viseme.media import read_audio, read_frames
from viseme.synthetic import LandmarkSpec, espeak_available, move, speak, synth_landmarks, training_clip
from viseme.synthetic.phonemes import SAMPLE_RATE, Phoneme, Speech
from viseme.synthetic.pipeline import make_clip, synth
from viseme.synthetic.scene import TalkerSpec, film
from viseme.synthetic.voices import VoiceMissing

needs_espeak = pytest.mark.skipif(
    not espeak_available(), reason="espeak-ng is not installed (apt-get install espeak-ng)"
)
SMALL = {"width": 64, "height": 48, "antialias": 1, "shutter": 0.0, "background": "plain"}


def _decoded(path: Path, seconds: float) -> np.ndarray:
    """Audio on the frames' clock: sample 0 is heard with the first frame."""
    track = np.zeros(round(seconds * SAMPLE_RATE) + SAMPLE_RATE, np.float32)
    for block in read_audio(path, rate=SAMPLE_RATE):
        at = round(block.start * SAMPLE_RATE)
        low, high = max(0, at), min(len(track), at + len(block.samples))
        track[low:high] = block.samples[low - at : high - at]
    return track


def _burst() -> Speech:
    """One second of noise bursts, no espeak-ng needed."""
    rng = np.random.default_rng(4)
    envelope = np.interp(np.arange(SAMPLE_RATE), np.linspace(0, SAMPLE_RATE, 40), rng.uniform(0, 1, 40)) ** 2
    samples = (envelope * rng.normal(0, 0.2, SAMPLE_RATE)).astype(np.float32)
    return Speech(samples, (Phoneme("a", 0.1, 0.5), Phoneme("b", 0.5, 0.6), Phoneme("a", 0.6, 0.9)), text="aba")


@pytest.mark.parametrize("delay", [Fraction(0), Fraction(137, 1000), Fraction(-211, 1000)])
@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_audio_lies_where_the_truth_says(tmp_path, delay, container):
    speech = _burst()
    spec = TalkerSpec(seconds=2.0, rate=Fraction(10), audio_delay=delay, **SMALL)
    result = make_clip(spec, tmp_path / f"a.{container}", speech=speech)
    assert result.audio_delay == pytest.approx(float(delay))
    track = _decoded(tmp_path / f"a.{container}", 2.0)
    start = result.phonemes[0].start - speech.phonemes[0].start + float(delay)
    likeness = np.correlate(track, speech.samples, "valid")
    measured = int(likeness.argmax()) / SAMPLE_RATE
    assert measured == pytest.approx(start, abs=0.001)


def test_frame_times_are_the_truth(tmp_path):
    spec = TalkerSpec(seconds=1.0, rate=Fraction(30000, 1001), vfr=0.3, seed=3, **SMALL)
    result = make_clip(spec, tmp_path / "a.mp4", speech=_burst())
    seen = np.array([float(p.time) for p in read_frames(tmp_path / "a.mp4")])
    assert seen == pytest.approx(result.times, abs=0.0011)
    assert np.diff(seen).std() > 0.003


def test_the_same_spec_films_the_same_frames():
    """Compared before encoding: libx264 is not bit-exact from run to run."""
    spec = TalkerSpec(rate=Fraction(10), second_face=True, seed=2, **SMALL)
    times = np.arange(3) / 10
    shots = []
    for seed in (2, 2, 9):
        motions = [move(_burst().phonemes, times, seed=seed), move((), times, seed=seed + 1)]
        shots.append(np.array(list(film(spec, motions))))
    assert shots[0].shape == (3, 48, 64, 3)
    assert np.array_equal(shots[0], shots[1])
    assert not np.array_equal(shots[0], shots[2])
    assert shots[0].std() > 10


def test_silent_and_mismatched_have_no_true_delay(tmp_path):
    silent = make_clip(TalkerSpec(seconds=0.3, rate=Fraction(10), silent=True, **SMALL), tmp_path / "s.mp4")
    assert silent.audio_delay is None
    assert silent.phonemes == ()
    mute = make_clip(
        TalkerSpec(seconds=0.3, rate=Fraction(10), audio=False, **SMALL), tmp_path / "m.mp4", speech=_burst()
    )
    assert mute.audio_delay is None


@needs_espeak
def test_command_writes_clip_and_truth(tmp_path):
    result = synth(
        tmp_path / "a.mp4", text="Bob", audio_delay=0.1, width=64, height=48, fps="10", truth=tmp_path / "a.json"
    )
    truth = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert truth["schema"] == "viseme.synth/1"
    assert truth["audio_delay"] == 0.1
    assert [p["name"] for p in truth["phonemes"]] == [p.name for p in result.phonemes]
    with pytest.raises(ConfigError, match="frame rate"):
        synth(tmp_path / "b.mp4", fps="fast")
    with pytest.raises(ConfigError, match="phonemes"):
        synth(tmp_path / "b.mp4", speech=tmp_path / "a.wav")
    with pytest.raises(ConfigError, match="speech"):
        synth(tmp_path / "b.mp4", phonemes=tmp_path / "a.tsv")
    with pytest.raises(DataError, match="no voice"):
        synth(tmp_path / "b.mp4", language="xx-none")
    assert not (tmp_path / "b.mp4").exists()


def test_an_empty_text_is_an_error_and_not_a_made_up_sentence(tmp_path):
    for text in ("", "  "):
        with pytest.raises(ConfigError, match="text is empty"):
            synth(tmp_path / "a.mp4", text=text)
    assert not (tmp_path / "a.mp4").exists()


@pytest.mark.parametrize("name", ["a.mp4", "a.json"])
def test_nothing_is_written_over_unless_asked(tmp_path, name, monkeypatch):
    monkeypatch.setattr("viseme.synthetic.pipeline.make_clip", lambda *_, **__: pytest.fail("work began"))
    (tmp_path / name).write_text("mine")
    with pytest.raises(OutputError, match=rf"{name} exists; add --overwrite"):
        synth(tmp_path / "a.mp4", text="Bob", truth=tmp_path / "a.json")
    assert (tmp_path / name).read_text() == "mine"


@needs_espeak
def test_what_is_asked_to_be_replaced_is_replaced(tmp_path):
    (tmp_path / "a.mp4").write_text("mine")
    synth(tmp_path / "a.mp4", text="Bob", seconds=0.2, width=64, height=48, fps="10", overwrite=True)
    assert (tmp_path / "a.mp4").stat().st_size > 1000


@needs_espeak
def test_espeak_times_lie_on_the_waveform():
    """Vowels are louder than the closures before them, for every p, b, t, d, k, g."""
    speech = speak("Pat a bad cop, dig a big tub, keep the top cup", voice="en-us", rate_wpm=160)
    assert np.array_equal(speech.samples, speak(speech.text, voice="en-us", rate_wpm=160).samples)
    quieter = []
    for phoneme, after in zip(speech.phonemes, speech.phonemes[1:]):
        if phoneme.closure is None or after.closure is not None:
            continue
        contact, release = phoneme.closure
        low = np.square(speech.samples[int(contact * SAMPLE_RATE) + 16 : int(release * SAMPLE_RATE) - 16]).mean()
        middle = int((after.start + after.end) / 2 * SAMPLE_RATE)
        quieter.append(low < 0.25 * np.square(speech.samples[middle - 160 : middle + 160]).mean())
    assert len(quieter) >= 8
    assert np.mean(quieter) > 0.9


@needs_espeak
def test_training_clips_are_seeded_in_any_process_and_quick():
    try:
        first = training_clip(11)
    except VoiceMissing as missing:  # espeak-ng alone is not all that talkers speak with
        pytest.skip(str(missing))
    with get_context("spawn").Pool(1) as pool:
        again = pool.apply(training_clip, (11,))
    for one, two in zip(first, again):
        assert np.array_equal(one, two)
    assert first.landmarks.shape == (len(first.times), 478, 3)
    assert np.isfinite(first.landmarks).all()
    assert np.abs(first.audio).max() <= 1
    started = time.perf_counter()
    for seed in range(5):
        training_clip(seed)
    assert (time.perf_counter() - started) / 5 < 1.0  # .07 s on an idle core


@needs_espeak
def test_lips_close_in_landmarks_where_b_and_p_close():
    speech = speak("Bob put the blue map by a puppy", voice="en-us", rate_wpm=150)
    times = np.arange(0, speech.duration, 1 / 50)
    _, landmarks = synth_landmarks(LandmarkSpec(phonemes=speech.phonemes, times=times, audio=speech.samples))
    eyes = np.median(np.linalg.norm(landmarks[:, 263, :2] - landmarks[:, 33, :2], axis=1))
    gap = np.linalg.norm(landmarks[:, 13, :2] - landmarks[:, 14, :2], axis=1) / eyes
    closed = np.zeros(len(times), bool)
    for phoneme in speech.phonemes:
        if phoneme.closure and phoneme.name[0] in "pbm":
            contact, release = phoneme.closure
            closed |= (times > contact + 0.005) & (times < release - 0.025)  # lips run 10 ms ahead by default
    assert closed.sum() >= 8
    assert np.quantile(gap[closed], 0.9) < 0.02
    assert np.quantile(gap, 0.9) > 0.06


def test_bundled_samples_are_small_and_say_their_truth():
    folder = Path(__file__).parents[2] / "src" / "viseme" / "assets" / "samples"
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    assert sum(f.stat().st_size for f in folder.iterdir()) < 1_000_000
    assert truth["sample_late_137ms.mp4"]["audio_delay"] == 0.137
    assert truth["sample_in_sync.mp4"]["audio_delay"] == 0
    for name, facts in truth.items():
        num = sum(1 for _ in read_frames(folder / name))
        assert num == len(facts["times"])
        assert 4 <= facts["times"][-1] <= 6
