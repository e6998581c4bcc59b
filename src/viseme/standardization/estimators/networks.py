"""Expression read off the frame by a trained network: E-Net and the per-image baselines.

Knows crops and weights; refuses to know training. Frames are looked at in small batches and forgotten; coefficients
wait for the end of the track, because which frames are profile is only told from the whole of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import ConfigError, WeightsError
from viseme.faces.crops import CROP_SIZE
from viseme.standardization.estimators.landmark_fit import LandmarkFit
from viseme.standardization.interface import FRAME_REASONS, Coefficients, FaceObservation, untried
from viseme.standardization.networks.checkpoint import ExpressionWeights, load_expression_weights

__all__ = ["ENet", "PerImage", "PerImageAggregated"]

OK, PROFILE, POOR_FIT = (FRAME_REASONS.index(name) for name in ("ok", "profile", "poor_fit"))


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkEstimatorConfig:
    """Which network looks, and which frames are believed."""

    weights: str | None = None
    """Catalogue name or path of weights; None = the default that ships."""
    batch: int = 16
    """Frames looked at together, 1 or more."""
    max_yaw: float = 0.9
    """Radians to either side beyond which a frame is `profile`; training frames end at .87."""
    threads: int | None = None
    """CPU threads of the network; None = see `viseme.weights.Session`."""
    device: str = "auto"
    """Where the network runs, see `viseme.weights.DEVICES`."""

    def __post_init__(self) -> None:
        if self.batch < 1 or not self.max_yaw > 0 or (self.threads is not None and self.threads < 1):
            raise ConfigError(f"impossible configuration of a network estimator: {self}")


class _Looker:
    """A loaded network and the rules for believing it; shared by the estimators."""

    def __init__(self, config: NetworkEstimatorConfig, variant: str) -> None:
        self.config = config
        self.weights = load_expression_weights(config.weights, device=config.device, threads=config.threads)
        if self.weights.variant != variant:
            raise WeightsError(f"{self.weights.name} is a network of variant {self.weights.variant!r}, not {variant!r}")
        self._fit = LandmarkFit(LandmarkFit.Config(face_model=self.weights.face_model.name))

    def follow(self, track: Iterable[FaceObservation]) -> Iterator[Coefficients]:
        """Coefficients of a track. What the landmark fit calls profile is profile here too: a network says something
        of every frame, and nothing of how far to believe it."""
        waiting: list[Coefficients] = []

        def looked() -> Iterator[FaceObservation]:
            for piece in track:
                if len(piece.times):
                    waiting.append(self.look(piece) if piece.looked is None else piece.looked)
                    yield piece

        turned = [fit.reason == PROFILE for fit in self._fit.estimate(looked())]
        for number, profile in enumerate(turned):
            waiting[number] = _marked(waiting[number], (waiting[number].reason == OK) & profile)
        biases = [found.bias[found.valid] for found in waiting if found.bias is not None]
        bias = np.concatenate(biases).mean(0) if any(map(len, biases)) else None
        for found in waiting:
            beta = found.beta if bias is None else np.where(found.valid[:, None], found.beta - bias, np.float32(0))
            yield replace(found, beta=beta, bias=None)

    def look(self, piece: FaceObservation) -> Coefficients:
        """See `PixelEstimator.look`."""
        if piece.images is None:
            raise ValueError("this estimator looks at frames: FaceObservation.images must not be None")
        num, size = len(piece.times), (CROP_SIZE, CROP_SIZE, 3)
        if piece.images.shape != (num, *size):
            raise ValueError(f"images must be {(num, *size)}, not {piece.images.shape}")
        reason = untried(piece)
        out = {name: np.zeros((num, width), np.float32) for name, width in self.weights.widths.items()}
        rows = np.flatnonzero(reason == OK)
        for first in range(0, len(rows), self.config.batch):
            some = rows[first : first + self.config.batch]
            found = self._run(piece.images[some])
            for name, values in out.items():
                values[some] = found[name]
        wild = ~np.all([np.isfinite(values).all(1) for values in out.values()], axis=0)
        reason[wild] = POOR_FIT
        for values in out.values():
            values[reason != OK] = 0
        found = Coefficients(times=piece.times, valid=reason == OK, reason=reason, crops=piece.crops, **out)
        return _marked(found, (reason == OK) & (np.abs(out["pose"][:, 1]) > self.config.max_yaw))

    def _run(self, images: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        batch = images.transpose(0, 3, 1, 2).astype(np.float32) / 255
        return self.weights.session.run(images=batch)


def _marked(found: Coefficients, profile: NDArray[np.bool_]) -> Coefficients:
    """Some frames as profile: coefficients are zeroed, pose is kept."""
    kept = {
        name: np.where(profile[:, None], np.float32(0), values)
        for name in ("alpha", "beta", "delta", "gamma", "bias")
        if (values := getattr(found, name)) is not None
    }
    reason = np.where(profile, np.uint8(PROFILE), found.reason)
    return replace(found, reason=reason, valid=reason == OK, **kept)


class ENet:
    """E-Net: expression, light and pose of each frame; identity and texture it has never been asked for.

    Frames that were interpolated, seen from the side or without finite landmarks get zeros, `valid` False and a
    reason. `alpha`, `delta` and `residual` are None.

    Source:
        C. Wang, "Data standardization for robust lip sync".
    """

    needs_pixels: ClassVar[bool] = True
    Config = NetworkEstimatorConfig

    def __init__(self, config: NetworkEstimatorConfig | None = None) -> None:
        self.config = config or self.Config()
        self._looker = _Looker(self.config, "enet")

    @property
    def weights(self) -> ExpressionWeights:
        """The loaded weights with their card."""
        return self._looker.weights

    def look(self, piece: FaceObservation) -> Coefficients:
        """See `PixelEstimator.look`."""
        return self._looker.look(piece)

    def estimate(self, track: Iterable[FaceObservation]) -> Iterator[Coefficients]:
        """See `ExpressionEstimator.estimate`: stretches come out as they were cut, at the end of the track."""
        return self._looker.follow(track)


class PerImage:
    """The baseline: identity, expression, texture, light and pose of each frame on its own, nothing shared.

    The same backbone, data and losses as `ENet`; `alpha` and `delta` are (T, A) and (T, D).

    Source:
        In the spirit of Deng et al., "Accurate 3D face reconstruction with weakly-supervised learning", 2019; trained
        by us, not their weights.
    """

    needs_pixels: ClassVar[bool] = True
    Config = NetworkEstimatorConfig

    def __init__(self, config: NetworkEstimatorConfig | None = None) -> None:
        self.config = config or self.Config()
        self._looker = _Looker(self.config, "per-image")

    @property
    def weights(self) -> ExpressionWeights:
        """The loaded weights with their card."""
        return self._looker.weights

    def look(self, piece: FaceObservation) -> Coefficients:
        """See `PixelEstimator.look`."""
        return self._looker.look(piece)

    def estimate(self, track: Iterable[FaceObservation]) -> Iterator[Coefficients]:
        """See `ExpressionEstimator.estimate`: stretches come out as they were cut, at the end of the track."""
        return self._looker.follow(track)


class PerImageAggregated:
    """The baseline with identity and texture averaged over the valid frames of the track; expression is kept.

    Nothing comes out before the end of the track; what waits are coefficients, some 1.2 kB a frame.
    """

    needs_pixels: ClassVar[bool] = True
    Config = NetworkEstimatorConfig

    def __init__(self, config: NetworkEstimatorConfig | None = None) -> None:
        self.config = config or self.Config()
        self._looker = _Looker(self.config, "per-image")

    @property
    def weights(self) -> ExpressionWeights:
        """The loaded weights with their card."""
        return self._looker.weights

    def look(self, piece: FaceObservation) -> Coefficients:
        """See `PixelEstimator.look`."""
        return self._looker.look(piece)

    def estimate(self, track: Iterable[FaceObservation]) -> Iterator[Coefficients]:
        """See `ExpressionEstimator.estimate`: stretches come out as they were cut, at the end of the track."""
        waiting = list(self._looker.follow(track))
        count = max(1, sum(int(c.valid.sum()) for c in waiting))
        means = {}
        for name in ("alpha", "delta"):
            parts = [values[c.valid].sum(0) for c in waiting if (values := getattr(c, name)) is not None]
            means[name] = (np.sum(parts, axis=0) / count).astype(np.float32) if parts else None
        for piece in waiting:
            yield replace(piece, **means)
