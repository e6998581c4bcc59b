"""`viseme study analyse`: answers of raters and the key become means, intervals and tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from math import isfinite
from pathlib import Path

import numpy as np

from viseme.core.errors import DataError
from viseme.core.studies import DroppedRater, MethodScore, PairTest, QuestionResult, StudyAnalysis, StudyKey
from viseme.metrics.group_tests import dunn, kruskal_wallis, tukey_hsd
from viseme.metrics.mean_opinion import mean_opinion, rank_score
from viseme.reproduce.user_study.answers import RaterAnswers, read_answers, read_key

__all__ = ["study_analyse"]

Ratings = dict[str, dict[str, list[float]]]
"""Method -> rater -> ratings."""


def study_analyse(answers: Sequence[str | Path], *, key: str | Path, keep_all: bool = False) -> StudyAnalysis:
    """What raters said: means with 95 % intervals, and tests of whether methods differ.

    Raters who failed an attention check, or did not finish, are dropped and counted. Attention checks are no ratings.
    The tests take ratings as independent, as the papers do; ratings of one rater are not quite.

    Args:
        answers: CSV files that raters downloaded, or folders of them.
        key: The `key.json` of the study.
        keep_all: Keep raters who failed a check or did not finish; nobody is dropped.

    Raises:
        DataError: a file is not of this study, no rater is left, or nobody rated a method.

    Source:
        Lahiri et al., LipSync3D, appendix A: Kruskal-Wallis and Tukey's HSD. Dunn's test fits ranks better.
    """
    truth = read_key(Path(key))
    raters, repeated = read_answers([Path(a) for a in answers], truth)
    dropped = [] if keep_all else [why for rater in raters if (why := _fault(rater, truth))]
    names = {why.rater for why in dropped}
    kept = [rater for rater in raters if rater.rater not in names]
    if not kept:
        raise DataError(f"no rater is left: all {len(raters)} failed an attention check or did not finish")
    return StudyAnalysis(
        study=truth.study,
        title=truth.title,
        kind=truth.kind,
        num_raters=len(raters),
        num_kept=len(kept),
        dropped=tuple(dropped),
        repeated_files=repeated,
        questions=tuple(_question(q.name, truth, kept) for q in truth.questions),
    )


def _fault(rater: RaterAnswers, key: StudyKey) -> DroppedRater | None:
    """Why a rater's answers do not count."""
    failed = 0
    for item in key.items:
        if item.check is not None:
            asked = [(rater.given.get((item.item, c, q)), a) for c, row in item.check.items() for q, a in row.items()]
            failed += any(given is not None and given != answer for given, answer in asked)
    if failed:
        return DroppedRater(rater.rater, "failed attention check", failed)
    whole = sum(len(item.clips) for item in key.items) * len(key.questions)
    return DroppedRater(rater.rater, "unfinished", 0) if len(rater.given) < whole else None


def _question(name: str, key: StudyKey, raters: Sequence[RaterAnswers]) -> QuestionResult:
    question = next(q for q in key.questions if q.name == name)
    ratings = _ratings(name, key, raters)
    if empty := [method for method in key.methods if not ratings[method]]:
        raise DataError(f"nobody rated {empty[0]} under {name}; wait for more raters, or leave out --keep-all")
    groups = [[v for row in ratings[method].values() for v in row] for method in key.methods]
    whole, tukey, ranks = kruskal_wallis(groups), tukey_hsd(groups), dunn(groups)
    pairs = []
    for i, j in combinations(range(len(groups)), 2):
        means, order = tukey[i, j] if tukey else None, ranks[i, j] if ranks else None
        pairs.append(
            PairTest(
                first=key.methods[i],
                second=key.methods[j],
                difference=float(np.mean(groups[i]) - np.mean(groups[j])),
                tukey_interval=(means.low, means.high) if means else None,
                tukey_p=means.p if means else None,
                dunn_z=order.z if order else None,
                dunn_p=order.p if order else None,
                dunn_p_holm=order.p_holm if order else None,
            )
        )
    return QuestionResult(
        name=name,
        low=float(question.low) if key.kind == "rating" else 1.0,
        high=float(question.high) if key.kind == "rating" else 5.0,
        methods=tuple(_score(m, ratings[m], group) for m, group in zip(key.methods, groups)),
        kruskal_h=whole.h if whole else None,
        kruskal_df=whole.df if whole else None,
        kruskal_p=whole.p if whole else None,
        pairs=tuple(pairs),
    )


def _ratings(name: str, key: StudyKey, raters: Sequence[RaterAnswers]) -> Ratings:
    """Ratings on the scale of the question, the higher the better; without attention checks."""
    found: Ratings = {method: {} for method in key.methods}
    for rater in raters:
        for item in key.items:
            for clip, method in item.clips.items() if item.check is None else ():
                given = rater.given.get((item.item, clip, name))
                if given is not None:
                    score = float(given) if key.kind == "rating" else rank_score(given, len(item.clips))
                    found[method].setdefault(rater.rater, []).append(score)
    return found


def _score(method: str, ratings: Mapping[str, list[float]], group: Sequence[float]) -> MethodScore:
    by_rater = mean_opinion([float(np.mean(row)) for row in ratings.values()])
    single = mean_opinion(group)
    return MethodScore(
        method=method,
        mean=single.value,
        interval=_centred(single.value, by_rater.high - by_rater.value),
        half_width=single.high - single.value if isfinite(single.high) else None,
        num_ratings=len(group),
        shares={f"{v:g}": n / len(group) for v, n in sorted(Counter(group).items())},
    )


def _centred(mean: float, half: float) -> tuple[float, float] | None:
    return (mean - half, mean + half) if isfinite(half) else None
