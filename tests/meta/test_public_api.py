"""`viseme.*`: every name is what it says, whatever was imported before, and editors are told the same."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

import viseme
from viseme.core.card import Card
from viseme.core.lazy import lazy_names

STUB = Path(viseme.__file__).with_suffix(".pyi")

READ_TWICE = """
import json, pkgutil, sys
from importlib import import_module
import viseme
mode = sys.argv[1]
modules = [m.name for m in pkgutil.walk_packages(viseme.__path__, "viseme.")] if mode == "modules first" else []
for name in modules:
    import_module(name)
first = {name: getattr(viseme, name) for name in viseme.__all__ if name != "__version__"}
for name in viseme.__all__:
    assert name == "__version__" or getattr(viseme, name) is first[name], name
print(json.dumps({name: [callable(v), isinstance(v, type)] for name, v in first.items()}))
"""


@pytest.mark.parametrize("mode", ["modules first", "names first"])
def test_every_name_is_callable_whatever_was_imported_before(mode: str) -> None:
    done = subprocess.run([sys.executable, "-c", READ_TWICE, mode], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert len(found) > 50
    assert {name for name, (can_be_called, _) in found.items() if not can_be_called} == set()
    assert {name for name, (_, is_type) in found.items() if is_type != name[0].isupper()} == set()


def test_a_name_that_a_module_would_hide_is_refused() -> None:
    with pytest.raises(ValueError, match="is a module"):
        lazy_names("viseme", {"sync": "viseme.sync"})


def stub_imports() -> dict[str, str]:
    """Name -> module, as the stub has it."""
    return {
        alias.asname or alias.name: node.module or ""
        for node in ast.parse(STUB.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_editors_are_told_what_the_package_has() -> None:
    stub = ast.parse(STUB.read_text(encoding="utf-8"))
    (listed,) = [ast.literal_eval(n.value) for n in stub.body if isinstance(n, ast.Assign)]
    assert sorted(listed) == sorted(viseme.__all__)
    assert sorted(stub_imports()) == viseme.__all__[1:]
    assert STUB.with_name("py.typed").exists()


@pytest.mark.parametrize("name", viseme.__all__[1:])
def test_the_stub_names_the_object_itself(name: str) -> None:
    value = getattr(viseme, name)
    assert getattr(sys.modules[stub_imports()[name]], name) is value
    assert inspect.getdoc(value)
    if inspect.isfunction(value):
        unknown = [p.name for p in inspect.signature(value).parameters.values() if p.annotation is p.empty]
        assert unknown == [], "an editor cannot say what these are"
        assert inspect.signature(value).return_annotation is not inspect.Signature.empty


def answers() -> list[type]:
    """Results that a person asks for by name."""
    return [v for n in viseme.__all__[1:] if isinstance(v := getattr(viseme, n), type) and issubclass(v, Card)]


@pytest.mark.parametrize("kind", answers(), ids=lambda kind: kind.__name__)
def test_results_can_be_written_down(kind: type) -> None:
    assert dataclasses.is_dataclass(kind)
    assert inspect.isfunction(kind.to_json)  # type: ignore[attr-defined]
    assert "__repr__" not in vars(kind), "pass repr=False to dataclass: a result shows itself in one line"


def test_what_the_commands_answer_with_is_exported_and_shows_itself() -> None:
    names = {kind.__name__ for kind in answers()}
    assert names >= {"CheckResult", "SpeakersResult", "FixResult", "StandardizeResult", "SynthResult", "FailedCheck"}


def test_a_result_shows_itself_in_one_line_and_as_a_table() -> None:
    import stubs

    result = stubs.result("two\nlines & <b>.mp4", 0.1338, reasons=(viseme.Reason.TWO_PEAKS,))
    assert repr(result) == (
        "CheckResult(file='two\\nlines & <b>.mp4', verdict='out_of_sync', audio_delay=0.1338, "
        "interval=(0.1238, 0.1438), confidence=0.97, reasons=('two_peaks',), tracks=1)"
    )
    html = result._repr_html_()
    assert "&amp; &lt;b&gt;" in html
    assert "<td" in html
    assert (result.audio_delay, result.verdict, result.words) == (
        result.estimate.audio_delay,
        viseme.Verdict.OUT_OF_SYNC,
        result.estimate.words,
    )
    failed = viseme.FailedCheck(file="a.mp4", error_type="NoAudio", message="a.mp4 has no audio")
    assert repr(failed) == "FailedCheck(file='a.mp4', error_type='NoAudio', message='a.mp4 has no audio')"


def test_importing_the_package_imports_nothing_else() -> None:
    code = "import sys, viseme; print([m for m in sys.modules if m.partition('.')[0] in sys.argv[1:]])"
    packages = ["numpy", "scipy", "torch", "av", "onnxruntime", "numba", "rich", "tyro", "jinja2"]
    done = subprocess.run([sys.executable, "-c", code, *packages], capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_a_package_that_only_an_extra_brings_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    for module in [m for m in sys.modules if m.startswith("viseme.sync.train")]:
        monkeypatch.delitem(sys.modules, module)
    with pytest.raises(viseme.MissingExtra, match=r"pip install 'viseme\[train\]'"):
        viseme.train_sync  # noqa: B018 - reading it is the test
    assert issubclass(viseme.MissingExtra, ImportError)
