"""The lip expert: five lower half faces and a mel window, trained to agree. A baseline, and the source of the audio
encoder. Knows tensors alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import interpolate, normalize

from viseme.audio.mel_windows import MEL_BANDS, MEL_FRAMES
from viseme.talker.clips import NUM_FRAMES
from viseme.talker.losses import negative_log, tensors_of
from viseme.talker.networks import CODE, AudioEncoder, ConvBlock
from viseme.weights.graphs import GraphPart

__all__ = ["LipExpert", "LipExpertSync", "lip_expert_loss", "lower_halves"]

SIDE = 96
"""Of a face as the expert sees it, pixels."""


def lower_halves(faces: Float[Tensor, "B K 3 H W"]) -> Float[Tensor, "B C P W"]:
    """(B, 15, H / 2, W) the lower halves of five faces, one after the other."""
    return faces[..., faces.shape[-2] // 2 :, :].flatten(1, 2)


class LipExpert(nn.Module):
    """Faces and audio to embeddings whose cosine, 0 to 1, says whether they belong together.

    Source:
        Prajwal et al., "A Lip Sync Expert Is All You Need", 2020: SyncNet in colour, the names of whose parameters are
        kept; `width` 32 is theirs.
    """

    def __init__(self, *, width: int = 32, num_residual: int = 1, bgr: bool = False) -> None:
        """Make one.

        Args:
            width: Channels of the first layer of the face encoder.
            num_residual: See `AudioEncoder`.
            bgr: Whether it learnt from blue, green and red, as Wav2Lip's did.
        """
        super().__init__()
        self.config = {"width": width, "num_residual": num_residual, "bgr": bgr}
        self._bgr = bgr
        w = width
        plan = [(2 * w, 5, (1, 2), 1, 2), (4 * w, 3, 2, 1, 3), (8 * w, 3, 2, 1, 2), (16 * w, 3, 2, 1, 2)]
        layers: list[nn.Module] = [ConvBlock(3 * NUM_FRAMES, w, 7, 1, 3)]
        before = w
        for wide, kernel, stride, pad, residual in plan:
            layers.append(ConvBlock(before, wide, kernel, stride, pad))
            layers += [ConvBlock(wide, wide, 3, 1, 1, residual=True) for _ in range(residual)]
            before = wide
        layers += [ConvBlock(before, CODE, 3, 2, 1), ConvBlock(CODE, CODE, 3), ConvBlock(CODE, CODE, 1)]
        self.face_encoder = nn.Sequential(*layers)
        self.audio = AudioEncoder(num_residual=num_residual)

    def cosine(self, faces: Float[Tensor, "B K 3 H W"], mel: Float[Tensor, "B M A"]) -> Float[Tensor, " B"]:
        """Of five faces, of any size, with a mel window: 0 = nothing in common."""
        if faces.shape[-1] != SIDE:
            small = interpolate(faces.flatten(0, 1), size=(SIDE, SIDE), mode="bilinear", antialias=True)
            faces = small.unflatten(0, faces.shape[:2])
        shown = faces.flip(2) if self._bgr else faces
        seen = normalize(self.face_encoder(lower_halves(shown)).flatten(1), dim=1)
        return (seen * normalize(self.audio(mel), dim=1)).sum(1)

    forward = cosine

    def graph_parts(self) -> dict[str, GraphPart]:
        """What runs without torch."""
        inputs = {"faces": ("B", NUM_FRAMES, 3, SIDE, SIDE), "mel": ("B", MEL_BANDS, MEL_FRAMES)}
        return {"cosine": GraphPart("cosine", inputs, ("cosine",), low=0.0)}


def lip_expert_loss(network: Any, batch: Mapping[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
    """Binary cross-entropy of the cosine, and the share of pairs that are told on the right side of a half."""
    given = tensors_of(batch, next(network.parameters()).device)
    cosine = network.cosine(given["faces"], given["mel"]).float().clamp(1e-6, 1 - 1e-6)
    together = given["together"] > 0.5
    right = ((cosine > 0.5) == together).float().mean()
    return -torch.where(together, cosine, 1 - cosine).log().mean(), {"right": right.detach()}


class LipExpertSync:
    """The baseline: binary cross-entropy of the cosine of generated faces with their audio, the expert frozen.

    Source: Prajwal et al. 2020, equation 4.
    """

    def __init__(self, expert: LipExpert) -> None:
        self._expert = expert.eval().requires_grad_(False)

    def __call__(self, made: Float[Tensor, "B K 3 H W"], batch: Mapping[str, Tensor]) -> Float[Tensor, ""]:
        """See `SyncLoss`."""
        self._expert.to(made.device)
        upright = torch.where(batch["flipped"][:, None, None, None, None], made.flip(-1), made)
        return negative_log(self._expert.cosine(upright, batch["mel"][:, NUM_FRAMES // 2])).mean()
