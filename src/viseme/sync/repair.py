"""Shift the audio of a video to where the lips are, then look again. Measures and moves; knows neither how."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from viseme.core.card import Card
from viseme.core.errors import OutputError
from viseme.core.results import CheckResult, to_jsonable
from viseme.core.time import as_frames, as_seconds, in_frames, with_frames
from viseme.media.containers import CONTAINERS
from viseme.media.search import refuse_missing
from viseme.sync.repair_plan import LARGEST_RESIDUAL, RepairPlan, plan_repair

if TYPE_CHECKING:
    from viseme.media.compare import Kept

__all__ = ["FIX_SCHEMA", "FixResult", "fix", "found_words", "output_name", "refuse_target"]

FIX_SCHEMA = "viseme.fix/1"


@dataclass(frozen=True, kw_only=True, repr=False)
class FixResult(Card):
    """What was measured, what was moved, and what is left."""

    file: str
    out: str
    measured: CheckResult | None
    """The file before; None when the delay was given."""
    shift: float
    """Seconds by which the audio was moved; positive = it now plays later."""
    method: str
    """"timestamps" (nothing was re-encoded) or "re-encoded audio"."""
    residual: CheckResult
    """The written file, measured again."""
    kept: Kept
    """What was compared between the file and the written one."""
    warnings: tuple[str, ...] = ()

    @property
    def repaired(self) -> bool:
        """Whether the written file was found in place; a shift that was ordered is taken at its word."""
        left = self.residual.estimate.audio_delay
        in_place = left is not None and abs(left) <= LARGEST_RESIDUAL and not self.residual.estimate.pieces
        return self.measured is None or in_place

    @property
    def frame_rate(self) -> float | None:
        """Mean frames per second of the file."""
        return (self.measured or self.residual).frame_rate

    @property
    def shift_words(self) -> str:
        """How far the audio was moved, for people, also in frames."""
        told = f"{self.shift * 1000:+.1f} ms".replace("-", "\N{MINUS SIGN}")
        return ", ".join(filter(None, (told, in_frames(self.shift, self.frame_rate))))

    def facts(self) -> Mapping[str, Any]:
        """What the card shows."""
        return {
            "file": self.file,
            "out": self.out,
            "shift": self.shift,
            "method": self.method,
            "repaired": self.repaired,
            "residual": self.residual.audio_delay,
        }

    def to_json(self) -> dict[str, Any]:
        """The versioned object that `viseme fix --json` prints."""
        return to_jsonable(
            {
                "schema": FIX_SCHEMA,
                "file": self.file,
                "out": self.out,
                "audio_delay": None if self.measured is None else self.measured.estimate.audio_delay,
                "delay_frames": None if self.measured is None else self.measured.delay_frames,
                "shift": self.shift,
                "shift_frames": as_frames(self.shift, self.frame_rate),
                "method": self.method,
                "residual": self.residual.estimate.audio_delay,
                "residual_frames": self.residual.delay_frames,
                "residual_interval": self.residual.estimate.interval,
                "residual_verdict": self.residual.estimate.verdict,
                "repaired": self.repaired,
                "measured": None if self.measured is None else self.measured.to_json(),
                "remeasured": self.residual.to_json(),
                "kept": {"words": self.kept.words, **to_jsonable(self.kept)},
                "warnings": self.warnings,
                "error": None,
            }
        )


def fix(
    path: str | Path,
    out: str | Path | None = None,
    *,
    delay: Fraction | float | str | None = None,
    overwrite: bool = False,
    strict: bool = False,
    piecewise: bool = False,
    resample: bool = False,
    audio: str | Path | None = None,
    audio_stream: int | None = None,
    max_delay: float = 2.0,
    input: str = "landmarks",
    tracker: str = "mediapipe",
    weights: str | Path | None = None,
    on_progress: Callable[..., None] | None = None,
    on_warning: Callable[[str], None] | None = None,
    measured: CheckResult | None = None,
) -> FixResult:
    """Measure `path`, write `out` with the audio moved by exactly minus that, and measure `out` again.

    The video is copied bit by bit; the audio as well where the container allows it. All audio streams move together.
    A delay below 5 ms is not worth a shift: `out` is then a copy. What was written is compared with `path`, stream by
    stream and frame by frame.

    Args:
        path: The video.
        out: Where to write; the extension chooses the container. Appears complete or not at all. A folder: the same
            name in it. None: `talk.synced.mp4` beside `talk.mp4`.
        delay: Seconds (or "120ms") by which the audio is late, instead of measuring; negative = early.
        overwrite: Replace `out` when it exists.
        strict: Refuse when a stream, a tag or the lossless audio cannot be kept.
        piecewise: Mend a delay that jumps: move, pad and cut the audio piece by piece, which encodes it again.
        resample: Mend a delay that drifts: play the audio faster or slower, which encodes it again.
        audio: Take the audio from this file; its first sample belongs with the first frame.
        audio_stream: Which audio stream is measured, from 0; None = the one marked default, if it has a voice. Of an
            `audio` file: which is taken; None = the first.
        max_delay, input, tracker, weights, on_progress: As in `viseme.check`.
        on_warning: Told what cannot be kept as soon as that is known, which is before most of it is written.
        measured: An answer of `check` about `path` that is at hand; it is not measured again.

    Raises:
        FixRefused: the delay cannot be told, and none was given; it jumps, without `piecewise`; or `strict` forbids
            what would be lost.
        OutputError: `out` is an input, exists, or cannot be written.
        MediaError: the input cannot be read, or has no video or audio.
        ValueError: `delay` is not a time.
    """
    name = os.fspath(path)
    refuse_missing(path)
    out = output_name(path, out)
    refuse_target(out, [Path(path)] if audio is None else [Path(path), Path(audio)], overwrite)
    from viseme.media import shift_audio  # FFmpeg, loaded when there is work
    from viseme.sync.pipeline import check

    settings: dict[str, Any] = {
        "max_delay": max_delay,
        "input": input,
        "tracker": tracker,
        "weights": weights,
        "on_progress": on_progress,
    }
    if delay is None:
        measured = measured or check(path, audio=audio, audio_stream=audio_stream, **settings)
        plan = plan_repair(measured, piecewise=piecewise, resample=resample)
    else:
        measured, plan = None, RepairPlan(delay=as_seconds(delay))
    warnings = list(plan.notes)
    out.parent.mkdir(parents=True, exist_ok=True)
    report = shift_audio(
        path,
        out,
        shift=-plan.delay,
        pieces=plan.pieces,
        audio_file=audio,
        stream=None if audio is None else audio_stream or 0,
        strict=strict,
        on_warning=on_warning,
    )
    residual = check(out, audio_stream=audio_stream if audio is None else None, **settings)
    left = residual.estimate.audio_delay
    if measured is None and left is not None and abs(left) > LARGEST_RESIDUAL:
        warnings.append(f"the written file still measures {left * 1000:+.0f} ms; look at it before using it")
    return FixResult(
        file=name,
        out=os.fspath(out),
        measured=measured,
        shift=float(report.shift),
        method=report.method,
        residual=residual,
        kept=report.kept,
        warnings=(*warnings, *report.warnings),
    )


def found_words(measured: CheckResult) -> str:
    """What was measured, for people; one delay also in frames of the file."""
    delay = None if measured.estimate.pieces else measured.audio_delay
    return with_frames(measured.words, delay, measured.frame_rate)


def output_name(path: str | Path, out: str | Path | None) -> Path:
    """Where a repaired file goes.

    Args:
        path: The video.
        out: A file; a folder (one that exists, or a name that ends with a slash); or None.

    Example:
        >>> output_name("a/talk.mp4", None).as_posix(), output_name("a/talk.mp4", "new/").as_posix()
        ('a/talk.synced.mp4', 'new/talk.mp4')
    """
    source = Path(path)
    suffix = source.suffix if source.suffix.lower() in CONTAINERS else ".mkv"
    if out is None:
        return source.with_name(f"{source.stem}.synced{suffix}")
    text = os.fspath(out)
    if not text.endswith(("/", os.sep)) and not os.path.isdir(text):
        return Path(text)
    target = Path(text) / f"{source.stem}{suffix}"
    if target.exists() and source.exists() and target.samefile(source):
        return target.with_name(f"{source.stem}.synced{suffix}")
    return target


def refuse_target(out: Path, inputs: list[Path], overwrite: bool) -> None:
    """Refuse a name to write to.

    Raises:
        OutputError: it is an input, or it exists and `overwrite` is false.
    """
    if not out.exists():
        return
    if any(given.exists() and out.samefile(given) for given in inputs):
        raise OutputError(f"{out} is the input; write to another file")
    if not overwrite:
        raise OutputError(f"{out} exists; add --overwrite to replace it, or write to another file")
