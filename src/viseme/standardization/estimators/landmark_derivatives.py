"""How projected landmarks change with pose and shape, compiled; see `landmark_equations`. Knows numbers only."""

from __future__ import annotations

import numpy as np

from viseme.face3d.raster import jit

__all__ = ["landmark_derivatives"]


@jit(fastmath=True)
def landmark_derivatives(shape, rotation, shift, points, weights, focal, away, middle):
    """The fields of `landmark_equations.View` for F frames.

    Args: shape (F, n, 3) in the head's space, rotation (F, 3, 3), shift (F, 3), points (F, n, 2) pixels, weights (n,),
    focal length in pixels, distance of the pinhole in decimetres, middle of the frame in pixels.
    """
    frames, count = shape.shape[0], shape.shape[1]
    distance = np.zeros(frames)
    mean = np.zeros((frames, 2, 3))
    pull = np.empty((frames, count * 3), np.float32)
    across = np.empty((frames, 6, count * 3), np.float32)
    turn = np.zeros((frames, 6, 6))
    turn_pull = np.zeros((frames, 6))
    pose = np.empty((count, 2, 6))
    total = weights.sum()
    for f in range(frames):
        r = rotation[f]
        for n in range(count):
            s = shape[f, n]
            px = r[0, 0] * s[0] + r[0, 1] * s[1] + r[0, 2] * s[2]
            py = r[1, 0] * s[0] + r[1, 1] * s[1] + r[1, 2] * s[2]
            pz = r[2, 0] * s[0] + r[2, 1] * s[1] + r[2, 2] * s[2]
            scale = focal / max(away - pz - shift[f, 2], 0.1)
            u, v = scale * (px + shift[f, 0]), -scale * (py + shift[f, 1])
            eu, ev = points[f, n, 0] - middle - u, points[f, n, 1] - middle - v
            distance[f] += np.sqrt(eu * eu + ev * ev) / count
            weight = weights[n]
            ud, vd = scale * u / focal, scale * v / focal  # change with depth
            # a small turn w moves the point by w x p
            pose[n, 0, 0], pose[n, 1, 0] = ud * py, vd * py + scale * pz
            pose[n, 0, 1], pose[n, 1, 1] = scale * pz - ud * px, -vd * px
            pose[n, 0, 2], pose[n, 1, 2] = -scale * py, -scale * px
            pose[n, 0, 3], pose[n, 1, 3] = scale, 0.0
            pose[n, 0, 4], pose[n, 1, 4] = 0.0, -scale
            pose[n, 0, 5], pose[n, 1, 5] = ud, vd
            for k in range(3):
                bu = scale * r[0, k] + ud * r[2, k]
                bv = -scale * r[1, k] + vd * r[2, k]
                mean[f, 0, k] += weight * bu / total
                mean[f, 1, k] += weight * bv / total
                pull[f, 3 * n + k] = weight * (bu * eu + bv * ev)
            for p in range(6):
                ju, jv = weight * pose[n, 0, p], weight * pose[n, 1, p]
                turn_pull[f, p] += ju * eu + jv * ev
                for q in range(p + 1):
                    turn[f, p, q] += ju * pose[n, 0, q] + jv * pose[n, 1, q]
        for p in range(6):
            for q in range(p):
                turn[f, q, p] = turn[f, p, q]
            for n in range(count):
                ju, jv = weights[n] * pose[n, 0, p], weights[n] * pose[n, 1, p]
                for k in range(3):
                    across[f, p, 3 * n + k] = ju * mean[f, 0, k] + jv * mean[f, 1, k]
    return distance, mean, pull, across, turn, turn_pull
