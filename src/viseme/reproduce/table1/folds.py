"""Which clips are taken, and how they are divided: every collection is held out once, no subject is divided."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from viseme.data.manifest import ManifestRow
from viseme.face3d.interface import load_face_model
from viseme.reproduce.table1.recipe import table_recipe
from viseme.standardization.corpus import Collection
from viseme.standardization.estimators.landmark_fit import LandmarkFit

__all__ = ["Study", "choose_clips"]


def choose_clips(rows: Sequence[ManifestRow], most: int) -> list[ManifestRow]:
    """Rows of as many speakers as there are, one each, then second ones; an unlabelled clip counts as a speaker."""
    turns: dict[str, int] = defaultdict(int)
    ranked = []
    for row in rows:
        who = f"{row.source}/{row.path.stem}" if row.speaker.endswith("unlabelled") else row.speaker
        ranked.append((turns[who], row.source, row.path.name, row))
        turns[who] += 1
    kept = [r for _, _, _, r in sorted(ranked, key=lambda r: r[:3])]
    singles = [r for t, _, _, r in sorted(ranked, key=lambda r: r[:3]) if t == 0]
    if len(singles) >= most:  # evenly over the names
        return [singles[i] for i in np.unique(np.linspace(0, len(singles) - 1, most).round().astype(int))]
    return kept[:most]


@dataclass(frozen=True)
class Study:
    """What a job that measures one fold is given."""

    real: tuple[Collection, ...]
    synthetic: tuple[Collection, ...]
    folds: int
    steps: int
    start: Path | None = None
    """File of the backbone that both variants begin with; None = random."""

    @property
    def real_share(self) -> float:
        """Of the collections of a batch."""
        return round(8 * len(self.real) / (len(self.real) + len(self.synthetic))) / 8

    def key(self) -> str:
        """Twelve hexadecimal digits of all of it."""
        recipe = asdict(table_recipe(self.steps, real_share=self.real_share))
        text = json.dumps([self._given(), self.folds, recipe, self.start and self.start.name])
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def clips_key(self) -> str:
        """The same of the collections and folds alone."""
        return hashlib.sha256(json.dumps([self._given(), self.folds]).encode()).hexdigest()[:12]

    def _given(self) -> list[Any]:
        """Collections, and what the rows of landmark-fit depend on."""
        model = load_face_model()
        names = [(c.name, len(c)) for c in self.real + self.synthetic]
        return [names, asdict(LandmarkFit.Config()), model.expression_spread, model.source_hash]

    def split(self, fold: int) -> tuple[list[Collection], list[Collection], list[Collection]]:
        """Real and synthetic collections to train on, and those held out.

        A labelled subject is never divided. Folds are blocks of neighbouring names, so that clips cut from one
        broadcast, whose speakers have no label, mostly lie in one fold.
        """
        train: list[list[Collection]] = []
        held: list[Collection] = []
        for group in (self.real, self.synthetic):
            subjects = sorted({c.subject for c in group})
            mine = {s for i, s in enumerate(subjects) if i * self.folds // max(len(subjects), 1) == fold}
            held += [c for c in group if c.subject in mine]
            train.append([c for c in group if c.subject not in mine])
        return train[0], train[1], held
