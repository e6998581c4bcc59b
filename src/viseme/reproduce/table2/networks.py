"""One network of Table II: train it on one input and one training set, measure it on every clip."""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch

from viseme.engine.loop import fit
from viseme.engine.progress import Bar
from viseme.reproduce.table2.measure import Measurer
from viseme.reproduce.table2.recipe import MINI, table_recipe
from viseme.reproduce.table2.study import Study
from viseme.sync.inputs.batches import batch_of, network_of
from viseme.sync.inputs.tracks import Seen
from viseme.sync.train import _loss

__all__ = ["train_and_measure"]


def train_and_measure(study: Study, mode: str, size: str, seed: int, path: Path) -> None:
    """Train on `mode` with the training set `size`, measure, and write the answer as JSON to `path`."""
    torch.set_num_threads(1)
    step = MINI if size == "mini" else 1
    real, synthetic = ([Seen.load(p).shown(mode) for p in part[::step]] for part in (study.real, study.synthetic))
    recipe = table_recipe(study.steps, seed=seed)
    if not real:  # talkers alone: a batch is filled from one list
        real, synthetic = synthetic, []
    torch.manual_seed(seed)
    network = network_of(mode, real[0], recipe.model)
    bar = Bar(f"{mode} {size} {seed}")
    began = time.process_time()
    loss = partial(_loss, real=real, synthetic=synthetic, recipe=recipe, draw=batch_of(mode))
    fit(network, loss, recipe.loop, on_step=lambda at, shown: bar(at, study.steps, shown))
    trained = time.process_time() - began
    answer: dict[str, Any] = {"mode": mode, "size": size, "seed": seed, "train_cpu_s": trained}
    answer["parameters"] = sum(p.numel() for p in network.parameters())
    measurer = Measurer(network, mode)
    answer["clips"] = [measurer.clip(Seen.load(p), study.truths, seed=i, windows=True) for i, p in enumerate(study.dev)]
    answer["ms_per_second"] = 1000 * measurer.cpu / max(measurer.seconds, 1e-9)
    answer["blurred"] = {
        f"{px:g}": [measurer.clip(Seen.load(p), {}, seed=i, windows=False) for i, p in enumerate(paths)]
        for px, paths in study.blurred
    }
    temporary = path.with_suffix(".partial")
    temporary.write_text(json.dumps(answer), encoding="utf-8")
    temporary.replace(path)
