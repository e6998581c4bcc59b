"""What a training run leaves to look at: a progress bar, lines of numbers, sheets of sample renderings."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from viseme.engine.progress import Bar
from viseme.faces.crops import CROP_SIZE
from viseme.media.images import encode_png
from viseme.standardization.corpus import Collection
from viseme.standardization.training.recipes import NetworkRecipe
from viseme.standardization.training.trainee import Trainee
from viseme.standardization.training.training_data import TrainingData

__all__ = ["TrainingLog", "write_sheet"]

LOG_EVERY = 10
"""Steps between lines of the log."""


class TrainingLog:
    """What a run leaves to look at: a progress bar, lines of numbers, sheets of sample renderings."""

    def __init__(self, trainee: Trainee, data: TrainingData, recipe: NetworkRecipe, work: Path, name: str) -> None:
        self._trainee, self._recipe = trainee, recipe
        self._log, self._sheets = work / f"{name}.jsonl", work / "sheets" / name
        self._bar = Bar("training")
        self._began = time.perf_counter()
        self._fresh = True
        rng = np.random.default_rng(1)
        some = [*_some(data.real, 3, rng), *_some(data.synthetic, 3, rng)]
        self._samples = [(c.image(0), c.landmarks[0], data.columns[c.name]) for c in some]
        self._means: dict[str, list[float]] = {}

    def __call__(self, step: int, numbers: dict[str, float]) -> None:
        """Note one step."""
        if self._fresh:
            self._fresh = False
            self._forget_after(step - 1)
        for key, value in numbers.items():
            self._means.setdefault(key, []).append(value)
        if step % LOG_EVERY == 0 or step == self._recipe.loop.steps:
            line = {k: round(float(np.mean(v)), 5) for k, v in self._means.items()}
            self._means = {}
            with self._log.open("a", encoding="utf-8") as file:
                seconds = round(time.perf_counter() - self._began, 1)
                file.write(json.dumps({"step": step, **line, "seconds": seconds}) + "\n")
        self._bar(step, self._recipe.loop.steps, numbers)
        if step % self._recipe.sheet_every == 0 or step == self._recipe.loop.steps:
            self._sheets.mkdir(parents=True, exist_ok=True)
            write_sheet(self._sheets / f"{step:06d}.png", self._trainee, self._samples)

    def _forget_after(self, step: int) -> None:
        """Drop lines of steps that are about to be done again."""
        if self._log.exists():
            lines = [s for s in self._log.read_text(encoding="utf-8").splitlines() if json.loads(s)["step"] <= step]
            self._log.write_text("".join(f"{s}\n" for s in lines), encoding="utf-8")


def _some(collections: list[Collection], num: int, rng: np.random.Generator) -> list[Collection]:
    return [collections[i] for i in rng.choice(len(collections), min(num, len(collections)), replace=False)]


@torch.no_grad()
def write_sheet(path: Path, trainee: Trainee, samples: list[tuple[NDArray, NDArray, int]]) -> None:
    """A frame to look at: per sample the input with its landmarks (green) and the network's (red), the face drawn
    from the coefficients over the input, and the standardised face."""
    device = trainee.basis.face_mean.device
    training = trainee.network.training
    trainee.network.eval()
    images = np.stack([s[0] for s in samples])
    found = trainee.explain(
        torch.from_numpy(images).permute(0, 3, 1, 2).float().to(device) / 255,
        torch.tensor([s[2] for s in samples], device=device),
    )
    trainee.network.train(training)
    alpha, delta = found.alpha, found.delta
    assert alpha is not None
    assert delta is not None
    points = trainee.basis.landmarks(alpha, found.beta, found.pose).cpu().numpy()
    drawn, mask = trainee.basis.frames(alpha, found.beta, delta, found.gamma, found.pose, size=CROP_SIZE)
    standard = trainee.basis.standard_frames(found.beta)
    columns = []
    for i, (image, tracked, _) in enumerate(samples):
        dotted = image.copy()
        for these, colour in ((tracked, (0, 255, 0)), (points[i], (255, 0, 0))):
            for x, y in these.clip(0, CROP_SIZE - 1):
                dotted[int(y), int(x)] = colour
        over = np.where(mask[i].cpu().numpy()[..., None], _bytes(drawn[i]), image)
        columns.append(np.concatenate([dotted, over, _bytes(standard[i])]))
    path.write_bytes(encode_png(np.concatenate(columns, 1)))


def _bytes(frame: Tensor) -> NDArray[np.uint8]:
    return (frame.cpu().clamp(0, 1) * 255 + 0.5).to(torch.uint8).numpy()
