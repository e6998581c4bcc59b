"""Clips for training the sync models: real ones with their true delays, and synthetic talkers.

Knows sources of clips and visual inputs; refuses to know networks, but for those that ship and say how late the audio
of a clip is. A clip marked `dev` never comes here: `read_manifest` refuses to hand one out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from viseme.data.manifest import ManifestRow
from viseme.data.prepare import View, prepare, track_clips
from viseme.data.sources import clip_sources
from viseme.engine.progress import Bar
from viseme.sync.clips import ClipSet
from viseme.sync.delays import estimated_delay
from viseme.sync.views import LIP_INPUTS, inputs_view
from viseme.synthetic.recordings import recording_folders

__all__ = ["RealClips", "people_apart", "real_clips", "recorded_clips", "synthetic_clips"]

MOST_FILMED = 200
"""Filmed talkers at most: a film costs seconds where landmarks cost milliseconds."""


@dataclass(frozen=True, kw_only=True)
class RealClips:
    """Real clips whose delay is known or could be told, and what became of the others."""

    clips: ClipSet
    """To learn from."""
    num_known: int
    """Of these, clips whose manifest says how late the audio is."""
    num_estimated: int
    """Of these, clips whose delay the weights that ship have told."""
    unclear: tuple[str, ...]
    """Names of clips that were left out because nobody knows how late their audio is."""
    unusable: tuple[tuple[str, str], ...]
    """Names of clips that were left out because no face or no audio could be used, and why."""

    def __str__(self) -> str:
        return (
            f"delay known of {self.num_known} real clips, estimated of {self.num_estimated}; left out: "
            f"{len(self.unclear)} of unclear delay, {len(self.unusable)} without a usable face or audio"
        )

    def sources(self) -> list[str]:
        """Clips by corpus and licence, for a card."""
        counted = Counter((info.source or info.name.partition("/")[0], info.licence) for info in self.clips.infos)
        return [f"{num} clips of {source} ({licence})" for (source, licence), num in sorted(counted.items())]


def real_clips(
    rows: Sequence[ManifestRow], work: Path, *, input: str, view: View | None = None, num_jobs: int = 1
) -> RealClips:
    """Prepare clips of a manifest as an input sees them, with their true delays.

    A delay that the manifest knows is used, one that it does not know is estimated by the weights that ship, from lip
    points and at the certainty at which `check` would answer; a clip whose delay stays unclear is left out.

    Args:
        rows: From `read_manifest`.
        work: Folder where what was prepared is kept.
        input: Name of a visual input.
        view: Makes its arrays, and those of other inputs (`inputs_view`); None = of this input alone.
        num_jobs: Processes.
    """
    source = clip_sources["manifest"](tuple(rows))
    tracked = track_clips(source, work, num_jobs=num_jobs, on_progress=Bar("tracking faces"))
    lips = prepare(tracked, inputs_view(LIP_INPUTS), work, num_jobs=num_jobs, on_progress=Bar("lip motion"))
    told = _delays(ClipSet.of(lips, "landmarks"))
    seen = lips
    if view is not None or input not in LIP_INPUTS:
        seen = prepare(
            tracked, view or inputs_view([input]), work, num_jobs=num_jobs, on_progress=Bar(f"{input} of faces")
        )
    delays = dict(zip(lips.keys, told))
    kept = [i for i, key in enumerate(seen.keys) if delays.get(key) is not None]
    clips = ClipSet.of(seen, input, [delays.get(key) or 0.0 for key in seen.keys]).take(kept)
    num_known = sum(info.audio_delay is not None for info in clips.infos)
    return RealClips(
        clips=clips,
        num_known=num_known,
        num_estimated=len(clips) - num_known,
        unclear=tuple(info.name for key, info in zip(seen.keys, seen.infos) if delays.get(key) is None),
        unusable=tuple({**dict(tracked.tracked.left_out), **dict(lips.left_out), **dict(seen.left_out)}.items()),
    )


def _delays(lips: ClipSet) -> list[float | None]:
    """Seconds by which the audio of each clip is late; None = unclear."""
    unknown = [number for number, info in enumerate(lips.infos) if info.audio_delay is None]
    bar, told = Bar("estimating delays"), {}
    for number in unknown:
        told[number] = estimated_delay(lips[number])
        bar(len(told), len(unknown))
    return [told.get(number, info.audio_delay) for number, info in enumerate(lips.infos)]


def synthetic_clips(num: int, work: Path, *, input: str, view: View | None = None, num_jobs: int = 1) -> ClipSet:
    """Synthetic talkers as an input sees them; for a `view`, or an input that needs more than lip points, they are
    filmed, `MOST_FILMED` at most.

    Talkers over whose text a speech engine broke down are left out.

    Raises:
        EspeakMissing, VoiceMissing: a voice is not installed.
    """
    if view is None and input in LIP_INPUTS:
        source = clip_sources["synthetic"](range(num))
        made = prepare(source, inputs_view(LIP_INPUTS), work, num_jobs=num_jobs, on_progress=Bar("synthetic talkers"))
        return ClipSet.of(made, input)
    films = clip_sources["synthetic-films"].film(
        range(min(num, MOST_FILMED)), work, num_jobs=num_jobs, on_progress=Bar("filming talkers")
    )
    tracked = track_clips(films, work, num_jobs=num_jobs, on_progress=Bar("tracking talkers"))
    made = prepare(
        tracked, view or inputs_view([input]), work, num_jobs=num_jobs, on_progress=Bar(f"{input} of talkers")
    )
    return ClipSet.of(made, input)


def recorded_clips(num: int, speech: Sequence[Path], work: Path, *, input: str, num_jobs: int = 1) -> ClipSet | None:
    """Synthetic talkers with the voices of recorded people; None where no folder of recordings is there, or the input
    needs more than lip points."""
    folders = recording_folders(speech)
    if input not in LIP_INPUTS or num == 0 or not folders:
        return None
    source = clip_sources["synthetic-recorded"](folders, range(num))
    made = prepare(source, inputs_view(LIP_INPUTS), work, num_jobs=num_jobs, on_progress=Bar("recorded talkers"))
    return ClipSet.of(made, input)


def people_apart(clips: ClipSet, least: int, *, least_people: int = 1, seed: int = 0) -> tuple[ClipSet, ClipSet]:
    """Clips of some people, at least `least` of them, and those of everybody else.

    Nobody with more than a tenth of the clips is among the first, unless there is nobody else.

    Args:
        clips: Of many people.
        least: Clips kept apart.
        least_people: People kept apart, where there are more.
        seed: Of who they are.
    """
    rng = np.random.default_rng(seed)
    counts = Counter(info.speaker for info in clips.infos)
    names = [str(name) for name in rng.permutation(sorted(counts))]
    names.sort(key=lambda name: counts[name] > max(1, len(clips) // 10))
    chosen: set[str] = set()
    for name in names:
        enough = len(chosen) >= least_people and sum(counts[c] for c in chosen) >= least
        if enough or len(chosen) == len(names) - 1:
            break
        chosen.add(name)
    apart = np.array([info.speaker in chosen for info in clips.infos], bool)
    return clips.take(np.flatnonzero(apart)), clips.take(np.flatnonzero(~apart))
