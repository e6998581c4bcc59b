"""Light taken out of atlases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, uniform_filter

from viseme.face3d.atlas import fit_cylinder
from viseme.face3d.atlas_light import Gain, fit_gain, luma, symmetric, without_highlights
from viseme.face3d.head_pose import canonical_vertices
from viseme.face3d.reference_atlas import mouth_mask, reference_atlas, skin_mask
from viseme.faces.schemes import MIRROR

BLOCK = (slice(80, 130), slice(90, 170))
AROUND = (slice(72, 138), slice(82, 178))


def skin(seed: int = 0) -> np.ndarray:
    """(256, 256, 3) skin-like noise, fine and coarse."""
    rng = np.random.default_rng(seed)
    coarse = gaussian_filter(rng.normal(size=(256, 256)), 3)
    return np.clip(
        [0.6, 0.45, 0.38] + 0.03 * (coarse / coarse.std())[..., None] + rng.normal(0, 0.01, (256, 256, 3)), 0, 1
    ).astype(np.float32)


def light(strength: float = 0.3) -> np.ndarray:
    """(256, 256) a smooth gain."""
    y, x = np.mgrid[:256, :256] / 256
    return np.exp(strength * np.sin(2 * np.pi * x + 1) * np.cos(np.pi * y)).astype(np.float32)


def lit(atlas: np.ndarray, gain: np.ndarray) -> np.ndarray:
    return Gain(luma=gain, a=np.ones(3, np.float32), b=np.zeros(3, np.float32), weights=gain).apply(atlas)


def literal(frame: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The gain with the paper's weights as they are written: of the patch's error."""
    f, r, w = luma(frame), luma(reference), np.ones((256, 256), np.float32)
    gain = w
    for _ in range(8):
        gain = uniform_filter(w * r * f, 16) / np.maximum(uniform_filter(w * f * f, 16), 1e-6)
        w = np.exp(-256 * uniform_filter(w * (r - gain * f) ** 2, 16) / 0.1)
    return gain


@pytest.mark.slow
def test_a_changed_part_of_a_face_does_not_bend_the_gain() -> None:
    reference, truth = skin(), light()
    frame = lit(reference, 1 / truth)
    frame[BLOCK] = np.random.default_rng(1).uniform(0, 1, frame[BLOCK].shape)
    found = fit_gain(frame, reference, np.ones((256, 256)))
    assert np.abs(found.luma / truth - 1)[AROUND].mean() < 0.015
    assert np.abs(literal(frame, reference) / truth - 1)[AROUND].mean() > 0.3, "as the paper writes it"
    assert found.weights[BLOCK].mean() < 0.15 < 0.9 < found.weights[:64].mean()


def test_colour_of_the_light_is_found_and_undone() -> None:
    reference, truth = skin(), light()
    a, b = np.array([1.1, 1.0, 0.8], np.float32), np.array([0.02, 0, -0.03], np.float32)
    frame = Gain(luma=truth, a=a, b=b, weights=truth).undo(reference)
    found = fit_gain(frame, reference, np.ones((256, 256)))
    assert np.abs(found.apply(frame) - reference).mean() < 0.01 < 0.05 < np.abs(frame - reference).mean()
    np.testing.assert_allclose(found.undo(found.apply(frame)), frame, atol=2e-3)
    back = fit_gain(reference, frame, np.ones((256, 256)))
    assert np.abs(back.apply(reference) - frame).mean() < 0.01, "swapped, the reference is lit as the frame"


def test_gains_are_averaged_over_time_and_begin_anew() -> None:
    bright, dark = (fit_gain(skin() * k, skin(), np.ones((256, 256))) for k in (0.8, 0.5))
    assert dark.smoothed(None) is dark
    between = dark.smoothed(bright)
    assert np.median(between.luma) == pytest.approx(
        np.median(bright.luma) ** 0.8 * np.median(dark.luma) ** 0.2, rel=1e-2
    )


def test_nothing_to_compare_leaves_the_frame_as_it_is() -> None:
    found = fit_gain(skin(0), skin(1), np.zeros((256, 256)))
    np.testing.assert_array_equal(found.apply(skin(0)), skin(0))


def test_the_darker_half_is_lit_as_the_brighter_one() -> None:
    even = skin()
    even = (even + even[:, ::-1]) / 2
    x = np.arange(256) / 256 - 0.5
    one_sided = lit(even, np.tile(np.exp(-0.22 * np.tanh(6 * x) - 0.22), (256, 1)).astype(np.float32))
    found, gain = symmetric(one_sided, one_sided[:, ::-1], np.ones((256, 256)))

    def asymmetry(atlas: np.ndarray) -> float:
        y = luma(atlas)
        return float(np.abs(np.log(y / y[:, ::-1])).mean())

    assert asymmetry(one_sided) > 0.3
    assert asymmetry(found) < 0.005
    of_mirror = fit_gain(one_sided, one_sided[:, ::-1], np.ones((256, 256))).luma
    assert asymmetry(lit(one_sided, np.maximum(of_mirror, of_mirror[:, ::-1]))) > 0.3, "as the paper writes it"
    assert gain.min() == 1


def test_gloss_goes_and_skin_under_it_stays() -> None:
    clean = skin() * 0.9
    y, x = np.mgrid[:256, :256]
    alpha = 0.6 * np.exp(-((x - 120) ** 2 + (y - 90) ** 2) / 200)[..., None]
    glossy = (alpha + (1 - alpha) * clean).astype(np.float32)
    spot = alpha[..., 0] > 0.2
    found, where = without_highlights(glossy, np.ones((256, 256), bool))
    assert np.abs(found - clean)[spot].mean() < 0.5 * np.abs(glossy - clean)[spot].mean()
    assert where[alpha[..., 0] > 0.4].min() > 0.05
    far = alpha[..., 0] < 1e-3
    assert np.abs(found - glossy)[far].mean() < 0.01
    assert (without_highlights(glossy, np.zeros((256, 256), bool))[0] == glossy).all()


def test_a_face_lit_from_one_side_becomes_even() -> None:
    coordinates = fit_cylinder(canonical_vertices()).coordinates(canonical_vertices())
    mask = skin_mask(coordinates)
    assert 0.2 < mask.mean() < 0.6
    assert not mask[93, 90:105].any(), "eyes"
    assert not (mask & mouth_mask(coordinates)).any()
    assert np.abs(coordinates[MIRROR[:468], 0] + coordinates[:, 0] - 256).max() < 2
    even = np.full((256, 256, 3), [0.6, 0.45, 0.4], np.float32)
    columns = np.arange(256) / 256 - 0.5
    frame = lit(even, np.tile(np.exp(0.3 * np.tanh(6 * columns) - 0.3), (256, 1)).astype(np.float32))
    valid = np.ones((256, 256), bool)
    reference = reference_atlas(frame, valid, coordinates)
    assert reference.atlas[mask].std(0).max() < 0.5 * frame[mask].std(0).max()
    darker = reference.normalise(frame * 0.6, valid, coordinates)
    assert np.abs(darker.atlas - reference.atlas)[mask].mean() < 0.01 < 0.1 < np.abs(frame * 0.6 - even)[mask].mean()
