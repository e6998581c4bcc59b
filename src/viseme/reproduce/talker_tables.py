"""`viseme reproduce talker-tables`: a talker on LRS2, LRW, HDTF or open clips, beside Tables 1 and 2 of Yaman et al.

Knows the protocol: every clip says its own audio again, with a reference a second away; counts are asserted. Clips are
dubbed as users dub, marked as synthetic, and kept, so that a run goes on where it was stopped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from viseme.avatar.dub import dub
from viseme.compose.interface import AnybodysFace, face_generators
from viseme.core.errors import ConfigError, DataError, FaceError, MediaError
from viseme.core.extras import import_part
from viseme.core.scores import MetricValue, ScoreResult
from viseme.data.interface import corpora
from viseme.data.manifest import read_held_out
from viseme.engine.progress import Bar
from viseme.metrics.intervals import Interval
from viseme.metrics.metric_choice import short_name
from viseme.metrics.pipeline import score
from viseme.reproduce.table2.study import LEFT_OUT, evenly
from viseme.reproduce.tables import Table, write_tables
from viseme.reproduce.talker_runs import measured_names

__all__ = ["PUBLISHED", "TalkerTables", "reproduce_talker_tables"]

COLUMNS = ("SSIM", "PSNR", "FID", "LMD", "LSE-C", "LSE-D", "AVS_u", "AVS_m", "AVS_v")
PUBLISHED: dict[str, dict[str, str]] = {
    "lrs2": {
        "Wav2Lip": ".865 26.538 7.05 2.388 7.594 6.759 .248 .659 .289",
        "VideoReTalking": ".841 25.584 9.28 2.612 7.499 6.824 .361 .763 .426",
        "DINet": ".785 24.354 4.26 2.301 5.376 8.376 .291 .758 .425",
        "TalkLip": ".860 26.112 4.94 2.344 8.530 6.086 .570 .895 .702",
        "IP_LAP": ".877 29.670 4.10 2.119 6.495 7.165 .331 .711 .479",
        "Yaman et al.": ".947 31.273 4.51 1.188 7.958 6.301 .508 .939 .879",
    },
    "lrw": {
        "Wav2Lip": ".851 25.144 6.81 2.147 7.490 6.512 .242 .537 .268",
        "VideoReTalking": ".873 27.110 5.30 2.390 6.598 7.123 .383 .758 .557",
        "DINet": ".886 27.501 8.17 1.963 5.249 9.099 .276 .638 .360",
        "TalkLip": ".868 26.349 15.73 1.836 7.281 6.485 .581 .813 .604",
        "IP_LAP": ".917 30.456 8.40 1.641 5.949 7.767 .272 .593 .331",
        "Yaman et al.": ".919 30.185 6.21 1.487 7.738 6.456 .554 .856 .762",
    },
    "hdtf": {
        "Wav2Lip": ".841 24.812 35.41 1.341 9.054 6.414 .297 .514 .358",
        "VideoReTalking": ".830 24.551 29.77 3.085 6.121 7.368 .384 .677 .570",
        "TalkLip": ".820 25.229 25.10 2.981 6.189 7.276 .591 .823 .730",
        "IP_LAP": ".869 27.801 22.09 2.217 5.563 8.495 .459 .661 .528",
        "Yaman et al.": ".933 30.579 16.76 1.292 8.106 6.765 .538 .892 .783",
    },
}
"""Tables 1 and 2 of Yaman et al. 2024: corpus -> method -> values of `COLUMNS`."""
NETWORKS = (
    "FID with Inception's features, LMD of 68 landmarks, LSE with SyncNet, AVS with AV-HuBERT base; alignment and "
    "crops of the paper are not known: compare where the same networks measured"
)
HEAD = """# Talkers: Tables 1 and 2 of Yaman et al.

Every clip says its own audio again, with an identity reference a second or more away. Failed clips count at the floor
of each metric. Brackets: 95 % bootstrap over clips.
"""


@dataclass(frozen=True, kw_only=True)
class TalkerTables:
    """What `viseme reproduce talker-tables` found."""

    path: Path
    """The Markdown file; the JSON file lies beside it."""
    means: dict[str, dict[str, float]]
    """Corpus -> metric -> value."""
    text: str
    """The Markdown."""

    def __str__(self) -> str:
        return self.text


def reproduce_talker_tables(
    out: Path = Path("runs/tables"),
    *,
    talker: Path | None = None,
    data: Path | None = None,
    lrs2: Path | None = None,
    lrw: Path | None = None,
    hdtf: Path | None = None,
    clips: int | None = None,
    expert: str = "expert-tiny",
    syncnet: Path | None = None,
    inception: Path | None = None,
    work: Path = Path("runs/talker-tables"),
    jobs: int = 1,
    check: bool = True,
) -> TalkerTables:
    """Run a talker over test sets as Yaman et al. did, and write Tables 1 and 2 beside the published rows.

    Args:
        out: Folder for `talker-tables.md` and `talker-tables.json`.
        talker: Weights of `viseme train talker`; None = the talker that ships.
        data: Open clips: a folder with manifest.csv, of which those marked `dev` are measured.
        lrs2: Your LRS2 (`mvlrs_v1`), whose test part is measured: 1,243 clips.
        lrw: Your LRW (`lipread_mp4`), whose test part is measured: 25,000 clips.
        hdtf: Your HDTF: a folder of clips, cut from 362 videos.
        clips: How many clips of each, at most, evenly spread; None = all.
        expert: Name or file of the speech expert that measures AVS; for the published scale, AV-HuBERT base, imported.
        syncnet: Your copy of SyncNet, for LSE-C and LSE-D.
        inception: Your Inception network, for FID.
        work: Where dubbed clips and scores are kept; what is there is not done again.
        jobs: Clips scored at once.
        check: Refuse a corpus whose counts are not those published; False = take what is there.

    Raises:
        ConfigError: no clips are named.
        DataError: a corpus is not there, or has other counts.
        WeightsError: the talker, or a network that measures, is missing or damaged.
    """
    import_part("numba")  # what is missing is told before the work and not after it
    given = {"lrs2": lrs2, "lrw": lrw, "hdtf": hdtf}
    sets = {n: [c.path for c in corpora[n](folder, "test", check=check)] for n, folder in given.items() if folder}
    if data is not None:
        rows = [r for r in read_held_out(data, ("dev",)) if r.source not in LEFT_OUT]
        sets["open clips"] = [r.path for r in rows if r.audio_delay is not None]
    if not sets:
        raise ConfigError("say what to measure on: --data, --lrs2, --lrw or --hdtf")
    who = face_generators["talker"](talker)
    files = [None if f is None else str(f) for f in (syncnet, inception)]
    names = measured_names(expert, *files)
    found, notes = {}, {}
    for name, paths in sets.items():
        some = evenly(paths, len(paths) if clips is None else clips)
        folder = work / who.id.replace("/", "-") / name.replace(" ", "-")
        notes[name] = _dubbed(some, who, folder, name)
        found[name] = score(
            folder / "generated",
            folder / "real",
            metrics=names,
            expert=expert,
            syncnet=files[0],
            inception=files[1],
            jobs=jobs,
            resume=folder / "scores.jsonl",
        )
    tables = [t for name, result in found.items() for t in _tables(name, result, names, notes[name])]
    record: dict[str, Any] = {name: result.to_json() for name, result in found.items()}
    path = write_tables(out, "talker-tables", tables, record, head=HEAD)
    means = {n: {k: v.value for k, v in r.metrics.items() if v.value is not None} for n, r in found.items()}
    return TalkerTables(path=path, means=means, text=path.read_text(encoding="utf-8"))


def _dubbed(paths: Sequence[Path], talker: AnybodysFace, folder: Path, name: str) -> tuple[str, ...]:
    """Dub what is not there yet; sentences about clips that could not be."""
    made, real = folder / "generated", folder / "real"
    for place in (made, real):
        place.mkdir(parents=True, exist_ok=True)
    bar, failed = Bar(f"dubbing {name}"), []
    for number, path in enumerate(paths, 1):
        stem = f"{path.parent.name}-{path.stem}-{hashlib.sha256(str(path).encode()).hexdigest()[:6]}"
        link, out = real / f"{stem}{path.suffix}", made / f"{stem}.mp4"
        if not link.is_symlink():
            link.symlink_to(path.absolute())
        try:
            if not out.exists():
                dub(path, out, talker=talker, audio=path)
        except (FaceError, MediaError) as error:
            failed.append(f"{path.name}: {error}")
        bar(number, len(paths))
    if not any(made.glob("*.mp4")):
        raise DataError(f"no clip of {name} could be dubbed; the first: {failed[0] if failed else 'there is none'}")
    return tuple(failed)


def _tables(name: str, result: ScoreResult, names: Sequence[str], failed: Sequence[str]) -> list[Table]:
    """What was measured on one corpus, and what was published of it."""
    values = {short_name(key): metric for key, metric in result.metrics.items()}
    notes = [f"n = {len(result.clips)} clips", *result.notes]
    if failed:
        notes.append(f"{len(failed)} clips could not be dubbed and are missing here; the first: {failed[0]}")
    row = ("this talker", *(_cell(values.get(wanted)) for wanted in names))
    tables = [Table(title=f"{name}, here", header=("method", *names), rows=(row,), notes=tuple(notes))]
    if name in PUBLISHED:
        rows = tuple((method, *numbers.split()) for method, numbers in PUBLISHED[name].items())
        tables.append(Table(title=f"{name}, published", header=("method", *COLUMNS), rows=rows, notes=(NETWORKS,)))
    return tables


def _cell(metric: MetricValue | None) -> str:
    if metric is None or metric.value is None:
        return "-"
    return Interval(metric.value, *metric.interval).text(3) if metric.interval else f"{metric.value:.3f}"
