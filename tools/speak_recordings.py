"""Let voices say sentences into a folder of recordings with their phones, for `viseme train sync --speech FOLDER`.

    python tools/speak_recordings.py FOLDER --voices kokoro:af_heart kokoro:am_adam [--sentences N] [--seed N]

Writes WAV files (16 kHz), manifest.csv and phones.jsonl with the voices' own phoneme times in IPA. English speech is
best aligned anew afterwards (tools/align_recordings.py FOLDER): training that hears phones reads ARPABET alone.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viseme.synthetic.phonemes import SAMPLE_RATE
from viseme.synthetic.speech import speak
from viseme.synthetic.text import sentence
from viseme.synthetic.voices import find_voice

COLUMNS = ("file", "use", "speaker", "text", "duration_s", "licence")


def write_wav(path: Path, samples: NDArray[np.float32]) -> None:
    """16 bit, mono."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--voices", nargs="+", required=True)
    parser.add_argument("--sentences", type=int, default=2, help="recordings of each voice, two sentences each")
    parser.add_argument("--seed", type=int, default=0)
    told = parser.parse_args(arguments)
    told.folder.mkdir(parents=True, exist_ok=True)
    rows, lines = [], []
    for at, name in enumerate(told.voices):
        voice = find_voice(name)
        for number in range(told.sentences):
            rng = np.random.default_rng([told.seed, at, number])
            text = f"{sentence(rng, voice.language)} {sentence(rng, voice.language)}"
            speech = speak(text, voice=name, rate_wpm=int(rng.integers(140, 200)))
            file = f"{name.replace(':', '-')}-{told.seed}-{number}.wav"
            write_wav(told.folder / file, speech.samples)
            rows.append((file, "train", name, text, f"{speech.duration:.2f}", voice.licence))
            phones = [(p.name, round(p.start, 3), round(p.end, 3)) for p in speech.phonemes]
            lines.append(json.dumps({"file": file, "text": text, "oov": [], "asr_logprob": None, "phones": phones},
                                    ensure_ascii=False))  # fmt: skip
    with (told.folder / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    (told.folder / "phones.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(rows)} recordings of {len(told.voices)} voices in {told.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
