"""How one person articulates and moves. Numbers only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Style"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Style:
    """How one person articulates."""

    strength: float = 1.0
    """Size of all speech movements, .5 mumbling to 1.5 emphatic."""
    jaw_share: float = 1.3
    """Jaw against lips in opening, .7 to 1.8."""
    rounding: float = 1.0
    """Strength of rounding and spreading, .5 to 1.5."""
    coarticulation: float = 1.0
    """Stretch of the reach of each audio, .7 crisp to 1.4 smeared."""
    closing_s: float = 0.07
    """Seconds that lips take to meet for p, b, m."""
    opening_s: float = 0.065
    """Seconds that they take to part."""
    press: float = 0.5
    """How hard closed lips are pressed, 0 to 1."""
    effort: float = 0.4
    """How much loudness widens the movement, 0 to 1."""
    asymmetry: float = 0.0
    """Left against right half of the mouth, -.3 to .3."""
    smile: float = 0.0
    """Constant smile, -.15 (frown) to .4."""
    lips_apart_mm: float = 0.0
    """Gap between the lips at rest, 0 to 3: some people's mouths are never quite shut in pauses."""
    lead_s: float = 0.01
    """Seconds by which all mouth movement runs ahead of the acoustics; lips of GRID speaker 1 run 10 to 20 ms ahead of
    this model with 0 (60 sentences, phonemes placed by time warping)."""
    head: float = 1.0
    """Size of head movement; 0 = still."""
    variability: float = 0.12
    """Relative spread of each audio's position from one saying to the next, 0 to .3."""
    habit: int | None = None
    """Seed of how this person's positions differ from the table, audio by audio; None = not at all."""
    idle: float = 1.0
    """Rate of swallows, licks and smiles outside speech; 0 = none."""

    @classmethod
    def random(cls, rng: np.random.Generator) -> Style:
        """A plausible person."""
        return cls(
            strength=float(np.clip(np.exp(rng.normal(0.0, 0.22)), 0.55, 1.5)),
            jaw_share=float(rng.uniform(0.75, 1.8)),
            rounding=float(rng.uniform(0.4, 1.3)),
            coarticulation=float(rng.uniform(0.75, 1.35)),
            closing_s=float(rng.uniform(0.05, 0.1)),
            opening_s=float(rng.uniform(0.045, 0.09)),
            press=float(rng.uniform(0.1, 1.0)),
            effort=float(rng.uniform(0.1, 0.7)),
            asymmetry=float(np.clip(rng.normal(0, 0.1), -0.3, 0.3)),
            smile=float(np.clip(rng.normal(0.04, 0.1), -0.12, 0.4)),
            lips_apart_mm=float(max(0.0, rng.normal(0.0, 1.2)) if rng.random() < 0.5 else 0.0),
            lead_s=float(rng.normal(0.01, 0.008)),
            head=float(np.clip(np.exp(rng.normal(0.0, 0.5)), 0.2, 2.5)),
            variability=float(rng.uniform(0.05, 0.28)),
            habit=int(rng.integers(2**31)),
            idle=float(rng.uniform(0.3, 1.5)),
        )
