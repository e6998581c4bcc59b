"""`viseme train lip-expert`: the networks that judge generated lips, from clips.

Knows the order: prepare, train, measure on clips kept apart, write with a card. Refuses to train on clips that are for
measuring.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from viseme.core.errors import ConfigError, DataError
from viseme.data.loader import Loader, step_generator
from viseme.data.manifest import read_manifest
from viseme.engine.loop import Device, LoopConfig, Precision, fit, num_drawing_processes, training_device
from viseme.engine.progress import Bar
from viseme.expert.loss import agreement_loss
from viseme.expert.networks import SpeechEncoder
from viseme.expert.runner import COMPONENT as SPEECH
from viseme.talker.clips import TalkerClips, talker_clips
from viseme.talker.expert_batches import PairDraw, SpeechPairDraw
from viseme.talker.lip_expert import LipExpert, lip_expert_loss
from viseme.talker.losses import tensors_of
from viseme.talker.mouths import mouths_of
from viseme.talker.recipes import RECIPES, ExpertsRecipe
from viseme.weights.export import save_networks

__all__ = [
    "LIP_EXPERT",
    "SHIPS",
    "ExpertRun",
    "LipExpertResult",
    "counted_clips",
    "held_out",
    "make_lip_expert",
    "make_speech_expert",
    "train_lip_expert",
]

LIP_EXPERT = "lip-expert"
"""Component of a file of a lip expert."""
HELD_OUT = 10
"""One clip in so many is kept for measuring."""
NUM_LOOKS = 8
"""Batches that are measured."""


SHIPS = ("train",)
"""Uses of clips out of which come weights that may be passed on."""


@dataclass(frozen=True, kw_only=True)
class ExpertRun:
    """How experts are trained, beside clips and recipe."""

    work: Path
    """Where checkpoints are kept."""
    redistributable: bool
    """Whether what is made of the clips may be passed on; the card says so."""
    device: Device = "auto"
    jobs: int = 1
    precision: Precision = "no"
    resume: bool = True

    def checkpoint(self, name: str, asked: Any) -> Path:
        """Named after everything that decides what it holds."""
        path = self.work / f"{name}-{hashlib.sha256(repr(asked).encode()).hexdigest()[:8]}.pt"
        if not self.resume:
            path.unlink(missing_ok=True)
        return path

    def fit(self, network: nn.Module, loss: Any, loop: LoopConfig, draw: Any, checkpoint: Path, what: str) -> None:
        """Train; `what` is told beside the progress."""
        bar = Bar(what)
        workers = num_drawing_processes(self.device, self.jobs)
        fit(
            network,
            loss,
            loop,
            batches=Loader(draw=draw, seed=loop.seed, workers=workers),
            device=self.device,
            checkpoint=checkpoint,
            on_step=lambda step, shown: bar(step, loop.steps, shown),
            precision=self.precision,
        )

    def card(
        self, network: nn.Module, loop: LoopConfig, clips: TalkerClips, measured: dict[str, float]
    ) -> dict[str, Any]:
        """What a file says of itself."""
        return {
            "steps": loop.steps,
            "num_parameters": sum(p.numel() for p in network.parameters()),
            "training_data": counted_clips(clips),
            "held_out": {k: round(v, 4) for k, v in measured.items()},
            "preprocessing": f"tight faces of {clips.side} px at 25 Hz; 16 kHz audio",
            "redistributable": self.redistributable,
        }


@dataclass(frozen=True, kw_only=True)
class LipExpertResult:
    """What a training run made."""

    out: Path
    """The weights."""
    num_clips: int
    """Clips trained on."""
    seconds: float
    """Wall clock of this call."""
    measured: dict[str, float]
    """On clips kept apart."""

    def __str__(self) -> str:
        shown = ", ".join(f"{name} {value:.3f}" for name, value in self.measured.items())
        return f"{self.out}: {self.num_clips} clips, {self.seconds / 60:.1f} min; on other clips: {shown}"


def train_lip_expert(
    data: Path,
    *,
    out: Path = Path("lip-expert.safetensors"),
    kind: Literal["lip-expert", "speech"] = "lip-expert",
    recipe: Literal["paper", "small", "quick"] = "small",
    work: Path = Path("runs/talker"),
    steps: int | None = None,
    jobs: int = 2,
    device: Device = "auto",
    precision: Precision = "no",
    resume: bool = True,
) -> LipExpertResult:
    """Train a network that tells whether lips fit audio, and that generators can learn from.

    Args:
        data: Folder with manifest.csv; clips marked `dev` are never touched, and clips whose `truth_delay_ms` is empty
            are left out.
        out: Where the weights go (safetensors).
        kind: "lip-expert" sees five lower half faces and a mel window, as Wav2Lip's; "speech" is a speech expert that
            sees mouths, as AV-HuBERT does, trained to agree with audio: `viseme score --expert` takes it too.
        recipe: "paper" for a GPU; "small" takes minutes on two cores; "quick" tries it out.
        work: Where prepared clips and checkpoints are kept.
        steps: Updates, instead of the recipe's.
        jobs: Processes that prepare clips, then threads that train, or processes that draw batches for a GPU.
        device: Where to train; "auto" takes a GPU where there is one.
        precision: Mixed precision by bf16 or fp16; "no" is single precision throughout.
        resume: Go on from checkpoints in `work`; False = begin anew.

    Raises:
        ConfigError: the device is not there.
        DataError: no clips, or clips that must not be trained on.
    """
    began = time.perf_counter()
    training_device(device)
    torch.set_num_threads(max(1, jobs))
    chosen = RECIPES[recipe]()
    experts = chosen.experts
    if steps is not None:
        experts = replace(
            experts,
            lip_loop=replace(experts.lip_loop, steps=steps),
            speech_loop=replace(experts.speech_loop, steps=steps),
        )
    clips = talker_clips(read_manifest(data, chosen.uses), work, num_jobs=jobs)
    make = {"lip-expert": make_lip_expert, "speech": make_speech_expert}
    if kind not in make:
        raise ConfigError(f"there is no expert {kind!r}; known: {', '.join(make)}")
    run = ExpertRun(
        work=work,
        redistributable=chosen.uses == SHIPS,
        device=device,
        jobs=jobs,
        precision=precision,
        resume=resume,
    )
    measured = make[kind](clips, experts, out, run)
    num = len(held_out(clips)[0])
    return LipExpertResult(out=out, num_clips=num, seconds=time.perf_counter() - began, measured=measured)


def held_out(clips: TalkerClips) -> tuple[TalkerClips, TalkerClips]:
    """Clips to learn from and clips kept apart, one in ten, at least one.

    Raises:
        DataError: there is but one clip.
    """
    if len(clips) < 2:
        raise DataError("two clips are needed at least, one of them to measure on")
    order = sorted(range(len(clips)), key=lambda i: hashlib.sha256(clips.keys[i].encode()).digest())
    num = max(1, len(clips) // HELD_OUT)
    return clips.some(sorted(order[num:])), clips.some(sorted(order[:num]))


def make_lip_expert(clips: TalkerClips, recipe: ExpertsRecipe, out: Path, run: ExpertRun) -> dict[str, float]:
    """Train and write a lip expert; what was measured on clips kept apart."""
    learnt, kept = held_out(clips)
    torch.manual_seed(recipe.lip_loop.seed)
    network = LipExpert(width=recipe.lip_width)
    asked = (recipe.lip_width, recipe.lip_batch, recipe.lip_loop, learnt.keys)
    checkpoint = run.checkpoint(LIP_EXPERT, asked)
    draw = PairDraw(learnt, recipe.lip_batch)
    run.fit(network, lip_expert_loss, recipe.lip_loop, draw, checkpoint, "lip expert")
    measured = _measured(network, lip_expert_loss, PairDraw(kept, recipe.lip_batch))
    header = {
        "model": LIP_EXPERT,
        "config": network.config,
        "card": run.card(network, recipe.lip_loop, learnt, measured),
    }
    save_networks(out, {"": network}, component=LIP_EXPERT, header=header)
    return measured


def make_speech_expert(clips: TalkerClips, recipe: ExpertsRecipe, out: Path, run: ExpertRun) -> dict[str, float]:
    """Train and write a speech expert that sees pixels; what was measured on clips kept apart."""
    learnt, kept = held_out(clips)
    torch.manual_seed(recipe.speech_loop.seed)
    network = SpeechEncoder(recipe.speech_size)
    asked = (recipe.speech_size, recipe.speech_batch, recipe.speech_frames, recipe.speech_loop, learnt.keys)
    checkpoint = run.checkpoint("speech", asked)
    draw = SpeechPairDraw(learnt, recipe.speech_batch, recipe.speech_frames)
    run.fit(network, speech_pair_loss, recipe.speech_loop, draw, checkpoint, "speech expert")
    measured = _measured(network, speech_pair_loss, SpeechPairDraw(kept, recipe.speech_batch, recipe.speech_frames))
    card = run.card(network, recipe.speech_loop, learnt, measured)
    header = {"model": "speech-encoder", "config": asdict(network.config), "phones": (), "card": card}
    save_networks(out, {"": network}, component=SPEECH, header=header)
    return measured


def speech_pair_loss(network: Any, batch: Mapping[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
    """That lips alone, and lips with audio, agree with audio alone; the share of frames that find their audio.

    Source:
        Ours: `agreement_loss` alone, without the clusters of AV-HuBERT, because it is learnt in minutes.
    """
    given = tensors_of(batch, next(network.parameters()).device)
    size, num = given["to_mouth"].shape[:2]
    mouths = mouths_of(given["faces"].flatten(0, 1), given["to_mouth"].flatten(0, 1)).unflatten(0, (size, num))
    seen = network.feature_extractor_video(mouths)
    heard, apart = network.feature_extractor_audio(given["audio"]), network.feature_extractor_audio(given["apart"])
    none = torch.zeros_like(seen)
    lips, voice, both = (
        network.encoder(network.fuse(*pair), None, None) for pair in ((none, seen), (apart, none), (heard, seen))
    )
    pad = torch.zeros(size, num, dtype=torch.bool, device=seen.device)
    agree, matched = agreement_loss(lips.float(), voice.float(), (pad, pad), given["lead"])
    together, _ = agreement_loss(both.float(), voice.float(), (pad, pad), given["lead"])
    return agree + 0.5 * together, {"matched": matched}


@torch.inference_mode()
def _measured(network: nn.Module, loss: Any, draw: Any) -> dict[str, float]:
    """Means over some batches of clips kept apart, in evaluation mode."""
    network.eval()
    found: dict[str, list[float]] = {}
    for number in range(NUM_LOOKS):
        value, shown = loss(network, draw(step_generator(1, number)))
        for name, one in {"loss": value, **shown}.items():
            found.setdefault(name, []).append(float(one))
    return {name: float(np.mean(values)) for name, values in found.items()}


def counted_clips(clips: TalkerClips) -> list[str]:
    """How many clips of which source under which licence, for a card."""
    counted = Counter((info.source or "clips", info.licence) for info in clips.infos)
    return [f"{num} clips of {source} ({licence})" for (source, licence), num in sorted(counted.items())]
