"""The voice network: what it hears, when it answers, what is made of it, and that a stream says what a file says."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from viseme.audio.mel_frames import MelFrames
from viseme.avatar.live import AnimateStream
from viseme.avatar.mouth import Curves, arkit_weights, curves_of_phonemes, idle_units, mouth_at
from viseme.avatar.voice.batches import VoiceDraw, VoiceLoss
from viseme.avatar.voice.corpus import VoiceClip, voice_clip
from viseme.avatar.voice.features import CURVES, GAP, JAW, PRESS, SCALE, SPEAKING, voice_features
from viseme.avatar.voice.measurement import measure, tune
from viseme.avatar.voice.network import VoiceToFace
from viseme.avatar.voice.recipes import RECIPES
from viseme.avatar.voice.runner import VoiceCurves, VoiceTuning, load_voice_curves
from viseme.core.errors import ConfigError
from viseme.sync.augment.config import AugmentConfig
from viseme.synthetic.articulation import lip_gap_mm
from viseme.synthetic.phonemes import SAMPLE_RATE, Phoneme, Speech
from viseme.weights.export import save_networks


class Louder:
    """In place of the network: the mouth opens with the loudness of a step's own two frames."""

    def run(self, mels: np.ndarray) -> dict[str, np.ndarray]:
        loud = mels[0].mean(1).reshape(-1, 2).mean(1) + 1
        out = np.zeros((len(loud), len(CURVES)), np.float32)
        out[:, JAW], out[:, GAP] = 1 / SCALE[JAW] + 2 * loud, loud
        out[:, SPEAKING] = (loud > 0.05).astype(np.float32)
        return {"curves": out[None]}


def louder(ahead: int = 10, behind: int = 58) -> VoiceCurves:
    session: Any = Louder()
    return VoiceCurves(session, ahead_frames=ahead, behind_frames=behind, tuning=VoiceTuning(), name="louder")


def beeps(seconds: float, *at: float) -> np.ndarray:
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    on = np.any([(t >= a) & (t < a + 0.2) for a in at], axis=0)
    return (0.2 * on * np.sin(2 * np.pi * 500 * t)).astype(np.float32)


def papa() -> Speech:
    phonemes = (Phoneme("p", 0.1, 0.18, (0.1, 0.17)), Phoneme("a", 0.18, 0.35), Phoneme("p", 0.35, 0.43, (0.35, 0.42)),
                Phoneme("a", 0.43, 0.6))  # fmt: skip
    return Speech(beeps(0.7, 0.17, 0.42), phonemes, voice="test")


def test_silence_is_heard_as_silence_and_loudness_does_not_matter() -> None:
    power = np.abs(np.random.default_rng(0).normal(5, 1, (50, 40)))
    assert (voice_features(np.zeros((4, 40)), 0.0) == -1).all()
    assert np.allclose(voice_features(power, 200.0), voice_features(1e-2 * power, 2.0), atol=1e-5)


def test_a_step_answers_at_its_own_time() -> None:
    samples = beeps(2.0, 1.0)
    mels = MelFrames.of_samples(samples)
    ((times, curves),) = louder().of_frames(mels, 2.0)
    open_at = times[curves[:, GAP] > 0.5 * curves[:, GAP].max()]
    assert abs(open_at[0] - 1.0) <= 0.02
    assert abs(open_at[-1] - 1.2) <= 0.02


def test_a_long_file_is_heard_in_pieces_without_a_seam() -> None:
    seconds = 31.0
    found = list(louder().of_frames(MelFrames.of_samples(beeps(seconds, *np.arange(0.5, 30, 5.0))), seconds))
    times = np.concatenate([t for t, _ in found])
    assert len(found) == 2
    assert np.allclose(np.diff(times), 0.02)


def test_a_stream_says_what_a_file_says() -> None:
    samples = beeps(3.0, 0.5, 1.2, 2.2)
    pcm = io.BytesIO((samples * 32767).astype("<i2").tobytes())
    stream = AnimateStream(louder(), pcm, rate=SAMPLE_RATE, fps=50, strength=1.0)
    frames = list(stream)
    assert [f.time for f in frames] == pytest.approx(np.arange(len(frames)) / 50)
    assert len(frames) == pytest.approx(150, abs=1)
    jaw = np.array([f.weights[stream.names.index("jawOpen")] for f in frames])
    opens = np.flatnonzero(np.diff((jaw > 0.5 * jaw.max()).astype(int)) == 1) / 50
    assert opens == pytest.approx([0.5, 1.2, 2.2], abs=0.04)


def test_a_frame_is_told_as_late_as_the_header_says() -> None:
    class Told(io.BytesIO):
        """Counts what was read."""

        taken = 0

        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            self.taken += len(data)
            return data

    pcm = Told((beeps(2.0, 0.5) * 32767).astype("<i2").tobytes())
    stream = AnimateStream(louder(), pcm, rate=SAMPLE_RATE, fps=50, strength=1.0)
    behind = []
    for frame in stream:
        heard = pcm.taken / 2 / SAMPLE_RATE
        if heard < 1.95:
            behind.append(heard - frame.time)
    assert max(behind) <= stream.latency_s + 1e-6
    assert stream.latency_s < 0.2


def test_lips_close_on_p_at_any_frame_rate_and_open_on_a() -> None:
    curves = curves_of_phonemes(papa().phonemes, 0.7)
    for fps in (15, 25, 30, 60):
        times = np.arange(int(0.7 * fps)) / fps
        gap = lip_gap_mm(mouth_at(curves, times).units)
        for contact, release in ((0.1, 0.17), (0.35, 0.42)):
            near = (times > contact - 0.5 / fps - 0.01) & (times < release + 0.5 / fps)
            assert gap[near].min() < 0.5, fps
        assert gap[(times > 0.22) & (times < 0.3)].max() > 4
        assert gap[times > 0.68].max(initial=0.0) < 2


def test_nothing_but_the_mouth_moves_in_speech_and_blinks_come_on_top() -> None:
    times = np.arange(150) / 30
    mouth = mouth_at(Curves(times=times, values=np.zeros((150, len(CURVES)))), times)
    units, pose = idle_units(mouth, times, seed=1)
    assert not set(units) & set(mouth.units)
    assert units["eyeBlinkLeft"].max() > 0.5
    assert np.abs(pose).max() < 0.3
    weights = arkit_weights({"jawOpen": np.array([-1.0, 2.0])}, ("jawOpen", "other"), 2)
    assert weights.tolist() == [[0, 0], [1, 0]]


def test_a_voice_is_prepared_with_its_closures() -> None:
    clip = voice_clip(papa(), "test")
    assert clip.audio.shape[1] == 105
    assert clip.curves.shape == (len(clip.audio), len(CURVES))
    shut = np.flatnonzero(clip.curves[:, PRESS] > 0.9) / 100
    for contact, release in clip.closures:
        assert ((shut > contact - 0.03) & (shut < release + 0.03)).any()
    assert clip.curves[0, GAP] == pytest.approx(0.0, abs=0.2)


@pytest.fixture(scope="module")
def clips() -> list[VoiceClip]:
    return [voice_clip(papa(), f"speaker {i}") for i in range(3)]


@pytest.mark.slow
def test_training_lowers_the_loss_and_what_ships_says_the_same(clips: list[VoiceClip], tmp_path: Path) -> None:
    import torch

    torch.manual_seed(0)
    network = VoiceToFace(VoiceToFace.Config.tiny())
    draw = VoiceDraw(clips=clips, config=AugmentConfig(), size=2, num_steps=20)
    batch, loss = draw(np.random.default_rng(0)), VoiceLoss()
    assert batch.mels.shape == (2, 40, 40)
    assert batch.curves.shape == (2, 20, 11)
    optimiser = torch.optim.Adam(network.parameters(), 0.01)
    losses = []
    for _ in range(4):
        value, _ = loss(network, batch)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        losses.append(float(value.detach()))
    assert losses[-1] < losses[0]
    out = tmp_path / "voice.safetensors"
    config = network.config
    header = {"ahead_frames": config.ahead_frames, "behind_frames": config.behind_frames,
              "tuning": {"gain": (1.0,) * 9, "shut": (0.0, 1.0)}}  # fmt: skip
    save_networks(out, {"": network}, component="voice", header=header, storage="float32")
    voice = load_voice_curves(out, device="cpu")
    assert voice.of_power(np.ones((21, 40), np.float32), 100.0).shape == (11, 11)
    assert measure(voice, clips).closures == 6
    assert tune(voice, clips).shut[0] < tune(voice, clips).shut[1]


def test_a_step_depends_on_no_more_than_it_says() -> None:
    import torch

    network = VoiceToFace(VoiceToFace.Config(width=8, dilations=(1, 2), causal_dilations=(2,))).eval()
    mels = torch.randn(1, 80, 40, requires_grad=True)
    network(mels)[0, 20].sum().backward()
    assert mels.grad is not None
    used = np.flatnonzero(mels.grad[0].abs().sum(1).numpy())
    assert used[-1] == 41 + network.config.ahead_frames
    assert used[0] >= 40 - network.config.behind_frames


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(ConfigError):
        VoiceToFace.Config(width=0)
    assert set(RECIPES) == {"open", "quick"}
