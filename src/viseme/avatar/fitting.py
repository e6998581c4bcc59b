"""An avatar's network from a person's frames: the compact one, or the paper's. Needs torch (extra `[train]`).

Knows frames, recipes and checkpoints; refuses to know videos and the file that ships.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from viseme.avatar.compact_batches import CompactDraw, CompactLoss, closed_coefficients, targets_of
from viseme.avatar.components import ClosedMouth, components_of, shape_weights
from viseme.avatar.examples import Frames
from viseme.avatar.networks import LIPS, NUM_VERTICES, CompactAvatar, LipSync3D
from viseme.avatar.paper_batches import PaperDraw, PaperLoss
from viseme.avatar.recipes import CompactRecipe, PaperRecipe
from viseme.avatar.talker_start import begin_at, sizes_of
from viseme.avatar.voices import heard_windows
from viseme.data.loader import Loader
from viseme.engine.loop import Device, fit, num_drawing_processes
from viseme.engine.progress import Bar
from viseme.media.contact_sheet import write_contact_sheet
from viseme.sync.heard import AudioStream
from viseme.weights import Checkpoint

__all__ = ["Fitting", "fit_compact", "fit_paper"]

NUM_SAMPLES = 16
"""Held-out frames that are shown while training runs ..."""
SHOWN_TIMES = 8
"""... that many times."""
Look = Callable[[], Tensor]
"""What the network makes of the frames that are shown: (N, 128, 128, 3)."""


@dataclass(frozen=True, kw_only=True)
class Fitting:
    """What every run has."""

    frames: Frames
    """To learn from."""
    closed: ClosedMouth
    """How the person looks in silence."""
    lips: tuple[slice, slice]
    """Rows and columns of the lip crop in the atlas."""
    work: Path
    """Where checkpoints are kept."""
    device: Device
    jobs: int
    resume: bool
    kept: Frames
    """Held out; some of them are shown while it runs."""

    def sample_rows(self) -> NDArray[np.int64]:
        """Rows of the held-out frames that are shown."""
        return np.unique(np.linspace(0, len(self.kept) - 1, NUM_SAMPLES).astype(np.int64))


def fit_compact(
    run: Fitting,
    recipe: CompactRecipe,
    streams: list[AudioStream],
    hears: str,
    talker: Checkpoint | None = None,
) -> CompactAvatar:
    """Principal components of the person, then the way from audio to them.

    Args:
        run: The person.
        recipe: What is made.
        streams: Networks of the audio stream.
        hears: Name of their weights.
        talker: With whose layers the network begins, see `talker_start`.
    """
    frames, clips = run.frames, run.frames.clips
    windows = heard_windows(clips, streams, recipe.voices, run.work, hears, Bar("hearing"))
    num = windows[str(int(frames.places[0, 0]))]["0"].shape[2] - 1
    config = replace(recipe.model, num_heard=num)
    config = config if talker is None else sizes_of(config, talker)
    shapes = components_of(
        frames,
        lambda rows: frames.read("vertices", rows).astype(np.float32).reshape(len(rows), -1),
        config.num_shapes,
        shape_weights(),
    )
    textures = components_of(frames, lambda rows: frames.read("lips", rows).reshape(len(rows), -1), config.num_textures)
    torch.manual_seed(recipe.loop.seed)
    network = CompactAvatar(config)
    _set_person(network, run)
    network.set_components(*(torch.from_numpy(a) for a in (shapes.mean, shapes.basis)), *(
        torch.from_numpy(a / np.float32(255)) for a in (textures.mean, textures.basis)
    ))  # fmt: skip
    targets = targets_of(frames, shapes, textures)
    if talker is not None:
        begin_at(network, talker, frames.places, windows, targets)
    draw = CompactDraw(
        places=frames.places,
        windows=windows,
        targets=targets,
        closed=closed_coefficients(run.closed, shapes, textures),
        closed_weights=run.closed.weights,
        recipe=recipe,
    )
    places = run.kept.places[run.sample_rows()].tolist()
    shown = torch.from_numpy(np.stack([windows[str(clip)]["0"][frame] for clip, frame in places]).astype(np.float32))

    def look() -> Tensor:
        return network.spoken(shown.to(network.reference.device))[1]

    _fit(run, network, CompactLoss.of(shapes, textures, recipe.motion), recipe, draw, look)
    with torch.no_grad():
        for learnt in network.coefficients.parameters():
            learnt.mul_(recipe.emphasis)
    return network


def fit_paper(run: Fitting, recipe: PaperRecipe, unit: float) -> LipSync3D:
    """The paper's network, its geometry begun as principal components.

    Args:
        run: The person.
        recipe: What is made.
        unit: Radius of the person's cylinder.
    """
    frames = run.frames
    steps = max(1, round(recipe.epochs * len(frames) / recipe.batch))
    recipe = replace(recipe, loop=replace(recipe.loop, steps=steps)) if recipe.loop.steps == 1 else recipe
    torch.manual_seed(recipe.loop.seed)
    network = LipSync3D(recipe.model)
    for part in network.parameters():  # on a CPU its convolutions take two thirds of the time
        if part.ndim == 4:
            part.data = part.data.contiguous(memory_format=torch.channels_last)
    _set_person(network, run)
    reference = np.asarray(frames.clips.reference, np.float32)
    found = components_of(
        frames,
        lambda rows: (frames.read("vertices", rows).astype(np.float32) - reference).reshape(len(rows), -1),
        recipe.model.num_modes,
    )
    network.start_geometry(torch.from_numpy(found.basis), torch.from_numpy(found.mean))
    shown = torch.from_numpy(run.kept.read("stft", run.sample_rows()).astype(np.float32))

    def look() -> Tensor:
        code = network.code(shown.to(network.reference.device))
        return network.spoken_lips(code, code.new_zeros(len(code), LIPS, LIPS, 3))

    _fit(run, network, PaperLoss(unit), recipe, PaperDraw(frames, frames.silent(), run.closed, recipe), look)
    return network


def _set_person(network: CompactAvatar | LipSync3D, run: Fitting) -> None:
    clips = run.frames.clips
    lips = np.asarray(clips.reference_atlas, np.float32)[run.lips]
    assert lips.shape == (LIPS, LIPS, 3)
    assert np.shape(clips.reference) == (NUM_VERTICES, 3)
    network.set_reference(torch.from_numpy(np.array(clips.reference, np.float32)), torch.from_numpy(lips.copy()))


def _fit(
    run: Fitting, network: nn.Module, loss: Any, recipe: CompactRecipe | PaperRecipe, draw: Any, look: Look
) -> None:
    asked = (recipe, run.frames.places.tobytes(), np.asarray(run.frames.clips.reference).tobytes())
    checkpoint = run.work / f"avatar-{hashlib.sha256(repr(asked).encode()).hexdigest()[:8]}.pt"
    if not run.resume:
        checkpoint.unlink(missing_ok=True)
    bar, steps, real = Bar("training"), recipe.loop.steps, run.kept.read("lips", run.sample_rows())

    def told(step: int, numbers: dict[str, float]) -> None:
        bar(step, steps, numbers)
        if step % max(1, steps // SHOWN_TIMES) == 0:
            network.eval()
            with torch.inference_mode():
                write_contact_sheet(run.work / "samples" / f"{step:06d}.png", real, look().cpu().numpy())
            network.train()

    workers = num_drawing_processes(run.device, run.jobs)
    batches = Loader(draw=draw, seed=recipe.loop.seed, workers=workers)
    fit(network, loss, recipe.loop, batches=batches, device=run.device, checkpoint=checkpoint, on_step=told)
