"""`viseme.reproduce_table2`: look at clips, train a network for every input, measure all alike, report."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path

from viseme.core.errors import ConfigError, DataError
from viseme.data.manifest import read_manifest
from viseme.data.manifest_clips import ManifestClips
from viseme.engine.jobs import make_files
from viseme.engine.loop import require_accelerate
from viseme.engine.progress import Bar, note
from viseme.reproduce.table2.networks import train_and_measure
from viseme.reproduce.table2.recipe import BLURS, MINI, SETS, table_recipe
from viseme.reproduce.table2.report import Table2Result, write_report
from viseme.reproduce.table2.study import Study, blurred_clips, evenly, measured_clips, seen_clips
from viseme.sync.corpus import real_clips, synthetic_clips
from viseme.sync.inputs.interface import INPUTS
from viseme.sync.views import inputs_view

__all__ = ["Table2Result", "reproduce_table2"]


def reproduce_table2(
    out: Path = Path("runs/tables"),
    *,
    data: Path = Path("../shared/data"),
    work: Path = Path("runs/table2"),
    inputs: str = ",".join(INPUTS),
    steps: int = 300,
    seeds: int = 2,
    real: int = 180,
    talkers: int = 72,
    same_speaker: int = 24,
    estimator: str = "landmark-fit",
    weights: str | None = None,
    blur: bool = True,
    jobs: int = 2,
) -> Table2Result:
    """Train one small sync network for every input, measure all alike, and write Table II beside the published numbers.

    Args:
        out: Folder for `table2.md` and `table2.json`.
        data: Folder with manifest.csv; clips marked `train` are learnt from, clips marked `dev` measured.
        work: Where films, what was seen of clips, and answers are kept; what is there is not done again.
        inputs: Which inputs, with commas: raw, rgb, rgbd, mesh, beta, landmarks.
        steps: Updates of each network.
        seeds: How often training is repeated with another start.
        real: How many real clips to learn from at most; the small set has every ninth.
        talkers: How many synthetic talkers to film and learn from; the small set has every ninth.
        same_speaker: How many measured clips of speakers that are learnt from, at most.
        estimator: Who reads the expression for rgb, rgbd and beta.
        weights: Weights of the estimator; None = those that ship.
        blur: Also look at the measured clips blurred; False = do not look at the measured clips blurred.
        jobs: Processes at once.

    Raises:
        ConfigError: a number is out of its range, an input is unknown, or accelerate is not installed.
        DataError: there are no clips.
    """
    began = time.perf_counter()
    require_accelerate()
    chosen = tuple(i.strip() for i in inputs.split(",") if i.strip())
    unknown = [i for i in chosen if i not in INPUTS]
    if unknown or not chosen:
        raise ConfigError(f"there is no input {', '.join(unknown) or inputs!r}; known: {', '.join(INPUTS)}")
    if min(steps, seeds, jobs) < 1 or min(real, talkers, same_speaker) < 0 or real + talkers < MINI:
        raise ConfigError(f"steps, seeds and jobs must be 1 or more; real and talkers at least {MINI} together")
    rows = evenly(read_manifest(data, ("train",)), real) if real else []
    view = inputs_view(INPUTS, estimator=estimator, weights=weights)
    learnt = real_clips(rows, work, input="landmarks", view=view, num_jobs=jobs)
    note(str(learnt))
    measured = measured_clips(data, same_speaker, learnt={info.speaker for info in learnt.clips.infos})
    seen = partial(seen_clips, view=view, work=work, num_jobs=jobs)
    study = Study(
        real=learnt.clips,
        synthetic=synthetic_clips(talkers, work, input="landmarks", view=view, num_jobs=jobs),
        dev=seen(ManifestClips(tuple(measured)), what="measured clips"),
        blurred=tuple(
            (px, seen(blurred_clips(measured, px, work), what=f"blurred by {px:g} px")) for px in BLURS if blur
        ),
        steps=steps,
    )
    if not study.dev or len(study.real) + len(study.synthetic) < MINI:
        raise DataError(f"no face was found in the clips of {data}: nothing to learn from or to measure")
    answers = work / "answers"
    answers.mkdir(parents=True, exist_ok=True)
    tasks = [
        (train_and_measure, (study, mode, size, seed), answers / f"{study.key()}-{mode}-{size}-{seed}.json")
        for seed in range(seeds)
        for mode in sorted(chosen, key=INPUTS.index)
        for size in SETS
    ]
    paths = make_files(tasks, num_jobs=jobs, on_progress=Bar("networks"))
    found = [json.loads(p.read_text(encoding="utf-8")) for p in paths]
    settings = {
        "inputs": chosen, "steps": steps, "seeds": seeds, "estimator": estimator, "num_real": len(study.real),
        "num_synthetic": len(study.synthetic), "num_real_asked": len(rows), "num_synthetic_asked": talkers,
        "num_mini": len(study.real[::MINI]) + len(study.synthetic[::MINI]), "num_dev": len(study.dev),
        "num_dev_asked": len(measured), "num_speakers": len({info.speaker for info in study.real.infos}),
        "delays": str(learnt), "recipe": asdict(table_recipe(steps)),
    }  # fmt: skip
    return write_report(out, found, chosen, settings, time.perf_counter() - began)
