"""Training of a speech expert from prepared clips to weights that run without torch, and a run that was stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from viseme.data.manifest import read_manifest
from viseme.data.manifest_clips import ManifestClips
from viseme.data.prepare import VERSION
from viseme.data.store import ClipStore
from viseme.expert import corpus, train
from viseme.expert.networks import SpeechEncoder
from viseme.expert.phones import PHONES
from viseme.expert.recipes import RECIPES, quick_recipe
from viseme.expert.runner import load_expert
from viseme.expert.sizes import ExpertConfig
from viseme.synthetic.sources import RecordedTalkers
from viseme.weights import read_checkpoint
from viseme.weights.export import load_arrays

NUM = 24
COLUMNS = "file,use,source,speaker,truth_delay_ms,licence"


def spoken(seed: int, *, phones: bool) -> dict[str, np.ndarray]:
    """Two seconds in which lips, audio and phones follow one random curve: arrays of a prepared clip."""
    rng = np.random.default_rng(seed)
    curve = np.repeat(rng.integers(0, 4, 10), 5)
    return {
        "points": (curve[:, None, None] * np.random.default_rng(0).normal(0, 0.02, (67, 3))).astype(np.float32),
        "speech": (curve[:, None] * np.linspace(-1, 1, 104) + rng.normal(0, 0.1, (50, 104))).astype(np.float16),
        "cepstra": (curve[:, None] + rng.normal(0, 0.1, (50, 39))).astype(np.float16),
        "phones": curve.astype(np.int64) if phones else np.full(50, -1),
        "times": np.arange(50) / 25,
    }


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A manifest and recordings whose clips are prepared, and a recipe of a few small steps."""
    rows = [f"clips/{i}.mp4,train,ours,speaker{i},{'' if i == 0 else 0},CC0" for i in range(NUM)]
    (tmp_path / "manifest.csv").write_text("\n".join([COLUMNS, *rows]) + "\n", encoding="utf-8")
    (tmp_path / "clips").mkdir()
    for i in range(NUM):
        (tmp_path / "clips" / f"{i}.mp4").write_text(f"clip {i}")
    known = ManifestClips(tuple(row for row in read_manifest(tmp_path, ("train",)) if row.audio_delay is not None))
    keys = [known.key(i) for i in range(len(known.rows))]
    tracked = {"landmarks": np.zeros((50, 478, 3), np.float32), "observed": np.ones(50, bool), "times": np.arange(50.0)}
    ClipStore(tmp_path / "work" / f"manifest-tracks-{VERSION}").write(dict.fromkeys(keys, tracked), {})
    real = {key: spoken(i, phones=False) for i, key in enumerate(keys)}
    ClipStore(tmp_path / "work" / f"manifest-{corpus.VIEW}-{VERSION}").write(real, {})
    (tmp_path / "phones.jsonl").write_text(
        '{"file": "clips/1.mp4", "oov": [], "asr_logprob": null, "text": "a", "phones": []}\n', encoding="utf-8"
    )
    source = RecordedTalkers([tmp_path], range(8))
    said = {source.key(i): spoken(100 + i, phones=True) for i in range(8)}
    ClipStore(tmp_path / "work" / f"recorded-talkers-{corpus.VIEW}-{VERSION}").write(said, {})
    small = quick_recipe()
    small = replace(small, num_recorded=8, loop=replace(small.loop, steps=6, save_every=3))
    monkeypatch.setitem(RECIPES, "quick", lambda: small)
    return tmp_path


def _train(studio: Path, out: str = "net.safetensors") -> train.ExpertTrainResult:
    return train.train_expert(
        studio / out, data=studio, speech=studio, work=studio / "work", recipe="quick", jobs=1, device="cpu"
    )


def test_weights_run_without_torch_and_a_stopped_run_goes_on(studio: Path) -> None:
    result = _train(studio)
    assert result.num_clips < NUM - 1 + 8
    assert set(result.measured) >= {"same", "other"}
    expert = load_expert(result.out)
    assert expert.phones == PHONES
    assert any("ours" in line for line in expert.card["training_data"])
    found = read_checkpoint(result.out, component="expert", holds="speech expert")
    network = SpeechEncoder(ExpertConfig(**found.config())).eval()
    load_arrays(network, found.tensors)
    rng = np.random.default_rng(0)
    audio, video = rng.standard_normal((11, 104)).astype(np.float32), rng.normal(0, 0.02, (11, 67, 3)).astype("f4")
    seen = torch.from_numpy(video - video.mean(0))[None]
    heard = torch.from_numpy(audio)[None]
    with torch.inference_mode():
        pairs = [
            (expert.encode(audio), network.encode(heard)),
            (expert.encode(None, video), network.encode(None, seen)),
            (expert.encode(audio, video), network.encode(heard, seen)),
            (expert.encode(audio, video, layer=1), network.encode(heard, seen, layer=1)),
            (expert.read_phones(video), network.phones_seen(seen)),
        ]
    for ours, theirs in pairs:
        assert np.abs(ours - theirs[0].numpy()).max() < 1e-3
    with pytest.raises(ValueError, match="layers 1 to 2"):
        expert.encode(audio, layer=3)
    with pytest.raises(ValueError, match="11 steps"):
        expert.encode(audio, video[:10])
    last = max((studio / "work").glob("expert-*-2.pt"))
    last.unlink()  # the second iteration is done again, from what lies there of the first
    again = read_checkpoint(_train(studio, "again.safetensors").out, component="expert", holds="speech expert")
    assert all(np.array_equal(again.tensors[name], value) for name, value in found.tensors.items())
