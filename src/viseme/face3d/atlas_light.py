"""Light taken out of atlases, and put into them: highlights, the darker half of a face, light that changes over time.

Knows atlases; refuses to know geometry (`reference_atlas` moves atlases), videos and networks. Needs numba (extra
`[render]`). Colours are those of the
video, in [0, 1]; an atlas is (256, 256, 3). The paper's names are kept: R the reference, F a frame, G the gain of the
luma, W how well a pixel fits, a and b the gain and bias of the colours.

Source:
    Lahiri et al., "LipSync3D", 2021, section 3.1.2. Literally taken, W is unstable and the symmetric gain leaves the
    asymmetry as it was; see `fit_gain` and `symmetric`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, gaussian_filter

__all__ = ["Gain", "filled_in", "fit_gain", "luma", "symmetric", "without_highlights"]

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Of ITU-R BT.601."""
PATCH = 16
"""Pixels of the side of the patch around a pixel that shares its gain."""
TEMPERATURE = 0.1
"""T of equation 2 of the paper."""
ROUNDS = 8
"""Of re-weighting."""
LIMITS = (0.25, 4.0)
"""Of the gain."""
LEAST_WEIGHT = 40.0
"""Summed weight of a patch under which its gain comes from its surroundings."""
FILL_SIGMA = 12.0
"""Pixels of the blur that brings it, which is made on a grid four times as coarse."""
_FILL_TAPS = np.exp(-0.5 * (np.arange(10) / (FILL_SIGMA / 4)) ** 2).astype(np.float32)
EPSILON = 1e-4

MASK_SIGMA = 2.0
"""Pixels of the blur before highlights are sought."""
MASK_QUANTILE = 0.9
"""Of the intensities of the skin: what is brighter in every colour may be a highlight."""
MOST_ALPHA = 0.95
"""Of a highlight, so that something of the skin under it is seen."""
ALPHA_SIGMA = 1.0
"""Pixels of the blur of the highlights' map."""

Image = NDArray[Any]


def luma(image: NDArray[np.floating]) -> Image:
    """(..., H, W) of (..., H, W, 3): BT.601."""
    return np.asarray(image, np.float32) @ LUMA


@dataclass(frozen=True, kw_only=True, eq=False)
class Gain:
    """How the light of one atlas becomes that of another: F^n = a (F + (G - 1) F_y) + b, per channel."""

    luma: Image
    """(256, 256) G, smooth."""
    a: NDArray[np.float32]
    """(3,)."""
    b: NDArray[np.float32]
    """(3,)."""
    weights: Image
    """(256, 256) W: 1 where the atlases agree, 0 where they do not, or are not compared."""

    def apply(self, atlas: NDArray[np.floating]) -> Image:
        """(256, 256, 3) in the light of the other, in [0, 1]."""
        lit = _with_gain(np.asarray(atlas, np.float32), self.luma)
        return np.clip(lit * self.a + self.b, 0, 1)

    def undo(self, atlas: NDArray[np.floating]) -> Image:
        """(256, 256, 3) back in its own light: the inverse of `apply`."""
        lit = (np.asarray(atlas, np.float32) - self.b) / self.a
        return np.clip(_with_gain(lit, 1 / self.luma), 0, 1)

    def smoothed(self, before: Gain | None, keep: float = 0.8) -> Gain:
        """A moving average over frames: `keep` of what was before; None = the first frame after a cut."""
        if before is None:
            return self
        new = 1 - keep
        return replace(
            self,
            luma=before.luma**keep * self.luma**new,
            a=keep * before.a + new * self.a,
            b=keep * before.b + new * self.b,
        )


def _with_gain(atlas: Image, gain: Image) -> Image:
    """Luma times the gain; the two differences of colour of YUV stay."""
    return atlas + ((gain - 1) * luma(atlas))[..., None]


def fit_gain(
    frame: NDArray[np.floating],
    reference: NDArray[np.floating],
    weights: NDArray[np.floating] | NDArray[np.bool_],
    colour_weights: NDArray[np.floating] | NDArray[np.bool_] | None = None,
) -> Gain:
    """What brings the light of a frame to that of the reference. Swapped, it lights the reference as the frame is.

    The weights follow the residual of each pixel, not of its patch: where a whole patch does not fit, the paper's
    weights fall to zero, so its error does, and in the next round they are one again.

    Args:
        frame: (256, 256, 3) F.
        reference: (256, 256, 3) R, moved to the frame's coordinates.
        weights: (256, 256) how much each pixel counts, 0 to 1: 0 where one of the two is not known, or where they need
            not look alike, as in the mouth.
        colour_weights: (256, 256) the same for a and b: skin; None = as `weights`.
    """
    from viseme.face3d.light_kernels import reweighted_gain

    f, r = luma(frame), luma(reference)
    gain, sure, w = (np.empty_like(f) for _ in range(3))
    base, sharpness = np.asarray(weights, np.float32), PATCH**2 / TEMPERATURE
    reweighted_gain(f, r, base, PATCH, sharpness, ROUNDS, LEAST_WEIGHT, LIMITS, _FILL_TAPS, gain, sure, w)
    lit = _with_gain(np.asarray(frame, np.float32), gain)
    counts = w * sure if colour_weights is None else w * sure * np.asarray(colour_weights, np.float32)
    a, b = _colours(lit, np.asarray(reference, np.float32), counts)
    return Gain(luma=gain, a=a, b=b, weights=w)


def _colours(lit: Image, reference: Image, w: Image) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(3,) a and (3,) b that minimise sum W |R - a F - b|^2 for each channel; 1 and 0 where nothing counts."""
    total = float(w.sum())
    if total < LEAST_WEIGHT:
        return np.ones(3, np.float32), np.zeros(3, np.float32)
    share = (w / total)[..., None]
    mean_f, mean_r = (share * lit).sum((0, 1)), (share * reference).sum((0, 1))
    spread = (share * (lit - mean_f) ** 2).sum((0, 1)) + EPSILON
    a = ((share * (lit - mean_f) * (reference - mean_r)).sum((0, 1)) + EPSILON) / spread
    a = np.clip(a, *LIMITS).astype(np.float32)
    return a, (mean_r - a * mean_f).astype(np.float32)


def symmetric(
    reference: NDArray[np.floating], mirrored: NDArray[np.floating], weights: NDArray[np.floating] | NDArray[np.bool_]
) -> tuple[Image, Image]:
    """The reference with its darker half lit as the brighter one, and the gain (256, 256) that did it.

    The paper multiplies by the larger of G and its mirror image. As the mirror image is about 1 / G, that brightens
    both halves alike and leaves their difference; here it is the larger of G and 1. Where the halves differ otherwise
    than by light, they stay different.

    Args:
        reference: (256, 256, 3) R without highlights.
        mirrored: (256, 256, 3) R', its mirror image, moved to its coordinates.
        weights: (256, 256) where both are known.
    """
    gain = np.maximum(fit_gain(reference, mirrored, weights).luma, 1)
    return np.clip(_with_gain(np.asarray(reference, np.float32), gain), 0, 1), gain


def without_highlights(atlas: NDArray[np.floating], skin: NDArray[np.bool_]) -> tuple[Image, Image]:
    """The atlas without gloss: I = alpha + (1 - alpha) I_c solved for I_c; and alpha (256, 256).

    One alpha a pixel, the least of the three channels': one for each channel would give back what the hole was filled
    with.

    Args:
        atlas: (256, 256, 3) I.
        skin: (256, 256) where there is skin.
    """
    image = np.asarray(atlas, np.float32)
    known = skin.astype(np.float32)
    if not skin.any():
        return image.copy(), np.zeros(skin.shape, np.float32)
    near = np.maximum(gaussian_filter(known, MASK_SIGMA), EPSILON)
    smooth = np.stack([gaussian_filter(image[..., k] * known, MASK_SIGMA) / near for k in range(3)], -1)
    glossy = skin & (smooth.min(-1) > np.quantile(luma(image)[skin], MASK_QUANTILE))
    if not glossy.any():
        return image.copy(), np.zeros(skin.shape, np.float32)
    clean = filled_in(image, skin & ~glossy)
    alpha = ((image - clean) / np.maximum(1 - clean, EPSILON)).min(-1)
    alpha = np.where(glossy, np.clip(alpha, 0, MOST_ALPHA), 0).astype(np.float32)
    alpha = np.where(binary_dilation(glossy), gaussian_filter(alpha, ALPHA_SIGMA), 0).astype(np.float32)
    return np.clip((image - alpha[..., None]) / (1 - alpha[..., None]), 0, 1), alpha


def filled_in(image: Image, known: NDArray[np.bool_]) -> Image:
    """(256, 256, 3) with what is not `known` (256, 256) filled in from around: means of ever larger squares, the
    smallest that are known first."""
    values, weights = _halved(image * known[..., None]), _halved(known.astype(np.float32))
    levels: list[tuple[Image, Image]] = []
    while len(weights) > 1:
        levels.append((values, weights))
        values, weights = _halved(values), _halved(weights)
    out = values / np.maximum(weights, EPSILON)[..., None]
    for values, weights in reversed(levels):
        share = np.minimum(weights, 1)[..., None]
        out = share * (values / np.maximum(weights, EPSILON)[..., None]) + (1 - share) * _doubled(out)
    return np.where(known[..., None], image, _doubled(out))


def _halved(values: Image) -> Image:
    """Sums of squares of two by two."""
    return values[::2, ::2] + values[1::2, ::2] + values[::2, 1::2] + values[1::2, 1::2]


def _doubled(values: Image) -> Image:
    """Twice as large, bilinear."""
    for axis in (0, 1):
        values = values.swapaxes(0, axis)
        out = np.empty((2 * len(values), *values.shape[1:]), np.float32)
        out[::2] = out[1::2] = 0.75 * values
        out[2::2] += 0.25 * values[:-1]
        out[1:-1:2] += 0.25 * values[1:]
        out[0] += 0.25 * values[0]
        out[-1] += 0.25 * values[-1]
        values = out.swapaxes(0, axis)
    return values
