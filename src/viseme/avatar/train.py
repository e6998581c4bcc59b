"""`viseme train avatar`: from videos of one person, with their consent, to a face that says anything.

Knows the order: consent, prepare, fit, export, measure what was exported on held-out frames, write with a card.
Resumable at every step.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import tyro
from torch import nn

from viseme.avatar.components import closed_mouth
from viseme.avatar.examples import Frames, split_frames
from viseme.avatar.file import COMPONENT, person_header, person_tensors
from viseme.avatar.fitting import Fitting, fit_compact, fit_paper
from viseme.avatar.hidden_mouths import hidden_mouths
from viseme.avatar.measure import Measured, measure_avatar
from viseme.avatar.prepare import PersonClips, prepare_person
from viseme.avatar.recipes import RECIPES, CompactRecipe, PaperRecipe, begun_recipe
from viseme.avatar.runner import load_avatar
from viseme.avatar.talker_start import read_talker
from viseme.core.avatars import AvatarTrainResult
from viseme.core.errors import ConfigError, ConsentError
from viseme.engine.loop import Device, training_device
from viseme.engine.progress import Bar, note
from viseme.face3d.atlas import LIP_COLUMNS, LIP_ROWS
from viseme.provenance.consent import Consent, read_consent
from viseme.sync.heard_streams import audio_stream_of, sync_streams
from viseme.weights import Checkpoint, read_checkpoint
from viseme.weights.export import save_networks

__all__ = ["fit_avatar", "train_avatar"]

Preset = Literal["compact", "light", "paper", "quick"]


def train_avatar(
    videos: tuple[Path, ...],
    *,
    out: Path = Path("person.vis"),
    consent: Path | None = None,
    preset: Preset = "compact",
    start: Annotated[str, tyro.conf.arg(name="from", metavar="talker|FILE")] = "",
    steps: int | None = None,
    epochs: int | None = None,
    jobs: int = 2,
    device: Device = "auto",
    work: Path = Path("runs/avatar"),
    resume: bool = True,
) -> AvatarTrainResult:
    """Train a personal 3D talking face on videos of one person who agreed to it.

    Args:
        videos: Two to five minutes of one person, seen from the front, whose own voice is heard.
        out: Where the avatar goes (.vis).
        consent: The person's statement, a small text file with subject, scope, date and signer; its hash goes into the
            avatar and into what it makes.
        preset: "compact" takes minutes on a CPU and can be driven by other voices; "light" and "paper" are LipSync3D,
            which take hours, better on a GPU; "quick" is LipSync3D with a quarter of the channels.
        start: The talker for everybody, or a file of one, with whose layers a compact avatar begins: it takes a quarter
            of the updates; "" = with none.
        steps: Updates, instead of the preset's.
        epochs: Passes over the frames, instead of the preset's; not of "compact".
        jobs: Processes that prepare videos, then threads that train.
        device: Where to train; "auto" takes a GPU where there is one.
        work: Where prepared frames, checkpoints and sample frames are kept.
        resume: Go on from what lies in `work`; False = begin the training anew.

    Raises:
        ConsentError: there is no valid statement.
        ConfigError: the device is not there, or the options do not fit the preset.
        DataError: too little of a face is seen.
        MediaError: a video cannot be read.
    """
    began = time.perf_counter()
    if consent is None:
        raise ConsentError(
            "an avatar needs the consent of the person; pass their statement with --consent FILE "
            "(four lines: subject, scope, date, signer)"
        )
    allowed = read_consent(consent)
    recipe = _chosen(preset, start, steps, epochs)
    training_device(device)
    clips = prepare_person(videos, work, num_jobs=jobs, on_progress=Bar("preparing"))
    for name, why in clips.left_out:
        note(f"left out: {name}: {why}")
    frames, kept = (_with_mouths(some) for some in split_frames(clips))
    note(f"{len(frames)} frames to learn from, {len(kept)} held out")
    found = fit_avatar(
        clips, frames, kept, recipe, preset, allowed, out=out, work=work, device=device, jobs=jobs, resume=resume
    )
    return AvatarTrainResult(
        out=out,
        subject=allowed.subject,
        preset=preset,
        num_frames=len(frames),
        seconds=time.perf_counter() - began,
        measured=found.numbers,
        sheet=found.sheet,
        times=found.times,
        openings=found.openings,
    )


def fit_avatar(
    clips: PersonClips,
    frames: Frames,
    kept: Frames,
    recipe: CompactRecipe | PaperRecipe,
    preset: str,
    consent: Consent,
    *,
    out: Path,
    work: Path,
    device: Device = "auto",
    jobs: int = 2,
    resume: bool = True,
) -> Measured:
    """Train an avatar on prepared frames, write it, and measure what was written on frames that were held out.

    Args:
        clips: Of the person.
        frames: To learn from.
        kept: Held out.
        recipe: What is made.
        preset: What the card calls it.
        consent: The person's statement.
        out: Where the avatar goes.
        work: Where checkpoints and sample frames are kept.
        device: Where to train.
        jobs: Threads.
        resume: Go on from a checkpoint in `work`.
    """
    torch.set_num_threads(max(1, jobs))
    maker = _Maker(clips, frames, kept, recipe, preset, consent, out, work, device, jobs, resume)
    network = maker.fitted()
    maker.save(network, {})
    found = measure_avatar(load_avatar(out, device="cpu"), kept)
    maker.save(network, found.numbers)
    return found


def _with_mouths(frames: Frames) -> Frames:
    """Without those in which something hides the mouth."""
    hidden = hidden_mouths(frames)
    if hidden.any():
        note(f"left out: {int(hidden.sum())} of {len(frames)} frames in which something hides the mouth")
    return Frames(frames.clips, frames.places[~hidden])


def _chosen(preset: str, start: str, steps: int | None, epochs: int | None) -> CompactRecipe | PaperRecipe:
    if preset not in RECIPES:
        raise ConfigError(f"there is no preset {preset!r}; known: {', '.join(RECIPES)}")
    chosen = RECIPES[preset]()
    if start:
        if not isinstance(chosen, CompactRecipe):
            raise ConfigError(f"preset {preset} cannot begin with a talker; --from is for preset compact")
        chosen = begun_recipe(start)
        read_talker(start, _ears())
    if epochs is not None:
        if isinstance(chosen, CompactRecipe):
            raise ConfigError("preset compact counts steps, not epochs; pass --steps")
        chosen = replace(chosen, epochs=epochs)
    return chosen if steps is None else replace(chosen, loop=replace(chosen.loop, steps=steps))


def _ears() -> Checkpoint:
    """The sync weights with whose audio stream compact avatars hear."""
    return read_checkpoint(None, component="sync", holds="sync model")


@dataclass(frozen=True)
class _Maker:
    """One run: from frames to a file."""

    clips: PersonClips
    frames: Frames
    kept: Frames
    recipe: CompactRecipe | PaperRecipe
    preset: str
    consent: Consent
    out: Path
    work: Path
    device: Device
    jobs: int
    resume: bool

    @cached_property
    def talker(self) -> Checkpoint | None:
        """With whose layers the network begins."""
        start = self.recipe.start if isinstance(self.recipe, CompactRecipe) else ""
        return read_talker(start, _ears()) if start else None

    def fitted(self) -> nn.Module:
        """The trained network, on the CPU."""
        run = Fitting(
            frames=self.frames,
            closed=closed_mouth(self.frames),
            lips=(LIP_ROWS, LIP_COLUMNS),
            work=self.work,
            device=self.device,
            jobs=self.jobs,
            resume=self.resume,
            kept=self.kept,
        )
        if isinstance(self.recipe, PaperRecipe):
            return fit_paper(run, self.recipe, self.clips.cylinder.radius)
        sync = _ears()
        streams: list[Any] = [*sync_streams(sync, threads=self.jobs)]
        return fit_compact(run, self.recipe, streams, sync.name, self.talker)

    def save(self, network: nn.Module, measured: dict[str, float]) -> None:
        """Write the avatar."""
        tensors, graphs, num = {}, {}, 0
        if isinstance(self.recipe, CompactRecipe):
            sync = _ears()
            tensors, graphs = audio_stream_of(sync)
            num = len(sync.header["scales"])
        header = {
            "preset": self.preset,
            "num_streams": num,
            "consent": self.consent.to_json(),
            "cylinder": person_header(self.clips.cylinder),
            "card": self._card(network, measured),
        }
        person = person_tensors(
            self.clips.reference, self.clips.reference_atlas, self.clips.cylinder, closed_mouth(self.frames)
        )
        save_networks(
            self.out,
            {"": network},
            component=COMPONENT,
            header=header,
            beside={**tensors, **person},
            graphs_beside=graphs,
        )

    def _card(self, network: nn.Module, measured: dict[str, float]) -> dict[str, Any]:
        return {
            "preset": self.preset,
            **({} if self.talker is None else {"from": self.talker.name}),
            "steps": self.recipe.loop.steps,
            "num_parameters": sum(p.numel() for p in network.parameters()),
            "training_data": f"{len(self.frames)} frames of {len(self.clips)} clips of {self.consent.subject}",
            "audio_delays": [round(delay, 4) for delay in self.clips.delays],
            "left_out": len(self.clips.left_out),
            "held_out": {name: round(value, 4) for name, value in measured.items()},
            "redistributable": False,
        }
