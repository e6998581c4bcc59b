"""Ranges of what is drawn for every training crop."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["AugmentConfig"]


@dataclass(frozen=True, kw_only=True, slots=True)
class AugmentConfig:
    """Ranges of what is drawn for every training crop."""

    stretch: tuple[float, float] = (0.74, 1.35)
    """Factor on the duration of video and audio together."""
    warp: tuple[float, float] = (0.76, 1.30)
    """Factor on the frequencies of the mel filters: other vocal tracts."""
    mixing: float = 0.7
    """Largest strength of the random low-rank mixing of lip coordinates: other faces."""
    region_gain: float = 0.3
    """Standard deviation of the log gain of a lip region, and of the axes."""
    jitter: tuple[float, float] = (0.0005, 0.012)
    """Range of tracker noise, eye distances."""
    shake: tuple[float, float] = (0.0005, 0.03)
    """Range of the head motion that the tracker of a small face leaves in, eye distances and radians; half of crops."""
    manner: float = 0.6
    """Largest motion that has nothing to do with the words (smiles, chewing, one-sided lips) over speech motion."""
    widening: tuple[float, float] = (-0.1, 0.4)
    """Range of how much an opening mouth widens (below 0: narrows) beyond what the clip shows."""
    frozen: float = 0.2
    """Probability that a crop has repeated frames."""
    hidden: float = 0.3
    """Probability that some points do not move at all."""
    voice: float = 0.5
    """Probability that the harmonics of a crop's voice are smoothed away, and that others are drawn in."""
    dynamics: float = 0.2
    """Standard deviation of the log exponent on the power: flatter and livelier deliveries."""
    reverb: float = 0.4
    """Probability of a room: decay .15-.9 s."""
    noise: float = 0.65
    """Probability of other talkers, steady noise or music, at -3 to 30 dB."""
    codec: float = 0.25
    """Probability that the ends of the spectrum are missing."""
