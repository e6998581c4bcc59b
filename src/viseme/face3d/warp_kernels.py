"""A picture moved by triangles, the nearest of which is seen, compiled. Knows no faces."""

from __future__ import annotations

import numpy as np

from viseme.face3d.raster import jit

__all__ = ["warp"]


@jit()
def warp(image, source, target, depth, triangles, facing, out, nearest, owner):
    """Draw each triangle of `image` (H, W, C) float32, at `source` (V, 2), where `target` (V, 2) lies in `out`.

    `nearest` (h, w) holds the greatest depth drawn so far and decides; `owner` (h, w) the triangle. `facing` (F,) is
    False for triangles that are not drawn. Pixel centres lie at whole numbers plus one half.
    """
    height, width, channels = out.shape
    rows, columns = image.shape[0], image.shape[1]
    for t in range(triangles.shape[0]):
        if not facing[t]:
            continue
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, bx, by, cx, cy = target[a, 0], target[a, 1], target[b, 0], target[b, 1], target[c, 0], target[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-9:
            continue
        x0 = max(int(np.ceil(min(ax, bx, cx) - 0.5)), 0)
        x1 = min(int(np.floor(max(ax, bx, cx) - 0.5)), width - 1)
        y0 = max(int(np.ceil(min(ay, by, cy) - 0.5)), 0)
        y1 = min(int(np.floor(max(ay, by, cy) - 0.5)), height - 1)
        for y in range(y0, y1 + 1):
            py = y + 0.5
            for x in range(x0, x1 + 1):
                px = x + 0.5
                wa = ((bx - px) * (cy - py) - (by - py) * (cx - px)) / area
                wb = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) / area
                wc = 1.0 - wa - wb
                if wa < -1e-9 or wb < -1e-9 or wc < -1e-9:
                    continue
                z = wa * depth[a] + wb * depth[b] + wc * depth[c]
                if z <= nearest[y, x]:
                    continue
                nearest[y, x] = z
                owner[y, x] = t
                u = wa * source[a, 0] + wb * source[b, 0] + wc * source[c, 0] - 0.5
                v = wa * source[a, 1] + wb * source[b, 1] + wc * source[c, 1] - 0.5
                u = min(max(u, 0.0), columns - 1.0)
                v = min(max(v, 0.0), rows - 1.0)
                i, j = min(int(v), rows - 2), min(int(u), columns - 2)
                fv, fu = v - i, u - j
                for k in range(channels):
                    top = image[i, j, k] * (1 - fu) + image[i, j + 1, k] * fu
                    low = image[i + 1, j, k] * (1 - fu) + image[i + 1, j + 1, k] * fu
                    out[y, x, k] = top * (1 - fv) + low * fv
