"""What people run needs no torch: every user command is imported, and networks that ship are run, in a process where
torch and what belongs to training cannot be imported."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

TRAINING = ("torch", "accelerate", "onnx", "onnxscript", "torchvision", "jaxtyping")
TRAINS = r"(train|reproduce)_\w+"
"""Public functions that may import torch; whatever else is public must not."""
REFUSING = f"""
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {TRAINING!r}:
            raise ModuleNotFoundError(f"{{name}} belongs to training", name=name.partition(".")[0])

sys.meta_path.insert(0, Refuse())
"""


def run_without_torch(root: Path, code: str) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(root / "src"), "PATH": "", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-c", REFUSING + code], capture_output=True, text=True, env=environment, timeout=300
    )


def test_every_command_is_imported_without_torch(root: Path) -> None:
    done = run_without_torch(
        root,
        f"""
import importlib, re
import viseme
from viseme.cli.main import COMMANDS
names = [name for name in viseme.__all__ if not re.fullmatch({TRAINS!r}, name)]
assert "check" in names and "train_sync" not in names
for name in names:
    getattr(viseme, name)
for name, command in COMMANDS.items():
    importlib.import_module(command.module)
lazy = [m for m in ("onnxruntime", "numba", "matplotlib") if m in sys.modules]
assert not lazy, f"imported before anything was asked for: {{lazy}}"
""",
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_networks_that_ship_are_run_without_torch(root: Path) -> None:
    done = run_without_torch(
        root,
        """
import numpy as np
from viseme.avatar.voice.runner import load_voice_curves
from viseme.speakers.interface import load_scorer
from viseme.standardization.networks.checkpoint import load_expression_weights
from viseme.sync.checkpoint import load_sync_weights

for name in (None, "sync-mesh"):
    for model in load_sync_weights(name).models:
        assert model.embed_audio(np.zeros((4, 40, 40), np.float32)).shape == (4, 10, 128)
assert load_scorer("head").voice(np.zeros((9, 40))).shape == (9,)
assert load_voice_curves().of_power(np.zeros((8, 40)), 1.0).shape == (4, 11)
enet = load_expression_weights()
assert enet.session.run(images=np.zeros((1, 3, 224, 224), np.float32))["pose"].shape == (1, 6)
""",
    )
    assert done.returncode == 0, done.stderr[-2000:]


COMMANDS_OF_EXTRAS = (
    ("render", ["standardize", "SAMPLE", "-o", "x.safetensors"]),
    ("render", ["synth", "x.mp4", "--seconds", "1"]),
    ("render", ["synth", "conversation", "x.mp4"]),
    ("render", ["avatar", "inspect", "SAMPLE", "-o", "x.png"]),
    ("render", ["animate", "SAMPLE", "-o", "x.mp4"]),
    ("otio", ["check", "SAMPLE", "--timeline", "x.otio"]),
    ("otio", ["find-speakers", "SAMPLE", "--timeline", "x.otio"]),
    ("train", ["weights", "convert", "SAMPLE"]),
    ("bench", ["reproduce", "figure5"]),
)
"""What a command line needs beyond the plain install; whatever else trains or reproduces is added to these."""


def test_every_command_says_which_extra_it_lacks(root: Path, tmp_path: Path) -> None:
    done = run_without_torch(
        root,
        f"""
import os
from viseme.cli.main import COMMANDS, main
from viseme.core.extras import EXTRAS
from viseme.weights import assets_folder

class RefuseExtras:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in refused:
            raise ModuleNotFoundError(f"{{name}} is not installed", name=name)

refused = set(EXTRAS)
sys.meta_path.insert(0, RefuseExtras())
os.chdir({str(tmp_path)!r})
sample = str(assets_folder() / "samples" / "sample_in_sync.mp4")
named = [words for _, words in {COMMANDS_OF_EXTRAS!r}]
trains = [("train", name.split()) for name in COMMANDS if name.startswith(("train", "reproduce"))]
trains = [(extra, words) for extra, words in trains if words not in named]
assert len(trains) >= 5
for extra, words in [("av", ["fix", sample]), *{COMMANDS_OF_EXTRAS!r}, *trains]:  # PyAV first: others import it
    refused = {{*EXTRAS, *({{extra}} & {{"av"}})}}
    code = main([sample if word == "SAMPLE" else word for word in words])
    print(code, extra, " ".join(words), file=sys.stderr)
""",
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = done.stderr.splitlines()
    for said, (code, extra, words) in zip(lines[::2], (line.split(" ", 2) for line in lines[1::2])):
        how = "install viseme again: pip install viseme" if extra == "av" else f"run: pip install 'viseme[{extra}]'"
        assert code == "1", words
        assert re.fullmatch(rf"viseme: error: this needs the package \w+, .*{re.escape(how)}", said), (words, said)


def test_every_package_of_an_extra_is_known(root: Path) -> None:
    from viseme.core.extras import EXTRAS

    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    section = text.partition("[project.optional-dependencies]")[2].partition("\n[")[0]
    extras = dict(re.findall(r"^(\w+) = \[(.*?)\]", section, re.DOTALL | re.MULTILINE))
    assert extras.pop("dev")
    named = {extra: re.findall(r'"([\w-]+)', names) for extra, names in extras.items()}
    packages = {
        extra: {name.removesuffix("-python").replace("-", "_") for name in names} for extra, names in named.items()
    }
    assert set(EXTRAS) == set().union(*packages.values())
    assert all(package in packages[extra] for package, extra in EXTRAS.items())


@pytest.mark.parametrize("name", ["torch", "viseme.sync.train"])
def test_the_guard_refuses(root: Path, name: str) -> None:
    done = run_without_torch(root, f"import {name}")
    assert done.returncode == 1
    assert "belongs to training" in done.stderr
