"""One training loop: warm-up and cosine, clipping, checkpoints that resume exactly. Knows no task.

Every step draws from its own random generator, seeded by (seed, step): a run that was stopped goes on as if it had
not been.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from viseme.core.errors import ConfigError

__all__ = ["LoopConfig", "fit"]


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

    def __post_init__(self) -> None:
        if self.steps < 1 or self.learning_rate <= 0 or not 0 < self.warmup < 1 or not 0 <= self.average < 1:
            raise ConfigError(f"impossible training configuration: {self}")


def _rate(step: int, config: LoopConfig) -> float:
    """Fraction of the learning rate at a step."""
    rise = max(1, round(config.warmup * config.steps))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, config.steps - rise)))


def fit(
    network: nn.Module,
    loss: Callable[[nn.Module, np.random.Generator], tuple[Tensor, dict[str, float]]],
    config: LoopConfig,
    *,
    checkpoint: Path | None = None,
    on_step: Callable[[int, dict[str, float]], None] | None = None,
) -> nn.Module:
    """Train in place.

    Args:
        network: What is trained.
        loss: Draws a batch with the generator it is given and returns the loss and numbers worth showing.
        config: The schedule.
        checkpoint: Where the state is kept; if it exists, training goes on from it. Safe to interrupt at any time.
        on_step: Told the step just done and its numbers.

    Returns:
        The network, in evaluation mode, with averaged weights where `config.average` says so.
    """
    optimiser = torch.optim.AdamW(
        network.parameters(), config.learning_rate, betas=(0.9, 0.98), weight_decay=config.weight_decay
    )
    done = 0
    mean = {k: v.detach().clone() for k, v in network.state_dict().items()}
    if checkpoint is not None and checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        mean, done = state["mean"], int(state["done"])
    for step in range(done, config.steps):
        torch.manual_seed(config.seed * 1_000_003 + step)
        for group in optimiser.param_groups:
            group["lr"] = config.learning_rate * _rate(step, config)
        network.train()
        value, shown = loss(network, np.random.default_rng([config.seed, step]))
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        nn.utils.clip_grad_norm_(network.parameters(), config.clip)
        optimiser.step()
        decay = min(config.average, (step + 1) / (step + 10))
        with torch.no_grad():
            for name, tensor in network.state_dict().items():
                if tensor.is_floating_point():
                    mean[name].lerp_(tensor, 1 - decay)
                else:  # a counter, such as batch normalisation keeps
                    mean[name].copy_(tensor)
        if on_step:
            on_step(step + 1, {"loss": float(value.detach()), **shown})
        if checkpoint is not None and ((step + 1) % config.save_every == 0 or step + 1 == config.steps):
            temporary = checkpoint.with_suffix(".partial")
            torch.save(
                {
                    "network": network.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "mean": mean,
                    "done": torch.tensor(step + 1),
                },
                temporary,
            )
            temporary.replace(checkpoint)
    if config.average > 0:
        network.load_state_dict(mean)
    return network.eval()
