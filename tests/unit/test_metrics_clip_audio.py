"""Audio that many read is decoded once, and as a stream where it is long; windows are those of the whole."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import zip_longest

import numpy as np
import pytest

from viseme import UnreadableMedia
from viseme.media import AudioBlock
from viseme.media.source import ArraySource
from viseme.metrics.clip_audio import KEPT_S, AudioWindows, KeptAudio, whole_audio

RATE = 16_000


class Source(ArraySource):
    """Counts what is decoded; breaks where it is told to."""

    def __init__(self, seconds: int, breaks_at: int | None = None) -> None:
        super().__init__(np.zeros((2, 8, 8, 3), np.uint8), [0.0, 0.04])
        self.seconds, self.breaks_at, self.num_decoded = seconds, breaks_at, 0

    def audio(self, *, on_warning=None) -> Iterator[AudioBlock]:
        for second in range(self.seconds):
            if second == self.breaks_at:
                raise UnreadableMedia("broken")
            self.num_decoded += 1
            yield AudioBlock(start=Fraction(second), samples=np.full(RATE, second, np.float32), rate=RATE)


def test_readers_side_by_side_share_what_is_decoded() -> None:
    source = Source(4)
    audio = KeptAudio(source)
    for one, other in zip_longest(audio.blocks(), audio.blocks()):
        assert one is other
    assert source.num_decoded == 4
    assert len(whole_audio(audio)[0]) == 4 * RATE


def test_long_audio_is_read_again_from_where_it_is_not_kept() -> None:
    source = Source(round(KEPT_S) + 5)
    audio = KeptAudio(source)
    for _ in range(2):
        assert [float(b.start) for b in audio.blocks()] == list(range(source.seconds))
    assert source.num_decoded == round(KEPT_S) + 2 * source.seconds


def test_a_broken_file_is_broken_for_every_reader() -> None:
    audio = KeptAudio(Source(4, breaks_at=2))
    for _ in range(2):
        with pytest.raises(UnreadableMedia, match="broken"):
            list(audio.blocks())


def test_windows_come_from_the_blocks_that_they_touch() -> None:
    windows = AudioWindows(KeptAudio(Source(6)))
    samples, at = windows.between(1.5, 3.25)
    assert (at, len(samples), samples[0], samples[-1]) == (1.0, 3 * RATE, 1.0, 3.0)
    again, at = windows.between(1.5, 3.25)
    assert np.array_equal(again, samples), "the same may be asked for twice"
    later, at = windows.between(5.0, 9.0)
    assert (at, len(later)) == (5.0, RATE), "it ends with the audio"
    assert len(windows.between(7.0, 8.0)[0]) == len(AudioWindows(None).between(0.0, 1.0)[0]) == 0
