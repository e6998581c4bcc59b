"""The page: complete in itself, safe against the names of files, honest about what it leaves out."""

from __future__ import annotations

import re
import struct
import zlib
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import stubs
import viseme.report.html as html
from viseme.core.errors import OutputError
from viseme.core.results import FailedCheck, Reason, Verdict
from viseme.media.png import png_bytes
from viseme.report.charts import delay_chart, drift_chart, excerpt, lips_chart
from viseme.report.html import ReportWriter, write_report
from viseme.report.words import REASON_SENTENCES, REASON_WORDS, VERDICT_WORDS

CANARY = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;.mp4"


class Page(HTMLParser):
    """Tags, and what is in them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


def page(tmp_path: Path, *results: object) -> str:
    write_report(results, tmp_path / "r.html")
    return (tmp_path / "r.html").read_text(encoding="utf-8")


def failed(file: str = "bad.mp4") -> FailedCheck:
    return FailedCheck(file=file, error_type="UnreadableMedia", message=f"{file} is empty")


def test_one_file(tmp_path: Path) -> None:
    text = page(tmp_path, stubs.result())
    seen = Page(text)
    assert seen.count("svg") == 3, "lips over audio, delay curve, drift"
    assert seen.count("img") == 6
    assert seen.count("script") == 0, "one file has nothing to sort"
    for words in ("clip.mp4", "out of sync", "+200 ms", "+190 ms to +210 ms", "face too small", "22 px", "stub@0000"):
        assert words in text.replace("&nbsp;", " "), words


def test_nothing_is_asked_of_the_network(tmp_path: Path) -> None:
    seen = Page(page(tmp_path, stubs.result(), failed()))
    for tag, attributes in seen.tags:
        assert tag not in ("link", "iframe", "object", "embed", "base"), tag
        for name in ("src", "href", "action", "data", "poster", "srcset", "xlink:href"):
            value = attributes.get(name) or ""
            assert not value or value.startswith(("data:image/png", "#f")), (tag, name, value)
    style = page(tmp_path, stubs.result())
    assert "@import" not in style
    assert "url(" not in style
    assert "default-src 'none'" in style


@pytest.mark.parametrize("results", [[stubs.result(CANARY)], [stubs.result(CANARY), failed(CANARY), failed()]])
def test_a_file_name_is_never_markup(tmp_path: Path, results: list) -> None:
    text = page(tmp_path, *results)
    seen = Page(text)
    assert "<script>alert" not in text
    assert not any("onerror" in attributes for _, attributes in seen.tags)
    assert all("alert" not in " ".join(attributes) for _, attributes in seen.tags)
    assert CANARY in "".join(seen.words), "the name is shown as it is"
    assert seen.count("script") == (1 if len(results) > 1 else 0)


def test_the_canary_would_be_noticed() -> None:
    seen = Page(f"<p>{CANARY}</p>")
    assert seen.count("script") == 1
    assert any("onerror" in attributes for _, attributes in seen.tags)


def test_warnings_and_messages_are_escaped_too(tmp_path: Path) -> None:
    text = page(tmp_path, stubs.result(warnings=(CANARY,)), failed(CANARY))
    assert "<script>alert" not in text


def test_many_files_have_a_table_that_sorts(tmp_path: Path) -> None:
    text = page(tmp_path, stubs.result("a.mp4"), stubs.result("b.mp4", None), stubs.result("c.mp4", 0.01), failed())
    seen = Page(text)
    rows = [attributes["href"] for tag, attributes in seen.tags if tag == "a"]
    assert rows == ["#f1", "#f2", "#f3", "#f4"]
    assert [a["id"] for tag, a in seen.tags if tag == "section"] == ["f1", "f2", "f3", "f4"]
    assert seen.count("script") == 1
    assert re.search(r"<b>1</b> in sync, <b>1</b> out of sync, <b>1</b> cannot tell, <b>1</b> failed", text)


def test_every_table_head_says_what_it_heads(tmp_path: Path) -> None:
    seen = Page(page(tmp_path, stubs.result("a.mp4"), failed()))
    heads = [attributes for tag, attributes in seen.tags if tag == "th"]
    assert len(heads) > 10
    assert all(attributes.get("scope") == "col" for attributes in heads)


def test_charts_say_their_numbers_to_who_cannot_see_them(tmp_path: Path) -> None:
    seen = Page(page(tmp_path, stubs.result()))
    lips, delay, drift = [attributes["aria-label"] or "" for tag, attributes in seen.tags if tag == "svg"]
    assert "shifted by \N{MINUS SIGN}200 ms" in lips
    assert "+200 ms, 95 % interval +190 ms to +210 ms" in delay
    assert re.search(r"\d ms to \S+ ms in \d+ stretches", drift)
    alone = delay_chart(stubs.evidence(None), stubs.estimate(None))
    assert "no delay can be told" in alone
    assert "interval" not in Page(alone).tags[0][1]["aria-label"]  # type: ignore[operator]


def test_files_that_need_work_can_be_shown_alone_without_scripts(tmp_path: Path) -> None:
    text = page(tmp_path, stubs.result("a.mp4"), stubs.result("c.mp4", 0.01), failed())
    seen = Page(text)
    assert [a["id"] for tag, a in seen.tags if tag == "input"] == ["work"]
    assert "Only files that need work (2 of 3)" in text
    assert [a["class"] for tag, a in seen.tags if tag == "tr" and "class" in a] == ["out_of_sync", "in_sync", "failed"]
    assert "#work:checked ~ section.in_sync" in text
    assert "#work:checked ~ .all tr.in_sync" in text


@pytest.mark.parametrize("delay", [0.2, 0.01])
def test_a_filter_that_would_change_nothing_or_hide_all_is_left_out(tmp_path: Path, delay: float) -> None:
    assert Page(page(tmp_path, stubs.result("a.mp4", delay), stubs.result("b.mp4", delay))).count("input") == 0


def test_an_answer_read_back_has_words_without_curves(tmp_path: Path) -> None:
    text = page(tmp_path, stubs.result().to_json())
    assert Page(text).count("svg") == 0
    assert "+200 ms" in text


def test_cannot_tell_shows_reasons_and_no_number(tmp_path: Path) -> None:
    text = page(tmp_path, stubs.result(audio_delay=None, reasons=(Reason.MOUTH_STATIC, Reason.TWO_PEAKS)))
    assert REASON_SENTENCES[Reason.MOUTH_STATIC] in text
    assert REASON_SENTENCES[Reason.TWO_PEAKS] in text
    assert "as corrected" not in text
    assert "audio shifted" not in text


def test_later_files_of_a_long_page_say_that_frames_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(html, "MOST_FRAMES", 1)
    text = page(tmp_path, stubs.result("a.mp4"), stubs.result("b.mp4"))
    assert Page(text).count("svg") == 3
    assert text.count("check this file alone") == 1


def test_a_page_appears_complete_or_not_at_all(tmp_path: Path) -> None:
    def interrupted() -> None:
        with ReportWriter(tmp_path / "r.html") as writer:
            writer.add(stubs.result())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        write_report([stubs.result()], tmp_path / "no" / "r.html")


def test_odd_names_do_not_break_the_page(tmp_path: Path) -> None:
    assert "two" in page(tmp_path, stubs.result("two\nlines\udcff.mp4"), failed("\udcff"))


@pytest.mark.parametrize("table", [REASON_WORDS, REASON_SENTENCES])
def test_every_reason_has_words(table: dict) -> None:
    assert set(table) == set(Reason)


def test_every_verdict_has_words() -> None:
    assert set(VERDICT_WORDS) == set(Verdict)


def test_png_is_what_was_given() -> None:
    image = np.random.default_rng(0).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    data = png_bytes(image)
    assert struct.unpack(">II", data[16:24]) == (5, 7)
    start = data.index(b"IDAT") + 4
    length = struct.unpack(">I", data[start - 8 : start - 4])[0]
    rows = np.frombuffer(zlib.decompress(data[start : start + length]), np.uint8).reshape(7, 16)
    assert (rows[:, 0] == 2).all()
    assert (np.cumsum(rows[:, 1:], axis=0, dtype=np.uint8).reshape(7, 5, 3) == image).all()


def test_png_refuses_other_shapes() -> None:
    with pytest.raises(ValueError, match="uint8"):
        png_bytes(np.zeros((3, 3), np.uint8))


def test_the_excerpt_is_where_the_mouth_moves() -> None:
    evidence = stubs.evidence(0.1)
    times = np.arange(0, 60, 0.04)
    opening = np.where((times > 30) & (times < 35), np.sin(times * 20), 0.0)
    fields = {name: getattr(evidence, name) for name in evidence.__dataclass_fields__}
    span = excerpt(type(evidence)(**{**fields, "mouth_times": times, "mouth_opening": opening}))
    assert span is not None
    assert 29.9 < span[0] < span[1] < 35.1


def test_charts_of_nothing_are_nothing() -> None:
    empty = np.zeros(0)
    fields = {name: getattr(stubs.evidence(0.1), name) for name in ("track_curves", "strips")}
    evidence = type(stubs.evidence(0.1))(
        curve_delays=np.zeros(3),
        curve_scores=np.full(3, np.nan),
        curve_posterior=np.zeros(3),
        mouth_times=empty,
        mouth_opening=empty,
        audio_times=empty,
        audio_level_db=empty,
        **fields,
    )
    assert delay_chart(evidence, stubs.estimate(None)) == ""
    assert lips_chart(evidence, None) == ""
    assert excerpt(evidence) is None


@pytest.mark.parametrize("delay", [-1.99, -0.3, 0.0, 0.0871, 1.99, None])
def test_charts_stay_inside_their_frame(delay: float | None) -> None:
    found, evidence = stubs.estimate(delay), stubs.evidence(delay)
    charts = [delay_chart(evidence, found), lips_chart(evidence, delay)]
    if found.drift is not None:
        charts.append(drift_chart(found.drift, audio_delay=delay, in_sync_band=(-0.045, 0.125)))
    for chart in charts:
        width, height = map(float, re.search(r'viewBox="0 0 (\S+) (\S+)"', chart).groups())  # type: ignore[union-attr]
        assert "nan" not in chart
        for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", chart):
            assert -1 <= float(x) <= width + 1
            assert -1 <= float(y) <= height + 1
