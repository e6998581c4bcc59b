"""`viseme train talker`: from clips to one talking-face generator for everybody, resumable at every step.

Knows the order: prepare, experts, reconstruct until that levels off, then with the sync loss, measure, write with a
card. Refuses to train on clips that are for measuring.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch

from viseme.core.errors import ConfigError
from viseme.data.manifest import TRAINABLE, read_manifest
from viseme.engine.loop import Device, Precision, training_device
from viseme.engine.progress import note
from viseme.talker.atlas_train import AtlasRecipe, train_atlas_talker
from viseme.talker.clips import TalkerClips, talker_clips
from viseme.talker.expert_sync import ExpertSync, expert_features, expert_of, read_pixel_expert
from viseme.talker.fitting import Fitting, Judges
from viseme.talker.lip_expert import LipExpertSync
from viseme.talker.lip_expert_files import LoadedLipExpert, load_lip_expert
from viseme.talker.losses import Gan, SyncLoss
from viseme.talker.perceptual import MOBILENET, perceptual_loss_of
from viseme.talker.pixel_runner import PIXELS
from viseme.talker.recipes import RECIPES, TalkerRecipe
from viseme.talker.runner import COMPONENT
from viseme.talker.train_experts import SHIPS, ExpertRun, counted_clips, held_out, make_lip_expert, make_speech_expert
from viseme.weights.export import save_networks

__all__ = [
    "SYNC",
    "Sync",
    "TalkerOptions",
    "TalkerTrainResult",
    "experts_of",
    "judges_of",
    "make_talker",
    "train_talker",
]

Sync = Literal["unsup", "visual", "multi", "lip-expert", "none"]
SYNC: tuple[Sync, ...] = ("unsup", "visual", "multi", "lip-expert", "none")
"""Sync losses."""


@dataclass(frozen=True, kw_only=True)
class TalkerTrainResult:
    """What a training run made."""

    out: Path
    """The weights."""
    num_clips: int
    """Clips trained on."""
    num_parameters: int
    """Of the generator, audio encoder left out."""
    sync_from: int
    """Update from which on the sync loss was there."""
    steps: int
    """Updates in all."""
    seconds: float
    """Wall clock of this call."""
    measured: dict[str, float]
    """On clips kept apart."""
    samples: Path
    """Folder of sample frames."""

    def __str__(self) -> str:
        shown = ", ".join(f"{name} {value:.4f}" for name, value in self.measured.items()) or "not measured"
        return (
            f"{self.out}: {self.num_parameters / 1e6:.1f} M parameters, {self.num_clips} clips, {self.steps} updates "
            f"(sync loss from {self.sync_from}), {self.seconds / 60:.1f} min; on other clips: {shown}; "
            f"sample frames in {self.samples}"
        )


def train_talker(
    data: Path,
    *,
    out: Path = Path("talker.safetensors"),
    recipe: Literal["paper", "talker-192", "small", "tiny", "quick", "atlas"] = "small",
    sync: Sync = "unsup",
    expert: Path | None = None,
    lip_expert: Path | None = None,
    perceptual: str = MOBILENET,
    gan: Gan = "original",
    uses: str = "train",
    speech: tuple[Path, ...] = (Path("../shared/speech"),),
    work: Path = Path("runs/talker"),
    steps: int | None = None,
    jobs: int = 2,
    device: Device = "auto",
    precision: Precision = "no",
    resume: bool = True,
) -> TalkerTrainResult:
    """Train one talking-face generator for everybody, after Yaman et al., and write it for `viseme dub --talker`.

    Args:
        data: Folder with manifest.csv; clips marked `dev` are never touched, and clips whose `truth_delay_ms` is empty
            are left out; for "atlas" the weights that ship estimate the delay instead.
        out: Where the generator goes (safetensors).
        recipe: "paper" is the published size, for a GPU; "talker-192" has larger faces; "small" is for two cores,
            "tiny" for little time too; "quick" tries it out. "atlas" is ours, whose weights ship: other networks,
            without experts; only data, out, uses, speech, work, steps (of the painter), jobs, device and resume count
            for it.
        sync: What tells whether lips fit the audio: a speech expert that compares generated lips with audio (unsup),
            with real lips (visual), or both with audio (multi); Wav2Lip's lip-expert; or none.
        expert: A speech expert that sees pixels; None = one is trained on the same clips first.
        lip_expert: Of `viseme train lip-expert`, or your copy of Wav2Lip's; its audio encoder is the generator's;
            None = one is trained on the same clips first.
        perceptual: "mobilenet-v2" (extra fid), your file of torchvision's VGG-19, as in the paper, or "none".
        gan: "original" as in the paper, or "hinge".
        uses: Which clips of the manifest, with commas: train, train-research. What is trained on the latter must not
            be passed on.
        speech: Folders with recordings of people and their phones (manifest.csv, phones.jsonl). Synthetic talkers say
            them, and "atlas" learns motion from these; without such a folder there are none.
        work: Where prepared clips, checkpoints and sample frames are kept.
        steps: Updates with the sync loss, instead of the recipe's, and at most as many before it.
        jobs: Processes that prepare clips, then threads that train, or processes that draw batches for a GPU.
        device: Where to train; "auto" takes a GPU where there is one. `accelerate launch` takes several.
        precision: Mixed precision by bf16 or fp16; "no" is single precision throughout.
        resume: Go on from checkpoints in `work`; False = begin anew.

    Raises:
        ConfigError: the device is not there, or an option makes no sense.
        DataError: no clips, or clips that must not be trained on.
        EspeakMissing: recipe "atlas" films synthetic talkers, and espeak-ng is not installed.
        WeightsError: a file of an expert or of VGG-19 is not what it should be.
    """
    began = time.perf_counter()
    training_device(device)
    torch.set_num_threads(max(1, jobs))
    if recipe == "atlas":
        chosen = AtlasRecipe()
        if steps is not None:
            chosen = replace(chosen, painter=replace(chosen.painter, steps=steps))
        card = train_atlas_talker(
            data,
            out=out,
            work=work,
            recipe=chosen,
            speech=speech,
            jobs=jobs,
            device=device,
            uses=_uses(uses),
            resume=resume,
        )
        return _atlas_result(card, chosen, out, work, time.perf_counter() - began)
    chosen = _chosen(recipe, uses, steps)
    options = TalkerOptions(
        sync=sync,
        expert=expert,
        lip_expert=lip_expert,
        perceptual=perceptual,
        gan=gan,
        work=work,
        jobs=jobs,
        device=device,
        precision=precision,
        resume=resume,
    )
    options.check()  # what is missing is told before the work and not after it
    clips = talker_clips(read_manifest(data, chosen.uses), work, side=chosen.size.side, num_jobs=jobs)
    return replace(make_talker(clips, chosen, recipe, options, out), seconds=time.perf_counter() - began)


def _atlas_result(
    card: dict[str, Any], recipe: AtlasRecipe, out: Path, work: Path, seconds: float
) -> TalkerTrainResult:
    return TalkerTrainResult(
        out=out,
        num_clips=card["num_clips"] + card["num_synthetic"],
        num_parameters=card["num_parameters"],
        sync_from=0,
        steps=recipe.mover.steps + recipe.painter.steps,
        seconds=seconds,
        measured={},
        samples=work,
    )


@dataclass(frozen=True, kw_only=True)
class TalkerOptions:
    """What a run is made with beside clips and recipe; see `train_talker`."""

    sync: Sync
    expert: Path | None
    lip_expert: Path | None
    perceptual: str
    work: Path
    gan: Gan = "original"
    jobs: int = 1
    device: Device = "auto"
    precision: Precision = "no"
    resume: bool = True

    def check(self) -> None:
        """Refuse what cannot work.

        Raises:
            ConfigError, MissingExtra, WeightsError: see `train_talker`.
        """
        if self.sync not in SYNC:
            raise ConfigError(f"there is no sync loss {self.sync!r}; known: {', '.join(SYNC)}")
        perceptual_loss_of(self.perceptual)
        if self.expert is not None:
            read_pixel_expert(self.expert)
        if self.lip_expert is not None:
            load_lip_expert(self.lip_expert)


def make_talker(
    clips: TalkerClips, recipe: TalkerRecipe, name: str, options: TalkerOptions, out: Path
) -> TalkerTrainResult:
    """Train on prepared clips and write the generator.

    Args:
        clips: Prepared; one in ten is held out.
        recipe: Complete.
        name: Of the recipe, for the card.
        options: What else.
        out: Where the generator goes.
    """
    began = time.perf_counter()
    seen = perceptual_loss_of(options.perceptual)
    learnt, kept = held_out(clips)
    note(f"{len(learnt)} clips to learn from, {len(kept)} held out")
    judges, heard = judges_of(clips, recipe, options)
    run = Fitting(
        clips=learnt,
        kept=kept,
        recipe=recipe,
        audio=heard.audio,
        num_residual=heard.num_residual,
        perceptual=seen,
        judges=judges,
        gan=options.gan,
        names=(heard.name, seen.name if seen else "none"),
        work=options.work,
        device=options.device,
        jobs=options.jobs,
        precision=options.precision,
        resume=options.resume,
    )
    generator, sync_from = run.fit()
    measured = run.measured(generator)
    total = sync_from + recipe.sync_steps
    num = sum(p.numel() for p in generator.parameters()) - sum(p.numel() for p in generator.audio_encoder.parameters())
    card = {
        "recipe": name,
        "steps": total,
        "sync": options.sync,
        "sync_from": sync_from,
        "experts": [judges.name, heard.name],
        "perceptual": run.names[1],
        "gan": options.gan,
        "num_parameters": num,
        "training_data": counted_clips(learnt),
        "held_out_clips": len(kept),
        "held_out": {k: round(v, 5) for k, v in measured.items()},
        "preprocessing": f"brow to chin, {clips.side} px, 25 Hz; 80 x 16 mel windows of 200 ms",
        "redistributable": judges.redistributable and heard.redistributable and recipe.uses == SHIPS,
    }
    header = {"model": PIXELS, "config": asdict(recipe.size), "num_residual": heard.num_residual, "card": card}
    save_networks(out, {"": generator}, component=COMPONENT, header=header)
    return TalkerTrainResult(
        out=out,
        num_clips=len(learnt),
        num_parameters=num,
        sync_from=sync_from,
        steps=total,
        seconds=time.perf_counter() - began,
        measured=measured,
        samples=run.samples,
    )


def _chosen(name: str, uses: str, steps: int | None) -> TalkerRecipe:
    if name not in RECIPES:
        raise ConfigError(f"there is no recipe {name!r}; known: {', '.join(RECIPES)}")
    chosen = replace(RECIPES[name](), uses=_uses(uses))
    if steps is None:
        return chosen
    if steps < 1:
        raise ConfigError(f"{steps} is no number of updates")
    return replace(chosen, sync_steps=steps, most_alone=min(steps, chosen.most_alone))


def _uses(text: str) -> tuple[str, ...]:
    asked = tuple(use.strip() for use in text.split(",") if use.strip())
    if not asked:
        raise ConfigError(f"say which clips to use: {', '.join(TRAINABLE)}")
    return asked


def judges_of(clips: TalkerClips, recipe: TalkerRecipe, options: TalkerOptions) -> tuple[Judges, LoadedLipExpert]:
    """The sync loss and the lip expert whose audio encoder is used, trained first where none is given."""
    sync, work = options.sync, options.work
    file = _made(options.lip_expert, "lip-expert", clips, recipe, options)
    heard = load_lip_expert(file)
    if sync == "none":
        return Judges("none", None, None, True), heard
    if sync == "lip-expert":
        if heard.whole is None:
            raise ConfigError(f"{file} has no face encoder; --sync lip-expert needs a whole lip expert")
        return Judges(f"{sync}:{heard.name}", LipExpertSync(heard.whole), None, heard.redistributable), heard
    found = read_pixel_expert(_made(options.expert, "speech", clips, recipe, options))
    network = expert_of(found)
    features = expert_features(clips, network, found.name, sync, work, training_device(options.device))
    free = bool(found.header["card"].get("redistributable", False))
    loss: SyncLoss = ExpertSync(network, sync)
    return Judges(f"{sync}:{found.name}", loss, features, free, with_audio=sync == "multi"), heard


def experts_of(clips: TalkerClips, recipe: TalkerRecipe, options: TalkerOptions) -> tuple[Path, Path]:
    """Files of the lip expert and of the speech expert, trained first where none is given."""
    return _made(options.lip_expert, "lip-expert", clips, recipe, options), _made(
        options.expert, "speech", clips, recipe, options
    )


def _made(given: Path | None, kind: str, clips: TalkerClips, recipe: TalkerRecipe, options: TalkerOptions) -> Path:
    """The file that was given, or one that is trained on the same clips once."""
    if given is not None:
        return given
    asked = hashlib.sha256(repr((recipe.experts, clips.keys, clips.side)).encode()).hexdigest()[:8]
    path = options.work / f"{kind}-{asked}.safetensors"
    if not path.exists():
        note(f"no {kind} was given: training one on the same clips")
        make = make_lip_expert if kind == "lip-expert" else make_speech_expert
        run = ExpertRun(
            work=options.work,
            redistributable=recipe.uses == SHIPS,
            device=options.device,
            jobs=options.jobs,
            precision=options.precision,
            resume=options.resume,
        )
        make(clips, recipe.experts, path, run)
    return path
