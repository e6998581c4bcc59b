"""Power in bands: mel spectra can be read from them, and they lie on the clip's clock."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from viseme.audio.bands import NUM_BANDS, band_filters, bands
from viseme.audio.features import mel_filters, power_spectrum
from viseme.audio.mel_frames import Listener


def _noise(num: int) -> np.ndarray:
    return (np.random.default_rng(0).standard_normal(num) * 0.1).astype(np.float32)


def test_bands_hold_the_mel_spectrum():
    samples = _noise(16000)
    first, found = bands(samples)
    power = np.exp(found.astype(np.float32)) @ band_filters()
    exact = power_spectrum(samples[80 - 200 + 160 * 2 :], centred=False) @ mel_filters()
    assert first == 0
    assert np.corrcoef(np.log(power[2:90]).ravel(), np.log(exact[:88] + 1e-6).ravel())[0, 1] > 0.97


@pytest.mark.parametrize("start", [Fraction(0), Fraction(1, 3), Fraction(-7, 11), Fraction(5, 1000), Fraction(2)])
@pytest.mark.parametrize("num", [8000, 8079, 8080, 8081])
def test_frames_are_those_that_the_stream_computes(start, num):
    """The same numbers, the same count, the same power, whoever computes them."""

    class Block:
        def __init__(self, start, samples):
            self.start, self.samples = start, samples

    samples = _noise(num)
    stream = Listener([Block(start, samples)])
    first, found = bands(samples, start)
    numbers, exact = stream.window(-1000.0, 1000.0)
    assert (first, len(found)) == (numbers, len(exact))
    power = np.exp(found.astype(np.float32)) @ band_filters()
    assert np.corrcoef(np.log(power).ravel(), np.log(exact + 1e-6).ravel())[0, 1] > 0.97


def test_a_click_lies_in_the_frame_around_it():
    samples = np.zeros(16000, np.float32)
    samples[5000] = 1.0
    first, found = bands(samples, Fraction(3))
    loudest = (first + int(found.astype(float).sum(1).argmax()) + 0.5) / 100
    assert loudest == pytest.approx(3 + 5000 / 16000, abs=0.006)


def test_no_samples_make_no_frames():
    assert bands(np.zeros(0, np.float32), 1)[1].shape == (0, NUM_BANDS)
    assert bands(np.zeros(3, np.float32), Fraction(1, 100))[1].shape == (0, NUM_BANDS)
