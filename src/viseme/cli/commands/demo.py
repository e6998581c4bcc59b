"""`viseme demo`: check and fix the bundled samples, and write a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from viseme.cli.exits import ExitCode
from viseme.cli.lines import one_line
from viseme.cli.screen import Screen
from viseme.core.card import Card

if TYPE_CHECKING:
    from viseme.core.results import CheckResult
    from viseme.sync.repair import FixResult

__all__ = ["EXAMPLES", "DemoResult", "Options", "demo", "run"]

EXAMPLES = (
    ("Look at what viseme does", "viseme demo"),
    ("In a folder of your own", "viseme demo -o shown"),
)
"""What it does, and what to type."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Check the bundled samples, fix the one whose audio is late, and write a report with frames and curves."""

    out: Annotated[Path, tyro.conf.arg(metavar="FOLDER", aliases=["-o"])] = Path("demo")
    """Where the report and the fixed sample go; made when missing."""


@dataclass(frozen=True, kw_only=True, repr=False)
class DemoResult(Card):
    """What the demo found."""

    checks: tuple[CheckResult, ...]
    """The samples as they ship, then the fixed one."""
    fixed: FixResult | None
    """None when no sample was found out of sync."""
    report: Path
    """The page to open."""

    def facts(self) -> Mapping[str, Any]:
        """What the card shows."""
        return {"report": str(self.report), "checks": len(self.checks), "fixed": self.fixed and self.fixed.out}

    def to_json(self) -> dict[str, Any]:
        """Answers about every sample, and about the repair."""
        return {
            "checks": [check.to_json() for check in self.checks],
            "fixed": None if self.fixed is None else self.fixed.to_json(),
            "report": str(self.report),
        }


def demo(out: str | Path = "demo", *, on_check: Callable[[CheckResult], None] | None = None) -> DemoResult:
    """Check the bundled samples, fix the worst of them, and write a report.

    Args:
        out: A folder, made when missing; files of an earlier demo in it are replaced.
        on_check: Told each answer as it comes.

    Raises:
        DataError: the samples are not installed.
        VisemeError: a sample cannot be checked, or the folder cannot be written.
    """
    from viseme.core.errors import DataError, OutputError
    from viseme.report.html import write_report
    from viseme.sync.pipeline import check
    from viseme.sync.repair import fix
    from viseme.weights import assets_folder

    samples = sorted((assets_folder() / "samples").glob("*.mp4"))
    if not samples:
        raise DataError(f"there are no samples in {assets_folder() / 'samples'}; install the package again")
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made: {error.strerror}") from error

    def checked(path: Path) -> CheckResult:
        result = check(path, evidence=True)
        if on_check is not None:
            on_check(result)
        return result

    checks = [checked(sample) for sample in samples]
    worst = max(checks, key=lambda c: abs(c.estimate.audio_delay or 0))
    fixed = None
    if worst.estimate.verdict.value == "out_of_sync":
        source = Path(worst.file)
        target = folder / f"{source.stem}-fixed{source.suffix}"
        fixed = fix(source, target, overwrite=True)
        checks.append(checked(target))
    report = folder / "report.html"
    write_report(checks, report)
    return DemoResult(checks=tuple(checks), fixed=fixed, report=report)


def run(options: Options, screen: Screen) -> int:
    """Print what the demo finds."""
    from viseme.cli.tables import card
    from viseme.report.words import milliseconds

    screen.say("The samples that ship with viseme are synthetic people; every answer about them is known.\n\n")
    with screen.progress("checking the samples"):
        result = demo(options.out, on_check=lambda check: screen.show(card(check, screen.columns)))
    if result.fixed is not None:
        fixed = result.fixed
        left = fixed.residual.estimate
        told = left.words if left.audio_delay is None else f"{milliseconds(left.audio_delay)} left"
        screen.say(
            f"fixed   {one_line(Path(fixed.file).name)}: audio moved by {fixed.shift * 1000:+.1f} ms "
            f"({fixed.method}); {told}\n"
            f"        {one_line(fixed.out)}\n"
        )
    screen.say(f"report  {one_line(str(result.report.resolve()))}\n")
    return ExitCode.DONE if result.fixed is None or result.fixed.repaired else ExitCode.FAILED
