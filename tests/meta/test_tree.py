"""The tree itself: no traces of a machine, links that lead somewhere, options that do not change by accident."""

from __future__ import annotations

import re
import subprocess
import warnings
from difflib import unified_diff
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

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


def broken_links(page: Path) -> list[str]:
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    return [t for t in targets if not re.match(r"https?://|mailto:", t) and not (page.parent / t).exists()]


def test_links_lead_somewhere(root: Path) -> None:
    pages = [p for p in tracked(root) if p.suffix == ".md"]
    assert len(pages) > 10
    assert {str(p.relative_to(root)): found for p in pages if (found := broken_links(p))} == {}


def test_a_broken_link_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("[here](a.md) [there](https://example.org/x) [nowhere](b.md#part)")
    assert broken_links(tmp_path / "a.md") == ["b.md"]


def test_every_page_is_reached_from_the_first(root: Path) -> None:
    """A page that nothing links to is read by nobody."""
    reached, waiting = set(), [root / "README.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        targets = re.findall(r"\]\(([^)#:\s]+\.md)", page.read_text(encoding="utf-8"))
        waiting += {(page.parent / t).resolve() for t in targets} - reached
    assert {p.name for p in root.glob("docs/*.md")} <= {p.name for p in reached}


def test_the_first_page_is_short(root: Path) -> None:
    assert len((root / "README.md").read_text(encoding="utf-8").split()) <= 600


def test_the_reference_of_commands_is_up_to_date(root: Path) -> None:
    """Options are a promise: a change here is a change for every script. `make docs` writes the page anew."""
    spec = spec_from_file_location("write_reference", root / "tools" / "write_reference.py")
    assert spec
    assert spec.loader
    tool = module_from_spec(spec)
    spec.loader.exec_module(tool)
    kept, found = tool.PAGE.read_text(encoding="utf-8"), tool.reference()
    changes = unified_diff(kept.splitlines(), found.splitlines(), "promised", "found", lineterm="", n=0)
    assert found == kept, "\n".join(changes)
    assert all(f"## viseme {name}\n" in found for name in COMMANDS)


def test_every_command_is_a_public_function() -> None:
    import viseme

    for name in COMMANDS:
        if not name.startswith(("weights", "completion", "expert")):
            assert {"provenance": "read_provenance"}.get(name, re.sub("[ -]", "_", name)) in viseme.__all__, name


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
        assert record.size <= {"enet": 25_000_000, "expert": 20_000_000}.get(record.component, 10_000_000)
        assert record.licence
        assert record.training_data
