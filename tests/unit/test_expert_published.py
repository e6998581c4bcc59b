"""Published files load strictly, run without torch, and nothing in them is run."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from viseme.core.errors import ConfigError, WeightsError
from viseme.expert import published
from viseme.expert.decoder import Decoder
from viseme.expert.networks import SpeechEncoder
from viseme.expert.published import import_expert
from viseme.expert.runner import load_expert
from viseme.expert.sizes import SIZES, ExpertConfig
from viseme.expert.unit_beam import best_units, text_of

SMALL = ExpertConfig(
    layers=2, width=32, hidden=48, heads=2, video_width=4, classes=14, projection=8, decoder_layers=1, units=12
)


class Dictionary:
    """What a fine-tuned file pickles of its program."""

    def __init__(self) -> None:
        self.symbols = ["<s>", "<pad>", "</s>", "<unk>", *"abcdefgh"]


def layout(config: ExpertConfig, *, fine_tuned: bool) -> dict[str, torch.Tensor]:
    """The state of a published file, at random."""
    torch.manual_seed(0)
    state = SpeechEncoder(config).state_dict()
    if not fine_tuned:
        return OrderedDict(state)
    tuned = {f"encoder.w2v_model.{k}": v for k, v in state.items() if not k.startswith("final_proj")}
    decoder = {f"decoder.{k}": v for k, v in Decoder(config).state_dict().items()}
    return OrderedDict({**tuned, **decoder, "decoder.embed_positions._float_tensor": torch.zeros(1)})


@pytest.fixture
def small_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(published.SIZES, "base", SMALL)


@pytest.mark.parametrize(
    ("name", "fine_tuned", "keys"),
    [("base", False, 346), ("base", True, 504), ("large", False, 538), ("large", True, 774)],
)
def test_layouts_are_the_published_ones(name: str, fine_tuned: bool, keys: int) -> None:
    with torch.device("meta"):
        assert len(layout(SIZES[name], fine_tuned=fine_tuned)) == keys


@pytest.mark.usefixtures("small_sizes")
@pytest.mark.parametrize("fine_tuned", [False, True])
def test_a_file_runs_as_torch_does(tmp_path: Path, fine_tuned: bool) -> None:
    file, state = tmp_path / "given.pt", layout(SMALL, fine_tuned=fine_tuned)
    torch.save({"args": None, "cfg": {"task": Dictionary()}, "model": state, "task_state": {"t": Dictionary()}}, file)
    result = import_expert(file, accept_noncommercial=True)
    assert (result.size, result.fine_tuned, result.num_units) == ("base", fine_tuned, 12 if fine_tuned else 0)
    expert = load_expert(result.out)
    assert expert.card["redistributable"] is False
    assert "non-commercial" in expert.card["licence"]
    network = SpeechEncoder(SMALL)
    network.load_state_dict({k.removeprefix("encoder.w2v_model."): v for k, v in state.items()}, strict=False)
    rng = np.random.default_rng(0)
    audio, video = (rng.standard_normal(shape).astype(np.float32) for shape in ((7, 104), (7, 88, 88)))
    with torch.inference_mode():
        for a, v, layer in ((audio, None, None), (None, video, None), (audio, video, None), (audio, video, 1)):
            given = (None if x is None else torch.from_numpy(x)[None] for x in (a, v))
            wanted = network.eval().encode(*given, layer=layer)[0].numpy()
            assert np.abs(expert.encode(a, v, layer) - wanted).max() < 1e-4
    if not fine_tuned:
        with pytest.raises(WeightsError, match="no decoder that writes text"):
            expert.read_text(video)
        return
    decoder = Decoder(SMALL).eval()
    decoder.load_state_dict(
        {k.removeprefix("decoder."): v for k, v in state.items() if k.startswith("decoder.") and "positions" not in k}
    )

    def next_units(said: NDArray[np.int64]) -> NDArray[np.float32]:
        with torch.inference_mode():
            clip = network.encode(None, torch.from_numpy(video)[None])
            return decoder(torch.from_numpy(said), clip)[:, -1].log_softmax(-1).numpy()

    units, _ = best_units(next_units, most=7, beam=4)
    assert expert.read_text(video, beam=4) == text_of(units, expert.units)


@pytest.mark.usefixtures("small_sizes")
def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    file, state = tmp_path / "given.pt", layout(SMALL, fine_tuned=False)
    with pytest.raises(ConfigError, match="--accept-noncommercial"):
        import_expert(file)
    for broken, words in (
        ({**state, "unknown.weight": torch.zeros(2)}, "unknown"),
        ({k: v for k, v in state.items() if k != "mask_emb"}, "mask_emb"),
        ({"a": torch.zeros(2)}, "not a published"),
    ):
        torch.save({"model": broken}, file)
        with pytest.raises(WeightsError, match=words):
            import_expert(file, accept_noncommercial=True)


class Harmful:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.mark}",)


@pytest.mark.usefixtures("small_sizes")
@pytest.mark.parametrize("place", ["cfg", "task_state", "model"])
def test_a_hostile_file_runs_nothing(tmp_path: Path, place: str) -> None:
    file, mark = tmp_path / "given.pt", tmp_path / "was here"
    torch.save({"model": layout(SMALL, fine_tuned=False), place: Harmful(mark)}, file)
    if place == "model":
        with pytest.raises(WeightsError, match="not a published"):
            import_expert(file, accept_noncommercial=True)
    else:
        import_expert(file, accept_noncommercial=True)
    assert not mark.exists()


def test_the_hostile_object_would_run(tmp_path: Path) -> None:
    """Canary of the test before."""
    pickle.loads(pickle.dumps(Harmful(tmp_path / "was-here")))
    assert (tmp_path / "was-here").exists()
