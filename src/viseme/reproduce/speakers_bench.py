"""`python -m viseme.reproduce.speakers_bench`: conversations, mismatched audio, speed.

Conversations with voices, faces and scenes that no training meets; real clips marked `dev` under their own audio and
under that of other clips; wall clocks. Knows scorers and features; trains nothing.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from viseme.audio.clock import RATE
from viseme.audio.mel_frames import AudioPiece
from viseme.core.errors import ConfigError, DataError, VisemeError
from viseme.data.manifest import read_held_out
from viseme.media.source import FileSource
from viseme.metrics.detection import DetectionScores
from viseme.reproduce.measured_clips import one_face_clips
from viseme.speakers.corpus import features_of
from viseme.speakers.interface import STEP_S, AudioSteps, FaceSteps, SpeakerScorer, load_scorer
from viseme.speakers.pipeline import find_speakers_source
from viseme.speakers.timeline import TimelineConfig, read_states
from viseme.speakers.train import measure, prepare_conversations
from viseme.sync.checkpoint import SyncWeights, load_sync_weights
from viseme.synthetic.conversation import HELD_OUT_SEED, conversation_tracks

__all__ = ["main"]

FRESH_SEED = HELD_OUT_SEED + 1_000_000
"""First conversation of this bench; `viseme train speakers` looks at others."""
WINDOW_S = 2.0
NUM_MISMATCHED = 3
ISOLATED = ("mcgurk_pl",)
"""Sources of single syllables with pauses, which are counted by themselves too."""


@dataclass(frozen=True, kw_only=True)
class _Talker:
    """A tracked real clip."""

    name: str
    source: str
    times: NDArray[np.float64]
    landmarks: NDArray[np.float32]
    audio: AudioPiece


def _talkers(folder: Path, work: Path) -> list[_Talker]:
    out = []
    for clip in one_face_clips(read_held_out(folder), work, on_left_out=lambda why: print(why, file=sys.stderr)):
        track = clip.tracks()[0]
        times = np.concatenate([c.times for c in track])
        if len(times) >= WINDOW_S * 25:
            landmarks = np.concatenate([c.landmarks for c in track])
            piece = AudioPiece(Fraction(round(clip.audio_start * RATE), RATE), clip.samples)
            out.append(_Talker(name=clip.name, source=clip.source, times=times, landmarks=landmarks, audio=piece))
    return out


def _by(scorer: SpeakerScorer, heard: AudioSteps) -> AudioSteps:
    """The audio with the voice as this scorer hears it."""
    return replace(heard, voice=scorer.voice(heard.bands))


def _windows(scorer: SpeakerScorer, face: FaceSteps, heard: AudioSteps) -> NDArray[np.float64]:
    """Mean score of every window of 2 s, one a second, in which there is audio and, half of the time, a voice."""
    scored = scorer.score([face], heard)[0].speaking
    voiced = np.nan_to_num(heard.at(face, (heard.voice > 0).astype(np.float32)))
    there = face.column("audio") > 0  # the step at which audio begins or ends has none yet
    num = round(WINDOW_S / STEP_S)
    starts = range(0, face.num - num + 1, num // 2)
    cuts = [slice(at, at + num) for at in starts]
    return np.array([scored[c].mean() for c in cuts if voiced[c].mean() >= 0.5 and there[c].mean() >= 0.95])


def mismatched_lines(bundle: SyncWeights, scorers: Sequence[SpeakerScorer], clips: Sequence[_Talker]) -> Iterator[str]:
    """Real clips under their own audio and under that of other sources, the file's delay sought in both.

    Raises:
        DataError: clips of fewer than two sources, or no voice is heard in them.
    """
    if len({clip.source for clip in clips}) < 2:
        raise DataError(
            f"mismatched audio comes from another source, and the {len(clips)} clips with a face have no two"
        )
    rng = np.random.default_rng(0)
    found: list[list[tuple[str, bool, NDArray[np.float64]]]] = [[] for _ in scorers]
    for clip in clips:
        others = [c for c in clips if c.source != clip.source]
        drawn = rng.choice(len(others), min(NUM_MISMATCHED, len(others)), replace=False)
        for audio in (clip, *(others[i] for i in drawn)):
            moved = AudioPiece(clip.audio.start, audio.audio.samples)
            faces, heard, _ = features_of(bundle, [(0, 0, clip.times, clip.landmarks)], moved)
            for kept, scorer in zip(found, scorers):
                kept += [(clip.name, audio is clip, _windows(scorer, face, _by(scorer, heard))) for face in faces]
    syllables = {clip.name for clip in clips if clip.source in ISOLATED}
    for kept, scorer in zip(found, scorers):
        yield f"own or mismatched audio, windows of {WINDOW_S:g} s, {_mismatched_line(scorer, kept)}   AUROC >= .95"
        if syllables:
            yield f"    running speech alone: {_mismatched_line(scorer, [f for f in kept if f[0] not in syllables])}"


def _mismatched_line(scorer: SpeakerScorer, found: Sequence[tuple[str, bool, NDArray[np.float64]]]) -> str:
    pool = DetectionScores()
    for name, own, scores in found:
        pool.add(name, scores, np.full(len(scores), own))
    try:
        metrics = pool.compute(num_draws=1000)
    except ValueError as error:
        raise DataError(f"own or mismatched audio, {scorer.name}: {error}") from None
    above = [
        np.mean(np.concatenate([s for _, own, s in found if own is kind]) > scorer.threshold) for kind in (True, False)
    ]
    return f"{scorer.name}: {metrics}; above its threshold {above[0]:.1%} of own, {above[1]:.1%} of foreign"


def conversation_lines(
    bundle: SyncWeights, scorers: Sequence[SpeakerScorer], work: Path, num: int, jobs: int
) -> Iterator[str]:
    """Synthetic conversations of 12 s.

    Raises:
        DataError: none could be made.
    """
    made = prepare_conversations(bundle, None, range(FRESH_SEED, FRESH_SEED + num), work, num_jobs=jobs)
    if not made:
        raise DataError("no conversation could be made: are espeak-ng and the recorded voices installed?")
    for scorer in scorers:
        yield f"--- {scorer.name}\n{measure(scorer, made)}"


def speed_lines(bundle: SyncWeights, scorer: SpeakerScorer, video: Path | None) -> Iterator[str]:
    """After tracking, on a conversation's landmarks; and a whole film where one is given."""
    made = conversation_tracks(FRESH_SEED, seconds=30.0)
    tracks = [(t.id, t.shot, t.times, t.landmarks) for t in made.tracks]
    piece = AudioPiece(Fraction(round(made.audio_start * RATE), RATE), made.audio)
    spent = []
    for _ in range(4):
        began = time.perf_counter()
        faces, heard, _ = features_of(bundle, tracks, piece)
        heard = _by(scorer, heard)
        read_states(faces, scorer.score(faces, heard), heard, scorer.threshold, TimelineConfig(band=scorer.band))
        spent.append(time.perf_counter() - began)
    face_seconds = sum(t.times[-1] - t.times[0] for t in made.tracks)
    ratio = 30.0 / float(np.median(spent[1:]))
    yield (
        f"after tracking: {ratio:.0f} x real time (30 s with {len(tracks)} tracks, {face_seconds:.0f} s of faces; "
        f"median of 3, {torch.get_num_threads()} threads)   >= 50"
    )
    if video is not None:
        results = [find_speakers_source(bundle, scorer, FileSource(video)) for _ in range(3)]
        took = float(np.median([r.elapsed for r in results]))
        yield (
            f"whole file {results[0].width}x{results[0].height}, {len(results[0].faces)} faces: "
            f"{(results[0].duration or 0) / took:.1f} x real time (median of 3)   >= 1.5"
        )


def main(arguments: list[str] | None = None) -> int:
    """Run and print; 1 where something could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m viseme.reproduce.speakers_bench", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--clips", type=Path, default=Path("runs/bench"), help="where `make bench` keeps tracked clips")
    parser.add_argument("--work", type=Path, default=Path("runs/speakers"))
    parser.add_argument("--scorers", nargs="+", default=["head", "evidence", "cosine"], metavar="NAME")
    parser.add_argument("--head", help="weights of the head; without it, those that ship")
    parser.add_argument("--conversations", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--video", type=Path, help="also time this file")
    parser.add_argument("--no-speed", action="store_true")
    options = parser.parse_args(arguments)
    try:
        _measured(options)
    except VisemeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _measured(options: argparse.Namespace) -> None:
    bundle = load_sync_weights()
    scorers = [load_scorer(name, options.head if name == "head" else None) for name in options.scorers]
    for scorer in scorers:
        if scorer.wants_crops:
            raise ConfigError(f"{scorer.name} wants frames, and only landmarks are kept here; leave it out")
    print(f"speakers, {date.today().isoformat()}, sync weights {bundle.name}", flush=True)
    if options.conversations:
        _show(conversation_lines(bundle, scorers, options.work, options.conversations, options.jobs))
    if (options.data / "manifest.csv").exists():
        _show(mismatched_lines(bundle, scorers, _talkers(options.data, options.clips)))
    else:
        print(f"{options.data} is not here: no real clip was measured")
    if not options.no_speed:
        _show(speed_lines(bundle, scorers[0], options.video))


def _show(lines: Iterator[str]) -> None:
    for line in lines:
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
