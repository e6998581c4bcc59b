"""`viseme train sync`: from clips to the weights that ship, resumable at every step.

Knows the order: prepare, train, calibrate, write with a card. Refuses to train on clips that are for measuring.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from viseme.core.errors import DataError
from viseme.data.manifest import ManifestRow, read_manifest
from viseme.engine.jobs import one_thread
from viseme.engine.loop import fit, require_accelerate
from viseme.engine.progress import Bar
from viseme.sync.calibrate import calibrate
from viseme.sync.checkpoint import load_sync_weights
from viseme.sync.corpus import Clip, band_filters, prepare, prepare_synthetic
from viseme.sync.embeddings import to_grid_points
from viseme.sync.estimator import EstimatorConfig, find_peak
from viseme.sync.evidence import FaceEvidence, compare
from viseme.sync.export import save_sync_weights
from viseme.sync.inputs.batches import Draw, batch_of, model_name, network_of
from viseme.sync.inputs.interface import Input, visual_inputs
from viseme.sync.inputs.tracks import Seen, film_talkers, look_at_all
from viseme.sync.loss import matching_loss, stretch_loss
from viseme.sync.models.torch_model import TorchModel
from viseme.sync.recipes import RECIPES, SyncRecipe

__all__ = ["TrainResult", "train_sync"]

MOST_FILMED = 200
"""Filmed talkers at most: a film costs seconds where landmarks cost milliseconds."""
_POINTS = "mediapipe478 landmarks, upper-face similarity"
_STANDARD = "standard face by landmark-fit, mouth and chin at 48 px"
_SEEN: dict[str, str] = {
    "landmarks": _POINTS,
    "mesh": _POINTS,
    "beta": "expression coefficients by landmark-fit",
    "raw": "224-pixel face crop, mouth and chin at 48 px",
    "rgb": _STANDARD,
    "rgbd": f"{_STANDARD}, depth over the range of the stretch",
}


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """What a training run made."""

    out: Path
    """The weights."""
    num_real: int
    """Real clips trained on."""
    num_synthetic: int
    """Synthetic clips trained on."""
    seconds: float
    """Wall clock of this call."""
    calibration: dict[str, float]
    """Measured on held-out clips."""

    def __str__(self) -> str:
        c = self.calibration
        return (
            f"{self.out}: {self.num_real} real and {self.num_synthetic} synthetic clips, {self.seconds / 60:.1f} min; "
            f"held-out trials {c['trials']:.0f}, answered {c['answered']:.1%}, right among answers "
            f"{c['right_among_answers']:.1%}, mean squared error of the probability {c['brier']:.3f}"
        )


def train_sync(
    out: Path = Path("runs/sync/sync.safetensors"),
    *,
    data: Path = Path("../shared/data"),
    work: Path = Path("runs/sync"),
    recipe: Literal["open", "research", "quick"] = "open",
    input: Input = "landmarks",
    jobs: int = 2,
    steps: int | None = None,
    models: int | None = None,
    resume: bool = True,
) -> TrainResult:
    """Train the sync model and write its weights.

    Args:
        out: Where the weights go (safetensors).
        data: Folder with manifest.csv; clips marked `dev` are never touched.
        work: Where prepared clips and checkpoints are kept.
        recipe: "open" makes what ships; "research" adds clips that may not be used for that; "quick" tries it out.
        input: What the video stream sees: "landmarks", "mesh" or "beta", or frames, "raw" or of the standard face
            ("rgb", "rgbd"). All but the first two are trained on filmed talkers, fewer of them, not on landmarks.
        jobs: Processes that prepare clips and train networks side by side; threads where there is one network.
        steps: Updates of each network, instead of the recipe's.
        models: Networks that answer together, instead of the recipe's number.
        resume: Go on from checkpoints in `work`; else begin anew.

    Raises:
        DataError: no clips, or clips that must not be trained on.
    """
    began = time.perf_counter()
    torch.set_num_threads(max(1, jobs))
    chosen = RECIPES[recipe]()
    if steps is not None:
        chosen = replace(chosen, loop=replace(chosen.loop, steps=steps))
    if models is not None:
        chosen = replace(chosen, num_models=models)
    rows = read_manifest(data, chosen.uses)
    if not rows:
        raise DataError(f"{data} has no clips to train on")
    real, synthetic = _prepared(rows, chosen, work, input, jobs)
    if len(real) < chosen.held_out + chosen.batch:
        raise DataError(f"only {len(real)} clips of {data} could be used; {chosen.held_out + chosen.batch} are needed")
    order = np.random.default_rng(0).permutation(len(real))
    kept = [real[i] for i in order[: chosen.held_out]] + synthetic[: chosen.held_out]
    real, synthetic = [real[i] for i in order[chosen.held_out :]], synthetic[chosen.held_out :]
    run = hashlib.sha256(f"{chosen}{len(real)}{len(synthetic)}".encode()).hexdigest()[:8]  # another recipe, another run
    checkpoints = [work / f"{recipe}-{input}-{run}-{number}.pt" for number in range(chosen.num_models)]
    for checkpoint in () if resume else checkpoints:
        checkpoint.unlink(missing_ok=True)
    networks = _train_all(real, synthetic, chosen, checkpoints, input, jobs)
    calibration, found = calibrate(
        [TorchModel(network) for network in networks],
        kept,
        num_trials=chosen.num_trials,
        on_progress=Bar("calibrating"),
    )
    card = {
        "recipe": recipe,
        "steps": chosen.loop.steps,
        "num_models": chosen.num_models,
        "num_parameters": sum(p.numel() for n in networks for p in n.parameters()),
        "training_data": _sources(rows, len(real), len(synthetic)),
        "preprocessing": f"{_SEEN[input]}, 25 Hz; 16 kHz, 40 log-mels, 100 Hz",
        "held_out": {k: round(v, 4) for k, v in found.items()},
    }
    save_sync_weights(out, networks, input_mode=input, calibration=calibration, card=card, model=model_name(input))
    return TrainResult(
        out=out,
        num_real=len(real),
        num_synthetic=len(synthetic),
        seconds=time.perf_counter() - began,
        calibration=found,
    )


def _prepared(
    rows: list[ManifestRow], recipe: SyncRecipe, work: Path, mode: Input, jobs: int
) -> tuple[list[Clip], list[Clip]]:
    """Real and synthetic clips as an input sees them."""
    if mode in ("landmarks", "mesh"):
        real = _corrected(prepare(rows, work, num_jobs=jobs, on_progress=Bar("tracking faces")))
        synthetic = prepare_synthetic(
            range(recipe.num_synthetic), work, num_jobs=jobs, on_progress=Bar("synthetic talkers")
        )
        visual = visual_inputs[mode]()
        real, synthetic = (
            [replace(clip, points=visual.of_points(clip.points)) for clip in clips] for clips in (real, synthetic)
        )
        return real, synthetic
    talkers = film_talkers(
        range(min(recipe.num_synthetic, MOST_FILMED)), work, num_jobs=jobs, on_progress=Bar("filming talkers")
    )
    seen = [
        [Seen.load(path).shown(mode) for path in look_at_all(some, work, num_jobs=jobs, on_progress=Bar(what))]
        for some, what in ((rows, "looking at faces"), (talkers, "looking at talkers"))
    ]
    usual = {True: 0.0, False: USUAL_DELAY}
    return [replace(clip, delay=usual[clip.speaker.startswith("grid")]) for clip in seen[0]], seen[1]


def _train_all(
    real: list[Clip], synthetic: list[Clip], recipe: SyncRecipe, checkpoints: list[Path], mode: str, jobs: int
) -> list[nn.Module]:
    """Every network; on a CPU side by side in processes of one thread, as two threads make one only a third faster."""
    state = require_accelerate().PartialState()
    if min(len(checkpoints), jobs) > 1 and state.num_processes == 1 and state.device.type == "cpu":
        with one_thread(), ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            waiting = [
                pool.submit(_train_alone, number, real, synthetic, recipe, checkpoint, mode)
                for number, checkpoint in enumerate(checkpoints)
            ]
            for done in waiting:
                done.result()
    return [_train_one(n, real, synthetic, recipe, checkpoint, mode) for n, checkpoint in enumerate(checkpoints)]


def _train_alone(number: int, *arguments: Any) -> None:
    """A process of its own; what it made lies in the checkpoint."""
    torch.set_num_threads(1)
    _train_one(number, *arguments)


def _train_one(
    number: int, real: list[Clip], synthetic: list[Clip], recipe: SyncRecipe, checkpoint: Path, mode: str
) -> nn.Module:
    seed = recipe.loop.seed + number
    torch.manual_seed(seed)
    network = network_of(mode, real[0], recipe.model)
    loss = partial(_loss, real=real, synthetic=synthetic, recipe=recipe, draw=batch_of(mode))
    bar = Bar(f"training {number + 1} of {recipe.num_models}")
    fit(
        network,
        loss,
        replace(recipe.loop, seed=seed),
        checkpoint=checkpoint,
        on_step=lambda step, shown: bar(step, recipe.loop.steps, shown),
    )
    return network


def _loss(
    network: nn.Module,
    rng: np.random.Generator,
    *,
    real: list[Clip],
    synthetic: list[Clip],
    recipe: SyncRecipe,
    draw: Draw,
) -> tuple[Tensor, dict[str, float]]:
    """Loss of one batch of real and synthetic crops."""
    num_real = round(recipe.batch * recipe.real_share) if synthetic else recipe.batch
    clips = [real[i] for i in rng.integers(len(real), size=num_real)]
    clips += [synthetic[i] for i in rng.integers(len(synthetic), size=recipe.batch - num_real)] if synthetic else []
    num = int(rng.integers(recipe.crop[0], recipe.crop[1] + 1))
    batch = draw(clips, range(len(clips)), num, recipe.augment, rng)
    seen, heard = network.embed_video(batch.points), network.embed_audio(batch.mels)  # type: ignore[operator]
    scores = torch.einsum("btd,bsd->bts", seen, heard) * network.scale()  # type: ignore[operator]
    matching, right = matching_loss(scores, batch.lead)
    # the audio of other clips: of the same speaker for the real ones, which only what is said tells apart
    others = [_rolled(num_real, len(clips), k) for k in range(1, recipe.num_mismatched + 1)]
    mismatched = [torch.einsum("btd,bsd->bts", seen, heard[k]) * network.scale() for k in others]  # type: ignore[operator]
    stretch = stretch_loss(scores, batch.lead, mismatched)
    return matching + recipe.stretch_weight * stretch, {"matched": float(right), "stretch": float(stretch.detach())}


def _rolled(num_real: int, num: int, by: int) -> np.ndarray:
    """(num,) the clip `by` places on: real ones among themselves, and synthetic ones."""
    real, synthetic = np.arange(num_real), np.arange(num_real, num)
    return np.concatenate([np.roll(real, by), np.roll(synthetic, by)])


USUAL_DELAY = 0.05
"""Seconds: how late the audio of the research clips is on average, by the data's own README."""


def _corrected(clips: list[Clip]) -> list[Clip]:
    """Clips with their own delay taken out where the weights that ship find it; GRID stays as it is, in sync."""
    if all(clip.speaker.startswith("grid") for clip in clips):
        return clips
    out, network = [], load_sync_weights().models[0]
    lags = np.arange(-30, 31)
    for clip in clips:
        if clip.speaker.startswith("grid"):
            out.append(clip)
            continue
        grid, points = to_grid_points(clip.times, clip.points)
        power = np.exp(clip.audio.astype(np.float32)) @ band_filters(1.0)
        stretches = compare([network], grid, points, round(clip.audio_start * 100), power, lags)
        peak = find_peak(FaceEvidence(0, stretches).curve(lags), EstimatorConfig(max_delay=0.3))
        clear = peak is not None and peak.margin > 5 and abs(peak.delay - USUAL_DELAY) < 0.12
        out.append(replace(clip, delay=peak.delay if peak is not None and clear else USUAL_DELAY))
    return out


def _sources(rows: list, num_real: int, num_synthetic: int) -> list[str]:
    counted = Counter((r.path.parent.name, r.licence) for r in rows)
    real = [f"from {n} clips of {who} ({licence})" for (who, licence), n in sorted(counted.items())]
    kept = f"{num_real} of these trained on, the rest kept for calibration"
    voices = "espeak-ng, flite and festival voices"
    return [*real, kept, f"{num_synthetic} synthetic talkers of this package (CC0 face model; {voices})"]
