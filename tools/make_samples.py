"""Film the two bundled sample clips into src/viseme/assets/samples; needs espeak-ng.

    python tools/make_samples.py

A second run gives the same frames and audio; the files differ in bytes, since libx264 is not bit-exact.
They are synthetic people: no one was filmed, the face model is CC0, the voice is espeak-ng's output.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from viseme.synthetic.pipeline import make_clip
from viseme.synthetic.scene import TalkerSpec
from viseme.synthetic.style import Style

SAMPLES = {
    "sample_late_137ms.mp4": TalkerSpec(
        seed=28,
        text="My brother Paul bought five big apples, but nobody wanted a warm pullover.",
        language="en-us",
        variant="m3",
        rate_wpm=190,
        pitch=42,
        audio_delay=Fraction(137, 1000),
        width=480,
        height=360,
        rate=Fraction(30),
        style=Style(strength=1.3, press=0.6, smile=0.06, head=1.0),
        antialias=3,
        shutter=0.35,
        noise=0.006,
        crf=22,
    ),
    "sample_in_sync.mp4": TalkerSpec(
        seed=24,
        text="We put the old blue boat above the bridge. Every Monday my family moves it.",
        language="en-gb",
        variant="f2",
        rate_wpm=185,
        pitch=55,
        width=400,
        height=360,
        rate=Fraction(25),
        face_width=0.42,
        pose_deg=(1.0, -9.0, 1.0),
        style=Style(strength=1.3, press=0.4, smile=0.12, head=1.2, jaw_share=1.1),
        antialias=3,
        shutter=0.35,
        noise=0.006,
        crf=22,
    ),
}
MAX_BYTES = 1_000_000


def main(folder: Path) -> None:
    """Write the clips and `truth.json` beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    truth = {}
    for name, spec in SAMPLES.items():
        result = make_clip(spec, folder / name, progress=lambda done, num: print(f"\r{done}/{num}", end="", flush=True))
        truth[name] = replace(result, path=name).to_json()
        print(f"  {name}: {(folder / name).stat().st_size} bytes, {result.times[-1]:.2f} s")
    (folder / "truth.json").write_text(json.dumps(truth, ensure_ascii=False) + "\n", encoding="utf-8")
    total = sum(f.stat().st_size for f in folder.iterdir())
    if total >= MAX_BYTES:
        sys.exit(f"the samples take {total} bytes, the limit is {MAX_BYTES}: raise crf")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "src/viseme/assets/samples")
