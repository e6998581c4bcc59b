"""How stable the experts' losses are on real clips: Figure 1 of Yaman et al. as numbers. Knows clips and networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from viseme.metrics.intervals import bootstrap_mean
from viseme.reproduce.tables import Table
from viseme.talker.clips import NUM_FRAMES, TalkerClips
from viseme.talker.expert_sync import expert_of, read_pixel_expert
from viseme.talker.lip_expert_files import load_lip_expert
from viseme.talker.losses import negative_log
from viseme.talker.mouths import mouths_of

__all__ = ["real_losses", "stability_table"]


@torch.inference_mode()
def real_losses(clips: TalkerClips, lip_expert: Path, expert: Path) -> dict[str, list[list[float]]]:
    """Sync losses of real windows of five frames of each clip, by both experts."""
    lips = load_lip_expert(lip_expert).whole
    assert lips is not None
    lips.eval()
    speech = expert_of(read_pixel_expert(expert))
    found: dict[str, list[list[float]]] = {"lip-expert": [], "unsup": []}
    for number in range(len(clips)):
        faces, mel, heard, to_mouth = clips.read(number, "faces", "mel", "speech", "to_mouth")
        shown = torch.from_numpy(np.array(faces)).float().div(255).movedim(-1, 1)
        windows = shown.unfold(0, NUM_FRAMES, 1).movedim(-1, 1)
        middle = torch.from_numpy(mel[NUM_FRAMES // 2 : NUM_FRAMES // 2 + len(windows)].astype(np.float32))
        cosine = torch.cat([lips.cosine(*pair) for pair in zip(windows.split(16), middle.split(16))])
        found["lip-expert"].append(negative_log(cosine).tolist())
        mouths = mouths_of(shown, torch.from_numpy(np.array(to_mouth)))[None]
        audio = torch.from_numpy(heard.astype(np.float32))[None]
        step = torch.cosine_similarity(speech.encode(None, mouths)[0], speech.encode(audio)[0], dim=-1)
        found["unsup"].append(negative_log(step).unfold(0, NUM_FRAMES, 1).mean(-1).tolist())
    return found


def stability_table(losses: Mapping[str, list[list[float]]]) -> Table:
    """Mean and variance of the loss over the windows of a clip, mean over clips."""
    rows = [(name, *_cells(clips)) for name, clips in losses.items()]
    num = len(next(iter(losses.values())))
    return Table(
        title="Stability of the sync loss on real clips (Figure 1)",
        header=("expert", "mean", "variance in a clip", "relative spread", "largest"),
        rows=tuple(rows),
        notes=(
            f"n = {num} clips that no expert was trained on; windows of five frames; 95 % bootstrap over clips",
            "relative spread: standard deviation over mean in a clip, as losses of two experts have no common scale",
        ),
    )


def _cells(clips: list[list[float]]) -> Iterator[str]:
    arrays = [np.array(windows) for windows in clips]
    yield bootstrap_mean(_each(arrays, np.mean)).text(3)
    yield bootstrap_mean(_each(arrays, np.var)).text(4)
    yield bootstrap_mean(np.array([a.std() / max(a.mean(), 1e-9) for a in arrays])).text(3)
    yield bootstrap_mean(_each(arrays, np.max)).text(2)


def _each(arrays: list[NDArray[np.float64]], what: object) -> NDArray[np.float64]:
    return np.array([what(a) for a in arrays])  # type: ignore[operator]
