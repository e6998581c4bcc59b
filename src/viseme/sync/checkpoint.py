"""A set of sync models that answer together, with their calibration, in one safetensors file that describes itself.

Knows weights and headers; refuses to know media and faces. No pickle is ever read.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file

import viseme
from viseme.core.errors import WeightsError
from viseme.sync.estimator import Peak
from viseme.sync.interface import SyncModel, sync_models
from viseme.sync.models.torch_model import TorchModel
from viseme.weights import find_weights, weights_id

__all__ = ["Calibration", "SyncWeights", "load_sync_weights", "save_sync_weights"]

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


@dataclass(frozen=True)
class SyncWeights:
    """Sync models that answer together, ready to run, and what turns their scores into an answer."""

    models: tuple[SyncModel, ...]
    calibration: Calibration
    input_mode: str
    name: str
    """Name and hash, for results."""
    card: dict[str, Any]
    """Training data, licence and metrics, as written by the trainer."""


def save_sync_weights(
    path: str | Path,
    models: list[torch.nn.Module],
    *,
    input_mode: str,
    calibration: Calibration,
    card: dict[str, Any],
    model: str = "two-stream",
    half: bool = True,
) -> None:
    """Write models and what is needed to use them; half precision by default."""
    tensors = {
        f"{i}.{name}": tensor.detach().to(torch.float16 if half else torch.float32).contiguous().clone()
        for i, network in enumerate(models)
        for name, tensor in network.state_dict().items()
    }
    header = {
        "component": COMPONENT,
        "model": model,
        "configs": [asdict(network.config) for network in models],  # type: ignore[arg-type]
        "input_mode": input_mode,
        "calibration": asdict(calibration),
        "card": card,
        "weights_of": "viseme",
        "package": viseme.__version__,
    }
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".partial")
    save_file(tensors, str(temporary), metadata={"viseme": json.dumps(header)})
    temporary.replace(path)


def load_sync_weights(name: str | Path | None = None) -> SyncWeights:
    """Read weights by catalogue name or path; None is the default that ships.

    Raises:
        MissingWeights: not there.
        WeightsError: there, and not the weights of a sync model of this package.
    """
    path = find_weights(name, component=COMPONENT)
    try:
        with safe_open(str(path), framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("viseme", "{}"))
            tensors = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118
    except Exception as error:
        raise WeightsError(f"{path} cannot be read as safetensors: {error}") from error
    if header.get("component") != COMPONENT:
        raise WeightsError(f"{path} holds no sync model (component is {header.get('component')!r})")
    try:
        return _assemble(path, header, tensors)
    except (AttributeError, KeyError, TypeError) as error:
        raise WeightsError(f"{path} has an incomplete or foreign header ({error!r}); get the file again") from error


def _assemble(path: Path, header: dict[str, Any], tensors: dict[str, torch.Tensor]) -> SyncWeights:
    kind = sync_models[header["model"]]
    models = []
    for i, config in enumerate(header["configs"]):
        network = kind(kind.Config(**{k: tuple(v) if isinstance(v, list) else v for k, v in config.items()}))
        prefix = f"{i}."
        try:
            network.load_state_dict({k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)})
        except RuntimeError as error:
            raise WeightsError(f"{path} does not fit its own configuration: {error}") from None
        models.append(TorchModel(network))
    if len(header.get("calibration", {}).get("coefficients", ())) != 4:
        raise WeightsError(f"{path} was calibrated by another version of this package; train or calibrate it again")
    known = {f.name for f in fields(Calibration)}
    values: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list) else v for k, v in header["calibration"].items() if k in known
    }
    return SyncWeights(tuple(models), Calibration(**values), header["input_mode"], weights_id(path), header["card"])
