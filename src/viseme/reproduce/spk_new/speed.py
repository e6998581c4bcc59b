"""How fast speakers are found: after tracking, on a conversation's landmarks, and file to file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from viseme.audio.clock import RATE
from viseme.audio.mel_frames import AudioPiece
from viseme.media.source import FileSource
from viseme.reproduce.speakers_bench.conversations import FRESH_SEED
from viseme.reproduce.timing import median_seconds
from viseme.speakers.corpus import features_of
from viseme.speakers.interface import SpeakerScorer
from viseme.speakers.measure import with_voice
from viseme.speakers.pipeline import find_speakers_source
from viseme.speakers.timeline import TimelineConfig, read_states
from viseme.sync.checkpoint import SyncWeights
from viseme.synthetic.conversation import conversation_tracks

__all__ = ["file_lines", "speed_lines"]

SECONDS = 30.0


def speed_lines(weights: SyncWeights, scorer: SpeakerScorer) -> Iterator[str]:
    """Times real time from tracks to states; the median of three runs."""
    made = conversation_tracks(FRESH_SEED, seconds=SECONDS)
    tracks = [(t.id, t.shot, t.times, t.landmarks) for t in made.tracks]
    piece = AudioPiece(Fraction(round(made.audio_start * RATE), RATE), made.audio)

    def job() -> None:
        faces, audio, _ = features_of(weights, tracks, piece)
        audio = with_voice(scorer, audio)
        read_states(faces, scorer.score(faces, audio), audio, scorer.threshold, TimelineConfig(band=scorer.band))

    ratio = SECONDS / median_seconds(job, times=3)
    face_seconds = sum(t.times[-1] - t.times[0] for t in made.tracks)
    yield (
        f"after tracking: {ratio:.0f} x real time ({SECONDS:.0f} s with {len(tracks)} tracks, {face_seconds:.0f} s of "
        f"faces; median of 3, {os.cpu_count()} cores)   >= 50"
    )


def file_lines(weights: SyncWeights, scorer: SpeakerScorer, video: Path) -> Iterator[str]:
    """Times real time of a whole file; the median of three runs."""
    results = [find_speakers_source(weights, scorer, FileSource(video)) for _ in range(3)]
    took = float(np.median([r.elapsed for r in results]))
    yield (
        f"whole file {results[0].width}x{results[0].height}, {len(results[0].faces)} faces: "
        f"{(results[0].duration or 0) / took:.1f} x real time (median of 3)   >= 1.5"
    )
