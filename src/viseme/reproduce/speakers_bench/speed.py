"""How much faster than real time speakers are found: after tracking, and in a whole file."""

from __future__ import annotations

import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from viseme.audio.clock import RATE
from viseme.audio.mel_frames import AudioPiece
from viseme.media.source import FileSource
from viseme.reproduce.speakers_bench.conversations import FRESH_SEED
from viseme.speakers.corpus import features_of
from viseme.speakers.interface import SpeakerScorer, heard_by
from viseme.speakers.pipeline import find_speakers_source
from viseme.speakers.timeline import TimelineConfig, read_states
from viseme.sync.checkpoint import SyncWeights
from viseme.synthetic.conversation import conversation_tracks

__all__ = ["speed_lines"]


def speed_lines(bundle: SyncWeights, scorer: SpeakerScorer, video: Path | None) -> Iterator[str]:
    """After tracking, on a conversation's landmarks; and a whole film where one is given."""
    made = conversation_tracks(FRESH_SEED, seconds=30.0)
    tracks = [(t.id, t.shot, t.times, t.landmarks) for t in made.tracks]
    piece = AudioPiece(Fraction(round(made.audio_start * RATE), RATE), made.audio)
    spent = []
    for _ in range(4):
        began = time.perf_counter()
        faces, heard, _ = features_of(bundle, tracks, piece)
        heard = heard_by(scorer, heard)
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
