"""Clusters, masks, crops and the loss of a speech expert's training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from viseme.data.prepare import PreparedClips
from viseme.data.sources import ClipInfo
from viseme.data.store import ClipStore
from viseme.expert.batches import MaskConfig, SpeechDraw, span_mask
from viseme.expert.clusters import fit_clusters, nearest
from viseme.expert.corpus import SpeechClips
from viseme.expert.loss import agreement_loss, masked_loss, phone_ctc
from viseme.expert.networks import SpeechEncoder
from viseme.expert.sizes import ExpertConfig

SMALL = ExpertConfig(
    layers=1, width=32, hidden=48, heads=2, classes=9, projection=8, decoder_heads=2, input="landmarks", num_points=5,
    phones=4, dropout=0.0, layer_drop=0.0,
)  # fmt: skip


def test_clusters_are_found_where_they_are() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 10, (5, 3))
    which = rng.integers(5, size=2000)
    x = truth[which] + rng.normal(0, 0.1, (2000, 3))
    labels = nearest(x, fit_clusters(x, 20))
    assert len(set(labels.tolist())) > 12
    assert all(len(set(which[labels == k].tolist())) == 1 for k in set(labels.tolist()))
    with pytest.raises(ValueError, match="make no"):
        fit_clusters(x[:3], 5)


def test_spans_add_up_to_their_share() -> None:
    rng = np.random.default_rng(0)
    covered = np.mean([span_mask(100, 0.3, 5, rng).mean() for _ in range(300)])
    assert 0.22 < covered < 0.31
    assert not span_mask(100, 0.0, 5, rng).any()
    assert len(span_mask(3, 0.8, 10, rng)) == 3


@pytest.fixture
def clips(tmp_path: Path) -> SpeechClips:
    rng = np.random.default_rng(0)
    store = ClipStore(tmp_path)
    store.write(
        {
            f"{i}": {
                "points": rng.normal(0, 0.02, (20 + i, 5, 3)).astype(np.float32),
                "speech": rng.normal(size=(20 + i, 104)).astype(np.float16),
                "phones": np.full(20 + i, i % 3 - 1),
            }
            for i in range(30)
        },
        {},
    )
    store.refresh()
    keys = tuple(f"{i}" for i in range(30))
    infos = tuple(ClipInfo(name=key, speaker=f"speaker{i // 2}") for i, key in enumerate(keys))
    return SpeechClips.of([PreparedClips(store, keys, infos, tuple(range(30)), ())])


def draw(clips: SpeechClips, mask: MaskConfig) -> dict[str, np.ndarray]:
    labels = [np.arange(20 + i) % 5 for i in range(30)]
    return SpeechDraw(clips, labels, np.full(30, 1 / 30), 16, 40, mask)(np.random.default_rng(3))


def test_people_are_apart(clips: SpeechClips) -> None:
    rest, kept = clips.apart()
    assert len(rest) + len(kept) == 30
    assert len(kept)
    assert not {i.speaker for i in rest.infos} & {i.speaker for i in kept.infos}


def test_a_batch_says_what_is_hidden(clips: SpeechClips) -> None:
    batch = draw(clips, MaskConfig(dropout=1.0))
    assert (batch["heard"] ^ batch["seen"]).all()
    assert (batch["labels"][batch["pad"]] == -1).all()
    assert not batch["audio_mask"][batch["pad"]].any()
    plain = draw(clips, MaskConfig(video=0.0, dropout=0.0))
    assert plain["heard"].all()
    for clip, pad in zip(plain["video"], plain["pad"], strict=True):
        assert np.abs(clip[~pad].mean(0)).max() < 1e-6


def test_only_what_is_hidden_is_to_be_told(clips: SpeechClips) -> None:
    torch.manual_seed(0)
    network = SpeechEncoder(SMALL)
    batch = draw(clips, MaskConfig())
    value, _ = masked_loss(network, batch, penalty=0.0)
    hidden = (batch["audio_mask"] & batch["heard"][:, None]) | (batch["video_mask"] & batch["seen"][:, None])
    other = {**batch, "labels": np.where(hidden, batch["labels"], 0)}
    assert float(masked_loss(network, other, penalty=0.0)[0].detach()) == pytest.approx(float(value.detach()), abs=1e-6)
    other = {**batch, "labels": np.where(hidden, 0, batch["labels"])}
    assert float(masked_loss(network, other, penalty=0.0)[0].detach()) != pytest.approx(float(value.detach()), abs=1e-3)


def test_gradients_reach_everything_and_steps_lower_the_loss(clips: SpeechClips) -> None:
    torch.manual_seed(0)
    network, batch = SpeechEncoder(SMALL), draw(clips, MaskConfig())
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    values = []
    for _ in range(15):
        optimiser.zero_grad()
        value, _ = masked_loss(network, batch, phone_weight=1.0)
        value.backward()
        optimiser.step()
        values.append(float(value.detach()))
    assert [name for name, p in network.named_parameters() if p.grad is None] == []
    assert values[-1] < 0.8 * values[0]


def test_streams_that_agree_are_matched_and_what_is_beyond_the_end_does_not_count() -> None:
    whole = torch.nn.functional.one_hot(torch.arange(32).view(4, 8), 32).float()
    lips, voice = whole[:, 2:], whole[:, :6]  # frame t of the lips is frame t + 2 of the voice
    pads, lead = (torch.zeros(4, 6, dtype=torch.bool),) * 2, torch.full((4,), 2)
    loss, matched = agreement_loss(lips, voice, pads, lead)
    assert float(loss) < 0.01
    assert float(matched) == 1
    assert float(agreement_loss(lips, voice, pads, -lead)[0]) > 5
    beyond = pads[0].clone()
    beyond[:, 4:] = True
    changed = lips.clone()
    changed[:, 4:] = voice[:, :2]
    assert float(agreement_loss(changed, voice, (beyond, pads[1]), lead)[0]) < 0.01


def test_the_audio_apart_begins_elsewhere_and_says_where(clips: SpeechClips) -> None:
    batch = draw(clips, MaskConfig(dropout=0.0))
    assert len(set(batch["lead"].tolist())) > 4
    at = batch["phones"].shape[1] // 4
    for which, lead in enumerate(batch["lead"].tolist()):
        if 0 <= at + lead < (~batch["apart_pad"][which]).sum() and not batch["pad"][which, at]:
            apart, audio = batch["apart"][which, at + lead], batch["audio"][which, at]
            assert np.corrcoef(apart, audio)[0, 1] > 0.5
    assert (batch["apart_phones"][batch["apart_pad"]] == -1).all()


def test_agreement_names_phones_of_each_stream_alone(clips: SpeechClips) -> None:
    torch.manual_seed(0)
    network, batch = SpeechEncoder(SMALL), draw(clips, MaskConfig())
    _, shown = masked_loss(network, batch, phone_weight=1.0, agreement_weight=1.0, ctc_weight=1.0)
    assert set(shown) == {"told", "matched", "phones", "phones_seen", "phones_heard", "ctc"}


def test_ctc_is_that_of_the_phones_whatever_their_times() -> None:
    said = torch.tensor([[0, 1, 1, 0, 2, 2], [2, 2, 0, 2, 9, 9], [1, -1, 2, 2, 0, 0]])
    pad = torch.zeros(3, 6, dtype=torch.bool)
    pad[1, 4:] = True
    right = 20 * torch.nn.functional.one_hot(said.clamp(0, 3), 4).float()
    assert float(phone_ctc(right, said, pad)) < 1e-3
    later = right[:, [0, 0, 1, 2, 3, 4]]  # "AA" and "AE" a frame later are the same phones
    assert float(phone_ctc(later[:1], said[:1], pad[:1])) < 1e-3
    assert float(phone_ctc(right[[1, 0]], said[:2], pad[[1, 0]])) > 1
    unknown = right[2:].requires_grad_()
    assert float(phone_ctc(unknown, said[2:], pad[2:]).detach()) == 0, "a clip of which something is not known"


def test_a_network_that_grew_says_what_it_said_before() -> None:
    torch.manual_seed(0)
    small = SpeechEncoder(SMALL).eval()
    large = SpeechEncoder(replace(SMALL, layers=3, classes=20)).eval()
    large.grow_from(small)
    audio, video = torch.randn(2, 9, 104), torch.randn(2, 9, 5, 3)
    torch.testing.assert_close(large.encode(audio, video), small.encode(audio, video))
