"""User studies: what raters get gives nothing away, and simulated raters come out as what they were."""

from __future__ import annotations

import csv
import errno
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from schemas import validate
from viseme import ConfigError, DataError, OutputError, StudyAnalysis, study_analyse, study_make
from viseme.cli.main import main
from viseme.report.study_tables import study_csv, study_latex, study_text

Answer = Callable[[str, str], int]
"""Method, question -> answer or rank."""


def folders(root: Path, clips: dict[str, int]) -> tuple[Path, ...]:
    """A folder of empty clips for each method, and how many."""
    for method, num in clips.items():
        (root / method).mkdir()
        for k in range(num):
            (root / method / f"take{k}.mp4").write_bytes(f"{method} {k}".encode())
    return tuple(root / method for method in clips)


def write_answers(folder: Path, rater: str, answer: Answer, *, obeys: bool = True, stops_after: int = 999) -> Path:
    """What the page would download for a simulated rater of the study in `folder`."""
    key = json.loads((folder / "key.json").read_text())
    lines = ["study,rater,position,item,clip,question,answer,seconds,plays"]
    for n, item in enumerate(key["items"][:stops_after]):
        for question in [q["name"] for q in key["questions"]]:
            said = {clip: answer(method, question) for clip, method in item["clips"].items()}
            if item["check"] and obeys:
                said = {clip: item["check"][clip][question] for clip in said}
            lines += [
                f"{key['study']},{rater},{n + 1},{item['item']},{c},{question},{a},9.0,1" for c, a in said.items()
            ]
    path = folder / f"{rater}.csv"
    path.write_text("\r\n".join(lines) + "\r\n")
    return path


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Two methods of three clips, rated."""
    study_make(folders(tmp_path, {"ours": 3, "theirs": 3}), out=tmp_path / "study")
    return tmp_path / "study"


@pytest.mark.parametrize("there", [False, True])
def test_a_full_disk_leaves_no_half_study(tmp_path: Path, there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    out = tmp_path / "study"
    if there:
        out.mkdir()
    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(OutputError, match="study cannot be written: No space left"):
        study_make(folders(tmp_path, {"ours": 1, "theirs": 1}), out=out)
    assert out.exists() == there
    assert not there or list(out.iterdir()) == []


def fair(method: str, question: str) -> int:
    return 4 if method == "ours" else 2


@pytest.mark.parametrize("kind", ["rating", "ranking"])
def test_raters_learn_no_name(tmp_path: Path, kind: str) -> None:
    made = study_make(folders(tmp_path, {"Method-A": 3, "Real_B": 3}), out=tmp_path / "out", kind=kind)
    page = Path(made.page).read_text()
    names = [p.name for p in (tmp_path / "out" / "raters" / "clips").iterdir()]
    assert not re.search(r"Method-A|Real_B|take\d", page + "".join(names))
    assert all(re.fullmatch(r"[0-9a-f]{12}\.mp4", name) and name in page for name in names)
    key = json.loads((tmp_path / "out" / "key.json").read_text())
    shown = {clip: (method, item["source"]) for item in key["items"] for clip, method in item["clips"].items()}
    for name, (method, source) in shown.items():
        content = (tmp_path / "out" / "raters" / "clips" / name).read_bytes().decode()
        assert content == f"{method} {source.removeprefix('take')}"
    assert (made.num_clips, made.num_screens) == (3, 8 if kind == "rating" else 5)


def test_the_page_allows_its_own_script_and_nothing_else(study: Path) -> None:
    page = (study / "raters" / "study.html").read_text()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy
    assert re.fullmatch(
        r"default-src 'none'; script-src 'sha256-\S+'; style-src 'sha256-\S+'; media-src 'self' file:; "
        r"base-uri 'none'; form-action 'none'",
        policy[1],
    )
    assert not re.search(r"https?://| style=| on[a-z]+=|\beval\b|innerHTML", page)


def test_a_title_cannot_leave_its_place(tmp_path: Path) -> None:
    title = "</script><script>alert(1)</script>"
    questions = tmp_path / "q.json"
    questions.write_text(json.dumps([{"name": "q", "text": title, "labels": ["</script>", "b"]}]))
    made = study_make(folders(tmp_path, {"a": 1, "b": 1}), out=tmp_path / "out", title=title, questions=str(questions))
    assert Path(made.page).read_text().count("</script>") == 2


def test_the_seed_decides(tmp_path: Path) -> None:
    methods = folders(tmp_path, {"a": 2, "b": 2})
    keys = []
    for name, seed in (("one", 1), ("same", 1), ("other", 2)):
        study_make(methods, out=tmp_path / name, seed=seed)
        keys.append((tmp_path / name / "key.json").read_text())
    assert keys[0] == keys[1] != keys[2]


def test_ratings_come_back_under_their_method(study: Path) -> None:
    for rater in ("p1", "p2"):
        write_answers(study, rater, lambda m, q, r=rater: fair(m, q) + (r == "p2"))
    found = study_analyse([study], key=study / "key.json")
    validate("study", found.to_json())
    sync = found.questions[0]
    assert [(m.method, m.mean, m.num_ratings) for m in sync.methods] == [("ours", 4.5, 6), ("theirs", 2.5, 6)]
    assert sync.methods[0].shares == {"4": 0.5, "5": 0.5}
    assert sync.methods[0].interval == pytest.approx((4.5 - 12.7062 / 2, 4.5 + 12.7062 / 2), abs=1e-3)
    assert (sync.pairs[0].difference, found.num_kept) == (2.0, 2)


def test_who_fails_a_check_or_stops_is_dropped_and_counted(study: Path) -> None:
    write_answers(study, "good", fair)
    write_answers(study, "asleep", lambda m, q: 5, obeys=False)
    write_answers(study, "gone", lambda m, q: 1, stops_after=3)
    found = study_analyse([study], key=study / "key.json")
    assert (found.num_raters, found.num_kept) == (3, 1)
    assert {d.rater: (d.reason, d.failed) for d in found.dropped} == {
        "asleep": ("failed attention check", 1),
        "gone": ("unfinished", 0),
    }
    assert found.questions[0].methods[0].interval is None
    assert study_analyse([study], key=study / "key.json", keep_all=True).num_kept == 3
    validate("study", found.to_json())


def test_a_file_that_was_sent_twice_counts_once(study: Path) -> None:
    path = write_answers(study, "p1", fair)
    (study / "copy.csv").write_text(path.read_text())
    found = study_analyse([study], key=study / "key.json")
    assert (found.num_raters, found.repeated_files) == (1, 1)


def test_ranks_become_scores_from_1_to_5(tmp_path: Path) -> None:
    out = tmp_path / "study"
    study_make(folders(tmp_path, {"a": 2, "b": 2, "c": 2}), out=out, kind="ranking")
    write_answers(out, "p1", lambda m, q: {"a": 1, "b": 2, "c": 3}[m])
    write_answers(out, "p2", lambda m, q: {"a": 1, "b": 3, "c": 2}[m])
    found = study_analyse([out], key=out / "key.json")
    assert [m.mean for m in found.questions[0].methods] == [5.0, 2.0, 2.0]


LIPSYNC3D = {"Real": (5, 2.95, 0.03), "IJCV19": (5, 2.45, 0.11), "Wav2Lip": (6, 1.72, 0.12), "NVP": (5, 1.80, 0.13)}
LIPSYNC3D |= {"TBE": (2, 2.17, 0.17), "Proposed": (6, 2.46, 0.10)}
"""Category -> clips (ours: the paper gives only their sum, 29), and the paper's lip-sync score with its interval."""


def test_simulated_raters_of_lipsync3d_come_out_as_printed(tmp_path: Path) -> None:
    """35 raters of 29 clips whose answers have the printed means: the same means, intervals and differences."""
    assert sum(num for num, _, _ in LIPSYNC3D.values()) == 29
    rng = np.random.default_rng(0)
    lists = {}
    for method, (num, mean, _) in LIPSYNC3D.items():
        good = max(0.0, mean - 2) + 0.22 * (1 < mean < 2.9)  # shares of 3 and of 1, so that the mean is as printed
        bad = good - (mean - 2)
        count = 35 * num
        answers = np.repeat([3, 1, 2], [k := round(good * count), b := max(0, round(bad * count)), count - k - b])
        lists[method] = list(rng.permutation(answers))
    sources = folders(tmp_path, dict.fromkeys(LIPSYNC3D, 6))
    study_make(sources, out=tmp_path / "study", questions="lipsync3d", checks=0)
    key_file = tmp_path / "study" / "key.json"
    key = json.loads(key_file.read_text())
    left = {m: num for m, (num, _, _) in LIPSYNC3D.items()}
    items = []
    for item in key["items"]:  # the paper's methods had different numbers of clips
        (method,) = item["clips"].values()
        left[method] -= 1
        items += [item] if left[method] >= 0 else []
    key_file.write_text(json.dumps({**key, "items": items, "questions": key["questions"][1:2]}))
    for rater in range(35):
        write_answers(tmp_path / "study", f"p{rater}", lambda m, q: int(lists[m].pop()))
    (sync,) = study_analyse([tmp_path / "study"], key=key_file).questions
    for score in sync.methods:
        num, mean, half = LIPSYNC3D[score.method]
        assert (score.num_ratings, score.mean) == (35 * num, pytest.approx(mean, abs=0.02))
        assert score.half_width == pytest.approx(half, abs=0.025)
    assert sync.kruskal_h is not None
    assert sync.kruskal_p is not None
    assert sync.kruskal_p < 1e-4
    assert 200 < sync.kruskal_h < 480  # 279 in the paper, whose shares are not printed
    p = {frozenset((pair.first, pair.second)): pair.tukey_p or 0.0 for pair in sync.pairs}
    assert p[frozenset(("Proposed", "IJCV19"))] > 0.05  # "not significant"
    assert p[frozenset(("Proposed", "TBE"))] < 0.1  # .035; ours .051, with clips and shares that are not the paper's
    assert max(p[frozenset(("Proposed", other))] for other in ("Wav2Lip", "NVP")) < 1e-4


@pytest.fixture
def analysis(study: Path) -> StudyAnalysis:
    rng = np.random.default_rng(1)
    for k in range(5):
        write_answers(study, f"p{k}", lambda m, q: fair(m, q) + int(rng.integers(0, 2)))
    return study_analyse([study], key=study / "key.json")


def test_tables_hold_what_was_found(analysis: StudyAnalysis) -> None:
    mean = f"{analysis.questions[0].methods[0].mean:.2f}"
    text, latex = study_text(analysis), study_latex(analysis)
    assert "5 of 5 count" in text
    assert f"ours     {mean}" in re.sub(" +", " ", text).replace("ours ", "ours     ", 1)
    assert rf"ours & $\mathbf{{{mean}}} \pm" in latex
    rows = list(csv.DictReader(io.StringIO(study_csv(analysis))))
    assert len(rows) == 3 * (2 + 1)
    assert float(rows[0]["mean"]) == analysis.questions[0].methods[0].mean
    assert rows[2]["other_method"] == "theirs"


def test_the_commands(study: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write_answers(study, "p1", fair)
    files = ["--csv", str(tmp_path / "t.csv"), "--latex", str(tmp_path / "t.tex")]
    assert main(["study", "analyse", str(study), "--key", str(study / "key.json"), "--json", *files]) == 0
    validate("study", json.loads(capfd.readouterr().out))
    assert (tmp_path / "t.tex").read_text().count("\\begin{tabular}") == 1
    assert main(["study", "make", str(tmp_path / "ours"), str(tmp_path / "theirs"), "-o", str(tmp_path / "new")]) == 0
    assert "hand out" in capfd.readouterr().out


def test_what_cannot_be_a_study_is_refused(tmp_path: Path, study: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    out = tmp_path / "out"
    with pytest.raises(ConfigError, match="two folders"):
        study_make((ours,), out=out)
    with pytest.raises(OutputError, match="not empty"):
        study_make((ours, theirs), out=study)
    (theirs / "take2.mp4").unlink()
    with pytest.raises(DataError, match="lacks take2"):
        study_make((ours, theirs), out=out)
    assert study_make((ours, theirs), out=out, common=True).num_clips == 2
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="no clip that browsers play"):
        study_make((ours, tmp_path / "none"), out=tmp_path / "more")
    with pytest.raises(DataError, match="neither a file nor one of: yaman, lipsync3d"):
        study_make((ours, theirs), out=tmp_path / "more", questions="mos")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.replace("answer", "said"), "lacks the columns answer"),
        (lambda t: re.sub(r"(?m)^[0-9a-f]{10},", "0123456789,", t), "belongs to study 0123456789"),
        (lambda t: re.sub(r",[24],9\.0", ",7,9.0", t), "not a number from 1 to 5"),
        (lambda t: t.replace(",s001,", ",s999,"), "did not ask"),
        (lambda t: t.partition("\r\n")[0] + "\r\n", "holds no answers"),
    ],
    ids=["columns", "study", "scale", "item", "empty"],
)
def test_answers_of_something_else_are_refused(study: Path, change: Callable[[str], str], message: str) -> None:
    path = write_answers(study, "p1", fair)
    path.write_bytes(change(path.read_bytes().decode()).encode())
    with pytest.raises(DataError, match=message):
        study_analyse([path], key=study / "key.json")


def test_other_bad_inputs(study: Path) -> None:
    path = write_answers(study, "p1", fair)
    with pytest.raises(DataError, match="not the key of a study"):
        study_analyse([path], key=path)
    with pytest.raises(DataError, match="no answers were given"):
        study_analyse([], key=study / "key.json")
    (study / "b.csv").write_text(path.read_text().replace(",4,9.0", ",3,9.0"))
    with pytest.raises(DataError, match="different answers of rater p1"):
        study_analyse([study], key=study / "key.json")
    write_answers(study, "p1", lambda m, q: 3, obeys=False)
    (study / "b.csv").unlink()
    with pytest.raises(DataError, match="no rater is left"):
        study_analyse([path], key=study / "key.json")
