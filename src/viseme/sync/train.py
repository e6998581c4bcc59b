"""`viseme train sync`: from clips to the weights that ship, resumable at every step.

Knows the order: prepare, train, calibrate, write with a card. Refuses to train on clips that are for measuring.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from viseme.core.errors import DataError
from viseme.data.loader import Loader
from viseme.data.manifest import read_manifest
from viseme.engine.jobs import one_thread
from viseme.engine.loop import Device, fit, num_drawing_processes, training_device
from viseme.engine.progress import Bar, note
from viseme.sync.batches import BatchDraw, balanced
from viseme.sync.calibrate import TrialClips, calibrate
from viseme.sync.clips import Clip, ClipSet, JoinedClips
from viseme.sync.corpus import RealClips, people_apart, real_clips, recorded_clips, synthetic_clips
from viseme.sync.export import save_sync_weights
from viseme.sync.inputs.interface import Input
from viseme.sync.loss import batch_loss
from viseme.sync.models.torch_model import TorchModel
from viseme.sync.networks import model_name, network_of
from viseme.sync.phones import PhoneClip, phone_clips, teach_phones
from viseme.sync.recipes import RECIPES, Crops, SyncRecipe

__all__ = ["TrainResult", "train_network", "train_sync"]

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
    delays: str
    """How many delays were known, how many estimated, and how many clips were left out and why."""
    seconds: float
    """Wall clock of this call."""
    calibration: dict[str, float]
    """Measured on held-out clips."""

    def __str__(self) -> str:
        c = self.calibration
        return (
            f"{self.out}: {self.num_real} real and {self.num_synthetic} synthetic clips, {self.seconds / 60:.1f} min; "
            f"held-out trials {c['trials']:.0f}, answered {c['answered']:.1%}, right among answers "
            f"{c['right_among_answers']:.1%}, mean squared error of the probability {c['brier']:.3f}\n{self.delays}"
        )


def train_sync(
    out: Path = Path("runs/sync/sync.safetensors"),
    *,
    data: Path = Path("../shared/data"),
    speech: tuple[Path, ...] = (Path("../shared/speech"),),
    work: Path = Path("runs/sync"),
    recipe: Literal["open", "shipped", "research", "quick"] = "open",
    input: Input = "landmarks",
    jobs: int = 2,
    steps: int | None = None,
    models: int | None = None,
    device: Device = "auto",
    resume: bool = True,
) -> TrainResult:
    """Train the sync model and write its weights.

    Args:
        out: Where the weights go (safetensors).
        data: Folder with manifest.csv; clips marked `dev` are never touched. Where its `truth_delay_ms` says how late
            a clip's audio is, that is used; where it does not, the weights that ship tell, and a clip whose delay
            stays unclear is left out.
        speech: Folders with recordings of people, or of Kokoro's voices, and their phones (manifest.csv, phones.jsonl),
            which synthetic talkers say; where none is there, there are none of these.
        work: Where prepared clips and checkpoints are kept.
        recipe: "open" makes what ships; "shipped" has the settings of `sync-mesh`, which are older; "research" adds
            clips that may not be used for that; "quick" tries it out.
        input: What the video stream sees: "landmarks", "mesh" or "beta", or frames, "raw" or of the standard face
            ("rgb", "rgbd"). All but the first two are trained on filmed talkers, fewer of them, not on landmarks.
        jobs: Processes that prepare clips, then train networks side by side on a CPU, or draw batches for a GPU;
            threads where one network is trained on a CPU.
        steps: Updates of each network, instead of the recipe's.
        models: Networks that answer together, instead of the recipe's number.
        device: Where to train; "auto" takes a GPU where there is one.
        resume: Go on from checkpoints in `work`; False = begin anew, whatever is in `work`.

    Raises:
        ConfigError: the device is not there.
        DataError: no clips, or clips that must not be trained on.
    """
    began = time.perf_counter()
    training_device(device)
    torch.set_num_threads(max(1, jobs))
    chosen = _chosen(recipe, steps, models)
    rows = read_manifest(data, chosen.uses)
    if not rows:
        raise DataError(f"{data} has no clips to train on")
    found = real_clips(rows, work, input=input, num_jobs=jobs)
    note(str(found))
    talkers = synthetic_clips(chosen.num_synthetic, work, input=input, num_jobs=jobs)
    recorded = recorded_clips(chosen.num_recorded, speech, work, input=input, num_jobs=jobs)
    needed = chosen.held_out + max(crops.batch for crops in chosen.crops)
    if len(found.clips) < needed:
        raise DataError(f"only {len(found.clips)} clips of {data} could be used; {needed} are needed ({found})")
    pairs = [people_apart(found.clips, chosen.held_out), people_apart(talkers, chosen.held_out)]
    if recorded is not None:  # one person says one thing through many faces: more people, not more clips
        pairs.append(people_apart(recorded, chosen.held_out, least_people=chosen.held_out_voices))
    kept, (real, *others) = _trial_clips([a for a, _ in pairs]), [b for _, b in pairs]
    synthetic = JoinedClips(tuple(others))
    run = hashlib.sha256(repr((chosen, real.keys, real.delays, synthetic.keys)).encode()).hexdigest()[:8]
    heard = phone_clips(speech, without=_voices(kept)) if chosen.phones else ()
    checkpoints = [work / f"{recipe}-{input}-{run}-{number}.pt" for number in range(chosen.num_models)]
    for checkpoint in () if resume else checkpoints:
        checkpoint.unlink(missing_ok=True)
    networks = _train_all(_Run(real, synthetic, heard, chosen, input, device, jobs), checkpoints)
    calibration, measured = calibrate(
        [TorchModel(n) for n in networks], kept, num_trials=chosen.num_trials, on_progress=Bar("calibrating")
    )
    card = _card(recipe, chosen, input, networks, found, len(real), others, measured)
    save_sync_weights(out, networks, input_mode=input, calibration=calibration, card=card, model=model_name(input))
    return TrainResult(
        out=out,
        num_real=len(real),
        num_synthetic=len(synthetic),
        delays=str(found),
        seconds=time.perf_counter() - began,
        calibration=measured,
    )


def _trial_clips(sets: Sequence[ClipSet]) -> TrialClips:
    """Half of the trials are of real clips, the first set, the other half of the others alike; voices that do not
    belong are those of the others."""
    shares = [0.5, *([0.5 / (len(sets) - 1)] * (len(sets) - 1))]
    odds = np.concatenate([np.full(len(clips), share / len(clips)) for clips, share in zip(sets, shares)])
    return TrialClips(
        clips=JoinedClips(tuple(sets)),
        voices=JoinedClips(tuple(sets[1:])),
        odds=odds / odds.sum(),
        sources=[name for clips, name in zip(sets, SOURCES) for _ in clips.keys],
    )


SOURCES = ("real", "synthetic", "recorded")
"""Names of the sets of clips, in their order."""


def _voices(kept: TrialClips) -> set[str]:
    """Recorded people who are kept for calibration."""
    return {clip.speaker.removeprefix("recorded-") for clip in kept.voices}


def _chosen(recipe: str, steps: int | None, models: int | None) -> SyncRecipe:
    chosen = RECIPES[recipe]()
    if steps is not None:
        chosen = replace(chosen, loop=replace(chosen.loop, steps=steps))
    return chosen if models is None else replace(chosen, num_models=models)


def _recordings(clips: ClipSet) -> str:
    """What the recordings that talkers say are under."""
    licences = sorted({info.licence for info in clips.infos})
    credit = " (LibriSpeech: Panayotov, Chen, Povey, Khudanpur, 2015)"
    return "recordings, " + "; ".join(name + credit * (name == "CC BY 4.0") for name in licences)


def _card(
    name: str,
    recipe: SyncRecipe,
    input: str,
    networks: Sequence[nn.Module],
    found: RealClips,
    num_real: int,
    talkers: Sequence[ClipSet],
    measured: dict[str, float],
) -> dict[str, Any]:
    """What the weights say about themselves."""
    kept = f"{num_real} of these trained on, the rest, other people, kept for calibration"
    voices = [
        f"{len(clips)} synthetic talkers of this package (CC0 face model; {voice})"
        for clips, voice in zip(talkers, ("espeak-ng, flite and festival voices", *map(_recordings, talkers[1:])))
    ]
    return {
        "recipe": name,
        "steps": recipe.loop.steps,
        "num_models": recipe.num_models,
        "num_parameters": sum(p.numel() for n in networks for p in n.parameters()),
        "training_data": [*found.sources(), kept, *voices],
        "delays": {
            "known": found.num_known,
            "estimated": found.num_estimated,
            "unclear, left out": len(found.unclear),
            "no usable face or audio, left out": len(found.unusable),
        },
        "preprocessing": f"{_SEEN[input]}, 25 Hz; 16 kHz, 40 log-mels, 100 Hz",
        "held_out": {k: round(v, 4) for k, v in measured.items()},
    }


@dataclass(frozen=True)
class _Run:
    """What every network of a run is trained on, and how."""

    real: ClipSet
    synthetic: Sequence[Clip]
    phones: Sequence[PhoneClip]
    recipe: SyncRecipe
    input: str
    device: Device
    jobs: int


def _train_all(run: _Run, checkpoints: Sequence[Path]) -> list[nn.Module]:
    """Every network; on a CPU side by side in processes of one thread, as two threads make one only a third faster."""
    from accelerate import PartialState

    state: Any = PartialState()
    if min(len(checkpoints), run.jobs) > 1 and state.num_processes == 1 and state.device.type == "cpu":
        with one_thread(), ProcessPoolExecutor(run.jobs, mp_context=get_context("spawn")) as pool:
            waiting = [pool.submit(_train_alone, run, number, path) for number, path in enumerate(checkpoints)]
            for done in waiting:
                done.result()
    return [_train_one(run, number, path) for number, path in enumerate(checkpoints)]


def _train_alone(run: _Run, number: int, checkpoint: Path) -> None:
    """A process of its own; what it made lies in the checkpoint."""
    torch.set_num_threads(1)
    _train_one(run, number, checkpoint)


def _train_one(run: _Run, number: int, checkpoint: Path) -> nn.Module:
    workers = num_drawing_processes(run.device, run.jobs)
    return train_network(
        run.real,
        run.synthetic,
        run.recipe,
        phones=run.phones,
        input=run.input,
        seed=run.recipe.loop.seed + number,
        crops=run.recipe.crops[number % len(run.recipe.crops)],
        device=run.device,
        workers=workers,
        checkpoint=checkpoint,
        bar=Bar(f"training {number + 1} of {run.recipe.num_models}"),
    )


def train_network(
    real: ClipSet,
    synthetic: Sequence[Clip],
    recipe: SyncRecipe,
    *,
    phones: Sequence[PhoneClip] = (),
    input: str,
    seed: int,
    crops: Crops | None = None,
    device: Device = "auto",
    workers: int = 0,
    checkpoint: Path | None = None,
    bar: Bar | None = None,
) -> nn.Module:
    """One network of a recipe.

    Args:
        real: Real clips.
        synthetic: Synthetic talkers; may be empty.
        recipe: Everything else that decides.
        phones: Recordings whose phones the audio stream learns to tell first; may be empty.
        input: What the clips show.
        seed: Of the network and its batches.
        crops: What it sees of a clip; None = the first of the recipe.
        device: Where to train.
        workers: Processes that draw batches ahead; 0 = none.
        checkpoint: Where training goes on from, and is kept.
        bar: Told how far it is.
    """
    torch.manual_seed(seed)
    network = network_of(input, real[0], recipe.model)
    if phones and recipe.phones:
        lessons = replace(recipe.phones, seed=seed)
        teach_phones(
            network,
            phones,
            augment=recipe.augment,
            loop=lessons,
            width=recipe.model.width,
            device=device,
            checkpoint=checkpoint and checkpoint.with_suffix(".phones.pt"),
            on_step=None if bar is None else lambda step, shown: bar(step, lessons.steps, shown),
        )
    crops = crops or recipe.crops[0]
    draw = BatchDraw(
        real=real,
        real_odds=balanced([info.speaker for info in real.infos]) if recipe.balanced else None,
        synthetic=synthetic,
        input=input,
        size=crops.batch,
        real_share=recipe.real_share,
        crop=(crops.least, crops.most),
        augment=recipe.augment,
        num_mismatched=recipe.num_mismatched,
        real_speakers=[info.speaker for info in real.infos] if recipe.paired else (),
    )
    steps = recipe.loop.steps
    return fit(
        network,
        partial(batch_loss, stretch_weight=recipe.stretch_weight),
        replace(recipe.loop, seed=seed),
        batches=Loader(draw=draw, seed=seed, workers=workers),
        device=device,
        checkpoint=checkpoint,
        on_step=None if bar is None else lambda step, shown: bar(step, steps, shown),
    )
