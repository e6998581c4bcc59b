"""Curves as inline SVG. Every function takes arrays and returns markup; colours come from the page's CSS classes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from viseme.core.evidence import CheckEvidence
from viseme.core.results import DelayEstimate, Drift
from viseme.report.words import milliseconds, percent, short_time

__all__ = ["delay_chart", "drift_chart", "excerpt", "lips_chart"]

Array = NDArray[np.floating]

WIDTH, WIDE = 720.0, 1000.0
LEFT, RIGHT = 14.0, 14.0
EXCERPT = 4.0
"""Seconds of lips and audio that are drawn: enough words to recognise, few enough to see 40 ms."""
MOST_POINTS = 480


@dataclass(frozen=True)
class _Axis:
    """A linear map from values to units of the drawing."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        span = self.high - self.low or 1.0
        return self.start + (value - self.low) / span * (self.end - self.start)

    def ticks(self, most: int = 6) -> list[float]:
        """Round values inside the range."""
        raw = (self.high - self.low) / most
        power = 10.0 ** math.floor(math.log10(raw)) if raw > 0 else 1.0
        step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * (1 - 1e-9))
        first = math.ceil(self.low / step - 1e-9)
        return [i * step for i in range(first, math.floor(self.high / step + 1e-9) + 1)]


def _path(points: Iterable[tuple[float, float]]) -> str:
    """Line through points; a NaN lifts the pen."""
    parts: list[str] = []
    down = False
    for x, y in points:
        if math.isfinite(y):
            parts.append(f"{'L' if down else 'M'}{x:.1f} {y:.1f}")
        down = math.isfinite(y)
    return "".join(parts)


def _svg(height: float, label: str, *parts: str, width: float = WIDTH) -> str:
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(label, quote=True)}">'
        + "".join(parts)
        + "</svg>"
    )


def _text(x: float, y: float, words: str, kind: str = "tick", anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def _box(x1: float, y1: float, x2: float, y2: float, kind: str, title: str = "") -> str:
    tip = f"<title>{escape(title)}</title>" if title else ""
    width, height = max(x2 - x1, 0.0), max(y2 - y1, 0.0)
    return f'<rect x="{x1:.1f}" y="{y1:.1f}" width="{width:.1f}" height="{height:.1f}" class="{kind}">{tip}</rect>'


def _thinned(x: Array, y: Array) -> tuple[Array, Array]:
    """At most `MOST_POINTS` points; of those left out, the highest is kept."""
    if len(x) <= MOST_POINTS:
        return x, y
    kept = []
    for part in np.array_split(np.arange(len(x)), MOST_POINTS):
        values = y[part]
        kept.append(part[int(np.argmax(np.where(np.isfinite(values), values, -np.inf)))])
    return x[kept], y[kept]


def delay_chart(
    evidence: CheckEvidence, estimate: DelayEstimate, *, in_sync_band: tuple[float, float] = (-0.045, 0.125)
) -> str:
    """Evidence for every candidate delay: the peak, its 95 % interval, and what counts as in sync."""
    scores = np.asarray(evidence.curve_scores, dtype=float)
    usable = np.isfinite(scores)
    if not usable.any():
        return ""
    delays, scores = _thinned(np.asarray(evidence.curve_delays, dtype=float), scores)
    top, bottom = 40.0, 196.0
    x = _Axis(float(delays[0]), float(delays[-1]), LEFT, WIDTH - RIGHT)
    low, high = float(np.nanmin(scores)), float(np.nanmax(scores))
    y = _Axis(low, high if high > low else low + 1, bottom - 6, top + 4)
    parts = [_band(x, in_sync_band, top, bottom, "band", "counts as in sync")]
    parts.append(_text((x(in_sync_band[0]) + x(in_sync_band[1])) / 2, bottom + 48, "in sync", "good small"))
    parts.append(_line(x(in_sync_band[0]), bottom + 28, x(in_sync_band[1]), bottom + 28, "bracket"))
    if estimate.interval is not None:
        parts.append(_band(x, estimate.interval, top, bottom, "interval", "95 % interval"))
    for tick in x.ticks():
        parts.append(_line(x(tick), top, x(tick), bottom, "zero" if abs(tick) < 1e-9 else "grid"))
        parts.append(_text(x(tick), bottom + 20, milliseconds(tick).removesuffix(" ms"), "tick", _anchor(x, tick)))
    points = [(x(float(d)), y(float(s))) for d, s in zip(delays, scores)]
    parts.append(f'<path d="{_path(points)}" class="curve"/>')
    if estimate.audio_delay is not None:
        at = int(np.nanargmin(np.where(np.isfinite(scores), np.abs(delays - estimate.audio_delay), np.nan)))
        px, py = x(estimate.audio_delay), y(float(scores[at]))
        anchor = "start" if px < 130 else "end" if px > WIDTH - 130 else "middle"
        parts.append(_line(px, py, px, bottom, "needle"))
        parts.append(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="5.5" class="dot"/>')
        parts.append(_text(px, top - 12, milliseconds(estimate.audio_delay), "strong", anchor))
    parts.append(
        _text(LEFT, top - 14, "\N{LEFTWARDS ARROW} audio early", "small", "start") if _room(x, estimate, 0) else ""
    )
    parts.append(
        _text(WIDTH - RIGHT, top - 14, "audio late \N{RIGHTWARDS ARROW}", "small", "end")
        if _room(x, estimate, 1)
        else ""
    )
    parts.append(_text(WIDTH - RIGHT, bottom + 44, "delay in ms", "small", "end"))
    return _svg(bottom + 54, f"How well each delay fits: {_told(estimate)}", *parts)


def _told(estimate: DelayEstimate) -> str:
    """The numbers of the curve in words, for who cannot see it."""
    if estimate.audio_delay is None:
        return "no delay can be told"
    words = f"best at {milliseconds(estimate.audio_delay)}"
    if estimate.interval is None:
        return words
    low, high = map(milliseconds, estimate.interval)
    return f"{words}, 95 % interval {low} to {high}"


def _anchor(x: _Axis, value: float) -> str:
    """A label at either end of the axis stays inside the drawing."""
    near = 0.04 * (x.high - x.low)
    return "start" if value - x.low < near else "end" if x.high - value < near else "middle"


def _room(x: _Axis, estimate: DelayEstimate, side: int) -> bool:
    """Whether the label of the peak leaves this corner free."""
    if estimate.audio_delay is None:
        return True
    at = x(estimate.audio_delay)
    return at > 230 if side == 0 else at < WIDTH - 230


def _band(x: _Axis, ends: tuple[float, float], top: float, bottom: float, kind: str, title: str) -> str:
    low, high = (min(max(x(end), x.start), x.end) for end in ends)
    middle, half = (low + high) / 2, max((high - low) / 2, 1.0)
    return _box(middle - half, top, middle + half, bottom, kind, title)


def excerpt(evidence: CheckEvidence, seconds: float = EXCERPT) -> tuple[float, float] | None:
    """The stretch where the mouth moves most while it is seen; None when it never is."""
    times, opening = np.asarray(evidence.mouth_times, float), np.asarray(evidence.mouth_opening, float)
    seen = np.isfinite(opening)
    if seen.sum() < 2:
        return None
    times, opening = times[seen], opening[seen]
    begin, end = float(times[0]), float(times[-1])
    if end - begin <= seconds:
        return begin, end
    motion = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(opening)) * (np.diff(times) < 0.2))])
    starts = times[times <= end - seconds + 1e-9]
    last = np.searchsorted(times, starts + seconds, side="right") - 1
    best = int(np.argmax(motion[last] - motion[: len(starts)]))
    return float(starts[best]), float(starts[best]) + seconds


def lips_chart(evidence: CheckEvidence, audio_delay: float | None) -> str:
    """Mouth opening over the loudness of the audio, as recorded and, when the delay is known, as corrected."""
    span = excerpt(evidence)
    if span is None or len(evidence.audio_times) < 2:
        return ""
    panels = [("as recorded", 0.0)]
    if audio_delay is not None:
        panels.append((f"audio shifted by {milliseconds(-audio_delay)}", -audio_delay))
    x = _Axis(*span, 2.0, WIDE - 2.0)
    parts: list[str] = []
    height, gap, top = 92.0, 34.0, 24.0
    for words, shift in panels:
        parts += _lips_panel(evidence, x, top, top + height, words, shift)
        top += height + gap
    bottom = top - gap
    for tick in x.ticks(8):
        parts.append(_text(x(tick), bottom + 20, f"{tick:g} s", "tick", _anchor(x, tick)))
    seen = " and with ".join(words for words, _ in panels)
    label = f"Mouth opening and loudness of the audio from {short_time(span[0])} to {short_time(span[1])}, {seen}"
    return _svg(bottom + 28, label, *parts, width=WIDE)


def _lips_panel(evidence: CheckEvidence, x: _Axis, top: float, bottom: float, words: str, shift: float) -> list[str]:
    y = _Axis(0.0, 1.0, bottom, top + 6)
    parts = [_line(x(t), top, x(t), bottom, "grid") for t in x.ticks(8)]
    loud_times = np.asarray(evidence.audio_times, float) + shift
    inside = (loud_times >= x.low) & (loud_times <= x.high)
    loud = _loudness(np.asarray(evidence.audio_level_db, float))[inside]
    if len(loud):
        tx, ty = _thinned(loud_times[inside], loud)
        top_line = "".join(f"L{x(float(t)):.1f} {y(float(v)):.1f}" for t, v in zip(tx, ty))
        start, end = x(float(tx[0])), x(float(tx[-1]))
        parts.append(f'<path d="M{start:.1f} {bottom:.1f}{top_line}L{end:.1f} {bottom:.1f}Z" class="audio"/>')
    times, mouth = np.asarray(evidence.mouth_times, float), np.asarray(evidence.mouth_opening, float)
    inside = (times >= x.low) & (times <= x.high)
    times, mouth = times[inside], _unit(mouth[inside])
    breaks = np.concatenate([[False], np.diff(times) > 0.25])
    points = [(x(float(t)), math.nan if b else y(float(v))) for t, v, b in zip(times, mouth, breaks)]
    parts.append(f'<path d="{_path(points)}" class="mouth"/>')
    parts.append(_line(x.start, bottom, x.end, bottom, "base"))
    parts.append(_text(x.start, top - 8, words, "strong2", "start"))
    return parts


def _loudness(level_db: Array) -> Array:
    """0 to 1 over the 40 dB below the loudest moment."""
    finite = level_db[np.isfinite(level_db)]
    if not len(finite):
        return np.zeros(len(level_db))
    loudest = float(np.percentile(finite, 99.5))
    return np.clip(np.nan_to_num((level_db - loudest + 40) / 40, nan=0.0, neginf=0.0), 0, 1)


def _unit(values: Array) -> Array:
    """0 to 1 between the 2nd and the 98th percentile, NaN kept."""
    if not np.isfinite(values).any():
        return values
    low, high = np.nanpercentile(values, [2, 98])
    return np.clip((values - low) / max(high - low, 1e-9), -0.02, 1.02)


def drift_chart(drift: Drift, *, audio_delay: float | None, in_sync_band: tuple[float, float]) -> str:
    """The delay of each stretch of the clip over time; faint where that stretch alone is not sure."""
    known = [s for s in drift.segments if s.audio_delay is not None]
    if not known:
        return ""
    delays = [s.audio_delay for s in known if s.audio_delay is not None]
    middle = float(np.median(delays))
    reach = max(0.06, 1.25 * max(abs(d - middle) for d in delays))
    top, bottom = 16.0, 170.0
    begin, end = drift.segments[0].start, drift.segments[-1].end
    x = _Axis(begin, max(end, begin + 1e-3), 104.0, WIDTH - RIGHT)
    y = _Axis(middle - reach, middle + reach, bottom, top)
    band = [min(max(y(end), top), bottom) for end in in_sync_band]
    parts = [_box(x.start, min(band), x.end, max(band), "band", "counts as in sync")]
    for tick in y.ticks(4):
        parts.append(_line(x.start, y(tick), x.end, y(tick), "zero" if abs(tick) < 1e-9 else "grid"))
        parts.append(_text(x.start - 8, y(tick) + 4, milliseconds(tick), "tick", "end"))
    for tick in x.ticks(5):
        parts.append(_text(x(tick), bottom + 20, f"{tick:g} s"))
    if audio_delay is not None:
        level = min(max(y(audio_delay), top), bottom)
        parts.append(_line(x.start, level, x.end, level, "needle"))
    for s in known:
        assert s.audio_delay is not None
        title = f"{s.start:.1f} to {s.end:.1f} s: {milliseconds(s.audio_delay)}, {percent(s.confidence)} sure"
        start, end, level = x(s.start), x(s.end), y(s.audio_delay)
        parts.append(
            f'<line x1="{start + 1:.1f}" x2="{max(end - 1, start + 2):.1f}" y1="{level:.1f}" y2="{level:.1f}" '
            f'class="segment" opacity="{0.25 + 0.75 * s.confidence:.2f}"><title>{escape(title)}</title></line>'
        )
    low, high = milliseconds(min(delays)), milliseconds(max(delays))
    return _svg(bottom + 28, f"Delay over the clip: {low} to {high} in {len(known)} stretches", *parts)
