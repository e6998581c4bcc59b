"""The two stretches of a talker's training: reconstruction until it levels off, then with a sync loss.

Knows clips, losses and the loop; refuses to know where clips come from and how a generator is written.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from viseme.data.loader import Loader, step_generator
from viseme.data.store import ClipStore
from viseme.engine.loop import Device, LoopConfig, Precision, fit, num_drawing_processes
from viseme.engine.progress import Bar
from viseme.media.contact_sheet import write_contact_sheet
from viseme.talker.batches import TalkerDraw
from viseme.talker.clips import NUM_FRAMES, TalkerClips
from viseme.talker.losses import Gan, SyncLoss, TalkerLoss, TalkerTrainee, masked_pose, tensors_of
from viseme.talker.networks import AudioEncoder, Discriminator, TalkerGenerator
from viseme.talker.perceptual import PerceptualLoss
from viseme.talker.recipes import TalkerRecipe

__all__ = ["Fitting", "Judges", "levelled_off"]

NUM_LOOKS = 4
"""Batches of held-out windows that are looked at."""
NUM_SAMPLES = 8
"""Frames of a sheet of samples."""


@dataclass(frozen=True)
class Judges:
    """What tells whether generated lips fit the audio."""

    name: str
    """Of the loss and its expert."""
    loss: SyncLoss | None
    features: ClipStore | None
    """What the expert finds of real clips, where it does."""
    redistributable: bool
    with_audio: bool = False


def levelled_off(history: Sequence[float], patience: int, least_gain: float) -> bool:
    """Whether the last `patience` looks bettered the best one before them by less than a share of `least_gain`.

    Example:
        >>> levelled_off([0.2, 0.1, 0.0999, 0.0998], 2, 0.01), levelled_off([0.2, 0.1, 0.09], 2, 0.01)
        (True, False)
    """
    if len(history) <= patience:
        return False
    return min(history[-patience:]) > (1 - least_gain) * min(history[:-patience])


@dataclass(frozen=True, kw_only=True)
class Fitting:
    """One run; everything in it is found again where it was stopped."""

    clips: TalkerClips
    kept: TalkerClips
    """Held out."""
    recipe: TalkerRecipe
    audio: AudioEncoder
    num_residual: int
    perceptual: PerceptualLoss | None
    judges: Judges
    gan: Gan
    names: tuple[str, str]
    """Of the audio encoder and of the perceptual network."""
    work: Path
    device: Device
    jobs: int
    precision: Precision
    resume: bool

    def fit(self) -> tuple[TalkerGenerator, int]:
        """The trained generator, and the update from which on the sync loss was there."""
        alone, synced = self._file(""), self._file(self.judges.name)
        if not self.resume:
            for path in (alone, synced, alone.with_suffix(".json")):
                path.unlink(missing_ok=True)
        trainee = self._trainee()
        sync_from = self._reconstruct(trainee, alone)
        if not synced.exists():
            shutil.copyfile(alone, synced)
        self._train(trainee, synced, sync_from + self.recipe.sync_steps, self.judges, "with the sync loss")
        return trainee.generator, sync_from

    @property
    def samples(self) -> Path:
        """Folder of sample frames."""
        return self.work / f"samples-{self._file(self.judges.name).stem}"

    def _trainee(self) -> TalkerTrainee:
        torch.manual_seed(self.recipe.seed)
        generator = TalkerGenerator(self.recipe.size, num_residual=self.num_residual)
        generator.audio_encoder.load_state_dict(self.audio.state_dict())
        return TalkerTrainee(generator, Discriminator(self.recipe.size.side, width=self.recipe.disc_width))

    def _reconstruct(self, trainee: TalkerTrainee, checkpoint: Path) -> int:
        """Train without a sync loss until held-out faces get no better; how many updates that took."""
        recipe, log = self.recipe, checkpoint.with_suffix(".json")
        history: list[float] = json.loads(log.read_text(encoding="utf-8")) if log.exists() else []
        every = recipe.validate_every
        while not self._done(history):
            steps = min((len(history) + 1) * every, recipe.most_alone)
            self._train(trainee, checkpoint, steps, Judges("none", None, None, True), "reconstruction")
            history.append(self.measured(trainee.generator)["l1"])
            log.write_text(json.dumps(history), encoding="utf-8")
        return min(len(history) * every, recipe.most_alone)

    def _done(self, history: Sequence[float]) -> bool:
        recipe = self.recipe
        return len(history) * recipe.validate_every >= recipe.most_alone or levelled_off(
            history, recipe.patience, recipe.least_gain
        )

    def _train(self, trainee: TalkerTrainee, checkpoint: Path, steps: int, judges: Judges, what: str) -> None:
        recipe = self.recipe
        loss = TalkerLoss(self.perceptual, judges.loss, self.gan)
        draw = TalkerDraw(self.clips, recipe.batch, recipe.other_share, judges.features, judges.with_audio)
        bar = Bar(what)

        def told(step: int, shown: dict[str, float]) -> None:
            bar(step, steps, shown)
            if step % recipe.validate_every == 0 or step == steps:
                self._write_samples(trainee.generator, step)

        fit(
            trainee,
            loss,
            LoopConfig(
                steps=steps,
                learning_rate=recipe.learning_rate,
                clip=100.0,
                seed=recipe.seed,
                save_every=recipe.validate_every,
                schedule="constant",
            ),
            batches=Loader(
                draw=draw,
                seed=recipe.seed,
                workers=num_drawing_processes(self.device, self.jobs),
            ),
            device=self.device,
            checkpoint=checkpoint,
            on_step=told,
            optimisers=self._optimisers,
            precision=self.precision,
        )

    def _optimisers(self, network: Any) -> list[torch.optim.Optimizer]:
        """Adam at the paper's rate, one for each network."""
        rate = self.recipe.learning_rate
        learnt = [p for p in network.generator.parameters() if p.requires_grad]
        return [torch.optim.Adam(some, rate) for some in (learnt, network.discriminator.parameters())]

    def _file(self, judge: str) -> Path:
        """Named after everything that decides what it holds."""
        recipe = self.recipe
        asked = (
            recipe.size, recipe.disc_width, recipe.batch, recipe.other_share, recipe.validate_every, recipe.patience,
            recipe.least_gain, recipe.most_alone, recipe.learning_rate, recipe.seed, self.clips.keys, self.gan,
            self.names, self.precision, judge,
        )  # fmt: skip
        self.work.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256(repr(asked).encode()).hexdigest()[:10]
        return self.work / f"talker-{digest}.pt"

    def measured(self, generator: TalkerGenerator) -> dict[str, float]:
        """Mean absolute difference of held-out faces, whole and lower half, and their signal-to-noise ratio."""
        found: dict[str, list[float]] = {"l1": [], "l1_lower": [], "psnr": []}
        for number in range(NUM_LOOKS):
            made, real = self._generated(generator, number)
            apart = (made - real).abs()
            found["l1"].append(float(apart.mean()))
            found["l1_lower"].append(float(apart[..., apart.shape[-2] // 2 :, :].mean()))
            found["psnr"].append(float(-10 * torch.log10(apart.square().mean() + 1e-12)))
        return {name: float(np.mean(values)) for name, values in found.items()}

    @torch.inference_mode()
    def _generated(self, generator: TalkerGenerator, number: int) -> tuple[Tensor, Tensor]:
        """Held-out faces, generated and real, on the CPU: the same ones at every look."""
        device = next(generator.parameters()).device
        draw = TalkerDraw(self.kept, self.recipe.batch, self.recipe.other_share)
        given = tensors_of(draw(step_generator(7, number)), device)
        real = given["faces"].flatten(0, 1)
        was_training = generator.training
        generator.eval()
        identity = given["identity"].repeat_interleave(NUM_FRAMES, 0)
        made = generator(identity, masked_pose(real), given["mel"].flatten(0, 1))
        generator.train(was_training)
        return made.float().cpu(), real.float().cpu()

    def _write_samples(self, generator: TalkerGenerator, step: int) -> None:
        made, real = self._generated(generator, 0)
        some = np.linspace(0, len(made) - 1, min(NUM_SAMPLES, len(made))).astype(int)
        shown = [np.moveaxis(x[some].numpy(), 1, -1) for x in (real, made)]
        write_contact_sheet(self.samples / f"{step:06d}.png", np.rint(shown[0] * 255).astype(np.uint8), shown[1])
