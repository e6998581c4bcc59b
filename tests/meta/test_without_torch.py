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
from viseme.speakers.interface import load_scorer
from viseme.standardization.networks.checkpoint import load_expression_weights
from viseme.sync.checkpoint import load_sync_weights

for name in (None, "sync-mesh"):
    for model in load_sync_weights(name).models:
        assert model.embed_audio(np.zeros((4, 40, 40), np.float32)).shape == (4, 10, 128)
assert load_scorer("head").voice(np.zeros((9, 40))).shape == (9,)
enet = load_expression_weights()
assert enet.session.run(images=np.zeros((1, 3, 224, 224), np.float32))["pose"].shape == (1, 6)
""",
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("command", [["weights", "convert", "none.model"], ["train", "sync"], ["reproduce", "table2"]])
def test_what_needs_torch_says_so_in_one_line(root: Path, command: list[str]) -> None:
    done = run_without_torch(root, f"from viseme.cli.main import main\nsys.exit(main({command!r}))")
    assert done.returncode == 1
    assert re.fullmatch(r"viseme: error: .*pip install 'viseme\[train\]'\n", done.stderr), done.stderr


@pytest.mark.parametrize("name", ["torch", "viseme.sync.train"])
def test_the_guard_refuses(root: Path, name: str) -> None:
    done = run_without_torch(root, f"import {name}")
    assert done.returncode == 1
    assert "belongs to training" in done.stderr
