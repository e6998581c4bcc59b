"""One page for one file or thousands: a single HTML file that needs nothing else and asks nobody for anything.

Sections are written to a temporary file as results come: memory does not grow with the length of a batch.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import viseme
from viseme.core.evidence import FaceStrip
from viseme.core.playable import Playback
from viseme.core.results import CHECK_SCHEMA, CheckResult, Reason, TrackResult, Verdict
from viseme.core.time import in_frames
from viseme.media.png import png_uri
from viseme.report.charts import delay_chart, drift_chart, excerpt, lips_chart
from viseme.report.files import replacing_text
from viseme.report.pages import page_templates
from viseme.report.words import (
    REASON_SENTENCES,
    REASON_WORDS,
    VERDICT_WORDS,
    delay_words,
    milliseconds,
    percent,
    short_time,
)

__all__ = ["ReportWriter", "write_report"]

MOST_FRAMES = 200
"""Files that get frames and curves; later ones get words and numbers, and the page says so."""

Result = CheckResult | Mapping[str, Any] | Any
"""An answer, a line of JSON read back, or anything else with `to_json()`."""


def write_report(
    results: Iterable[Result], path: str | Path, *, in_sync_band: tuple[float, float] = (-0.045, 0.125)
) -> None:
    """Write a page about checked files: a table of all, then a section for each.

    Args:
        results: Of `check(..., evidence=True)`; without evidence, or as JSON read back, a section has no curves.
        path: The page; appears complete or not at all.
        in_sync_band: Delays called in sync, seconds; drawn in the curves.

    Raises:
        OutputError: the page cannot be written.
    """
    with ReportWriter(path, in_sync_band=in_sync_band) as writer:
        for result in results:
            writer.add(result)


class ReportWriter:
    """A report that grows; the page appears when the `with` block ends well.

    Example:
        >>> with ReportWriter("page.html") as writer:  # doctest: +SKIP
        ...     writer.add(viseme.check("clip.mp4", evidence=True))
    """

    def __init__(self, path: str | Path, *, in_sync_band: tuple[float, float] = (-0.045, 0.125)) -> None:
        self.path = Path(path)
        self._band = in_sync_band
        self._rows: list[_Row] = []
        self._num_rendered = 0
        self._pages = page_templates(ms=milliseconds, clock=short_time, percent=percent)
        self._sections = tempfile.TemporaryFile(  # noqa: SIM115 - closed by `__exit__`
            "w+", encoding="utf-8", errors="backslashreplace", newline=""
        )

    def __enter__(self) -> ReportWriter:
        return self

    def __exit__(self, kind: object, *exc: object) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._sections.close()

    def add(self, result: Result, play: Playback | None = None) -> None:
        """Append one file, with a clip of it to play where there is one."""
        number = len(self._rows) + 1
        answer = dict(result) if isinstance(result, Mapping) else result.to_json()
        answer.setdefault("pieces", [])  # of a log that an earlier version wrote
        self._rows.append(_Row.of(number, answer))
        evidence = result.evidence if isinstance(result, CheckResult) else None
        has_curves = evidence is not None and self._num_rendered < MOST_FRAMES
        self._num_rendered += has_curves
        html = self._pages.get_template("section.html.j2").render(
            number=number,
            row=self._rows[-1],
            answer=answer,
            meaning=_meaning(answer),
            frames_words=in_frames(answer["audio_delay"] or 0.0, answer.get("frame_rate")),
            reasons=[(REASON_WORDS[r], REASON_SENTENCES[r]) for r in map(Reason, answer["reasons"])],
            used=[t for t in answer["tracks"] if t["status"] == "used"],
            rejected=[t for t in answer["tracks"] if t["status"] == "rejected"],
            reason_words={r.value: w for r, w in REASON_WORDS.items()},
            verdict_words={v.value: w for v, w in VERDICT_WORDS.items()},
            drawing=self._drawing(result) if isinstance(result, CheckResult) and has_curves else None,
            play=play,
            left_out=evidence is not None and not has_curves,
            most_frames=MOST_FRAMES,
        )
        self._sections.write(html)

    def _drawing(self, result: CheckResult) -> dict[str, Any]:
        evidence, estimate = result.evidence, result.estimate
        assert evidence is not None
        drift = estimate.drift
        strips = {strip.track_id: strip for strip in evidence.strips}
        tracks = sorted(result.tracks, key=lambda t: -t.weight)
        span = excerpt(evidence)
        return {
            "faces": [_face(t, strips[t.track_id], main=i == 0) for i, t in enumerate(tracks) if t.track_id in strips],
            "lips": lips_chart(evidence, estimate.audio_delay),
            "lips_span": None if span is None else (short_time(span[0]), short_time(span[1])),
            "delay": delay_chart(evidence, estimate, in_sync_band=self._band),
            "drift": ""
            if drift is None or not drift.is_told
            else drift_chart(drift, audio_delay=estimate.audio_delay, in_sync_band=self._band),
        }

    def _finish(self) -> None:
        template = self._pages.get_template("page.html.j2")
        counts = {kind: sum(row.kind == kind for row in self._rows) for kind in _KINDS}
        with replacing_text(self.path) as file:
            for piece in template.generate(
                rows=self._rows,
                sections=self._pieces(),
                counts={_KINDS[kind]: count for kind, count in counts.items() if count},
                kinds=_KINDS,
                num_to_do=sum(row.kind != Verdict.IN_SYNC.value for row in self._rows),
                band=self._band,
                version=viseme.__version__,
                schema=CHECK_SCHEMA,
            ):
                file.write(piece.encode("utf-8", "backslashreplace").decode("utf-8"))

    def _pieces(self) -> Iterator[str]:
        self._sections.seek(0)
        while piece := self._sections.read(1 << 16):
            yield piece


_KINDS = {**{v.value: words for v, words in VERDICT_WORDS.items()}, "failed": "failed"}


@dataclass(frozen=True, kw_only=True)
class _Row:
    """A line of the summary table."""

    number: int
    file: str
    name: str
    """Without its folders."""
    kind: str
    """A verdict, or "failed"."""
    words: str
    audio_delay: float | None
    interval: tuple[float, float] | None
    confidence: float | None
    remark: str

    @classmethod
    def of(cls, number: int, answer: Mapping[str, Any]) -> _Row:
        kind = answer["verdict"] or "failed"
        error = answer.get("error")
        reasons = "; ".join(REASON_WORDS[Reason(r)] for r in answer["reasons"])
        return cls(
            number=number,
            file=answer["file"],
            name=answer["file"].replace("\\", "/").rstrip("/").rpartition("/")[2],
            kind=kind,
            words=_KINDS[kind],
            audio_delay=answer["audio_delay"],
            interval=answer["interval"],
            confidence=answer["confidence"],
            remark=error["message"] if error else reasons,
        )


def _meaning(answer: Mapping[str, Any]) -> str:
    """The answer as a sentence."""
    if answer["pieces"]:
        return f"The delay jumps: the file falls into {len(answer['pieces'])} pieces, each with its own."
    return delay_words(answer["audio_delay"], in_sync=answer["verdict"] == Verdict.IN_SYNC.value)


def _face(track: TrackResult, strip: FaceStrip, *, main: bool) -> dict[str, Any]:
    """Frames of one face; of all but the strongest, every second one."""
    step = 1 if main else 2
    frames = [
        {"time": short_time(float(t)), "uri": png_uri(image)}
        for t, image in zip(strip.times[::step], strip.images[::step])
    ]
    verdict = track.estimate.verdict
    told = VERDICT_WORDS[verdict] if verdict is Verdict.CANNOT_TELL else milliseconds(track.estimate.audio_delay or 0.0)
    return {"track_id": track.track_id, "weight": track.weight, "told": told, "frames": frames, "main": main}
