"""Power in bands: mel spectra can be read from them, and they lie on the clip's clock."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from viseme.audio.bands import NUM_BANDS, band_filters, bands
from viseme.audio.features import mel_filters, power_frames


def _noise(num: int) -> np.ndarray:
    return (np.random.default_rng(0).standard_normal(num) * 0.1).astype(np.float32)


def test_bands_hold_the_mel_spectrum():
    samples = _noise(16000)
    first, found = bands(samples, Fraction(1, 3))
    number, exact = power_frames(samples, Fraction(1, 3))
    assert (first, len(found)) == (number, len(exact))
    power = np.exp(found.astype(np.float32)) @ band_filters()
    assert np.corrcoef(np.log(power).ravel(), np.log(exact @ mel_filters() + 1e-6).ravel())[0, 1] > 0.97


def test_a_shorter_vocal_tract_is_read_from_the_same_bands():
    _, found = bands(_noise(16000))
    _, exact = power_frames(_noise(16000))
    power = np.exp(found.astype(np.float32)) @ band_filters(0.8)
    assert np.corrcoef(np.log(power).ravel(), np.log(exact @ mel_filters(warp=0.8) + 1e-6).ravel())[0, 1] > 0.97


def test_a_click_lies_in_the_frame_around_it():
    samples = np.zeros(16000, np.float32)
    samples[5000] = 1.0
    first, found = bands(samples, Fraction(3))
    loudest = (first + int(found.astype(float).sum(1).argmax()) + 0.5) / 100
    assert loudest == pytest.approx(3 + 5000 / 16000, abs=0.006)


def test_no_samples_make_no_frames():
    assert bands(np.zeros(0, np.float32), 1)[1].shape == (0, NUM_BANDS)
    assert bands(np.zeros(3, np.float32), Fraction(1, 100))[1].shape == (0, NUM_BANDS)
