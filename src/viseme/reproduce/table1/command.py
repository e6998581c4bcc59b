"""`viseme.reproduce_table1`: prepare, train on all folds but one, explain that one, report over all of them."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

import torch

from viseme.core.errors import ConfigError, DataError
from viseme.data.manifest import TRAINABLE, read_manifest
from viseme.engine.jobs import make_files
from viseme.engine.loop import require_accelerate
from viseme.engine.progress import Bar
from viseme.face3d.interface import load_face_model
from viseme.reproduce.table1.answers import FoldAnswer
from viseme.reproduce.table1.folds import Study, choose_clips
from viseme.reproduce.table1.landmark_fits import measure_fits
from viseme.reproduce.table1.landmark_pretraining import pretrain_on_landmarks
from viseme.reproduce.table1.networks import measure_fold
from viseme.reproduce.table1.recipe import table_recipe
from viseme.reproduce.table1.report import Table1Result, write_report
from viseme.standardization.corpus import prepare_real, prepare_synthetic
from viseme.standardization.training.face_tensors import FaceTensors

__all__ = ["Table1Result", "reproduce_table1"]


def reproduce_table1(
    out: Path = Path("runs/tables"),
    *,
    data: Path = Path("../shared/data"),
    work: Path = Path("runs/table1"),
    folds: int = 5,
    seeds: int = 3,
    steps: int = 1200,
    collections: int = 300,
    synthetic: int = 200,
    frames: int = 16,
    strangers: int = 400,
    jobs: int = 2,
) -> Table1Result:
    """Measure Table I of DSP and Table 1 of LMID on the clips there are, and write both beside the published numbers.

    Args:
        out: Folder for `table1.md` and `table1.json`.
        data: Folder with manifest.csv; clips marked `train` and `train-research` are used, here only to measure.
        work: Where crops, networks and answers of each fold are kept; what is there is not done again.
        folds: Parts that the collections are split into, each held out once.
        seeds: How often training is repeated with another start.
        steps: Updates of each network.
        collections: How many real clips at most; 0 = none.
        synthetic: How many synthetic people; 0 = none.
        frames: How many frames of a collection at most.
        strangers: How many other synthetic people, on whose landmarks the backbone that both variants start from is
            trained, twice as many steps; 0 = a random start.
        jobs: Processes at once.

    Raises:
        ConfigError: a number is out of its range, or accelerate is not installed.
        DataError: too few collections for the folds.
    """
    began = time.perf_counter()
    require_accelerate()
    if min(seeds, steps, frames, jobs) < 1 or folds < 2 or min(collections, synthetic, strangers) < 0:
        raise ConfigError(
            "folds must be 2 or more; seeds, steps, frames and jobs 1 or more; collections, synthetic and strangers 0 "
            "or more"
        )
    rows = choose_clips(read_manifest(data, TRAINABLE), collections) if collections else []
    real = prepare_real(rows, work, most=frames, num_jobs=jobs, on_progress=Bar("face crops"))
    drawn = prepare_synthetic(range(synthetic), work, num=frames, num_jobs=jobs, on_progress=Bar("synthetic people"))
    if max(len(real), len(drawn)) < 2 * folds:
        raise DataError(f"{len(real)} real and {len(drawn)} synthetic collections are too few for {folds} folds")
    start = _pretrained(range(synthetic, synthetic + strangers), work, steps, frames, jobs) if strangers else None
    study = Study(tuple(real), tuple(drawn), folds, steps, start)
    found, fits = _measure_all(study, seeds, work, jobs)
    settings = {
        "folds": folds, "seeds": seeds, "steps": steps, "K_real": len(real), "K_synthetic": len(drawn),
        "K_asked_real": len(rows), "M": frames, "frames": sum(map(len, real + drawn)),
        "subjects": len({c.subject for c in real + drawn}), "face_model": "default", "tracker": "mediapipe",
        "strangers": strangers, "recipe": asdict(table_recipe(steps, real_share=study.real_share)),
    }  # fmt: skip
    return write_report(out, found, fits, settings, time.perf_counter() - began)


def _pretrained(seeds: range, work: Path, steps: int, frames: int, jobs: int) -> Path:
    """File of a backbone for both variants, trained to find landmarks on people of no fold."""
    people = prepare_synthetic(seeds, work, num=frames, num_jobs=jobs, on_progress=Bar("strangers"))
    recipe = table_recipe(steps)
    emphasis = FaceTensors(load_face_model()).weights(recipe.weights)
    torch.set_num_threads(jobs)
    return pretrain_on_landmarks(people, recipe.network, emphasis, work=work, steps=2 * steps)


def _measure_all(study: Study, seeds: int, work: Path, jobs: int) -> tuple[list[FoldAnswer], list[FoldAnswer]]:
    """Every fold with networks, of every seed, and every fold without; answers that are there are read."""
    answers = work / "answers"
    answers.mkdir(parents=True, exist_ok=True)
    tasks = [
        (measure_fold, (study, fold, seed, work), answers / f"{study.key()}-{fold}-{seed}.npz")
        for seed in range(seeds)
        for fold in range(study.folds)
    ]
    found = [FoldAnswer.load(path) for path in make_files(tasks, num_jobs=jobs, on_progress=Bar("folds"))]
    fit_tasks = [
        (measure_fits, (study, fold), answers / f"fit-{study.clips_key()}-{fold}.npz") for fold in range(study.folds)
    ]
    fits = [FoldAnswer.load(path) for path in make_files(fit_tasks, num_jobs=jobs, on_progress=Bar("fits"))]
    return found, fits
