"""The tree itself: no traces of a machine, links that lead somewhere, options that do not change by accident."""

from __future__ import annotations

import inspect
import re
import subprocess
import warnings
from difflib import unified_diff
from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest

from viseme.cli.arguments import option_table, options_of
from viseme.cli.main import COMMANDS

TEXT = {".py", ".md", ".toml", ".txt", ".json", ".j2", ".csv", ".cfg", ".yml", ".yaml", ".sh", ""}
# built from pieces, so that this file does not name what it forbids
MACHINE = re.compile("/" + "(work/|root/|home/[a-z]|Users/[a-z]|tmp/[a-z])")


def tracked(root: Path) -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a checkout")
    return [root / name for name in done.stdout.split("\0") if name and (root / name).is_file()]


def traces(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8", errors="replace")
    return [line.strip() for line in text.splitlines() if MACHINE.search(line)]


def test_no_file_names_a_place_of_one_machine(root: Path) -> None:
    found = {str(p.relative_to(root)): traces(p) for p in tracked(root) if p.suffix in TEXT}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_such_a_place_would_be_noticed(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("path = '/" + "work/main'\n")
    assert traces(tmp_path / "a.py")


def test_nothing_large_is_tracked(root: Path) -> None:
    """Weights have a bound of their own, by what they are for."""
    from viseme.weights import WEIGHTS

    weights = {record.path.name for record in WEIGHTS.values()}
    large = {str(p.relative_to(root)): p.stat().st_size for p in tracked(root) if p.stat().st_size > 12_000_000}
    assert {name for name in large if Path(name).name not in weights} == set()


@pytest.mark.parametrize("page", ["README.md", "CHANGELOG.md"])
def test_links_lead_somewhere(root: Path, page: str) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)#\s]+)", (root / page).read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://", "mailto:")) and not (root / target).exists():
            broken.append(target)
    assert broken == []


def options() -> str:
    """Every command's options with type and default."""
    lines = []
    for name, command in COMMANDS.items():
        target = options_of(import_module(command.module))
        defaults = {("--" + p.name.replace("_", "-")): p.default for p in inspect.signature(target).parameters.values()}
        lines.append(f"viseme {name}")
        for flag, kind in option_table(target).items():
            shown = str(kind).replace("typing.", "").replace("pathlib.", "")
            shown = kind.__name__ if isinstance(kind, type) and not get_args(kind) else shown
            shown = re.sub(r"Optional\[([\w.]+)\]", r"\1 | None", shown)  # as Python 3.10 has it
            default = defaults.get(flag, inspect.Parameter.empty)
            tail = "" if default is inspect.Parameter.empty else f" = {default!r}"
            lines.append(f"  {flag}: {shown}{tail}")
    return "\n".join(lines) + "\n"


def test_options_are_kept(root: Path) -> None:
    """Options are a promise: a change here is a change for every script; the snapshot is then updated by hand."""
    kept = (root / "tests" / "meta" / "cli_options.txt").read_text()
    found = options()
    changes = unified_diff(kept.splitlines(), found.splitlines(), "promised", "found", lineterm="")
    assert found == kept, "\n".join(changes)


def test_every_command_is_a_public_function() -> None:
    import viseme

    for name in COMMANDS:
        if not name.startswith("weights"):
            assert re.sub("[ -]", "_", name) in viseme.__all__, name


def test_warnings_are_errors() -> None:
    with pytest.raises(UserWarning, match="canary"):
        warnings.warn("canary", UserWarning, stacklevel=1)


def test_every_test_file_collects_tests(root: Path) -> None:
    empty = [
        str(path.relative_to(root))
        for path in (root / "tests").rglob("test_*.py")
        if not re.search(r"^(    )?(async )?def test_", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert empty == []


def test_every_weight_in_the_package_is_catalogued_and_right() -> None:
    from viseme.weights import WEIGHTS, assets_folder, verify

    catalogued = {record.file for record in WEIGHTS.values()}
    folder = assets_folder()
    lying = {p.relative_to(folder).as_posix() for p in folder.rglob("*.safetensors")}
    assert lying <= catalogued, "add a record to viseme/weights/catalog.py"
    for record in WEIGHTS.values():
        verify(record)
        assert record.size == record.path.stat().st_size
        assert record.size <= {"enet": 25_000_000}.get(record.component, 10_000_000)
        assert record.licence
        assert record.training_data
