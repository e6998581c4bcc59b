"""The rows of Table I, and the numbers that the papers print for them."""

from __future__ import annotations

__all__ = ["E1_ROWS", "FIT_PARTS", "FIT_ROWS", "PARTS", "PUBLISHED_E1", "PUBLISHED_E2"]

PUBLISHED_E1 = {
    "GT": (1.085, 1.093, 1.091, 1.0),
    "per-image: β alone": (2.948, 2.975, 2.967, 2.720),
    "per-image: α and β": (2.339, 2.369, 2.358, 2.161),
    "E-Net: β alone": (1.235, 1.241, 1.240, 1.137),
    "MGCNet: β alone": (3.353, 3.372, 3.365, 3.084),
    "MGCNet: α and β": (2.902, 2.920, 2.912, 2.669),
}
"""DSP and DSP-0, Table I: least, greatest and mean over groups, pixels, and over GT. Per-image rows are Deep3D's; what
has no row of ours is shown as published."""
PUBLISHED_E2 = {
    "per-image": (1.049, 3.739, 1.953),
    "per-image, aggregated": (1.304, 6.056, 2.935),
    "E-Net, mean person": (0.767, 2.657, 1.437),
    "E-Net, random person 1": (0.819, 2.769, 1.545),
    "E-Net, random person 2": (0.758, 2.784, 1.469),
}
"""LMID, Table 1: least, greatest and mean over 100 clips, pixels. The per-image rows are Deep3D's."""

E1_ROWS = (
    ("GT", "α_gt β_gt"),
    ("at rest", "α_gt, β = 0"),
    ("per-image: β alone", "α_gt, β of the frame"),
    ("per-image: α and β", "both of the frame"),
    ("per-image: all its own", "α, β and pose of the frame"),
    ("E-Net: β alone", "α_gt, β of the frame"),
    ("landmark-fit: β alone", "α_gt, β"),
    ("landmark-fit: all its own", "α of the clip, β, pose"),
)
FIT_ROWS = (
    ("GT", "α_gt β_gt: a fit of all frames"),
    ("at rest", "α_gt, β = 0"),
    ("per-image: β alone", "α_gt, β of a fit of the frame alone"),
    ("per-image: α and β", "both of a fit of the frame alone"),
    ("per-image: all its own", "α, β and pose of a fit of the frame alone"),
    ("shared: β alone", "α_gt, β with the identity of the clip's other half"),
)
"""Table I without networks: what sharing the identity does where the same estimator sees the landmarks."""
PARTS = ("e1", "freed", "e2", "motion")
"""What the networks are asked: E1, E1 against freed coefficients, E2, E2 with constant differences taken out."""
FIT_PARTS = ("fit", "fit_e2")
"""The same without networks."""
