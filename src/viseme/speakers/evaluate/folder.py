"""A folder of clips of people who speak: each under its own audio, and under that of another clip. Needs no labels."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import ConfigError, DataError, VisemeError, WeightsError
from viseme.core.speakers import SpeakersResult
from viseme.core.time import Seconds
from viseme.engine.progress import Bar
from viseme.media import probe
from viseme.metrics.detection import DetectionScores
from viseme.speakers.evaluate.corpora import VIDEO_TYPES
from viseme.speakers.evaluate.results import Evaluation, first_of
from viseme.speakers.interface import load_scorer
from viseme.speakers.pipeline import find_speakers

__all__ = ["evaluate_folder", "windows_of"]


def evaluate_folder(
    folder: Path,
    *,
    window: Seconds = 2.0,
    align: Literal["none", "file", "track"] = "file",
    scorer: str = "head",
    scorer_weights: Path | None = None,
    weights: Path | None = None,
    most: int = 200,
) -> Evaluation:
    """Clips of people who speak all the time: each under its own audio, and under that of another clip.

    No labels are needed: a window of the largest face counts as speaking under its own audio, and as not speaking under
    mismatched audio. Windows without a voice in the audio that is played are left out.

    Args:
        folder: Folder with clips, searched with all its folders.
        window: Length over which a score is averaged, in seconds.
        align: Which delay of the audio is taken out before scoring: that of the file, of each face (track), or none.
            Mismatched audio has none: with "file" or "track" its luckiest delay may be taken, as in use.
        scorer: Who scores: head, evidence, cosine, light-asd, lr-asd.
        scorer_weights: Weights of the scorer, a file; None = those that ship.
        weights: Sync weights that listen and read lips, a file; None = those that ship.
        most: How many clips at most, evenly chosen.

    Raises:
        ConfigError: `window` or `most` is out of its range, or there is no such scorer.
        DataError: fewer than two clips with video and audio, or nothing in them could be scored.
        WeightsError: weights are missing or damaged.
    """
    if not 0 < window < np.inf or most < 2:
        raise ConfigError(f"window must be more than 0 seconds and most 2 or more, not {window:g} and {most}")
    load_scorer(scorer, scorer_weights)  # a wrong name is told before an hour of work
    files, missing = _talking(folder, most)
    pool, recipe, bar = DetectionScores(), "", Bar("clips")
    for number, path in enumerate(files):
        other = files[(number + len(files) // 2) % len(files)]
        try:
            own, mismatched = (
                find_speakers(
                    path, align=align, scorer=scorer, scorer_weights=scorer_weights, weights=weights, audio=audio
                )
                for audio in (None, other)
            )
        except (ConfigError, WeightsError):
            raise
        except VisemeError as error:
            missing.append(f"{path.name} ({error})")
        else:
            recipe = f"{own.scorer}, align {own.align}"
            for result, label in ((own, True), (mismatched, False)):
                means = windows_of(result, window)
                pool.add(str(path.relative_to(folder)), means, np.full(len(means), label))
        bar(number + 1, len(files))
    try:
        metrics = pool.compute()
    except ValueError as error:
        raise DataError(f"{folder}: {error}; left out: {first_of(missing)}") from None
    return Evaluation(
        corpus=f"{folder.name}, own against mismatched audio, windows of {window:g} s",
        metrics=metrics,
        missing=tuple(missing),
        recipe=recipe,
    )


def _talking(folder: Path, most: int) -> tuple[list[Path], list[str]]:
    """At most `most` files of a folder that have video and audio, and what is wrong with the others."""
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; give one that holds clips")
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in VIDEO_TYPES and p.is_file())
    if len(files) > most:
        files = [files[i] for i in np.linspace(0, len(files) - 1, most).astype(int)]
    good, bad = [], []
    for path in files:
        try:
            info = probe(path)
        except VisemeError as error:
            bad.append(f"{path.name} ({error})")
            continue
        if info.video is None or info.video.is_still or not info.audio:
            bad.append(f"{path.name} (no video or no audio)")
        else:
            good.append(path)
    if len(good) < 2:
        raise DataError(
            f"{folder} holds {len(good)} clips with video and audio; at least two are needed; left out: {first_of(bad)}"
        )
    return good, bad


def windows_of(result: SpeakersResult, window: float) -> NDArray[np.float64]:
    """(N,) mean scores of the largest face over stretches of `window` seconds in most of which a voice is heard."""
    if not result.faces:
        return np.zeros(0)
    face = max(result.faces, key=lambda f: f.face_size_px * len(f.times) ** 0.5)
    voiced = np.zeros(len(face.times), bool)
    for v in result.voice:
        voiced |= (face.times >= v.start) & (face.times < v.end)
    size = max(1, round(window / 0.04))
    starts = range(0, len(face.times) - size + 1, size)
    kept = [float(face.scores[a : a + size].mean()) for a in starts if voiced[a : a + size].mean() >= 0.5]
    return np.array(kept)
