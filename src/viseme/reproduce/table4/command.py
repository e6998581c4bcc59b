"""`viseme.reproduce_table4`: prepare, train a talker for every loss and seed, measure all alike, report."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from viseme.core.errors import ConfigError, DataError
from viseme.data.manifest import ManifestRow, read_held_out, read_manifest
from viseme.engine.jobs import make_files
from viseme.engine.loop import Device, require_accelerate, training_device
from viseme.engine.progress import Bar
from viseme.reproduce.table2.study import evenly
from viseme.reproduce.table4.published import LOSSES
from viseme.reproduce.table4.report import Table4Result, write_report
from viseme.reproduce.table4.stability import real_losses
from viseme.reproduce.talker_runs import measured_names, score_talker
from viseme.talker.clips import TalkerClips, talker_clips
from viseme.talker.perceptual import MOBILENET
from viseme.talker.recipes import RECIPES, TalkerRecipe
from viseme.talker.runner import load_talker
from viseme.talker.train import TalkerOptions, experts_of, make_talker
from viseme.weights import sha256_of

__all__ = ["Table4Result", "reproduce_table4"]

EXPERT = "expert-tiny"
"""Judges, and takes no part in training: it sees points, and was trained on other clips."""


def reproduce_table4(
    out: Path = Path("runs/tables"),
    *,
    data: Path = Path("../shared/data"),
    work: Path = Path("runs/table4"),
    recipe: Literal["tiny", "small", "paper", "talker-192", "quick"] = "small",
    quick: bool = False,
    seeds: int = 3,
    train_clips: int = 60,
    clips: int = 8,
    expert: Path | None = None,
    lip_expert: Path | None = None,
    judge: str = EXPERT,
    syncnet: Path | None = None,
    perceptual: str = MOBILENET,
    device: Device = "auto",
    jobs: int = 2,
) -> Table4Result:
    """Train one talker under four sync losses, measure all alike, and write Table 4 beside the published rows.

    Args:
        out: Folder for `table4.md` and `table4.json`.
        data: Folder with manifest.csv; clips marked `train` are learnt from, clips marked `dev` measured.
        work: Where prepared clips, checkpoints and the answer of each run are kept; what is there is not done again.
        recipe: Size and number of updates; "small" is for two cores and a day, "tiny" for an evening, "paper" for a
            GPU.
        quick: Everything once, with hardly any training: recipe quick, one seed, four clips to learn from, one to
            measure.
        seeds: How often training is repeated with another start.
        train_clips: How many clips to learn from, at most.
        clips: How many clips are measured, at most.
        expert: A speech expert that sees pixels, which trains; None = one is trained on the same clips.
        lip_expert: A lip expert; None = one is trained on the same clips.
        judge: Name or file of the speech expert that measures AVS; not the one that trains.
        syncnet: Your copy of SyncNet, for LSE-C and LSE-D beside VSC and VSD.
        perceptual: What compares faces beside pixels, as of `viseme train talker`.
        device: Where to train.
        jobs: Processes that prepare clips, and threads that train.

    Raises:
        ConfigError: a number is out of its range, or the judge is the expert that trains.
        DataError: there are no clips.
    """
    require_accelerate()
    training_device(device)
    if quick:
        recipe, seeds, train_clips, clips, perceptual = "quick", 1, 4, 1, "none"
    if min(seeds, clips, jobs) < 1 or train_clips < 2:
        raise ConfigError("seeds, clips and jobs must be 1 or more, train-clips 2 or more")
    if expert is not None and str(expert) == judge:
        raise ConfigError("the expert that trains cannot judge what it taught; name another one with --judge")
    chosen = RECIPES[recipe]()
    options = TalkerOptions(
        sync="none", expert=expert, lip_expert=lip_expert, perceptual=perceptual, work=work, jobs=jobs, device=device
    )
    options.check()
    names = measured_names(judge, None if syncnet is None else str(syncnet))
    learnt = talker_clips(_some_of_each(read_manifest(data, ("train",)), train_clips), work, side=chosen.size.side)
    rows = _some_of_each([r for r in read_held_out(data, ("dev",)) if r.audio_delay is not None], clips)
    if not rows:
        raise DataError(f"{data} has no clips marked dev whose truth_delay_ms is known: nothing to measure")
    lips, speech = experts_of(learnt, chosen, options)
    settled = replace(options, lip_expert=lips, expert=speech)
    study = _Study(learnt, chosen, recipe, settled, tuple(r.path for r in rows), tuple(names), judge, syncnet)
    answers = work / "answers"
    answers.mkdir(parents=True, exist_ok=True)
    key = study.key()
    tasks = [
        (_train_and_measure, (study, loss, seed), answers / f"{key}-{loss}-{seed}.json")
        for seed in range(seeds)
        for loss in LOSSES
    ]
    paths = make_files(tasks, num_jobs=1, on_progress=Bar("talkers"))
    found = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    settings = {
        "recipe": recipe, "parameters": found[0]["num_parameters"] / 1e6, "learnt": found[0]["num_clips"],
        "sync_steps": chosen.sync_steps, "alone": ", ".join(sorted({str(a["sync_from"]) for a in found})),
        "num_dev": len(rows), "expert": judge, "seeds": seeds, "config": asdict(chosen), "perceptual": perceptual,
    }  # fmt: skip
    seen = talker_clips(rows, work, side=chosen.size.side, num_jobs=jobs)
    return write_report(out, found, names, real_losses(seen, lips, speech), settings)


@dataclass(frozen=True)
class _Study:
    """Everything that a run needs to know."""

    clips: TalkerClips
    recipe: TalkerRecipe
    name: str
    options: TalkerOptions
    files: tuple[Path, ...]
    metrics: tuple[str, ...]
    judge: str
    syncnet: Path | None

    def key(self) -> str:
        """Twelve hexadecimal digits of all of it."""
        experts = [sha256_of(path) for path in (self.options.lip_expert, self.options.expert) if path is not None]
        said = (
            self.clips.keys, self.recipe, experts, self.options.perceptual, [f.name for f in self.files], self.metrics,
            self.judge,
        )  # fmt: skip
        return hashlib.sha256(repr(said).encode()).hexdigest()[:12]


def _train_and_measure(study: _Study, loss: str, seed: int, path: Path) -> None:
    """One run, and its answer."""
    options = replace(study.options, sync=loss)  # type: ignore[arg-type]
    weights = options.work / f"{path.stem}.safetensors"
    made = make_talker(study.clips, replace(study.recipe, seed=seed), study.name, options, weights)
    scores = score_talker(
        load_talker(weights),
        study.files,
        study.metrics,
        expert=study.judge,
        syncnet=None if study.syncnet is None else str(study.syncnet),
    )
    record = {
        "loss": loss, "seed": seed, "num_parameters": made.num_parameters, "num_clips": made.num_clips,
        "sync_from": made.sync_from, "held_out": made.measured, **scores.to_json(),
    }  # fmt: skip
    temporary = path.with_suffix(".partial")
    temporary.write_text(json.dumps(record), encoding="utf-8")
    temporary.replace(path)


def _some_of_each(rows: list[ManifestRow], most: int) -> list[ManifestRow]:
    """At most `most` clips, of as many speakers as there are."""
    speakers = sorted({row.speaker for row in rows})
    each = {s: evenly([r for r in rows if r.speaker == s], -(-most // max(len(speakers), 1))) for s in speakers}
    turns = [each[s][i] for i in range(most) for s in speakers if i < len(each[s])]
    return turns[:most]
