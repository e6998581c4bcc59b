"""`viseme train talker`, recipe "atlas": from clips of many people to one generator for everybody. Needs torch.

Knows the order: look at every person, fit the motion that all share, learn it from audio, learn to paint lips, export.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from viseme.core.errors import DataError
from viseme.data.loader import Loader
from viseme.data.manifest import ManifestRow, read_manifest
from viseme.data.manifest_clips import ManifestClips
from viseme.data.store import ClipStore
from viseme.engine.loop import Device, LoopConfig, fit
from viseme.engine.progress import Bar, note
from viseme.sync.heard import HeardAudio, in_another_voice
from viseme.sync.heard_streams import audio_stream_of, sync_streams
from viseme.synthetic.recordings import recording_folders
from viseme.synthetic.sources import FilmedTalkers
from viseme.talker.atlas_batches import MoverDraw, MoverLoss, PainterDraw, PainterLoss, chances
from viseme.talker.atlas_clips import SYNTHETIC, SeenClips, painted_clips, seen_clips, timed_rows, with_talkers
from viseme.talker.atlas_networks import AtlasTalker
from viseme.talker.movement import Movement, movement_of
from viseme.talker.runner import COMPONENT
from viseme.weights import read_checkpoint
from viseme.weights.export import save_networks

__all__ = ["AtlasRecipe", "train_atlas_talker"]

FIRST_SEED = 40_000
"""Seed of the first filmed talker; sync models and E-Net learn from lower ones."""


@dataclass(frozen=True, kw_only=True)
class AtlasRecipe:
    """Everything that decides what is made."""

    model: AtlasTalker.Config = field(default_factory=AtlasTalker.Config)
    """The networks."""
    voices: tuple[tuple[float, float], ...] = ((1.0, 60.0), (0.86, 25.0), (1.16, 20.0), (0.94, 15.0))
    """Versions of the audio: factor on pitch and formants, and decibels of the speech over added noise."""
    silence: float = 0.04
    """Share of a batch that is digital silence."""
    motion: float = 1.0
    """Weight of the change from frame to frame beside the place."""
    mover: LoopConfig = field(
        default_factory=lambda: LoopConfig(
            steps=2500, learning_rate=1.5e-3, warmup=0.05, weight_decay=0.05, average=0.995, save_every=500
        )
    )
    """Schedule of the motion, 128 pairs of frames an update."""
    painter: LoopConfig = field(
        default_factory=lambda: LoopConfig(
            steps=1000, learning_rate=1.5e-3, warmup=0.03, weight_decay=0.01, average=0.995, save_every=200
        )
    )
    """Schedule of the painter."""
    batch: int = 8
    """Frames of an update of the painter."""
    moving_each: int = 60
    """Most clips of a person from which motion is learnt ..."""
    painted_each: int = 12
    """... and painting, spread over all."""
    versions: int = 1
    """Draws of what was seen of each."""
    num_filmed_talkers: int = 40
    """Filmed synthetic talkers, from which motion and painting are learnt."""
    num_recorded_talkers: int = 200
    """Synthetic talkers who say recordings; they have landmarks and no film, so motion alone is learnt from them."""
    synthetic_share: float = 0.25
    """Share of the clips drawn that are of synthetic talkers, filmed or not."""


def train_atlas_talker(
    data: Path,
    *,
    out: Path,
    work: Path,
    recipe: AtlasRecipe | None = None,
    speech: Sequence[Path] = (),
    jobs: int = 1,
    device: Device = "auto",
    uses: Sequence[str] = ("train",),
    resume: bool = True,
) -> dict[str, Any]:
    """Train both networks and write them with the audio stream that they hear with.

    Args:
        data: Folder with a `manifest.csv`; rows of `uses` are learnt from.
        out: The file.
        work: Folder for tracks, prepared clips and checkpoints; what lies there is used again.
        recipe: None = the one of the weights that ship.
        speech: Folders of recordings with their phones (manifest.csv, phones.jsonl); without one there are no talkers
            who say recordings.
        jobs: Processes that follow faces.
        device: Where it is trained.
        uses: Marks of the manifest.
        resume: Go on from checkpoints in `work`; False = begin anew.

    Returns:
        The card of what was written.

    Raises:
        DataError: no clip can be used.
        EspeakMissing: espeak-ng, the voice of the filmed talkers, is not installed.
    """
    recipe = recipe or AtlasRecipe()
    people = _some_of_each(read_manifest(data, list(uses)), recipe.moving_each)
    real_source = ManifestClips(tuple(people))
    for number in range(len(people)):
        real_source.key(number)  # a missing clip is an error now and not after minutes of filming
    seeds = range(FIRST_SEED, FIRST_SEED + recipe.num_filmed_talkers)
    films = FilmedTalkers.film(seeds, work, num_jobs=jobs, on_progress=Bar("filming talkers"))
    rows = timed_rows(people, work, num_jobs=jobs)
    if untimed := sum(row.audio_delay is None for row in rows):
        note(f"{untimed} clips have an unclear audio delay; only painting is learnt from them")
    clips = seen_clips(rows + films.rows, work, num_jobs=jobs, on_progress=Bar("looking"))
    if not clips.keys:
        raise DataError("no clip shows a face that can be learnt from")
    folders = recording_folders(speech)
    num_talkers = recipe.num_recorded_talkers if folders else 0
    clips = with_talkers(clips, folders, num_talkers, on_progress=Bar("recorded talkers"))
    for name, why in clips.left_out:
        note(f"left out: {name}: {why}")
    torch.manual_seed(recipe.mover.seed)
    movement, wanted = _movement(clips, recipe)
    sync = read_checkpoint(None, component="sync", holds="sync model")
    network = AtlasTalker(replace(recipe.model, num_heard=_num_heard(sync)))
    network.mover.set_components(torch.from_numpy(movement.mean), torch.from_numpy(movement.basis))
    delays = tuple(row.audio_delay for row in clips.rows)
    mover, painter = _checkpoints(work, (recipe, clips.keys, delays, sync.name), resume)
    _fit_mover(network, clips, movement, wanted, recipe, work, sync, device, mover)
    painted = set(_some_of_each(clips.rows, recipe.painted_each))
    numbers = [
        n for n, (key, row) in enumerate(zip(clips.keys, clips.rows)) if row in painted and key in clips.landmarks
    ]
    stores = [
        painted_clips(clips, numbers, work, version=version, on_progress=Bar("unrolling"))
        for version in range(recipe.versions)
    ]
    _fit_painter(network, clips, stores, recipe, device, painter)
    real = [row.info().speaker for row in clips.rows if row.use != SYNTHETIC]
    card: dict[str, Any] = {
        "recipe": "atlas",
        "num_people": len(set(real)),
        "num_clips": len(real),
        "num_synthetic": len(clips.keys) - len(real),
        "num_painted": len(numbers),
    }
    card["licences"] = sorted({row.licence for row in clips.rows if row.licence})
    card["redistributable"] = tuple(uses) == ("train",)
    card["num_parameters"] = sum(p.numel() for p in network.parameters())
    tensors, graphs = audio_stream_of(sync)
    header = {"num_streams": len(sync.header["scales"]), "usual": movement.usual, "card": card}
    save_networks(out, {"": network}, component=COMPONENT, header=header, beside=tensors, graphs_beside=graphs)
    return card


def _checkpoints(work: Path, asked: Any, resume: bool) -> tuple[Path, Path]:
    """Of motion and of painting, named after everything that decides what they hold."""
    digest = hashlib.sha256(repr(asked).encode()).hexdigest()[:8]
    paths = work / f"talker-mover-{digest}.pt", work / f"talker-painter-{digest}.pt"
    if not resume:
        for path in paths:
            path.unlink(missing_ok=True)
    return paths


def _num_heard(sync: Any) -> int:
    streams = sync_streams(sync, threads=1)
    return sum(s.embed_audio(np.zeros((4, 40, 40), np.float32)).shape[-1] for s in streams)


def _chances(clips: SeenClips, numbers: Sequence[int], power: float, recipe: AtlasRecipe) -> NDArray[np.float64]:
    rows = [clips.rows[n] for n in numbers]
    synthetic = np.array([row.use == SYNTHETIC for row in rows])
    return chances([row.info().speaker for row in rows], power, synthetic=synthetic, share=recipe.synthetic_share)


def _some_of_each(rows: Sequence[ManifestRow], most: int) -> list[ManifestRow]:
    """At most so many rows of each person, spread over all of theirs."""
    by: dict[str, list[ManifestRow]] = {}
    for row in rows:
        by.setdefault(row.info().speaker, []).append(row)
    return [row for some in by.values() for row in some[:: max(1, len(some) // most)][:most]]


def _movement(clips: SeenClips, recipe: AtlasRecipe) -> tuple[Movement, list[NDArray[np.float32]]]:
    """Components, and (T, K) coefficients of every clip as the mean person would move."""
    offsets = [np.asarray(clips.store[key]["vertices"], np.float32) for key in clips.keys]
    speakers = [row.info().speaker for row in clips.rows]
    measure = Movement(mean=np.zeros(1404, np.float32), basis=np.zeros((1, 1404), np.float32), usual=1.0)
    amounts = {
        who: measure.amount(np.concatenate([o for o, s in zip(offsets, speakers) if s == who])) for who in set(speakers)
    }
    real = {row.info().speaker for row in clips.rows if row.use != SYNTHETIC}
    usual = float(np.median([amounts[who] for who in real or amounts]))
    scaled = [o.reshape(len(o), -1) * np.float32(usual / amounts[s]) for o, s in zip(offsets, speakers)]
    rng = np.random.default_rng(0)
    often = _chances(clips, range(len(scaled)), 0.5, recipe)
    some = [scaled[i][rng.integers(len(scaled[i]))] for i in rng.choice(len(scaled), 6000, p=often)]
    movement = movement_of(np.stack(some), recipe.model.num_shapes, usual)
    return movement, [movement.coefficients(o) for o in scaled]


def _fit_mover(
    network: AtlasTalker,
    clips: SeenClips,
    movement: Movement,
    wanted: list[NDArray[np.float32]],
    recipe: AtlasRecipe,
    work: Path,
    sync: Any,
    device: Device,
    checkpoint: Path,
) -> None:
    timed = [i for i, row in enumerate(clips.rows) if row.info().audio_delay is not None and len(wanted[i]) > 1]
    heard, keys = _heard(clips, timed, recipe, work, sync)
    draw = MoverDraw(
        heard=heard,
        keys=keys,
        wanted=tuple(wanted[i] for i in timed),
        chances=_chances(clips, timed, 0.5, recipe),
        rest=movement.coefficients(np.zeros((1, 1404), np.float32))[0],
        batch=128,
        silence=recipe.silence,
    )
    bar, steps = Bar("learning to move"), recipe.mover.steps
    fit(
        network.mover,
        MoverLoss(movement.powers, recipe.motion),
        recipe.mover,
        batches=Loader(draw=draw, seed=recipe.mover.seed),
        device=device,
        checkpoint=checkpoint,
        on_step=lambda step, numbers: bar(step, steps, numbers),
    )


def _heard(
    clips: SeenClips, numbers: list[int], recipe: AtlasRecipe, work: Path, sync: Any
) -> tuple[ClipStore, tuple[str, ...]]:
    """A store with windows of embedded audio for every frame of some clips, and the clips' keys in it.

    Real clips are there in every voice of the recipe, synthetic ones in the first.
    """
    voices = hashlib.sha256(repr(recipe.voices).encode()).hexdigest()[:8]
    store = ClipStore(work / f"talker-heard-{sync.name.partition('@')[2]}-{voices}")
    streams: list[Any] = [*sync_streams(sync, threads=1)]
    bar, keys = Bar("hearing"), []
    for done, number in enumerate(numbers):
        late = clips.rows[number].info().audio_delay or 0.0
        key = f"{clips.keys[number]}-{late:.4f}"
        keys.append(key)
        if key not in store:
            arrays = clips.store[clips.keys[number]]
            samples = arrays["samples"].astype(np.float32) / 32768
            times = arrays["times"] - (float(arrays["start"]) - late)
            made = {}
            versions = recipe.voices[:1] if clips.rows[number].use == SYNTHETIC else recipe.voices
            for voice, (factor, noise) in enumerate(versions):
                rng = np.random.default_rng([number, voice])
                audio = HeardAudio(streams, in_another_voice(samples, factor, noise, rng), 0.0)
                made[str(voice)] = audio.at(times / factor).astype(np.float16)
            store.write({key: made}, {})
        bar(done + 1, len(numbers), {})
    store.refresh()
    return store, tuple(keys)


def _fit_painter(
    network: AtlasTalker,
    clips: SeenClips,
    stores: list[tuple[ClipStore, tuple[str, ...]]],
    recipe: AtlasRecipe,
    device: Device,
    checkpoint: Path,
) -> None:
    keys = tuple(key for key in stores[0][1] if all(key in store for store, _ in stores))
    place = {key: i for i, key in enumerate(clips.keys)}
    draw = PainterDraw(
        stores=tuple(store for store, _ in stores),
        keys=keys,
        chances=_chances(clips, [place[key] for key in keys], 0.3, recipe),
        batch=recipe.batch,
    )
    bar, steps = Bar("learning to paint"), recipe.painter.steps
    fit(
        network.painter,
        PainterLoss(),
        recipe.painter,
        batches=Loader(draw=draw, seed=recipe.painter.seed),
        device=device,
        checkpoint=checkpoint,
        on_step=lambda step, numbers: bar(step, steps, numbers),
    )
