"""Table 4 from answers: means over seeds, pairs told apart, the published rows, stability of the experts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from viseme.reproduce.table4.published import COLUMNS, LOSSES, PUBLISHED
from viseme.reproduce.table4.report import write_report

SETTINGS = {
    "recipe": "quick", "parameters": 0.75, "learnt": 3, "sync_steps": 5, "alone": "10", "num_dev": 6,
    "expert": "expert-tiny", "seeds": 2,
}  # fmt: skip


def answers() -> list[dict]:
    """Every loss betters the one before by .02 in `ssim`; `psnr` is the same for all."""
    found = []
    for number, loss in enumerate(LOSSES):
        for seed in range(2):
            rng = np.random.default_rng(seed)
            clips = {f"c{i}": {"ssim": 0.8 + 0.02 * number + rng.normal(0, 0.001), "psnr": 30.0} for i in range(6)}
            sets = {"fid-mbv2": 10.0 - number + seed}
            found.append({"loss": loss, "seed": seed, "clips": clips, "sets": sets, "left_out": {}})
    return found


def test_the_report_says_which_pairs_are_told_apart(tmp_path: Path) -> None:
    losses = {"lip-expert": [[0.1, 2.0], [0.2, 1.8]], "unsup": [[0.5, 0.5], [0.6, 0.5]]}
    result = write_report(tmp_path, answers(), ["ssim", "psnr", "fid-mbv2"], losses, SETTINGS)
    assert result.means["unsup"]["ssim"].value > result.means["lip-expert"]["ssim"].value
    assert "| unsup better than multi | yes (" in result.text
    assert "not told apart (0.00 [0.00, 0.00])" in result.text
    assert "7.5 (7.0 to 8.0)" in result.text
    assert "| unsup | .947 | 31.273 |" in result.text
    record = json.loads((tmp_path / "table4.json").read_text(encoding="utf-8"))
    assert record["means"]["unsup"]["ssim"]["low"] < record["means"]["unsup"]["ssim"]["high"]


def test_published_rows_are_whole() -> None:
    assert all(len(row) == len(COLUMNS) for row in PUBLISHED.values())
    assert set(PUBLISHED) == set(LOSSES)
