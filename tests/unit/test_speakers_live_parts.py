"""The parts of a live answer: audio that is embedded once, the delay so far, how far each part looks ahead."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from viseme.audio.band_levels import BandLevels
from viseme.audio.clock import RATE
from viseme.audio.mel_frames import MelFrames
from viseme.core.errors import ConfigError
from viseme.media import AudioBlock
from viseme.speakers.audio_embeddings import RENEW_S, VOICE_S, AudioEmbeddings
from viseme.speakers.interface import STEP_S
from viseme.speakers.latency import PACKET_S, SEARCH_S, Latency, audio_reach, video_reach
from viseme.speakers.latency import VOICE_S as VOICE_REACH_S
from viseme.speakers.running_delay import RunningDelay
from viseme.speakers.scorers import CosineScorer, EvidenceScorer
from viseme.speakers.stream import LiveWork
from viseme.speakers.timeline import TimelineConfig
from viseme.sync.checkpoint import Calibration, SyncWeights
from viseme.sync.comparer import ScoredSteps
from viseme.sync.embeddings import CONTEXT, embed_audio, normalise_mels
from viseme.sync.evidence import EvidenceBlock, FaceEvidence
from viseme.sync.inputs.filmed import Raw
from viseme.sync.inputs.points import Landmarks
from viseme.sync.models.pixel_stream import PixelStream
from viseme.sync.models.torch_model import TorchModel
from viseme.sync.models.two_stream import TwoStream


@pytest.fixture
def bundle() -> SyncWeights:
    torch.manual_seed(0)
    model = TorchModel(TwoStream(TwoStream.Config.tiny()))
    return SyncWeights((model,), Calibration(), "landmarks", "tiny", {})


def blocks(seconds: float, size: int = 700, start: Fraction = Fraction(0)) -> list[AudioBlock]:
    """Noise that grows louder and softer, in packets."""
    num = round(seconds * RATE)
    level = 0.1 + 0.05 * np.sin(np.arange(num) / RATE)
    samples = (np.random.default_rng(0).standard_normal(num) * level).astype(np.float32)
    return [
        AudioBlock(start=start + Fraction(at, RATE), samples=samples[at : at + size], rate=RATE)
        for at in range(0, num, size)
    ]


# the audio


def test_audio_embedded_piece_by_piece_is_audio_embedded_at_once(bundle: SyncWeights) -> None:
    """With the loudness that was measured last; but for the last frames, beside padding of another phase."""
    live, mel_frames = AudioEmbeddings(bundle.models, 6.0), MelFrames(None)
    for number, block in enumerate(blocks(9.3)):
        live.take(block)
        mel_frames.take(block)
        if number % 5:
            continue
        first, (kept,) = live.embedded().first, live.embedded().values
        begin, power = mel_frames.window(first * 0.01, mel_frames.position + 1)
        assert begin == first
        assert live._like is not None
        (whole,) = embed_audio(bundle.models, normalise_mels(power, live._like))
        assert kept.shape == whole.shape
        inner = slice(round(CONTEXT * 100) if first else 0, -20)
        torch.testing.assert_close(kept[inner], whole[inner], atol=1e-4, rtol=1e-3)


@pytest.mark.slow
def test_loudness_is_measured_anew(bundle: SyncWeights) -> None:
    live = AudioEmbeddings(bundle.models, 6.0)
    measured: list[np.ndarray] = []
    for block in blocks(12):
        live.take(block)
        live.embedded()
        assert live._like is not None
        if live.end > 2 * RENEW_S and not any(live._like is m for m in measured):
            measured.append(live._like)
    assert 4 <= len(measured) <= 6


@pytest.mark.slow
def test_audio_is_forgotten(bundle: SyncWeights) -> None:
    live = AudioEmbeddings(bundle.models, 4.0)
    sizes = []
    for block in blocks(150, size=RATE):
        live.take(block)
        (kept,) = live.embedded().values
        mel_frames = live._audio
        sizes.append(len(kept) + sum(len(m) for m in mel_frames._kept) + len(mel_frames.levels))
    assert max(sizes[100:]) == max(sizes[50:100]), "what is kept grows"
    assert live.voiced_fraction == 1


def test_levels_are_those_of_the_whole_audio(bundle: SyncWeights) -> None:
    start = Fraction(-7, 100)
    reader = BandLevels(MelFrames(blocks(3, start=start)))
    reader.read_to(np.inf)
    live = AudioEmbeddings(bundle.models, 6.0)
    for block in blocks(3, start=start):
        live.take(block)
    live.take(None)
    first, expected = reader.steps()
    begin, bands = live.levels(-VOICE_S)
    assert begin == first
    assert len(bands) == len(expected)
    assert bands.astype(float) == pytest.approx(expected.astype(float), abs=0.02)
    begin, part = live.levels(1.0)
    assert begin == 25
    assert part.astype(float) == pytest.approx(expected[25 - first :].astype(float), abs=0.02)


def test_no_audio_has_no_embeddings(bundle: SyncWeights) -> None:
    live = AudioEmbeddings(bundle.models, 4.0)
    assert len(live.embedded()) == 0
    assert live.levels(0.0)[1].shape == (0, 40)
    live.take(blocks(1)[0])
    assert len(live.embedded()) == 3


# how far ahead


@pytest.mark.parametrize("dilations", [(1,), (1, 1, 2, 2), (3, 2)])
def test_the_reach_of_a_network_is_found_by_asking_it(dilations: tuple[int, ...]) -> None:
    torch.manual_seed(1)
    config = TwoStream.Config(width=16, embedding=8, video_dilations=dilations, audio_dilations=dilations)
    model = TwoStream(config).eval()
    assert video_reach([TorchModel(model)], Landmarks()) == sum(dilations)
    # blocks of 40 ms steps; half a kernel of eight frames; 5 and 3 frames before it; half of 25 ms
    assert audio_reach([TorchModel(model)], 40) == pytest.approx(sum(dilations) * 0.04 + 0.035 + 0.03 + 0.0125)


def test_the_reach_of_a_network_that_sees_images_is_found_too() -> None:
    torch.manual_seed(1)
    model = PixelStream(PixelStream.Config(stream=TwoStream.Config(num_points=4, width=16, embedding=8)))
    assert video_reach([TorchModel(model)], Raw()) == 6


def latency(bundle: SyncWeights, delay: float) -> Latency:
    return Latency.of(
        bundle.models, EvidenceScorer(), TimelineConfig(), visual=Landmarks(), num_mels=40, tracking=0.3, delay=delay
    )


@pytest.mark.parametrize("delay", [-0.2, 0.0, 0.1, 0.45])
def test_the_latency_is_the_sum_of_its_parts(bundle: SyncWeights, delay: float) -> None:
    found = latency(bundle, delay)
    assert sum(found.parts().values()) == pytest.approx(found.seconds, abs=1e-3)
    assert found.mean == pytest.approx(7 * STEP_S)
    assert found.states == pytest.approx(0.64)
    assert found.video_s == pytest.approx(0.3 + 0.24 + 2 * STEP_S + 0.28 + 0.64)
    search = SEARCH_S + found.audio_context
    assert found.audio_s == pytest.approx(max(delay, 0) + max(search, VOICE_REACH_S) + 0.28 + 0.64)
    assert found.seconds == pytest.approx(max(found.video_s, found.audio_s + PACKET_S))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"every": 0.01}, "every"),
        ({"every": float("nan")}, "every"),
        ({"delays": (0.2, 0.1)}, "delay"),
        ({"delays": (11.0, 11.0)}, "delay"),
        ({"latency": 0.1}, "face tracker alone needs"),
    ],
)
def test_values_out_of_range_are_refused(bundle: SyncWeights, values: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        LiveWork(bundle, CosineScorer(), **values)


def test_scorers_that_want_pixels_are_refused(bundle: SyncWeights) -> None:
    class Pixels(CosineScorer):
        wants_crops = True

    with pytest.raises(ConfigError, match="choose evidence, cosine or head"):
        LiveWork(bundle, Pixels())


# the delay so far


def told(num: int, *, lag: int, seed: int = 0) -> np.ndarray:
    """(num, 91) ratios that speak for one delay."""
    band = np.random.default_rng(seed).normal(-1, 0.5, (num, 91))
    band[:, 45 + lag] += 4
    return band


def scored(steps: np.ndarray, ratios: np.ndarray) -> ScoredSteps:
    """Steps that all met audio."""
    return ScoredSteps(steps=steps, ratios=ratios, cosines=ratios * 0, present=np.ones(ratios.shape, bool))


def test_the_delay_is_that_of_all_stretches_together(bundle: SyncWeights) -> None:
    lags = np.arange(-45, 46)
    running = RunningDelay(bundle, lags)
    evidence = FaceEvidence(0)
    bands = {0: told(170, lag=12), 1: told(60, lag=12, seed=1)}
    for begin in range(0, 170, 5):  # windows that overlap, as they come
        for track_id, band in bands.items():
            window = np.arange(max(0, begin - 40), min(begin + 10, len(band)))
            if len(window):
                running.take(track_id, scored(window, band[window]), 0.05, begin + 5)
    running.forget(set())
    for band in bands.values():
        for at in range(0, len(band), 50):
            rows = band[at : at + 50]
            counts = np.full(91, len(rows), np.int16)
            evidence.blocks.append(EvidenceBlock(0, 1, rows.sum(0).astype(np.float32), counts, len(rows)))
    curve = evidence.curve(lags)
    assert running._total.scores == pytest.approx(curve.scores)
    assert running._total.counts.tolist() == curve.counts.tolist()
    assert running._total.best == pytest.approx(curve.best)
    assert running._num_steps == 230
    assert running.decide(0.5).audio_delay == pytest.approx(0.12, abs=0.01)
    assert running.seconds == pytest.approx(0.12, abs=0.01)


def test_a_delay_that_cannot_be_told_is_none(bundle: SyncWeights) -> None:
    running = RunningDelay(bundle, np.arange(-45, 46))
    assert running.decide(0.5).audio_delay is None
    running.take(0, scored(np.arange(60), np.random.default_rng(0).normal(-1, 0.5, (60, 91))), 0.05, 60)
    running.decide(0.5)
    assert running.seconds is None
    assert not running.settled
    running.take(0, scored(np.arange(60, 260), np.random.default_rng(1).normal(-1, 0.5, (200, 91))), 0.05, 260)
    assert running.settled, "after ten seconds the delay is no excuse any more"


def test_hours_of_a_face_leave_one_curve(bundle: SyncWeights) -> None:
    running = RunningDelay(bundle, np.arange(-45, 46))
    for begin in range(0, 5000, 100):
        running.take(0, scored(np.arange(begin, begin + 100), told(100, lag=3)), 0.05, begin + 100)
        assert len(running._faces[0].rows) < 50
    assert int(running._total.counts[0]) == 5000


def test_one_delay_that_is_given_needs_no_estimate(bundle: SyncWeights) -> None:
    work = LiveWork(bundle, CosineScorer(), delays=(0.12, 0.12))
    assert work.delay == 0.12
    assert work.latency.delay == 0.12
    assert work.settled
    early = LiveWork(bundle, CosineScorer(), delays=(-0.3, -0.3))
    assert early.latency.delay == 0
