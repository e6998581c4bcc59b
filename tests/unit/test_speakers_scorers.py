"""Features, scorers, the head and the published networks on small arrays; no media, no shipped weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from viseme.audio.features import mfcc
from viseme.core.errors import ConfigError, MissingWeights, WeightsError
from viseme.faces.crop_recorder import CropRecorder
from viseme.speakers.export import convert_weights, save_head
from viseme.speakers.features import lagged_features, smooth_steps
from viseme.speakers.head import INPUTS, HeadScorer, face_inputs, voice_inputs
from viseme.speakers.interface import FEATURES, AudioSteps, FaceSteps, load_scorer, speaker_scorers
from viseme.speakers.models.light_asd import LightASD
from viseme.speakers.models.lr_asd import LRASD
from viseme.speakers.models.speaker_head import SpeakerHead, TorchHead
from viseme.speakers.mouth_crops import CROP_PX, GreyMouth, mouth_square
from viseme.speakers.pixel_scorers import LightASDScorer, LRASDScorer, PixelScorer
from viseme.speakers.scorers import CosineScorer, EvidenceScorer
from viseme.speakers.timeline import SPEAKING, TimelineConfig, read_states


def face(ratio: float, *, first: int = 0, num: int = 60, motion: float = 0.05, track_id: int = 0) -> FaceSteps:
    features = np.zeros((num, len(FEATURES)), np.float32)
    for name, value in {
        "ratio": ratio,
        "cosine": ratio / 5,
        "best": ratio,
        "motion": motion,
        "seen": 1,
        "audio": 1,
    }.items():
        features[:, FEATURES.index(name)] = value
    return FaceSteps(track_id=track_id, shot=0, first=first, features=features, boxes=np.zeros((num, 4), np.float32))


def audio(num: int = 60, voice: float = 3.0) -> AudioSteps:
    bands = np.random.default_rng(0).normal(-20, 6, (num, 40)).astype(np.float16)
    return AudioSteps(first=0, voice=np.full(num, voice, np.float32), bands=bands)


def test_smoothing_leaves_out_what_is_missing() -> None:
    values = np.array([1.0, np.nan, 4.0, 4.0, 4.0])
    assert smooth_steps(values, 3).tolist() == pytest.approx([1.0, 2.5, 4.0, 4.0, 4.0])
    assert np.isnan(smooth_steps(np.full(4, np.nan), 3)).all()


def test_features_are_read_at_the_delay_that_is_taken_out() -> None:
    num, lag = 40, 150
    ratios = np.full((num, 281), -1.0, np.float32)
    ratios[:, lag] = 3.0
    ratios[:, lag - 4] = 2.0
    local = np.zeros((num, 5), np.float32)
    there = lagged_features(ratios, ratios / 5, local, lag)
    assert set(there[:, FEATURES.index("ratio")]) == {3.0}
    assert set(there[:, FEATURES.index("away")]) == {0.0}
    elsewhere = lagged_features(ratios, ratios / 5, local, lag + 20)
    assert set(elsewhere[:, FEATURES.index("ratio")]) == {-1.0}
    assert elsewhere[:, FEATURES.index("best")] == pytest.approx(3.0)
    assert elsewhere[:, FEATURES.index("away")] == pytest.approx(0.2)
    ratios[:10] = np.nan
    assert there[:, FEATURES.index("audio")].all()
    assert lagged_features(ratios, ratios, local, lag)[:10, FEATURES.index("audio")].sum() == 0


@pytest.mark.parametrize("scorer", [EvidenceScorer(), CosineScorer()])
def test_evidence_raises_the_score(scorer) -> None:
    good, bad = scorer.score([face(3.0), face(-1.0, track_id=1)], audio())
    assert (good.speaking > scorer.threshold).all()
    assert (bad.speaking < scorer.threshold).all()


@pytest.mark.parametrize("scorer", [EvidenceScorer(), CosineScorer()])
def test_a_face_that_fits_the_audio_is_called_speaking(scorer) -> None:
    """A band made for log-odds would swallow every cosine."""
    faces = [face(3.0), face(-1.0, track_id=1)]
    config = TimelineConfig(band=scorer.band)
    (good, bad), _ = read_states(faces, scorer.score(faces, audio()), audio(), scorer.threshold, config)
    assert (good == SPEAKING).all()
    assert (bad != SPEAKING).all()


def test_a_still_mouth_in_silence_does_not_speak() -> None:
    (scored,) = EvidenceScorer().score([face(1.0, motion=0.002)], audio(voice=-8.0))
    assert (scored.speaking < 0).all()


def test_without_audio_the_score_is_low() -> None:
    one = face(3.0)
    one.features[:, FEATURES.index("audio")] = 0
    assert (CosineScorer().score([one], audio())[0].speaking == -1).all()
    assert (EvidenceScorer().score([one], audio())[0].speaking < 0).all()


def test_inputs_know_the_other_faces() -> None:
    faces = [face(1.0), face(2.0, first=30, track_id=1), face(0.0, first=30, num=30, track_id=2)]
    made = face_inputs(faces, audio(90))
    other, any_other = INPUTS.index("others_ratio"), INPUTS.index("others")
    assert made[0].shape == (60, len(INPUTS))
    assert made[0][:30, any_other].tolist() == [0.0] * 30
    assert made[0][30:, other] == pytest.approx(2.0)
    assert made[1][:30, other] == pytest.approx(1.0)
    assert made[2][:, other] == pytest.approx(2.0)
    assert np.isfinite(np.concatenate(made)).all()


def test_voice_inputs_do_not_depend_on_loudness() -> None:
    bands = np.random.default_rng(1).normal(-10, 8, (80, 40))
    assert voice_inputs(bands) == pytest.approx(voice_inputs(bands - 20), abs=1e-4)
    assert voice_inputs(np.zeros((0, 40))).shape == (0, 41)


def test_the_head_is_small_and_round_trips(tmp_path: Path) -> None:
    assert sum(p.numel() for p in SpeakerHead().parameters()) < 1_000_000
    torch.manual_seed(0)
    head = SpeakerHead(SpeakerHead.Config.tiny()).eval()
    path = tmp_path / "head.safetensors"
    save_head(path, head, threshold=0.25, card={"made": "here"}, sync="some@1")
    loaded = HeadScorer.load(path)
    assert loaded.threshold == 0.25
    assert loaded.reach_steps == HeadScorer(TorchHead(head)).reach_steps == 7 + 2
    assert HeadScorer.load(path) is loaded, "a file is read once"
    (again,) = loaded.score([face(1.0)], audio())
    (mine,) = HeadScorer(TorchHead(head)).score([face(1.0)], audio())
    assert again.speaking == pytest.approx(mine.speaking, abs=2e-2)
    assert again.dubbed is not None
    # speaking, dubbed and neither are exclusive
    assert (1 / (1 + np.exp(-again.speaking)) + 1 / (1 + np.exp(-again.dubbed)) <= 1 + 1e-5).all()
    assert loaded.voice(audio().bands).shape == (60,)
    assert loaded.voice(np.zeros((0, 40))).shape == (0,)


def test_the_head_learns_a_step() -> None:
    torch.manual_seed(0)
    head = SpeakerHead(SpeakerHead.Config.tiny())
    x = torch.from_numpy(face_inputs([face(3.0), face(-1.0, track_id=1)], audio())[0])[None]
    y = torch.ones(1, 60, dtype=torch.long)
    optimiser = torch.optim.Adam(head.parameters(), 1e-2)
    losses = []
    for _ in range(5):
        loss = torch.nn.functional.cross_entropy(head(x).transpose(1, 2), y)
        loss = loss + head.voice(torch.zeros(1, 8, 41)).square().mean()
        optimiser.zero_grad()
        loss.backward()
        assert all(p.grad is not None for p in head.parameters())
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]


def test_mismatched_and_damaged_heads_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights):
        HeadScorer.load(tmp_path / "nowhere.safetensors")
    mismatched = tmp_path / "f.safetensors"
    save_file({"a": torch.zeros(1)}, str(mismatched), metadata={"viseme": '{"component": "sync"}'})
    with pytest.raises(WeightsError, match="no speaker head"):
        HeadScorer.load(mismatched)
    mismatched.write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="not a safetensors file"):
        HeadScorer.load(mismatched)


def test_unknown_scorers_and_needless_weights_are_refused() -> None:
    assert set(speaker_scorers) >= {"evidence", "cosine", "head", "light-asd", "lr-asd"}
    with pytest.raises(ConfigError, match="known"):
        load_scorer("guess")
    with pytest.raises(ConfigError, match="no weights"):
        load_scorer("cosine", "x.safetensors")


# --- the published networks


def layout(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The state dict as the authors' programs save it."""
    state = {("lossAV." if k.startswith("FC.") else "model.") + k: v for k, v in network.state_dict().items()}
    return state | {"lossV.FC.weight": torch.zeros(2, 128), "lossV.FC.bias": torch.zeros(2)}


@pytest.mark.parametrize(
    ("network", "num", "names"),
    [
        (
            LightASD,
            1_021_378,
            {
                "visualEncoder.block1.s_3.weight": (32, 1, 1, 3, 3),
                "visualEncoder.block1.bn_s_5.running_var": (32,),
                "visualEncoder.block2.t_5.weight": (64, 64, 5, 1, 1),
                "visualEncoder.block3.last.weight": (128, 128, 1, 1, 1),
                "audioEncoder.block1.m_5.weight": (32, 1, 5, 1),
                "audioEncoder.block3.t_3.weight": (128, 128, 1, 3),
                "audioEncoder.block3.bn_last.num_batches_tracked": (),
                "GRU.gru_forward.weight_ih_l0": (384, 128),
                "GRU.gru_backward.bias_hh_l0": (384,),
            },
        ),
        (
            LRASD,
            836_898,
            {
                "visualEncoder.block1.s_1.weight": (16, 1, 1, 5, 5),
                "visualEncoder.block1.s_norm_2.weight": (32,),
                "visualEncoder.block3.t_2.weight": (128, 128, 3, 1, 1),
                "audioEncoder.block1.m_1.weight": (16, 1, 5, 1),
                "audioEncoder.block2.t_norm_1.running_mean": (64,),
                "fusion.attention.weight": (256, 256, 1),
                "fusion.bn.weight": (256,),
                "detector.gru_forward.weight_ih_l0": (192, 256),
                "detector.attention.attention.weight": (128, 128, 1),
            },
        ),
    ],
)
def test_the_layout_is_the_published_one(network, num: int, names: dict[str, tuple[int, ...]]) -> None:
    """Names, shapes and the number of parameters (1.0 M and .84 M in the papers)."""
    made = network()
    state = made.state_dict()
    assert {name: tuple(state[name].shape) for name in names} == names
    assert sum(p.numel() for p in made.parameters()) == num
    with torch.inference_mode():
        assert made.eval()(torch.zeros(1, 16, 13), torch.zeros(1, 4, CROP_PX, CROP_PX)).shape == (1, 4)


def seen_and_heard(num: int) -> tuple[FaceSteps, AudioSteps, CropRecorder]:
    """One face with crops, under noise."""
    store = CropRecorder(GreyMouth())
    frame = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    for step in range(num):
        store.see(0, step * 0.04, frame, 1.0, corners(10, 10, 50, 50), observed=True)
    one = face(0.0, num=num)
    one = replace(one, crops=store.images(0, one.times()))
    noise = np.random.default_rng(2).normal(0, 0.1, 16000).astype(np.float32)
    bands = np.zeros((num, 40), np.float16)
    heard = AudioSteps(first=0, voice=np.zeros(num), bands=bands, samples=lambda a, b: noise[: round((b - a) * 16000)])
    return one, heard, store


@pytest.mark.parametrize(
    ("to", "network", "scorer"), [("light-asd", LightASD, LightASDScorer), ("lr-asd", LRASD, LRASDScorer)]
)
def test_authors_weights_are_converted_strictly_and_scored(tmp_path: Path, to, network, scorer) -> None:
    torch.manual_seed(1)
    made = network().eval()
    state = layout(made)
    path = tmp_path / "authors.model"
    torch.save({f"module.{k}": v for k, v in state.items()}, path)
    with pytest.raises(WeightsError, match="viseme weights convert"):
        scorer.load(path)
    converted = convert_weights(path, to=to)
    assert converted == tmp_path / "authors.safetensors"
    loaded: PixelScorer = scorer.load(converted)
    assert loaded.name.startswith(to)
    one, heard, store = seen_and_heard(12)
    (scored,) = loaded.score([one], heard)
    assert scored.speaking.shape == (12,)
    cepstra = torch.from_numpy(mfcc(heard.samples(0.0, 12 * 0.04 + 0.015))[:48])[None]
    mouths = torch.from_numpy(one.crops[slice(0, 12)].astype(np.float32))[None]
    with torch.inference_mode():
        expected = smooth_steps(made(cepstra, mouths)[0].numpy(), 5)
    np.testing.assert_allclose(scored.speaking, expected, rtol=1e-3, atol=1e-4)
    store.close()
    other = LRASDScorer if scorer is LightASDScorer else LightASDScorer
    with pytest.raises(WeightsError, match="are not weights of"):
        other.load(converted)
    with pytest.raises(MissingWeights, match="scorer-weights"):
        scorer.load()


def test_what_is_no_published_network_is_not_converted(tmp_path: Path) -> None:
    path = tmp_path / "authors.model"
    broken = layout(LightASD())
    broken.pop(next(iter(broken)))
    torch.save(broken, path)
    with pytest.raises(WeightsError, match="not weights of"):
        convert_weights(path, to="light-asd")
    torch.save({"other": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match="no part of"):
        convert_weights(path, to="light-asd")
    with pytest.raises(MissingWeights):
        convert_weights(tmp_path / "nowhere.model")
    assert list(tmp_path.iterdir()) == [path]


def test_a_conversion_does_not_replace_its_source(tmp_path: Path) -> None:
    path = tmp_path / "authors.safetensors"
    save_file({k: v.clone() for k, v in layout(LRASD()).items()}, str(path))
    with pytest.raises(WeightsError, match="pass another file"):
        convert_weights(path, to="lr-asd")


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "evil.model"
    torch.save({"model.x": Path("a")}, path)
    with pytest.raises(WeightsError, match="cannot be read"):
        convert_weights(path)


def corners(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    """Landmarks that fill a box, source pixels."""
    points = np.full((478, 3), (x0 + x1) / 2, np.float32)
    points[:, 1] = (y0 + y1) / 2
    points[0, :2], points[1, :2] = (x0, y0), (x1, y1)
    return points


def test_crops_are_the_published_square() -> None:
    assert mouth_square(np.array([0, 0, 100, 120])) == (50, 84, 84)
    frame = np.zeros((200, 200, 3), np.uint8)
    frame[100:] = 200
    with CropRecorder(GreyMouth()) as recorder:
        recorder.see(3, 0.0, frame, 0.5, corners(100, 80, 300, 280), observed=True)
        recorder.see(3, 1.0, frame, 0.5, corners(-160, 80, 40, 280), observed=True)
        images = recorder.images(3, np.array([0.4, 0.6]))
        assert images is not None
        first, second = images[:]
    # the middle of the first square is row 110: the edge at 100 lies above its middle
    assert first[:40].max() == 0
    assert first[60:].min() == 200
    assert (second[:, :20] == 110).all()  # outside the frame
