"""Who speaks when, in the formats the field uses: CSV, RTTM, SRT, WebVTT, AVA-ActiveSpeaker, and a page.

Knows `SpeakersResult`; every function returns text.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePath
from types import MappingProxyType

import viseme
from viseme.core.speakers import SPEAKERS_SCHEMA, FaceState, FaceTimeline, SpeakersResult, VoiceState
from viseme.core.time import format_time
from viseme.media.png import png_uri
from viseme.report.pages import page_templates
from viseme.report.words import REASON_WORDS, percent, short_time

__all__ = [
    "FORMATS",
    "STATE_WORDS",
    "VOICE_WORDS",
    "person_name",
    "speakers_ava_csv",
    "speakers_csv",
    "speakers_html",
    "speakers_rttm",
    "speakers_srt",
    "speakers_vtt",
    "turns",
]

STATE_WORDS: Mapping[FaceState, str] = MappingProxyType(
    {
        FaceState.SPEAKING: "speaking",
        FaceState.NOT_SPEAKING: "not speaking",
        FaceState.CANNOT_TELL: "cannot tell",
        FaceState.DUBBING_SUSPECTED: "other words than heard",
    }
)
VOICE_WORDS: Mapping[VoiceState, str] = MappingProxyType(
    {
        VoiceState.ONSCREEN: "somebody in view",
        VoiceState.OFFSCREEN: "nobody in view",
        VoiceState.UNSURE: "cannot tell whose",
        VoiceState.DUBBED: "dubbing suspected",
    }
)


def person_name(person: int) -> str:
    """What a person is called.

    Example:
        >>> person_name(0), person_name(27)
        ('A', 'AB')
    """
    name = ""
    number = person + 1
    while number:
        number, digit = divmod(number - 1, 26)
        name = chr(65 + digit) + name
    return name


def turns(result: SpeakersResult) -> list[tuple[float, float, str]]:
    """(start, end, name) of every stretch in which a person speaks, and of voices out of view, by start.

    Stretches of one person that touch, as on both sides of a cut, are one.
    """
    spoken: dict[str, list[tuple[float, float]]] = {}
    for face in result.faces:
        for s in face.segments:
            if s.state is FaceState.SPEAKING:
                spoken.setdefault(person_name(face.person), []).append((s.start, s.end))
    for voice in result.voice:
        if voice.state in (VoiceState.OFFSCREEN, VoiceState.DUBBED):
            spoken.setdefault("offscreen", []).append((voice.start, voice.end))
    return sorted((a, b, name) for name, spans in spoken.items() for a, b in _joined(spans))


def _joined(spans: Iterable[tuple[float, float]], gap: float = 0.08) -> list[tuple[float, float]]:
    out: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if out and start <= out[-1][1] + gap:
            out[-1] = out[-1][0], max(out[-1][1], end)
        else:
            out.append((start, end))
    return out


def _stem(result: SpeakersResult) -> str:
    return PurePath(result.file.replace("\\", "/")).stem


def speakers_csv(result: SpeakersResult) -> str:
    """One row a stretch: file, kind (face or voice), id, person, start, end, state, mean score; seconds."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "kind", "id", "person", "start", "end", "state", "mean_score"])
    for face in result.faces:
        for s in face.segments:
            inside = face.scores[(face.times >= s.start - 1e-6) & (face.times < s.end - 1e-6)]
            mean = f"{float(inside.mean()):.3f}" if len(inside) else ""
            row = [_plain(result.file), "face", face.track_id, person_name(face.person)]
            writer.writerow([*row, f"{s.start:.2f}", f"{s.end:.2f}", s.state.value, mean])
    for voice in result.voice:
        who = " ".join(str(i) for i in voice.speakers)
        row = [_plain(result.file), "voice", who, "", f"{voice.start:.2f}", f"{voice.end:.2f}", voice.state.value, ""]
        writer.writerow(row)
    return text.getvalue()


def _plain(text: str) -> str:
    """Text that a spreadsheet does not run as a formula."""
    return "'" + text if text.startswith(("=", "+", "@", "-", "\t", "\r")) else text


def speakers_rttm(result: SpeakersResult) -> str:
    """NIST rich transcription time marks: one SPEAKER line for each turn.

    Source:
        `SPEAKER file 1 start dur <NA> <NA> name <NA> <NA>`; names hold no blanks, so those of the file become "_".
    """
    file = "_".join(_stem(result).split()) or "file"
    return "".join(
        f"SPEAKER {file} 1 {max(start, 0.0):.3f} {end - max(start, 0.0):.3f} <NA> <NA> {name} <NA> <NA>\n"
        for start, end, name in turns(result)
        if end > 0
    )


def speakers_srt(result: SpeakersResult) -> str:
    """SubRip subtitles that name who speaks."""
    cues = [
        f"{number}\n{_clock(start, ',')} --> {_clock(end, ',')}\n{_said(name)}\n"
        for number, (start, end, name) in enumerate(_shown(result), start=1)
    ]
    return "\n".join(cues)


def speakers_vtt(result: SpeakersResult) -> str:
    """WebVTT that names who speaks."""
    cues = [
        f"{_clock(start, '.')} --> {_clock(end, '.')}\n<v {name}>{_said(name)}\n" for start, end, name in _shown(result)
    ]
    return "\n".join(["WEBVTT\n", *cues])


def _shown(result: SpeakersResult) -> list[tuple[float, float, str]]:
    return [(max(a, 0.0), b, name) for a, b, name in turns(result) if b > 0]


def _said(name: str) -> str:
    return "(voice out of view)" if name == "offscreen" else f"person {name}"


def _clock(seconds: float, point: str) -> str:
    whole = format_time(max(seconds, 0.0)).rjust(12, "0")
    return whole.replace(".", point)


def speakers_ava_csv(result: SpeakersResult) -> str:
    """Predictions in the layout of the AVA-ActiveSpeaker evaluation, without a header.

    Source:
        video_id, frame_timestamp, box x1, y1, x2, y2 as fractions of the frame, label, entity_id, score. The label is
        SPEAKING_AUDIBLE in every row, as that evaluation wants: it ranks rows by score.
    """
    if not result.width or not result.height:
        return ""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    size = (result.width, result.height, result.width, result.height)
    for face in result.faces:
        entity = f"{_stem(result)}_{face.track_id}"
        for time, box, score in zip(face.times, face.boxes, face.scores):
            corners = [f"{float(v) / s:.6f}" for v, s in zip(box, size)]
            writer.writerow([_stem(result), f"{time:.2f}", *corners, "SPEAKING_AUDIBLE", entity, f"{score:.4f}"])
    return text.getvalue()


FORMATS: Mapping[str, Callable[[SpeakersResult], str]] = MappingProxyType(
    {
        "csv": speakers_csv,
        "rttm": speakers_rttm,
        "srt": speakers_srt,
        "vtt": speakers_vtt,
        "ava": speakers_ava_csv,
    }
)
"""Name -> writer."""

COLOURS = ("#2f6690", "#b8323f", "#23804a", "#8a6200", "#6a4c93", "#0f7173", "#a23b72", "#555b6e")
WIDTH, LEFT, ROW = 1000.0, 96.0, 44.0


def speakers_html(result: SpeakersResult) -> str:
    """A page with every face, its scores and states, and the voices; one file that needs nothing else."""
    strips = {strip.track_id: strip for strip in result.strips}
    faces = [
        {
            "id": face.track_id,
            "name": person_name(face.person),
            "colour": COLOURS[face.person % len(COLOURS)],
            "sure": percent(face.person_confidence),
            "span": f"{short_time(face.start)} to {short_time(face.end)}",
            "speaking": f"{face.seconds(FaceState.SPEAKING):.1f} s",
            "unsure": f"{face.seconds(FaceState.CANNOT_TELL):.1f} s",
            "dubbed": f"{face.seconds(FaceState.DUBBING_SUSPECTED):.1f} s",
            "size": f"{face.face_size_px:.0f} px",
            "frames": [png_uri(i) for i in strips[face.track_id].images[:6]] if face.track_id in strips else [],
        }
        for face in result.faces
    ]
    rejected = [
        {
            "id": r.track_id,
            "span": f"{short_time(r.start)} to {short_time(r.end)}",
            "why": REASON_WORDS[r.reason],
            "measured": f"{r.measured:.3g} {r.unit}",
            "limit": f"{r.limit:.3g} {r.unit}",
        }
        for r in result.rejected
    ]
    page = (
        page_templates()
        .get_template("speakers.html.j2")
        .render(
            result=result,
            name=result.file.replace("\\", "/").rpartition("/")[2],
            faces=faces,
            rejected=rejected,
            chart=_chart(result),
            delay=result.delay_words,
            voice=[(short_time(v.start), short_time(v.end), VOICE_WORDS[v.state]) for v in result.voice],
            version=viseme.__version__,
            schema=SPEAKERS_SCHEMA,
        )
    )
    return page.encode("utf-8", "backslashreplace").decode("utf-8")


def _chart(result: SpeakersResult) -> str:
    """Timeline as inline SVG: the audio, a row for each face, a row for voices."""
    ends = [face.end for face in result.faces] + [v.end for v in result.voice]
    end = max([*ends, result.duration or 0.0, 1.0])
    scale = (WIDTH - LEFT - 8) / end

    def x(time: float) -> float:
        return LEFT + max(0.0, min(time, end)) * scale

    parts = [_audio(result, x)]
    top = 56.0
    for voice in result.voice:
        kind = {"voice_onscreen": "on", "voice_offscreen": "off", "voice_unsure": "unsure"}.get(voice.state, "dub")
        parts.append(_bar(x(voice.start), top, x(voice.end), top + 14, f"v-{kind}", VOICE_WORDS[voice.state]))
    parts.append(f'<text x="{LEFT - 8:.0f}" y="{top + 12:.0f}" text-anchor="end">voices</text>')
    top += 26
    for face in result.faces:
        colour = COLOURS[face.person % len(COLOURS)]
        label = f"{person_name(face.person)} (face {face.track_id})"
        parts.append(f'<text x="{LEFT - 8:.0f}" y="{top + 24:.0f}" text-anchor="end">{label}</text>')
        parts.append(_bar(x(face.start), top, x(face.end), top + ROW - 8, "seen", "in view"))
        for s in face.segments:
            if s.state is not FaceState.NOT_SPEAKING:
                fill = colour if s.state is FaceState.SPEAKING else ""
                kind, words = s.state.value, STATE_WORDS[s.state]
                parts.append(_bar(x(s.start), top, x(s.end), top + ROW - 8, kind, words, fill))
        parts.append(_curve(face, result.threshold, x, top, top + ROW - 8))
        top += ROW
    for tick in _ticks(end):
        parts.append(f'<line x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="4" y2="{top:.0f}" class="grid"/>')
        parts.append(f'<text x="{x(tick):.1f}" y="{top + 16:.0f}" text-anchor="middle">{short_time(tick)}</text>')
    size = f"0 0 {WIDTH:.0f} {top + 22:.0f}"
    return f'<svg viewBox="{size}" role="img" aria-label="{_told(result)}">{"".join(parts)}</svg>'


def _told(result: SpeakersResult) -> str:
    """The timeline in words, for who cannot see it."""
    seconds: dict[str, float] = {}
    for start, end, name in turns(result):
        seconds[name] = seconds.get(name, 0.0) + end - start
    spoken = ", ".join(f"{_said(name)} {total:.1f} s" for name, total in seconds.items())
    return f"Who speaks when: {spoken or 'nobody speaks'}"


def _audio(result: SpeakersResult, x: Callable[[float], float]) -> str:
    delay = result.delay_taken_out
    num = len(result.audio_times)
    if num < 2:
        return ""
    step = max(1, num // 900)
    points = []
    for i in range(0, num, step):
        level = max(0.0, min(1.0, (float(result.audio_level_db[i : i + step].max()) + 55) / 45))
        points.append((x(float(result.audio_times[i]) - delay), 22 * level))
    up = " ".join(f"{a:.1f},{26 - h:.1f}" for a, h in points)
    down = " ".join(f"{a:.1f},{26 + h:.1f}" for a, h in reversed(points))
    return f'<polygon points="{up} {down}" class="wave"/>'


def _bar(left: float, top: float, right: float, bottom: float, kind: str, title: str, fill: str = "") -> str:
    width = max(right - left, 0.6)
    style = f' style="fill:{fill}"' if fill else ""
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{bottom - top:.1f}" class="{kind}"{style}>'
        f"<title>{title}</title></rect>"
    )


def _curve(face: FaceTimeline, threshold: float, x: Callable[[float], float], top: float, bottom: float) -> str:
    low, high = min(float(face.scores.min()), threshold), max(float(face.scores.max()), threshold)
    span = max(high - low, 1e-6)
    step = max(1, len(face.times) // 900)
    points = []
    for i in range(0, len(face.times), step):
        y = bottom - 2 - (float(face.scores[i : i + step].mean()) - low) / span * (bottom - top - 4)
        points.append(f"{x(float(face.times[i])):.1f},{y:.1f}")
    return f'<polyline points="{" ".join(points)}" class="score"/>'


def _ticks(end: float) -> list[float]:
    step = next(s for s in (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600, 1e9) if end / s <= 12)
    return [i * step for i in range(int(end / step) + 1)]
