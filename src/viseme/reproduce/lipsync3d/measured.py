"""One person's avatar, scored: what is made of each kind of audio. Knows `viseme.score` and `viseme.check`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from viseme.core.errors import ConfigError
from viseme.core.results import Verdict
from viseme.core.scores import LeakageOutcome, ScoreResult
from viseme.metrics.leakage_runs import LEAKAGE_METRICS, silent_audio
from viseme.metrics.pipeline import score
from viseme.reproduce.lipsync3d.drives import Drive, Made, make_drive, real_clips
from viseme.reproduce.lipsync3d.people import Person

__all__ = ["IMAGE", "OPENING", "SYNC", "PersonScores", "measure_person"]

IMAGE = ("ssim", "ssim@lower256", "lmd_px@256", "lmd_iod", "cpbd", "cpbd@lower256", "jitter")
SYNC = ("vsc", "vsd@0", "avs_u")
"""Metrics of what is seen beside the real clip, and of lips beside audio."""
OPENING = LEAKAGE_METRICS["silent-audio"]
"""How far the mouth is open, in eye distances."""


@dataclass(frozen=True, kw_only=True)
class PersonScores:
    """What was measured on one person."""

    name: str
    trained: Mapping[str, float]
    """What `viseme train avatar` measured on frames it held out."""
    made: Mapping[str, Sequence[Made]]
    """Kind of audio -> every dub."""
    scores: Mapping[str, ScoreResult]
    """Kind of audio -> its score; of silence, how far the mouth is open."""
    silence: LeakageOutcome | None
    """Opening under silence over that of the closed mouth; None = no clip could be measured."""

    def in_sync(self, kind: str) -> tuple[int, int]:
        """Dubs that `check` calls in sync, of all."""
        made = self.made[kind]
        return sum(m.verdict == Verdict.IN_SYNC.value for m in made), len(made)

    def told_wrong(self, kind: str) -> int:
        """Dubs that it calls out of sync."""
        return sum(m.verdict == Verdict.OUT_OF_SYNC.value for m in self.made[kind])

    def frame_rate(self) -> float:
        """Frames made in a second of wall time, following, writing and checking included."""
        seconds = sum(m.seconds for some in self.made.values() for m in some)
        return sum(m.frames for some in self.made.values() for m in some) / seconds if seconds else float("nan")


def measure_person(
    person: Person, avatar: Path, trained: Mapping[str, float], asked: Sequence[Drive], expert: str | None, work: Path
) -> PersonScores:
    """Dub every held-out clip in every way, and score what was made.

    Args:
        person: Whose avatar it is.
        avatar: The `.vis` file.
        trained: What its training measured.
        asked: Kinds of audio.
        expert: A speech expert for AVS and words off the lips; None = neither.
        work: Where dubs and answers are kept.
    """
    real = real_clips(person.held, work / "real")
    made = {drive.kind: make_drive(drive, avatar, work / drive.kind) for drive in asked}
    scores, silence = {}, None
    for kind in made:
        log = work / f"{kind}.jsonl"
        if kind == "silent":
            scores[kind] = score(work / kind, real, metrics=(OPENING,), resume=log)
            silence = _silence(scores[kind])
            continue
        if kind != "own":
            scores[kind] = score(work / kind, metrics=_sync(expert), expert=expert, resume=log)
            continue
        words = real if expert is not None and all(row.text for row in person.held) else None
        scores[kind] = score(
            work / kind,
            real,
            metrics=(*IMAGE, *_sync(expert), *(("wer_lips",) if words else ())),
            expert=expert,
            transcripts=words,
            grammar="grid" if words else "none",
            resume=log,
        )
    return PersonScores(name=person.name, trained=trained, made=made, scores=scores, silence=silence)


def _sync(expert: str | None) -> tuple[str, ...]:
    return SYNC if expert is not None else tuple(name for name in SYNC if not name.startswith("avs"))


def _silence(result: ScoreResult) -> LeakageOutcome | None:
    try:
        return silent_audio(result)
    except ConfigError:
        return None
