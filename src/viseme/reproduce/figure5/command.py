"""`viseme.reproduce_figure5`: choose clips, measure each under every change, report."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from viseme.core.errors import ConfigError, DataError
from viseme.core.extras import import_part
from viseme.data.manifest import ManifestRow, read_held_out
from viseme.engine.jobs import make_files
from viseme.engine.progress import Bar
from viseme.reproduce.figure5.changes import changes
from viseme.reproduce.figure5.measure import Plan, measure_clip, read_answer
from viseme.reproduce.figure5.meters import MODES, Mode, Networks, load_meters
from viseme.reproduce.figure5.report import Figure5Result, write_report
from viseme.reproduce.measured_clips import tracker_key
from viseme.sync.checkpoint import load_sync_weights
from viseme.weights import find_weights, sha256_of

__all__ = ["Figure5Result", "reproduce_figure5"]

VERSION = 1
"""Of the kept answers: raise it when the same clip is measured otherwise."""


def reproduce_figure5(
    out: Path = Path("runs/figure5"),
    *,
    data: Path = Path("../shared/data"),
    work: Path = Path("runs/figure5/work"),
    clips: int = 20,
    seconds: float = 4.0,
    sync_weights: str = "sync-landmarks",
    raw: Path | None = None,
    syncnet: Path | None = None,
    expert: str = "expert-tiny",
    modes: str = ",".join(MODES),
    shift_step: float = 2.0,
    rotation_step: float = 5.0,
    jobs: int = 2,
) -> Figure5Result:
    """Measure how far each measure of lip sync moves when the face is shifted, turned or scaled.

    Args:
        out: Folder for `figure5.md`, `.json`, `.png` and `.svg`.
        data: Folder with manifest.csv; clips marked `dev` are measured.
        work: Where the answer of each clip is kept; what is there is not done again.
        clips: How many clips at most, of as many speakers as there are.
        seconds: How much of each clip, from its beginning.
        sync_weights: Sync weights for VSC and VSD, names or files with commas; empty = none.
        raw: Weights of `viseme train sync --input raw`, to stand beside: they are asked in `crop` too, where nothing
            moves for points; None = none.
        syncnet: Your copy of SyncNet's weights, for LSE-C and LSE-D; None = neither.
        expert: A speech expert for AVS, name or file (`viseme expert import`); empty = no AVS.
        modes: Where the change is made, with commas: crop (after alignment), frame (before faces are sought).
        shift_step: Pixels between shifts to 12, of the 256-pixel canvas; beyond that, one of 25.6.
        rotation_step: Degrees between rotations; 30 is the largest.
        jobs: Processes at once.

    Raises:
        ConfigError: a number is out of its range, a mode is unknown, `raw` sees something else, or there is no network
            to ask.
        DataError: there are no clips.
        WeightsError: weights are missing or damaged.
    """
    import_part("matplotlib.figure")  # what is missing is told before the work and not after it
    chosen = _modes(modes)
    if min(clips, jobs) < 1 or seconds < 1 or not 0 < shift_step <= 12 or not 0 < rotation_step <= 30:
        raise ConfigError(
            "clips, seconds and jobs must be 1 or more, shift-step in 0 to 12 px, rotation-step in 0 to 30 degrees"
        )
    named = [s.strip() for s in sync_weights.split(",") if s.strip()]
    networks = Networks((*named, *([] if raw is None else [str(raw)])), syncnet, expert.strip() or None)
    load_meters(networks)
    if raw is not None and (sees := load_sync_weights(str(raw)).input_mode) != "raw":
        raise ConfigError(f"{raw} sees {sees}, not raw pixels; train it with `viseme train sync --input raw`")
    rows = _of_many_speakers(read_held_out(data, ("dev",)), clips)
    if not rows:
        raise DataError(f"{data} has no clips marked dev: nothing to measure")
    plan = Plan(networks, tuple(changes(shift_step, rotation_step)), chosen, seconds)
    key = _key(plan)
    work.mkdir(parents=True, exist_ok=True)
    tasks = [(measure_clip, (row, plan), work / f"{key}-{sha256_of(row.path)[:16]}.json") for row in rows]
    answers = [read_answer(path) for path in make_files(tasks, num_jobs=jobs, on_progress=Bar("clips"))]
    if all(answer.left_out for answer in answers):
        raise DataError(f"no face could be followed in {len(answers)} clips of {data}: {answers[0].left_out}")
    settings = {
        "modes": chosen, "shift_step_px": shift_step, "rotation_step_deg": rotation_step, "clips_asked": clips,
        "seconds": seconds, "sync_weights": networks.sync, "syncnet": None if syncnet is None else syncnet.name,
        "expert": networks.expert,
        "tracker": tracker_key(),
    }  # fmt: skip
    return write_report(out, answers, plan, settings)


def _modes(text: str) -> tuple[Mode, ...]:
    asked = [m.strip() for m in text.split(",") if m.strip()]
    unknown = [m for m in asked if m not in MODES]
    if unknown or not asked:
        raise ConfigError(f"there is no mode {', '.join(unknown) or text!r}; known: {', '.join(MODES)}")
    return tuple(mode for mode in MODES if mode in asked)


def _of_many_speakers(rows: Sequence[ManifestRow], most: int) -> list[ManifestRow]:
    """One clip of every speaker, then a second one, until there are enough."""
    of_speaker: dict[str, list[ManifestRow]] = defaultdict(list)
    for row in rows:
        of_speaker[row.info().speaker].append(row)
    turns = zip_longest(*of_speaker.values())
    return [row for turn in turns for row in turn if row is not None][:most]


def _key(plan: Plan) -> str:
    """What kept answers depend on, beside the clip."""
    files = [
        *(find_weights(name) for name in plan.networks.sync),
        *([plan.networks.syncnet] if plan.networks.syncnet else []),
    ]
    files += [] if plan.networks.expert is None else [find_weights(plan.networks.expert, component="expert")]
    said = (VERSION, tracker_key(), plan.changes, plan.modes, plan.seconds, [sha256_of(f) for f in files])
    return hashlib.sha256(repr(said).encode()).hexdigest()[:12]
