"""AVS in the seam of metrics: frames at any rate, audio on the clip's clock, what is left out where something lacks."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from talking import talking_landmarks
from viseme.audio.features import speech_features
from viseme.audio.mel_frames import AudioPiece
from viseme.core.scores import Need
from viseme.faces.crop_recorder import ImagesInMemory
from viseme.faces.crops import crop_squares
from viseme.faces.mouth_roi import mouth_input, mouth_rois
from viseme.metrics import speech_similarity_metric
from viseme.metrics.face_streams import MouthStream, NearestSteps, PointStream
from viseme.metrics.speech_similarity import similarity
from viseme.metrics.speech_similarity_metric import SpeechSimilarityMetric

TIMES = np.arange(30) / 25
LANDMARKS = talking_landmarks(1, TIMES)


class View:
    """A face with noise for skin."""

    def __init__(self, number: int, seed: int = 0) -> None:
        self.time, self.landmarks = float(TIMES[number]), LANDMARKS[number]
        self.box = np.zeros(4)
        self.square = crop_squares(self.landmarks[None])[0]
        self._image = np.random.default_rng([number, seed]).integers(0, 255, (224, 224, 3), dtype=np.uint8)

    def crop(self, name: str) -> np.ndarray:
        assert name in ("patch224", "frame224")
        return self._image


class Audio:
    """Noise that begins before the first frame."""

    def __init__(self, samples: np.ndarray) -> None:
        self.samples = samples

    def blocks(self):
        yield AudioPiece(Fraction(-1, 25), self.samples[:5000])
        yield AudioPiece(Fraction(-1, 25) + Fraction(5000, 16_000), self.samples[5000:])


class Expert:
    """Keeps what it was given; lips and audio are embedded by their first values."""

    id, input, width = "stub@0", "pixel", 8

    def __init__(self) -> None:
        self.given: list[tuple] = []

    def encode(self, audio=None, video=None, layer=None) -> np.ndarray:
        self.given.append((audio, video))
        parts = [x.reshape(len(x), -1)[:, :8] for x in (audio, video) if x is not None]
        return np.sum(parts, axis=0).astype(np.float32)


SAMPLES = (np.random.default_rng(5).standard_normal(round(16_000 * 1.24)) * 0.1).astype(np.float32)


def test_mouths_of_a_stream_are_those_of_the_whole() -> None:
    stream, views = MouthStream(), [View(n) for n in range(30)]
    for view in views:
        stream.add(view.time + 0.4, view)
    start, found = stream.finish()
    images = ImagesInMemory(np.stack([v.crop("patch224") for v in views]), np.stack([v.square for v in views]))
    assert start == pytest.approx(0.4)
    np.testing.assert_array_equal(found, mouth_input(mouth_rois(images, LANDMARKS)))
    short = MouthStream()
    for view in views[:5]:
        short.add(view.time, view)
    np.testing.assert_array_equal(short.finish()[1], mouth_input(mouth_rois(images.rows(slice(5)), LANDMARKS[:5])))
    assert MouthStream().finish()[1].shape == (0, 88, 88)


def test_any_frame_rate_comes_to_25_a_second() -> None:
    for rate in (24, 30, 50, 60):
        steps: NearestSteps[int] = NearestSteps()
        found = [i for n in range(rate * 2) for i in steps.add(n / rate, n)] + list(steps.finish())
        assert len(found) == 2 * 25 - (rate < 25)
        assert np.abs(np.array(found) / rate - np.arange(len(found)) / 25).max() <= 0.5 / rate + 1e-9


def _all_fed(metric: SpeechSimilarityMetric, audio: Audio | None, *, other: int | None) -> dict[str, dict[str, float]]:
    """The generated video and every anchor."""
    clip = metric.start({} if audio is None else dict.fromkeys(("generated", "reference", "mismatched_audio"), audio))
    for n in range(30):
        clip.add(View(n), None if other is None else View(n, other))
    found = clip.compute()
    assert set(found["generated"]) == {p.name for p in metric.protocols}
    return {
        video: {name.replace("[stub@0]", ""): one.value for name, one in values.items()}
        for video, values in found.items()
    }


def _fed(metric: SpeechSimilarityMetric, audio: Audio | None, *, other: int | None) -> dict[str, float]:
    return _all_fed(metric, audio, other=other)["generated"]


def test_a_clip_against_itself_and_against_another() -> None:
    expert = Expert()
    same = _fed(SpeechSimilarityMetric(expert), Audio(SAMPLES), other=0)
    assert [same[name] for name in ("avs_m", "avs_v", "avs_v_of_means")] == pytest.approx([1, 1, 1])
    heard = next(audio for audio, video in expert.given if video is None)
    np.testing.assert_array_equal(heard, speech_features(SAMPLES[640:], 30), "the first row is that of the first frame")
    wrong = _fed(SpeechSimilarityMetric(expert), Audio(SAMPLES), other=1)
    assert wrong["avs_u"] == pytest.approx(same["avs_u"]), "needs no reference"
    assert max(wrong["avs_m"], wrong["avs_v"]) < 0.95


def test_anchors_are_made_of_what_the_reference_shows_and_nothing_is_embedded_twice() -> None:
    expert = Expert()
    found = _all_fed(SpeechSimilarityMetric(expert), Audio(SAMPLES), other=1)
    given = [tuple(None if x is None else x.tobytes() for x in pair) for pair in expert.given]
    assert len(given) == len(set(given))
    assert found["reference"]["avs_u"] == pytest.approx(found["audio_only"]["avs_v"]), "audio alone, real lips alone"
    video, audio = expert.encode(video=_mouths(1)), expert.encode(audio=speech_features(SAMPLES[640:], 30))
    assert found["audio_only"]["avs_m"] == pytest.approx(similarity(audio, audio + video).value)
    assert max(found["still_face"]["avs_v"], found["shifted"]["avs_v"]) < 0.95
    assert set(found["reference"]) == {"avs_u", "avs_u_of_means"}, "1 by definition is not computed"


def test_a_long_clip_is_embedded_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech_similarity_metric, "PIECE_S", 0.48)
    expert = Expert()
    found = _all_fed(SpeechSimilarityMetric(expert), Audio(SAMPLES), other=0)
    assert {len(video if audio is None else audio) for audio, video in expert.given} == {12, 6, 12 - 5, 6 - 5}
    assert found["generated"]["avs_v"] == pytest.approx(1)
    heard = np.concatenate([audio for audio, video in expert.given if video is None])
    within = np.arange(30) % 12 > 0  # the first sample of a piece has none before it to be taken off
    np.testing.assert_array_equal(heard[within], speech_features(SAMPLES[640:], 30)[within], "as if it were one")


def _mouths(seed: int) -> np.ndarray:
    views = [View(n, seed) for n in range(30)]
    images = ImagesInMemory(np.stack([v.crop("patch224") for v in views]), np.stack([v.square for v in views]))
    return mouth_input(mouth_rois(images, LANDMARKS))


def test_what_lacks_is_left_out() -> None:
    alone = _fed(SpeechSimilarityMetric(Expert()), Audio(SAMPLES), other=None)
    assert np.isfinite([alone["avs_u"], alone["avs_u_of_means"]]).all()
    assert np.isnan([alone["avs_m"], alone["avs_v"]]).all()
    deaf = _fed(SpeechSimilarityMetric(Expert()), None, other=0)
    assert np.isnan(deaf["avs_u"])
    assert deaf["avs_v"] == pytest.approx(1)
    nothing = SpeechSimilarityMetric(Expert()).start({"generated": Audio(SAMPLES)}).compute()
    assert all(np.isnan(one.value) for one in nothing["generated"].values())


def test_an_expert_that_sees_points() -> None:
    expert = Expert()
    expert.input = "landmarks"
    metric = SpeechSimilarityMetric(expert)
    assert all(Need.PIXELS not in p.needs for p in metric.protocols)
    assert _fed(metric, Audio(SAMPLES), other=0)["avs_v"] == pytest.approx(1)
    assert expert.given[0][1].shape == (30, 67, 3)
    assert PointStream("landmarks").finish()[1].shape == (0, 67, 3)


def test_protocols_name_the_expert_and_what_is_needed() -> None:
    needs = {p.name: p.needs for p in SpeechSimilarityMetric(Expert()).protocols}
    assert needs["avs_u[stub@0]"] == {Need.EXPERT, Need.LANDMARKS, Need.PIXELS, Need.AUDIO}
    assert Need.AUDIO not in needs["avs_v[stub@0]"]
    assert Need.REFERENCE in needs["avs_m_of_means[stub@0]"]
