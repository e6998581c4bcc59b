"""`viseme train enet`: from clips and synthetic people to an expression network, resumable at every step.

Knows the order: prepare, train, measure, write with a card. Refuses to train on clips that are for measuring.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from viseme.core.errors import ConfigError, DataError
from viseme.data.manifest import read_manifest
from viseme.engine.loop import fit, require_accelerate
from viseme.engine.progress import Bar
from viseme.face3d.interface import load_face_model
from viseme.faces.crops import CROP_SIZE
from viseme.faces.schemes import LIP_MIDDLE
from viseme.media.images import encode_png
from viseme.standardization.augment import augment_frame
from viseme.standardization.corpus import Collection, merged, prepare_real, prepare_synthetic
from viseme.standardization.interface import in_standard_crops
from viseme.standardization.losses import (
    albedo_uniformity_loss,
    coefficient_loss,
    known_expression_loss,
    landmark_loss,
    light_loss,
    photometric_loss,
    skin_probability,
)
from viseme.standardization.model_tensors import PIXELS_PER_DM, FaceBasis
from viseme.standardization.networks.export import load_imagenet, save_expression_weights
from viseme.standardization.networks.expression import ExpressionNetwork, Prediction
from viseme.standardization.recipes import RECIPES, NetworkRecipe
from viseme.weights import weights_id

__all__ = ["TrainedNetwork", "Trainee", "measure", "train_enet", "train_on"]

LOG_EVERY = 10
"""Steps between lines of the log."""


@dataclass(frozen=True, kw_only=True)
class TrainedNetwork:
    """What a training run made."""

    out: Path
    """The weights."""
    num_real: int
    """Real collections trained on."""
    num_synthetic: int
    """Synthetic people trained on."""
    seconds: float
    """Wall clock of this call."""
    held_out: dict[str, float]
    """Measured on synthetic people never trained on."""

    def __str__(self) -> str:
        numbers = ", ".join(f"{k.replace('_', ' ')} {v:.3f}" for k, v in self.held_out.items())
        return (
            f"{self.out}: {self.num_real} real and {self.num_synthetic} synthetic collections, "
            f"{self.seconds / 60:.1f} min; held out: {numbers}"
        )


class Trainee(nn.Module):
    """A network with the matrices that only training has: column k holds identity and texture of sharer k."""

    def __init__(
        self, network: ExpressionNetwork, basis: FaceBasis, num_columns: int, *, bfloat16: bool = False
    ) -> None:
        super().__init__()
        self.network, self.basis, self._bfloat16 = network, basis, bfloat16
        self.shared = network.config.num_identity == 0
        if self.shared:
            self.identity = nn.Embedding(num_columns, basis.num_identity, sparse=True)
            self.texture = nn.Embedding(num_columns, basis.num_texture, sparse=True)
            for matrix in (self.identity, self.texture):
                nn.init.normal_(matrix.weight, std=0.01)

    def explain(self, images: Tensor, columns: Tensor) -> Prediction:
        """Coefficients of a batch, shared ones from the matrices: (B, 3, 224, 224), (B,)."""
        with torch.autocast(images.device.type, torch.bfloat16, enabled=self._bfloat16):
            found = self.network(images)
        found = found.single()
        if self.shared:
            found = found._replace(alpha=self.identity(columns), delta=self.texture(columns))
        return found

    def optimisers(self, recipe: NetworkRecipe) -> list[torch.optim.Optimizer]:
        """Adam for the network; sparse Adam for the matrices, so that columns not drawn do not drift."""
        config = recipe.loop
        made: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(self.network.parameters(), config.learning_rate, weight_decay=config.weight_decay)
        ]
        if self.shared:
            matrices = [self.identity.weight, self.texture.weight]
            made.append(torch.optim.SparseAdam(matrices, recipe.shared_rate))
        return made


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What one step sees; tensors on one device."""

    images: Tensor
    """(B, 3, 224, 224) RGB in [0, 1]."""
    points: Tensor
    """(B, K, 2)."""
    columns: Tensor
    """(B,) whose identity and texture."""
    beta: Tensor
    """(B, E) true expression where `known`, else zeros."""
    known: Tensor
    """(B,) bool."""


@dataclass(frozen=True)
class _Data:
    """Collections to train on, and which column each uses."""

    real: list[Collection]
    synthetic: list[Collection]
    columns: dict[str, int]
    """Collection name -> column."""

    def all(self) -> list[Collection]:
        return self.real + self.synthetic


def train_enet(
    out: Path | None = None,
    *,
    recipe: Literal["small", "dsp", "lmid", "quick"] = "small",
    variant: Literal["enet", "per-image"] = "enet",
    data: Path = Path("../shared/data"),
    work: Path = Path("runs/enet"),
    research: bool = False,
    jobs: int = 2,
    steps: int | None = None,
    imagenet: Path | None = None,
    resume: bool = True,
) -> TrainedNetwork:
    """Train a network that reads expression off face frames, and write its weights.

    Args:
        out: Where the weights go (safetensors); None = `VARIANT.safetensors` in `work`.
        recipe: "small" makes what ships, on two CPU cores; "dsp" and "lmid" are the papers'; "quick" tries it out.
        variant: "enet" shares identity and texture over a collection; "per-image" reads everything off each frame.
        data: Folder with manifest.csv; clips marked `dev` are never touched.
        work: Where crops, checkpoints, log and sample sheets are kept.
        research: Train on the research clips too, for comparison only: the result must not ship.
        jobs: Processes that prepare, and threads that train.
        steps: Updates, instead of the recipe's.
        imagenet: Your own ImageNet weights of a ResNet-50 to start from; without them the start is random.
        resume: Go on from the checkpoint in `work`; else begin anew.

    Raises:
        ConfigError: accelerate is not installed.
        DataError: no clips, or clips that must not be trained on.
        WeightsError: the ImageNet weights are unreadable or another network's.
    """
    began = time.perf_counter()
    state = require_accelerate().PartialState()
    out = out or work / f"{variant}.safetensors"
    torch.set_num_threads(max(1, jobs))
    chosen = RECIPES[recipe]()
    if steps is not None:
        chosen = replace(chosen, loop=replace(chosen.loop, steps=steps))
    if research:
        chosen = replace(chosen, uses=("train", "train-research"))
    rows = read_manifest(data, chosen.uses)[: chosen.num_real]
    if not rows:
        raise DataError(f"{data} has no clips to train on")
    with state.main_process_first():  # the others find the files made
        real = prepare_real(rows, work, most=chosen.frames, num_jobs=jobs, on_progress=Bar("face crops"))
        seeds = range(chosen.num_synthetic + chosen.held_out)
        synthetic = prepare_synthetic(
            seeds, work, num=chosen.frames, num_jobs=jobs, on_progress=Bar("synthetic people")
        )
    kept, synthetic = synthetic[: chosen.held_out], synthetic[chosen.held_out :]
    if not real:
        raise DataError(f"no face was found in any of the {len(rows)} clips of {data}")
    if chosen.collection == "merged":
        real = merged(real)
    network, basis = train_on(
        real,
        synthetic,
        chosen,
        variant=variant,
        work=work,
        name=f"{recipe}-{variant}",
        start=imagenet,
        resume=resume,
    )
    found = measure(network, basis, kept)
    card = {
        "recipe": recipe,
        "variant": variant,
        "steps": chosen.loop.steps,
        "num_parameters": sum(p.numel() for p in network.parameters()),
        "start": "random" if imagenet is None else f"ImageNet weights of the user ({imagenet.name})",
        "training_data": _sources(rows, len(real), len(synthetic)),
        "may_ship": "train-research" not in chosen.uses,
        "preprocessing": "mediapipe478 landmarks; square crop 1.7 times their box, 224 px RGB in [0, 1]",
        "loss": asdict(chosen.weights),
        "held_out": {k: round(v, 4) for k, v in found.items()},
        "held_out_people": len(kept),
    }
    if state.is_main_process:
        save_expression_weights(out, network, variant=variant, face_model=basis.model, card=card)
    return TrainedNetwork(
        out=out,
        num_real=len(real),
        num_synthetic=len(synthetic),
        seconds=time.perf_counter() - began,
        held_out=found,
    )


def train_on(
    real: list[Collection],
    synthetic: list[Collection],
    recipe: NetworkRecipe,
    *,
    variant: str = "enet",
    work: Path,
    name: str = "network",
    start: Path | None = None,
    resume: bool = True,
) -> tuple[ExpressionNetwork, FaceBasis]:
    """Train on prepared collections; the matrices are dropped at the end.

    Args:
        real: Collections without known coefficients; may be empty.
        synthetic: Collections with known ones; may be empty.
        recipe: The configuration; its data fields are not looked at.
        variant: "enet" or "per-image".
        work: Where checkpoint, log and sheets are kept. The checkpoint's name holds a hash of recipe and data:
            another run never goes on from it.
        name: First part of these files' names.
        start: Weights of the backbone to begin with: ImageNet's, or `landmark_start`'s; without them it is random.
        resume: As in `train_enet`.

    Raises:
        DataError: no collections.
    """
    if not real and not synthetic:
        raise DataError("there are no collections to train on")
    basis = FaceBasis(load_face_model())
    data = _Data(real, synthetic, _columns(real + synthetic, recipe.shared_by))
    torch.manual_seed(recipe.loop.seed)
    network = ExpressionNetwork(network_config(recipe, basis, variant))
    if start is not None:
        load_imagenet(network, start)
    trainee = Trainee(network, basis, max(data.columns.values()) + 1, bfloat16=recipe.bfloat16)
    key = _run_key(recipe, data, start)
    checkpoint = work / f"{name}-{key}.pt"
    work.mkdir(parents=True, exist_ok=True)
    if not resume:
        checkpoint.unlink(missing_ok=True)
    if trainee.shared and recipe.warm_start and not checkpoint.exists():
        _warm_start(trainee, data)
    diary = _Diary(trainee, data, recipe, work, f"{name}-{key}")
    fit(
        trainee,
        partial(_loss, data=data, recipe=recipe),  # type: ignore[arg-type]
        recipe.loop,
        checkpoint=checkpoint,
        on_step=diary,
        optimisers=lambda module: trainee.optimisers(recipe),
    )
    return network, basis


def network_config(recipe: NetworkRecipe, basis: FaceBasis, variant: str) -> ExpressionNetwork.Config:
    """The recipe's network with heads of the face model's sizes; the per-image baseline's has all of them."""
    if variant not in ("enet", "per-image"):
        raise ConfigError(f"there is no variant {variant!r}; known: enet, per-image")
    alone = variant == "per-image"
    at_rest = tuple(float(v) for v in basis.rest())
    return replace(
        recipe.network,
        num_expression=len(basis.model.expression_names),
        num_identity=basis.num_identity if alone else 0,
        num_texture=basis.num_texture if alone else 0,
        expression_unit=basis.model.expression_spread if recipe.unit_variance else 1.0,
        pose_at_rest=at_rest,  # type: ignore[arg-type]
    )


def _columns(collections: Sequence[Collection], shared_by: str) -> dict[str, int]:
    numbers: dict[str, int] = {}
    return {
        c.name: numbers.setdefault(c.subject if shared_by == "subject" else c.name, len(numbers)) for c in collections
    }


def _run_key(recipe: NetworkRecipe, data: _Data, start: Path | None) -> str:
    """Twelve hexadecimal digits of everything a checkpoint depends on; how long and how often is not part of it."""
    fixed = asdict(replace(recipe, sheet_every=1, loop=replace(recipe.loop, save_every=1)))
    names = [(c.name, len(c)) for c in data.all()]
    return hashlib.sha256(json.dumps([fixed, names, str(start and weights_id(start))]).encode()).hexdigest()[:12]


@torch.no_grad()
def _warm_start(trainee: Trainee, data: _Data) -> None:
    """Columns of synthetic people from the truth, of real ones from a landmark fit of up to 100 of their frames."""
    for collection in data.synthetic:
        column = data.columns[collection.name]
        if collection.alpha is not None and collection.delta is not None:
            trainee.identity.weight[column] = torch.from_numpy(collection.alpha)
            trainee.texture.weight[column] = torch.from_numpy(collection.delta)
    by_column: dict[int, list[NDArray[np.float32]]] = {}
    for collection in data.real:
        by_column.setdefault(data.columns[collection.name], []).append(collection.landmarks)
    for column, parts in by_column.items():
        points = np.concatenate(parts)
        chosen = np.unique(np.linspace(0, len(points) - 1, 100).round().astype(int))
        trainee.identity.weight[column] = torch.from_numpy(_fitted_identity(points[chosen]))


def _fitted_identity(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """(A,) identity that `landmark-fit` finds for frames (M, 468, 2) of one person."""
    from viseme.standardization.estimators.landmark_fit import LandmarkFit

    track = in_standard_crops(points)
    last = list(LandmarkFit(LandmarkFit.Config()).estimate([track]))[-1]
    if last.alpha is None:
        raise DataError("the landmark fit gave no identity")
    return np.asarray(last.alpha if last.alpha.ndim == 1 else last.alpha.mean(0), np.float32)


def draw_batch(data: _Data, recipe: NetworkRecipe, num_expression: int, rng: np.random.Generator) -> Batch:
    """Some collections, some frames of each, augmented."""
    num_real = round(recipe.collections * recipe.real_share) if data.synthetic else recipe.collections
    num_real = num_real if data.real else 0
    chosen = [data.real[i] for i in rng.integers(len(data.real), size=num_real)] if num_real else []
    num_rest = recipe.collections - num_real
    chosen += [data.synthetic[i] for i in rng.integers(len(data.synthetic), size=num_rest)] if num_rest else []
    images, points, columns, betas, known = [], [], [], [], []
    for collection in chosen:
        many = recipe.images > len(collection)
        for index in rng.choice(len(collection), recipe.images, replace=many):
            image, moved = augment_frame(collection.image(index), collection.landmarks[index], recipe.augment, rng)
            images.append(image)
            points.append(moved)
            columns.append(data.columns[collection.name])
            truth = collection.beta
            betas.append(np.zeros(num_expression, np.float32) if truth is None else truth[index])
            known.append(truth is not None)
    return Batch(
        images=torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255,
        points=torch.from_numpy(np.stack(points)),
        columns=torch.tensor(columns),
        beta=torch.from_numpy(np.stack(betas)),
        known=torch.tensor(known),
    )


def _loss(
    trainee: Trainee, rng: np.random.Generator, *, data: _Data, recipe: NetworkRecipe
) -> tuple[Tensor, dict[str, float]]:
    """Equation 8 of DSP, 10 of LMID: the weighted sum of all terms on one batch."""
    basis, weights = trainee.basis, recipe.weights
    device = basis.face_mean.device
    batch = draw_batch(data, recipe, trainee.network.config.num_expression, rng)
    batch = Batch(**{k: getattr(batch, k).to(device) for k in Batch.__dataclass_fields__})
    found = trainee.explain(batch.images, batch.columns)
    alpha, delta = found.alpha, found.delta
    assert alpha is not None
    assert delta is not None
    emphasis = basis.weights(weights)
    landmarks = basis.landmarks(alpha, found.beta, found.pose)
    total = weights.landmarks * landmark_loss(batch.points, landmarks, emphasis, squared=weights.squared)
    total = total + weights.coefficients * coefficient_loss(
        alpha,
        found.beta / basis.model.expression_spread,
        delta,
        identity=weights.identity,
        expression=weights.expression,
        texture=weights.texture,
    )
    with torch.no_grad():
        apart = torch.linalg.vector_norm(batch.points - landmarks, dim=-1)
        shown = {"landmarks_px": float(apart.mean()), "lips_px": float(apart[:, basis.face_lips].mean())}
    if weights.known and bool(batch.known.any()):
        known = known_expression_loss(
            found.beta[batch.known],
            batch.beta[batch.known],
            PIXELS_PER_DM * basis.face_landmark_expression,
            emphasis,
        )
        total = total + weights.known * known
        shown["known_px"] = float(known.detach())
    if weights.light:
        total = total + weights.light * light_loss(found.gamma)
    if weights.photometric:
        count = len(batch.images) if recipe.drawn is None else min(recipe.drawn, len(batch.images))
        some = torch.from_numpy(np.sort(rng.choice(len(batch.images), count, replace=False))).to(device)
        drawn, mask = basis.frames(
            alpha[some], found.beta[some], delta[some], found.gamma[some], found.pose[some], size=recipe.render_size
        )
        seen = nn.functional.avg_pool2d(batch.images[some], CROP_SIZE // recipe.render_size).permute(0, 2, 3, 1)
        photometric = photometric_loss(seen, drawn, skin_probability(seen, mask.to(seen.dtype)))
        total = total + weights.photometric * photometric
        shown["photometric"] = float(photometric.detach())
    if weights.uniformity:
        total = total + weights.uniformity * albedo_uniformity_loss(basis.albedo(delta)[:, basis.face_skin])
    return total, shown


class _Diary:
    """What a run leaves to look at: a progress bar, lines of numbers, sheets of sample renderings."""

    def __init__(self, trainee: Trainee, data: _Data, recipe: NetworkRecipe, work: Path, name: str) -> None:
        self._trainee, self._recipe = trainee, recipe
        self._log, self._sheets = work / f"{name}.jsonl", work / "sheets" / name
        self._bar = Bar("training")
        self._began = time.perf_counter()
        self._fresh = True
        rng = np.random.default_rng(1)
        some = [*_some(data.real, 3, rng), *_some(data.synthetic, 3, rng)]
        self._samples = [(c.image(0), c.landmarks[0], data.columns[c.name]) for c in some]
        self._means: dict[str, list[float]] = {}

    def __call__(self, step: int, numbers: dict[str, float]) -> None:
        """Note one step."""
        if self._fresh:
            self._fresh = False
            self._forget_after(step - 1)
        for key, value in numbers.items():
            self._means.setdefault(key, []).append(value)
        if step % LOG_EVERY == 0 or step == self._recipe.loop.steps:
            line = {k: round(float(np.mean(v)), 5) for k, v in self._means.items()}
            self._means = {}
            with self._log.open("a", encoding="utf-8") as file:
                seconds = round(time.perf_counter() - self._began, 1)
                file.write(json.dumps({"step": step, **line, "seconds": seconds}) + "\n")
        self._bar(step, self._recipe.loop.steps, numbers)
        if step % self._recipe.sheet_every == 0 or step == self._recipe.loop.steps:
            self._sheets.mkdir(parents=True, exist_ok=True)
            write_sheet(self._sheets / f"{step:06d}.png", self._trainee, self._samples)

    def _forget_after(self, step: int) -> None:
        """Drop lines of steps that are about to be done again."""
        if self._log.exists():
            lines = [s for s in self._log.read_text(encoding="utf-8").splitlines() if json.loads(s)["step"] <= step]
            self._log.write_text("".join(f"{s}\n" for s in lines), encoding="utf-8")


def _some(collections: list[Collection], num: int, rng: np.random.Generator) -> list[Collection]:
    return [collections[i] for i in rng.choice(len(collections), min(num, len(collections)), replace=False)]


@torch.no_grad()
def write_sheet(path: Path, trainee: Trainee, samples: list[tuple[NDArray, NDArray, int]]) -> None:
    """A frame to look at: per sample the input with its landmarks (green) and the network's (red), the face drawn
    from the coefficients over the input, and the standardised face."""
    device = trainee.basis.face_mean.device
    training = trainee.network.training
    trainee.network.eval()
    images = np.stack([s[0] for s in samples])
    found = trainee.explain(
        torch.from_numpy(images).permute(0, 3, 1, 2).float().to(device) / 255,
        torch.tensor([s[2] for s in samples], device=device),
    )
    trainee.network.train(training)
    alpha, delta = found.alpha, found.delta
    assert alpha is not None
    assert delta is not None
    points = trainee.basis.landmarks(alpha, found.beta, found.pose).cpu().numpy()
    drawn, mask = trainee.basis.frames(alpha, found.beta, delta, found.gamma, found.pose, size=CROP_SIZE)
    standard = trainee.basis.standard_frames(found.beta)
    columns = []
    for i, (image, tracked, _) in enumerate(samples):
        dotted = image.copy()
        for these, colour in ((tracked, (0, 255, 0)), (points[i], (255, 0, 0))):
            for x, y in these.clip(0, CROP_SIZE - 1):
                dotted[int(y), int(x)] = colour
        over = np.where(mask[i].cpu().numpy()[..., None], _bytes(drawn[i]), image)
        columns.append(np.concatenate([dotted, over, _bytes(standard[i])]))
    path.write_bytes(encode_png(np.concatenate(columns, 1)))


def _bytes(frame: Tensor) -> NDArray[np.uint8]:
    return (frame.cpu().clamp(0, 1) * 255 + 0.5).to(torch.uint8).numpy()


@torch.no_grad()
def measure(network: ExpressionNetwork, basis: FaceBasis, collections: Sequence[Collection]) -> dict[str, float]:
    """How well the expression of synthetic people is recovered.

    Returns:
        `lips_px`: mean distance of the 40 lip landmarks of the predicted expression from the true one's, on the mean
        head, pixels of the 224-pixel crop; `lips_still_px`: the same for a network that always says "at rest";
        `aperture_correlation` of the inner lips' gap over all frames; `num_frames`. NaN without frames.
    """
    network.eval()
    expression = basis.face_landmark_expression.cpu()
    lips = basis.face_lips.cpu()
    top, bottom = LIP_MIDDLE.tolist()
    wrong, still, gaps = [], [], []
    for collection in collections:
        if collection.beta is None:
            continue
        images = torch.from_numpy(np.stack([collection.image(i) for i in range(len(collection))]))
        beta = network(images.permute(0, 3, 1, 2).float() / 255).beta
        truth = torch.from_numpy(collection.beta)
        moved, true = (torch.einsum("kce,be->bkc", expression, b) for b in (beta, truth))
        wrong.append(PIXELS_PER_DM * torch.linalg.vector_norm((moved - true)[:, lips], dim=-1).mean(1))
        still.append(PIXELS_PER_DM * torch.linalg.vector_norm(true[:, lips], dim=-1).mean(1))
        gaps.append(torch.stack([m[:, top, 1] - m[:, bottom, 1] for m in (moved, true)]))
    if not wrong:
        return {"lips_px": float("nan"), "lips_still_px": float("nan"), "aperture_correlation": float("nan")}
    correlation = torch.corrcoef(torch.cat(gaps, 1))[0, 1]
    return {
        "lips_px": float(torch.cat(wrong).mean()),
        "lips_still_px": float(torch.cat(still).mean()),
        "aperture_correlation": float(correlation),
        "num_frames": float(sum(len(w) for w in wrong)),
    }


def _sources(rows: Sequence[Any], num_real: int, num_synthetic: int) -> list[str]:
    counted = Counter((r.source, r.licence) for r in rows)
    real = [f"{n} clips of {who} ({licence})" for (who, licence), n in sorted(counted.items())]
    people = f"{num_synthetic} synthetic people of this package (CC0 face model), expression known"
    return [*real, f"{num_real} collections of real clips", people]
