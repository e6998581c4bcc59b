"""One network of Table II: train it on one input and one training set, measure it on every clip."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import torch

from viseme.engine.progress import Bar
from viseme.reproduce.table2.measure import Measurer
from viseme.reproduce.table2.recipe import MINI, table_recipe
from viseme.reproduce.table2.study import Study
from viseme.sync.clips import ClipSet
from viseme.sync.train import train_network

__all__ = ["train_and_measure"]


def train_and_measure(study: Study, mode: str, size: str, seed: int, path: Path) -> None:
    """Train on `mode` with the training set `size`, measure, and write the answer as JSON to `path`."""
    torch.set_num_threads(1)
    step = MINI if size == "mini" else 1
    real, synthetic = (part.as_input(mode)[::step] for part in (study.real, study.synthetic))
    recipe = table_recipe(study.steps, seed=seed)
    if not real:  # talkers alone: a batch is filled from one list
        real, synthetic = synthetic, real
    began = time.process_time()
    network = train_network(
        real, synthetic, recipe, input=mode, seed=seed, device="cpu", bar=Bar(f"{mode} {size} {seed}")
    )
    trained = time.process_time() - began
    answer: dict[str, Any] = {"mode": mode, "size": size, "seed": seed, "train_cpu_s": trained}
    answer["parameters"] = sum(p.numel() for p in network.parameters())
    measurer = Measurer(network, mode)
    learnt = {info.speaker for info in study.real.infos}
    answer["clips"] = [
        {**found, "learnt_speaker": found["speaker"] in learnt}
        for found in _measured(measurer, study.dev, windows=True)
    ]
    answer["ms_per_second"] = 1000 * measurer.cpu / max(measurer.seconds, 1e-9)
    answer["blurred"] = {f"{px:g}": _measured(measurer, clips, windows=False) for px, clips in study.blurred}
    temporary = path.with_suffix(".partial")
    temporary.write_text(json.dumps(answer), encoding="utf-8")
    temporary.replace(path)


def _measured(measurer: Measurer, clips: ClipSet, *, windows: bool) -> list[dict[str, Any]]:
    """About every clip; without `windows`, as if no delay were known."""
    shown = clips.as_input(measurer.mode)
    return [
        measurer.clip(
            clip,
            yaw=clips.array(i, "yaw"),
            truth=clips.infos[i].audio_delay if windows else None,
            seed=i,
            windows=windows,
        )
        for i, clip in enumerate(shown)
    ]
