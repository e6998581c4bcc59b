"""What parts of the method are worth: the same frames, one part changed, measured on clips that were held out.

"light" films a synthetic person under one lamp after the other and trains with and without the normalisation of light;
"memory" and "codes" train LipSync3D with other lengths of its two codes on the first person of the evaluation; "start"
trains the compact model on less of that person's video, from nothing and from the talker for everybody.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viseme.avatar.examples import Frames
from viseme.avatar.measure import held_out, measure_avatar
from viseme.avatar.prepare import PersonClips, prepare_person
from viseme.avatar.recipes import CompactRecipe, PaperRecipe, begun_recipe
from viseme.avatar.runner import load_avatar
from viseme.avatar.train import fit_avatar
from viseme.compose.interface import FaceGenerator
from viseme.core.errors import ConfigError, DataError
from viseme.metrics.intervals import Interval, bootstrap_mean
from viseme.provenance.consent import Consent
from viseme.reproduce.lipsync3d.geometry import true_distances
from viseme.reproduce.tables import Table
from viseme.synthetic.pipeline import make_clip
from viseme.synthetic.scene import TalkerSpec

__all__ = [
    "ABLATIONS",
    "SYNTHETIC",
    "Variant",
    "ablation_table",
    "answer_file",
    "chosen_ablations",
    "film_sweep",
    "sweep_spec",
    "variants",
]

ABLATIONS = ("light", "memory", "codes", "start")
MEMORY = (0, 2, 8, 16)
CODES = (8, 16, 32, 64, 128)
LENGTHS_S = (30, 60, 120, 240)
"""Seconds of video."""
PUBLISHED = {
    "memory 0": ("2.00", ".92"), "memory 2": ("1.88", ".93"), "memory 8": ("2.91", ".901"),
    "memory 16": ("2.16", ".889"), "codes 8": ("1.83", ".907"), "codes 16": ("1.87", ".914"),
    "codes 32": ("1.77", ".917"), "codes 64": ("1.81", ".917"), "codes 128": ("1.82", ".910"),
}  # fmt: skip
"""LMD and SSIM of Lahiri et al. 2021; N_a and N_s come from different runs there."""
CLIP_S, SWEEP_SEED = 12.0, 7
"""Seconds under one light, and who is filmed."""
SWEEP_S = 240.0
"""Of such video to learn from, at most: what is filmed beyond gives more lights that were not trained on."""
TRUTH = ("image", "distance", "tracked_image", "tracked_distance")
"""Of `true_distances`, what is shown."""
TRUTH_HEADER = (
    "lips off the truth in the image", "with depth", "as tracked, in the image", "as tracked, with depth",
)  # fmt: skip
HELD = 5
"""Every so many clips one is held out."""
SYNTHETIC = Consent(
    subject="a synthetic person of viseme",
    scope="measurements",
    date=datetime.date(2026, 1, 1),
    signer="nobody: the person does not exist",
    sha256="0" * 64,
)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One row."""

    name: str
    recipe: CompactRecipe | PaperRecipe
    one_light: bool = True
    seconds: float = float("inf")
    """Of video to learn from, the first ones."""


def chosen_ablations(text: str) -> tuple[str, ...]:
    """Names with commas between.

    Raises:
        ConfigError: one is unknown.
    """
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in ABLATIONS:
            raise ConfigError(f"there is no ablation {name!r}; known: {', '.join(ABLATIONS)}")
    return names


def variants(ablation: str, steps: int | None, base: PaperRecipe, start: str = "talker") -> list[Variant]:
    """Rows of an ablation.

    Args:
        ablation: Its name.
        steps: Updates of the compact model; None = its recipe's.
        base: LipSync3D, of whose codes the lengths are changed.
        start: Talker for everybody of the ablation "start", name or file.
    """
    compact = CompactRecipe()
    if steps is not None:
        compact = replace(compact, loop=replace(compact.loop, steps=steps))
    if ablation == "start":
        recipes = {"from nothing": compact, "from the talker": begun_recipe(start)}
        return [
            Variant(name=f"{length} s {how}", recipe=recipe, seconds=length)
            for length in LENGTHS_S
            for how, recipe in recipes.items()
        ]
    if ablation == "light":
        return [
            Variant(name="in one light", recipe=compact, seconds=SWEEP_S),
            Variant(name="as filmed", recipe=compact, seconds=SWEEP_S, one_light=False),
        ]
    if ablation == "memory":
        sizes = [(f"memory {n}", replace(base.model, num_memory=n)) for n in MEMORY]
    else:
        sizes = [(f"codes {n}", replace(base.model, num_codes=n)) for n in CODES]
    return [Variant(name=name, recipe=replace(base, model=model)) for name, model in sizes]


def answer_file(place: Path, variant: Variant, keys: Sequence[str]) -> Path:
    """Where the measurements of a variant are kept; another variant, or other clips, are another file."""
    asked = hashlib.sha256(repr((variant, tuple(keys))).encode()).hexdigest()
    return place / f"{asked[:8]}.json"


def sweep_spec(number: int, *, clip_s: float = CLIP_S, seed: int = SWEEP_SEED) -> TalkerSpec:
    """The clip of this number in `film_sweep`."""
    return TalkerSpec(
        seed=1000 * seed + number, identity=seed, variant="m3", seconds=clip_s, width=400, height=320, crf=16
    )


def film_sweep(folder: Path, minutes: float, *, clip_s: float = CLIP_S, seed: int = SWEEP_SEED) -> tuple[Path, ...]:
    """One synthetic person, each clip under another light; what is there is not filmed again.

    Args:
        folder: Where clips go.
        minutes: Of video.
        clip_s: Seconds under one light.
        seed: Of the person, and of everything else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    clips = []
    for number in range(max(HELD, round(60 * minutes / clip_s))):
        path = folder / f"light_{number:02d}.mp4"
        if not path.exists():
            partial = folder / f"partial_{number:02d}.mp4"
            make_clip(sweep_spec(number, clip_s=clip_s, seed=seed), partial)
            partial.replace(path)
        clips.append(path)
    return tuple(clips)


def ablation_table(
    ablation: str,
    videos: Sequence[Path],
    consent: Consent,
    work: Path,
    *,
    steps: int | None,
    base: PaperRecipe,
    start: str = "talker",
    jobs: int,
) -> tuple[Table, list[dict[str, object]]]:
    """Train every variant, measure each on the same held-out clips.

    Args:
        ablation: Its name.
        videos: Of one person.
        consent: Theirs.
        work: Where everything is kept; variants that are measured are not trained again.
        steps: See `variants`.
        base: See `variants`.
        start: See `variants`.
        jobs: Processes, then threads.

    Returns:
        The table, and the same as records.
    """
    known = ablation == "light"  # there the person's shape is
    rows, records = [], []
    for variant in variants(ablation, steps, base, start):
        found = _measured(variant, videos, consent, work, jobs)
        published = PUBLISHED.get(variant.name, ("-", "-"))
        cells = [found[name].text(3) for name in ("ssim", "mouth_percent", "vsc")]
        truth = [found[name].text(2) for name in TRUTH] if known else []
        rows.append((variant.name, *cells, *truth, found["flicker"].text(2, scale=1e4), *published))
        records.append({"name": variant.name, **found})
    updates = f"{steps or CompactRecipe().loop.steps} updates"
    size = {"light": updates, "start": f"{updates}, from {start} {begun_recipe(start).loop.steps}"}.get(
        ablation, f"{base.epochs} epochs"
    )
    return (
        Table(
            title=f"Ablation: {ablation}",
            header=(
                "", "SSIM of lip crops", "lips off what was tracked, % of the face's width", "VSC",
                *(TRUTH_HEADER if known else ()), "flicker in silence, 1e-4", "published LMD", "published SSIM",
            ),
            rows=tuple(rows),
            notes=(
                f"{size}; means over held-out clips with 95 % bootstrap intervals; published runs are other people.",
                *(("Truth: medians over frames and vertices, in % of the face's width.",) if known else ()),
                "Flicker: mean square of the second difference of lip crops where nobody speaks.",
            ),
        ),
        records,
    )  # fmt: skip


def _measured(variant: Variant, videos: Sequence[Path], consent: Consent, work: Path, jobs: int) -> dict[str, Interval]:
    """Means over held-out clips of what one variant makes."""
    place = work / variant.name.replace(" ", "-")
    clips = prepare_person(videos, work, num_jobs=jobs, one_light=variant.one_light)
    frames, kept = _split(clips, variant.seconds)
    answer = answer_file(place, variant, clips.keys)
    if not answer.exists():
        out = answer.with_suffix(".vis")
        fit_avatar(clips, frames, kept, variant.recipe, variant.name, consent, out=out, work=place, jobs=jobs)
        avatar = load_avatar(out)
        parts = [_of_clip(kept, clip) for clip in np.unique(kept.places[:, 0]).tolist()]
        found = [{**measure_avatar(avatar, part).numbers, "flicker": _flicker(avatar, part)} for part in parts]
        if consent is SYNTHETIC:
            if clips.left_out:
                raise DataError(f"of the synthetic person's clips {clips.left_out[0][0]} could not be used")
            known = [true_distances(avatar, part, sweep_spec(int(part.places[0, 0]))) for part in parts]
            found = [{**numbers, **more} for numbers, more in zip(found, known)]
        answer.write_text(json.dumps(found) + "\n")
    values = json.loads(answer.read_text())
    names = ("ssim", "mouth_percent", "vsc", "flicker", *(TRUTH if consent is SYNTHETIC else ()))
    return {name: _mean([v[name] for v in values]) for name in names}


def _split(clips: PersonClips, seconds: float) -> tuple[Frames, Frames]:
    """The first seconds of all clips but every fifth, and these."""
    counts = [len(clips.read(number, "times")[0]) for number in range(len(clips))]
    places = np.concatenate([np.stack([np.full(n, i), np.arange(n)], 1) for i, n in enumerate(counts)]).astype(np.int64)
    held = places[:, 0] % HELD == HELD - 1
    took = np.array([np.median(np.diff(clips.read(number, "times")[0])) for number in range(len(clips))])
    learnt = places[~held]
    return Frames(clips, learnt[np.cumsum(took[learnt[:, 0]]) <= seconds]), Frames(clips, places[held])


def _of_clip(frames: Frames, clip: int) -> Frames:
    return Frames(frames.clips, frames.places[frames.places[:, 0] == clip])


def _flicker(avatar: FaceGenerator, frames: Frames) -> float:
    """Mean square of the second difference of the crops made where nobody speaks; NaN where somebody always does."""
    lips = np.concatenate([part.made.lips for part in held_out(avatar, frames)])
    silent = frames.silent()
    quiet = silent[2:] & silent[1:-1] & silent[:-2]
    moved: NDArray[np.float32] = np.diff(lips, 2, axis=0)[quiet]
    return float(np.square(moved).mean()) if quiet.any() else float("nan")


def _mean(values: Sequence[float]) -> Interval:
    finite = np.array([v for v in values if np.isfinite(v)])
    return bootstrap_mean(finite) if len(finite) else Interval(float("nan"), float("nan"), float("nan"))
