"""`viseme.dub`: a video and an audio in, a video whose person says that audio out, marked as made and checked for sync.

Knows the order of the work; refuses to know how any of it is done.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from viseme.compose.interface import AnybodysFace, CropGenerator, Enhancer, FaceGenerator
from viseme.core.card import Card
from viseme.core.errors import ConfigError, FaceError
from viseme.core.results import CheckResult, Verdict, to_jsonable

if TYPE_CHECKING:
    from viseme.avatar.spoken import Spoken
    from viseme.compose.frame import Blend
    from viseme.compose.schedule import Beyond
    from viseme.provenance.consent import Consent

__all__ = ["DUB_SCHEMA", "DubResult", "Dubber", "dub"]

DUB_SCHEMA = "viseme.dub/1"
MAX_SIDE = 1280
"""Frames are scaled so that the longer side has at most this many pixels before faces are sought."""
NUM_AHEAD = 8
NO_CONSENT = (
    "no consent statement is given, and the output says so; dub only people who agreed, and name their statement with "
    "--consent FILE"
)
COVERED = "{} frames stay as they are: something lies before the mouth, a hand perhaps"
FOLLOWED, COMPOSED = 0.3, 0.85
"""Parts of the work that are done when the faces are followed, and when the video is written."""


class Dubber(FaceGenerator, Protocol):
    """A generator of one person that says whose face it makes: `viseme.avatar.runner.Avatar` is one."""

    @property
    def id(self) -> str:
        """Name and hash, for results and the manifest."""
        ...

    @property
    def consent(self) -> Consent | None:
        """What the person allowed."""
        ...


@dataclass(frozen=True, kw_only=True, repr=False)
class DubResult(Card):
    """What was written, and whether it is in sync."""

    file: str
    out: str
    avatar: str
    """Id of the avatar, or of the talker."""
    num_frames: int
    """Frames written."""
    num_composed: int
    """Frames with the new face."""
    num_passed: int
    """Frames left as they were: without a usable face, or covered."""
    num_covered: int
    """Frames left as they were because something lies before the mouth."""
    num_added: int
    """Frames shown again after the end of the video, among those written."""
    residual: CheckResult
    """The written file, measured by `viseme check`."""
    watermark: str
    """What the invisible watermark says, six hexadecimal digits."""
    manifest: str | None
    """The file beside the output that says it is synthetic; None = the output itself says it, signed."""
    elapsed: float
    """Seconds it took, all in all ..."""
    following: float
    """... of them until the faces were followed ..."""
    composing: float
    """... and for making the faces, putting them into the frames and writing these."""
    warnings: tuple[str, ...] = ()

    @property
    def in_sync(self) -> bool:
        """Whether the written file was found in sync."""
        return self.residual.estimate.verdict is Verdict.IN_SYNC

    @property
    def out_of_sync(self) -> bool:
        """Whether it was found out of sync; neither is where check cannot tell, as of silence."""
        return self.residual.estimate.verdict is Verdict.OUT_OF_SYNC

    def facts(self) -> Mapping[str, Any]:
        """What the card shows."""
        return {
            "out": self.out,
            "frames": self.num_frames,
            "without_face": self.num_passed - self.num_covered,
            "covered": self.num_covered,
            "verdict": self.residual.estimate.verdict,
            "residual": self.residual.audio_delay,
        }

    def to_json(self) -> dict[str, Any]:
        """The versioned object that `viseme dub --json` prints."""
        return to_jsonable(
            {
                "schema": DUB_SCHEMA,
                "file": self.file,
                "out": self.out,
                "avatar": self.avatar,
                "num_frames": self.num_frames,
                "num_composed": self.num_composed,
                "num_passed": self.num_passed,
                "num_covered": self.num_covered,
                "num_added": self.num_added,
                "in_sync": self.in_sync,
                "residual": self.residual.estimate.audio_delay,
                "residual_verdict": self.residual.estimate.verdict,
                "remeasured": self.residual.to_json(),
                "watermark": self.watermark,
                "manifest": self.manifest,
                "elapsed": self.elapsed,
                "following": self.following,
                "composing": self.composing,
                "warnings": self.warnings,
                "error": None,
            }
        )


def dub(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    avatar: str | os.PathLike[str] | Dubber | None = None,
    talker: str | os.PathLike[str] | AnybodysFace | None = None,
    consent: str | os.PathLike[str] | None = None,
    audio: str | os.PathLike[str] | None = None,
    audio_stream: int | None = None,
    text: str | None = None,
    voice: str = "en-us",
    beyond: Beyond = "hold",
    face: int | None = None,
    blend: Blend = "multiband",
    enhancer: Enhancer | None = None,
    crf: int = 18,
    tracker: str = "mediapipe",
    overwrite: bool = False,
    on_progress: Callable[[float], None] | None = None,
    on_warning: Callable[[str], None] | None = None,
) -> DubResult:
    """Write `path` to `out` with its person saying another audio; the result is marked as synthetic, then checked.

    Pose, light and everything but mouth and chin are those of the video. Size, time stamps, rotation, colour tags and
    every other stream are kept; the audio is replaced. Frames without a usable face stay as they are and are counted,
    and so do most with something before the mouth, where at least 60 frames of a shot tell how it looks without. Where
    nobody speaks the mouth is closed. Every frame carries an invisible watermark, and a C2PA manifest says that the
    file is synthetic: there is no way to leave them out.

    Args:
        path: The video; it is read twice.
        out: Where to write; the extension chooses the container. Appears complete or not at all.
        avatar: A `.vis` file of `viseme train avatar`, or an avatar that is loaded; None = a talker that was trained on
            nobody in particular, which looks at the person of the video.
        talker: Weights of that talker, by name or file, or loaded; None = those that ship.
        consent: The person's statement, a text file (subject, scope, date, signer); its hash goes into the manifest and
            the watermark. An avatar holds its own.
        audio: What is said: any file with an audio stream; its first sample plays with the first frame.
        audio_stream: Which audio stream of it; None = the one that holds a voice.
        text: What is said, in words, instead of `audio`.
        voice: Who says `text`, see `viseme.synthetic.speech.speak`.
        beyond: Where the audio is longer, "hold" keeps the last frame and "ping-pong" runs the last seconds back and
            forth, with the mouth going on; where it is shorter both go on in silence. "cut" ends with the shorter one.
        face: Which face, counted from the left, from 1; None = the largest, if no other one is as large.
        blend: "multiband", or "alpha", which is faster.
        enhancer: What is done to a generated face crop before it is put back; only of talkers that make crops.
        crf: Quality of the video, lower is better.
        tracker: Face tracker, by name.
        overwrite: Replace `out` when it exists.
        on_progress: Told the fraction done, 0 to 1.
        on_warning: Told at once what people should know.

    Raises:
        MediaError: a file cannot be read or written, or has no video or audio.
        FaceError: the video shows no usable face, no such one, or two that may be meant.
        WeightsError: the avatar or the talker is missing or damaged.
        ConsentError: the statement cannot be read, or does not hold.
        ConfigError: neither audio nor text is given, or both; or an avatar with a talker or a statement.
    """
    from viseme.avatar.spoken import spoken
    from viseme.compose.schedule import BEYOND
    from viseme.media.files import refuse_output
    from viseme.provenance.manifest import watermark_message

    began = time.perf_counter()
    if (audio is None) == (text is None):
        raise ConfigError("say what is spoken: either --audio FILE or --text WORDS")
    if beyond not in BEYOND:
        raise ConfigError(f"there is no {beyond!r}; lengths are evened out by {', '.join(BEYOND)}")
    if face is not None and face < 1:
        raise ConfigError(f"faces are counted from the left, from 1; {face} is none")
    refuse_output(out, source=path, overwrite=overwrite)
    warnings: list[str] = []

    def warn(note: str) -> None:
        if note not in warnings:
            warnings.append(note)
            if on_warning is not None:
                on_warning(note)

    who = _loaded(avatar, talker, consent, warn)
    message = watermark_message(who.id, who.consent)
    with spoken(audio, text, voice, audio_stream, warn) as speech:
        tell = on_progress or (lambda fraction: None)
        report, followed = _composed(
            path, out, who, speech, message, face, beyond, blend, enhancer, crf, tracker, tell, warn
        )
        composed = time.perf_counter()
        try:
            manifest = _declared(path, out, who, message, warn)
            residual = _checked(out, tracker, lambda fraction: tell(COMPOSED + (1 - COMPOSED) * fraction))
        except BaseException:
            Path(os.fspath(out)).unlink(missing_ok=True)  # nothing synthetic is left that does not say so
            raise
    return DubResult(
        file=os.fspath(path),
        out=os.fspath(out),
        avatar=who.id,
        num_frames=report.num_frames,
        num_composed=report.num_composed,
        num_passed=report.num_passed,
        num_covered=report.num_covered,
        num_added=report.num_added,
        residual=residual,
        watermark=f"{message:06x}",
        manifest=manifest,
        elapsed=time.perf_counter() - began,
        following=followed - began,
        composing=composed - followed,
        warnings=tuple(warnings),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Who:
    """Whose face is made, and how."""

    id: str
    consent: Consent | None
    of_video: Callable[..., FaceGenerator | CropGenerator]
    """The generator for the person of a video, see `AnybodysFace.of_video`."""


def _loaded(
    avatar: str | os.PathLike[str] | Dubber | None,
    talker: str | os.PathLike[str] | AnybodysFace | None,
    consent: str | os.PathLike[str] | None,
    warn: Callable[[str], None],
) -> _Who:
    from viseme.compose.interface import face_generators
    from viseme.provenance.consent import read_consent

    if avatar is not None:
        if talker is not None or consent is not None:
            raise ConfigError("an avatar brings its own consent and needs no talker; leave out --talker and --consent")
        own: Dubber = _read(face_generators["avatar"], avatar)
        return _Who(id=own.id, consent=own.consent, of_video=lambda *_: own)
    allowed = None if consent is None else read_consent(consent)
    if allowed is None:
        warn(NO_CONSENT)
    anybody: AnybodysFace = _read(face_generators["talker"], talker)
    return _Who(id=anybody.id, consent=allowed, of_video=anybody.of_video)


def _read(load: Any, given: Any) -> Any:
    """What is loaded already, or a file by its name."""
    known = given is None or isinstance(given, (str, os.PathLike))
    return load(None if given is None else Path(os.fsdecode(os.fspath(given)))) if known else given


def _composed(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    who: _Who,
    speech: Spoken,
    message: int,
    face: int | None,
    beyond: Beyond,
    blend: Blend,
    enhancer: Enhancer | None,
    crf: int,
    tracker: str,
    tell: Callable[[float], None],
    warn: Callable[[str], None],
) -> tuple[Any, float]:
    """Follow the faces, choose one, and write the video; what was written, and when the faces were followed."""
    from viseme.compose.target import TargetFaces
    from viseme.compose.video import compose_video
    from viseme.engine.prefetch import prefetch
    from viseme.faces import tracker as trackers
    from viseme.media.search import shown
    from viseme.media.source import FileSource
    from viseme.provenance.watermark_strength import video_mark

    source = FileSource(path)
    with TargetFaces() as faces:
        with closing(prefetch(source.frames(max_side=MAX_SIDE, on_warning=warn), NUM_AHEAD)) as frames:
            whole = source.duration or 0.0
            on_time = (lambda seconds: tell(FOLLOWED * min(1.0, seconds / whole))) if whole else None
            faces.follow(frames, trackers[tracker](trackers[tracker].Config()), on_time)
        try:
            stretches = faces.chosen(face)
            generator = who.of_video(path, faces, stretches)
        except FaceError as error:
            raise FaceError(f"{shown(path)}: {error}") from error
        for note in faces.notes:
            warn(note)
        followed = time.perf_counter()
        report = compose_video(
            path,
            out,
            generator,
            speech.samples,
            audio_file=speech.path,
            audio_stream=speech.stream,
            faces=faces,
            stretches=stretches,
            covered=faces.covered(stretches),
            beyond=beyond,
            blend=blend,
            enhancer=enhancer,
            mark=video_mark(path, message, audio_file=speech.path, audio_stream=speech.stream, crf=crf),
            crf=crf,
            on_progress=lambda fraction: tell(FOLLOWED + (COMPOSED - FOLLOWED) * fraction),
            on_warning=warn,
        )
        if report.num_covered:
            warn(COVERED.format(report.num_covered))
        return report, followed


def _declared(
    path: str | os.PathLike[str], out: str | os.PathLike[str], who: _Who, message: int, warn: Callable[[str], None]
) -> str | None:
    """Write the manifest, read the watermark back; the name of the file beside the output where it lies there."""
    from viseme.provenance.manifest import write_manifest
    from viseme.provenance.reading import LOST_MARK, keeps_watermark

    written = write_manifest(out, parent=path, model=who.id, consent=who.consent, watermark=message)
    if not keeps_watermark(out, message):
        warn(LOST_MARK)
    return None if written.sidecar is None else os.fspath(written.sidecar)


def _checked(out: str | os.PathLike[str], tracker: str, tell: Callable[[float], None]) -> CheckResult:
    """The written file, measured."""
    from viseme.sync.pipeline import check

    return check(out, tracker=tracker, on_progress=tell)
