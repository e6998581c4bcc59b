"""A set of sync models that answer together, with their calibration, as one file holds them. No torch is needed.

Knows weights and headers; refuses to know media, faces and how a model is trained (`export.py` writes such files).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import WeightsError
from viseme.sync.estimator import Peak
from viseme.sync.interface import SyncModel, SyncSpecification
from viseme.weights import FileStamp, Session, file_stamp, find_weights, read_checkpoint, resolve_device

if TYPE_CHECKING:
    from jaxtyping import Float

__all__ = ["COMPONENT", "Calibration", "ShippedSyncModel", "SyncWeights", "load_sync_weights"]

COMPONENT = "sync"


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Logistic map from what a peak looks like to the probability that it is within 40 ms of the truth."""

    coefficients: tuple[float, ...] = (-4.0, 1.0, 0.1, 1.0)
    """One per entry of `features`."""
    answer_above: float = 0.5
    """Probability from which an answer is given."""
    temperature: float = 3.0
    """Divides summed evidence in the posterior, so that 95 % intervals hold the truth in 95 %."""
    bias: float = 0.0
    """Seconds taken off every delay: what clips known to be in sync were measured at."""
    trials: tuple[tuple[float, int, int], ...] = ()
    """Trials on people kept out of training, by how sure they were: least probability of the bin, right ones, all."""

    @staticmethod
    def features(peak: Peak) -> NDArray[np.float64]:
        """(4,) constant, logarithm of the margin, its square, evidence per window of the clearest two seconds.

        Evidence per window of the whole clip, or the number of windows, would predict better on the speakers of the
        training data and worse on others, whose evidence is weaker throughout (docs/decisions.md).
        """
        margin = np.log1p(max(peak.margin, 0.0))
        return np.array([1.0, margin, margin**2, peak.best])

    def probability(self, peak: Peak) -> float:
        """Probability that `peak.delay` is within 40 ms of the truth."""
        return float(1 / (1 + np.exp(-np.clip(self.features(peak) @ np.array(self.coefficients), -30, 30))))

    def held(self, probability: float) -> tuple[int, int] | None:
        """Of the trials that were about as sure, how many were right, and how many there were; None = not known.

        Example:
            >>> Calibration(trials=((0.0, 10, 60), (0.9, 95, 100))).held(0.97)
            (95, 100)
        """
        found = [(int(right), int(total)) for least, right, total in self.trials if probability >= least]
        return found[-1] if found else None


class ShippedSyncModel:
    """Two streams as exported, on one device."""

    specification = SyncSpecification()

    def __init__(self, video: Session, audio: Session, scale: float) -> None:
        self._video, self._audio, self._scale = video, audio, scale

    @property
    def scale(self) -> float:
        """Factor on the dot product of two embeddings."""
        return self._scale

    def embed_video(self, x: Float[np.ndarray, "T ..."]) -> Float[np.ndarray, "T D"]:
        """See `SyncModel.embed_video`."""
        return self._video.run(x=x[None])["embedding"][0]

    def embed_audio(self, mels: Float[np.ndarray, "P A M"]) -> Float[np.ndarray, "P T D"]:
        """See `SyncModel.embed_audio`."""
        return self._audio.run(mels=mels)["embedding"]


@dataclass(frozen=True)
class SyncWeights:
    """Sync models that answer together, ready to run, and what turns their scores into an answer."""

    models: tuple[SyncModel, ...]
    calibration: Calibration
    input_mode: str
    """The visual input that the models see."""
    name: str
    """Name and hash, for results."""
    card: dict[str, Any]
    """Training data, licence and metrics, as written by the trainer."""


def load_sync_weights(weights: str | Path | None = None, *, device: str = "auto") -> SyncWeights:
    """Read weights by catalogue name or path; None is the default that ships.

    A file is read once in a process: asked for again, unchanged and for the same device, it is the same object.

    Args:
        weights: Name or path.
        device: Where the models run, see `viseme.weights.DEVICES`.

    Raises:
        MissingWeights: not there.
        WeightsError: there, and not the weights of a sync model of this package.
        ConfigError: there is no such device here.
    """
    return _load(file_stamp(find_weights(weights, component=COMPONENT)), resolve_device(device))


@lru_cache(maxsize=4)
def _load(file: FileStamp, device: str) -> SyncWeights:
    found = read_checkpoint(file.path, component=COMPONENT, holds="sync model")
    header = found.header
    try:
        if len(header["calibration"]["coefficients"]) != 4:
            raise WeightsError(
                f"{file.path} was calibrated by another version of this package; train or calibrate it again"
            )
        models = tuple(
            ShippedSyncModel(
                found.session("video", prefix=f"{i}.", device=device),
                found.session("audio", prefix=f"{i}.", device=device),
                float(scale),
            )
            for i, scale in enumerate(header["scales"])
        )
        known = {f.name for f in fields(Calibration)}
        calibration = Calibration(**{k: v for k, v in found.config("calibration").items() if k in known})
        return SyncWeights(models, calibration, header["input_mode"], found.name, header["card"])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{file.path} has an incomplete or unknown header ({error!r}); get the file again"
        ) from error
