"""The mouth of a face as a speech expert sees it, by a warp that gradients pass through. Knows tensors alone."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import grid_sample

from viseme.faces.mouth_roi import GREY_MEAN, GREY_SPREAD, INPUT_PX, ROI_PX

__all__ = ["mouths_of"]


def mouths_of(faces: Float[Tensor, "N 3 H W"], to_mouth: Float[Tensor, "N 2 3"]) -> Float[Tensor, "N P P"]:
    """(N, 88, 88) normalised grey mouths, bilinear; the edge of the face is repeated.

    Args:
        faces: RGB in [0, 1].
        to_mouth: From pixels of a face to those of its 96-pixel mouth, whose middle is taken.

    Source:
        `viseme.faces.mouth_roi` does the same to films.
    """
    linear = torch.linalg.inv(to_mouth[:, :, :2])
    along = torch.arange(INPUT_PX, device=faces.device, dtype=faces.dtype) + 0.5 + (ROI_PX - INPUT_PX) // 2
    y, x = torch.meshgrid(along, along, indexing="ij")
    places = torch.stack([x, y], -1)[None] - to_mouth[:, None, None, :, 2]
    source = torch.einsum("nij,nhwj->nhwi", linear, places)
    size = torch.tensor([faces.shape[-1], faces.shape[-2]], device=faces.device, dtype=faces.dtype)
    grey = (faces * faces.new_tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)
    found = grid_sample(grey, 2 * source / size - 1, mode="bilinear", padding_mode="border", align_corners=False)
    return (found[:, 0] - GREY_MEAN) / GREY_SPREAD
