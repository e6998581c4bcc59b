"""`make bench`: known shifts, windows, foreign sound, disturbances, calibration, speed; each with n and interval.

Measures on clips marked `dev` and `dev-foreign` alone, which no training ever sees. A clip is tracked once and kept
under the work folder; disturbed pictures are tracked again.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.audio.clock import RATE
from viseme.audio.features import mel_filters, power_frames
from viseme.audio.voice_activity import voiced
from viseme.core.errors import VisemeError
from viseme.core.results import DelayEstimate, Verdict
from viseme.face3d.lips import lip_motion
from viseme.faces import FaceTrackChunk, tracker
from viseme.media import Frame, read_audio, read_frames
from viseme.media.images import decode_image, encode_jpeg, resize, warp_affine
from viseme.metrics.calibration_error import expected_calibration_error
from viseme.metrics.proportion import Proportion
from viseme.sync.checkpoint import SyncWeights, load_sync_weights
from viseme.sync.embeddings import to_grid_points
from viseme.sync.estimator import EstimatorConfig
from viseme.sync.evidence import FaceEvidence, compare
from viseme.sync.inputs.interface import visual_inputs
from viseme.sync.verdict import FaceActivity, decide

__all__ = ["Row", "Trial", "main", "tracked_clip"]

LAGS = np.arange(-200, 201)
RIGHT = 0.04


@dataclass(frozen=True, kw_only=True)
class Material:
    """A tracked clip."""

    name: str
    source: str
    speaker: str
    truth: float | None
    times: NDArray[np.float64]
    points: NDArray[np.float32]
    opening: NDArray[np.float32]
    samples: NDArray[np.float32]
    audio_start: float

    @property
    def seconds(self) -> float:
        return float(self.times[-1] - self.times[0]) + 0.04


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One question put to the estimator."""

    group: str
    source: str
    error: float | None
    """Seconds from the truth; None where there is no true delay."""
    answered: bool
    verdict: Verdict
    confidence: float
    guess_right: bool
    """Whether the best delay, answered or not, was right: for the calibration error."""
    voiced: bool
    """Speech for at least half of the time."""
    relative: float | None = None
    """Seconds by which the answer differs from the answer to the untouched clip plus the shift; None = no answer."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the table: additive counts first, the ratio last."""

    name: str
    hits: int
    num: int
    target: str = ""

    def text(self) -> str:
        """ "name   95.0 % [91.2, 97.6] n = 120   (target)"."""
        return f"{self.name:58s} {Proportion(self.hits, self.num)!s:32s} {self.target}"


def _track(stream: Iterable[Frame]) -> tuple[NDArray[np.float64], NDArray[np.float32]] | None:
    """Times and landmarks of the face that was seen longest."""
    kind = tracker["mediapipe"]
    chunks = [c for c in kind(kind.Config()).track(stream) if isinstance(c, FaceTrackChunk)]
    lengths: dict[int, int] = {}
    for chunk in chunks:
        lengths[chunk.track_id] = lengths.get(chunk.track_id, 0) + len(chunk.times)
    if not lengths:
        return None
    best = [c for c in chunks if c.track_id == max(lengths, key=lengths.__getitem__)]
    return np.concatenate([c.times for c in best]), np.concatenate([c.landmarks for c in best])


def tracked_clip(
    row: dict[str, str],
    folder: Path,
    work: Path,
    name: str = "clean",
    disturb: Callable[[Frame], Frame] | None = None,
) -> Path:
    """An npz of a clip's longest face and its audio, from the work folder where it has been tracked before.

    Holds `times` (T,), `landmarks` (T, 478, 3), `samples` (S,) at 16 kHz and `audio_start`; T is 0 without a face.
    """
    kept = work / name / (row["file"].replace("/", "__") + ".npz")
    if not kept.exists():
        path = folder / row["file"]
        stream: Iterator[Frame] = read_frames(path, max_side=1280)
        found = _track(map(disturb, stream) if disturb else stream)
        blocks = list(read_audio(path))
        kept.parent.mkdir(parents=True, exist_ok=True)
        times, landmarks = found if found is not None else (np.zeros(0), np.zeros((0, 478, 3), np.float32))
        np.savez(
            kept,
            times=times,
            landmarks=landmarks,
            samples=np.concatenate([b.samples for b in blocks]),
            audio_start=float(blocks[0].start),
        )
    return kept


def _material(
    row: dict[str, str], folder: Path, work: Path, name: str, disturb: Callable[[Frame], Frame] | None
) -> Material | None:
    with np.load(tracked_clip(row, folder, work, name, disturb), allow_pickle=False) as data:
        if len(data["times"]) < 10:
            return None
        motion = lip_motion(data["landmarks"], data["times"])
        return Material(
            name=row["file"],
            source=row["source"],
            speaker=row["speaker"],
            truth=float(row["truth_delay_ms"]) / 1000 if row["truth_delay_ms"] else None,
            times=motion.times,
            points=motion.points,
            opening=motion.opening,
            samples=data["samples"],
            audio_start=float(data["audio_start"]),
        )


class Judge:
    """The estimator with loaded weights."""

    def __init__(self, bundle: SyncWeights) -> None:
        self.bundle = bundle
        self.visual = visual_inputs[bundle.input_mode]()
        self.config = EstimatorConfig(
            answer_above=bundle.calibration.answer_above, temperature=bundle.calibration.temperature
        )
        self._at_rest: dict[str, float | None] = {}

    def ask(
        self,
        clip: Material,
        *,
        heard: Material | None = None,
        shift: float = 0.0,
        window: tuple[float, float] | None = None,
        trimmed: bool = True,
        noise: NDArray[np.float32] | None = None,
    ) -> tuple[DelayEstimate, float, float]:
        """The answer, the best delay whether answered or not, and the voiced fraction."""
        heard = heard or clip
        start, end = window or (clip.times[0], clip.times[-1] + 0.04)
        inside = (clip.times >= start - 1e-6) & (clip.times < end - 1e-6)
        times, points = to_grid_points(clip.times[inside], self.visual.of_points(clip.points[inside]))
        samples = heard.samples if noise is None else heard.samples + noise
        low, high = (start, end) if trimmed else (start - 2.5, end + 2.5)
        begin = heard.audio_start + shift
        cut_from = max(0, round((low - begin) * RATE))
        samples = samples[cut_from : max(cut_from, round((high - begin) * RATE))]
        begin += cut_from / RATE
        first, spectrum = power_frames(samples, begin)
        evidence = FaceEvidence(0, compare(self.bundle.models, times, points, first, spectrum @ mel_filters(), LAGS))
        curve = evidence.curve(LAGS)
        loud = voiced(spectrum) if len(spectrum) else np.zeros(1)
        whole = power_frames(heard.samples)[1][:, 5:129].sum(1)
        spoken = whole[max(0, round((start - heard.audio_start) * 100)) : round((end - heard.audio_start) * 100)]
        speech = float((spoken > np.percentile(whole, 95) * 0.003).mean()) if len(spoken) else 0.0
        activity = FaceActivity(float(loud.mean()), float(clip.opening[inside].std()), 0.04 * int(inside.sum()))
        estimate = decide(curve, self.config, self.bundle.calibration, activity)
        usable = curve.usable(self.config)
        guess = float(curve.delays[np.where(usable, curve.scores, -np.inf).argmax()]) if usable.any() else np.nan
        return estimate, guess, speech

    def zero(self, clip: Material, *, label_free: bool = False) -> float | None:
        """The clip's delay: by the manifest, or else (or always) as measured on the clip untouched; None = unclear."""
        if clip.truth is not None and not label_free:
            return clip.truth
        if clip.name not in self._at_rest:
            self._at_rest[clip.name] = self.ask(clip, trimmed=False)[0].audio_delay
        return self._at_rest[clip.name]

    def trial(self, group: str, clip: Material, truth: float | None, **how: object) -> Trial:
        """Ask, and compare with the truth (None = the audio is foreign)."""
        estimate, guess, voiced = self.ask(clip, **how)  # type: ignore[arg-type]
        delay = estimate.audio_delay
        return Trial(
            group=group,
            source=clip.source,
            error=None if truth is None or delay is None else delay - truth,
            answered=delay is not None,
            verdict=estimate.verdict,
            confidence=estimate.confidence,
            guess_right=truth is not None and abs((guess if delay is None else delay) - truth) <= RIGHT,
            voiced=voiced >= 0.5,
            relative=self._moved(clip, delay, truth),
        )

    def _moved(self, clip: Material, delay: float | None, truth: float | None) -> float | None:
        """est(shift) - est(0) - shift."""
        rest, zero = self.zero(clip, label_free=True), self.zero(clip)
        if delay is None or truth is None or rest is None or zero is None:
            return None
        return delay - rest - (truth - zero)


def _shifts(judge: Judge, clips: list[Material], rng: np.random.Generator, each: int) -> Iterator[Trial]:
    """Whole clips, and windows cut from them."""
    for clip in clips:
        zero = judge.zero(clip)
        if zero is None:
            continue
        for k in range(each):
            if clip.seconds >= 2.9:
                shift = float(rng.uniform(-1, 1))
                yield judge.trial("whole", clip, zero + shift, shift=shift, trimmed=k % 2 == 0)
            for length in (1.0, 2.0):
                if clip.seconds >= length + 0.1:
                    start = clip.times[0] + float(rng.uniform(0, clip.seconds - length))
                    shift = float(rng.uniform(-1, 1))
                    yield judge.trial(
                        f"{length:.0f} s",
                        clip,
                        zero + shift,
                        shift=shift,
                        window=(start, start + length),
                        trimmed=False,
                    )


def _mismatched(
    judge: Judge, clips: list[Material], marked: list[Material], rng: np.random.Generator
) -> Iterator[Trial]:
    """Audio of other clips, of the same source where there are several; and the clips that are foreign as they lie."""
    for clip in clips:
        others = [c for c in clips if c.name != clip.name and c.source == clip.source]
        rest = [c for c in clips if c.speaker != clip.speaker]
        for pool in (others, rest):
            if pool:
                heard = pool[int(rng.integers(len(pool)))]
                if (
                    clip.name.split("_close")[0].split("_distant")[0]
                    != heard.name.split("_close")[0].split("_distant")[0]
                ):
                    yield judge.trial("foreign", clip, None, heard=heard, trimmed=False)
    for clip in marked:
        yield judge.trial("foreign", clip, None, trimmed=False)


def _scene(clip: Material) -> str:
    """What several microphones of one recording have in common."""
    return clip.name.split("_close")[0].split("_distant")[0]


def _disturbances() -> dict[str, Callable[[Frame], Frame]]:
    def warped(matrix: Callable[[int, int], Any]) -> Callable[[Frame], Frame]:
        def change(frame: Frame) -> Frame:
            height, width = frame.image.shape[:2]
            return replace(frame, image=warp_affine(frame.image, matrix(width, height), width, height))

        return change

    def turn(degrees: float) -> Callable[[Frame], Frame]:
        turned = np.deg2rad(degrees)  # counter-clockwise as seen
        linear = np.array([[np.cos(turned), np.sin(turned)], [-np.sin(turned), np.cos(turned)]])
        return warped(lambda w, h: np.c_[linear, np.array([w, h]) / 2 - linear @ np.array([w, h]) / 2])

    def scale(factor: float) -> Callable[[Frame], Frame]:
        return warped(lambda w, h: np.array([[factor, 0, w * (1 - factor) / 2], [0, factor, h * (1 - factor) / 2]]))

    def jpeg(frame: Frame) -> Frame:
        return replace(frame, image=decode_image(encode_jpeg(frame.image, 40)))

    def half(frame: Frame) -> Frame:
        height, width = frame.image.shape[:2]
        small = resize(frame.image, width // 2, height // 2)
        return replace(frame, image=small, scale=frame.scale * (width // 2) / width)

    return {
        "rotation +15": turn(15),
        "rotation -15": turn(-15),
        "scale .5": scale(0.5),
        "scale 2": scale(2.0),
        "crop shift +10 %": warped(lambda w, h: np.array([[1, 0, 0.1 * w], [0, 1, 0.1 * h]], float)),
        "crop shift -10 %": warped(lambda w, h: np.array([[1, 0, -0.1 * w], [0, 1, -0.1 * h]], float)),
        "JPEG 40": jpeg,
        "half resolution": half,
    }


def _rows(trials: list[Trial], label: str, answered_target: str, right_target: str) -> list[Row]:
    answers = [t for t in trials if t.answered]
    hits = sum(abs(t.error) <= RIGHT for t in answers if t.error is not None)
    return [
        Row(name=f"{label}: answered", hits=len(answers), num=len(trials), target=answered_target),
        Row(name=f"{label}: right among answers", hits=hits, num=len(answers), target=right_target),
    ]


def _median(trials: list[Trial]) -> str:
    errors = np.array([abs(t.error) for t in trials if t.error is not None]) * 1000
    return f"{np.median(errors):.1f} ms (n = {len(errors)})" if len(errors) else "no answers"


def _tables(trials: list[Trial]) -> list[str]:
    """The lines that are printed."""
    lines = []
    whole = [t for t in trials if t.group == "whole"]
    for name, some in (
        ("whole clips", whole),
        ("2 s windows with speech", [t for t in trials if t.group == "2 s" and t.voiced]),
        ("2 s windows, all", [t for t in trials if t.group == "2 s"]),
        ("1 s windows with speech", [t for t in trials if t.group == "1 s" and t.voiced]),
        ("1 s windows, all", [t for t in trials if t.group == "1 s"]),
    ):
        target = {"w": (">= 95 %", ">= 98 %"), "2": (">= 85 %", ">= 97 %"), "1": (">= 70 %", ">= 93 %")}[name[0]]
        lines += [row.text() for row in _rows(some, name, *target)]
    lines.append(f"{'whole clips: median error':58s} {_median(whole)}   <= 15 ms")
    for name, group in (("whole clips", "whole"), ("2 s windows", "2 s"), ("1 s windows", "1 s")):
        moved = [t.relative for t in trials if t.group == group and t.relative is not None]
        hits = sum(abs(e) <= RIGHT for e in moved)
        lines.append(Row(name=f"{name}, against the same clip untouched: right", hits=hits, num=len(moved)).text())
    for source in sorted({t.source for t in whole}):
        some = [t for t in whole if t.source == source]
        lines += [row.text() for row in _rows(some, f"  {source}", "", "")]
        lines.append(f"{'    median error':58s} {_median(some)}")
    mismatched = [t for t in trials if t.group == "foreign"]
    apart = sum(t.verdict is not Verdict.IN_SYNC for t in mismatched)
    lines.append(Row(name="mismatched audio: not in_sync", hits=apart, num=len(mismatched), target=">= 97 %").text())
    withheld = sum(not t.answered for t in mismatched)
    lines.append(Row(name="mismatched audio: cannot_tell", hits=withheld, num=len(mismatched)).text())
    asked = [t for t in trials if t.group in ("whole", "1 s", "2 s", "foreign")]
    error = expected_calibration_error(
        np.array([t.confidence for t in asked]), np.array([t.guess_right for t in asked])
    )
    lines.append(f"{'calibration error (ECE, 10 bins)':58s} {error:.3f}   n = {len(asked)}   <= .05")
    return lines


def _speed(rows: list[dict[str, str]], folder: Path) -> list[str]:
    """File to result, whole command in this process, imports done; the median of three."""
    from viseme.sync.pipeline import check

    tall = [r for r in rows if int(r["height"]) >= 1080][:1]
    small = [r for r in rows if 480 <= int(r["width"]) <= 700 and float(r["duration_s"]) > 8][:2]
    lines = []
    for row in tall + small:
        took = []
        for _ in range(3):
            began = time.perf_counter()
            result = check(folder / row["file"])
            took.append(time.perf_counter() - began)
        ratio = (result.duration or float(row["duration_s"])) / float(np.median(took))
        lines.append(f"speed at {row['width']}x{row['height']}: {ratio:.1f} x real time (median of 3, one clip)")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [*lines, f"peak memory of this process so far: {peak:.0f} MB"]


def main(arguments: list[str] | None = None) -> int:
    """Run and print; `--json FILE` also writes every trial."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("runs/bench"))
    parser.add_argument(
        "--weights", nargs="*", default=[None], help="names or files; the first is compared with the rest"
    )
    parser.add_argument("--each", type=int, default=4, help="shifts of each clip")
    parser.add_argument("--disturb", action="store_true", help="also rotation, scale, JPEG, babble: tracks again")
    parser.add_argument("--speed", action="store_true", help="also time whole files")
    parser.add_argument("--no-shifts", action="store_true", help="leave out shifts, windows and mismatched audio")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    manifest = options.data / "manifest.csv"
    if not manifest.exists():
        print(f"{options.data} is not here: nothing was measured")
        return 0
    with manifest.open(newline="", encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["use"] in ("dev", "dev-foreign")]
    usable = [r for r in rows if r["source"] not in ("romanian_tedx", "clearervoice", "revise")]
    everything = []
    for weights in options.weights:
        bundle = load_sync_weights(weights)
        judge = Judge(bundle)
        rng = np.random.default_rng(0)
        clips = _load([r for r in usable if r["use"] == "dev"], options, "clean", None)
        marked = _load([r for r in usable if r["use"] == "dev-foreign"], options, "clean", None)
        print(f"\n{bundle.name}   {len(clips)} clips, {date.today().isoformat()}, seed 0", flush=True)
        few = [c for c in clips if c.source != "grid_s1"]
        same = [c for c in clips if c.source == "grid_s1"]
        trials = [] if options.no_shifts else list(_shifts(judge, few, rng, 3 * options.each))
        trials += [] if options.no_shifts else list(_shifts(judge, same, rng, 1))
        for _ in range(0 if options.no_shifts else max(1, options.each // 2)):
            trials += list(_mismatched(judge, few + same, marked, rng))
        if trials:
            print("\n".join(_tables(trials)), flush=True)
        everything += [{"weights": bundle.name, **_plain(t)} for t in trials]
        if options.disturb:
            print("\n".join(_disturbed(judge, usable, options)), flush=True)
    if options.speed:
        print("\n".join(_speed(rows, options.data)), flush=True)
    if options.json:
        options.json.write_text(json.dumps(everything), encoding="utf-8")
    return 0


def _plain(trial: Trial) -> dict[str, object]:
    return {
        "group": trial.group,
        "source": trial.source,
        "error": trial.error,
        "answered": trial.answered,
        "verdict": trial.verdict.value,
        "confidence": trial.confidence,
        "guess_right": trial.guess_right,
        "voiced": trial.voiced,
        "relative": trial.relative,
    }


def _load(
    rows: list[dict[str, str]],
    options: argparse.Namespace,
    name: str,
    disturb: Callable[[Frame], Frame] | None,
) -> list[Material]:
    out = []
    for row in rows:
        try:
            clip = _material(row, options.data, options.work, name, disturb)
        except VisemeError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        if clip is not None:
            out.append(clip)
    return out


def _disturbed(judge: Judge, rows: list[dict[str, str]], options: argparse.Namespace) -> list[str]:
    """Whole clips and 2 s windows under each disturbance, same shifts for all."""
    rows = [r for r in rows if r["use"] == "dev" and r["source"] not in ("mcgurk_pl", "grid_s1")]
    clean = {c.name: c for c in _load(rows, options, "clean", None)}
    babble = np.sum([np.resize(c.samples, 400_000) / max(c.samples.std(), 1e-6) for c in clean.values()], axis=0)
    changes: dict[str, Callable[[Frame], Frame] | None] = {"clean": None, **_disturbances(), "babble 15 dB": None}
    lines = []
    for name, change in changes.items():
        rng = np.random.default_rng(1)
        trials = []
        for clip in _load(rows, options, name.replace(" ", "_") if change else "clean", change):
            zero = judge.zero(clean[clip.name])
            for _ in range(4):
                shift = float(rng.uniform(-1, 1))
                start = clip.times[0] + float(rng.uniform(0, max(clip.seconds - 2.0, 0.0)))
                at = int(rng.integers(len(babble) // 2))
                noise = None
                if name.startswith("babble"):
                    noise = np.resize(babble[at:], len(clip.samples))
                    noise = (noise * (clip.samples.std() / noise.std() * 10 ** (-15 / 20))).astype(np.float32)
                if zero is None:
                    continue
                trials.append(judge.trial("whole", clip, zero + shift, shift=shift, noise=noise))
                trials.append(
                    judge.trial(
                        "2 s", clip, zero + shift, shift=shift, window=(start, start + 2), trimmed=False, noise=noise
                    )
                )
        for group in ("whole", "2 s"):
            lines += [row.text() for row in _rows([t for t in trials if t.group == group], f"{name}, {group}", "", "")]
    return lines


if __name__ == "__main__":
    sys.exit(main())
