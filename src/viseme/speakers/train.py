"""`viseme train speakers`: the head, from synthetic conversations and real clips under their own and mismatched audio.

Knows the order: prepare, train, find the threshold, measure on held-out conversations, write with a card. Clips marked
for measuring are never touched.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch

from viseme.core.errors import DataError
from viseme.data.manifest import read_manifest
from viseme.engine.loop import Device, fit, training_device
from viseme.engine.progress import Bar, note
from viseme.metrics.detection import DetectionScores
from viseme.speakers.batches import BatchDraw
from viseme.speakers.conversations import prepare_conversations
from viseme.speakers.corpus import LabelledFaces
from viseme.speakers.export import save_head
from viseme.speakers.head import HeadScorer
from viseme.speakers.measurement import ConversationReport, measure
from viseme.speakers.models.speaker_head import SpeakerHead, TorchHead
from viseme.speakers.recipes import RECIPES, SpeakersRecipe
from viseme.sync.checkpoint import load_sync_weights
from viseme.sync.clips import Clip
from viseme.sync.corpus import real_clips
from viseme.synthetic.conversation import HELD_OUT_SEED

__all__ = ["TrainedHead", "train_speakers"]


@dataclass(frozen=True, kw_only=True)
class TrainedHead:
    """What a training run made."""

    out: Path
    threshold: float
    report: ConversationReport
    seconds: float

    def __str__(self) -> str:
        return f"{self.out}: {self.seconds / 60:.1f} min, threshold {self.threshold:.2f}\nheld out, {self.report}"


def train_speakers(
    out: Path = Path("runs/speakers/speaker-head.safetensors"),
    *,
    data: Path | None = None,
    work: Path = Path("runs/speakers"),
    clips: Path = Path("runs/sync"),
    recipe: Literal["open", "quick"] = "open",
    weights: Path | None = None,
    jobs: int = 2,
    steps: int | None = None,
    conversations: int | None = None,
    held_out: int | None = None,
    device: Device = "auto",
    resume: bool = True,
) -> TrainedHead:
    """Train the head that says who speaks, and write its weights.

    Args:
        out: Where the weights go (safetensors).
        data: Folder with manifest.csv, for real clips marked `train`; without it, synthetic conversations alone.
        work: Where features and checkpoints are kept.
        clips: Where `viseme train sync` keeps prepared real clips.
        recipe: "open" makes what ships; "quick" tries it out.
        weights: Sync weights whose scores the head sees; without it, the shipped ones.
        jobs: Processes that prepare, and threads that train.
        steps: Updates, instead of the recipe's.
        conversations: How many to learn from, instead of the recipe's number.
        held_out: How many to measure on, instead of the recipe's number.
        device: Where to train; "auto" takes a GPU where there is one.
        resume: Go on from the checkpoint in `work`; False = begin anew, whatever is in `work`.

    Raises:
        ConfigError: the device is not there.
        DataError: there is nothing to train on.
        WeightsError: sync weights are missing.
    """
    began = time.perf_counter()
    training_device(device)
    torch.set_num_threads(max(1, jobs))
    chosen = _chosen(recipe, steps, conversations, held_out)
    bundle = load_sync_weights(weights)
    learnt = prepare_conversations(bundle, weights, range(chosen.num_conversations), work, num_jobs=jobs)
    kept = range(HELD_OUT_SEED, HELD_OUT_SEED + chosen.num_held_out)
    tested = prepare_conversations(bundle, weights, kept, work, num_jobs=jobs)
    if not learnt or not tested:
        raise DataError("no conversation could be made: are espeak-ng and the recorded voices installed?")
    real = _real(data, clips, jobs)
    torch.manual_seed(chosen.loop.seed)
    head = SpeakerHead(chosen.model)
    draw = BatchDraw(bundle, learnt, real, chosen)
    names = [clip.name for clip in real]
    run = hashlib.sha256(f"{chosen}{len(learnt)}{names}{bundle.name}".encode()).hexdigest()[:8]
    checkpoint = work / f"head-{run}.pt"
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    if not resume:
        checkpoint.unlink(missing_ok=True)
    bar = Bar("training")
    fit(
        head,
        draw.loss,
        chosen.loop,
        device=device,
        checkpoint=checkpoint,
        on_step=lambda step, shown: bar(step, chosen.loop.steps, shown),
    )
    threshold = _threshold(head, learnt)
    report = measure(HeadScorer(TorchHead(head), threshold=threshold), tested)
    card = {
        "recipe": recipe,
        "steps": chosen.loop.steps,
        "num_parameters": sum(p.numel() for p in head.parameters()),
        "training_data": [
            f"{len(learnt)} synthetic conversations of this package",
            f"{len(real)} real clips marked train",
        ],
        "held_out": str(report),
    }
    save_head(out, head, threshold=threshold, card=card, sync=bundle.name)
    return TrainedHead(out=out, threshold=threshold, report=report, seconds=time.perf_counter() - began)


def _chosen(name: str, steps: int | None, conversations: int | None, held_out: int | None) -> SpeakersRecipe:
    """A recipe with the numbers that were given instead of its own."""
    recipe = RECIPES[name]()
    if steps is not None:
        recipe = replace(recipe, loop=replace(recipe.loop, steps=steps))
    return replace(
        recipe,
        num_conversations=recipe.num_conversations if conversations is None else conversations,
        num_held_out=recipe.num_held_out if held_out is None else held_out,
    )


def _real(data: Path | None, clips: Path, jobs: int) -> Sequence[Clip]:
    """Real clips marked `train`; none without data."""
    if data is None:
        return ()
    found = real_clips(read_manifest(data, ("train",)), clips, input="landmarks", num_jobs=jobs)
    note(str(found))
    return found.clips


def _threshold(head: SpeakerHead, learnt: Sequence[LabelledFaces]) -> float:
    """The score at which as many are missed as wrongly accepted, on training conversations."""
    scorer = HeadScorer(TorchHead(head))
    pool = DetectionScores()
    for made in learnt[:: max(1, len(learnt) // 200)]:
        for scored, state in zip(scorer.score(made.faces, made.audio), made.states):
            pool.add("all", scored.speaking, state == 1)
    try:
        return round(pool.compute(num_draws=0).equal_error_score, 3)
    except ValueError:
        return 0.0
