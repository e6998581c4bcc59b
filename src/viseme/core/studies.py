"""User studies: what raters are asked, the key that says which clip is whose, and what their answers come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from viseme.core.card import Card

__all__ = [
    "KEY_SCHEMA",
    "STUDY_SCHEMA",
    "DroppedRater",
    "MethodScore",
    "PairTest",
    "QuestionResult",
    "StudyAnalysis",
    "StudyFolder",
    "StudyItem",
    "StudyKey",
    "StudyQuestion",
]

KEY_SCHEMA = "viseme.study-key/1"
STUDY_SCHEMA = "viseme.study/1"


@dataclass(frozen=True)
class StudyQuestion:
    """One question about every clip."""

    name: str
    """Short, for tables: sync."""
    text: str
    """What the rater reads."""
    labels: tuple[str, ...]
    """Words of the answers, the worst first; the answers are numbers from `low` upwards."""
    low: int = 1

    @property
    def high(self) -> int:
        """The best answer."""
        return self.low + len(self.labels) - 1


@dataclass(frozen=True)
class StudyItem:
    """One screen of the page."""

    item: str
    """Anonymous name."""
    source: str
    """Name of the clip in the folders of the methods."""
    clips: Mapping[str, str]
    """Anonymous name of a clip -> its method."""
    check: Mapping[str, Mapping[str, int]] | None = None
    """Of an attention check: anonymous name of a clip -> question -> the answer that the page asks for."""


@dataclass(frozen=True)
class StudyKey:
    """What the analyst keeps and no rater sees."""

    study: str
    """Identifies the study; answers carry it too."""
    title: str
    kind: Literal["rating", "ranking"]
    seed: int
    questions: tuple[StudyQuestion, ...]
    methods: tuple[str, ...]
    items: tuple[StudyItem, ...]

    def to_json(self) -> dict[str, Any]:
        """The content of `key.json`."""
        return {"schema": KEY_SCHEMA, **asdict(self)}


@dataclass(frozen=True, repr=False)
class StudyFolder(Card):
    """What `study make` wrote."""

    page: str
    """`raters/study.html`: the folder around it goes to raters."""
    key: str
    """`key.json`: stays with the analyst."""
    kind: str
    methods: tuple[str, ...]
    num_clips: int
    """A method."""
    num_screens: int
    num_checks: int
    """Of these screens."""

    def facts(self) -> Mapping[str, Any]:
        """What to hand out, what to keep, and how long it is."""
        return self.to_json()

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class DroppedRater:
    """A rater whose answers do not count."""

    rater: str
    reason: Literal["failed attention check", "unfinished"]
    failed: int
    """Attention checks answered otherwise than asked."""


@dataclass(frozen=True)
class MethodScore:
    """One method under one question."""

    method: str
    mean: float
    interval: tuple[float, float] | None
    """95 %, from one mean a rater: what other raters would say. None with a single rater."""
    half_width: float | None
    """Half the 95 % interval from single ratings, as papers print it; too small where raters differ."""
    num_ratings: int
    shares: Mapping[str, float]
    """Answer -> its share of the ratings, 0 to 1."""


@dataclass(frozen=True)
class PairTest:
    """Two methods under one question."""

    first: str
    second: str
    difference: float
    """Mean of the first less mean of the second."""
    tukey_interval: tuple[float, float] | None
    tukey_p: float | None
    dunn_z: float | None
    dunn_p: float | None
    dunn_p_holm: float | None


@dataclass(frozen=True)
class QuestionResult:
    """One question."""

    name: str
    low: float
    high: float
    """Ends of the scale; the high end is the best."""
    methods: tuple[MethodScore, ...]
    kruskal_h: float | None
    kruskal_df: int | None
    kruskal_p: float | None
    """None when nothing can be tested: all ratings are equal."""
    pairs: tuple[PairTest, ...]


@dataclass(frozen=True, repr=False)
class StudyAnalysis(Card):
    """What raters said."""

    study: str
    title: str
    kind: str
    num_raters: int
    """Who handed in answers."""
    num_kept: int
    dropped: tuple[DroppedRater, ...]
    repeated_files: int
    """Files with the same answers as another; they count once."""
    questions: tuple[QuestionResult, ...]

    def facts(self) -> Mapping[str, Any]:
        """Raters, and the best method of each question."""
        best = {q.name: max(q.methods, key=lambda m: m.mean).method for q in self.questions}
        return {"study": self.study, "num_raters": self.num_raters, "num_kept": self.num_kept, **best}

    def to_json(self) -> dict[str, Any]:
        """Plain values; see docs/schemas/study.json."""
        return {"schema": STUDY_SCHEMA, **asdict(self)}
