"""Answers without media: what a file says about itself in its text. Workers import this by name.

delay 0.12      an answer: the audio is 120 ms late
unknown         cannot tell
bad             UnreadableMedia
bug             an error nobody foresaw
settings        ConfigError, as every file would get it
crash           the process dies (once per marker: "crash FILE" dies only when FILE is absent, and makes it)
noise           prints on both descriptors like a C library, then answers
slow SECONDS    waits, then answers
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np

from viseme.core.errors import ConfigError, UnreadableMedia
from viseme.core.evidence import CheckEvidence, FaceStrip
from viseme.core.results import (
    CheckResult,
    DelayEstimate,
    DelaySegment,
    Drift,
    Reason,
    RejectedTrack,
    TrackResult,
    Verdict,
)
from viseme.media.compare import Kept, KeptStream

IN_SYNC = (-0.045, 0.125)

KEPT = Kept(
    num_frames=100,
    streams=(
        KeptStream(words="video track 1 (h264)", kind="video", status="identical", num_packets=100),
        KeptStream(words="audio track 1 (eng, aac)", kind="audio", status="moved", num_packets=180, num_cut=6),
        KeptStream(words="the cover image", kind="cover", status="identical", num_packets=1),
    ),
    num_chapters=2,
)
"""What a comparison after a repair may say."""


def estimate(audio_delay: float | None, *, confidence: float = 0.97, reasons: tuple[Reason, ...] = ()) -> DelayEstimate:
    """A plausible estimate around a delay."""
    if audio_delay is None:
        return DelayEstimate(
            audio_delay=None,
            interval=None,
            confidence=min(confidence, 0.3),
            verdict=Verdict.CANNOT_TELL,
            reasons=reasons or (Reason.FLAT_SCORES,),
        )
    verdict = Verdict.IN_SYNC if IN_SYNC[0] <= audio_delay <= IN_SYNC[1] else Verdict.OUT_OF_SYNC
    segments = tuple(
        DelaySegment(start=i, end=i + 1.0, audio_delay=audio_delay + wobble, confidence=0.9)
        for i, wobble in enumerate((0.001, -0.001, 0.001, -0.001))
    )
    return DelayEstimate(
        audio_delay=audio_delay,
        interval=(audio_delay - 0.01, audio_delay + 0.01),
        confidence=confidence,
        verdict=verdict,
        reasons=reasons,
        searched=(-2.0, 2.0),
        num_windows=100,
        drift=Drift(ms_per_min=2.5, interval=(1.0, 4.0), segments=segments),
    )


def evidence(audio_delay: float | None) -> CheckEvidence:
    """Curves and frames that could belong to it."""
    delays = np.arange(-200, 201) / 100
    scores = -np.abs(delays - (audio_delay or 0.0)) * 20
    scores[:5] = np.nan
    times, audio_times = np.arange(100) / 25, np.arange(400) / 100
    return CheckEvidence(
        curve_delays=delays,
        curve_scores=scores,
        curve_posterior=np.full(401, 1 / 401),
        mouth_times=times,
        mouth_opening=np.abs(np.sin(times * 7)),
        audio_times=audio_times,
        audio_level_db=20 * np.log10(np.abs(np.sin(audio_times * 7)) + 1e-3),
        track_curves={0: scores},
        strips=(FaceStrip(track_id=0, times=np.arange(6.0), images=np.full((6, 32, 32, 3), 128, np.uint8)),),
    )


def result(
    file: str = "clip.mp4",
    audio_delay: float | None = 0.2,
    *,
    with_evidence: bool = True,
    reasons: tuple[Reason, ...] = (),
    warnings: tuple[str, ...] = (),
) -> CheckResult:
    """One file with a used face and a rejected one."""
    found = estimate(audio_delay, reasons=reasons)
    return CheckResult(
        file=file,
        estimate=found,
        tracks=(
            TrackResult(
                track_id=0,
                start=0.0,
                end=4.0,
                num_frames=100,
                observed_fraction=0.99,
                face_size_px=120.0,
                estimate=found,
                weight=1.0,
            ),
        ),
        rejected=(
            RejectedTrack(
                track_id=3, start=1.0, end=2.0, reason=Reason.FACE_TOO_SMALL, measured=22.0, limit=40.0, unit="px"
            ),
        ),
        duration=4.0,
        frame_rate=25.0,
        width=640,
        height=360,
        weights="stub@000000000000",
        elapsed=0.1,
        warnings=warnings,
        evidence=evidence(audio_delay) if with_evidence else None,
    )


def check(path: str, *, evidence: bool = False, on_progress: Any = None, **settings: Any) -> CheckResult:
    """Do what the file says."""
    try:
        word, _, argument = Path(path).read_text(encoding="utf-8").strip().partition(" ")
    except OSError as error:
        raise UnreadableMedia(f"{path} cannot be opened: {error.strerror}") from error
    if word == "bad":
        raise UnreadableMedia(f"{path} is not a readable media file; copy it again")
    if word == "bug":
        raise ZeroDivisionError("nobody foresaw this")
    if word == "settings":
        raise ConfigError("max_delay is out of its range")
    if word == "crash" and not (argument and Path(argument).exists()):
        if argument:
            Path(argument).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "noise":
        os.write(1, b"a library says hello on 1\n")
        os.write(2, b"a library says hello on 2\n")
        print("python says hello")
    if word == "slow":
        time.sleep(float(argument))
    if on_progress is not None:
        on_progress(1.0)
    delay = None if word == "unknown" else float(argument) if word == "delay" else 0.2
    return result(path, delay, with_evidence=evidence)


def loads_weights(path: str) -> tuple[int, int]:
    """Stands for the work on a file: this process, and how often it has read sync weights by now."""
    from viseme.sync import checkpoint

    checkpoint.load_sync_weights()
    return os.getpid(), checkpoint._load.cache_info().misses


def failed_work(**what: Any) -> dict[str, Any]:
    """Stands for the answer of work that failed."""
    return what
