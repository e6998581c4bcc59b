"""What docs/schemas promises is what results write. Real outputs: tests/component/test_output_schemas.py."""

from __future__ import annotations

import re
from typing import Any

import pytest
from jsonschema import ValidationError

import stubs
from schemas import FOLDER, validate, validator
from viseme import DubResult, FailedCheck, FailedStandardize, FixResult, Reason, Verdict
from viseme.core.live import LIVE_SCHEMA
from viseme.core.results import CHECK_SCHEMA
from viseme.core.score_comparison import SCORE_COMPARISON_SCHEMA
from viseme.core.scores import CLIP_SCORE_SCHEMA, SCORE_SCHEMA, Better, FailureCause
from viseme.core.speakers import SPEAKERS_SCHEMA, FaceState, VoiceState
from viseme.standardization.forms import FORMS


@pytest.mark.parametrize("delay", [0.2, 0.0, None])
def test_an_answer_is_as_promised(delay: float | None) -> None:
    answer = stubs.result("a.mp4", delay, warnings=("odd",)).to_json()
    validate("check", answer)
    validate("check", {**answer, "input": {"path": "/a", "size": None, "mtime_ns": 3, "options": "0f"}})


def test_failures_are_as_promised() -> None:
    for kind, name in ((FailedCheck, "check"), (FailedStandardize, "standardize")):
        validate(name, kind(file="a.mp4", error_type="NoAudio", message="a.mp4 has no audio").to_json())


def test_a_repair_is_as_promised() -> None:
    before, after = stubs.result(), stubs.result("b.mp4", 0.001)
    told = {
        "file": "a.mp4",
        "out": "b.mp4",
        "shift": -0.2,
        "method": "timestamps",
        "residual": after,
        "kept": stubs.KEPT,
    }
    validate("fix", FixResult(measured=before, **told).to_json())
    validate("fix", FixResult(measured=None, **told).to_json())


def test_a_dub_is_as_promised() -> None:
    told: dict[str, Any] = {
        "num_frames": 5,
        "num_composed": 4,
        "num_passed": 1,
        "num_covered": 1,
        "num_added": 0,
        "elapsed": 1.5,
    }
    told |= {"following": 0.5, "composing": 0.8}
    told |= {"avatar": "ada@01", "watermark": "2d4024", "residual": stubs.result("b.mp4", 0.001)}
    for manifest in (None, "b.mp4.c2pa.json"):
        validate("dub", DubResult(file="a.mp4", out="b.mp4", manifest=manifest, **told).to_json())


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": "perhaps"},
        {"audio_delay": "120 ms"},
        {"reasons": ["bored"]},
        {"confidence": 1.2},
        {"schema": "viseme.check/2"},
        {"more": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_shape_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        validate("check", {**stubs.result().to_json(), **change})


def test_a_field_less_is_refused() -> None:
    answer = stubs.result().to_json()
    del answer["interval"]
    with pytest.raises(ValidationError):
        validate("check", answer)


def test_words_of_schemas_are_those_of_the_code() -> None:
    for path in FOLDER.glob("*.json"):
        defs = validator(path.stem).schema.get("$defs", {})
        if path.stem == "score":
            assert defs["cause"]["enum"] == [c.value for c in FailureCause]
            assert defs["better"]["enum"] == [b.value for b in Better]
            continue
        if path.stem in ("study", "provenance", "animate", "animate-live"):
            continue
        assert defs["reason"]["enum"] == [r.value for r in Reason], path.name
        assert defs["verdict"]["enum"] == [v.value for v in Verdict], path.name
    answer = validator("standardize").schema["$defs"]["answer"]
    assert answer["properties"]["as"]["enum"] == list(FORMS)
    texts = {p.stem: p.read_text(encoding="utf-8") for p in FOLDER.glob("*.json")}
    for state in (*FaceState, *VoiceState):
        assert f'"{state.value}"' in texts["find-speakers"]
    scores = {SCORE_SCHEMA, CLIP_SCORE_SCHEMA, SCORE_COMPARISON_SCHEMA}
    assert {CHECK_SCHEMA, SPEAKERS_SCHEMA, LIVE_SCHEMA, *scores} <= set(
        re.findall(r"viseme\.[\w.-]+/\d+", "".join(texts.values()))
    )
