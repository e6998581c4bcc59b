"""`viseme.reproduce_lipsync3d`: train an avatar of each person, dub held-out sentences, score, report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from viseme.avatar.recipes import RECIPES, PaperRecipe
from viseme.avatar.runner import load_avatar
from viseme.avatar.train import train_avatar
from viseme.core.errors import ConfigError, ConsentError, DataError
from viseme.provenance.consent import read_consent
from viseme.reproduce.lipsync3d.ablations import SYNTHETIC, ablation_table, chosen_ablations, film_sweep
from viseme.reproduce.lipsync3d.drives import drives
from viseme.reproduce.lipsync3d.measured import measure_person
from viseme.reproduce.lipsync3d.people import Person, people
from viseme.reproduce.lipsync3d.report import Lipsync3dResult, write_report
from viseme.reproduce.tables import Table

__all__ = ["Lipsync3dResult", "reproduce_lipsync3d"]

AUDIO = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a")


def reproduce_lipsync3d(
    out: Path = Path("runs/lipsync3d"),
    *,
    consent: Path | None = None,
    data: Path = Path("../shared/data"),
    speakers: str = "",
    minutes: float = 4.0,
    sentences: int = 20,
    voices: Path | None = None,
    preset: Literal["compact", "light", "paper", "quick"] = "compact",
    steps: int | None = None,
    expert: str = "expert-tiny",
    avatar: Path | None = None,
    ablations: str = "",
    epochs: int | None = None,
    start: Annotated[str, tyro.conf.arg(name="from", metavar="talker|FILE")] = "talker",
    work: Path = Path("runs/lipsync3d/work"),
    jobs: int = 2,
) -> Lipsync3dResult:
    """Evaluate personal talking faces as LipSync3D does: train on minutes of a person, dub other sentences, score.

    Args:
        out: Folder for `lipsync3d.md` and `.json`.
        consent: Under which licence or statement the people of the corpus may be used, see `viseme train avatar`.
        data: Folder with manifest.csv; clips marked `train` are trained on, those marked `dev` dubbed.
        speakers: Who, with commas between; empty = everybody with enough clips of both kinds.
        minutes: Of video to train on; of a synthetic person, to film, a fifth of which is held out.
        sentences: Held-out clips of each person at most.
        voices: Folder with recordings of other people, which drive the avatars too.
        preset: Which model, see `viseme train avatar`.
        steps: Updates, instead of the preset's.
        expert: A speech expert for AVS and words off the lips, name or file; empty = neither.
        avatar: A finished avatar of the one person in `speakers`, instead of training one.
        ablations: What is changed beside, with commas between: light (a synthetic person under many lights), memory and
            codes (LipSync3D's two codes; hours on a CPU even with preset "quick"), start (less video,
            from nothing and from the talker for everybody); empty = nothing.
        epochs: Passes over the frames for memory and codes, instead of the preset's.
        start: The talker for everybody with which "start" begins; one that never saw the person gives honest figures.
        work: Where avatars, dubs and answers are kept; what is there is not done again.
        jobs: Processes that prepare videos, then threads that train.

    Raises:
        ConsentError: there is no statement.
        ConfigError: an option makes no sense.
        DataError: there are too few clips.
    """
    if min(minutes, sentences, jobs) <= 0:
        raise ConfigError("minutes, sentences and jobs must be more than 0")
    named = [name.strip() for name in speakers.split(",") if name.strip()]
    if avatar is not None and len(named) != 1:
        raise ConfigError("--avatar FILE is one person's; name that person with --speakers")
    if avatar is None and consent is None:
        raise ConsentError(
            "avatars need the consent of the people; pass --consent FILE, or a finished one with --avatar FILE"
        )
    asked = chosen_ablations(ablations)
    recordings = _recordings(voices)
    found = []
    chosen = people(data, named, minutes * 60, sentences)
    for person in chosen:
        folder = work / person.name
        if avatar is None:
            path = folder / f"{preset}.vis"
            if not path.exists():
                train_avatar(
                    tuple(row.path for row in person.train),
                    out=path,
                    consent=consent,
                    preset=preset,
                    steps=steps,
                    jobs=jobs,
                    work=folder / "train",
                )
        else:
            path = avatar
        loaded = load_avatar(path)
        place = folder / loaded.id.replace("@", "-")
        found.append(
            measure_person(
                person,
                path,
                loaded.card.get("held_out", {}),
                drives(person.held, recordings, place),
                expert or None,
                place,
            )
        )
    settings = {
        "speakers": [p.name for p in found], "minutes": minutes, "sentences": sentences, "preset": preset,
        "steps": steps, "expert": expert, "voices": [r.name for r in recordings],
    }  # fmt: skip
    more = [
        _ablation(
            name, chosen[0], consent, work, minutes, steps=steps, base=_base(preset, epochs), start=start, jobs=jobs
        )
        for name in asked
    ]
    return write_report(out, found, settings, more)


def _base(preset: str, epochs: int | None) -> PaperRecipe:
    """The network of whose codes the lengths are changed."""
    chosen = RECIPES[preset]()
    base = chosen if isinstance(chosen, PaperRecipe) else PaperRecipe()
    return base if epochs is None else replace(base, epochs=epochs)


def _ablation(
    name: str,
    person: Person,
    consent: Path | None,
    work: Path,
    minutes: float,
    *,
    steps: int | None,
    base: PaperRecipe,
    start: str,
    jobs: int,
) -> tuple[Table, list[dict[str, object]]]:
    if name == "light":
        videos, allowed = film_sweep(work / "sweep", minutes), SYNTHETIC
    else:
        if consent is None:
            raise ConsentError(f"the ablation {name} trains avatars of {person.name}; pass --consent FILE")
        videos, allowed = tuple(row.path for row in person.train), read_consent(consent)
    place = work / f"ablation-{name}"
    return ablation_table(name, videos, allowed, place, steps=steps, base=base, start=start, jobs=jobs)


def _recordings(folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in AUDIO) if folder.is_dir() else []
    if not found:
        raise DataError(f"{folder} holds no recordings ({', '.join(AUDIO)})")
    return found
