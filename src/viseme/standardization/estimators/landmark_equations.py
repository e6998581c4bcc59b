"""The normal equations of the landmark fit: what a round of Gauss-Newton needs of some frames.

Unknowns are one identity for all frames and, for every frame, its expression and pose. The equations' matrix has an
arrow's shape, so every frame's own unknowns (64 of expression, 6 of pose) are eliminated by themselves and what remains
is one 80 x 80 system; nothing is approximated by that. The matrix of a frame takes one mean projection for the shape
of all of its points, which makes its large blocks sums of six matrices made beforehand; the gradient is exact, so the
point where the rounds come to rest is that of the problem as written. Knows arrays; refuses to know tracks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from viseme.face3d.camera import Camera
from viseme.face3d.interface import load_face_model
from viseme.face3d.neutral_landmarks import neutral_landmarks
from viseme.faces.crops import CROP_SIZE
from viseme.faces.schemes import CHEEKS

__all__ = ["NUM_POINTS", "LandmarkEquations", "State", "System", "landmark_equations"]

NUM_POINTS = 468
PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
"""Axes whose products the Gram matrices hold."""


@dataclass
class State:
    """Unknowns of some frames."""

    rotation: NDArray[np.float64]
    """(F, 3, 3)."""
    shift: NDArray[np.float64]
    """(F, 3) decimetres."""
    beta: NDArray[np.float64]
    """(F, E)."""

    def part(self, rows: slice | NDArray[np.bool_]) -> State:
        """Some of the frames; views where `rows` is a slice."""
        return State(self.rotation[rows], self.shift[rows], self.beta[rows])

    def move(self, rows: slice, step: NDArray[np.floating]) -> None:
        """Change some frames in place by `step` (F, E + 6): expression, turns about x, y, z (radians), shift."""
        num = self.beta.shape[1]
        self.beta[rows] += step[:, :num]
        self.rotation[rows] = _turns(step[:, num : num + 3]) @ self.rotation[rows]
        self.shift[rows] += step[:, num + 3 :]


class System(NamedTuple):
    """A frame's part of the normal equations after its own unknowns are eliminated."""

    matrix: NDArray[np.float64]
    """(A, A) summed over frames."""
    right: NDArray[np.float64]
    """(A,)."""
    own: NDArray[np.floating]
    """(F, E + 6) step of the frame's unknowns if identity stays."""
    follow: NDArray[np.floating]
    """(F, E + 6, A) what to take from that for a step of identity."""


class View(NamedTuple):
    """How some frames look now, and how that changes; n = 468."""

    distance: NDArray[np.float64]
    """(F,) mean distance between the landmarks seen and explained, pixels."""
    mean: NDArray[np.float64]
    """(F, 2, 3) mean over the points of pixels per decimetre in the head's space."""
    pull: NDArray[np.float32]
    """(F, n * 3) weighted errors times pixels per decimetre of each point in the head's space."""
    across: NDArray[np.float32]
    """(F, 6, n * 3) products of the changes by pose with the mean change by shape."""
    turn: NDArray[np.float64]
    """(F, 6, 6) products of the changes by pose: turns about x, y, z (radians), shifts along them (decimetres)."""
    turn_pull: NDArray[np.float64]
    """(F, 6) products of the changes by pose with the errors."""


@lru_cache(maxsize=8)
def landmark_equations(face_model: str, lip_weight: float) -> LandmarkEquations:
    """The equations of a face model by name; made once per process."""
    return LandmarkEquations(face_model, lip_weight)


class LandmarkEquations:
    """What depends on the face model and the landmarks' weights alone, and the equations made with it.

    Points are (F, 468, 2) pixels of the standard crop; `alpha` is (A,).
    """

    def __init__(self, face_model: str, lip_weight: float) -> None:
        model = load_face_model(face_model)
        mean, identity, expression = neutral_landmarks(model)
        basis, num = np.concatenate([identity, expression], -1), identity.shape[-1]
        weights = np.ones(NUM_POINTS)
        weights[model.landmarks["mp468"].subsets["lips"]] = lip_weight
        grams = []
        for i, j in PAIRS:
            product = np.einsum("n,na,nb->ab", weights, basis[:, i], basis[:, j], optimize=True)
            grams.append(product if i == j else product + product.T)
        self.num_identity: int = num
        self.num_expression: int = expression.shape[-1]
        self.spread: float = model.expression_spread
        """Of expression coefficients: `FaceModel.expression_spread`."""
        self._mean = mean
        # identity columns first
        self._basis = np.ascontiguousarray(basis.reshape(NUM_POINTS * 3, -1), np.float32)
        self._exp_basis = np.ascontiguousarray(expression.reshape(NUM_POINTS * 3, -1), np.float32)
        # (6, C * C) and (6, E * E) weighted products of the basis' axes: xx, yy, zz, xy, xz, yz
        self._grams = np.stack([g.ravel() for g in grams]).astype(np.float32)
        self._exp_grams = np.stack([g[num:, num:].ravel() for g in grams]).astype(np.float32)
        self._weights = weights
        # (4, n) from image points to the rows of an affine camera
        self._affine = np.linalg.pinv(np.c_[mean, np.ones(NUM_POINTS)])

    def begin(self, points: NDArray[np.float64], alpha: NDArray[np.float64]) -> State:
        """Weak perspective: an affine camera in closed form, made orthogonal; then three steps of pose alone."""
        camera = Camera.standard(CROP_SIZE)
        centred = (points - CROP_SIZE / 2) * [1, -1]
        rows = np.einsum("kn,fni->fik", self._affine, centred)
        u, size, vt = np.linalg.svd(rows[..., :3], full_matrices=False)
        upper = u @ vt
        rotation = np.concatenate([upper, np.cross(upper[:, 0], upper[:, 1])[:, None]], 1)
        depth = camera.focal / np.maximum(size.mean(-1), 1e-6)
        shift = np.concatenate([rows[..., 3] * (depth / camera.focal)[:, None], (camera.distance - depth)[:, None]], 1)
        state = State(rotation, shift, np.zeros((len(points), self.num_expression)))
        for _ in range(3):
            view = self.view(points, state, alpha)
            step = np.linalg.solve(view.turn + 1e-6 * np.eye(6), view.turn_pull[..., None])[..., 0]
            state.move(slice(None), np.concatenate([np.zeros_like(state.beta), step], 1))
        return state

    def shape(self, alpha: NDArray[np.float64], beta: NDArray[np.float64]) -> NDArray[np.float64]:
        """(F, 468, 3) landmarks in the head's space: equation 1 of `viseme.face3d.formation` for these points."""
        still = self._mean.ravel() + self._basis[:, : self.num_identity] @ alpha
        return (still + beta.astype(np.float32) @ self._exp_basis.T).reshape(-1, NUM_POINTS, 3)

    def view(self, points: NDArray[np.float64], state: State, alpha: NDArray[np.float64]) -> View:
        """How the frames look now, and how that changes."""
        from viseme.standardization.estimators.landmark_derivatives import landmark_derivatives

        camera = Camera.standard(CROP_SIZE)
        given = (self.shape(alpha, state.beta), state.rotation, state.shift, points)
        arrays = [np.ascontiguousarray(values) for values in given]
        return View(*landmark_derivatives(*arrays, self._weights, camera.focal, camera.distance, CROP_SIZE / 2))

    def residual(self, points: NDArray[np.float64], state: State, alpha: NDArray[np.float64]) -> NDArray[np.float64]:
        """(F,) mean landmark distance over the width of the face, both in the crop."""
        camera = Camera.standard(CROP_SIZE)
        shape = self.shape(alpha, state.beta)
        width = np.linalg.norm(shape[:, CHEEKS[0]] - shape[:, CHEEKS[1]], axis=-1)
        width_px = width * camera.focal / np.maximum(camera.distance - state.shift[:, 2], 0.1)
        return self.view(points, state, alpha).distance / width_px

    def own_step(
        self, points: NDArray[np.float64], state: State, alpha: NDArray[np.float64], prior: float
    ) -> NDArray[np.floating]:
        """(F, E + 6) Gauss-Newton step of every frame's expression and pose; identity is known.

        Args:
            points: (F, 468, 2).
            state: Where the frames are.
            alpha: (A,).
            prior: Weight of the squared expression coefficients, squared pixels.
        """
        blocks = self._blocks(points, state, alpha, prior, known=True)
        return np.linalg.solve(blocks.inner, blocks.right[..., None])[..., 0]

    def eliminate(
        self,
        points: NDArray[np.float64],
        state: State,
        alpha: NDArray[np.float64],
        prior: float,
        trusted: NDArray[np.bool_],
    ) -> System:
        """Normal equations of some frames without the frames' own unknowns.

        Args:
            points, state, alpha, prior: As for `own_step`.
            trusted: (F,) frames that have a say in the identity.
        """
        num = self.num_identity
        blocks = self._blocks(points, state, alpha, prior, known=False)
        solved = np.linalg.solve(blocks.inner, np.concatenate([blocks.right[..., None], blocks.border], -1))
        own, follow = solved[..., 0], solved[..., 1:]
        chosen = np.flatnonzero(trusted)
        left = blocks.border[chosen].reshape(-1, num).T.astype(np.float64)
        return System(
            matrix=blocks.corner[chosen].sum(0, dtype=np.float64) - left @ follow[chosen].reshape(-1, num),
            right=blocks.pull[chosen].sum(0, dtype=np.float64) - left @ own[chosen].ravel(),
            own=own,
            follow=follow,
        )

    def _blocks(
        self, points: NDArray[np.float64], state: State, alpha: NDArray[np.float64], prior: float, *, known: bool
    ) -> _Blocks:
        view = self.view(points, state, alpha)
        basis, grams = (self._exp_basis, self._exp_grams) if known else (self._basis, self._grams)
        first, count = (0 if known else self.num_identity), basis.shape[1]
        square = view.mean.swapaxes(1, 2) @ view.mean
        share = np.stack([square[:, i, j] for i, j in PAIRS], -1)
        matrix = (share.astype(np.float32) @ grams).reshape(-1, count, count)
        pull = view.pull @ basis
        across = (view.across.reshape(len(points) * 6, -1) @ basis).reshape(len(points), 6, -1)
        size = count - first
        inner = np.empty((len(points), size + 6, size + 6), np.float32)
        inner[:, :size, :size] = matrix[:, first:, first:]
        inner[:, size:, :size] = across[..., first:]
        inner[:, :size, size:] = across[..., first:].swapaxes(1, 2)
        inner[:, size:, size:] = view.turn
        diagonal = np.arange(size)
        inner[:, diagonal, diagonal] += prior
        return _Blocks(
            inner=inner,
            right=np.concatenate([pull[:, first:] - prior * state.beta, view.turn_pull], 1, dtype=np.float32),
            border=np.concatenate([matrix[:, first:, :first], across[..., :first]], 1),
            corner=matrix[:, :first, :first],
            pull=pull[:, :first],
        )


class _Blocks(NamedTuple):
    """The normal equations of each frame, cut where its own unknowns end; A is 0 where identity is known."""

    inner: NDArray[np.float32]
    """(F, E + 6, E + 6) of its own unknowns."""
    right: NDArray[np.float32]
    """(F, E + 6)."""
    border: NDArray[np.float32]
    """(F, E + 6, A) between its own unknowns and identity."""
    corner: NDArray[np.float32]
    """(F, A, A) of identity."""
    pull: NDArray[np.float32]
    """(F, A)."""


def _turns(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """(F, 3) axis times angle -> (F, 3, 3), Rodrigues' formula; at most half a radian at a time."""
    angle = np.linalg.norm(vectors, axis=-1)
    axis = vectors / np.maximum(angle, 1e-12)[:, None]
    angle = np.minimum(angle, 0.5)
    x, y, z = axis.T
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(-1, 3, 3)
    sine, cosine = np.sin(angle)[:, None, None], np.cos(angle)[:, None, None]
    return np.eye(3) + sine * cross + (1 - cosine) * (cross @ cross)
