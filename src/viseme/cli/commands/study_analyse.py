"""`viseme study analyse`: what the raters of a study said."""

from __future__ import annotations

import json as jsonlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from viseme.cli.exits import ExitCode
from viseme.cli.screen import Screen

__all__ = ["EXAMPLES", "Options", "run"]

EXAMPLES = (
    ("What the raters said", "viseme study analyse answers/ --key study/key.json"),
    ("As a table for a paper", "viseme study analyse answers/*.csv --latex table.tex"),
)
"""What it does, and what to type."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the raters of a study said: means with 95 % intervals, and which methods differ.

    Raters who fail an attention check or do not finish are dropped and counted. Tests: Kruskal-Wallis, Tukey's HSD,
    and Dunn's with Holm's correction.
    """

    answers: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FILE.csv...")]
    """Files that raters downloaded, or folders of them."""
    key: Annotated[Path, tyro.conf.arg(metavar="KEY.json")] = Path("study/key.json")
    """The key that `viseme study make` wrote."""
    json: bool = False
    """Print one JSON object instead of the table."""
    csv: Annotated[Path | None, tyro.conf.arg(metavar="FILE.csv")] = None
    """Write means and tests as a table."""
    latex: Annotated[Path | None, tyro.conf.arg(metavar="FILE.tex")] = None
    """Write the means as a tabular for a paper."""
    keep_all: bool = False
    """Keep raters who failed an attention check or did not finish."""


def run(options: Options, screen: Screen) -> int:
    """Analyse, print, and write the files that were asked for."""
    from viseme.report.files import refuse_unwritable, replacing_text
    from viseme.report.study_tables import study_csv, study_latex, study_text
    from viseme.reproduce.user_study.analyse import study_analyse

    wanted = [(path, table) for path, table in ((options.csv, study_csv), (options.latex, study_latex)) if path]
    for path, _ in wanted:
        refuse_unwritable(path)
    analysis = study_analyse(options.answers, key=options.key, keep_all=options.keep_all)
    for path, table in wanted:
        with replacing_text(path) as file:
            file.write(table(analysis))
    screen.write(jsonlib.dumps(analysis.to_json()) + "\n" if options.json else study_text(analysis))
    return ExitCode.DONE
