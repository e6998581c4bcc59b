"""One training loop: warm-up and cosine, clipping, checkpoints that resume exactly. Knows no task.

Every step has its own random generator, seeded by (seed, step): a run that was stopped goes on as if it had not been.
Runs on Hugging Face Accelerate: on the CPU, on one GPU, and by `accelerate launch` on several, where each process has
its own batches and the gradients are averaged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from viseme.core.errors import ConfigError

__all__ = [
    "DEVICES",
    "Device",
    "LoopConfig",
    "Precision",
    "fit",
    "num_drawing_processes",
    "require_accelerate",
    "training_device",
]

Loss = Callable[[nn.Module, Any], tuple[Tensor, Mapping[str, Any]]]
Batches = Callable[[range, int], Generator[Any, None, None]]
Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["no", "bf16", "fp16"]
"""What passes through a network are computed in, where that is safe; "no" = single precision throughout."""
DEVICES: tuple[Device, ...] = get_args(Device)
"""Where training can run; "auto" takes the first accelerator that is there, else the CPU."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoopConfig:
    """How a network is trained."""

    steps: int = 2000
    """Updates."""
    learning_rate: float = 2e-3
    """Highest, reached after the warm-up."""
    warmup: float = 0.1
    """Fraction of the steps over which the rate rises."""
    weight_decay: float = 0.02
    """AdamW."""
    clip: float = 1.0
    """Largest gradient norm."""
    average: float = 0.0
    """Decay of a running average of the weights, which then is the result; 0 = none."""
    seed: int = 0
    """Of everything random."""
    save_every: int = 100
    """Steps between checkpoints."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """"cosine" rises over the warm-up, then falls; "constant" is the rate from the first step to the last."""

    def __post_init__(self) -> None:
        if self.steps < 1 or self.learning_rate <= 0 or not 0 < self.warmup < 1 or not 0 <= self.average < 1:
            raise ConfigError(f"impossible training configuration: {self}")
        if self.schedule not in ("cosine", "constant"):
            raise ConfigError(f"there is no schedule {self.schedule!r}; known: cosine, constant")


def _rate(step: int, config: LoopConfig) -> float:
    """Fraction of the learning rate at a step."""
    if config.schedule == "constant":
        return 1.0
    rise = max(1, round(config.warmup * config.steps))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, config.steps - rise)))


def require_accelerate() -> Any:
    """The `accelerate` module, which training needs and nothing else.

    Raises:
        ConfigError: it is not installed, or does not load.
    """
    try:
        import accelerate
    except Exception as error:
        raise ConfigError(
            f"training needs the package accelerate, which does not load ({error}); run: pip install 'viseme[train]'"
        ) from error
    return accelerate


def training_device(device: Device = "auto") -> torch.device:
    """Where training runs, and from then on all of it in this process.

    Raises:
        ConfigError: the device is not there, accelerate is not installed, or this process trains elsewhere already.
    """
    accelerate = require_accelerate()
    if device not in DEVICES:
        raise ConfigError(f"there is no device {device!r}; known: {', '.join(DEVICES)}")
    state = accelerate.PartialState(cpu=device == "cpu")
    if device not in ("auto", state.device.type):
        raise ConfigError(
            f"training runs on {state.device.type}, not on {device}: it is not there, or this process trains already"
        )
    return state.device


def num_drawing_processes(device: Device, jobs: int) -> int:
    """How many processes draw batches, of `jobs` that are allowed: none on a CPU, where training takes all of them."""
    return 0 if training_device(device).type == "cpu" else jobs


class _Step(nn.Module):
    """A network with its loss as one forward pass: several GPUs average gradients of what runs inside `forward`."""

    def __init__(self, network: nn.Module, loss: Loss) -> None:
        super().__init__()
        self.network, self._loss = network, loss

    def forward(self, batch: Any) -> tuple[Tensor, Mapping[str, Any]]:
        return self._loss(self.network, batch)


def _adamw(network: nn.Module, config: LoopConfig) -> list[torch.optim.Optimizer]:
    return [
        torch.optim.AdamW(
            network.parameters(), config.learning_rate, betas=(0.9, 0.98), weight_decay=config.weight_decay
        )
    ]


class _State:
    """What a checkpoint holds: the network, its optimisers, the running average of its weights, the steps done."""

    def __init__(self, network: nn.Module, optimisers: Sequence[Any], average: float) -> None:
        self._network, self._optimisers, self._average = network, optimisers, average
        self.mean = {k: v.detach().clone() for k, v in network.state_dict().items()}
        self.done = 0

    def load(self, path: Path, device: torch.device) -> None:
        """Go on from there."""
        kept = torch.load(path, weights_only=True, map_location=device)
        self._network.load_state_dict(kept["network"])
        for optimiser, state in zip(self._optimisers, [kept["optimiser"], *kept.get("more", [])], strict=True):
            optimiser.load_state_dict(state)
        self.mean, self.done = kept["mean"], int(kept["done"])

    def save(self, path: Path) -> None:
        """Complete or not at all."""
        first, *more = [optimiser.state_dict() for optimiser in self._optimisers]
        state = {"network": self._network.state_dict(), "optimiser": first, "mean": self.mean}
        state["done"] = torch.tensor(self.done)
        temporary = path.with_suffix(".partial")
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save({**state, "more": more} if more else state, temporary)
        temporary.replace(path)

    @torch.no_grad()
    def count(self) -> None:
        """One more step was done: move the average."""
        self.done += 1
        decay = min(self._average, self.done / (self.done + 9))
        for name, tensor in self._network.state_dict().items():
            if tensor.is_floating_point():
                self.mean[name].lerp_(tensor, 1 - decay)
            else:  # a counter, such as batch normalisation keeps
                self.mean[name].copy_(tensor)


def _generators(seed: int) -> Batches:
    """Random generators in place of batches: one a step."""

    def batches(steps: range, rank: int) -> Generator[np.random.Generator, None, None]:
        for step in steps:
            yield np.random.default_rng([seed, step, *([rank] if rank else [])])

    return batches


def fit(
    network: nn.Module,
    loss: Loss,
    config: LoopConfig,
    *,
    batches: Batches | None = None,
    device: Device = "auto",
    checkpoint: Path | None = None,
    on_step: Callable[[int, dict[str, float]], None] | None = None,
    optimisers: Callable[[nn.Module], Sequence[torch.optim.Optimizer]] | None = None,
    precision: Precision = "no",
) -> nn.Module:
    """Train in place.

    Args:
        network: What is trained.
        loss: Given the network and the batch of a step, returns the loss and numbers worth showing.
        config: The schedule.
        batches: Given a range of steps and the number of this process, yields the batch of every step
            (`viseme.data.loader.Loader`). Default: the batch is the step's random generator, and the loss draws.
        device: Where to train.
        checkpoint: Where the state is kept; if it exists, training goes on from it. Safe to interrupt at any time.
        on_step: Told the step just done and its numbers, by the first process alone.
        optimisers: Makes the optimisers of the network; the schedule scales the rate of each of their groups.
            Default: AdamW over all parameters. Sparse gradients are not clipped.
        precision: Of the passes through the network; parameters stay in single precision.

    Returns:
        The network, on the CPU and in evaluation mode, with averaged weights where `config.average` says so.

    Raises:
        ConfigError: accelerate is not installed, or the device is not there.
    """
    training_device(device)
    accelerator = require_accelerate().Accelerator(cpu=device == "cpu", mixed_precision=precision)
    made = _adamw(network, config) if optimisers is None else list(optimisers(network))
    rates = [[group["lr"] for group in optimiser.param_groups] for optimiser in made]
    step_module, *made = accelerator.prepare(_Step(network, loss), *made)
    state = _State(network, made, config.average)
    if checkpoint is not None and checkpoint.exists():
        state.load(checkpoint, accelerator.device)
    steps = range(state.done, config.steps)
    with closing((batches or _generators(config.seed))(steps, accelerator.process_index)) as given:
        for step, batch in zip(steps, given):
            torch.manual_seed(config.seed * 1_000_003 + step)
            _set_rates(made, rates, _rate(step, config))
            step_module.train()
            value, shown = step_module(batch)
            _update(accelerator, network, made, value, config.clip)
            state.count()
            if on_step and accelerator.is_main_process:
                on_step(
                    step + 1, {"loss": float(value.detach()), **{name: float(number) for name, number in shown.items()}}
                )
            due = state.done % config.save_every == 0 or state.done == config.steps
            if checkpoint is not None and due and accelerator.is_main_process:
                state.save(checkpoint)
    accelerator.wait_for_everyone()
    if config.average > 0:
        network.load_state_dict(state.mean)
    return network.cpu().eval()


def _set_rates(optimisers: Sequence[Any], rates: Sequence[Sequence[float]], share: float) -> None:
    for optimiser, bases in zip(optimisers, rates, strict=True):
        for group, base in zip(optimiser.param_groups, bases, strict=True):
            group["lr"] = base * share


def _update(accelerator: Any, network: nn.Module, optimisers: Sequence[Any], value: Tensor, clip: float) -> None:
    """One step down the gradient."""
    for optimiser in optimisers:
        optimiser.zero_grad(set_to_none=True)
    accelerator.backward(value)
    dense = [p for p in network.parameters() if p.grad is not None and not p.grad.is_sparse]
    nn.utils.clip_grad_norm_(dense, clip)
    for optimiser in optimisers:
        optimiser.step()
