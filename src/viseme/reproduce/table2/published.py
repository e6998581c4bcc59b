"""What the papers print for Table II and for accuracy by window length."""

from __future__ import annotations

from viseme.reproduce.table2.recipe import WINDOWS

__all__ = ["PUBLISHED", "PUBLISHED_DEEP3D", "PUBLISHED_WINDOWS"]

PUBLISHED = {
    ("raw", "full"): (94.1, 94.1),
    ("raw", "mini"): (88.9, 88.9),
    ("rgb", "mini"): (99.1, 98.5),
    ("rgbd", "mini"): (99.2, None),
}
"""(input, training set) -> accuracy in per cent on the test part of VoxCeleb2: DSP-0, LMID. E-Net, expression alone."""
PUBLISHED_DEEP3D = {("rgb", "mini"): (97.4, 97.4), ("rgbd", "mini"): (98.1, None)}
"""The same with Deep3D's coefficients, expression and identity; its weights are not ours to use."""
PUBLISHED_WINDOWS = {
    "SyncNet": (75.8, 82.3, 87.6, 91.8, 94.5, 96.1),
    "PM": (88.1, 93.8, 96.4, 97.9, 98.7, 99.1),
    "AVST": (92.0, 95.5, 97.7, 98.8, 99.3, 99.6),
    "VocaLiST": (92.8, 96.7, 98.4, 99.3, 99.6, 99.8),
    "MTDVocaLiST": (91.46, 95.74, 97.99, 98.95, 99.46, 99.68),
    "IC-SyncNet": (96.5, None, None, None, None, None),
}
"""Accuracy in per cent on LRS2 with 5 to 15 frames; None = not published."""

assert all(len(row) == len(WINDOWS) for row in PUBLISHED_WINDOWS.values())
