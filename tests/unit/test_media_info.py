"""Which of several video streams is read."""

from __future__ import annotations

from types import SimpleNamespace

from av.stream import Disposition

from viseme.media.info import video_stream


def test_a_stream_of_an_unknown_codec_gives_way_to_one_that_can_be_read():
    cover = SimpleNamespace(disposition=Disposition.attached_pic, codec_context="mjpeg")
    unknown = SimpleNamespace(disposition=Disposition.default, codec_context=None)
    known = SimpleNamespace(disposition=Disposition(0), codec_context="h264")

    def chosen(*streams):
        return video_stream(SimpleNamespace(streams=SimpleNamespace(video=streams)))

    assert chosen(cover, unknown, known) is known
    assert chosen(unknown, cover) is unknown
    assert chosen(cover) is None
