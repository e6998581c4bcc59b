"""SyncNet from a file of exactly the published layout, run without torch, against the plain network in torch."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from viseme.audio.features import mfcc
from viseme.core.errors import MissingWeights, WeightsError
from viseme.metrics.lip_sync_error import lip_sync_error
from viseme.sync.syncnet import load_syncnet


def _audio() -> nn.Sequential:
    def conv(a: int, b: int, size: tuple[int, int] = (3, 3), pad: int = 1) -> list[nn.Module]:
        return [nn.Conv2d(a, b, size, padding=pad), nn.BatchNorm2d(b), nn.ReLU()]

    return nn.Sequential(
        *conv(1, 64), nn.MaxPool2d(1, 1), *conv(64, 192), nn.MaxPool2d(3, (1, 2)), *conv(192, 384), *conv(384, 256),
        *conv(256, 256), nn.MaxPool2d(3, 2), *conv(256, 512, (5, 4), 0),
    )  # fmt: skip


def _lip() -> nn.Sequential:
    def conv(a: int, b: int, size: int, pad: int = 1, stride: int = 1, time: int = 1) -> list[nn.Module]:
        made = nn.Conv3d(a, b, (time, size, size), (1, stride, stride), (0, pad, pad))
        return [made, nn.BatchNorm3d(b), nn.ReLU()]

    def pool(pad: int = 0) -> nn.Module:
        return nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, pad, pad))

    return nn.Sequential(
        *conv(3, 96, 7, 0, 2, 5), pool(), *conv(96, 256, 5, 1, 2), pool(1), *conv(256, 256, 3), *conv(256, 256, 3),
        *conv(256, 256, 3), pool(), *conv(256, 512, 6, 0),
    )  # fmt: skip


def _head() -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 1024))


class Published(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud, self.netfcaud, self.netcnnlip, self.netfclip = _audio(), _head(), _lip(), _head()


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    made = Published().eval()
    with torch.no_grad():
        for name, value in made.state_dict().items():
            if "running_mean" in name:
                value.normal_(0, 0.1)
            if "running_var" in name:
                value.uniform_(0.5, 1.5)
    return made


@pytest.fixture(scope="module")
def file(network: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("syncnet") / "random.model"
    torch.save(network.state_dict(), path, _use_new_zipfile_serialization=False)
    return path


@torch.inference_mode()
def test_lse_of_a_users_file_equals_the_plain_network(network: nn.Module, file: Path) -> None:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (7, 224, 224, 3), dtype=np.uint8)
    samples = (rng.standard_normal(640 * 8) * 0.1).astype(np.float32)
    found = lip_sync_error(load_syncnet(file, device="cpu"), frames, len(frames), samples)
    cepstra = torch.from_numpy(mfcc(samples)).T
    num = 7 - 5
    heard = torch.stack([cepstra[None, :, 4 * i : 4 * i + 20] for i in range(num)])
    seen = torch.stack([torch.from_numpy(frames[i : i + 5, ..., ::-1].copy()).permute(3, 0, 1, 2) for i in range(num)])
    audio = network.netfcaud(network.netcnnaud(heard).flatten(1))
    video = network.netfclip(network.netcnnlip(seen.float()).flatten(1))
    padded = nn.functional.pad(audio, (0, 0, 15, 15))
    rows = [nn.functional.pairwise_distance(v.repeat(31, 1), padded[i : i + 31]) for i, v in enumerate(video)]
    means = torch.stack(rows, 1).mean(1)
    assert found.num_windows == num
    assert found.distance == pytest.approx(float(means.min()), rel=1e-4)
    assert found.confidence == pytest.approx(float(means.median() - means.min()), rel=1e-3, abs=1e-4)
    assert found.lag_frames == int(means.argmin()) - 15


def test_another_network_is_refused_by_the_first_tensor_that_does_not_fit(network: nn.Module, tmp_path: Path) -> None:
    state = dict(network.state_dict())
    state["netfclip.3.bias"] = torch.zeros(256)
    torch.save(state, tmp_path / "small.model")
    with pytest.raises(WeightsError, match=r"'netfclip.3.bias' is \(256,\), not \(1024,\)"):
        load_syncnet(tmp_path / "small.model")
    torch.save({"face_encoder_blocks.0.weight": torch.zeros(3)}, tmp_path / "other.model")
    with pytest.raises(WeightsError, match="not weights of SyncNet"):
        load_syncnet(tmp_path / "other.model")
    with pytest.raises(MissingWeights):
        load_syncnet(tmp_path / "none.model")


class Harm:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("layout", ["pickle", "torch", "legacy"])
def test_a_harmful_file_runs_nothing(tmp_path: Path, layout: str) -> None:
    path, mark = tmp_path / "harm.model", tmp_path / "mark"
    if layout == "pickle":
        path.write_bytes(pickle.dumps({"netcnnaud.0.weight": Harm(mark)}))
    else:
        torch.save({"netcnnaud.0.weight": Harm(mark)}, path, _use_new_zipfile_serialization=layout == "torch")
    with pytest.raises(WeightsError):
        load_syncnet(path)
    assert not mark.exists()
