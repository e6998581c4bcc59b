"""`viseme train expert`: from clips to a speech expert, resumable at every step.

Knows the order: prepare, then cluster and train in turns, measure, write with a card. Refuses to train on clips that
are for measuring.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from viseme.core.errors import DataError
from viseme.data.loader import Loader
from viseme.data.manifest import read_manifest
from viseme.engine.loop import Device, fit, num_drawing_processes, training_device
from viseme.engine.progress import Bar, note
from viseme.expert.batches import SpeechDraw
from viseme.expert.clusters import fit_clusters, nearest, sample_rows
from viseme.expert.corpus import SpeechClips, Targets, real_clips, recorded_clips
from viseme.expert.loss import masked_loss
from viseme.expert.measure import measured_on
from viseme.expert.networks import SpeechEncoder
from viseme.expert.phones import PHONES
from viseme.expert.recipes import RECIPES, ExpertRecipe, Iteration, sized
from viseme.expert.runner import COMPONENT
from viseme.expert.seen import Sees, network_input
from viseme.weights.export import save_networks

__all__ = ["ExpertTrainResult", "train_expert"]

PREPROCESSING = {
    "landmarks": "67 lip points, upper-face similarity",
    "mesh": "96 vertices of the face model's lips, moved by 67 lip points, upper-face similarity",
    "pixel": "mouths of 96 x 96 pixels, grey, aligned, their middle of 88 x 88",
}
"""Of the video stream."""
SPECIALS = 4
"""Classes beside the clusters."""


@dataclass(frozen=True, kw_only=True)
class ExpertTrainResult:
    """What a training run made."""

    out: Path
    """The weights."""
    num_clips: int
    """Clips trained on."""
    seconds: float
    """Wall clock of this call."""
    measured: dict[str, float]
    """On clips of people kept apart, see `measured_on`."""

    def __str__(self) -> str:
        shown = ", ".join(f"{name} {value:.3f}" for name, value in self.measured.items())
        return f"{self.out}: {self.num_clips} clips, {self.seconds / 60:.1f} min; on other people: {shown}"


def train_expert(
    out: Path = Path("runs/expert/expert.safetensors"),
    *,
    data: Path = Path("../shared/data"),
    speech: Path = Path("../shared/speech"),
    work: Path = Path("runs/expert"),
    recipe: Literal["open", "quick"] = "open",
    jobs: int = 2,
    steps: int | None = None,
    num_recorded: int | None = None,
    input: Sees = "landmarks",
    size: Literal["tiny", "base", "large"] | None = None,
    targets: Targets = "cepstra",
    ctc: float | None = None,
    device: Device = "auto",
    resume: bool = True,
) -> ExpertTrainResult:
    """Train a speech expert on lips and audio, and write its weights.

    Args:
        out: Where the weights go (safetensors).
        data: Folder with manifest.csv; clips marked `dev` are never touched, and clips whose `truth_delay_ms` is empty
            are left out.
        speech: Folder with recordings of people and their phones (manifest.csv, phones.jsonl), which synthetic talkers
            say.
        work: Where prepared clips, clusters and checkpoints are kept; the folder of `train sync` may be given, whose
            tracked faces are then used.
        recipe: "open" makes what may ship; "quick" tries it out.
        jobs: Processes that prepare clips, then threads that train, or processes that draw batches for a GPU.
        steps: Updates of each iteration, instead of the recipe's.
        num_recorded: Synthetic talkers with recorded voices, instead of the recipe's number.
        input: What the video stream sees: "landmarks", "mesh" (the face model's lips, moved by them) or "pixel" (mouths
            as filmed, of real clips alone, since synthetic talkers have none).
        size: Of the network, instead of the recipe's; "base" and "large" are AV-HuBERT's and want a GPU.
        targets: What the first clusters are made of: cepstra, as published, or states of Whisper's encoder (extra
            asr; 0.06 CPU seconds for a clip of 3 s).
        ctc: Weight of CTC on the phones of lips alone, instead of the recipe's.
        device: Where to train; "auto" takes a GPU where there is one.
        resume: Go on from checkpoints in `work`; False = begin anew.

    Raises:
        ConfigError: the device is not there.
        DataError: no clips, or clips that must not be trained on.
    """
    began = time.perf_counter()
    training_device(device)
    torch.set_num_threads(max(1, jobs))
    chosen = RECIPES[recipe]()
    if steps is not None:
        chosen = replace(chosen, loop=replace(chosen.loop, steps=steps))
    if num_recorded is not None:
        chosen = replace(chosen, num_recorded=num_recorded)
    if ctc is not None:
        chosen = replace(chosen, ctc_weight=ctc)
    first, *later = chosen.iterations
    chosen = sized(replace(chosen, iterations=(replace(first, features=targets), *later)), input, size)
    prepared = [real_clips(read_manifest(data, chosen.uses), work, sees=input, targets=targets, num_jobs=jobs)]
    if chosen.num_recorded:
        prepared.append(recorded_clips(chosen.num_recorded, speech, work, sees=input, targets=targets, num_jobs=jobs))
    clips, kept = SpeechClips.of(prepared, input).apart()
    if len(clips) < 2 or not len(kept):
        raise DataError(f"{data} and {speech} have {len(clips)} clips to train on and {len(kept)} of other people")
    run = _Run(clips, chosen, work, device, jobs, resume)
    network = run.train()
    measured = measured_on(network, kept)
    header = {
        "model": "speech-encoder",
        "config": asdict(network.config),
        "phones": PHONES,
        "card": _card(recipe, chosen, network, clips, len(kept), measured),
    }
    save_networks(out, {"": network}, component=COMPONENT, header=header)
    return ExpertTrainResult(out=out, num_clips=len(clips), seconds=time.perf_counter() - began, measured=measured)


@dataclass(frozen=True)
class _Run:
    """Iterations of clustering and training, each kept on disk."""

    clips: SpeechClips
    recipe: ExpertRecipe
    work: Path
    device: Device
    jobs: int
    resume: bool

    def train(self) -> SpeechEncoder:
        """The network of the last iteration."""
        network = None
        for number, iteration in enumerate(self.recipe.iterations, start=1):
            labels = self._labels(number, iteration, network)
            network = self._train_one(number, iteration, labels, network)
        assert network is not None
        return network

    def _file(self, number: int, kind: str) -> Path:
        """Named after everything that decides what it holds."""
        asked = (self.recipe, self.recipe.iterations[:number], self.clips.keys)
        digest = hashlib.sha256(repr(asked).encode()).hexdigest()[:8]
        path = self.work / f"expert-{digest}-{number}.{kind}"
        if not self.resume:
            path.unlink(missing_ok=True)
        return path

    def _labels(self, number: int, iteration: Iteration, network: SpeechEncoder | None) -> list[NDArray[np.int64]]:
        path = self._file(number, "npz")
        if not path.exists():
            features = partial(_features, self.clips, iteration, network)
            drawn = sample_rows(features(), self.recipe.fit_share)
            scale = drawn.std(0) + 1e-6 if iteration.features != "layer" else np.ones(drawn.shape[1], np.float32)
            centres = fit_clusters(drawn / scale, iteration.clusters)
            note(f"iteration {number}: {iteration.clusters} clusters of {len(drawn)} frames of {iteration.features}")
            labels = [nearest(x / scale, centres) for x in features()]
            ends = np.cumsum([len(x) for x in labels])
            temporary = path.with_suffix(".partial.npz")
            np.savez(temporary, labels=np.concatenate(labels), ends=ends)
            temporary.replace(path)
        held = np.load(path)
        return np.split(held["labels"], held["ends"][:-1])

    def _train_one(
        self, number: int, iteration: Iteration, labels: list[NDArray[np.int64]], before: SpeechEncoder | None
    ) -> SpeechEncoder:
        recipe, loop = self.recipe, self.recipe.loop
        loop = replace(loop, steps=max(1, round(loop.steps * iteration.share)), seed=loop.seed + number)
        torch.manual_seed(loop.seed)
        layers = iteration.layers or recipe.size.layers
        network = SpeechEncoder(replace(recipe.size, layers=layers, classes=iteration.clusters + SPECIALS))
        if before is not None:
            network.grow_from(before)
        draw = SpeechDraw(
            self.clips, labels, _odds(self.clips, recipe.real_share), recipe.batch, recipe.longest, iteration.mask
        )
        bar = Bar(f"iteration {number} of {len(recipe.iterations)}")
        loss: Any = partial(
            masked_loss,
            penalty=recipe.penalty,
            front_end_gradient=recipe.front_end_gradient,
            phone_weight=recipe.phone_weight,
            agreement_weight=recipe.agreement_weight,
            ctc_weight=recipe.ctc_weight,
            num_masked=max(2, round(recipe.masked_share * recipe.batch)),
        )
        workers = num_drawing_processes(self.device, self.jobs)
        fit(
            network,
            loss,
            loop,
            batches=Loader(draw=draw, seed=loop.seed, workers=workers),
            device=self.device,
            checkpoint=self._file(number, "pt"),
            on_step=lambda step, shown: bar(step, loop.steps, shown),
        )
        return network


def _features(clips: SpeechClips, iteration: Iteration, network: SpeechEncoder | None) -> Iterator[NDArray[np.float32]]:
    """(T, D) of each clip: cepstra, Whisper's states, or what a layer gives of audio and video together."""
    for number in range(len(clips)):
        if iteration.features != "layer":
            yield clips.read(number, iteration.features)[0].astype(np.float32)
            continue
        assert network is not None
        seen, speech = clips.read(number, clips.seen, "speech")
        with torch.inference_mode():
            audio, video = (torch.from_numpy(x.astype(np.float32))[None] for x in (speech, network_input(seen)))
            yield network.encode(audio, video, layer=iteration.layer)[0].numpy()


def _odds(clips: SpeechClips, real_share: float) -> NDArray[np.float64]:
    """(N,) how often each clip is drawn: real ones their share; a speaker as the square root of his clips."""
    real = np.array([info.source != "recorded" for info in clips.infos])
    counts = Counter(info.speaker for info in clips.infos)
    odds = np.array([counts[info.speaker] ** -0.5 for info in clips.infos])
    for which, share in ((real, real_share), (~real, 1 - real_share)):
        odds[which] *= share / max(odds[which].sum(), 1e-12)
    return odds / odds.sum()


def _card(
    name: str,
    recipe: ExpertRecipe,
    network: SpeechEncoder,
    clips: SpeechClips,
    num_kept: int,
    measured: dict[str, float],
) -> dict[str, Any]:
    counted = Counter((info.source or "clips", info.licence) for info in clips.infos)
    return {
        "recipe": name,
        "steps": recipe.loop.steps,
        "iterations": [f"{i.clusters} clusters of {i.features} {i.layer or ''}".strip() for i in recipe.iterations],
        "num_parameters": sum(p.numel() for p in network.parameters()),
        "training_data": [f"{num} clips of {source} ({licence})" for (source, licence), num in sorted(counted.items())],
        "held_out_clips": num_kept,
        "held_out": {k: round(v, 4) for k, v in measured.items()},
        "preprocessing": f"{PREPROCESSING[recipe.size.input]}, 25 Hz; 16 kHz, 4 x 26 log filter banks, 25 Hz",
        "redistributable": True,
    }
