"""Expression networks from collections to weights: it learns, resumes exactly, leaves things to look at, and never
touches clips that are for measuring. People are synthetic; no clip is tracked but in the tests marked `real`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from viseme.core.errors import DataError
from viseme.data.manifest import read_manifest
from viseme.face3d.interface import load_face_model
from viseme.faces.crops import crop_squares
from viseme.reproduce.table1 import landmark_pretraining as start
from viseme.reproduce.table1.landmark_pretraining import pretrain_on_landmarks
from viseme.standardization.corpus import Collection, merged, most_varied, prepare_real, prepare_synthetic
from viseme.standardization.interface import FaceObservation
from viseme.standardization.networks.checkpoint import VARIANTS, load_expression_weights
from viseme.standardization.networks.expression import ExpressionNetwork, Prediction
from viseme.standardization.training.augment import FrameAugment, augment_frame
from viseme.standardization.training.face_tensors import FaceTensors
from viseme.standardization.training.losses import LossWeights, lmid_weights
from viseme.standardization.training.measure import measure
from viseme.standardization.training.objective import training_loss
from viseme.standardization.training.recipes import RECIPES, quick_recipe
from viseme.standardization.training.train import train_enet, train_on
from viseme.standardization.training.trainee import Trainee, has_bfloat16, network_config
from viseme.standardization.training.training_data import TrainingData, columns_of
from viseme.standardization.training.training_log import TrainingLog
from viseme.standardization.training.warm_start import warm_start
from viseme.synthetic.faces import draw_faces

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data"
STILL = FrameAugment(turn_deg=0, scale=0, shift_px=0, blur=0, jpeg=0, colour=0)


def _quiet(done: int, total: int) -> None:
    """No progress bar."""


@pytest.fixture(scope="module")
def people(tmp_path_factory) -> list[Collection]:
    """Four people, four frames each."""
    return prepare_synthetic(range(4), tmp_path_factory.mktemp("people"), num=4, num_jobs=1, on_progress=_quiet)


def _unknown(people: list[Collection]) -> list[Collection]:
    """The same frames as if they were real: nothing known but landmarks."""
    return [replace(c, name=f"real/{c.name}", alpha=None, beta=None, delta=None) for c in people]


# --- synthetic people


def test_a_synthetic_person_fills_the_standard_crop_and_is_the_same_each_time():
    one, two = draw_faces(5, 3), draw_faces(5, 3)
    np.testing.assert_array_equal(one.images, two.images)
    np.testing.assert_array_equal(one.landmarks, two.landmarks)
    whole = np.concatenate([one.landmarks, np.zeros((3, 468, 1))], -1)
    np.testing.assert_allclose(crop_squares(whole), np.tile([112, 112, 224], (3, 1)), atol=0.3)
    assert not np.array_equal(draw_faces(6, 1).images[0], one.images[0])


def test_landmarks_lie_on_the_face_that_is_drawn():
    """Points inside the face differ from the background: the canary shifts them off."""
    made = draw_faces(5, 4)
    x, y = made.landmarks[:, 4].T.astype(int)  # tip of the nose
    nose = made.images[np.arange(4), y, x].astype(int)
    assert (np.ptp(nose, axis=0) < 120).all()
    red, blue = nose[:, 0], nose[:, 2]
    assert (red >= blue - 5).all(), "skin is redder than it is blue"


def test_the_known_expression_explains_the_landmarks():
    basis, made = FaceTensors(load_face_model()), draw_faces(5, 4)
    alpha, beta = (torch.from_numpy(v) for v in (np.tile(made.alpha, (4, 1)), made.beta))
    pose = torch.zeros(4, 6, requires_grad=True)
    optimiser = torch.optim.LBFGS([pose], max_iter=100, line_search_fn="strong_wolfe")
    target = torch.from_numpy(made.landmarks)

    def error() -> torch.Tensor:
        optimiser.zero_grad()
        value = (basis.landmarks(alpha, beta, pose) - target).square().mean()
        value.backward()
        return value

    optimiser.step(error)
    apart = torch.linalg.vector_norm(basis.landmarks(alpha, beta, pose) - target, dim=-1).mean()
    assert float(apart.detach()) < 1.5, "what is left is the camera's distance, which the standard camera does not have"


def test_centred_makes_the_crop_the_whole_frame():
    basis = FaceTensors(load_face_model())
    rest = torch.from_numpy(basis.rest()).float()[None]
    points = basis.landmarks(torch.zeros(1, 80), torch.zeros(1, 64), rest)[0].numpy()
    low, high = points.min(0), points.max(0)
    np.testing.assert_allclose((low + high) / 2, 112, atol=0.05)
    assert 1.7 * (high - low).max() == pytest.approx(224, abs=0.1)


# --- augmentation


def test_nothing_asked_nothing_changed():
    made = draw_faces(1, 1)
    image, points = augment_frame(made.images[0], made.landmarks[0], STILL, np.random.default_rng(0))
    np.testing.assert_array_equal(image, made.images[0])
    np.testing.assert_allclose(points, made.landmarks[0])


def test_landmarks_move_with_the_frame():
    """A white dot stays under its point."""
    config = replace(STILL, turn_deg=20, scale=0.2, shift_px=15)
    rng = np.random.default_rng(3)
    for _ in range(10):
        at = rng.uniform(80, 144, 2)
        y, x = np.mgrid[:224, :224] + 0.5
        dot = np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / 18)
        image = np.repeat((255 * dot)[..., None], 3, -1).astype(np.uint8)
        changed, points = augment_frame(image, at[None], config, rng)
        weight = changed[..., 0].astype(float)
        found = np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()
        np.testing.assert_allclose(found, points[0], atol=0.15)
        assert np.linalg.norm(points[0] - at) > 0.5


def test_the_same_seed_gives_the_same_frame():
    made, config = draw_faces(1, 1), FrameAugment(blur=1, jpeg=1)
    one, two = (augment_frame(made.images[0], made.landmarks[0], config, np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(one[0], two[0])
    assert not np.array_equal(one[0], made.images[0])


# --- collections


def test_collections_come_back_as_they_went(people):
    made = draw_faces(2, 4)
    collection = people[2]
    np.testing.assert_array_equal(collection.landmarks, made.landmarks)
    np.testing.assert_array_equal(collection.beta, made.beta)
    error = np.abs(collection.image(1).astype(int) - made.images[1]).mean()
    assert error < 5, "colours in the right order, lightly compressed"


def test_merged_collections_keep_the_varied_frames_of_one_subject(people):
    clips = [replace(c, name=f"clip/{i}", subject="ab"[i // 3]) for i, c in enumerate(people)]
    out = merged(clips, clips=2, most=5)
    assert [(c.subject, len(c)) for c in out] == [("a", 5), ("a", 4), ("b", 4)]
    assert len({c.name for c in out}) == 3
    assert all(len(c.beta) == len(c) for c in out)


def test_varied_frames_are_those_that_differ():
    rng = np.random.default_rng(0)
    face = rng.uniform(50, 170, (468, 2))
    faces = np.repeat(face[None], 9, 0)
    lips = load_face_model().landmarks["mp468"].subsets["lips"]
    faces[4, lips] += [0, 9]
    faces[7, lips] -= [0, 9]
    kept = most_varied(faces + rng.normal(0, 0.05, faces.shape), 3)
    assert {4, 7} <= set(kept.tolist())
    assert most_varied(faces, 50).tolist() == list(range(9))


def test_clips_for_measuring_are_never_read(tmp_path):
    (tmp_path / "manifest.csv").write_text("file,use,source,speaker,licence\na.mp4,dev,s,p,CC0\nb.mp4,train,s,p,CC0\n")
    assert [r.path.name for r in read_manifest(tmp_path, ("train",))] == ["b.mp4"]
    with pytest.raises(DataError, match="never trained on"):
        read_manifest(tmp_path, ("dev",))
    with pytest.raises(DataError, match=r"no manifest\.csv"):
        read_manifest(tmp_path / "none", ("train",))


# --- training


def _quick(**changes):
    return replace(quick_recipe(), **changes)


@pytest.mark.slow
def test_the_loss_falls(people, tmp_path):
    recipe = _quick(
        warm_start=True,
        augment=STILL,
        drawn=None,
        weights=LossWeights(landmarks=0.05, known=0.1),
        loop=replace(quick_recipe().loop, steps=60, learning_rate=3e-3, save_every=60),
        sheet_every=60,
    )
    train_on(_unknown(people[:2]), people[2:], recipe, work=tmp_path, name="n")
    (log,) = tmp_path.glob("n-*.jsonl")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["step"] for line in lines] == [10, 20, 30, 40, 50, 60]
    assert {"loss", "landmarks_px", "lips_px", "known_px", "photometric", "seconds"} <= set(lines[0])
    assert lines[-1]["landmarks_px"] < 0.75 * lines[0]["landmarks_px"]
    assert lines[-1]["loss"] < 0.8 * lines[0]["loss"]
    (sheet,) = (tmp_path / "sheets").rglob("*.png")
    assert sheet.name == "000060.png"
    assert sheet.stat().st_size > 50_000


@pytest.mark.parametrize("variant", ["enet", "per-image"])
@pytest.mark.parametrize("weights", [LossWeights(light=10.0), lmid_weights()])
def test_all_terms_reach_network_and_matrices(people, variant, weights):
    recipe = _quick(weights=weights, drawn=2, augment=STILL)
    basis = FaceTensors(load_face_model())
    trainee = Trainee(ExpressionNetwork(network_config(recipe, basis, variant)), basis, 4)
    data = TrainingData(_unknown(people[:2]), people[2:], {c.name: i for i, c in enumerate(people)})
    data.columns.update({c.name: i for i, c in enumerate(data.real)})
    value, shown = training_loss(trainee, np.random.default_rng(0), data=data, recipe=recipe)
    value.backward()
    assert all(np.isfinite(v) for v in shown.values())
    assert all(p.grad is not None for p in trainee.parameters())
    if variant == "enet":
        rows = trainee.identity.weight.grad.coalesce().indices()[0].tolist()
        assert len(rows) == 2, "only the columns that were drawn"
        assert trainee.texture.weight.grad.is_sparse
    else:
        assert not hasattr(trainee, "identity")
        assert trainee.network.config.num_outputs == 257


@pytest.mark.parametrize(
    ("device", "able", "expected"),
    [("cpu", {"avx512_bf16": True}, True), ("cpu", {"avx2": True}, False), ("cpu", {}, False), ("cuda", {}, True)],
)
def test_bfloat16_is_used_where_the_device_has_it(monkeypatch, device, able, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able, raising=False)
    has_bfloat16.cache_clear()
    assert has_bfloat16(device) is expected
    has_bfloat16.cache_clear()


def test_frames_of_a_column_share_their_bias(people):
    recipe = _quick()
    recipe = replace(recipe, network=replace(recipe.network, person_bias=True))
    basis = FaceTensors(load_face_model())
    assert not network_config(recipe, basis, "per-image").person_bias
    trainee = Trainee(ExpressionNetwork(network_config(recipe, basis, "enet")), basis, 4).eval()
    torch.nn.init.normal_(trainee.network.backbone.fc.weight, std=0.1)
    images = torch.rand(4, 3, 224, 224)
    told, own = trainee.explain(images, torch.tensor([0, 3, 0, 3])), trainee.network(images)
    for rows in ([0, 2], [1, 3]):
        torch.testing.assert_close(told.beta[rows], own.beta[rows] - own.bias[rows].mean(0))


def test_frames_of_a_collection_share_a_column_and_clips_of_a_subject_may(people):
    clips = [replace(c, name=f"clip/{i}", subject="ab"[i // 3]) for i, c in enumerate(people)]
    assert list(columns_of(clips, "collection").values()) == [0, 1, 2, 3]
    assert list(columns_of(clips, "subject").values()) == [0, 0, 0, 1]


def test_columns_start_from_what_is_known(people):
    basis = FaceTensors(load_face_model())
    recipe = _quick(warm_start=True)
    real = _unknown(people[:1])
    data = TrainingData(real, people[1:], columns_of(real + people[1:], "subject"))
    trainee = Trainee(ExpressionNetwork(network_config(recipe, basis, "enet")), basis, 4)
    warm_start(trainee, data)
    for collection in people[1:]:
        column = data.columns[collection.name]
        np.testing.assert_array_equal(trainee.identity.weight[column].detach().numpy(), collection.alpha)
    fitted = trainee.identity.weight[data.columns[real[0].name]].detach()
    assert bool(torch.isfinite(fitted).all())
    assert float(fitted.abs().max()) > 0.05


def _weights(network) -> list[torch.Tensor]:
    return list(network.state_dict().values())


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on_to_the_same_weights(people, tmp_path, monkeypatch):
    recipe = _quick(weights=LossWeights(landmarks=0.05, known=0.1), sheet_every=4)
    words = {"real": _unknown(people[:2]), "synthetic": people[2:], "recipe": recipe, "name": "n"}
    whole, _ = train_on(**words, work=tmp_path / "whole")
    call, steps = TrainingLog.__call__, []

    def stopped(self, step, numbers):
        steps.append(step)
        call(self, step, numbers)
        if step == 6 and len(steps) == 6:
            raise KeyboardInterrupt

    monkeypatch.setattr(TrainingLog, "__call__", stopped)
    with pytest.raises(KeyboardInterrupt):
        train_on(**words, work=tmp_path / "cut")
    again, _ = train_on(**words, work=tmp_path / "cut")
    assert steps == [1, 2, 3, 4, 5, 6, 5, 6, 7, 8]
    assert all(torch.equal(a, b) for a, b in zip(_weights(whole), _weights(again), strict=True))


def test_the_prior_counts_expression_in_its_spread(people):
    """As the small recipe says it: 2.0 on coefficients that count in ones is .0288 on those that count in .12."""
    small = RECIPES["small"]()
    basis = FaceTensors(load_face_model())
    assert small.weights.expression / basis.model.expression_spread**2 == pytest.approx(2.0)
    assert network_config(small, basis, "enet").expression_unit == 1.0
    assert network_config(RECIPES["dsp"](), basis, "enet").expression_unit == 0.12
    found = []
    for share in (0.0, 2.0):
        weights = LossWeights(landmarks=0, photometric=0, coefficients=1, identity=0, texture=0, expression=share)
        recipe = _quick(weights=weights, unit_variance=False)
        torch.manual_seed(0)
        network = ExpressionNetwork(network_config(recipe, basis, "enet")).eval()
        torch.nn.init.constant_(network.backbone.fc.weight, 0)
        torch.nn.init.constant_(network.backbone.fc.bias, 0.24)
        data = TrainingData([], people, columns_of(people, "collection"))
        trainee = Trainee(network, basis, len(people))
        found.append(float(training_loss(trainee, np.random.default_rng(0), data=data, recipe=recipe)[0].detach()))
    assert found == pytest.approx([0, 2 * 64 * (0.24 / 0.12) ** 2])


def test_both_variants_begin_with_a_backbone_that_finds_landmarks(people, tmp_path, monkeypatch):
    recipe = _quick(loop=replace(quick_recipe().loop, steps=1, learning_rate=1e-9))
    emphasis = FaceTensors(load_face_model()).weights(recipe.weights)
    path = pretrain_on_landmarks(people, recipe.network, emphasis, work=tmp_path, steps=2, batch=2)
    begun = [train_on([], people, recipe, variant=v, work=tmp_path, name=v, start=path)[0] for v in VARIANTS]
    with safe_open(str(path), framework="pt") as file:
        kept = file.get_tensor("layer1.0.conv1.weight")
        assert not any(key.startswith("fc.") for key in file.keys())  # noqa: SIM118
    for network in begun:
        torch.testing.assert_close(network.backbone.layer1[0].conv1.weight, kept, atol=1e-6, rtol=0)
    monkeypatch.setattr(start, "fit", None)
    assert pretrain_on_landmarks(people, recipe.network, emphasis, work=tmp_path, steps=2, batch=2) == path, "made once"
    with pytest.raises(TypeError):
        pretrain_on_landmarks(people, recipe.network, 2 * emphasis, work=tmp_path, steps=2, batch=2)


def test_another_recipe_never_goes_on_from_a_checkpoint(people, tmp_path):
    recipe = _quick(loop=replace(quick_recipe().loop, steps=1))
    train_on([], people, recipe, work=tmp_path, name="n")
    train_on([], people, replace(recipe, shared_rate=0.01), work=tmp_path, name="n")
    assert len(list(tmp_path.glob("n-*.pt"))) == 2


def test_no_collections_are_refused(tmp_path):
    with pytest.raises(DataError, match="no collections"):
        train_on([], [], quick_recipe(), work=tmp_path)


def test_measuring_knows_a_perfect_and_a_silent_network(people):
    basis = FaceTensors(load_face_model())

    class Oracle(torch.nn.Module):
        def __init__(self, scale: float) -> None:
            super().__init__()
            self.scale, self.given = scale, iter(people)

        def forward(self, images):
            beta = torch.from_numpy(next(self.given).beta) * self.scale
            return Prediction(beta=beta, gamma=beta, pose=beta)

    perfect = measure(Oracle(1.0), basis, people)
    assert perfect["lips_px"] == pytest.approx(0, abs=1e-4)
    assert perfect["aperture_correlation"] == pytest.approx(1)
    assert perfect["num_frames"] == 16
    silent = measure(Oracle(0.0), basis, people)
    assert silent["lips_px"] == pytest.approx(perfect["lips_still_px"])


def test_the_command_writes_weights_that_the_estimator_loads(people, tmp_path, monkeypatch):
    (tmp_path / "manifest.csv").write_text("file,use,source,speaker,licence\na.mp4,train,s,p,CC0\n")
    monkeypatch.setattr(
        "viseme.standardization.training.train.prepare_real", lambda *args, **kwargs: _unknown(people[:2])
    )
    monkeypatch.setitem(RECIPES, "quick", lambda: _quick(loop=replace(quick_recipe().loop, steps=2), num_synthetic=2))
    result = train_enet(recipe="quick", data=tmp_path, work=tmp_path / "work", jobs=1)
    assert result.out == tmp_path / "work" / "enet.safetensors"
    loaded = load_expression_weights(result.out)
    assert loaded.card["recipe"] == "quick"
    assert loaded.card["start"] == "random"
    assert loaded.card["may_ship"] is True
    assert loaded.card["loss"]["photometric"] == 1.92
    assert "1 clips of s (CC0)" in loaded.card["training_data"]
    assert "held out" in str(result)
    from viseme.standardization.estimators.networks import ENet

    num = len(people[0])
    track = FaceObservation(
        times=np.arange(num) / 25,
        landmarks=np.ones((num, 478, 3), np.float32),
        observed=np.ones(num, bool),
        crops=np.ones((num, 3)),
        images=np.stack([people[0].image(i) for i in range(num)]),
    )
    (found,) = ENet(ENet.Config(weights=str(result.out))).estimate([track])
    assert found.beta.shape == (num, 64)
    assert found.valid.all()


@pytest.mark.real
@pytest.mark.skipif(not (REAL / "manifest.csv").is_file(), reason="no real clips beside the checkout")
def test_real_clips_become_crops_once(tmp_path):
    rows = read_manifest(REAL, ("train",))[:1]
    no_face = replace(rows[0], path=tmp_path / "none.mp4")
    no_face.path.write_bytes(b"not a film")
    (made,) = prepare_real([*rows, no_face], tmp_path, most=5, num_jobs=1, on_progress=_quiet)
    assert made.subject == "grid_s1"
    assert len(made) == 5
    whole = np.concatenate([made.landmarks, np.zeros((5, 468, 1))], -1)
    np.testing.assert_allclose(crop_squares(whole), np.tile([112, 112, 224], (5, 1)), atol=1e-2)
    kept = [p for p in tmp_path.rglob("*") if p.is_file() and p.parent != tmp_path]
    stamps = {p: p.stat().st_mtime_ns for p in kept}
    assert stamps
    prepare_real(rows, tmp_path, most=5, num_jobs=1, on_progress=_quiet)
    assert {p: p.stat().st_mtime_ns for p in kept} == stamps
