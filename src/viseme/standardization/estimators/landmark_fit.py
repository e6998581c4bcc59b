"""Expression from landmarks alone: one identity for a whole track, pose and expression for every frame.

Knows the face model's landmark bases and the standard camera; refuses to know pixels and networks. For a track of F
frames it minimises, over one `alpha` and a `beta_f` and pose `p_f` for every frame,

    sum_fn w_n |l_fn - pi(R_f (L + L_id alpha + L_exp beta_f)_n + t_f)|^2
        + mu (F w_alpha |alpha|^2 + w_beta sum_f |beta_f / sigma|^2)

by Gauss-Newton; sigma is the face model's `expression_spread`. The normal equations have an arrow's shape, so every
frame's unknowns (64 of expression, 6 of pose) are eliminated on their own and what remains is one 80 x 80 system;
nothing is approximated by that. The matrix of a frame takes one mean projection for the shape of all of its points,
which makes its large blocks sums of six matrices made beforehand; the gradient is exact, so the point where the rounds
come to rest is that of the problem as written. Six rounds come within a few thousandths of it
(`tests/component/test_standardize_fit_truth.py`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import ConfigError
from viseme.face3d.camera import Camera
from viseme.face3d.interface import load_face_model
from viseme.face3d.neutral_landmarks import neutral_landmarks
from viseme.face3d.raster import jit
from viseme.faces.crops import CROP_SIZE, into_crop
from viseme.faces.rotation import rotation_angles
from viseme.faces.schemes import CHEEKS
from viseme.standardization.interface import FRAME_REASONS, Coefficients, FaceObservation

__all__ = ["LandmarkFit", "refused"]

NUM_POINTS = 468
BATCH = 128
"""Frames worked on at once; bounds the memory of the normal equations."""
DAMPING = 3.0
"""Squared pixels, per frame, that hold back a step of identity: size and distance of a head seen from the front are
hard to tell apart. Where the rounds come to rest is not changed by it."""
IN_MEMORY = 32 << 20
"""Bytes of a track's landmarks kept in memory; what is more waits in a temporary file."""
ENOUGH = 12
"""Frames from about the front that say all of a person's identity: half a second."""

OK, NOT_SEEN, INTERPOLATED, PROFILE, POOR_FIT, BAD_LANDMARKS = (
    FRAME_REASONS.index(name) for name in ("ok", "not_seen", "interpolated", "profile", "poor_fit", "bad_landmarks")
)


class _Tables(NamedTuple):
    """What depends on the face model and the weights alone; n = 468, C = A + E."""

    mean: NDArray[np.float64]
    """(n, 3)."""
    basis: NDArray[np.float32]
    """(n * 3, C) identity columns first."""
    exp_basis: NDArray[np.float32]
    """(n * 3, E)."""
    grams: NDArray[np.float32]
    """(6, C * C) weighted products of the basis' axes: xx, yy, zz, xy, xz, yz."""
    exp_grams: NDArray[np.float32]
    """(6, E * E)."""
    weights: NDArray[np.float64]
    """(n,)."""
    affine: NDArray[np.float64]
    """(4, n) from image points to the rows of an affine camera."""
    num_identity: int
    spread: float
    """Of expression coefficients: `FaceModel.expression_spread`."""


PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


@lru_cache(maxsize=8)
def _tables(name: str, lip_weight: float) -> _Tables:
    model = load_face_model(name)
    mean, identity, expression = neutral_landmarks(model)
    basis, num = np.concatenate([identity, expression], -1), identity.shape[-1]
    weights = np.ones(NUM_POINTS)
    weights[model.landmarks["mp468"].subsets["lips"]] = lip_weight
    grams = []
    for i, j in PAIRS:
        product = np.einsum("n,na,nb->ab", weights, basis[:, i], basis[:, j], optimize=True)
        grams.append(product if i == j else product + product.T)
    steady = np.c_[mean, np.ones(NUM_POINTS)]
    return _Tables(
        mean=mean,
        basis=np.ascontiguousarray(basis.reshape(NUM_POINTS * 3, -1), np.float32),
        exp_basis=np.ascontiguousarray(expression.reshape(NUM_POINTS * 3, -1), np.float32),
        grams=np.stack([g.ravel() for g in grams]).astype(np.float32),
        exp_grams=np.stack([g[num:, num:].ravel() for g in grams]).astype(np.float32),
        weights=weights,
        affine=np.linalg.pinv(steady),
        num_identity=num,
        spread=model.expression_spread,
    )


@dataclass
class _State:
    """Unknowns of some frames."""

    rotation: NDArray[np.float64]
    """(F, 3, 3)."""
    shift: NDArray[np.float64]
    """(F, 3) decimetres."""
    beta: NDArray[np.float64]
    """(F, E)."""

    def part(self, rows: slice | NDArray[np.bool_]) -> _State:
        return _State(self.rotation[rows], self.shift[rows], self.beta[rows])


class _System(NamedTuple):
    """A frame's part of the normal equations after its own unknowns are eliminated."""

    matrix: NDArray[np.float64]
    """(A, A) summed over frames."""
    right: NDArray[np.float64]
    """(A,)."""
    own: NDArray[np.floating]
    """(F, E + 6) step of the frame's unknowns if identity stays."""
    follow: NDArray[np.floating]
    """(F, E + 6, A) what to take from that for a step of identity."""


class LandmarkFit:
    """Network-free expression: the exact joint solution with shared identity; see the module's text.

    Frames that were interpolated, seen from the side, badly explained or without finite landmarks get zeros, `valid`
    False and a reason; they take no part in the identity.
    """

    needs_pixels: ClassVar[bool] = False

    @dataclass(frozen=True, kw_only=True, slots=True)
    class Config:
        """How landmarks are explained."""

        face_model: str = "default"
        """Name in `viseme.face3d.FACE_MODELS`; it must have landmarks `mp468`."""
        mu: float = 0.3
        """Strength of the prior against squared pixels of the 224 crop, more than 0; see "Standardisation" in
        `docs/decisions.md` for what was measured."""
        alpha_weight: float = 0.5
        """Weight of identity in the prior, equation 7."""
        beta_weight: float = 2.0
        """Weight of expression in the prior, equation 7, in units of the face model's `expression_spread`."""
        lip_weight: float = 10.0
        """Weight of the 40 lip landmarks against 1 for the others, more than 0."""
        rounds: int = 6
        """Rounds of the joint solution, 1 or more."""
        freeze_after_s: float | None = None
        """None = identity from the whole track, so nothing is given before its end. Seconds = live: identity from the
        beginning of the track alone, then every stretch as it comes."""
        max_identity_frames: int = 1000
        """Frames, spread evenly over the track, that determine identity, 1 or more: of 40 s at 25 a second, all."""
        max_yaw: float = 0.85
        """Radians to either side beyond which a frame is `profile`."""
        turned_yaw: float = 0.5
        """Radians beyond which `turned_residual` holds, and beyond which a frame has no say in the identity of a track
        that is also seen from nearer the front, more than 0."""
        turned_residual: float = 0.0165
        """Mean landmark distance over face width beyond which a turned frame is `profile`, more than 0: of a head at
        60 to 70 degrees a tracker often draws a face at 35 to 45, which that person's shape explains less well."""
        max_residual: float = 0.035
        """Mean landmark distance over face width beyond which a frame is `poor_fit`."""

        def __post_init__(self) -> None:
            positive = ("mu", "alpha_weight", "beta_weight", "lip_weight", "max_yaw", "turned_yaw")
            for name in (*positive, "turned_residual", "max_residual"):
                if not getattr(self, name) > 0:
                    raise ConfigError(f"{name} must be more than 0, not {getattr(self, name)}")
            for name in ("rounds", "max_identity_frames"):
                if getattr(self, name) < 1:
                    raise ConfigError(f"{name} must be 1 or more, not {getattr(self, name)}")
            if self.freeze_after_s is not None and not self.freeze_after_s > 0:
                raise ConfigError(f"freeze_after_s must be more than 0 seconds, not {self.freeze_after_s}")

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or self.Config()
        self._t = _tables(self.config.face_model, self.config.lip_weight)

    def estimate(self, track: Iterable[FaceObservation]) -> Iterator[Coefficients]:
        """See `ExpressionEstimator.estimate`: stretches come out as they were cut when they came in."""
        limit = self.config.freeze_after_s
        alpha: NDArray[np.float64] | None = None
        with _Waiting() as waiting:
            for piece in track:
                if alpha is not None:
                    yield self._explain(piece, alpha)
                    continue
                waiting.add(piece)
                if limit is not None and waiting.seconds >= limit:
                    alpha = self._identity(waiting)
                    yield from (self._explain(p, alpha) for p in waiting)
            if alpha is None and len(waiting):
                alpha = self._identity(waiting)
                yield from (self._explain(p, alpha) for p in waiting)

    # --- one track

    def _identity(self, waiting: _Waiting) -> NDArray[np.float64]:
        """(A,) from the usable frames of what waits; zeros where there is none."""
        every = max(1, -(-waiting.num_frames // self.config.max_identity_frames))
        kept, seen = [], 0
        for piece in waiting:
            chosen = np.arange(-seen % every, len(piece.times), every)
            seen += len(piece.times)
            kept.append(self._points(piece, chosen[refused(piece)[chosen] == OK]))
        points = np.concatenate(kept)
        alpha = np.zeros(self._t.num_identity)
        if not len(points):
            return alpha
        state = self._begin(points, alpha)
        near = self._from_the_front(state)
        points, state = points[near], state.part(near)
        for _ in range(self.config.rounds):
            alpha = self._round(points, state, alpha)
        return alpha

    def _from_the_front(self, state: _State) -> NDArray[np.bool_]:
        """(F,) frames up to `turned_yaw`; where there are hardly any, the least turned ones. Otherwise an identity
        that explains the far side of the face as the tracker makes it up would hide that it is made up."""
        yaw = np.abs(rotation_angles(state.rotation)[:, 1])
        front = yaw <= self.config.turned_yaw
        return front if front.sum() >= ENOUGH else yaw <= float(np.quantile(yaw, 0.1)) + 0.15

    def _round(self, points: NDArray[np.float64], state: _State, alpha: NDArray[np.float64]) -> NDArray[np.float64]:
        """One round over all frames; `state` is moved in place, the new identity is returned."""
        num = len(alpha)
        matrix, right, count = np.zeros((num, num)), np.zeros(num), 0
        systems = []
        for rows in _batches(len(points)):
            part = state.part(rows)
            trusted = self._trusted(points[rows], part, alpha)
            system = self._eliminate(points[rows], part, alpha, trusted)
            matrix += system.matrix
            right += system.right
            count += int(trusted.sum())
            systems.append((system.own.astype(np.float32), system.follow.astype(np.float32)))
        prior = self.config.mu * self.config.alpha_weight * max(count, 1)
        step = np.linalg.solve(matrix + (prior + DAMPING * max(count, 1)) * np.eye(num), right - prior * alpha)
        for rows, (own, follow) in zip(_batches(len(points)), systems):
            _move(state, rows, own - follow @ step)
        return alpha + step

    def _explain(self, piece: FaceObservation, alpha: NDArray[np.float64]) -> Coefficients:
        """Expression and pose of a stretch whose identity is known."""
        num, reason = len(piece.times), refused(piece)
        beta = np.zeros((num, self._t.basis.shape[1] - len(alpha)), np.float32)
        pose = np.zeros((num, 6), np.float32)
        residual = np.full(num, np.nan, np.float32)
        fitted = np.flatnonzero(reason == OK)
        for rows in _batches(len(fitted)):
            chosen = fitted[rows]
            points = self._points(piece, chosen)
            state = self._begin(points, alpha)
            for _ in range(self.config.rounds):
                _move(state, slice(None), self._eliminate(points, state, alpha, None).own)
            beta[chosen] = state.beta
            pose[chosen] = np.concatenate([rotation_angles(state.rotation), state.shift], 1)
            residual[chosen] = self._residual(points, state, alpha)
        reason[fitted[self._turned_away(pose[fitted], residual[fitted])]] = PROFILE
        poor = ~(residual[fitted] <= self.config.max_residual) & (reason[fitted] == OK)
        reason[fitted[poor]] = POOR_FIT
        beta[reason != OK] = 0
        return Coefficients(
            times=piece.times,
            beta=beta,
            pose=pose,
            valid=reason == OK,
            reason=reason,
            crops=piece.crops,
            alpha=alpha.astype(np.float32),
            residual=residual,
        )

    def _turned_away(self, pose: NDArray[np.floating], residual: NDArray[np.floating]) -> NDArray[np.bool_]:
        """(F,) frames in profile: turned too far, or turned and explained badly."""
        yaw = np.abs(pose[:, 1])
        made_up = (yaw > self.config.turned_yaw) & ~(residual <= self.config.turned_residual)
        return made_up | (yaw > self.config.max_yaw)

    @staticmethod
    def _points(piece: FaceObservation, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """(F, 468, 2) of some frames, in the crop."""
        return into_crop(piece.landmarks[rows, :NUM_POINTS, :2], piece.crops[rows])

    # --- one batch of frames

    def _shape(self, alpha: NDArray[np.float64], beta: NDArray[np.float64]) -> NDArray[np.float64]:
        """(F, 468, 3) in the head's space."""
        t = self._t
        still = t.mean.ravel() + t.basis[:, : t.num_identity] @ alpha
        return (still + beta.astype(np.float32) @ t.exp_basis.T).reshape(-1, NUM_POINTS, 3)

    def _begin(self, points: NDArray[np.float64], alpha: NDArray[np.float64]) -> _State:
        """Weak perspective: an affine camera in closed form, made orthogonal; then three steps of pose alone."""
        camera = Camera.standard(CROP_SIZE)
        centred = (points - CROP_SIZE / 2) * [1, -1]
        rows = np.einsum("kn,fni->fik", self._t.affine, centred)
        u, size, vt = np.linalg.svd(rows[..., :3], full_matrices=False)
        upper = u @ vt
        rotation = np.concatenate([upper, np.cross(upper[:, 0], upper[:, 1])[:, None]], 1)
        depth = camera.focal / np.maximum(size.mean(-1), 1e-6)
        shift = np.concatenate([rows[..., 3] * (depth / camera.focal)[:, None], (camera.distance - depth)[:, None]], 1)
        state = _State(rotation, shift, np.zeros((len(points), self._t.basis.shape[1] - self._t.num_identity)))
        for _ in range(3):
            view = self._view(points, state, alpha)
            step = np.linalg.solve(view.turn + 1e-6 * np.eye(6), view.turn_pull[..., None])[..., 0]
            _move(state, slice(None), np.concatenate([np.zeros_like(state.beta), step], 1))
        return state

    def _view(self, points: NDArray[np.float64], state: _State, alpha: NDArray[np.float64]) -> _View:
        camera = Camera.standard(CROP_SIZE)
        return _View(
            *_linearised(
                np.ascontiguousarray(self._shape(alpha, state.beta)),
                np.ascontiguousarray(state.rotation),
                np.ascontiguousarray(state.shift),
                np.ascontiguousarray(points),
                self._t.weights,
                camera.focal,
                camera.distance,
                CROP_SIZE / 2,
            )
        )

    def _eliminate(
        self, points: NDArray[np.float64], state: _State, alpha: NDArray[np.float64], trusted: NDArray[np.bool_] | None
    ) -> _System:
        """Normal equations of some frames without the frames' own unknowns; `trusted` None = identity is known."""
        t = self._t
        num, known = t.num_identity, trusted is None
        view = self._view(points, state, alpha)
        basis, grams = (t.exp_basis, t.exp_grams) if known else (t.basis, t.grams)
        first, count = (0 if known else num), basis.shape[1]
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
        prior = self.config.mu * self.config.beta_weight / t.spread**2
        inner[:, diagonal, diagonal] += prior
        right = np.concatenate([pull[:, first:] - prior * state.beta, view.turn_pull], 1, dtype=np.float32)
        if trusted is None:
            own = np.linalg.solve(inner, right[..., None])[..., 0]
            return _System(np.zeros((0, 0)), np.zeros(0), own, np.zeros((len(points), size + 6, 0)))
        border = np.concatenate([matrix[:, first:, :first], across[..., :first]], 1)
        solved = np.linalg.solve(inner, np.concatenate([right[..., None], border], -1))
        own, follow = solved[..., 0], solved[..., 1:]
        chosen = np.flatnonzero(trusted)
        left = border[chosen].reshape(-1, num).T.astype(np.float64)
        return _System(
            matrix=matrix[chosen, :first, :first].sum(0, dtype=np.float64) - left @ follow[chosen].reshape(-1, num),
            right=pull[chosen, :first].sum(0, dtype=np.float64) - left @ own[chosen].ravel(),
            own=own,
            follow=follow,
        )

    def _residual(self, points: NDArray[np.float64], state: _State, alpha: NDArray[np.float64]) -> NDArray[np.float64]:
        """(F,) mean landmark distance over the width of the face, both in the crop."""
        camera = Camera.standard(CROP_SIZE)
        shape = self._shape(alpha, state.beta)
        width = np.linalg.norm(shape[:, CHEEKS[0]] - shape[:, CHEEKS[1]], axis=-1)
        width_px = width * camera.focal / np.maximum(camera.distance - state.shift[:, 2], 0.1)
        return self._view(points, state, alpha).distance / width_px

    def _trusted(self, points: NDArray[np.float64], state: _State, alpha: NDArray[np.float64]) -> NDArray[np.bool_]:
        """(F,) frames that have a say in the identity: from the front, and explained about as well as the others."""
        residual = self._residual(points, state, alpha)
        near = residual <= max(2 * float(np.median(residual)), self.config.max_residual)
        return near & (np.abs(rotation_angles(state.rotation)[:, 1]) <= self.config.max_yaw)


class _View(NamedTuple):
    """How some frames look now, and how that changes."""

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


@jit(fastmath=True)
def _linearised(shape, rotation, shift, points, weights, focal, away, middle):
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


def _move(state: _State, rows: slice, step: NDArray[np.floating]) -> None:
    num = state.beta.shape[1]
    state.beta[rows] += step[:, :num]
    state.rotation[rows] = _turns(step[:, num : num + 3]) @ state.rotation[rows]
    state.shift[rows] += step[:, num + 3 :]


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


def _batches(num: int) -> Iterator[slice]:
    return (slice(start, min(start + BATCH, num)) for start in range(0, num, BATCH))


def refused(piece: FaceObservation) -> NDArray[np.uint8]:
    """(T,) index into `FRAME_REASONS` of why a frame is not even tried, or 0; the same for all estimators."""
    finite = np.isfinite(piece.landmarks[:, :NUM_POINTS, :2])
    reason = np.full(len(piece.times), OK, np.uint8)
    reason[~piece.observed] = INTERPOLATED
    usable = finite.all((1, 2)) & np.isfinite(piece.crops).all(1) & (piece.crops[:, 2] > 1e-6)
    reason[~usable] = BAD_LANDMARKS
    reason[~finite.any((1, 2))] = NOT_SEEN
    return reason


class _Waiting:
    """Stretches of a track that wait for its identity, at landmark size; a long track waits on the disk."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed by `__exit__`
        self._sizes: list[int] = []
        self._start = self._end = 0.0

    def __enter__(self) -> _Waiting:
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._sizes)

    @property
    def num_frames(self) -> int:
        return sum(self._sizes)

    @property
    def seconds(self) -> float:
        return self._end - self._start

    def add(self, piece: FaceObservation) -> None:
        if not len(piece.times):
            return
        if not self._sizes:
            self._start = float(piece.times[0])
        self._end = float(piece.times[-1])
        self._sizes.append(len(piece.times))
        self._file.seek(0, 2)
        for values in (
            piece.times.astype(np.float64),
            piece.crops.astype(np.float64),
            piece.landmarks[:, :NUM_POINTS, :2].astype(np.float32),
            piece.observed.astype(np.uint8),
        ):
            self._file.write(np.ascontiguousarray(values).tobytes())

    def __iter__(self) -> Iterator[FaceObservation]:
        self._file.seek(0)
        at = 0
        for num in self._sizes:
            self._file.seek(at)
            times = self._read(np.float64, num)
            crops = self._read(np.float64, num, 3)
            landmarks = self._read(np.float32, num, NUM_POINTS, 2)
            observed = self._read(np.uint8, num).astype(bool)
            at = self._file.tell()
            yield FaceObservation(times=times, landmarks=landmarks, observed=observed, crops=crops)

    def _read(self, dtype: type, *shape: int) -> NDArray:
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        return np.frombuffer(self._file.read(size), dtype).reshape(shape)
