"""The guard on array shapes is awake: a wrong shape is refused inside the package."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from jaxtyping import Float, jaxtyped

from shape_checks import ShapeError, check_arrays
from viseme.sync import checkpoint
from viseme.sync.models.two_stream import TwoStream


def test_a_wrong_shape_is_refused() -> None:
    model = TwoStream(TwoStream.Config.tiny())
    with pytest.raises(TypeError):
        model.embed_audio(torch.zeros(4))  # (4,) is not (B, A, M)


def test_dimensions_are_bound_over_all_arguments() -> None:
    @jaxtyped(typechecker=check_arrays)
    def together(a: Float[torch.Tensor, "T"], b: Float[torch.Tensor, "T"]) -> Float[torch.Tensor, "T"]:
        return a + b

    together(torch.zeros(3), torch.zeros(3))
    with pytest.raises((TypeError, ShapeError)):
        together(torch.zeros(3), torch.zeros(1))


def test_a_wrong_shape_is_refused_where_only_type_checkers_import_the_names() -> None:
    model = checkpoint.ShippedSyncModel.__new__(checkpoint.ShippedSyncModel)
    with pytest.raises(TypeError):
        model.embed_audio(np.zeros(4))  # (4,) is not (P, A, M)
