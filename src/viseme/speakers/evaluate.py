"""Measured against labels: ASW, AVA-ActiveSpeaker, Columbia, or a folder of clips under their own and mismatched audio.

Knows labels, results of `find_speakers` and metrics. Every labelled instant is scored: where no face of ours lies on
the labelled box, the instant gets a score below all others, and how many did is told.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import ConfigError, DataError, VisemeError, WeightsError
from viseme.core.speakers import SpeakersResult
from viseme.data.active_speakers import LabelledTrack, check_asw_counts, read_asw, read_ava, read_columbia
from viseme.engine.progress import Bar
from viseme.media import probe
from viseme.metrics.detection import DetectionMetrics, DetectionScores
from viseme.metrics.f1_score import f1_score
from viseme.speakers.interface import load_scorer
from viseme.speakers.pipeline import find_speakers

__all__ = [
    "TABLE_III",
    "Columbia",
    "Evaluation",
    "evaluate_asw",
    "evaluate_ava",
    "evaluate_columbia",
    "evaluate_folder",
    "scores_on",
]

TABLE_III = (
    ("self-supervised cosine (LWT)", 0.924, 0.962, 0.083),
    ("LMID, RGB E-Net, track-aligned", 0.934, 0.954, 0.104),
    ("RGBD Deep3D (DSP)", 0.929, 0.954, 0.109),
    ("RGBD E-Net (DSP)", 0.957, 0.971, 0.079),
)
"""Published on ASW test, without training on ASW: method, AP, AUROC, EER."""

VIDEO_TYPES = (".mp4", ".mkv", ".webm", ".avi", ".mov", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv", ".ts")
NEVER = -1e9
"""Score of an instant on which no face of ours lies."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What was measured, on what, and what was missing."""

    corpus: str
    metrics: DetectionMetrics
    missing: tuple[str, ...] = ()
    """Labelled videos whose media were not there or could not be read; not scored."""
    num_unmatched: int = 0
    """Scored instants on which no face of ours lay."""
    recipe: str = ""
    """Scorer, alignment, weights."""
    published: tuple[tuple[str, float, float, float], ...] = ()
    """Rows to print beside ours: method, AP, AUROC, EER."""

    def __str__(self) -> str:
        m = self.metrics
        lines = [
            f"{self.corpus}: {len(m.videos)} videos, {m.num_instants} instants, {m.positive_rate:.1%} active "
            f"(AP by chance {m.positive_rate:.3f}); no face found for {self.num_unmatched} of them"
        ]
        if self.missing:
            lines.append(f"{len(self.missing)} labelled videos were not scored: {', '.join(self.missing)}")
        lines.append(f"{'method':<42} {'AP':>21}  {'AUROC':>21}  {'EER':>21}")
        for name, ap, roc, eer in self.published:
            lines.append(f"{name:<42} {ap:>7.3f}{'':<14}  {roc:>7.3f}{'':<14}  {eer:>7.3f}")
        values = (m.average_precision, m.area_under_roc, m.equal_error_rate)
        lines.append(f"{'viseme, ' + self.recipe:<42.42} " + "  ".join(f"{v!s:>21}" for v in values))
        lines.append(f"VOC-interpolated AP {m.voc_average_precision}; threshold at the EER {m.equal_error_score:.3f}")
        lines.append(f"videos: {', '.join(m.videos)}")
        return "\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class Columbia:
    """F1 of each speaker, and the mean of the five."""

    f1: dict[str, float]
    num_instants: dict[str, int]
    recipe: str = ""
    num_unmatched: int = 0

    @property
    def mean(self) -> float:
        """Unweighted, as published."""
        return sum(self.f1.values()) / len(self.f1)

    def __str__(self) -> str:
        each = ", ".join(f"{name} {100 * value:.1f} (n = {self.num_instants[name]})" for name, value in self.f1.items())
        return (
            f"Columbia, F1: {each}; mean {100 * self.mean:.1f}. viseme, {self.recipe}; "
            f"no face found for {self.num_unmatched} instants"
        )


def scores_on(
    track: LabelledTrack, result: SpeakersResult, *, least: float = 0.5, tolerance_s: float = 0.06
) -> NDArray[np.float64]:
    """Scores of whatever face of ours lies on a labelled box at each labelled instant.

    A face lies on a box when at least `least` of the face's own box is inside it: landmark boxes are tighter than
    those of detectors, so their intersection over union is low even where they agree.

    Args:
        track: Labels; boxes in fractions of the frame.
        result: Of the video.
        least: Share of our box.
        tolerance_s: A score this near in time is taken.

    Returns:
        (T,) scores; NaN where no face lies there. A step of 40 ms is taken as it is: the 0.6 s mean is in the score.
    """
    assert result.width
    assert result.height
    size = np.array([result.width, result.height, result.width, result.height], float)
    best = np.zeros(len(track.times))
    out = np.full(len(track.times), np.nan)
    for face in result.faces:
        index = np.rint((track.times - face.times[0]) / 0.04).astype(int)
        near = np.clip(index, 0, len(face.times) - 1)
        there = np.abs(face.times[near] - track.times) <= tolerance_s
        mine = face.boxes[near] / size
        low, high = np.maximum(mine[:, :2], track.boxes[:, :2]), np.minimum(mine[:, 2:], track.boxes[:, 2:])
        shared = np.prod(np.maximum(high - low, 0), axis=1) / np.maximum(np.prod(mine[:, 2:] - mine[:, :2], 1), 1e-9)
        wins = there & (shared >= least) & (shared > best)
        out[wins], best[wins] = face.scores[near[wins]], shared[wins]
    return out


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
        videos = list(dict.fromkeys(t.video for t in tracks))
        bar = Bar("videos")
        for number, video in enumerate(videos, start=1):
            own = [t for t in tracks if t.video == video]
            path = _media(media, video)
            try:
                result = None if path is None else self.find(path)
            except (ConfigError, WeightsError):  # of the run, not of this video
                raise
            except VisemeError as error:
                self.missing.append(f"{video} ({error})")
                continue
            finally:
                bar(number, len(videos))
            if result is None:
                self.missing.append(video)
                continue
            self.recipe = f"{result.scorer}, align {result.align}"
            for track in own:
                scores = scores_on(track, result)
                lost = np.isnan(scores)
                self.num_unmatched += int((lost & track.scored).sum())
                filled = np.where(lost, NEVER, scores)
                self.pool.add(video, filled[track.scored], track.speaking[track.scored])
                if keep:
                    self.rows.append((video, track, filled))

    def evaluation(self, corpus: str, published: Any = ()) -> Evaluation:
        try:
            metrics = self.pool.compute()
        except ValueError as error:
            raise DataError(f"{corpus}: {error}; missing: {_first(self.missing)}") from None
        return Evaluation(
            corpus=corpus,
            metrics=metrics,
            missing=tuple(self.missing),
            num_unmatched=self.num_unmatched,
            recipe=self.recipe,
            published=published,
        )


def _first(names: Sequence[str]) -> str:
    """The first three, for an error of one line."""
    more = f"; and {len(names) - 3} more" if len(names) > 3 else ""
    return ("; ".join(names[:3]) or "nothing") + more


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
        split: Which videos.
        align: What delay is taken out before scoring; the published rows: see there.
        scorer: Who scores.
        scorer_weights: Weights of the scorer.
        weights: Sync weights.
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
        align: What delay is taken out before scoring.
        scorer: Who scores.
        scorer_weights: Weights of the scorer.
        weights: Sync weights.

    Raises:
        DataError: labels are missing or not what they should be, or no video could be scored.
        OutputError: the predictions cannot be written.
    """
    run = _Run(_finder(align, scorer, scorer_weights, weights))
    tracks = read_ava(labels)
    run.over(tracks, media, keep=predictions is not None)
    done = run.evaluation("AVA-ActiveSpeaker")
    if predictions is not None:
        _write(predictions, ava_predictions(run.rows))
    return done


def ava_predictions(rows: Iterable[tuple[str, LabelledTrack, NDArray[np.floating]]]) -> str:
    """One row for every labelled row: its own box and time, SPEAKING_AUDIBLE, entity and score."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for video, track, scores in rows:
        for time, box, score in zip(track.times, track.boxes, scores):
            corners = [repr(float(v)) for v in box]
            stamp = repr(float(time)).removesuffix(".0")
            writer.writerow([video, stamp, *corners, "SPEAKING_AUDIBLE", track.entity, f"{score:.6f}"])
    return text.getvalue()


def _write(path: Path, text: str) -> None:
    from viseme.media.files import replacing

    with replacing(path) as file:
        file.write(text.encode("utf-8"))


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
        label_width: Of the frames that the labels speak of.
        label_height: Of these frames.
        align: What delay is taken out before scoring.
        scorer: Who scores.
        scorer_weights: Weights of the scorer.
        weights: Sync weights.
        threshold: Score above which a face speaks; the published evaluations use 0 on log-odds. Default: the scorer's.

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
        f1[track.entity] = f1_score(np.nan_to_num(scores, nan=NEVER), track.speaking, limit)
        num[track.entity] = len(scores)
    return Columbia(f1=f1, num_instants=num, recipe=f"{result.scorer}, align {result.align}", num_unmatched=lost)


def evaluate_folder(
    folder: Path,
    *,
    window: float = 2.0,
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
        folder: Of clips, searched.
        window: Seconds over which a score is averaged.
        align: What delay is taken out before scoring. Mismatched audio has none: with "file" or "track" its luckiest
            delay may be taken, as in use.
        scorer: Who scores.
        scorer_weights: Weights of the scorer.
        weights: Sync weights.
        most: Clips, evenly chosen.

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
        raise DataError(f"{folder}: {error}; left out: {_first(missing)}") from None
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
            f"{folder} holds {len(good)} clips with video and audio; at least two are needed; left out: {_first(bad)}"
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
