"""The sync loss of Yaman et al.: generated frames inserted into the whole clip, as a frozen speech expert finds it.

Knows tensors and prepared clips. Only what five changed frames reach is computed again: 9 steps of the front end, from
13 frames; the rest comes from what was found of the real clip once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from viseme.core.errors import ConfigError, WeightsError
from viseme.data.store import ClipStore
from viseme.engine.progress import Bar
from viseme.expert.networks import SpeechEncoder
from viseme.expert.runner import COMPONENT
from viseme.expert.sizes import ExpertConfig
from viseme.talker.batches import AROUND
from viseme.talker.clips import NUM_FRAMES, TalkerClips, pieces
from viseme.talker.losses import negative_log
from viseme.talker.mouths import mouths_of
from viseme.weights import Checkpoint, read_checkpoint
from viseme.weights.export import load_arrays

__all__ = ["VARIANTS", "ExpertSync", "Variant", "expert_features", "expert_of", "read_pixel_expert"]

Variant = Literal["unsup", "visual", "multi"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)
"""What is compared: generated lips alone with audio alone, with real lips alone, or both with audio."""
SPREAD = 2
"""Steps to either side that a frame reaches in the front end."""
GROUP = 32
"""Clips of a shard."""


def read_pixel_expert(weights: str | Path) -> Checkpoint:
    """A speech expert that sees pixels, by path.

    Raises:
        WeightsError: it is missing, or something else.
        ConfigError: it sees points, through which no gradient reaches a picture.
    """
    found = read_checkpoint(weights, component=COMPONENT, holds="speech expert")
    if found.config()["input"] != "pixel":
        raise ConfigError(
            f"{found.name} sees {found.config()['input']}, not pixels; make one with "
            "`viseme train expert --input pixel`, or import your own with `viseme expert import`"
        )
    return found


def expert_of(checkpoint: Checkpoint) -> SpeechEncoder:
    """The network, frozen."""
    network = SpeechEncoder(ExpertConfig(**checkpoint.config()))
    own = {k: v for k, v in checkpoint.tensors.items() if not k.startswith("decoder.")}
    try:
        load_arrays(network, own)
    except WeightsError as error:
        raise WeightsError(f"{checkpoint.path}: {error}") from None
    return network.eval().requires_grad_(False)


class ExpertSync:
    """Mean over the generated steps of -log of the cosine with their target.

    Source:
        Yaman et al. 2024, section 3.5, equation 1, and the two variants of section 1.
    """

    def __init__(self, expert: SpeechEncoder, variant: Variant) -> None:
        """An expert, frozen, and what is compared."""
        if variant not in VARIANTS:
            raise ConfigError(f"there is no sync loss {variant!r}; known: {', '.join(VARIANTS)}, lip-expert, none")
        self._expert, self._variant = expert, variant

    def __call__(self, made: Float[Tensor, "B K 3 H W"], batch: Mapping[str, Tensor]) -> Float[Tensor, ""]:
        """See `SyncLoss`."""
        expert = self._expert.to(made.device)
        seen = self.seen_steps(made, batch)
        heard = batch["heard"] if self._variant == "multi" else torch.zeros_like(seen)
        found = expert.encoder(expert.fuse(heard, seen), batch["pad"], None)
        steps = (batch["first"] + batch["at"])[:, None] + torch.arange(NUM_FRAMES, device=made.device)
        mine = found.gather(1, steps[..., None].expand(-1, -1, found.shape[-1]))
        return negative_log(torch.cosine_similarity(mine, batch["target"], dim=-1)).mean()

    def seen_steps(self, made: Float[Tensor, "B K 3 H W"], batch: Mapping[str, Tensor]) -> Float[Tensor, "B P D"]:
        """What the front end gives of the clip with the generated frames in it."""
        size, device = len(made), made.device
        upright = torch.where(batch["flipped"][:, None, None, None, None], made.flip(-1), made)
        steps = torch.arange(AROUND, device=device)
        at, every = batch["at"][:, None], torch.arange(size, device=device)[:, None]
        faces = batch["around"].clone()
        faces[every, at + steps[:NUM_FRAMES]] = upright.to(faces.dtype)
        mouths = mouths_of(faces.flatten(0, 1), batch["to_mouth"].flatten(0, 1)).unflatten(0, (size, AROUND))
        front = self._expert.feature_extractor_video(mouths)
        reached = (steps >= at - SPREAD) & (steps < at + NUM_FRAMES + SPREAD)
        places = (batch["first"][:, None] + steps)[..., None].expand(-1, -1, front.shape[-1])
        kept = batch["seen"].gather(1, places)
        return batch["seen"].scatter(1, places, torch.where(reached[..., None], front.to(kept.dtype), kept))


def expert_features(
    clips: TalkerClips, expert: SpeechEncoder, name: str, variant: Variant, work: Path, device: torch.device
) -> ClipStore:
    """What an expert finds of every real clip, once, kept on disk: `seen` and `heard` (P, D) after the front ends, and
    `target` (P, D), which the generated steps are compared with; keys are `<clip>-<first frame of the piece>`.

    Args:
        clips: Prepared.
        expert: Frozen.
        name: Of the expert, with its hash.
        variant: Decides the target.
        work: Folder for stores.
        device: Where the expert runs.
    """
    store = ClipStore(work / f"talker-features-{name.replace('/', '-')}-{variant}-{clips.side}")
    waiting = [i for i, key in enumerate(clips.keys) if f"{key}-0" not in store]
    bar = Bar("what the expert sees")
    expert.to(device)
    for at in range(0, len(waiting), GROUP):
        some = waiting[at : at + GROUP]
        store.write({key: arrays for i in some for key, arrays in _features(clips, i, expert, variant, device)}, {})
        bar(min(at + GROUP, len(waiting)), len(waiting))
    store.refresh()
    return store


@torch.inference_mode()
def _features(
    clips: TalkerClips, number: int, expert: SpeechEncoder, variant: Variant, device: torch.device
) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    faces, speech, to_mouth = clips.read(number, "faces", "speech", "to_mouth")
    for begin, end in pieces(len(faces)):
        shown = torch.from_numpy(np.array(faces[begin:end])).to(device).float().div(255).movedim(-1, 1)
        mouths = mouths_of(shown, torch.from_numpy(np.array(to_mouth[begin:end])).to(device))[None]
        audio = torch.from_numpy(speech[begin:end].astype(np.float32)).to(device)[None]
        heard, seen = expert.features(audio, mouths)
        none = torch.zeros_like(seen)
        given = {"unsup": (heard, none), "visual": (none, seen), "multi": (heard, seen)}[variant]
        target = expert.encoder(expert.fuse(*given), None, None)
        arrays = {"seen": seen, "heard": heard, "target": target}
        yield f"{clips.keys[number]}-{begin}", {k: v[0].half().cpu().numpy() for k, v in arrays.items()}
