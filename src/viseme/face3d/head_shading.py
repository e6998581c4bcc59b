"""Colour of each pixel of a talking head, compiled: skin, brows, hair, eyes, teeth, cloth, under spherical harmonics.

Knows pixels, the attributes of `head_mesh` and the tiles of `head_textures`; refuses to know models and looks. Colours
are RGB radiance, numbers float32.
"""

from __future__ import annotations

import numpy as np

from viseme.face3d.head_mesh import (
    BEARD,
    BODY,
    BROW,
    CLOTH,
    EYE,
    GLOSS,
    HAIR,
    RED,
    SHADE,
    SKIN,
    SURFACE_U,
    SURFACE_V,
    TEETH,
    TONGUE,
)
from viseme.face3d.raster import jit

__all__ = ["shade_frame"]

HAIR_RGB, IRIS_RGB, GARMENT_RGB, LOOK_GLOSS, LOOK_GRAIN, SWEPT, RAGGED = 0, 3, 6, 9, 10, 11, 12
"""Where things stand in `head_textures.palette`."""


@jit(fastmath=True, inline="always")
def _tile(tile, u, v):
    """Bilinear sample of a periodic (256, 256) tile at cell coordinates."""
    u0, v0 = np.floor(u), np.floor(v)
    fu, fv = np.float32(u - u0), np.float32(v - v0)
    i, j = int(v0) & 255, int(u0) & 255
    i2, j2 = (i + 1) & 255, (j + 1) & 255
    top = tile[i, j] * (1 - fu) + tile[i, j2] * fu
    bottom = tile[i2, j] * (1 - fu) + tile[i2, j2] * fu
    return top * (1 - fv) + bottom * fv


@jit(fastmath=True, inline="always")
def _step(low, high, x):
    x = min(max((x - low) / (high - low), np.float32(0.0)), np.float32(1.0))
    return x * x * (3 - 2 * x)


@jit(fastmath=True, inline="always")
def _over(red, green, blue, palette, first, tone, cover):
    """A colour with `cover` of a palette colour times `tone` over it."""
    red += (palette[first] * tone - red) * cover
    green += (palette[first + 1] * tone - green) * cover
    blue += (palette[first + 2] * tone - blue) * cover
    return red, green, blue


@jit(fastmath=True, inline="always")
def _skin(red, green, blue, gloss, p, q, mottle, palette):
    """Skin with its mottling: colour and gloss."""
    one = np.float32(1.0)
    spot = _tile(mottle, p * 90, q * 90) - np.float32(0.5)
    fine = _tile(mottle, p * 260, q * 260) - np.float32(0.5)
    grain = palette[LOOK_GRAIN] * (np.float32(0.07) * spot + np.float32(0.05) * fine)
    red, green, blue = red * (one + grain * np.float32(0.6)), green * (one + grain), blue * (one + grain)
    return red, green, blue, gloss * (one + fine)


@jit(fastmath=True, inline="always")
def _grown(red, green, blue, gloss, p, q, brow, beard, hair, strands, mottle, palette):
    """Skin with what grows on it: brows, stubble, hair."""
    one = np.float32(1.0)
    if brow > np.float32(0.02):
        streak = _tile(strands, (p + q * np.float32(0.5) * np.sign(p)) * 300, q * 120)
        cover = _step(np.float32(0.0), np.float32(0.9), brow * np.float32(1.15) - np.float32(0.6) * streak)
        cover *= np.float32(0.8)
        red, green, blue = _over(red, green, blue, palette, HAIR_RGB, np.float32(0.8), cover)
        gloss *= one - cover
    if beard > np.float32(0.02):
        dot = _tile(mottle, p * 400, q * 400)
        cover = min(beard, one) * (np.float32(0.25) + np.float32(0.6) * dot)
        red, green, blue = _over(red, green, blue, palette, HAIR_RGB, np.float32(0.9), cover)
        gloss *= one - cover
    if hair > np.float32(-2.0):
        swept = p + palette[SWEPT] * q
        streak = _tile(strands, swept * 170, q * 40)
        thin = _tile(strands, swept * 260 + 77, q * 60)
        lock = _tile(mottle, swept * 22, q * 6)
        ragged = palette[RAGGED] * (np.float32(1.6) * streak + np.float32(1.8) * lock - np.float32(1.7))
        cover = _step(np.float32(-0.7), np.float32(0.7), hair + ragged)
        tone = np.float32(0.55) + np.float32(0.55) * streak + np.float32(0.35) * thin
        red, green, blue = _over(red, green, blue, palette, HAIR_RGB, tone, cover)
        gloss += (np.float32(0.16) * thin - gloss) * cover
    return red, green, blue, gloss


@jit(fastmath=True, inline="always")
def _dressed(red, green, blue, gloss, p, q, cloth, mottle, palette):
    """Skin under a garment where there is one; `cloth` falls below 0 inside the collar's edge."""
    one = np.float32(1.0)
    if cloth < 0:
        cover = one - _step(np.float32(-1.0), np.float32(0.0), cloth)
        weave = one + np.float32(0.10) * (_tile(mottle, p * 200, q * 200) - np.float32(0.5))
        hem = one - np.float32(0.25) * _step(np.float32(-2.6), np.float32(-1.4), cloth)
        red += (palette[GARMENT_RGB] * weave * hem - red) * cover
        green += (palette[GARMENT_RGB + 1] * weave * hem - green) * cover
        blue += (palette[GARMENT_RGB + 2] * weave * hem - blue) * cover
        gloss *= one - cover
    return red, green, blue, gloss


@jit(fastmath=True, inline="always")
def _eye(p, q, mottle, palette):
    """Colour of an eye, and how much light the lid lets through."""
    one = np.float32(1.0)
    r = np.sqrt(p * p + q * q)
    angle = np.arctan2(q, p)
    red, green, blue = np.float32(0.80), np.float32(0.77), np.float32(0.75)
    vein = np.float32(0.22) * _step(np.float32(0.55), np.float32(1.1), r)
    green, blue = green * (one - vein), blue * (one - vein)
    iris = one - _step(np.float32(0.46), np.float32(0.52), r)
    fibre = np.float32(0.7) + np.float32(0.6) * _tile(mottle, angle * 26, r * 30)
    fibre *= one - np.float32(0.6) * _step(np.float32(0.36), np.float32(0.50), r)
    pupil = one - np.float32(0.93) * (one - _step(np.float32(0.17), np.float32(0.22), r))
    red, green, blue = _over(red, green, blue, palette, IRIS_RGB, fibre * pupil, iris)
    lid = one - np.float32(0.5) * _step(np.float32(0.10), np.float32(0.55), q)
    return red, green, blue, lid


@jit(fastmath=True, inline="always")
def _lit(x, y, z, g):
    """Equation 3's factor: one colour's light `g` (9,) at the unit normal; see `light.sh_basis`."""
    b4, b5, b6 = np.float32(2.427032) * x * y, np.float32(-2.427032) * y * z, np.float32(0.700624) * (3 * z * z - 1)
    b7, b8 = np.float32(-2.427032) * x * z, np.float32(1.213516) * (x * x - y * y)
    b1, b2, b3 = np.float32(-1.772454) * y, np.float32(1.772454) * z, np.float32(-1.772454) * x
    lit = np.float32(0.886227) * g[0] + b1 * g[1] + b2 * g[2] + b3 * g[3]
    lit += b4 * g[4] + b5 * g[5] + b6 * g[6] + b7 * g[7] + b8 * g[8]
    return lit


@jit(fastmath=True)
def _sample(t, px, py, uvd, triangles, kinds, table, gamma, light, strands, mottle, palette, rgb):
    """Colour of triangle `t` at a point of the fine frame, into `rgb`."""
    a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
    wa = ((uvd[b, 0] - px) * (uvd[c, 1] - py) - (uvd[b, 1] - py) * (uvd[c, 0] - px)) / uvd[a, 2]
    wb = ((uvd[c, 0] - px) * (uvd[a, 1] - py) - (uvd[c, 1] - py) * (uvd[a, 0] - px)) / uvd[b, 2]
    wc = ((uvd[a, 0] - px) * (uvd[b, 1] - py) - (uvd[a, 1] - py) * (uvd[b, 0] - px)) / uvd[c, 2]
    total = wa + wb + wc
    fa, fb, fc = np.float32(wa / total), np.float32(wb / total), np.float32(wc / total)
    kind = kinds[t]
    x = fa * table[a, 0] + fb * table[b, 0] + fc * table[c, 0]
    y = fa * table[a, 1] + fb * table[b, 1] + fc * table[c, 1]
    z = fa * table[a, 2] + fb * table[b, 2] + fc * table[c, 2]
    length = np.float32(1.0) / np.sqrt(x * x + y * y + z * z + np.float32(1e-12))
    x, y, z = x * length, y * length, z * length
    red = fa * table[a, RED] + fb * table[b, RED] + fc * table[c, RED]
    green = fa * table[a, RED + 1] + fb * table[b, RED + 1] + fc * table[c, RED + 1]
    blue = fa * table[a, RED + 2] + fb * table[b, RED + 2] + fc * table[c, RED + 2]
    shadow = fa * table[a, SHADE] + fb * table[b, SHADE] + fc * table[c, SHADE]
    p = fa * table[a, SURFACE_U] + fb * table[b, SURFACE_U] + fc * table[c, SURFACE_U]
    q = fa * table[a, SURFACE_V] + fb * table[b, SURFACE_V] + fc * table[c, SURFACE_V]
    gloss = (fa * table[a, GLOSS] + fb * table[b, GLOSS] + fc * table[c, GLOSS]) * palette[LOOK_GLOSS]
    power = np.float32(14.0)
    if kind in (SKIN, BODY):
        brow = fa * table[a, BROW] + fb * table[b, BROW] + fc * table[c, BROW]
        beard = fa * table[a, BEARD] + fb * table[b, BEARD] + fc * table[c, BEARD]
        hair = fa * table[a, HAIR] + fb * table[b, HAIR] + fc * table[c, HAIR]
        cloth = fa * table[a, CLOTH] + fb * table[b, CLOTH] + fc * table[c, CLOTH]
        red, green, blue, gloss = _skin(red, green, blue, gloss, p, q, mottle, palette)
        red, green, blue, gloss = _grown(red, green, blue, gloss, p, q, brow, beard, hair, strands, mottle, palette)
        red, green, blue, gloss = _dressed(red, green, blue, gloss, p, q, cloth, mottle, palette)
    elif kind == EYE:
        red, green, blue, lid = _eye(p, q, mottle, palette)
        shadow *= lid
        gloss, power = np.float32(0.9), np.float32(160.0)
    elif kind == TEETH:
        power = np.float32(50.0)
        shadow *= np.float32(1.0) - np.float32(0.3) * (
            np.float32(1.0) - _step(np.float32(0.02), np.float32(0.14), abs(p - np.round(p)))
        )
    elif kind == TONGUE:
        power = np.float32(30.0)
    shine = max(x * light[0] + y * light[1] + z * light[2], np.float32(0.0)) ** power * gloss * shadow
    rgb[0] = max(red * _lit(x, y, z, gamma[0]), np.float32(0.0)) * shadow + shine * light[3]
    rgb[1] = max(green * _lit(x, y, z, gamma[1]), np.float32(0.0)) * shadow + shine * light[4]
    rgb[2] = max(blue * _lit(x, y, z, gamma[2]), np.float32(0.0)) * shadow + shine * light[5]


@jit(fastmath=True)
def shade_frame(
    ids, depth, uvd, triangles, kinds, table, gamma, light, strands, mottle, palette, s, image, mask, nearest
):
    """Shade each triangle of a pixel once, at the mean of its samples; weigh by coverage over the background."""
    rgb = np.zeros(3, np.float32)
    seen = np.empty(s * s, np.int64)
    for row in range(mask.shape[0]):
        for column in range(mask.shape[1]):
            num, near = 0, np.float32(np.inf)
            for k in range(s * s):
                y, x = row * s + k // s, column * s + k % s
                t = ids[y, x]
                seen[k] = t
                if t >= 0:
                    num += 1
                    near = min(near, depth[y, x])
            nearest[row, column] = near
            mask[row, column] = np.float32(num) / np.float32(s * s)
            if num == 0:
                continue
            red, green, blue = np.float32(0), np.float32(0), np.float32(0)
            for k in range(s * s):
                t = seen[k]
                if t < 0:
                    continue
                same, sx, sy = 0, 0.0, 0.0
                for m in range(k, s * s):
                    if seen[m] == t:
                        same += 1
                        sx += column * s + m % s + 0.5
                        sy += row * s + m // s + 0.5
                        seen[m] = -1
                _sample(
                    t, sx / same, sy / same, uvd, triangles, kinds, table, gamma, light, strands, mottle, palette, rgb
                )
                red += same * min(rgb[0], np.float32(1.0))
                green += same * min(rgb[1], np.float32(1.0))
                blue += same * min(rgb[2], np.float32(1.0))
            rest = np.float32(s * s - num)
            share = np.float32(1.0) / np.float32(s * s)
            image[row, column, 0] = (red + rest * image[row, column, 0]) * share
            image[row, column, 1] = (green + rest * image[row, column, 1]) * share
            image[row, column, 2] = (blue + rest * image[row, column, 2]) * share
