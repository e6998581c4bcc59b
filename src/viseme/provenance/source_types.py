"""IPTC's names of how a file was made, as C2PA uses them."""

from __future__ import annotations

__all__ = ["CREATED", "EDITED", "source_type"]

CREATED = "trainedAlgorithmicMedia"
"""Made from nothing by a model."""
EDITED = "compositeWithTrainedAlgorithmicMedia"
"""Real, with parts that a model made."""


def source_type(name: str) -> str:
    """The address that stands for a name."""
    return f"http://cv.iptc.org/newscodes/digitalsourcetype/{name}"
