"""What is trained: an expression network, and the identities and textures that only training has. Knows torch."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import torch
from torch import Tensor, nn

from viseme.core.errors import ConfigError
from viseme.standardization.networks.expression import ExpressionNetwork, Prediction
from viseme.standardization.training.face_tensors import FaceTensors
from viseme.standardization.training.recipes import NetworkRecipe

__all__ = ["Trainee", "has_bfloat16", "network_config"]


@cache
def has_bfloat16(device: str) -> bool:
    """Whether a kind of device ("cpu", "cuda") has bfloat16 instructions; without them it is slower than float32.

    GPUs are assumed to have them. Of processors, x86 with AVX-512 or AMX is recognised; a processor of which this
    version of torch cannot tell counts as without.
    """
    able = getattr(torch.cpu, "get_capabilities", dict)()
    return device != "cpu" or bool(able.get("avx512_bf16") or able.get("amx_bf16"))


class Trainee(nn.Module):
    """A network with the matrices that only training has: column k holds identity and texture of sharer k."""

    def __init__(
        self, network: ExpressionNetwork, basis: FaceTensors, num_columns: int, *, bfloat16: bool = False
    ) -> None:
        super().__init__()
        # half the time on a processor
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.basis, self._bfloat16 = basis, bfloat16
        self.shared = network.config.num_identity == 0
        if self.shared:
            self.identity = nn.Embedding(num_columns, basis.num_identity, sparse=True)
            self.texture = nn.Embedding(num_columns, basis.num_texture, sparse=True)
            for matrix in (self.identity, self.texture):
                nn.init.normal_(matrix.weight, std=0.01)

    def explain(self, images: Tensor, columns: Tensor) -> Prediction:
        """Coefficients of (B, 3, 224, 224) images and their (B,) columns: identity and texture come from the matrices,
        and the mean bias over the frames of a column is subtracted."""
        enabled = self._bfloat16 and has_bfloat16(images.device.type)
        with torch.autocast(images.device.type, torch.bfloat16, enabled=enabled):
            found = self.network(images)
        found = found.single().without_bias(columns)
        if self.shared:
            found = found._replace(alpha=self.identity(columns), delta=self.texture(columns))
        return found

    def optimisers(self, recipe: NetworkRecipe) -> list[torch.optim.Optimizer]:
        """Adam for the network; sparse Adam for the matrices, so that columns not drawn do not drift."""
        config = recipe.loop
        made: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(self.network.parameters(), config.learning_rate, weight_decay=config.weight_decay)
        ]
        if self.shared:
            matrices = [self.identity.weight, self.texture.weight]
            made.append(torch.optim.SparseAdam(matrices, recipe.shared_rate))
        return made


def network_config(recipe: NetworkRecipe, basis: FaceTensors, variant: str) -> ExpressionNetwork.Config:
    """The recipe's network with heads of the face model's sizes; the per-image baseline's has all of them."""
    if variant not in ("enet", "per-image"):
        raise ConfigError(f"there is no variant {variant!r}; known: enet, per-image")
    alone = variant == "per-image"
    at_rest = tuple(float(v) for v in basis.rest())
    return replace(
        recipe.network,
        num_expression=len(basis.model.expression_names),
        num_identity=basis.num_identity if alone else 0,
        num_texture=basis.num_texture if alone else 0,
        person_bias=recipe.network.person_bias and not alone,
        expression_unit=basis.model.expression_spread if recipe.unit_variance else 1.0,
        pose_at_rest=at_rest,  # type: ignore[arg-type]
    )
