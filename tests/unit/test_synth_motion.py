"""Motion: what must touch touches, at the right time, at any frame rate."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from viseme.core.errors import ConfigError
from viseme.synthetic.acoustics import coloured_noise, disturb, mix, music, reverberate
from viseme.synthetic.articulation import articulate, expression_curves
from viseme.synthetic.motion import move
from viseme.synthetic.phonemes import Phoneme
from viseme.synthetic.scene import TalkerSpec, backdrop
from viseme.synthetic.style import Style
from viseme.synthetic.visemes import CHANNELS

ABA = (Phoneme("a", 0.2, 0.5), Phoneme("b", 0.5, 0.6, (0.5, 0.57)), Phoneme("a", 0.6, 0.9))
GAP = CHANNELS.index("gap")


@pytest.mark.parametrize(
    "style", [Style(), Style(strength=1.5, jaw_share=1.8), Style(coarticulation=1.4, closing_s=0.1)]
)
def test_lips_touch_exactly_from_contact_to_release(style):
    made = articulate(ABA, 0.0, 1.1, style=style)
    t, gap = made.times, made.curves[:, GAP]
    assert np.abs(gap[(t >= 0.5) & (t <= 0.57)]).max() < 1e-9
    assert gap[np.abs(t - 0.35).argmin()] > 5
    assert gap[np.abs(t - 0.75).argmin()] > 5
    before, after = np.abs(t - 0.49).argmin(), np.abs(t - 0.58).argmin()
    assert gap[before] > 0.05
    assert gap[after] > 0.05


def test_without_b_the_lips_stay_open():
    """Canary: the closure above comes from the b."""
    made = articulate((Phoneme("a", 0.2, 0.9),), 0.0, 1.1)
    assert made.curves[(made.times > 0.3) & (made.times < 0.8), GAP].min() > 5


def test_rounding_runs_ahead():
    made = articulate((Phoneme("i", 0.2, 0.4), Phoneme("s", 0.4, 0.5), Phoneme("u", 0.5, 0.8)), 0.0, 1.0)
    width = made.curves[:, CHANNELS.index("width")]
    plain = articulate((Phoneme("i", 0.2, 0.4), Phoneme("s", 0.4, 0.5), Phoneme("i", 0.5, 0.8)), 0.0, 1.0)
    ahead = np.abs(made.times - 0.42).argmin()  # 80 ms before the vowel
    assert width[ahead] < plain.curves[ahead, CHANNELS.index("width")] - 0.1


def test_speaking_units_give_the_gap_that_was_asked():
    made = articulate(ABA, 0.0, 1.1)
    units = expression_curves(made, Style(press=0.0))
    from_jaw = 33.0 * (units["jawOpen"] - units["mouthClose"]) + 2.0 * (
        units["mouthLowerDownLeft"]
        + units["mouthLowerDownRight"]
        + units["mouthUpperUpLeft"]
        + units["mouthUpperUpRight"]
    )
    others = 14.0 * units["mouthFunnel"] + 0.2 * (units["mouthStretchLeft"] + units["mouthStretchRight"])
    others -= 1.7 * units["mouthSmileLeft"] + 1.5 * units["mouthSmileRight"] - 1.2 * units["mouth-pursing"]
    assert np.abs(from_jaw + others - made.curves[:, GAP]).max() < 0.3


def test_every_frame_rate_shows_the_same_motion():
    fine = move(ABA, np.arange(0, 1, 1 / 100), seed=3)
    coarse = move(ABA, np.arange(0, 1, 1 / 25), seed=3)
    for name in ("jawOpen", "mouthClose", "mouthPucker"):
        # the grid starts at the same time, so shared instants agree
        assert np.abs(fine.units[name][::4] - coarse.units[name]).max() < 0.05
    assert np.abs(fine.gap_mm[::4] - coarse.gap_mm).max() < 1e-6


def test_motion_is_deterministic_and_silence_is_not_static():
    times = np.arange(100) / 25
    one, two, other = move((), times, seed=5), move((), times, seed=5), move((), times, seed=6)
    assert np.array_equal(one.pose, two.pose)
    assert all(np.array_equal(one.units[k], two.units[k]) for k in one.units)
    assert not np.array_equal(one.pose, other.pose)
    assert one.pose[:, :3].std() > 1e-3
    assert sum(float(v.std()) for k, v in one.units.items() if k.startswith(("mouth", "jaw"))) > 0.01


def test_audio_disturbance_keeps_length_and_time():
    burst = np.zeros(16000, np.float32)
    burst[6000:9000] = 0.3 * np.random.default_rng(9).standard_normal(3000)
    for seed in range(12):
        out = disturb(burst, np.random.default_rng(seed))
        assert out.shape == burst.shape
        likeness = np.correlate(out, burst[5000:10000], "valid")
        assert abs(int(np.abs(likeness).argmax()) - 5000) <= 1, seed
    click = np.zeros(16000, np.float32)
    click[8000] = 1.0
    rng = np.random.default_rng(0)
    assert reverberate(click, rng, seconds=0.3)[8000] == pytest.approx(1, abs=1e-5)
    assert coloured_noise(rng, 1000, 1.0).std() == pytest.approx(1, abs=0.01)
    assert music(rng, 16000).std() == pytest.approx(1, abs=0.01)
    voice = 0.3 * np.sin(np.arange(16000)).astype(np.float32)
    added = mix(voice, coloured_noise(rng, 16000, 0.0), 10.0) - voice
    assert 10 * np.log10(np.mean(voice**2) / np.mean(added**2)) == pytest.approx(10, abs=0.5)


@pytest.mark.parametrize(
    "bad",
    [{"width": 33}, {"rate": Fraction(0)}, {"vfr": 0.6}, {"seconds": -1.0}, {"background": "x"}, {"face_width": 3.0}],
)
def test_specs_out_of_range_are_refused(bad):
    with pytest.raises(ConfigError):
        TalkerSpec(**bad)


@pytest.mark.parametrize("kind", ["plain", "gradient", "room"])
def test_backdrops(kind):
    frame = backdrop(np.random.default_rng(1), kind, 64, 48)
    assert frame.shape == (48, 64, 3)
    assert 0 <= frame.min() <= frame.max() <= 1
    assert (frame.std((0, 1)).max() < 1e-4) == (kind == "plain")
