"""One clip of a folder: which files belong together, and what is told of those that cannot be read.

Knows names of files and what is asked about them; refuses to know how anything is measured.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from viseme.audio.voice_activity import voice_fraction
from viseme.core.errors import ConfigError, MediaError, NoVideo
from viseme.core.scores import ClipScore, FailureCause, Need
from viseme.media.search import MEDIA_EXTENSIONS, find_media
from viseme.media.source import FileSource, MediaSource
from viseme.metrics.clip_faults import EVERYTHING, Faults
from viseme.metrics.clip_score import ClipSources, score_sources
from viseme.metrics.metric_choice import MetricOptions, metric_set

__all__ = ["AUDIO_EXTENSIONS", "ClipFiles", "match_clips", "score_clip"]

AUDIO_EXTENSIONS = frozenset({".aac", ".flac", ".m4a", ".mp3", ".ogg", ".opus", ".wav"})


@dataclass(frozen=True, kw_only=True)
class ClipFiles:
    """The files of one clip; None = there is none, or none was asked for."""

    name: str
    """Below the folder, without the ending."""
    generated: str | None
    reference: str | None = None
    audio: str | None = None
    transcript: str | None = None
    """A text file of what is said."""

    @property
    def path(self) -> str:
        """The file that stands for the clip."""
        path = self.generated or self.reference
        assert path is not None
        return path


def match_clips(
    generated: str | os.PathLike[str],
    reference: str | os.PathLike[str] | None = None,
    audio: str | os.PathLike[str] | None = None,
    transcripts: str | os.PathLike[str] | None = None,
) -> list[ClipFiles]:
    """The clips behind a file or a folder, matched by their names without the ending.

    Args:
        generated: A video, or a folder of them.
        reference: The real video, or a folder in which each has the name of its counterpart.
        audio: The same, for the audio that the lips belong with; videos serve too.
        transcripts: The same, for text files of what is said.

    Returns:
        In order of names; a reference without a generated video is a clip too, and a failed one.

    Raises:
        ConfigError: a file is to be matched with a folder, or two files of a folder have one name.
    """
    if not os.path.isdir(generated):
        for name, path in (("reference", reference), ("audio", audio), ("transcripts", transcripts)):
            if path is not None and os.path.isdir(path):
                raise ConfigError(f"{generated} is a file, so --{name} must be one too, not the folder {path}")
        name = os.path.splitext(os.path.basename(os.fspath(generated)))[0]
        files = {"reference": reference, "audio": audio, "transcript": transcripts}
        return [ClipFiles(name=name, generated=_text(generated), **{k: _text(path) for k, path in files.items()})]
    ours, theirs = _by_name(generated, MEDIA_EXTENSIONS), {}
    if reference is not None:
        _refuse_file("reference", reference)
        theirs = _by_name(reference, MEDIA_EXTENSIONS)
    heard = {} if audio is None else _other_by_name("audio", audio, AUDIO_EXTENSIONS | MEDIA_EXTENSIONS)
    said = {} if transcripts is None else _other_by_name("transcripts", transcripts, {".txt"})
    names = sorted({*ours, *theirs})
    return [
        ClipFiles(name=n, generated=ours.get(n), reference=theirs.get(n), audio=heard.get(n), transcript=said.get(n))
        for n in names
    ]


def score_clip(
    path: str,
    *,
    name: str,
    generated: str | None,
    reference: str | None,
    audio: str | None,
    transcript: str | None,
    mismatched: str | None,
    has_reference: bool,
    metrics: MetricOptions,
    features: str | None = None,
    tracker: str = "mediapipe",
    in_sync_band: tuple[float, float] = (-0.045, 0.125),
    on_progress: Callable[[float], None] | None = None,
) -> ClipScore:
    """Score the files of one clip; whatever cannot be read becomes a cause of failure.

    Args:
        path: Stands for the clip.
        name, generated, reference, audio, transcript: See `ClipFiles`.
        mismatched: A file with another clip's audio.
        has_reference: Whether metrics that need a reference are wanted.
        metrics: See `metric_set`.
        features: See `metric_set`.
        tracker, in_sync_band, on_progress: See `score_sources`.
    """
    faults = Faults()
    ours = _opened(generated, audio, faults, ours=True)
    theirs = _opened(reference, None, faults, ours=False)
    if generated is None:
        faults.add(FailureCause.MISSING_PARTNER, EVERYTHING, f"there is no generated video for {path}")
    if has_reference and reference is None:
        faults.add(FailureCause.MISSING_PARTNER, frozenset({Need.REFERENCE}), f"there is no reference for {path}")
    said = _read_text(transcript, faults) if metrics.transcripts else None
    if metrics.transcripts and transcript is None:
        faults.add(FailureCause.MISSING_PARTNER, frozenset({Need.TRANSCRIPT}), f"there is no transcript for {path}")
    heard = next((s for s in (ours, theirs) if s is not None and _is_heard(s)), None)
    reference_heard = theirs if theirs is not None and _is_heard(theirs) else heard
    other = None
    if mismatched is not None and (video := generated or reference) is not None and (ours or theirs) is not None:
        other = _opened(video if ours is not None else reference, mismatched, Faults(), ours=True)
    sources = ClipSources(
        name=name,
        file=path,
        generated=ours,
        reference=theirs,
        heard=heard,
        reference_heard=reference_heard,
        mismatched=other if other is not None and _is_heard(other) else None,
        has_reference=has_reference,
    )
    return score_sources(
        sources,
        metric_set(metrics, transcript=said, features=None if features is None else Path(features)),
        faults=faults,
        tracker=tracker,
        in_sync_band=in_sync_band,
        on_progress=on_progress,
    )


def _opened(path: str | None, audio: str | None, faults: Faults, *, ours: bool) -> FileSource | None:
    """A source, or a fault."""
    if path is None:
        return None
    unmet = EVERYTHING if ours else frozenset({Need.REFERENCE})
    try:
        return FileSource(path, audio=audio, voice=voice_fraction)
    except NoVideo as error:
        cause = FailureCause.STILL_IMAGE if "photograph" in str(error) else FailureCause.UNREADABLE
        faults.add(cause if ours else FailureCause.MISSING_PARTNER, unmet, str(error))
    except MediaError as error:
        faults.add(FailureCause.UNREADABLE if ours else FailureCause.MISSING_PARTNER, unmet, str(error))
    return None


def _read_text(path: str | None, faults: Faults) -> str | None:
    """A transcript, or a fault."""
    if path is None:
        return None
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        faults.add(FailureCause.MISSING_PARTNER, frozenset({Need.TRANSCRIPT}), f"{path} cannot be read: {error}")
        return None


def _is_heard(source: MediaSource) -> bool:
    """Whether there is any audio."""
    try:
        return next(iter(source.audio()), None) is not None
    except MediaError:
        return False


def _by_name(folder: str | os.PathLike[str], endings: Iterable[str]) -> dict[str, str]:
    """Path below the folder without its ending -> file."""
    found: dict[str, str] = {}
    files: list[str] = find_media([os.fspath(folder)] if endings is MEDIA_EXTENSIONS else _files_below(folder, endings))
    for path in files:
        if os.path.isdir(path):
            raise ConfigError(f"{path} holds no video; give a folder of videos or a file")
        name = os.path.splitext(os.path.relpath(path, folder))[0]
        if name in found:
            raise ConfigError(f"{found[name]} and {path} have one name; keep one of them")
        found[name] = path
    return found


def _other_by_name(name: str, folder: str | os.PathLike[str], endings: Iterable[str]) -> dict[str, str]:
    _refuse_file(name, folder)
    return _by_name(folder, endings)


def _files_below(folder: str | os.PathLike[str], endings: Iterable[str]) -> list[Path]:
    wanted = set(endings)
    return sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in wanted and not p.name.startswith("."))


def _refuse_file(name: str, path: str | os.PathLike[str]) -> None:
    if not os.path.isdir(path):
        raise ConfigError(f"a folder was given, so --{name} must be one too, not {path}")


def _text(path: str | os.PathLike[str] | None) -> str | None:
    return None if path is None else os.fspath(path)
