"""Parts of a network that ship as graphs of their own: which, with which shapes, and what was made of them. Knows no
framework."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Graph", "GraphPart"]

SIZES = {"B": 2, "P": 4, "T": 9, "A": 36}
"""Of free axes in an example; no two alike and none 1, or an exporter takes them for one another or for fixed."""


@dataclass(frozen=True)
class Graph:
    """An exported part."""

    model: bytes
    """A serialised ONNX model whose weights are named and not held."""
    weights: tuple[str, ...]
    """Their names: those of the network's state that this part uses."""


@dataclass(frozen=True)
class GraphPart:
    """One method of a network, as it is exported."""

    method: str
    """Name of the method."""
    inputs: Mapping[str, tuple[int | str, ...]]
    """Name -> shape, in the order of the method's arguments. An axis given by a letter of `core/dims.py` is free, any
    other is fixed."""
    outputs: tuple[str, ...]
    """Names, in the order of the method's results; those that are None are left out."""
    low: float = field(default=-1.0, kw_only=True)
    """Least value of an example's inputs ..."""
    high: float = field(default=1.0, kw_only=True)
    """... and largest."""

    def example(
        self,
        rng: np.random.Generator,
        *,
        sizes: Mapping[str, int] | None = None,
        as_tensor: Callable[[NDArray[np.float32]], Any] = lambda values: values,
    ) -> tuple[Any, ...]:
        """Random inputs.

        Args:
            rng: Draws them.
            sizes: Of the free axes, instead of `SIZES`.
            as_tensor: Done to each.
        """
        chosen = {**SIZES, **(sizes or {})}
        shapes = [tuple(chosen[s] if isinstance(s, str) else s for s in shape) for shape in self.inputs.values()]
        return tuple(as_tensor(rng.uniform(self.low, self.high, shape).astype(np.float32)) for shape in shapes)
