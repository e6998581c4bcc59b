"""The gain between two atlases, compiled. Knows arrays alone; what it computes is told in `atlas_light`."""

from __future__ import annotations

import numpy as np

from viseme.face3d.raster import jit

__all__ = ["reweighted_gain"]


@jit(fastmath=True)
def _box(values, size, tmp, out):
    """Sums over squares of `size` pixels from `size // 2` before each pixel on; outside there is nothing."""
    height, width = values.shape
    before = size // 2
    for y in range(height):
        total = np.float32(0)
        for x in range(min(size - before, width)):
            total += values[y, x]
        for x in range(width):
            tmp[y, x] = total
            if x + size - before < width:
                total += values[y, x + size - before]
            if x - before >= 0:
                total -= values[y, x - before]
    column = np.zeros(width, np.float32)
    for y in range(min(size - before, height)):
        for x in range(width):
            column[x] += tmp[y, x]
    for y in range(height):
        for x in range(width):
            out[y, x] = column[x]
        if y + size - before < height:
            for x in range(width):
                column[x] += tmp[y + size - before, x]
        if y - before >= 0:
            for x in range(width):
                column[x] -= tmp[y - before, x]


@jit(fastmath=True)
def _coarse_blur(values, taps):
    """Means of four by four pixels, blurred by `taps` to either side."""
    height, width = values.shape[0] // 4, values.shape[1] // 4
    small, rows = np.zeros((height, width), np.float32), np.zeros((height, width), np.float32)
    out = np.zeros((height, width), np.float32)
    for y in range(4 * height):
        for x in range(4 * width):
            small[y // 4, x // 4] += values[y, x] / 16
    for y in range(height):
        for x in range(width):
            for k in range(-len(taps) + 1, len(taps)):
                if 0 <= x + k < width:
                    rows[y, x] += taps[abs(k)] * small[y, x + k]
    for y in range(height):
        for k in range(-len(taps) + 1, len(taps)):
            if 0 <= y + k < height:
                for x in range(width):
                    out[y, x] += taps[abs(k)] * rows[y + k, x]
    return out


@jit(fastmath=True)
def _at(coarse, y, x):
    """Bilinear, of pixel (y, x) of an image four times as large."""
    v = min(max((y + 0.5) / 4 - 0.5, 0.0), coarse.shape[0] - 1.0)
    u = min(max((x + 0.5) / 4 - 0.5, 0.0), coarse.shape[1] - 1.0)
    i, j = min(int(v), coarse.shape[0] - 2), min(int(u), coarse.shape[1] - 2)
    fv, fu = v - i, u - j
    top = coarse[i, j] * (1 - fu) + coarse[i, j + 1] * fu
    low = coarse[i + 1, j] * (1 - fu) + coarse[i + 1, j + 1] * fu
    return top * (1 - fv) + low * fv


@jit(fastmath=True)
def _fill(gain, sure, taps):
    """Gains that are not sure from those around them; those far from any from the mean."""
    total, num = 0.0, 0
    held = np.zeros_like(gain)
    for y in range(gain.shape[0]):
        for x in range(gain.shape[1]):
            if sure[y, x] > 0:
                held[y, x] = gain[y, x]
                total += gain[y, x]
                num += 1
    if num == 0:
        gain[:] = 1
        return
    middle = total / num
    near, filled = _coarse_blur(sure, taps), _coarse_blur(held, taps)
    for y in range(gain.shape[0]):
        for x in range(gain.shape[1]):
            if sure[y, x] == 0:
                gain[y, x] = (_at(filled, y, x) + 1e-3 * middle) / (_at(near, y, x) + 1e-3)


@jit(fastmath=True)
def reweighted_gain(f, r, base, size, sharpness, rounds, least, limits, taps, gain, sure, w):
    """Fill `gain`, `sure` and `w` (H, W) float32.

    Args:
        f: (H, W) luma of the frame.
        r: (H, W) luma of the reference.
        base: (H, W) weights at the beginning.
        size: Side of the patch.
        sharpness: A weight is exp(-sharpness * residual^2).
        rounds: Of re-weighting.
        least: Summed weight of a patch whose gain is sure.
        limits: Of the gain.
        taps: Of the blur on the coarse grid, from its middle on.
    """
    tmp, product = np.empty_like(f), np.empty_like(f)
    top, low, total = np.empty_like(f), np.empty_like(f), np.empty_like(f)
    w[:] = base
    for _ in range(rounds):
        product[:] = w * r * f
        _box(product, size, tmp, top)
        product[:] = w * f * f
        _box(product, size, tmp, low)
        _box(w, size, tmp, total)
        every = True
        for y in range(f.shape[0]):
            for x in range(f.shape[1]):
                known = total[y, x] >= least and low[y, x] > 1e-4
                sure[y, x] = 1 if known else 0
                every = every and known
                gain[y, x] = min(max(top[y, x] / max(low[y, x], 1e-4), limits[0]), limits[1])
        if not every:
            _fill(gain, sure, taps)
        for y in range(f.shape[0]):
            for x in range(f.shape[1]):
                off = r[y, x] - gain[y, x] * f[y, x]
                w[y, x] = base[y, x] * np.exp(np.float32(-sharpness) * off * off)
