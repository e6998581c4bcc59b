"""A clean install: what the wheel holds, and that it works away from the checkout."""

from __future__ import annotations

import os
import site
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from viseme.weights import assets_folder

pytestmark = pytest.mark.slow


def run(*words: str | Path, cwd: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")} | settings
    return subprocess.run(
        [str(w) for w in words], cwd=cwd, env=environment, capture_output=True, text=True, timeout=400
    )


@pytest.fixture(scope="session")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    words = ["wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder, root]
    done = run(sys.executable, "-m", "pip", *words, cwd=folder)
    assert done.returncode == 0, done.stderr[-2000:]
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a new environment that borrows the dependencies of this one, but not its viseme."""
    home = tmp_path_factory.mktemp("home") / "env"
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    borrowed = [p for p in site.getsitepackages() if Path(p).is_dir()]
    done = run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel, cwd=home)
    assert done.returncode == 0, done.stderr[-2000:]
    query = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(run(python, "-c", query, cwd=home).stdout.strip())
    # plain paths are appended, and .pth files inside them are not followed: the checkout stays invisible
    (packages / "borrowed.pth").write_text("\n".join(borrowed) + "\n")
    return home / "bin"


def test_the_wheel_holds_all_that_is_needed(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    needed = {"viseme/cli/main.py", "viseme/report/templates/page.html.j2", "viseme/report/templates/section.html.j2"}
    assets = assets_folder()
    needed |= {"viseme/__init__.pyi", "viseme/py.typed", "viseme/face3d/assets/default_face.npz"}
    needed |= {f"viseme/assets/{p.relative_to(assets).as_posix()}" for p in assets.rglob("*") if p.is_file()}
    assert needed <= names, needed - names
    assert any(name.endswith("entry_points.txt") for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any(name.startswith("tests/") or name.endswith(".pyc") for name in names)


def test_it_runs_away_from_the_checkout(installed: Path, tmp_path: Path, root: Path) -> None:
    done = run(installed / "python", "-c", "import viseme; print(viseme.__file__)", cwd=tmp_path)
    assert str(root / "src") not in done.stdout, "the checkout was imported instead of the wheel"
    assert run(installed / "viseme", "--version", cwd=tmp_path).stdout.startswith("viseme ")
    done = run(installed / "viseme", "weights", "verify", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_demo_runs(installed: Path, tmp_path: Path) -> None:
    done = run(installed / "viseme", "demo", "-o", "shown", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "out of sync" in done.stdout
    assert (tmp_path / "shown" / "report.html").stat().st_size > 20_000
    assert len(list((tmp_path / "shown").glob("*-fixed.mp4"))) == 1
