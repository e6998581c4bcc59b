"""Every entry of every registry, through every command that uses it: a typed answer of the right shape, or one line
that says what is missing.

The cases are read off the registries: a new entry is run without a change here. Visual inputs have a file of their own
(`test_input_contract.py`).
"""

from __future__ import annotations

import csv
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import viseme
from face_model_files import write_flame, write_gnm, write_ict, write_prepared
from media_files import piped
from random_weights import expression_weights, speaker_weights, sync_weights
from schemas import validate
from short_clip import short_clip, write_film
from viseme.core.errors import MissingExtra, MissingWeights, VisemeError
from viseme.core.live import LiveEnd, LiveHeader, LiveStep
from viseme.core.registry import Registry
from viseme.core.results import CheckResult
from viseme.core.speakers import SpeakersResult
from viseme.face3d.interface import FACE_MODELS, load_face_model
from viseme.faces import tracker as trackers
from viseme.faces.mediapipe import ENVIRONMENT
from viseme.speakers.evaluate import Evaluation
from viseme.speakers.interface import Scored, speaker_scorers
from viseme.standardization.interface import estimators
from viseme.standardization.results import StandardizeResult
from viseme.sync.inputs.interface import visual_inputs
from viseme.sync.interface import sync_models
from viseme.synthetic import VOICES, VoiceMissing, voice_available
from viseme.synthetic.pipeline import SynthResult

NUM_FRAMES = 30
NOT_HERE = (MissingWeights, MissingExtra, VoiceMissing)
"""What an entry may answer instead, when nothing was given to it."""


class Material:
    """What the cases work on, made when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clip = short_clip(NUM_FRAMES)
        self.film = write_film(folder / "film.mkv", self.clip)
        self._made: dict[str, Path | None] = {}

    def given(self, key: str, make: Callable[[Path], Path] | None) -> Path | None:
        """A file of weights, or a folder; None where there is no recipe for it."""
        if key not in self._made:
            place = self.folder / key.replace(":", "-")
            self._made[key] = None if make is None else make(place)
        return self._made[key]

    def out(self, suffix: str) -> Path:
        """A file to write, replaced by every case."""
        return self.folder / f"out{suffix}"


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return Material(tmp_path_factory.mktemp("material"))


# --- what is right


def right_check(found: CheckResult) -> None:
    assert type(found) is CheckResult
    assert [track.num_frames for track in found.tracks] == [NUM_FRAMES]
    validate("check", found.to_json())


def right_speakers(found: SpeakersResult) -> None:
    assert type(found) is SpeakersResult
    (face,) = found.faces
    assert np.isfinite(face.scores).all()
    assert len(face.scores) == pytest.approx(NUM_FRAMES, abs=1)
    validate("find-speakers", found.to_json())


def right_standardized(found: StandardizeResult) -> None:
    assert type(found) is StandardizeResult
    (track,) = found.tracks
    assert track.num_frames == NUM_FRAMES
    assert track.num_valid + sum(track.reasons.values()) == NUM_FRAMES
    (face,) = viseme.read_standardized(found.out).faces
    num_columns = load_face_model(found.face_model).exp_basis.shape[-1]
    assert (face.beta.shape, face.pose.shape) == ((NUM_FRAMES, num_columns), (NUM_FRAMES, 6))
    assert np.isfinite(face.beta).all()
    assert face.valid.sum() == track.num_valid
    validate("standardize", found.to_json())


def right_steps(header: LiveHeader, steps: list[LiveStep], end: LiveEnd | None) -> None:
    assert steps
    assert {face.id for step in steps for face in step.faces} == {0}
    assert all(np.isfinite(face.score) for step in steps for face in step.faces)
    assert np.all(np.diff([step.time for step in steps]) > 0)
    assert end is not None
    assert (end.frames, end.dropped) == (NUM_FRAMES, 0)
    for line in (header, *steps, end):
        validate("live", line.to_json())


# --- the commands


def check_by_tracker(name: str, material: Material) -> None:
    right_check(viseme.check(**material.clip, tracker=name))


def find_by_tracker(name: str, material: Material) -> None:
    right_speakers(viseme.find_speakers(**material.clip, tracker=name))


def standardize_by_tracker(name: str, material: Material) -> None:
    out = material.out(".safetensors")
    right_standardized(viseme.standardize(material.film, out, as_="beta", tracker=name, overwrite=True))


def scorer_weights(name: str, material: Material) -> Path | None:
    """Random ones, for a scorer that reads weights and ships without."""
    own = name == default_of(viseme.find_speakers, "scorer") or not hasattr(speaker_scorers[name], "layout")
    return material.given(f"{name}.safetensors", None if own else lambda path: speaker_weights(path, name))


def find_by_scorer(name: str, material: Material) -> None:
    weights = scorer_weights(name, material)
    found = viseme.find_speakers(**material.clip, scorer=name, scorer_weights=weights)
    right_speakers(found)
    assert found.score_unit


def live_by_scorer(name: str, material: Material) -> None:
    weights = scorer_weights(name, material)
    settings = {"scorer": name, "scorer_weights": weights, "keep_frames": True}
    with (
        open(piped(material.film.read_bytes()), "rb") as file,
        closing(viseme.find_speakers_live(file, **settings)) as live,
    ):
        right_steps(live.header, list(live), live.end)


def evaluate_by_scorer(name: str, material: Material) -> None:
    labels = material.given("labels.csv", write_ava_labels)
    weights, out = scorer_weights(name, material), material.out(".csv")
    found = viseme.evaluate_ava(labels, material.folder, scorer=name, scorer_weights=weights, predictions=out)
    assert type(found) is Evaluation
    assert (found.num_unmatched, found.missing) == (0, ())
    assert found.metrics.num_instants == NUM_FRAMES
    assert 0 <= found.metrics.area_under_roc.value <= 1
    assert len(out.read_text().splitlines()) == NUM_FRAMES


def write_ava_labels(path: Path) -> Path:
    """Labels of the film in the form of AVA: the whole frame, speaking in its second half."""
    with path.open("w", newline="") as file:
        for number, time in enumerate(short_clip(NUM_FRAMES)["times"]):
            word = "SPEAKING_AUDIBLE" if number >= NUM_FRAMES // 2 else "NOT_SPEAKING"
            csv.writer(file).writerow(["film", f"{time:.2f}", 0.2, 0.1, 0.8, 0.9, word, "film:0"])
    return path


def standardize_by_estimator(name: str, material: Material) -> None:
    variant = "per-image" if name.startswith("per-image") else None
    make = None if variant is None else lambda path: expression_weights(path, variant)
    weights, out = material.given(f"{variant}.safetensors", make), material.out(".safetensors")
    right_standardized(
        viseme.standardize(material.film, out, as_="beta", estimator=name, weights=weights, overwrite=True)
    )


FACE_FILES: dict[str, Callable[[Path], object]] = {
    "bfm": write_prepared,
    "flame": write_flame,
    "gnm": write_gnm,
    "ict": write_ict,
}
"""Face model -> writes its files into a folder; another one is run without files."""


def standardize_by_face_model(name: str, material: Material) -> None:
    folder = material.folder / "face_models" / name
    if name in FACE_FILES and not folder.exists():
        folder.mkdir(parents=True)
        FACE_FILES[name](folder)
    out = material.out(".safetensors")
    found = viseme.standardize(material.film, out, as_="mesh", face_model=name, overwrite=True)
    right_standardized(found)
    assert found.face_model == name


def synth_by_voice(name: str, material: Material) -> None:
    out, size = material.out(".mp4"), {"width": 64, "height": 64}
    found = viseme.synth(out, language=name, seconds=0.2, overwrite=True, **size)
    assert type(found) is SynthResult
    assert found.voice == name
    assert len(found.times) == 5
    assert found.phonemes
    assert found.phonemes[0].end > found.phonemes[0].start
    validate("synth", found.to_json())


def check_by_sync_model(name: str, material: Material) -> None:
    modes = [mode for mode in ("landmarks", "raw") if len(visual_inputs[mode].shape) == dimensions_of(name)]
    assert modes, f"no visual input here fits {name}"
    weights = sync_weights(material.folder / f"{name}.safetensors", modes[0], name)
    found = viseme.check(**material.clip, weights=weights)
    right_check(found)
    assert found.input_mode == modes[0]


def dimensions_of(name: str) -> int:
    """Of what a sync model sees of a frame: points (K, 3) or images (C, H, W)."""
    return 3 if "channels" in {f.name for f in fields(sync_models[name].Config)} else 2


# --- the walk


def default_of(command: Callable, option: str) -> str:
    return inspect.signature(command).parameters[option].default


def needs_a_file(name: str) -> bool:
    """Of a tracker: it runs a user's networks."""
    return "task_file" in {f.name for f in fields(trackers[name].Config)}


@dataclass(frozen=True)
class Walk:
    """One registry through one command."""

    registry: Iterable[str]
    kind: str
    command: str
    run: Callable[[str, Material], None]
    """Runs the command with an entry and asserts that the answer is right."""
    ships: frozenset[str] = field(default_factory=frozenset)
    """Entries that need nothing: the command's default."""
    refuses: Callable[[str], bool] = lambda name: False
    """Whether an entry is known not to work with this command, or not here."""


def walk(registry: Registry, command: Callable, option: str, run: Callable, **more: Any) -> Walk:
    ships = frozenset({default_of(command, option)})
    return Walk(registry, registry.kind, command.__name__, run, ships, **more)


WALKS = (
    walk(trackers, viseme.check, "tracker", check_by_tracker, refuses=needs_a_file),
    walk(trackers, viseme.find_speakers, "tracker", find_by_tracker, refuses=needs_a_file),
    walk(trackers, viseme.standardize, "tracker", standardize_by_tracker, refuses=needs_a_file),
    walk(speaker_scorers, viseme.find_speakers, "scorer", find_by_scorer),
    walk(
        speaker_scorers,
        viseme.find_speakers_live,
        "scorer",
        live_by_scorer,
        refuses=lambda name: speaker_scorers[name].wants_crops,
    ),
    walk(speaker_scorers, viseme.evaluate_ava, "scorer", evaluate_by_scorer),
    walk(estimators, viseme.standardize, "estimator", standardize_by_estimator),
    walk(FACE_MODELS, viseme.standardize, "face_model", standardize_by_face_model, refuses=lambda n: n not in FACES),
    Walk(VOICES, "voice", "synth", synth_by_voice, refuses=lambda name: not voice_available(name)),
    Walk(sync_models, "sync_model", "check", check_by_sync_model, frozenset(sync_models)),
)
FACES = {*FACE_FILES, "default"}


def cases() -> Iterator[tuple[Walk, str]]:
    """Every entry of every registry, as it is now."""
    for one in WALKS:
        for name in one.registry:
            yield one, name


def answer(one: Walk, name: str, material: Material) -> None:
    """Run a case; where nothing can be answered, ask for one line that names the entry."""
    error = None
    try:
        one.run(name, material)
    except VisemeError as raised:
        error = raised
    if error is None:
        assert not one.refuses(name), f"{one.command} was not to work with {name}"
        return
    assert name not in one.ships, f"{name} ships and must answer: {error}"
    assert isinstance(error, NOT_HERE) or one.refuses(name), error
    message = str(error)
    assert name in message, message
    assert "\n" not in message
    assert len(message) < 400


@pytest.fixture(autouse=True)
def _users_files(material: Material, monkeypatch: pytest.MonkeyPatch) -> None:
    """No task file, and face models where this file writes them."""
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    monkeypatch.setenv("VISEME_CACHE", str(material.folder))


@pytest.mark.parametrize(("one", "name"), [pytest.param(w, n, id=f"{w.kind}-{n}-{w.command}") for w, n in cases()])
def test_every_entry_answers_or_says_what_is_missing(one: Walk, name: str, material: Material) -> None:
    answer(one, name, material)


# --- canaries: what the walk must see


class BrokenScorer:
    """A scorer of another package that gives no finite score."""

    wants_crops, reach_steps, name, unit, threshold, band = False, 0, "broken", "none", 0.0, 0.5

    def voice(self, bands: np.ndarray) -> np.ndarray:
        return np.zeros(len(bands), np.float32)

    def score(self, faces: Any, audio: Any) -> list[Scored]:
        return [Scored(speaking=np.full(face.num, np.nan, np.float32)) for face in faces]


class DumbScorer(BrokenScorer):
    """One that wants something, and does not say what."""

    def score(self, faces: Any, audio: Any) -> list[Scored]:
        raise MissingWeights("sorry")


@pytest.mark.parametrize("kind", [BrokenScorer, DumbScorer])
def test_canary_a_new_entry_is_walked_and_a_bad_one_fails(
    kind: type, material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = vars(speaker_scorers)["_table"]
    monkeypatch.setitem(table, "canary", f"{__name__}:{kind.__name__}")
    walked = [one for one, name in cases() if name == "canary"]
    assert [one.command for one in walked] == ["find_speakers", "find_speakers_live", "evaluate_ava"]
    with pytest.raises(AssertionError):
        answer(walked[0], "canary", material)


def test_canary_what_ships_may_not_ask_for_anything(material: Material) -> None:
    def run(name: str, material: Material) -> None:
        raise MissingWeights(f"{name} is not here; get it")

    answer(Walk((), "canary", "check", run), "canary", material)
    with pytest.raises(AssertionError, match="must answer"):
        answer(Walk((), "canary", "check", run, frozenset({"canary"})), "canary", material)


ELSEWHERE = {
    "animation_format": "test_avatar_formats.py",
    "visual_input": "test_input_contract.py",
    "speaker_network": "random_weights.py makes them for the scorers of their names",
    "clip_source": "test_data_prepare.py",
    "face_generator": "test_dub.py and test_talker_files.py",
    "corpus": "test_data_corpora.py",
    "clip metric": "test_score.py and test_metrics_clip_sets.py",
    "frame metric": "test_metrics_references.py and test_score.py",
    "track metric": "test_score.py",
}
"""Registries that other files walk."""


def unwalked() -> set[str]:
    """Kinds of registries that nobody tests."""
    modules = [module for name, module in sys.modules.items() if name.startswith("viseme.")]
    found = {value.kind for module in modules for value in vars(module).values() if isinstance(value, Registry)}
    return found - {one.kind for one in WALKS} - ELSEWHERE.keys()


def test_every_registry_is_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert unwalked() == set()
    monkeypatch.setattr("viseme.core.errors.canary", Registry("canary", {}), raising=False)
    assert unwalked() == {"canary"}
