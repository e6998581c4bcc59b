"""Networks: sizes as published, heads that follow the face model, a frontal start, files that describe themselves."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from viseme.core.errors import ConfigError, MissingWeights, WeightsError
from viseme.face3d.camera import Camera, place, project
from viseme.face3d.interface import load_face_model
from viseme.face3d.neutral_landmarks import neutral_landmarks
from viseme.faces.crops import CROP_SIZE
from viseme.standardization.estimators.landmark_fit import LandmarkFit
from viseme.standardization.estimators.networks import ENet, PerImage, PerImageAggregated
from viseme.standardization.interface import FRAME_REASONS, FaceObservation, estimators
from viseme.standardization.networks.checkpoint import load_expression_weights
from viseme.standardization.networks.export import load_backbone, load_expression_network, save_expression_weights
from viseme.standardization.networks.expression import ExpressionNetwork, full_config, small_config
from viseme.standardization.networks.resnet import ResNet
from viseme.weights.safetensors import read_header, read_tensors, write_tensors

TINY = ExpressionNetwork.Config(backbone=ResNet.Config(block="basic", depths=(1, 1), width=4), size=56)
BOTTLENECK = replace(TINY, backbone=ResNet.Config(depths=(1, 1), width=4))
ALONE = replace(TINY, num_identity=80, num_texture=80)
BIASED = replace(TINY, person_bias=True)


def _network(config=TINY, seed=0) -> ExpressionNetwork:
    torch.manual_seed(seed)
    network = ExpressionNetwork(config)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
    torch.nn.init.normal_(network.backbone.fc.weight, std=0.05)
    return network.eval()


def _count(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_the_papers_network_has_exactly_its_parameters():
    network = ExpressionNetwork(full_config())
    assert network.config.num_outputs == 97
    assert _count(network) == 23_706_785


def test_the_small_network_fits_the_package():
    assert 2 * _count(ExpressionNetwork(small_config())) < 25_000_000


def test_the_per_image_baseline_has_257_outputs():
    assert ALONE.num_outputs == 257


def test_the_head_follows_the_face_model():
    found = _network(replace(ALONE, num_expression=10, num_identity=7, num_texture=0))(torch.rand(2, 3, 224, 224))
    assert found.beta.shape == (2, 10)
    assert found.alpha.shape == (2, 7)
    assert found.delta is None
    assert found.gamma.shape == (2, 27)
    assert found.pose.shape == (2, 6)


@pytest.mark.parametrize("config", [TINY, BOTTLENECK])
def test_an_untrained_network_sees_a_frontal_relaxed_face_in_even_light(config):
    torch.manual_seed(0)
    rest = (0.0, 0.0, 0.0, 0.0, 0.1, -0.3)
    found = ExpressionNetwork(replace(config, pose_at_rest=rest)).eval()(torch.rand(2, 3, 224, 224))
    assert float(found.beta.detach().abs().max()) < 0.2
    torch.testing.assert_close(found.pose, torch.tensor(rest).expand(2, 6), atol=0.1, rtol=0)
    light = torch.zeros(3, 9)
    light[:, 0] = 0.8
    torch.testing.assert_close(found.gamma, light.reshape(27).expand(2, 27), atol=0.1, rtol=0)


def test_a_batch_of_two_is_two_of_one():
    network, images = _network(), torch.rand(2, 3, 224, 224)
    both = network(images)
    for i in range(2):
        torch.testing.assert_close(network(images[i : i + 1]).beta[0], both.beta[i], atol=1e-5, rtol=1e-4)


def test_an_output_of_one_stands_for_the_unit():
    images = torch.rand(2, 3, 224, 224)
    plain, scaled = _network(), _network(replace(TINY, expression_unit=0.12))
    torch.testing.assert_close(scaled(images).beta, 0.12 * plain(images).beta)
    torch.testing.assert_close(scaled(images).pose, plain(images).pose)


@pytest.mark.parametrize("config", [ALONE, BIASED])
def test_every_parameter_has_a_gradient(config):
    network = _network(config).train()
    sum(v.square().sum() for v in network(torch.rand(2, 3, 224, 224)) if v is not None).backward()
    assert all(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in network.parameters())


def test_the_bias_is_the_mean_over_all_frames_of_a_person():
    found = _network(BIASED)(torch.rand(5, 3, 224, 224))
    people = torch.tensor([7, -3, 7, 7, 4])
    told = found.without_bias(people)
    assert told.bias is None
    for i, who in enumerate(people):
        torch.testing.assert_close(told.beta[i], found.beta[i] - found.bias[people == who].mean(0))
    plain = _network()(torch.rand(2, 3, 224, 224))
    assert plain.without_bias(torch.tensor([0, 0])) is plain


@pytest.mark.parametrize("wrong", [{"size": 100}, {"num_expression": 0}, {"num_identity": -1}, {"expression_unit": 0}])
def test_impossible_networks_are_refused(wrong):
    with pytest.raises(ConfigError):
        replace(TINY, **wrong)
    with pytest.raises(ConfigError):
        ResNet.Config(depths=())


# --- files


@pytest.fixture
def bundle(tmp_path):
    path = tmp_path / "net.safetensors"
    save_expression_weights(
        path, _network(), variant="enet", face_model=load_face_model(), card={"recipe": "none"}, storage="float32"
    )
    return path


def _rewrite(path, **changes):
    """The same file with another header; the canary of every refusal below is that the untouched file loads."""
    header = read_header(path).metadata["viseme"] | changes
    write_tensors(path, read_tensors(path), {"viseme": json.dumps(header)})


def _beta(path, images: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(load_expression_weights(path).session.run(images=images.numpy())["beta"])


def test_a_file_comes_back_as_it_went(bundle):
    images = torch.rand(2, 3, 224, 224)
    loaded = load_expression_weights(bundle)
    assert loaded.variant == "enet"
    assert loaded.card == {"recipe": "none"}
    assert loaded.widths == TINY.widths == {"beta": 64, "gamma": 27, "pose": 6}
    assert loaded.name.startswith("net@")
    assert load_expression_weights(bundle) is loaded, "a file is read once"
    torch.testing.assert_close(_beta(bundle, images), _network()(images).beta.detach(), rtol=1e-4, atol=1e-5)


def test_training_goes_on_from_a_file(bundle):
    again, before = load_expression_network(bundle), _network()
    assert again.config == TINY
    for name, tensor in before.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name


def test_half_precision_halves_the_file_and_hardly_moves_the_answer(bundle, tmp_path):
    path = tmp_path / "half.safetensors"
    save_expression_weights(path, _network(), variant="enet", face_model=load_face_model(), card={})
    images = torch.rand(1, 3, 224, 224)
    torch.testing.assert_close(_beta(path, images), _beta(bundle, images), atol=0.02, rtol=0.02)
    sizes = [sum(t.num_bytes for t in read_header(p).tensors.values() if t.dtype != "U8") for p in (path, bundle)]
    assert sizes[0] == sizes[1] / 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"component": "sync"}, "holds no expression network"),
        ({"face_model_sha256": "0" * 64}, "another build of the face model"),
        ({"widths": 3}, "incomplete or unknown header"),
        ({"variant": "other"}, "another build"),
    ],
)
def test_mismatched_files_are_refused(bundle, changes, message):
    _rewrite(bundle, **changes)
    with pytest.raises(WeightsError, match=message):
        load_expression_weights(bundle)


def test_files_that_are_not_there_or_not_safetensors_are_refused(tmp_path):
    with pytest.raises(MissingWeights):
        load_expression_weights(tmp_path / "none.safetensors")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="not a safetensors file"):
        load_expression_weights(broken)


def test_imagenet_weights_start_all_but_the_last_layer(tmp_path):
    donor = ResNet(1000, BOTTLENECK.backbone)
    path = tmp_path / "resnet.pth"
    torch.save(donor.state_dict(), path)
    network = _network(BOTTLENECK)
    before = network.backbone.fc.weight.clone()
    load_backbone(network, path)
    assert torch.equal(network.backbone.layer1[0].conv1.weight, donor.layer1[0].conv1.weight)
    assert torch.equal(network.backbone.fc.weight, before)
    with pytest.raises(WeightsError, match=r"layer1\.0\.conv"):
        load_backbone(_network(), path)


def test_a_file_that_is_no_weights_is_refused_without_advice_to_load_it_unsafely(tmp_path):
    path = tmp_path / "photo.pth"
    path.write_bytes(b"\x89PNG\r\n" + bytes(100))
    with pytest.raises(WeightsError, match="no file of tensors alone") as caught:
        load_backbone(_network(), path)
    assert "weights_only" not in str(caught.value)


def test_an_expression_network_starts_another_with_a_bias(bundle):
    network, donor = _network(BIASED, seed=1), _network()
    before = network.backbone.fc.weight.clone()
    load_backbone(network, bundle)
    assert torch.equal(network.backbone.layer2[0].conv1.weight, donor.backbone.layer2[0].conv1.weight)
    assert torch.equal(network.backbone.bn1.running_mean, donor.backbone.bn1.running_mean)
    assert torch.equal(network.backbone.fc.weight, before)


# --- estimators


def _projected(yaw: float) -> np.ndarray:
    """(468, 3) landmarks of the mean face in the standard crop."""
    mean = neutral_landmarks(load_face_model())[0]
    return project(place(mean, np.array([0, yaw, 0, 0, 0, -2.0])), Camera.standard())


def _track(num=5, yaw=0.0, **changes) -> FaceObservation:
    rng = np.random.default_rng(0)
    landmarks = np.zeros((num, 478, 3), np.float32)
    landmarks[:, :468] = _projected(yaw)
    values = {
        "times": np.arange(num) / 25,
        "landmarks": landmarks,
        "observed": np.ones(num, bool),
        "crops": np.tile([CROP_SIZE / 2, CROP_SIZE / 2, CROP_SIZE], (num, 1)),
        "images": rng.integers(0, 256, (num, CROP_SIZE, CROP_SIZE, 3)).astype(np.uint8),
    }
    return FaceObservation(**(values | changes))


@pytest.fixture
def alone(tmp_path):
    path = tmp_path / "alone.safetensors"
    save_expression_weights(
        path, _network(ALONE), variant="per-image", face_model=load_face_model(), card={}, storage="float32"
    )
    return path


def test_the_registry_knows_the_three():
    assert estimators["enet"] is ENet
    assert estimators["per-image"] is PerImage
    assert estimators["per-image-aggregated"] is PerImageAggregated


def test_enet_gives_what_the_network_says_and_nothing_it_does_not(bundle):
    track = _track()
    (found,) = ENet(ENet.Config(weights=str(bundle), batch=2)).estimate([track])
    said = _network()(torch.from_numpy(track.images).permute(0, 3, 1, 2).float() / 255)
    np.testing.assert_allclose(found.beta, said.beta.detach().numpy(), atol=1e-4)
    np.testing.assert_allclose(found.pose, said.pose.detach().numpy(), atol=1e-4)
    np.testing.assert_allclose(found.gamma, said.gamma.detach().numpy(), atol=1e-4)
    assert found.valid.all()
    assert found.alpha is None
    assert found.delta is None


def test_enet_takes_the_mean_bias_of_the_valid_frames_of_a_track_away(tmp_path):
    path = tmp_path / "biased.safetensors"
    save_expression_weights(
        path, _network(BIASED), variant="enet", face_model=load_face_model(), card={}, storage="float32"
    )
    reader = ENet(ENet.Config(weights=str(path), batch=2))
    pieces = [_track(3), _track(2, observed=np.array([False, True])), _track(1, yaw=1.2)]  # the last is a profile
    found = list(reader.estimate(pieces))
    assert all(c.bias is None for c in found)
    images = np.concatenate([pieces[0].images, pieces[1].images[1:]])
    said = _network(BIASED)(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255)
    told = said.without_bias().beta.detach().numpy()
    np.testing.assert_allclose(np.concatenate([found[0].beta, found[1].beta[1:]]), told, atol=1e-4)
    assert not found[1].beta[0].any()
    looked = [replace(p, images=None, looked=reader.look(p)) for p in pieces]
    again = np.concatenate([c.beta for c in reader.estimate(looked)])
    np.testing.assert_allclose(again, np.concatenate([c.beta for c in found]), atol=1e-6)
    (nobody,) = reader.estimate([_track(2, observed=np.zeros(2, bool))])
    assert not nobody.beta.any()


@pytest.mark.parametrize("kind", [ENet, PerImage, PerImageAggregated])
def test_what_was_looked_at_before_needs_no_images(kind, bundle, alone):
    estimator = kind(kind.Config(weights=str(bundle if kind is ENet else alone)))
    track = _track()
    (expected,) = estimator.estimate([track])
    (found,) = estimator.estimate([replace(track, images=None, looked=estimator.look(track))])
    np.testing.assert_array_equal(found.beta, expected.beta)
    np.testing.assert_array_equal(found.pose, expected.pose)
    assert found.reason.tolist() == expected.reason.tolist()


def test_folding_the_normalisation_changes_nothing_in_a_bottleneck(tmp_path):
    path = tmp_path / "deep.safetensors"
    save_expression_weights(
        path, _network(BOTTLENECK), variant="enet", face_model=load_face_model(), card={}, storage="float32"
    )
    track = _track(2)
    (found,) = ENet(ENet.Config(weights=str(path))).estimate([track])
    said = _network(BOTTLENECK)(torch.from_numpy(track.images).permute(0, 3, 1, 2).float() / 255)
    np.testing.assert_allclose(found.beta, said.beta.detach().numpy(), atol=1e-4)


def test_bad_frames_are_marked_and_hold_zeros(bundle):
    track = _track()
    track.landmarks[1, 30] = np.nan
    track.observed[2] = False
    track.landmarks[3] = np.nan
    (found,) = ENet(ENet.Config(weights=str(bundle))).estimate([track])
    reasons = [FRAME_REASONS[r] for r in found.reason]
    assert reasons == ["ok", "bad_landmarks", "interpolated", "not_seen", "ok"]
    assert found.valid.tolist() == [True, False, False, False, True]
    assert not found.beta[1:4].any()
    assert np.isfinite(found.beta).all()
    (fit,) = LandmarkFit().estimate([track])
    np.testing.assert_array_equal(fit.reason, found.reason)


def test_a_head_turned_too_far_is_a_profile(bundle):
    (found,) = ENet(ENet.Config(weights=str(bundle), max_yaw=1e-9)).estimate([_track()])
    assert {FRAME_REASONS[r] for r in found.reason} == {"profile"}
    assert not found.beta.any()
    assert found.pose.any()


def test_what_the_landmarks_call_profile_is_profile_whatever_the_network_says(bundle):
    pieces = [_track(3), _track(2, yaw=1.2)]
    front, turned = ENet(ENet.Config(weights=str(bundle), max_yaw=9)).estimate(pieces)
    assert front.valid.all()
    assert {FRAME_REASONS[r] for r in turned.reason} == {"profile"}
    assert not turned.beta.any()
    assert not turned.gamma.any()
    assert turned.pose.any()


def test_stretches_come_out_as_they_were_cut(bundle):
    found = list(ENet(ENet.Config(weights=str(bundle))).estimate(_track(n) for n in (2, 3, 1)))
    assert [len(c.times) for c in found] == [2, 3, 1]


def test_per_image_has_its_own_identity_and_aggregated_the_mean_of_valid_frames(alone):
    pieces = [_track(3), _track(2)]
    pieces[0].observed[0] = False
    each = list(PerImage(PerImage.Config(weights=str(alone))).estimate(pieces))
    together = list(PerImageAggregated(PerImage.Config(weights=str(alone))).estimate(pieces))
    assert each[0].alpha.shape == (3, 80)
    valid = np.concatenate([each[0].alpha[1:], each[1].alpha])
    for one, other in zip(each, together, strict=True):
        np.testing.assert_allclose(other.alpha, valid.mean(0), atol=1e-5)
        assert other.delta.shape == (80,)
        np.testing.assert_array_equal(one.beta, other.beta)


def test_aggregating_nothing_valid_gives_zeros(alone):
    (found,) = PerImageAggregated(PerImage.Config(weights=str(alone))).estimate([_track(2, observed=np.zeros(2, bool))])
    assert not found.valid.any()
    assert not found.alpha.any()


def test_the_wrong_variant_is_refused(bundle, alone):
    with pytest.raises(WeightsError, match="variant"):
        PerImage(PerImage.Config(weights=str(bundle)))
    with pytest.raises(WeightsError, match="variant"):
        ENet(ENet.Config(weights=str(alone)))


def test_frames_are_needed(bundle):
    estimator = ENet(ENet.Config(weights=str(bundle)))
    with pytest.raises(ValueError, match="images must not be None"):
        list(estimator.estimate([_track(images=None)]))
    with pytest.raises(ValueError, match="images must be"):
        list(estimator.estimate([_track(images=np.zeros((5, 100, 100, 3), np.uint8))]))


@pytest.mark.parametrize("wrong", [{"batch": 0}, {"max_yaw": 0.0}, {"threads": 0}])
def test_impossible_estimators_are_refused(wrong):
    with pytest.raises(ConfigError):
        ENet.Config(**wrong)
