"""What broadcasting standards count as in sync. Our sign: a positive delay means that the audio is late."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["STANDARDS"]

STANDARDS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "itu": (-0.045, 0.125),
        "ebu-r37": (-0.040, 0.060),
        "atsc": (-0.015, 0.045),
    }
)
"""Name -> least and greatest audio delay that counts as in sync, seconds.

Source:
    `itu`: ITU-R BT.1359-1, threshold of detectability; it prints the opposite sign, +45 ms (sound early) to -125 ms.
    Its threshold of acceptability is wider, +90 ms to -185 ms: -0.090 to 0.185 here.
    `ebu-r37`: EBU R37, at the output of the production chain: sound at most 40 ms early and 60 ms late.
    `atsc`: ATSC IS-191: sound at most 15 ms early and 45 ms late.
"""
