"""What `differentiable` and `formation.render_standard` do per pixel and per triangle, compiled. Knows no torch.

Derivatives are by hand: of the formulas in `differentiable._interpolate` and `differentiable.vertex_normals_torch`,
which tests compare with these.
"""

from __future__ import annotations

import numpy as np

from viseme.face3d.raster import jit

__all__ = ["add_across", "add_across_back", "interpolate", "interpolate_back", "paint"]


@jit()
def interpolate(uvd, attributes, triangles, ids, pixel, values, depth):
    """Fill `values` (K, P) and `depth` (P,) at the covered pixels; see `differentiable._interpolate`."""
    height, width = ids.shape[1], ids.shape[2]
    for p in range(pixel.shape[0]):
        m, rest = divmod(pixel[p], height * width)
        y, x = divmod(rest, width)
        t = ids[m, y, x]
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        px, py = x + 0.5, y + 0.5
        ax, ay, bx, by = uvd[m, a, 0] - px, uvd[m, a, 1] - py, uvd[m, b, 0] - px, uvd[m, b, 1] - py
        cx, cy = uvd[m, c, 0] - px, uvd[m, c, 1] - py
        wa, wb, wc = bx * cy - by * cx, cx * ay - cy * ax, ax * by - ay * bx
        area = wa + wb + wc
        wa, wb, wc = wa / uvd[m, a, 2], wb / uvd[m, b, 2], wc / uvd[m, c, 2]
        share = 1.0 / (wa + wb + wc)
        wa, wb, wc = wa * share, wb * share, wc * share
        depth[p] = area * share
        for k in range(values.shape[0]):
            values[k, p] = wa * attributes[m, a, k] + wb * attributes[m, b, k] + wc * attributes[m, c, k]


@jit()
def interpolate_back(uvd, attributes, triangles, ids, pixel, g_values, g_depth, g_uvd, g_attributes):
    """Add the gradients of `interpolate`'s inputs to `g_uvd` and `g_attributes`."""
    height, width = ids.shape[1], ids.shape[2]
    for p in range(pixel.shape[0]):
        m, rest = divmod(pixel[p], height * width)
        y, x = divmod(rest, width)
        t = ids[m, y, x]
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        px, py = x + 0.5, y + 0.5
        ax, ay, bx, by = uvd[m, a, 0] - px, uvd[m, a, 1] - py, uvd[m, b, 0] - px, uvd[m, b, 1] - py
        cx, cy = uvd[m, c, 0] - px, uvd[m, c, 1] - py
        ra, rb, rc = bx * cy - by * cx, cx * ay - cy * ax, ax * by - ay * bx
        ia, ib, ic = 1.0 / uvd[m, a, 2], 1.0 / uvd[m, b, 2], 1.0 / uvd[m, c, 2]
        share = 1.0 / (ra * ia + rb * ib + rc * ic)
        wa, wb, wc = ra * ia * share, rb * ib * share, rc * ic * share
        g_area = g_depth[p] * share
        common = -g_area * (ra + rb + rc)
        ga = gb = gc = common
        for k in range(g_values.shape[0]):
            g = g_values[k, p]
            if g == 0:
                continue
            va, vb, vc = attributes[m, a, k], attributes[m, b, k], attributes[m, c, k]
            mixed = wa * va + wb * vb + wc * vc
            ga += g * (va - mixed)
            gb += g * (vb - mixed)
            gc += g * (vc - mixed)
            g_attributes[m, a, k] += g * wa
            g_attributes[m, b, k] += g * wb
            g_attributes[m, c, k] += g * wc
        ga, gb, gc = ga * share, gb * share, gc * share
        g_uvd[m, a, 2] -= ga * ra * ia * ia
        g_uvd[m, b, 2] -= gb * rb * ib * ib
        g_uvd[m, c, 2] -= gc * rc * ic * ic
        ga, gb, gc = ga * ia + g_area, gb * ib + g_area, gc * ic + g_area
        g_uvd[m, a, 0] += gc * by - gb * cy
        g_uvd[m, a, 1] += gb * cx - gc * bx
        g_uvd[m, b, 0] += ga * cy - gc * ay
        g_uvd[m, b, 1] += gc * ax - ga * cx
        g_uvd[m, c, 0] += gb * ay - ga * by
        g_uvd[m, c, 1] += ga * bx - gb * ax


@jit()
def add_across(vertices, triangles, total):
    """Add each triangle's cross product (twice its area, along its normal) to its corners in `total` (B, V, 3)."""
    for m in range(vertices.shape[0]):
        for t in range(triangles.shape[0]):
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            ux, uy = vertices[m, b, 0] - vertices[m, a, 0], vertices[m, b, 1] - vertices[m, a, 1]
            uz = vertices[m, b, 2] - vertices[m, a, 2]
            vx, vy = vertices[m, c, 0] - vertices[m, a, 0], vertices[m, c, 1] - vertices[m, a, 1]
            vz = vertices[m, c, 2] - vertices[m, a, 2]
            nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
            for k in (a, b, c):
                total[m, k, 0] += nx
                total[m, k, 1] += ny
                total[m, k, 2] += nz


@jit()
def add_across_back(vertices, triangles, g_total, g_vertices):
    """Add the gradient of `add_across`'s vertices to `g_vertices`."""
    for m in range(vertices.shape[0]):
        for t in range(triangles.shape[0]):
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            gx = g_total[m, a, 0] + g_total[m, b, 0] + g_total[m, c, 0]
            gy = g_total[m, a, 1] + g_total[m, b, 1] + g_total[m, c, 1]
            gz = g_total[m, a, 2] + g_total[m, b, 2] + g_total[m, c, 2]
            if gx == 0 and gy == 0 and gz == 0:
                continue
            ux, uy = vertices[m, b, 0] - vertices[m, a, 0], vertices[m, b, 1] - vertices[m, a, 1]
            uz = vertices[m, b, 2] - vertices[m, a, 2]
            vx, vy = vertices[m, c, 0] - vertices[m, a, 0], vertices[m, c, 1] - vertices[m, a, 1]
            vz = vertices[m, c, 2] - vertices[m, a, 2]
            # d(u x v): to u it is v x g, to v it is g x u
            bx, by, bz = vy * gz - vz * gy, vz * gx - vx * gz, vx * gy - vy * gx
            cx, cy, cz = gy * uz - gz * uy, gz * ux - gx * uz, gx * uy - gy * ux
            g_vertices[m, a, 0] -= bx + cx
            g_vertices[m, a, 1] -= by + cy
            g_vertices[m, a, 2] -= bz + cz
            g_vertices[m, b, 0] += bx
            g_vertices[m, b, 1] += by
            g_vertices[m, b, 2] += bz
            g_vertices[m, c, 0] += cx
            g_vertices[m, c, 1] += cy
            g_vertices[m, c, 2] += cz


@jit(fastmath=True)
def paint(ids, uvd, triangles, colours, nil, per_dm, antialias, out):
    """Fill `out` (4, S, S) with the mean colour and scaled depth of each pixel's samples; background counts as 0.

    `ids` (S * antialias, S * antialias) come from `visible_triangles`; depth is `(nil - d) * per_dm`, clipped to 255.
    """
    size = out.shape[1]
    share = 1.0 / (antialias * antialias)
    for row in range(size):
        for column in range(size):
            red, green, blue, near = 0.0, 0.0, 0.0, 0.0
            for k in range(antialias * antialias):
                y, x = row * antialias + k // antialias, column * antialias + k % antialias
                t = ids[y, x]
                if t < 0:
                    continue
                a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
                px, py = x + 0.5, y + 0.5
                ax, ay, bx, by, cx, cy = uvd[a, 0], uvd[a, 1], uvd[b, 0], uvd[b, 1], uvd[c, 0], uvd[c, 1]
                wa = ((bx - px) * (cy - py) - (by - py) * (cx - px)) / uvd[a, 2]
                wb = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) / uvd[b, 2]
                wc = ((ax - px) * (by - py) - (ay - py) * (bx - px)) / uvd[c, 2]
                total = wa + wb + wc
                wa, wb, wc = wa / total, wb / total, wc / total
                red += wa * colours[a, 0] + wb * colours[b, 0] + wc * colours[c, 0]
                green += wa * colours[a, 1] + wb * colours[b, 1] + wc * colours[c, 1]
                blue += wa * colours[a, 2] + wb * colours[b, 2] + wc * colours[c, 2]
                z = (nil - (wa * uvd[a, 2] + wb * uvd[b, 2] + wc * uvd[c, 2])) * per_dm
                near += min(max(z, 0.0), 255.0)
            out[0, row, column] = np.uint8(red * share + 0.5)
            out[1, row, column] = np.uint8(green * share + 0.5)
            out[2, row, column] = np.uint8(blue * share + 0.5)
            out[3, row, column] = np.uint8(near * share + 0.5)
