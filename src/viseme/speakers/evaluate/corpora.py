"""ASW, AVA-ActiveSpeaker and Columbia: find speakers in every labelled video, and score every labelled instant.

Where no face of ours lies on the labelled box, the instant gets a score below all others, and their number is reported.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import ConfigError, DataError, VisemeError, WeightsError
from viseme.core.speakers import SpeakersResult
from viseme.data.active_speakers import LabelledTrack, check_asw_counts, read_asw, read_ava, read_columbia
from viseme.engine.progress import Bar
from viseme.metrics.detection import DetectionScores
from viseme.metrics.f1_score import f1_score
from viseme.speakers.evaluate.ava_predictions import write_ava_predictions
from viseme.speakers.evaluate.matching import filled, scores_on
from viseme.speakers.evaluate.results import TABLE_III, Columbia, Evaluation, first_of
from viseme.speakers.pipeline import find_speakers

__all__ = ["VIDEO_TYPES", "evaluate_asw", "evaluate_ava", "evaluate_columbia"]

VIDEO_TYPES = (".mp4", ".mkv", ".webm", ".avi", ".mov", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv", ".ts")


@dataclass
class _Run:
    """One pass over labelled videos."""

    find: Callable[[Path], SpeakersResult]
    pool: DetectionScores = field(default_factory=DetectionScores)
    missing: list[str] = field(default_factory=list)
    num_unmatched: int = 0
    recipe: str = ""
    rows: list[tuple[str, LabelledTrack, NDArray[np.float64]]] = field(default_factory=list)

    def over(self, tracks: Sequence[LabelledTrack], media: Path, *, keep: bool = False) -> None:
        """Find speakers in every video and score the labelled instants; `keep` the scores of every face."""
        videos = list(dict.fromkeys(t.video for t in tracks))
        bar = Bar("videos")
        for number, video in enumerate(videos, start=1):
            result = self._found(video, media)
            bar(number, len(videos))
            if result is None:
                continue
            self.recipe = f"{result.scorer}, align {result.align}"
            for track in (t for t in tracks if t.video == video):
                scores = scores_on(track, result)
                self.num_unmatched += int((np.isnan(scores) & track.scored).sum())
                known = np.asarray(filled(scores), np.float64)
                self.pool.add(video, known[track.scored], track.speaking[track.scored])
                if keep:
                    self.rows.append((video, track, known))

    def _found(self, video: str, media: Path) -> SpeakersResult | None:
        """The speakers of a video; None, and one more `missing`, where it is not there or cannot be read."""
        path = _media(media, video)
        try:
            if path is not None:
                return self.find(path)
            self.missing.append(video)
        except (ConfigError, WeightsError):  # of the run, not of this video
            raise
        except VisemeError as error:
            self.missing.append(f"{video} ({error})")
        return None

    def evaluation(self, corpus: str, published: Any = ()) -> Evaluation:
        """Everything scored so far.

        Raises:
            DataError: nothing was scored, or all of it is of one kind.
        """
        try:
            metrics = self.pool.compute()
        except ValueError as error:
            raise DataError(f"{corpus}: {error}; missing: {first_of(self.missing)}") from None
        return Evaluation(
            corpus=corpus,
            metrics=metrics,
            missing=tuple(self.missing),
            num_unmatched=self.num_unmatched,
            recipe=self.recipe,
            published=published,
        )


def _media(folder: Path, video: str) -> Path | None:
    """The file of a video: `<video>.<type>` in the folder."""
    for kind in VIDEO_TYPES:
        path = folder / f"{video}{kind}"
        if path.is_file():
            return path
    return None


def _finder(align: str, scorer: str, scorer_weights: Path | None, weights: Path | None) -> Callable:
    def find(path: Path) -> SpeakersResult:
        return find_speakers(
            path,
            align=align,  # type: ignore[arg-type]
            scorer=scorer,
            scorer_weights=scorer_weights,
            weights=None if weights is None else os.fspath(weights),
        )

    return find


def evaluate_asw(
    labels: Path,
    media: Path,
    *,
    split: Literal["dev", "val", "test"] = "test",
    align: Literal["none", "file", "track"] = "file",
    scorer: str = "head",
    scorer_weights: Path | None = None,
    weights: Path | None = None,
    any_labels: bool = False,
) -> Evaluation:
    """Score a split of ASW, and print the published rows beside ours.

    Args:
        labels: A copy of clovaai/lookwhostalking.
        media: Folder of <video>.mp4 (first 1,200 s, 25 frames a second, as its run_convert.py makes them).
        split: Which videos, by their split.
        align: Which delay of the audio is taken out before scoring: that of the file, of each face
            (track), or none; the published rows: see there.
        scorer: Who scores: head, evidence, cosine, light-asd, lr-asd.
        scorer_weights: Weights of the scorer, a file; None = those that ship.
        weights: Sync weights that listen and read lips, a file; None = those that ship.
        any_labels: Score labels whose counts are not those published.

    Raises:
        DataError: labels are missing or not what they should be, or no video could be scored.
    """
    tracks = read_asw(labels, split)
    if not any_labels:
        check_asw_counts(tracks, split)
    run = _Run(_finder(align, scorer, scorer_weights, weights))
    run.over(tracks, media)
    return run.evaluation(f"ASW {split}", TABLE_III if split == "test" else ())


def evaluate_ava(
    labels: Path,
    media: Path,
    *,
    predictions: Path | None = None,
    align: Literal["none", "file", "track"] = "file",
    scorer: str = "head",
    scorer_weights: Path | None = None,
    weights: Path | None = None,
) -> Evaluation:
    """Score AVA-ActiveSpeaker; the metric of its evaluation is the VOC-interpolated AP.

    Args:
        labels: The CSV of labels, or a folder of them.
        media: Folder of <video_id>.mp4 or .mkv, whole, so that the labels' times hold.
        predictions: Write the rows of the labels with our score, as its evaluation program wants them.
        align: Which delay of the audio is taken out before scoring: that of the file, of each face (track), or none.
        scorer: Who scores: head, evidence, cosine, light-asd, lr-asd.
        scorer_weights: Weights of the scorer, a file; None = those that ship.
        weights: Sync weights that listen and read lips, a file; None = those that ship.

    Raises:
        DataError: labels are missing or not what they should be, or no video could be scored.
        OutputError: the predictions cannot be written.
    """
    run = _Run(_finder(align, scorer, scorer_weights, weights))
    tracks = read_ava(labels)
    run.over(tracks, media, keep=predictions is not None)
    done = run.evaluation("AVA-ActiveSpeaker")
    if predictions is not None:
        write_ava_predictions(predictions, run.rows)
    return done


def evaluate_columbia(
    labels: Path,
    video: Path,
    *,
    label_width: int = 640,
    label_height: int = 360,
    align: Literal["none", "file", "track"] = "file",
    scorer: str = "head",
    scorer_weights: Path | None = None,
    weights: Path | None = None,
    threshold: float | None = None,
) -> Columbia:
    """Score the Columbia panel discussion: F1 of each speaker, and the mean of five.

    Args:
        labels: Folder of bell.txt, boll.txt, lieb.txt, long.txt, sick.txt.
        video: The discussion, at 25 frames a second from the frame where the labels' count begins.
        label_width: Width in pixels of the frames that the labels speak of.
        label_height: Height in pixels of these frames.
        align: Which delay of the audio is taken out before scoring: that of the file, of each face (track), or none.
        scorer: Who scores: head, evidence, cosine, light-asd, lr-asd.
        scorer_weights: Weights of the scorer, a file; None = those that ship.
        weights: Sync weights that listen and read lips, a file; None = those that ship.
        threshold: Score above which a face speaks; the published evaluations use 0 on log-odds; None =
            the scorer's own.

    Raises:
        DataError: labels are missing or malformed.
    """
    tracks = read_columbia(labels, width=label_width, height=label_height)
    result = _finder(align, scorer, scorer_weights, weights)(video)
    limit = result.threshold if threshold is None else threshold
    f1, num, lost = {}, {}, 0
    for track in tracks:
        scores = scores_on(track, result)
        lost += int(np.isnan(scores).sum())
        f1[track.entity] = f1_score(filled(scores), track.speaking, limit)
        num[track.entity] = len(scores)
    return Columbia(f1=f1, num_instants=num, recipe=f"{result.scorer}, align {result.align}", num_unmatched=lost)
