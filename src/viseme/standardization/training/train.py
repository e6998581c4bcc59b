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

import torch

from viseme.core.errors import DataError
from viseme.data.manifest import read_manifest
from viseme.engine.loop import fit, require_accelerate
from viseme.engine.progress import Bar
from viseme.face3d.interface import load_face_model
from viseme.standardization.corpus import Collection, merged, prepare_real, prepare_synthetic
from viseme.standardization.networks.export import load_backbone, save_expression_weights
from viseme.standardization.networks.expression import ExpressionNetwork
from viseme.standardization.training.face_tensors import FaceTensors
from viseme.standardization.training.measure import measure
from viseme.standardization.training.objective import training_loss
from viseme.standardization.training.recipes import RECIPES, NetworkRecipe
from viseme.standardization.training.trainee import Trainee, network_config
from viseme.standardization.training.training_data import TrainingData, columns_of
from viseme.standardization.training.training_log import TrainingLog
from viseme.standardization.training.warm_start import warm_start
from viseme.weights import weights_id

__all__ = ["TrainedNetwork", "train_enet", "train_on"]


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
    start: Path | None = None,
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
        start: Weights that the backbone starts from: your own ImageNet weights of a ResNet-50, or an expression network
            with the recipe's backbone; None = random ones.
        resume: Go on from the checkpoint in `work`; False = begin anew, whatever is in `work`.

    Raises:
        ConfigError: accelerate is not installed.
        DataError: no clips, or clips that must not be trained on.
        WeightsError: the weights to start from are unreadable or another network's.
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
        start=start,
        resume=resume,
    )
    found = measure(network, basis, kept)
    card = {
        "recipe": recipe,
        "variant": variant,
        "steps": chosen.loop.steps,
        "num_parameters": sum(p.numel() for p in network.parameters()),
        "start": "random" if start is None else f"weights of the user ({start.name})",
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
) -> tuple[ExpressionNetwork, FaceTensors]:
    """Train on prepared collections; the matrices are dropped at the end.

    Args:
        real: Collections without known coefficients; may be empty.
        synthetic: Collections with known ones; may be empty.
        recipe: The configuration; its data fields are not looked at.
        variant: "enet" or "per-image".
        work: Where checkpoint, log and sheets are kept. The checkpoint's name holds a hash of recipe and data:
            another run never goes on from it.
        name: First part of these files' names.
        start: Weights of the backbone to begin with: ImageNet's, `pretrain_on_landmarks`'s, or an expression network's;
            None = random ones.
        resume: As in `train_enet`.

    Raises:
        DataError: no collections.
    """
    if not real and not synthetic:
        raise DataError("there are no collections to train on")
    basis = FaceTensors(load_face_model())
    data = TrainingData(real, synthetic, columns_of(real + synthetic, recipe.shared_by))
    torch.manual_seed(recipe.loop.seed)
    network = ExpressionNetwork(network_config(recipe, basis, variant))
    if start is not None:
        load_backbone(network, start)
    trainee = Trainee(network, basis, max(data.columns.values()) + 1, bfloat16=recipe.bfloat16)
    key = run_key(recipe, data, start)
    checkpoint = work / f"{name}-{key}.pt"
    work.mkdir(parents=True, exist_ok=True)
    if not resume:
        checkpoint.unlink(missing_ok=True)
    if trainee.shared and recipe.warm_start and not checkpoint.exists():
        warm_start(trainee, data)
    diary = TrainingLog(trainee, data, recipe, work, f"{name}-{key}")
    fit(
        trainee,
        partial(training_loss, data=data, recipe=recipe),  # type: ignore[arg-type]
        recipe.loop,
        checkpoint=checkpoint,
        on_step=diary,
        optimisers=lambda module: trainee.optimisers(recipe),
    )
    return network, basis


def run_key(recipe: NetworkRecipe, data: TrainingData, start: Path | None) -> str:
    """Twelve hexadecimal digits of everything a checkpoint depends on; how long and how often is not part of it."""
    fixed = asdict(replace(recipe, sheet_every=1, loop=replace(recipe.loop, save_every=1)))
    names = [(c.name, len(c)) for c in data.all()]
    return hashlib.sha256(json.dumps([fixed, names, str(start and weights_id(start))]).encode()).hexdigest()[:12]


def _sources(rows: Sequence[Any], num_real: int, num_synthetic: int) -> list[str]:
    counted = Counter((r.source, r.licence) for r in rows)
    real = [f"{n} clips of {who} ({licence})" for (who, licence), n in sorted(counted.items())]
    people = f"{num_synthetic} synthetic people of this package (CC0 face model), expression known"
    return [*real, f"{num_real} collections of real clips", people]
