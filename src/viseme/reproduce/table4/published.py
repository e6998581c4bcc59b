"""Table 4 of Yaman et al. 2024, on the test part of LRS2. Knows numbers alone."""

from __future__ import annotations

__all__ = ["COLUMNS", "LOSSES", "PUBLISHED"]

LOSSES = ("lip-expert", "visual", "multi", "unsup")
"""Sync losses, the one that should be worst first."""
COLUMNS = ("SSIM", "PSNR", "FID", "LMD", "LSE-C", "LSE-D", "AVS_u", "AVS_m", "AVS_v")
"""Of the published rows."""
PUBLISHED: dict[str, tuple[str, ...]] = {
    "lip-expert": (".864", "26.424", "12.25", "2.423", "7.116", "7.396", ".301", ".637", ".423"),
    "visual": (".905", "29.248", "15.14", "1.798", "7.481", "6.556", ".381", ".765", ".545"),
    "multi": (".910", "30.014", "6.11", "1.774", "6.998", "6.794", ".395", ".789", ".575"),
    "unsup": (".947", "31.273", "4.51", "1.188", "7.958", "6.301", ".508", ".939", ".879"),
}
"""Loss -> values of `COLUMNS`."""
