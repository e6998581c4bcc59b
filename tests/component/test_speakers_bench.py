"""The bench of finding speakers on two made-up talkers, untrained sync weights and a scorer that knows the answer."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from viseme.audio.mel_frames import AudioPiece
from viseme.core.errors import DataError
from viseme.faces import FaceTrackChunk
from viseme.faces.schemes import ALIGNMENT, ALIGNMENT_SHAPE
from viseme.reproduce.measured_clips import MeasuredClip
from viseme.reproduce.speakers_bench import __main__ as bench
from viseme.reproduce.speakers_bench import conversations, mismatched, speed
from viseme.speakers.corpus import features_of
from viseme.speakers.interface import AudioSteps, FaceSteps, Scored
from viseme.speakers.scorers import CosineScorer
from viseme.sync.checkpoint import Calibration, SyncWeights
from viseme.sync.models.torch_model import TorchModel
from viseme.sync.models.two_stream import TwoStream

SECONDS, VOICED_S = 6.4, 4.4
NUM = round(SECONDS * 25)
LATER_S = 3
"""When the second talker's clip begins: a face is known by its time, audio by its level."""
HEADER = "file,use,source,speaker"


@pytest.fixture
def bundle() -> SyncWeights:
    torch.manual_seed(0)
    return SyncWeights((TorchModel(TwoStream(TwoStream.Config.tiny())),), Calibration(), "landmarks", "tiny", {})


def landmarks(seed: int, num: int = NUM) -> np.ndarray:
    rng = np.random.default_rng(seed)
    points = np.repeat(rng.normal(0, 20, (1, 478, 3)), num, axis=0)
    points[:, ALIGNMENT] = ALIGNMENT_SHAPE * [60, -60, -60]
    return (points + rng.normal(0, 0.5, points.shape) + 200).astype(np.float32)


def talkers(*sources: str, level: float = 0.1) -> list[mismatched.Talker]:
    """The first is loud, the others are not; all are silent at the end."""
    made = []
    for number, source in enumerate(sources):
        samples = np.random.default_rng(number).normal(0, level / (10 if number else 1), round(SECONDS * 16000))
        samples[round(VOICED_S * 16000) :] = 0
        start = LATER_S * min(number, 1)
        times = np.asarray(start + np.arange(NUM) * 0.04, np.float64)
        piece = AudioPiece(Fraction(start), samples.astype(np.float32))
        name = f"{source}-{number}"
        made.append(mismatched.Talker(name=name, source=source, times=times, landmarks=landmarks(number), audio=piece))
    return made


class Knowing(CosineScorer):
    """Scores 1 where the loud audio meets the early face or the quiet one the late face, else -1."""

    name = "knowing"
    threshold = 0.0

    def voice(self, bands: np.ndarray) -> np.ndarray:
        return np.where(bands.mean(1) > -80, 3.0, -3.0).astype(np.float32)

    def score(self, faces: Sequence[FaceSteps], heard: AudioSteps) -> list[Scored]:
        loud = bool(heard.bands.max(1)[10:100].mean() > self.between)
        sign = [1.0 if loud == (f.first * 0.04 < LATER_S / 2) else -1.0 for f in faces]
        return [Scored(speaking=np.full(f.num, s, np.float32)) for f, s in zip(faces, sign)]

    between = 0.0


@pytest.fixture
def knowing(bundle: SyncWeights) -> Knowing:
    scorer = Knowing()
    levels = []
    for talker in talkers("one", "two"):
        _, heard, _ = features_of(bundle, [(0, 0, talker.times, talker.landmarks)], talker.audio)
        levels.append(float(heard.bands.max(1)[10:100].mean()))
        assert (scorer.voice(heard.bands)[:100] > 0).all()
        assert (scorer.voice(heard.bands)[120:] < 0).all()
    assert levels[0] > levels[1] + 10
    scorer.between = float(np.mean(levels))
    return scorer


def test_a_scorer_that_knows_is_told_to_be_right(bundle: SyncWeights, knowing: Knowing) -> None:
    first, second = mismatched.mismatched_lines(bundle, [knowing, CosineScorer()], talkers("one", "two"))
    # of the windows at 0, 1, 2, 3 and 4 s, the last has a voice for .4 s: four windows, two faces, two audio
    assert "16 instants of 2 videos, 50.0% positive" in first
    assert "AUROC 1.000" in first
    assert "above its threshold 100.0% of own, 0.0% of mismatched audio" in first
    assert "knowing" in first
    assert "cosine" in second


def test_syllables_with_pauses_are_left_out_of_the_second_line(bundle: SyncWeights, knowing: Knowing) -> None:
    both, running = mismatched.mismatched_lines(bundle, [knowing], talkers("one", "two", mismatched.ISOLATED[0]))
    assert "of 3 videos" in both
    assert running.startswith("    running speech alone")
    assert "of 2 videos" in running


def test_clips_of_one_source_are_no_mismatched_audio(bundle: SyncWeights, knowing: Knowing) -> None:
    with pytest.raises(DataError, match="2 clips"):
        list(mismatched.mismatched_lines(bundle, [knowing], talkers("one", "one")))


def test_clips_without_a_voice_are_told(bundle: SyncWeights, knowing: Knowing) -> None:
    with pytest.raises(DataError, match="knowing"):
        list(mismatched.mismatched_lines(bundle, [knowing], talkers("one", "two", level=0.0)))


def test_no_conversation_at_all_is_told(bundle: SyncWeights, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(conversations, "prepare_conversations", lambda *a, **k: [])
    with pytest.raises(DataError, match="espeak-ng"):
        list(conversations.conversation_lines(bundle, [CosineScorer()], tmp_path, 3, 1))


def test_speed_counts_seconds_of_faces_whatever_their_rate(bundle: SyncWeights, knowing: Knowing, monkeypatch) -> None:
    (talker,) = talkers("one")
    tracks = [
        SimpleNamespace(id=i, shot=0, times=talker.times[::thin], landmarks=talker.landmarks[::thin])
        for i, thin in enumerate((1, 2))
    ]
    made = SimpleNamespace(tracks=tracks, audio=talker.audio.samples, audio_start=0.0)
    monkeypatch.setattr(speed, "conversation_tracks", lambda *a, **k: made)
    (line,) = speed.speed_lines(bundle, knowing, None)
    assert line.startswith("after tracking: ")
    assert "with 2 tracks, 13 s of faces" in line


def test_clips_with_one_face_seen_for_long_enough_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def clip(name: str, num: int) -> MeasuredClip:
        faces = landmarks(0, num)
        chunk = FaceTrackChunk(
            track_id=0,
            shot=0,
            times=np.arange(num) * 0.04,
            landmarks=faces.astype(np.float32),
            boxes=np.zeros((num, 4), np.float32),
            observed=np.ones(num, bool),
            confidence=np.ones(num, np.float32),
            last=True,
        )
        return MeasuredClip(
            name=name,
            source="one",
            speaker=name,
            audio_delay=0.0,
            chunks=(chunk,),
            samples=np.zeros(16000, np.float32),
            audio_start=0.5,
        )

    monkeypatch.setattr(mismatched, "read_held_out", lambda folder: [])
    monkeypatch.setattr(mismatched, "one_face_clips", lambda rows, work, on_left_out: [clip("a", NUM), clip("d", 20)])
    (found,) = mismatched.talkers_of(tmp_path, tmp_path)
    assert (found.name, found.source, found.audio.start) == ("a", "one", Fraction(1, 2))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--scorers", "foo"], "there is no speaker_scorer 'foo'"),
        (["--scorers", "light-asd"], "without weights"),
        (["--scorers", "head", "--head", "nowhere.safetensors"], "nowhere.safetensors"),
    ],
)
def test_wrong_options_end_in_one_line(options: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main([*options, "--conversations", "0", "--no-speed", "--data", "nowhere"]) == 1
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


def test_a_scorer_of_frames_is_refused(capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    scorer = Knowing()
    scorer.wants_crops = True
    monkeypatch.setattr(bench, "load_scorer", lambda *_: scorer)
    assert bench.main(["--conversations", "0", "--no-speed", "--data", "nowhere"]) == 1
    assert "knowing wants frames" in capsys.readouterr().err


def test_without_clips_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--scorers", "cosine", "--conversations", "0", "--no-speed", "--data", str(tmp_path)]
    assert bench.main(options) == 0
    assert "no real clip was measured" in capsys.readouterr().out
