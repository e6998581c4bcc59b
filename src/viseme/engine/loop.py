"""One training loop: warm-up and cosine, clipping, checkpoints that resume exactly. Knows no task.

Every step draws from its own random generator, seeded by (seed, step): a run that was stopped goes on as if it had
not been. Runs on Hugging Face Accelerate: on the CPU, on one GPU, and by `accelerate launch` on several, where each
process draws its own batch and the gradients are averaged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from viseme.core.errors import ConfigError

__all__ = ["LoopConfig", "fit", "require_accelerate"]

Loss = Callable[[nn.Module, np.random.Generator], tuple[Tensor, dict[str, float]]]


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


class _Step(nn.Module):
    """A network with its loss as one forward pass: several GPUs average gradients of what runs inside `forward`."""

    def __init__(self, network: nn.Module, loss: Loss) -> None:
        super().__init__()
        self.network, self._loss = network, loss

    def forward(self, rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        return self._loss(self.network, rng)


def _adamw(network: nn.Module, config: LoopConfig) -> list[torch.optim.Optimizer]:
    return [
        torch.optim.AdamW(
            network.parameters(), config.learning_rate, betas=(0.9, 0.98), weight_decay=config.weight_decay
        )
    ]


def fit(
    network: nn.Module,
    loss: Loss,
    config: LoopConfig,
    *,
    checkpoint: Path | None = None,
    on_step: Callable[[int, dict[str, float]], None] | None = None,
    optimisers: Callable[[nn.Module], Sequence[torch.optim.Optimizer]] | None = None,
) -> nn.Module:
    """Train in place.

    Args:
        network: What is trained.
        loss: Draws a batch with the generator it is given, on the network's device, and returns the loss and numbers
            worth showing.
        config: The schedule.
        checkpoint: Where the state is kept; if it exists, training goes on from it. Safe to interrupt at any time.
        on_step: Told the step just done and its numbers, by the first process alone.
        optimisers: Makes the optimisers of the network; the schedule scales the rate of each of their groups.
            Default: AdamW over all parameters. Sparse gradients are not clipped.

    Returns:
        The network, on the CPU and in evaluation mode, with averaged weights where `config.average` says so.

    Raises:
        ConfigError: accelerate is not installed.
    """
    accelerator = require_accelerate().Accelerator()
    made = _adamw(network, config) if optimisers is None else list(optimisers(network))
    rates = [[group["lr"] for group in optimiser.param_groups] for optimiser in made]
    step_module, *made = accelerator.prepare(_Step(network, loss), *made)
    done = 0
    mean = {k: v.detach().clone() for k, v in network.state_dict().items()}
    if checkpoint is not None and checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True, map_location=accelerator.device)
        network.load_state_dict(state["network"])
        for optimiser, kept in zip(made, [state["optimiser"], *state.get("more", [])], strict=True):
            optimiser.load_state_dict(kept)
        mean, done = state["mean"], int(state["done"])
    rank = [accelerator.process_index] if accelerator.process_index else []
    for step in range(done, config.steps):
        torch.manual_seed(config.seed * 1_000_003 + step)
        for optimiser, bases in zip(made, rates, strict=True):
            for group, base in zip(optimiser.param_groups, bases, strict=True):
                group["lr"] = base * _rate(step, config)
        step_module.train()
        value, shown = step_module(np.random.default_rng([config.seed, step, *rank]))
        for optimiser in made:
            optimiser.zero_grad(set_to_none=True)
        accelerator.backward(value)
        dense = [p for p in network.parameters() if p.grad is not None and not p.grad.is_sparse]
        nn.utils.clip_grad_norm_(dense, config.clip)
        for optimiser in made:
            optimiser.step()
        decay = min(config.average, (step + 1) / (step + 10))
        with torch.no_grad():
            for name, tensor in network.state_dict().items():
                if tensor.is_floating_point():
                    mean[name].lerp_(tensor, 1 - decay)
                else:  # a counter, such as batch normalisation keeps
                    mean[name].copy_(tensor)
        if on_step and accelerator.is_main_process:
            on_step(step + 1, {"loss": float(value.detach()), **shown})
        due = (step + 1) % config.save_every == 0 or step + 1 == config.steps
        if checkpoint is not None and due and accelerator.is_main_process:
            first, *more = [optimiser.state_dict() for optimiser in made]
            state = {"network": network.state_dict(), "optimiser": first, "mean": mean, "done": torch.tensor(step + 1)}
            temporary = checkpoint.with_suffix(".partial")
            torch.save({**state, "more": more} if more else state, temporary)
            temporary.replace(checkpoint)
    accelerator.wait_for_everyone()
    if config.average > 0:
        network.load_state_dict(mean)
    return network.cpu().eval()
