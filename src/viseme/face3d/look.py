"""What a person wears and has grown: hair, brows, beard, eyes, garment. Knows no mesh and no pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["HAIR_SHAPES", "HAIR_STYLES", "Look"]

HAIR_STYLES = ("none", "shaved", "short", "full", "long")
"""From bald to shoulder length."""

HAIR_SHAPES = {  # volume (dm), hairline shift (dm, positive = less hair), softness of the edge (dm)
    "none": (0.0, 9.0, 0.1),
    "shaved": (0.0, 0.02, 0.16),
    "short": (0.10, 0.0, 0.07),
    "full": (0.24, 0.0, 0.06),
    "long": (0.20, 0.0, 0.06),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What a person wears and has grown; skin tone is the model's albedo."""

    hair: str = "short"
    """One of `HAIR_STYLES`."""
    hair_colour: tuple[float, float, float] = (0.16, 0.11, 0.08)
    """RGB albedo."""
    hairline: float = 0.0
    """Decimetres by which the hairline recedes (negative: comes forward), -0.1 to 0.3."""
    brow: float = 1.0
    """Thickness of the eyebrows, 0 to 1.3."""
    beard: float = 0.0
    """0 clean-shaven to 1 full stubble."""
    eye_colour: tuple[float, float, float] = (0.32, 0.22, 0.13)
    """RGB of the iris."""
    garment: tuple[float, float, float] = (0.23, 0.28, 0.36)
    """RGB of the garment."""
    collar: float = 0.0
    """Height of the collar against a crew neck, decimetres: -0.3 wide to 0.5 turtle."""
    gloss: float = 1.0
    """Specular strength, 0 matt to 2."""
    grain: float = 1.0
    """Strength of skin mottling, 0 to 2."""
    seed: int = 0
    """Chooses the strands and the mottling."""

    def __post_init__(self) -> None:
        if self.hair not in HAIR_STYLES:
            raise ValueError(f"there is no hair style {self.hair!r}; known: {', '.join(HAIR_STYLES)}")

    @classmethod
    def random(cls, rng: np.random.Generator, *, melanin: float = 0.0) -> Look:
        """A plausible look; the same generator state gives the same look.

        Args:
            rng: Where chance comes from.
            melanin: The model's first albedo coefficient; darker skin goes with darker hair and eyes.
        """
        hairs = [(0.07, 0.06, 0.06), (0.13, 0.09, 0.07), (0.55, 0.53, 0.51), (0.22, 0.14, 0.09), (0.38, 0.24, 0.13)]
        hairs += [(0.42, 0.19, 0.09), (0.62, 0.47, 0.28)]
        eyes = [(0.20, 0.12, 0.07), (0.34, 0.22, 0.12), (0.30, 0.33, 0.20), (0.30, 0.42, 0.52)]
        light = melanin < 0.3
        hair = hairs[
            rng.choice(7, p=[0.15, 0.22, 0.08, 0.22, 0.15, 0.06, 0.12] if light else [0.6, 0.32, 0.08, 0, 0, 0, 0])
        ]
        eye = eyes[rng.choice(4, p=[0.3, 0.3, 0.18, 0.22] if light else [0.8, 0.2, 0, 0])]
        hue = rng.uniform(0, 1, 3)
        return cls(
            hair=str(rng.choice(HAIR_STYLES, p=[0.05, 0.12, 0.35, 0.23, 0.25])),
            hair_colour=_rgb(np.array(hair) * rng.uniform(0.8, 1.2)),
            hairline=float(np.clip(rng.normal(0.02, 0.06), -0.08, 0.25)),
            brow=float(rng.uniform(0.55, 1.2)),
            beard=float(max(0.0, rng.uniform(-1.2, 0.9))),
            eye_colour=_rgb(np.array(eye) * rng.uniform(0.8, 1.2)),
            garment=_rgb(0.06 + 0.75 * (0.35 * hue + 0.65 * hue.mean())),
            collar=float(rng.uniform(-0.15, 0.4)),
            gloss=float(rng.uniform(0.5, 1.5)),
            grain=float(rng.uniform(0.6, 1.6)),
            seed=int(rng.integers(1 << 30)),
        )


def _rgb(values: NDArray[Any]) -> tuple[float, float, float]:
    red, green, blue = np.clip(values, 0, 1).tolist()
    return red, green, blue
