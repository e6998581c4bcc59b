"""Table II's measurements with a network that knows the answer, and its report on answers made up here."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from prepared import clip_set
from viseme.audio.bands import NUM_BANDS, band_filters
from viseme.core.errors import ConfigError
from viseme.reproduce.table2 import reproduce_table2
from viseme.reproduce.table2.measure import Measurer
from viseme.reproduce.table2.recipe import LENGTHS, MINI, WINDOWS
from viseme.reproduce.table2.report import write_report
from viseme.reproduce.table2.study import Study, evenly, measured_clips
from viseme.sync.clips import Clip
from viseme.sync.comparer import score_pairs
from viseme.sync.embeddings import normalise_mels
from viseme.sync.models.torch_model import TorchModel

NUM = 110


class Oracle(torch.nn.Module):
    """Frames hold the audio of their instant; the score of a pair is how alike they are."""

    def embed_video(self, points):
        return points.flatten(2)[..., :40]

    def embed_audio(self, mels):
        return mels[:, : mels.shape[1] // 4 * 4].unflatten(1, (-1, 4)).mean(2)

    def scale(self):
        return torch.tensor(3.0)


YAW = np.full(NUM, -0.3, np.float32)


def _spoken(delay: float) -> Clip:
    """Six seconds whose frames show the audio; in the file the audio is late by `delay`, whole audio frames."""
    rng = np.random.default_rng(0)
    audio = rng.normal(0, 2, (4 * NUM + 8, NUM_BANDS)).astype(np.float16)
    mels = normalise_mels(np.exp(audio.astype(np.float32)) @ band_filters())
    points = np.zeros((NUM, 67, 3), np.float32)
    steps = np.stack([mels[4 * i : 4 * i + 4].mean(0) for i in range(NUM)])
    points.reshape(NUM, -1)[:, :40] = steps
    return Clip(
        name="a/x.mp4",
        speaker="someone",
        times=np.arange(NUM) * 0.04,
        video=points,
        audio=audio,
        first_audio_frame=round(100 * delay) - 2,
        level=6.0,
    )


@pytest.mark.parametrize("delay", [0.0, 0.12, -0.2])
def test_a_network_that_knows_finds_the_delay_with_its_sign(delay):
    found = Measurer(Oracle(), "landmarks").clip(_spoken(delay), yaw=YAW, truth=0.0, seed=0, windows=False)
    assert found["evidence"] == pytest.approx(delay, abs=0.011)
    assert found["mean"] == pytest.approx(delay, abs=0.011)
    assert found["yaw_deg"] == pytest.approx(17.2, abs=0.1)


def test_the_truth_of_the_manifest_is_taken_out():
    found = Measurer(Oracle(), "landmarks").clip(_spoken(0.08), yaw=YAW, truth=0.08, seed=0, windows=True)
    assert found["evidence"] == pytest.approx(0, abs=0.011)
    assert min(found["windows"]) > 0.9
    assert len(found["windows"]) == len(WINDOWS)


def test_without_a_truth_only_known_shifts_are_measured():
    found = Measurer(Oracle(), "landmarks").clip(_spoken(0.08), yaw=YAW, truth=None, seed=0, windows=True)
    assert "evidence" not in found
    assert "windows" not in found
    assert [cut for cut, _ in found["shifts"]] == [length for length in LENGTHS for _ in range(3)]
    errors = np.array([e for cut, e in found["shifts"] if cut >= 1])
    assert np.abs(errors).max() <= 0.011


def test_cuts_together_score_as_cuts_alone():
    seen = _spoken(0.0)
    mels = normalise_mels(np.exp(seen.audio.astype(np.float32)) @ band_filters())
    cuts = np.stack([seen.video[i : i + 5] for i in (0, 7)])
    together = Measurer(Oracle(), "landmarks")._cut_scores(cuts, mels)
    for cut, found in zip(cuts, together, strict=True):
        np.testing.assert_allclose(found, score_pairs([TorchModel(Oracle())], cut, mels), rtol=1e-4, atol=1e-4)


def test_a_deaf_network_is_not_called_right():
    class Deaf(Oracle):
        def embed_video(self, points):
            torch.manual_seed(0)
            return torch.randn(*points.shape[:2], 40)

    found = Measurer(Deaf(), "landmarks").clip(_spoken(0.0), yaw=YAW, truth=0.0, seed=0, windows=True)
    assert found["windows"][0] < 0.4


def _answer(mode: str, size: str, seed: int, right: float) -> dict:
    rng = np.random.default_rng([seed, ord(mode[0]), ord(size[0])])
    clips = [
        {
            "name": f"s/{i}",
            "speaker": "ann" if i < 5 else "other",
            "learnt_speaker": i < 5,
            "seconds": 3.0,
            "yaw_deg": 5.0 * i,
            "evidence": 0.0 if (hit := i / 20 < right) else 0.4,
            "mean": 0.0 if hit else None,
            "windows": [right] * len(WINDOWS),
            "shifts": [[length, 0.0 if rng.random() < right else 0.3] for length in LENGTHS],
        }
        for i in range(20)
    ]
    return {"mode": mode, "size": size, "seed": seed, "clips": clips, "blurred": {"2": clips}, "ms_per_second": 2.0}


def test_the_report_gives_intervals_orders_and_published_numbers(tmp_path):
    answers = [
        _answer(m, s, k, {"raw": 0.3, "rgb": 0.9}[m]) for m in ("raw", "rgb") for s in ("full", "mini") for k in (0, 1)
    ]
    settings = dict.fromkeys(
        (
            "num_real",
            "num_real_asked",
            "num_synthetic",
            "num_synthetic_asked",
            "num_mini",
            "num_dev",
            "num_dev_asked",
            "num_speakers",
        ),
        3,
    )
    result = write_report(
        tmp_path, answers, ("raw", "rgb"), {**settings, "steps": 1, "seeds": 2, "estimator": "landmark-fit"}, 60.0
    )
    record = json.loads(result.path.with_suffix(".json").read_text())
    assert record["accuracy"]["rgb/mini"]["all"]["value"] == pytest.approx(0.9)
    assert record["accuracy"]["raw/mini"]["seeds"] == pytest.approx([0.3, 0.3])
    assert record["accuracy"]["raw/full"]["mean score, all"]["value"] == pytest.approx(0.3)
    assert record["orders"]["rgb-raw/mini/clip"]["verdict"] == "better"
    assert record["orders"]["rgb-raw/mini/clip"]["n"] == 20
    assert "| rgb | mini | 90.0 [" in str(result)
    assert "| 99.1 | 98.5 |" in str(result)
    assert "VocaLiST | LRS2 | 92.8" in str(result)
    assert "| IC-SyncNet | LRS2 | 96.5 | - | - | - | - | - |" in str(result)
    assert "| rgb, Deep3D's coefficients | mini | - | - | - | - | - | - | - | 97.4 | 97.4 |" in str(result)
    assert "| rgbd, Deep3D's coefficients | mini | - | - | - | - | - | - | - | 98.1 | - |" in str(result)


def test_measured_clips_are_dev_clips_with_a_whole_face(tmp_path):
    lines = ["file,use,source,speaker,licence,truth_delay_ms"]
    lines += [f"g/{i}.mkv,dev,studio,ann,x,0" for i in range(9)]
    lines += ["a/1.mp4,dev,vox,someone,x,", "b/1.mp4,dev,romanian_tedx,y,x,", "c/1.mp4,train,vox,z,x,40"]
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n")
    rows = measured_clips(tmp_path, 3, learnt={"ann"})
    assert [r.path.name for r in rows] == ["0.mkv", "4.mkv", "8.mkv", "1.mp4"]
    assert [r.audio_delay for r in rows] == [0.0, 0.0, 0.0, None]
    assert len(measured_clips(tmp_path, 3, learnt={"z"})) == 10


def test_clips_are_taken_evenly():
    assert evenly(list(range(10)), 3) == [0, 4, 9]
    assert evenly([1, 2], 5) == [1, 2]
    assert evenly([1, 2], 0) == []


def test_another_budget_is_another_study(tmp_path):
    clips = clip_set(tmp_path, range(3))
    study = Study(real=clips, synthetic=clips[:0], dev=clips, blurred=(), steps=3)
    late = replace(clips, infos=tuple(replace(info, audio_delay=0.1) for info in clips.infos))
    others = [replace(study, steps=4), replace(study, dev=late), replace(study, real=clips[:2])]
    assert len({study.key(), *(other.key() for other in others)}) == 4


@pytest.mark.parametrize("wrong", [{"inputs": "raw,pixels"}, {"inputs": ""}, {"steps": 0}, {"real": 2, "talkers": 2}])
def test_impossible_requests_are_refused(tmp_path, wrong):
    assert MINI == 9
    with pytest.raises(ConfigError):
        reproduce_table2(tmp_path, data=tmp_path, work=tmp_path, **wrong)
