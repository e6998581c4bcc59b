"""`viseme study make`: folders of clips, one a method, become a page for raters and a key for the analyst."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import tyro

from viseme.core.errors import ConfigError, DataError, OutputError
from viseme.core.studies import StudyFolder, StudyItem, StudyKey, StudyQuestion
from viseme.report.files import replacing_text
from viseme.report.study_pages import attention_check, write_study_page
from viseme.reproduce.user_study.questions import read_questions

__all__ = ["PLAYABLE", "study_make"]

PLAYABLE = (".m4v", ".mov", ".mp4", ".ogv", ".webm")
"""Containers that browsers play."""
MOST_SIDE_BY_SIDE = 12


def study_make(
    folders: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER...")],
    *,
    out: Annotated[Path, tyro.conf.arg(metavar="OUT", aliases=["-o"])] = Path("study"),
    kind: Literal["rating", "ranking"] = "rating",
    questions: Annotated[str, tyro.conf.arg(metavar="yaman|lipsync3d|FILE.json")] = "yaman",
    title: str = "Talking faces: a short study",
    checks: int = 2,
    seed: int = 0,
    common: bool = False,
) -> StudyFolder:
    """A user study of talking faces: a page for raters that needs no server, and a key for the analyst.

    Each folder holds the clips of one method, and is named for it; clips of the same name belong together. OUT/raters
    is what raters get: study.html and the clips under names that say nothing. OUT/key.json stays with you.

    Args:
        folders: One a method, real videos too; at least two.
        out: Folder to write; made, and empty if it exists.
        kind: "rating": one clip a screen, each question on its scale (LipSync3D). "ranking": all methods of a clip side
            by side, ranked under each question (Yaman et al.).
        questions: Those of a paper, or a JSON file: a list of {"name", "text", "labels"}, the worst label first.
        title: Of the page.
        checks: Screens that say what to answer. With two or more, whoever answers the same everywhere fails one.
        seed: Of the names of clips and of each rater's order.
        common: Use only clips that every folder has, instead of refusing.

    Returns:
        Where the page and the key are, and how long the study is.

    Raises:
        ConfigError: fewer than two folders, two of the same name, or `checks` below 0.
        DataError: a folder is missing or without clips, names do not match, or the questions cannot be read.
        OutputError: the folder is not empty or cannot be written.

    Source:
        Yaman et al., section 4.4; Lahiri et al., LipSync3D, section 5 and appendix A.
    """
    _refuse(folders, kind, checks)
    asked = read_questions(questions)
    clips = _matched(folders, common)
    if out.is_dir() and any(out.iterdir()):
        raise OutputError(f"{out} is not empty; name another folder with --out, or remove it first")
    key, copies = _draw(folders, clips, asked, kind=kind, title=title, checks=checks, seed=seed)
    there = out.is_dir()
    try:
        _write(out, key, copies)
    except BaseException:  # a study is there complete or not at all
        shutil.rmtree(out / "raters", ignore_errors=True)
        if not there:
            shutil.rmtree(out, ignore_errors=True)
        raise
    return StudyFolder(
        page=str(out / "raters" / "study.html"),
        key=str(out / "key.json"),
        kind=kind,
        methods=key.methods,
        num_clips=len(clips),
        num_screens=len(key.items),
        num_checks=checks,
    )


def _write(out: Path, key: StudyKey, copies: Mapping[str, Path]) -> None:
    """Clips under new names, the page of raters, and the key, which comes last."""
    try:
        (out / "raters" / "clips").mkdir(parents=True, exist_ok=True)
        for name, source in copies.items():
            shutil.copyfile(source, out / "raters" / "clips" / name)
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror}") from error
    write_study_page(out / "raters" / "study.html", key)
    with replacing_text(out / "key.json") as file:
        file.write(json.dumps(key.to_json(), indent=1) + "\n")


def _refuse(folders: Sequence[Path], kind: str, checks: int) -> None:
    if len(folders) < 2:
        raise ConfigError("a study compares methods: name two folders of clips or more")
    names = [f.resolve().name for f in folders]
    if len(set(names)) < len(names):
        raise ConfigError("two folders have the same name; each is named for its method")
    if checks < 0:
        raise ConfigError(f"--checks must be 0 or more, not {checks}")
    if kind == "ranking" and len(folders) > MOST_SIDE_BY_SIDE:
        raise ConfigError(f"{len(folders)} clips side by side are too many to rank; at most {MOST_SIDE_BY_SIDE}")


def _matched(folders: Sequence[Path], common: bool) -> dict[str, list[Path]]:
    """Name of a clip -> its file in each folder."""
    found = [_clips(folder) for folder in folders]
    shared = set.intersection(*map(set, found))
    for folder, clips in zip(folders, found):
        lacking = sorted(set().union(*found) - set(clips))
        if lacking and not common:
            some = ", ".join(lacking[:3]) + (" and others" if len(lacking) > 3 else "")
            raise DataError(f"{folder} lacks {some}, which another folder has; --common uses only clips that all have")
    if not shared:
        raise DataError("no clip is in every folder; clips of one source need the same name in each")
    return {name: [clips[name] for clips in found] for name in sorted(shared)}


def _clips(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder of clips")
    clips: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in PLAYABLE and path.is_file() and not path.name.startswith("."):
            if path.stem in clips:
                raise DataError(f"{folder} has two clips named {path.stem}; keep one")
            clips[path.stem] = path
    if not clips:
        raise DataError(f"{folder} has no clip that browsers play ({', '.join(PLAYABLE)})")
    return clips


def _draw(
    folders: Sequence[Path],
    clips: Mapping[str, Sequence[Path]],
    questions: tuple[StudyQuestion, ...],
    *,
    kind: Literal["rating", "ranking"],
    title: str,
    checks: int,
    seed: int,
) -> tuple[StudyKey, dict[str, Path]]:
    """The key, and the file behind each anonymous name. Every check has copies of its own, so names tell nothing."""
    methods = tuple(folder.resolve().name for folder in folders)
    rng = random.Random(f"study {seed}")
    copies: dict[str, Path] = {}

    def hidden(path: Path) -> str:
        name = f"{rng.getrandbits(48):012x}{path.suffix.lower()}"
        copies[name] = path
        return name

    def screen(source: str, chosen: Sequence[int]) -> dict[str, str]:
        named = {hidden(clips[source][k]): methods[k] for k in chosen}
        return dict(sorted(named.items()))

    everyone = range(len(methods))
    screens: list[tuple[str, dict[str, str], dict[str, dict[str, int]] | None]] = [
        (source, screen(source, chosen), None)
        for source in clips
        for chosen in ([everyone] if kind == "ranking" else [[k] for k in everyone])
    ]
    for number in range(checks):
        source = rng.choice(list(clips))
        named = screen(source, everyone if kind == "ranking" else [rng.randrange(len(methods))])
        screens.append((source, named, attention_check(kind, questions, list(named), last=number % 2 == 0)))
    rng.shuffle(screens)
    items = tuple(StudyItem(f"s{n + 1:03d}", *rest) for n, rest in enumerate(screens))
    identity = json.dumps([kind, seed, [q.name for q in questions], [list(i.clips) for i in items]])
    study = hashlib.sha256(identity.encode()).hexdigest()[:10]
    return StudyKey(study, title, kind, seed, questions, methods, items), copies
