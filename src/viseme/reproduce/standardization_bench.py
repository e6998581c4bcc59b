"""`python -m viseme.reproduce.standardization_bench`: truth, real faces, speed.

Synthetic speakers whose every coefficient is known; tracked real clips marked `dev`; wall clocks. Prints a line a
number, with n. Knows estimators, synthetic people and the tracker; trains nothing.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import MissingWeights, VisemeError
from viseme.face3d.interface import FaceModel, load_face_model
from viseme.face3d.neutral_landmarks import neutral_landmarks
from viseme.faces import FaceTrackChunk, tracker
from viseme.faces.crops import CROP_SIZE, crop_frame, crop_squares
from viseme.media import read_frames
from viseme.standardization.estimators.landmark_fit import LandmarkFit
from viseme.standardization.estimators.networks import ENet
from viseme.standardization.interface import ExpressionEstimator, FaceObservation, in_standard_crops
from viseme.standardization.pipeline import standardize
from viseme.standardization.synthesis import StandardFace
from viseme.synthetic import LandmarkSpec, Phoneme, Style, move, synth_landmarks
from viseme.synthetic.faces import draw_faces
from viseme.synthetic.scene import Person

__all__ = ["main", "truth_lines"]

SEEDS = tuple(range(70_001, 70_007))
"""Speakers that no network was trained on: training counts from 0."""
NUM_FRAMES = 100
AUDIOS = ("b", "m", "a", "i", "u", "f", "s", "o", "p", "e")
LEFT_OUT = ("romanian_tedx", "clearervoice", "revise")
"""Sources of the manifest whose clips have no whole face, or two."""

Observe = Callable[..., FaceObservation]


# --- synthetic truth


def _speech(seed: int) -> tuple[Phoneme, ...]:
    rng = np.random.default_rng(seed)
    out, at = [], 0.1
    while at < NUM_FRAMES / 25:
        length = rng.uniform(0.08, 0.2)
        name = str(rng.choice(AUDIOS))
        out.append(Phoneme(name, at, at + length, (at, at + 0.7 * length) if name in "bmp" else None))
        at += length
    return tuple(out)


def _spec(seed: int, *, identity: int = 0, yaw_deg: float = 0.0) -> LandmarkSpec:
    style = Style.random(np.random.default_rng(seed))
    return LandmarkSpec(
        phonemes=_speech(seed), times=np.arange(NUM_FRAMES) / 25, style=style, identity=seed + 100 * identity,
        seed=seed, pose=(0.0, np.deg2rad(yaw_deg), 0.0), depth_response=1.0,
    )  # fmt: skip


def _truth(seed: int, model: FaceModel) -> NDArray[np.float32]:
    spec = _spec(seed)
    return move(spec.phonemes, spec.times, style=spec.style, seed=spec.seed).beta(model)


def _tracked(seed: int, model: FaceModel, *, identity: int = 0, yaw_deg: float = 0.0) -> FaceObservation:
    """Landmarks with the tracker's noise."""
    times, landmarks = synth_landmarks(_spec(seed, identity=identity, yaw_deg=yaw_deg))
    return FaceObservation(
        times=times, landmarks=landmarks, observed=np.ones(len(times), bool), crops=crop_squares(landmarks)
    )


def _filmed(seed: int, model: FaceModel, *, identity: int = 0, yaw_deg: float | None = None) -> FaceObservation:
    """Frames with noise, blur, light and background of their own; the head moves unless it is held."""
    alpha = Person.random(seed + 100 * identity, model).alpha
    yaw = None if yaw_deg is None else np.deg2rad(yaw_deg)
    made = draw_faces(seed, NUM_FRAMES, model=model, alpha=alpha, beta=_truth(seed, model), yaw=yaw)
    return replace(in_standard_crops(made.landmarks), images=made.images)


def _beta(reader: ExpressionEstimator, piece: FaceObservation) -> NDArray[np.float32]:
    return np.concatenate([c.beta for c in reader.estimate([piece])])


class _Lips:
    """Lip landmarks of the mean head, moved by expression alone."""

    def __init__(self, model: FaceModel) -> None:
        expression = neutral_landmarks(model)[2]
        self._lips = expression[model.landmarks["mp468"].subsets["lips"]]
        self._gap = expression[13, 1] - expression[14, 1]

    def aperture(self, beta: NDArray[np.floating]) -> NDArray[np.floating]:
        """(T,) gap of the inner lips, dm."""
        return beta @ self._gap

    def error(self, beta: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
        """Rms error of lip displacement over its spread, constant part left out."""
        own = np.einsum("nka,ta->tnk", self._lips, truth)
        off = np.einsum("nka,ta->tnk", self._lips, beta) - own
        return float(np.sqrt((off - off.mean(0)).var() / (own - own.mean(0)).var()))


def truth_lines(name: str, reader: ExpressionEstimator, observe: Observe, seeds: Sequence[int]) -> Iterator[str]:
    """Lip aperture, another identity, a head turned by 45 degrees; means over speakers, range in brackets."""
    model = load_face_model()
    lips = _Lips(model)
    same, swap, front, turned, aside = [], [], [], [], []
    for seed in seeds:
        truth = _truth(seed, model)
        one, other = (_beta(reader, observe(seed, model, identity=i)) for i in (0, 1))
        same.append(float(np.corrcoef(lips.aperture(one), lips.aperture(truth))[0, 1]))
        swap.append(float(np.sqrt(((one - other) ** 2).mean() / (one - one.mean(0)).var())))
        ahead, side = (_beta(reader, observe(seed, model, yaw_deg=degrees)) for degrees in (0.0, 45.0))
        front.append(lips.error(ahead, truth))
        turned.append(lips.error(side, truth))
        aside.append(float(np.corrcoef(lips.aperture(side), lips.aperture(truth))[0, 1]))
    n = f"n = {len(seeds)} speakers x {NUM_FRAMES} frames"
    yield _line(f"{name}: lip aperture, correlation with the truth", _range(same), n, ">= .95")
    yield _line(f"{name}: the same, head turned by 45 degrees", _range(aside), n, "")
    yield _line(f"{name}: change of beta under another identity / spread", _range(swap), n, "<= .15")
    ratio = np.mean(turned) / np.mean(front)
    yield _line(f"{name}: lip error at 45 degrees / from the front", f"{ratio:.2f}", n, "<= 1.20")
    yield _line(f"{name}: lip error from the front / spread", _range(front), n, "")


def _range(values: Sequence[float]) -> str:
    return f"{np.mean(values):.3f} [{min(values):.3f}, {max(values):.3f}]"


def _line(what: str, value: str, n: str, target: str) -> str:
    return f"{what:62s} {value:24s} {n}" + (f"   {target}" if target else "")


# --- real faces


def _dev(folder: Path) -> list[Path]:
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["use"] == "dev" and r["source"] not in LEFT_OUT]
    return [folder / r["file"] for r in rows]


def _follow(path: Path) -> list[FaceObservation]:
    """The longest face of a clip."""
    kind = tracker["mediapipe"]
    tracks: dict[int, list[FaceObservation]] = {}
    for c in kind(kind.Config()).track(read_frames(path, max_side=1280)):
        if isinstance(c, FaceTrackChunk):
            piece = FaceObservation(
                times=c.times, landmarks=c.landmarks, observed=c.observed, crops=crop_squares(c.landmarks)
            )
            tracks.setdefault(c.track_id, []).append(piece)
    return max(tracks.values(), key=lambda t: sum(len(p.times) for p in t), default=[])


def _with_crops(path: Path, piece: FaceObservation) -> FaceObservation:
    """The same stretch with its frames."""
    wanted = {round(float(t) * 1e6): i for i, t in enumerate(piece.times) if np.isfinite(piece.crops[i]).all()}
    images = np.zeros((len(piece.times), CROP_SIZE, CROP_SIZE, 3), np.uint8)
    for frame in read_frames(path, max_side=1280):
        index = wanted.get(round(float(frame.time) * 1e6))
        if index is not None:
            images[index] = crop_frame(frame.image, piece.crops[index], scale=frame.scale)
    return replace(piece, images=images)


def _real_lines(folder: Path, every: int, network: ExpressionEstimator | None) -> Iterator[str]:
    """Distance of the fitted landmarks from the tracked ones over the width of the face; and whether E-Net, which has
    seen one real person, opens strangers' lips as the landmark fit does."""
    lips = _Lips(load_face_model())
    medians, alike, frames, valid = [], [], 0, 0
    for path in _dev(folder)[::every]:
        try:
            track = _follow(path)
            found = list(LandmarkFit().estimate(track)) if track else []
            seen = list(network.estimate([_with_crops(path, track[0])])) if network and track else []
        except VisemeError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        residual = np.concatenate([c.residual[c.valid] for c in found if c.residual is not None] or [np.zeros(0)])
        frames += sum(len(c.times) for c in found)
        valid += sum(int(c.valid.sum()) for c in found)
        if len(residual):
            medians.append(100 * float(np.median(residual)))
        if seen and (both := found[0].valid & seen[0].valid).sum() >= 25:
            gaps = [lips.aperture(c.beta[both]) for c in (found[0], seen[0])]
            alike.append(float(np.asarray(np.corrcoef(gaps))[0, 1]))
    if medians:
        n = f"n = {len(medians)} dev clips, {frames} frames, {valid} valid"
        value = f"{np.median(medians):.2f} %, 95th percentile {np.percentile(medians, 95):.2f} %"
        yield _line("landmark-fit: median residual of the face width", value, n, "<= 1.3 %")
    if alike:
        value = f"{np.median(alike):.3f}, 5th percentile {np.percentile(alike, 5):.3f}"
        n = f"n = {len(alike)} dev clips, first stretch"
        yield _line("E-Net: lip aperture, correlation with landmark-fit, median", value, n, "")


# --- speed


def _median_seconds(job: Callable[[], object], times: int = 5) -> float:
    job()  # compiled and warm
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        job()
        spent.append(time.perf_counter() - began)
    return float(np.median(spent))


def _speed_lines(networks: Sequence[tuple[str, ExpressionEstimator]]) -> Iterator[str]:
    """Times real time of 25 frames a second; medians of five."""
    model = load_face_model()
    piece = _tracked(SEEDS[0], model)
    seconds = NUM_FRAMES / 25
    n = f"n = {NUM_FRAMES} frames, median of 5"
    fit = LandmarkFit()
    spent = _median_seconds(lambda: list(fit.estimate([piece])))
    yield _line("landmark-fit on tracked landmarks", f"{seconds / spent:.1f} x real time", n, ">= 10")
    filmed = _filmed(SEEDS[0], model)
    for name, reader in networks:
        spent = _median_seconds(lambda reader=reader: list(reader.estimate([filmed])))
        yield _line(f"{name} on face crops", f"{seconds / spent:.1f} x real time", n, ">= 5")
    face = StandardFace(StandardFace.Config())
    beta = _truth(SEEDS[0], model)
    spent = _median_seconds(lambda: face.rgbd(beta, face.model_depth_range))
    yield _line("rendering RGB-D at 224 px", f"{NUM_FRAMES / spent:.0f} frames/s", n, ">= 100")


def _whole_lines(video: Path) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.safetensors"
        result = standardize(video, out, as_="rgbd")
        spent = _median_seconds(lambda: standardize(video, out, as_="rgbd", overwrite=True), 3)
    what = f"standardize --as rgbd, file to file, {result.width}x{result.height}"
    value = f"{(result.duration or 0) / spent:.1f} x real time"
    yield _line(what, value, f"n = 1 clip of {result.duration:.1f} s, median of 3", ">= 1")


def main(arguments: list[str] | None = None) -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m viseme.reproduce.standardization_bench", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--weights", help="of E-Net; without it, those that ship")
    parser.add_argument("--every", type=int, default=1, help="take every n-th dev clip")
    parser.add_argument("--video", type=Path, help="time `standardize` on this file")
    parser.add_argument("--no-truth", action="store_true")
    parser.add_argument("--no-speed", action="store_true")
    options = parser.parse_args(arguments)
    print(f"standardize, {date.today().isoformat()}")
    networks: list[tuple[str, ExpressionEstimator]] = []
    try:
        reader = ENet(ENet.Config(weights=options.weights))
        networks.append((f"E-Net ({reader.bundle.name})", reader))
    except MissingWeights as error:
        print(f"E-Net is left out: {error}", file=sys.stderr)
    if not options.no_truth:
        _show(truth_lines("landmark-fit", LandmarkFit(LandmarkFit.Config(max_yaw=1.2)), _tracked, SEEDS))
        for _, reader in networks:
            _show(truth_lines("E-Net", reader, _filmed, SEEDS))
    if (options.data / "manifest.csv").exists():
        _show(_real_lines(options.data, options.every, networks[0][1] if networks else None))
    else:
        print(f"{options.data} is not here: no real face was measured")
    if not options.no_speed:
        _show(_speed_lines(networks))
        if options.video is not None:
            _show(_whole_lines(options.video))
    return 0


def _show(lines: Iterator[str]) -> None:
    for line in lines:
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
