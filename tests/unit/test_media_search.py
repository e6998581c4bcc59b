"""Names that stand for no file."""

from __future__ import annotations

import pytest

from viseme.core.errors import UnreadableMedia
from viseme.media.search import refuse_missing


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("-", r"standard input .* save it to a file first .*--live"),
        ("http://example.com/talk.mp4", "is an address; download"),
        ("rtsp://camera/1", "is an address"),
        ("/dev/null", "is a device; record it"),
        ("nothing.mp4", "does not exist; check the path"),
    ],
)
def test_what_is_no_file_is_refused_with_the_way_out(name, says):
    with pytest.raises(UnreadableMedia, match=says):
        refuse_missing(name)


def test_a_file_may_be_called_like_an_address(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-").write_bytes(b"x")
    refuse_missing("-")
