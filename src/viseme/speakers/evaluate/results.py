"""What an evaluation found, as text beside the published rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from viseme.metrics.detection import DetectionMetrics

__all__ = ["TABLE_III", "Columbia", "Evaluation", "first_of"]

TABLE_III = (
    ("self-supervised cosine (LWT)", 0.924, 0.962, 0.083),
    ("LMID, RGB E-Net, track-aligned", 0.934, 0.954, 0.104),
    ("RGBD Deep3D (DSP)", 0.929, 0.954, 0.109),
    ("RGBD E-Net (DSP)", 0.957, 0.971, 0.079),
)
"""Published on ASW test, without training on ASW: method, AP, AUROC, EER."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What was measured, on what, and what was missing."""

    corpus: str
    metrics: DetectionMetrics
    missing: tuple[str, ...] = ()
    """Labelled videos whose media were not there or could not be read; not scored."""
    num_unmatched: int = 0
    """Scored instants on which no face of ours lay."""
    recipe: str = ""
    """Scorer, alignment, weights."""
    published: tuple[tuple[str, float, float, float], ...] = ()
    """Rows to print beside ours: method, AP, AUROC, EER."""

    def __str__(self) -> str:
        m = self.metrics
        lines = [
            f"{self.corpus}: {len(m.videos)} videos, {m.num_instants} instants, {m.positive_rate:.1%} active "
            f"(AP by chance {m.positive_rate:.3f}); no face found for {self.num_unmatched} of them"
        ]
        if self.missing:
            lines.append(f"{len(self.missing)} labelled videos were not scored: {', '.join(self.missing)}")
        lines.append(f"{'method':<42} {'AP':>21}  {'AUROC':>21}  {'EER':>21}")
        for name, ap, roc, eer in self.published:
            lines.append(f"{name:<42} {ap:>7.3f}{'':<14}  {roc:>7.3f}{'':<14}  {eer:>7.3f}")
        values = (m.average_precision, m.area_under_roc, m.equal_error_rate)
        lines.append(f"{'viseme, ' + self.recipe:<42.42} " + "  ".join(f"{v!s:>21}" for v in values))
        lines.append(f"VOC-interpolated AP {m.voc_average_precision}; threshold at the EER {m.equal_error_score:.3f}")
        lines.append(f"videos: {', '.join(m.videos)}")
        return "\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class Columbia:
    """F1 of each speaker, and the mean of the five."""

    f1: dict[str, float]
    num_instants: dict[str, int]
    recipe: str = ""
    num_unmatched: int = 0

    @property
    def mean(self) -> float:
        """Unweighted, as published."""
        return sum(self.f1.values()) / len(self.f1)

    def __str__(self) -> str:
        each = ", ".join(f"{name} {100 * value:.1f} (n = {self.num_instants[name]})" for name, value in self.f1.items())
        return (
            f"Columbia, F1: {each}; mean {100 * self.mean:.1f}. viseme, {self.recipe}; "
            f"no face found for {self.num_unmatched} instants"
        )


def first_of(names: Sequence[str]) -> str:
    """The first three, for an error of one line."""
    more = f"; and {len(names) - 3} more" if len(names) > 3 else ""
    return ("; ".join(names[:3]) or "nothing") + more
