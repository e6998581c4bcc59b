"""`viseme train voice`: the network that moves the default head by any voice, from recordings and speech engines.

Knows the order: prepare, train, tune on people kept apart, measure on others, write with a card.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from viseme.avatar.voice.batches import VoiceDraw, VoiceLoss
from viseme.avatar.voice.corpus import VoiceClip, engine_voices, recorded_voices
from viseme.avatar.voice.measurement import VoiceReport, measure, tune
from viseme.avatar.voice.network import VoiceToFace
from viseme.avatar.voice.recipes import RECIPES, VoiceRecipe
from viseme.avatar.voice.runner import COMPONENT, VoiceCurves, VoiceTuning
from viseme.core.errors import DataError
from viseme.data.loader import Loader
from viseme.engine.loop import Device, fit, training_device
from viseme.engine.progress import Bar
from viseme.weights.export import save_networks

__all__ = ["TrainedVoice", "train_voice"]


@dataclass(frozen=True, kw_only=True)
class TrainedVoice:
    """What a training run made."""

    out: Path
    num_clips: int
    """Utterances trained on."""
    recorded: VoiceReport
    """Of recorded people marked `dev`, or of those kept for tuning where there are none."""
    engines: VoiceReport
    """Of voices of speech engines that were kept from training."""
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.out}: {self.num_clips} utterances, {self.seconds / 60:.1f} min\n"
            f"recorded people held out, {self.recorded}\nvoices of engines held out, {self.engines}"
        )


class _TorchSession:
    """A network under training in place of a session: the same call."""

    def __init__(self, network: VoiceToFace) -> None:
        self._network = network.eval()

    @torch.inference_mode()
    def run(self, mels: np.ndarray) -> dict[str, np.ndarray]:
        """See `Session.run`."""
        return {"curves": self._network.curves(torch.from_numpy(mels)).cpu().numpy()}


def train_voice(
    out: Path = Path("runs/voice/voice.safetensors"),
    *,
    speech: tuple[Path, ...] = (Path("../shared/speech"),),
    work: Path = Path("runs/voice"),
    recipe: Literal["open", "quick"] = "open",
    jobs: int = 1,
    steps: int | None = None,
    device: Device = "auto",
    resume: bool = True,
) -> TrainedVoice:
    """Train the network that moves lips and jaw by any voice, and write its weights.

    Args:
        out: Where the weights go (safetensors).
        speech: Folders with recordings of people and their phones (manifest.csv, phones.jsonl); rows of use `dev` are
            for measuring alone. Where none is there, voices of speech engines are all.
        work: Where prepared voices and checkpoints are kept.
        recipe: "open" makes what ships, some ten minutes of one core; "quick" tries it out.
        jobs: Processes that prepare voices.
        steps: Updates of each part, instead of the recipe's.
        device: Where to train; "auto" takes a GPU where there is one.
        resume: Go on from the checkpoint in `work`; False = begin anew, whatever is in `work`.

    Raises:
        ConfigError: the device is not there.
        DataError: there is nothing to train on.
        EspeakMissing, VoiceMissing: a speech engine is not installed.
    """
    began = time.perf_counter()
    training_device(device)
    chosen: VoiceRecipe = RECIPES[recipe]()
    if steps is not None:
        lessons = tuple(replace(lesson, loop=replace(lesson.loop, steps=steps)) for lesson in chosen.lessons)
        chosen = replace(chosen, lessons=lessons)
    people = recorded_voices(speech, work, num_jobs=jobs, on_progress=Bar("recorded voices"))
    dev = recorded_voices(speech, work, use="dev", num_jobs=jobs, on_progress=Bar("voices for measuring"))
    engines = engine_voices(range(chosen.num_engine), work, num_jobs=jobs, on_progress=Bar("voices of engines"))
    kept = _kept_people(people, chosen.num_tuning)
    learnt = [c for c in people if c.speaker not in kept]
    learnt += [c for c in engines if not c.speaker.startswith(chosen.held_out)]
    if not learnt:
        raise DataError("there is no voice to learn from: are espeak-ng and the recorded voices installed?")
    apart = [c for c in engines if c.speaker.startswith(chosen.held_out)] or engines[:2]
    tuned_on = [c for c in people if c.speaker in kept] or apart
    network = _trained(learnt, chosen, recipe, work, device, resume)
    plain = _runner(network, VoiceTuning(shut=(0.0, 1.0)))
    tuning = tune(plain, tuned_on)
    voice = _runner(network, tuning)
    recorded, synthetic = measure(voice, dev or tuned_on), measure(voice, apart)
    _save(out, network, tuning, _card(recipe, chosen, people, engines, learnt, recorded, synthetic))
    return TrainedVoice(
        out=out,
        num_clips=len(learnt),
        recorded=recorded,
        engines=synthetic,
        seconds=time.perf_counter() - began,
    )


def _kept_people(people: Sequence[VoiceClip], num: int) -> set[str]:
    """Speakers for tuning, spread over all of them."""
    names = sorted({clip.speaker for clip in people})
    return set(names[:: max(1, len(names) // num)][:num]) if len(names) > num else set()


def _trained(
    learnt: Sequence[VoiceClip], chosen: VoiceRecipe, recipe: str, work: Path, device: Device, resume: bool
) -> VoiceToFace:
    torch.manual_seed(chosen.lessons[0].loop.seed)
    network: nn.Module = VoiceToFace(chosen.model)
    for number, lesson in enumerate(chosen.lessons):
        draw = VoiceDraw(clips=learnt, config=lesson.augment, size=chosen.batch, num_steps=chosen.num_steps)
        done = chosen.lessons[: number + 1]
        run = hashlib.sha256(repr((done, chosen.model, [c.speaker for c in learnt])).encode()).hexdigest()[:8]
        checkpoint = work / f"{recipe}-{number + 1}-{run}.pt"
        if not resume:
            checkpoint.unlink(missing_ok=True)
        bar = Bar(f"training, part {number + 1} of {len(chosen.lessons)}")
        network = fit(
            network,
            VoiceLoss(lesson.weights),
            lesson.loop,
            batches=Loader(draw=draw, seed=lesson.loop.seed),
            device=device,
            checkpoint=checkpoint,
            on_step=_shown_by(bar, lesson.loop.steps),
        )
    assert isinstance(network, VoiceToFace)
    return network


def _shown_by(bar: Bar, steps: int) -> Callable[[int, dict[str, float]], None]:
    return lambda step, shown: bar(step, steps, shown)


def _runner(network: VoiceToFace, tuning: VoiceTuning) -> VoiceCurves:
    session: Any = _TorchSession(network)
    config = network.config
    return VoiceCurves(session, ahead_frames=config.ahead_frames, behind_frames=config.behind_frames, tuning=tuning)


def _card(
    recipe: str,
    chosen: VoiceRecipe,
    people: Sequence[VoiceClip],
    engines: Sequence[VoiceClip],
    learnt: Sequence[VoiceClip],
    recorded: VoiceReport,
    synthetic: VoiceReport,
) -> dict[str, Any]:
    return {
        "recipe": recipe,
        "steps": [lesson.loop.steps for lesson in chosen.lessons],
        "training_data": [
            f"{sum(c in learnt for c in people)} utterances of recorded people",
            f"{sum(c in learnt for c in engines)} utterances of speech engines",
        ],
        "held_out": {"recorded people": str(recorded), "voices of engines": str(synthetic)},
    }


def _save(out: Path, network: VoiceToFace, tuning: VoiceTuning, card: dict[str, Any]) -> None:
    save_networks(
        out,
        {"": network},
        component=COMPONENT,
        header={
            "config": asdict(network.config),
            "ahead_frames": network.config.ahead_frames,
            "behind_frames": network.config.behind_frames,
            "tuning": asdict(tuning),
            "card": {**card, "num_parameters": sum(p.numel() for p in network.parameters())},
        },
    )
