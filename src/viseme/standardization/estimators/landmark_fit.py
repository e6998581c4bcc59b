"""Expression from landmarks alone: one identity for a whole track, pose and expression for every frame.

Knows the order of the work on a track; refuses to know pixels and networks. For a track of F frames it minimises, over
one `alpha` and a `beta_f` and pose `p_f` for every frame,

    sum_fn w_n |l_fn - pi(R_f (L + L_id alpha + L_exp beta_f)_n + t_f)|^2
        + mu (F w_alpha |alpha|^2 + w_beta sum_f |beta_f / sigma|^2)

by Gauss-Newton (`landmark_equations`); sigma is the face model's `expression_spread`. Six rounds come within a few
thousandths of the solution (`tests/component/test_standardize_fit_truth.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import ConfigError
from viseme.faces.crops import into_crop
from viseme.faces.rotation import rotation_angles
from viseme.standardization.estimators.landmark_equations import NUM_POINTS, State, landmark_equations
from viseme.standardization.interface import Coefficients, FaceObservation, FrameReason, untried
from viseme.standardization.observation_spool import ObservationSpool

__all__ = ["LandmarkFit"]

BATCH = 128
"""Frames worked on at once; bounds the memory of the normal equations."""
DAMPING = 3.0
"""Squared pixels, per frame, that hold back a step of identity: size and distance of a head seen from the front are
hard to tell apart. Where the rounds come to rest is not changed by it."""
IN_MEMORY = 32 << 20
"""Bytes of a track's landmarks kept in memory; what is more waits in a temporary file."""
ENOUGH = 12
"""Frames from about the front that say all of a person's identity: half a second."""


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
        self._equations = landmark_equations(self.config.face_model, self.config.lip_weight)
        self._prior = self.config.mu * self.config.beta_weight / self._equations.spread**2

    def estimate(self, track: Iterable[FaceObservation]) -> Iterator[Coefficients]:
        """See `ExpressionEstimator.estimate`: stretches come out as they were cut when they came in."""
        limit = self.config.freeze_after_s
        alpha: NDArray[np.float64] | None = None
        began: float | None = None
        with ObservationSpool(in_memory=IN_MEMORY) as waiting:
            for piece in track:
                if alpha is not None:
                    yield self.explain(piece, alpha)
                    continue
                if not len(piece.times):
                    continue
                waiting.add(replace(piece, landmarks=piece.landmarks[:, :NUM_POINTS, :2], images=None))
                began = float(piece.times[0]) if began is None else began
                if limit is not None and piece.times[-1] - began >= limit:
                    alpha = self.identity(waiting.observations(), waiting.num_frames())
                    yield from (self.explain(p, alpha) for p in waiting.observations())
            if alpha is None and waiting.num_frames():
                alpha = self.identity(waiting.observations(), waiting.num_frames())
                yield from (self.explain(p, alpha) for p in waiting.observations())

    # --- one track

    def identity(self, pieces: Iterable[FaceObservation], num_frames: int) -> NDArray[np.float64]:
        """(A,) of one person, from the usable frames; zeros where there is none.

        Args:
            pieces: Stretches of the track, at least one.
            num_frames: Of all of them.
        """
        every = max(1, -(-num_frames // self.config.max_identity_frames))
        kept, seen = [], 0
        for piece in pieces:
            chosen = np.arange(-seen % every, len(piece.times), every)
            seen += len(piece.times)
            kept.append(self._points(piece, chosen[untried(piece)[chosen] == FrameReason.OK]))
        points = np.concatenate(kept)
        alpha = np.zeros(self._equations.num_identity)
        if not len(points):
            return alpha
        state = self._equations.begin(points, alpha)
        near = self._from_the_front(state)
        points, state = points[near], state.part(near)
        for _ in range(self.config.rounds):
            alpha = self._round(points, state, alpha)
        return alpha

    def _from_the_front(self, state: State) -> NDArray[np.bool_]:
        """(F,) frames up to `turned_yaw`; where there are hardly any, the least turned ones. Otherwise an identity
        that explains the far side of the face as the tracker makes it up would hide that it is made up."""
        yaw = np.abs(rotation_angles(state.rotation)[:, 1])
        front = yaw <= self.config.turned_yaw
        return front if front.sum() >= ENOUGH else yaw <= float(np.quantile(yaw, 0.1)) + 0.15

    def _round(self, points: NDArray[np.float64], state: State, alpha: NDArray[np.float64]) -> NDArray[np.float64]:
        """One round over all frames; `state` is moved in place, the new identity is returned."""
        num = len(alpha)
        matrix, right, count = np.zeros((num, num)), np.zeros(num), 0
        systems = []
        for rows in _batches(len(points)):
            part = state.part(rows)
            trusted = self._trusted(points[rows], part, alpha)
            system = self._equations.eliminate(points[rows], part, alpha, self._prior, trusted)
            matrix += system.matrix
            right += system.right
            count += int(trusted.sum())
            systems.append((system.own.astype(np.float32), system.follow.astype(np.float32)))
        prior = self.config.mu * self.config.alpha_weight * max(count, 1)
        step = np.linalg.solve(matrix + (prior + DAMPING * max(count, 1)) * np.eye(num), right - prior * alpha)
        for rows, (own, follow) in zip(_batches(len(points)), systems):
            state.move(rows, own - follow @ step)
        return alpha + step

    def explain(self, piece: FaceObservation, alpha: NDArray[np.float64]) -> Coefficients:
        """Expression and pose of a stretch whose identity is known, (A,)."""
        num, reason = len(piece.times), untried(piece)
        beta = np.zeros((num, self._equations.num_expression), np.float32)
        pose = np.zeros((num, 6), np.float32)
        residual = np.full(num, np.nan, np.float32)
        fitted = np.flatnonzero(reason == FrameReason.OK)
        for rows in _batches(len(fitted)):
            chosen = fitted[rows]
            points = self._points(piece, chosen)
            state = self._equations.begin(points, alpha)
            for _ in range(self.config.rounds):
                state.move(slice(None), self._equations.own_step(points, state, alpha, self._prior))
            beta[chosen] = state.beta
            pose[chosen] = np.concatenate([rotation_angles(state.rotation), state.shift], 1)
            residual[chosen] = self._equations.residual(points, state, alpha)
        reason[fitted[self._turned_away(pose[fitted], residual[fitted])]] = FrameReason.PROFILE
        poor = ~(residual[fitted] <= self.config.max_residual) & (reason[fitted] == FrameReason.OK)
        reason[fitted[poor]] = FrameReason.POOR_FIT
        beta[reason != FrameReason.OK] = 0
        return Coefficients(
            times=piece.times,
            beta=beta,
            pose=pose,
            valid=reason == FrameReason.OK,
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

    def _trusted(self, points: NDArray[np.float64], state: State, alpha: NDArray[np.float64]) -> NDArray[np.bool_]:
        """(F,) frames that have a say in the identity: from the front, and explained about as well as the others."""
        residual = self._equations.residual(points, state, alpha)
        near = residual <= max(2 * float(np.median(residual)), self.config.max_residual)
        return near & (np.abs(rotation_angles(state.rotation)[:, 1]) <= self.config.max_yaw)


def _batches(num: int) -> Iterator[slice]:
    return (slice(start, min(start + BATCH, num)) for start in range(0, num, BATCH))
