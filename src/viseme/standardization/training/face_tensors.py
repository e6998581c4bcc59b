"""The face model as training sees it: landmark bases, the faces to draw, and frames made from coefficients.

Knows torch, the model and the renderer; refuses to know networks and files. Landmarks are `mp468` with the lips of
the mean face shut (`neutral_landmarks`), projected by the standard camera into pixels of the 224-pixel crop.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from viseme.face3d.camera import Camera, centred
from viseme.face3d.formation import form_image, form_landmarks
from viseme.face3d.interface import PARTS, FaceModel
from viseme.face3d.linear_model import form_albedo
from viseme.face3d.neutral_landmarks import neutral_landmarks
from viseme.faces.crops import CROP_SIZE, MARGIN
from viseme.standardization.training.losses import LossWeights

__all__ = ["PIXELS_PER_DM", "FaceTensors"]

PIXELS_PER_DM = 101.5
"""Pixels of the standard crop that a decimetre covers at the origin."""


class FaceTensors(nn.Module):
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
            "outside": torch.as_tensor(model.outer_triangles(), dtype=torch.int64),
            "skin": torch.as_tensor(np.flatnonzero(model.masks["skin"] & model.masks["face_front"])),
            "landmark_mean": torch.as_tensor(mean, dtype=torch.float32),
            "landmark_identity": torch.as_tensor(identity, dtype=torch.float32),
            "landmark_expression": torch.as_tensor(expression, dtype=torch.float32),
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
        names = {"mean": "mean", "id_basis": "identity", "exp_basis": "expression"}
        points = {name: getattr(self, f"face_landmark_{own}") for name, own in names.items()}
        return form_landmarks(points, alpha, beta, pose)[..., :2]

    def albedo(self, delta: Tensor) -> Tensor:
        """(B, D) -> (B, V, 3), RGB."""
        return form_albedo(self._arrays(), delta)

    def _arrays(self) -> dict[str, Tensor]:
        """What `viseme.face3d.formation` asks for."""
        return {name: getattr(self, f"face_{name}") for name in self.model.arrays()}

    def frames(
        self, alpha: Tensor, beta: Tensor, delta: Tensor, gamma: Tensor, pose: Tensor, *, size: int
    ) -> tuple[Tensor, Tensor]:
        """Equation 4 for the skin of the face's front: (B, size, size, 3) frames and (B, size, size) bool masks.

        Args:
            alpha: (B, A).
            beta: (B, E).
            delta: (B, D).
            gamma: (B, 27).
            pose: (B, 6).
            size: Side, pixels.
        """
        model = {**self._arrays(), "triangles": self.face_front}
        drawn = form_image(model, alpha, beta, delta, gamma, pose, camera=Camera.standard(size))
        return drawn.rgb.movedim(1, -1), drawn.mask

    @torch.no_grad()
    def standard_frames(self, beta: Tensor, *, size: int = CROP_SIZE) -> Tensor:
        """(B, E) -> (B, size, size, 3): the mean person with that expression, frontal, evenly lit."""
        model = {**self._arrays(), "triangles": self.face_outside}
        pose = torch.as_tensor(self.rest(), dtype=beta.dtype, device=beta.device).expand(len(beta), -1)
        return form_image(model, None, beta, None, None, pose, camera=Camera.standard(size)).rgb.movedim(1, -1)
