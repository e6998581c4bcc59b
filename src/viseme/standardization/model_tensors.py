"""The face model as training sees it: landmark bases, the faces to draw, and frames made from coefficients.

Knows torch, the model and the renderer; refuses to know networks and files. Landmarks are `mp468` with the lips of
the mean face shut (`neutral_landmarks`), projected by the standard camera into pixels of the 224-pixel crop.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from viseme.face3d.camera import Camera, centred, place, project
from viseme.face3d.deferred import render
from viseme.face3d.interface import PARTS, FaceModel
from viseme.face3d.light import UNIFORM_LIGHT
from viseme.face3d.neutral_landmarks import neutral_landmarks
from viseme.faces.crops import CROP_SIZE, MARGIN
from viseme.standardization.losses import LossWeights

__all__ = ["PIXELS_PER_DM", "FaceBasis"]

_IN_THE_MOUTH = [PARTS.index(name) for name in ("tongue", "teeth_u", "teeth_l")]

PIXELS_PER_DM = 101.5
"""Pixels of the standard crop that a decimetre covers at the origin."""


class FaceBasis(nn.Module):
    """Buffers of one face model, and what is computed with them. Holds no parameters."""

    face_mean: Tensor
    face_id_basis: Tensor
    face_exp_basis: Tensor
    face_tex_mean: Tensor
    face_tex_basis: Tensor
    face_front: Tensor
    face_outside: Tensor
    face_skin: Tensor
    face_landmark_mean: Tensor
    face_landmark_identity: Tensor
    face_landmark_expression: Tensor
    face_uniform_light: Tensor
    face_lips: Tensor
    face_contour: Tensor
    face_nose: Tensor

    def __init__(self, model: FaceModel) -> None:
        super().__init__()
        self.model = model
        mean, identity, expression = neutral_landmarks(model)
        skin = torch.as_tensor(model.part == PARTS.index("skin"))
        tensors = model.tensors()
        triangles = tensors["triangles"]
        front = torch.as_tensor(model.masks["face_front"])
        inside = torch.as_tensor(model.masks["mouth_interior"])
        drawn = skin & front[triangles].all(1) & ~inside[triangles].any(1)
        subsets = model.landmarks["mp468"].subsets
        for name, value in {
            **tensors,
            "front": triangles[drawn],
            "outside": triangles[~inside[triangles].any(1) & torch.as_tensor(~np.isin(model.part, _IN_THE_MOUTH))],
            "skin": torch.as_tensor(np.flatnonzero(model.masks["skin"] & model.masks["face_front"])),
            "landmark_mean": torch.as_tensor(mean, dtype=torch.float32),
            "landmark_identity": torch.as_tensor(identity, dtype=torch.float32),
            "landmark_expression": torch.as_tensor(expression, dtype=torch.float32),
            "uniform_light": torch.as_tensor(UNIFORM_LIGHT, dtype=torch.float32),
            **{name: torch.as_tensor(np.asarray(subsets[name])) for name in ("lips", "contour", "nose")},
        }.items():
            self.register_buffer(f"face_{name}", value, persistent=False)

    @property
    def num_identity(self) -> int:
        """Identity columns."""
        return self.model.id_basis.shape[-1]

    @property
    def num_texture(self) -> int:
        """Texture columns."""
        return self.model.tex_basis.shape[-1]

    def rest(self) -> NDArray[np.float64]:
        """(6,) pose of the frontal mean face in its own standard crop."""
        return np.concatenate([np.zeros(3), centred(self.face_landmark_mean.cpu().double().numpy(), margin=MARGIN)])

    def weights(self, weights: LossWeights) -> Tensor:
        """(K,) weight of each landmark."""
        out = torch.ones(len(self.face_landmark_mean), device=self.face_mean.device)
        out[self.face_nose] = weights.nose
        out[self.face_contour] = weights.contour
        out[self.face_lips] = weights.lips
        return out

    def landmarks(self, alpha: Tensor, beta: Tensor, pose: Tensor) -> Tensor:
        """(B, A), (B, E), (B, 6) -> (B, K, 2) pixels of the crop."""
        points = (
            self.face_landmark_mean
            + torch.einsum("kca,ba->bkc", self.face_landmark_identity, alpha)
            + torch.einsum("kce,be->bkc", self.face_landmark_expression, beta)
        )
        return project(place(points, pose), Camera.standard())[..., :2]

    def albedo(self, delta: Tensor) -> Tensor:
        """(B, D) -> (B, V, 3), RGB."""
        return self.face_tex_mean + torch.einsum("vcd,bd->bvc", self.face_tex_basis, delta)

    def shapes(self, alpha: Tensor, beta: Tensor) -> Tensor:
        """(B, A), (B, E) -> (B, V, 3) decimetres."""
        return (
            self.face_mean
            + torch.einsum("vca,ba->bvc", self.face_id_basis, alpha)
            + torch.einsum("vce,be->bvc", self.face_exp_basis, beta)
        )

    def frames(
        self, alpha: Tensor, beta: Tensor, delta: Tensor, gamma: Tensor, pose: Tensor, *, size: int, whole: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Equation 4 for a batch: (B, size, size, 3) frames and (B, size, size) bool masks.

        Args:
            alpha: (B, A).
            beta: (B, E).
            delta: (B, D).
            gamma: (B, 27).
            pose: (B, 6).
            size: Side, pixels.
            whole: Draw the whole head, inside of the mouth apart, instead of the skin of the face's front.
        """
        triangles = self.face_outside if whole else self.face_front
        camera = Camera.standard(size)
        drawn = render(self.shapes(alpha, beta), self.albedo(delta), triangles, pose, gamma=gamma, camera=camera)
        return drawn.image, drawn.mask

    @torch.no_grad()
    def standard_frames(self, beta: Tensor, *, size: int = CROP_SIZE) -> Tensor:
        """(B, E) -> (B, size, size, 3): the mean person with that expression, frontal, evenly lit."""
        none = beta.new_zeros
        rest = torch.as_tensor(self.rest(), dtype=beta.dtype, device=beta.device)
        return self.frames(
            none(len(beta), self.num_identity),
            beta,
            none(len(beta), self.num_texture),
            self.face_uniform_light.expand(len(beta), -1),
            rest.expand(len(beta), -1),
            size=size,
            whole=True,
        )[0]
