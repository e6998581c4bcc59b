"""`viseme train speakers`: the head, from synthetic conversations and real clips under their own and mismatched audio.

Knows the order: prepare, train, find the threshold, measure on held-out conversations, write with a card. Clips marked
for measuring are never touched.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from viseme.core.errors import DataError
from viseme.data.manifest import read_manifest
from viseme.engine.jobs import make_files
from viseme.engine.loop import Device, LoopConfig, fit, training_device
from viseme.engine.progress import Bar, note
from viseme.metrics.detection import DetectionMetrics, DetectionScores
from viseme.speakers.corpus import APART, UNCERTAIN, LabelledFaces, load, save, synthetic, under_audio
from viseme.speakers.export import save_head
from viseme.speakers.head import CLASSES, HeadScorer, face_inputs, voice_inputs
from viseme.speakers.interface import STEP_S, AudioSteps, SpeakerScorer
from viseme.speakers.models.speaker_head import SpeakerHead, TorchHead
from viseme.speakers.timeline import DUBBED, SPEAKING, TimelineConfig, read_states
from viseme.sync.checkpoint import SyncWeights, load_sync_weights
from viseme.sync.clips import Clip
from viseme.sync.corpus import real_clips
from viseme.synthetic.conversation import HELD_OUT_SEED

__all__ = ["RECIPES", "ConversationReport", "SpeakersRecipe", "TrainedHead", "measure", "train_speakers"]


@dataclass(frozen=True, kw_only=True)
class SpeakersRecipe:
    """Everything that decides what `viseme train speakers` makes."""

    num_conversations: int = 1200
    """Synthetic conversations of 12 s to learn from."""
    num_held_out: int = 100
    """With voices, faces and scenes that training never meets."""
    num_pairs: int = 1500
    """Real clips under their own or another's audio, drawn once."""
    real_share: float = 0.25
    """Fraction of every batch that is real clips."""
    batch: int = 32
    """Stretches of one update."""
    crop: int = 200
    """Steps of a stretch: 8 s; real clips are shorter."""
    model: SpeakerHead.Config = field(default_factory=SpeakerHead.Config)
    """The network."""
    loop: LoopConfig = field(default_factory=lambda: LoopConfig(steps=2500, learning_rate=2e-3, average=0.995))
    """The schedule."""


RECIPES: dict[str, Callable[[], SpeakersRecipe]] = {
    "open": SpeakersRecipe,
    "quick": lambda: SpeakersRecipe(
        num_conversations=4,
        num_held_out=2,
        num_pairs=8,
        batch=4,
        model=SpeakerHead.Config.tiny(),
        loop=LoopConfig(steps=10, save_every=5),
    ),
}
"""Name -> recipe. "open" makes what ships; "quick" tries it out."""


@dataclass(frozen=True, kw_only=True)
class ConversationReport:
    """How well a scorer does on conversations whose every answer is known."""

    speaking: DetectionMetrics
    """Speaking in sync against everything else, per face and step."""
    voice: DetectionMetrics
    """Somebody is heard, per step."""
    offscreen_f1: float
    """Steps with a voice that nobody in view owns or mouths."""
    offscreen_precision: float
    offscreen_recall: float
    num_offscreen_steps: int
    dubbed_in_sync: float
    """Share of faces that speak other words for a second or more and are called speaking most of that time."""
    num_dubbed: int
    """Such faces."""
    num_conversations: int

    def __str__(self) -> str:
        return (
            f"{self.num_conversations} conversations: speaking {self.speaking}\n"
            f"voice {self.voice}\n"
            f"off-screen voice: F1 {self.offscreen_f1:.3f} (precision {self.offscreen_precision:.3f}, recall "
            f"{self.offscreen_recall:.3f}; {self.num_offscreen_steps} steps of 40 ms); dubbed faces called speaking "
            f"most of the time: {self.dubbed_in_sync:.1%} of {self.num_dubbed}"
        )


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
        device: Where to train: "auto", "cpu", "cuda" or "mps".
        resume: Go on from the checkpoint in `work`; else begin anew.

    Raises:
        ConfigError: the device is not there.
        DataError: there is nothing to train on.
        WeightsError: sync weights are missing.
    """
    began = time.perf_counter()
    training_device(device)
    torch.set_num_threads(max(1, jobs))
    chosen = RECIPES[recipe]()
    if steps is not None:
        chosen = replace(chosen, loop=replace(chosen.loop, steps=steps))
    chosen = replace(
        chosen,
        num_conversations=chosen.num_conversations if conversations is None else conversations,
        num_held_out=chosen.num_held_out if held_out is None else held_out,
    )
    bundle = load_sync_weights(weights)
    learnt = prepare_conversations(bundle, weights, range(chosen.num_conversations), work, num_jobs=jobs)
    kept = range(HELD_OUT_SEED, HELD_OUT_SEED + chosen.num_held_out)
    tested = prepare_conversations(bundle, weights, kept, work, num_jobs=jobs)
    if not learnt or not tested:
        raise DataError("no conversation could be made: are espeak-ng and the recorded voices installed?")
    real: Sequence[Clip] = ()
    if data is not None:
        found = real_clips(read_manifest(data, ("train",)), clips, input="landmarks", num_jobs=jobs)
        note(str(found))
        real = found.clips
    torch.manual_seed(chosen.loop.seed)
    head = SpeakerHead(chosen.model)
    draw = _Draws(bundle, learnt, real, chosen)
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


def prepare_conversations(
    bundle: SyncWeights, weights: Path | None, seeds: Sequence[int], work: Path, *, num_jobs: int
) -> list[LabelledFaces]:
    """Features of synthetic conversations, kept under `work` for these sync weights; broken ones are left out."""
    key = hashlib.sha256(f"1:{bundle.name}".encode()).hexdigest()[:8]
    folder = work / f"conversations-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(_make_one, (seed, weights), folder / f"{seed}.npz") for seed in seeds]
    return [load(path) for path in make_files(jobs, num_jobs=num_jobs, on_progress=Bar("synthetic conversations"))]


def _make_one(seed: int, weights: Path | None, out: Path) -> None:
    torch.set_num_threads(1)
    try:
        made = synthetic(load_sync_weights(weights), seed)
    except DataError:  # a speech engine broke down over its text: one conversation less
        return
    if made.faces:
        save(made, out)


class _Draws:
    """Batches of stretches, and the loss on them."""

    def __init__(
        self, bundle: SyncWeights, learnt: Sequence[LabelledFaces], real: Sequence[Clip], recipe: SpeakersRecipe
    ) -> None:
        self._recipe = recipe
        self._faces = [
            (inputs, state)
            for made in learnt
            for inputs, state in zip(face_inputs(made.faces, made.audio), made.states)
        ]
        self._voices = [(voice_inputs(made.audio.bands), made.heard) for made in learnt if len(made.heard)]
        pairs = _pairs(bundle, real, recipe.num_pairs) if real else []
        self._real = [(face_inputs(made.faces, made.audio)[0], made.states[0]) for made in pairs]

    def loss(self, head: nn.Module, rng: np.random.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy of faces and of voices."""
        assert isinstance(head, SpeakerHead)
        num_real = round(self._recipe.batch * self._recipe.real_share) if self._real else 0
        drawn = [self._real[i] for i in rng.integers(len(self._real), size=num_real)] if num_real else []
        drawn += [self._faces[i] for i in rng.integers(len(self._faces), size=self._recipe.batch - num_real)]
        device = next(head.parameters()).device
        inputs, labels = (x.to(device) for x in _stacked(drawn, self._recipe.crop, rng, UNCERTAIN))
        chance = torch.log_softmax(head(inputs), -1)
        apart = torch.logaddexp(chance[..., 0], chance[..., 2])
        picked = chance.gather(-1, labels.clamp(0, 2)[..., None])[..., 0]
        wrong = -torch.where(labels == APART, apart, picked)
        counted = labels != UNCERTAIN
        face_loss = (wrong * counted).sum() / counted.sum().clamp_min(1)
        right = ((chance.detach().argmax(-1) == 1) == (labels == 1))[counted].float().mean()
        voices = [self._voices[i] for i in rng.integers(len(self._voices), size=max(2, self._recipe.batch // 2))]
        bands, heard = (x.to(device) for x in _stacked(voices, self._recipe.crop, rng, UNCERTAIN))
        odds = head.voice(bands)
        known = heard != UNCERTAIN
        voice_loss = nn.functional.binary_cross_entropy_with_logits(odds[known], heard[known].float())
        return face_loss + 0.5 * voice_loss, {"right": right, "voice": voice_loss.detach()}


def _pairs(bundle: SyncWeights, clips: Sequence[Clip], num: int) -> list[LabelledFaces]:
    """Clips under their own audio and, as often, another's; over half of them noise."""
    out, bar = [], Bar("real clips")
    for i in range(num):
        rng = np.random.default_rng([7, i])
        face, other, noise = (clips[int(k)] for k in rng.integers(len(clips), size=3))
        audio = face if rng.random() < 0.5 else other
        out.append(under_audio(bundle, face, audio, rng, noise=noise if rng.random() < 0.6 else None))
        bar(i + 1, num)
    return out


def _stacked(
    drawn: Sequence[tuple[NDArray[np.float32], NDArray]], crop: int, rng: np.random.Generator, pad: int
) -> tuple[Tensor, Tensor]:
    """(B, T, D) and (B, T): stretches of at most `crop` steps, padded with zeros that do not count."""
    pieces = []
    for inputs, labels in drawn:
        start = int(rng.integers(max(1, len(inputs) - crop + 1)))
        pieces.append((inputs[start : start + crop], labels[start : start + crop]))
    longest = max(len(x) for x, _ in pieces)
    x = np.zeros((len(pieces), longest, pieces[0][0].shape[1]), np.float32)
    y = np.full((len(pieces), longest), pad, np.int64)
    for i, (inputs, labels) in enumerate(pieces):
        x[i, : len(inputs)], y[i, : len(labels)] = inputs, labels
    return torch.from_numpy(x), torch.from_numpy(y)


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


def measure(
    scorer: SpeakerScorer, conversations: Sequence[LabelledFaces], *, threshold: float | None = None
) -> ConversationReport:
    """Score conversations with known answers, all the way to states.

    Args:
        scorer: Any.
        conversations: With features.
        threshold: Instead of the scorer's own.

    Raises:
        ValueError: there is nothing of one kind to tell apart.
    """
    speaking, voices = DetectionScores(), DetectionScores()
    right = said = true = num_dubbed = wrong_dubbed = 0
    limit = scorer.threshold if threshold is None else threshold
    for made in conversations:
        audio = _with_voice(scorer, made.audio)
        scored = scorer.score(made.faces, audio)
        for s, state in zip(scored, made.states):
            speaking.add(made.name, s.speaking, state == 1)
        voices.add(made.name, audio.voice, made.heard)
        states, voiced = read_states(made.faces, scored, audio, limit, TimelineConfig(band=scorer.band))
        owned = np.zeros(len(voiced), bool)
        for face, state in zip(made.faces, states):
            index = np.arange(face.first, face.first + face.num) - audio.first
            inside = (index >= 0) & (index < len(owned))
            owned[index[inside]] |= np.isin(state, (SPEAKING, DUBBED))[inside]
        off = voiced & ~owned
        right, said, true = right + int((off & made.unseen).sum()), said + int(off.sum()), true + int(made.unseen.sum())
        for state, truth in zip(states, made.states):
            if (truth == 2).sum() * STEP_S >= 1:
                num_dubbed += 1
                wrong_dubbed += bool((state[truth == 2] == SPEAKING).mean() > 0.5)
    return ConversationReport(
        speaking=speaking.compute(num_draws=300),
        voice=voices.compute(num_draws=100),
        offscreen_f1=2 * right / max(said + true, 1),
        offscreen_precision=right / max(said, 1),
        offscreen_recall=right / max(true, 1),
        num_offscreen_steps=true,
        dubbed_in_sync=wrong_dubbed / max(num_dubbed, 1),
        num_dubbed=num_dubbed,
        num_conversations=len(conversations),
    )


def _with_voice(scorer: SpeakerScorer, audio: AudioSteps) -> AudioSteps:
    """The audio with the voice as this scorer hears it."""
    return replace(audio, voice=scorer.voice(audio.bands))


assert CLASSES == ("not_speaking", "speaking", "dubbed")
