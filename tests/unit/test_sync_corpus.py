"""What is trained on: never what is for measuring; prepared files; crops that hide nothing and reveal no cut."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from viseme.audio.features import mel_filters, power_frames
from viseme.core.errors import DataError
from viseme.data.manifest import read_manifest
from viseme.faces.schemes import LIP_POINTS_MIRROR
from viseme.sync import corpus
from viseme.sync.augment import REGIONS, AugmentConfig, draw_batch, other_face
from viseme.sync.corpus import Clip, band_filters, bands
from viseme.sync.train import train_sync

HEADER = "file,use,source,speaker,language,duration_s,fps,width,height,truth_delay_ms,licence,repo,path,commit,note"
PLAIN = AugmentConfig(
    stretch=(1.0, 1.0), warp=(1.0, 1.0), mixing=0, region_gain=0, frozen=0, hidden=0, reverb=0, noise=0, codec=0
)


def _manifest(folder: Path, uses: list[str]) -> Path:
    rows = [f"clips/{i}.mp4,{use},src,speaker{i},en,3,25,64,64,,CC0,,,," for i, use in enumerate(uses)]
    (folder / "manifest.csv").write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return folder


def _clip(seed: int = 0, *, num: int = 75, audio_start: float = 0.0, delay: float = 0.0) -> Clip:
    rng = np.random.default_rng(seed)
    times = np.arange(num) * 0.04
    track = np.sin(times[:, None, None] * rng.uniform(5, 20, (1, 67, 3))) * 0.02
    audio = rng.normal(-2, 1, (num * 4 + 20, corpus.NUM_BANDS)).astype(np.float16)
    return Clip(
        name=f"{seed}",
        speaker=f"grid_{seed}",
        times=times,
        points=track.astype(np.float32),
        audio=audio,
        audio_start=audio_start,
        level=2.0,
        delay=delay,
    )


def test_only_rows_of_the_asked_use_are_handed_out(tmp_path):
    folder = _manifest(tmp_path, ["train", "dev", "train-research", "dev-foreign", "train"])
    rows = read_manifest(folder, ("train",))
    assert [r.path.name for r in rows] == ["0.mp4", "4.mp4"]
    assert {r.use for r in read_manifest(folder, ("train", "train-research"))} == {"train", "train-research"}
    assert rows[0].path == folder / "clips" / "0.mp4"
    assert (rows[0].speaker, rows[0].licence) == ("speaker0", "CC0")


@pytest.mark.parametrize("uses", [("dev",), ("train", "dev"), ("dev-foreign",), ("train", ""), ("Train",)])
def test_clips_for_measuring_are_never_handed_out(tmp_path, uses):
    with pytest.raises(DataError, match="never trained on"):
        read_manifest(_manifest(tmp_path, ["train", "dev", "dev-foreign"]), uses)


def test_a_manifest_of_clips_for_measuring_trains_nothing(tmp_path):
    with pytest.raises(DataError, match="no clips to train on"):
        train_sync(
            tmp_path / "out", data=_manifest(tmp_path, ["dev"] * 60), work=tmp_path / "w", recipe="quick", jobs=1
        )


def test_no_manifest_says_where_one_is_wanted(tmp_path):
    with pytest.raises(DataError, match="--data"):
        read_manifest(tmp_path, ("train",))


def test_a_prepared_clip_comes_back_as_it_was(tmp_path):
    clip = _clip(3, audio_start=-0.123, delay=0.05)
    corpus._save(clip, tmp_path / "clip.npz")
    back = corpus._load(tmp_path / "clip.npz")
    for name in Clip.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(back, name), getattr(clip, name))
        assert type(getattr(back, name)) is type(getattr(clip, name))
    assert [p.name for p in tmp_path.iterdir()] == ["clip.npz"]


def test_a_prepared_file_with_a_pickle_inside_is_not_read(tmp_path):
    np.savez(tmp_path / "clip.npz", name=np.array([object()], dtype=object))
    with pytest.raises(ValueError, match="pickle"):
        corpus._load(tmp_path / "clip.npz")


def test_bands_hold_the_mel_spectrum():
    samples = (np.random.default_rng(0).standard_normal(16000) * 0.1).astype(np.float32)
    first, logs = bands(samples, 0.123)
    found = np.exp(logs.astype(np.float32)) @ band_filters(1.0)
    begin, power = power_frames(samples, 0.123)
    exact = power @ mel_filters()
    assert (first, found.shape) == (begin, exact.shape)
    assert np.corrcoef(np.log(found).ravel(), np.log(exact + 1e-6).ravel())[0, 1] > 0.97


def test_the_mirror_is_an_involution_that_keeps_regions():
    assert sorted(LIP_POINTS_MIRROR) == list(range(67))
    np.testing.assert_array_equal(LIP_POINTS_MIRROR[LIP_POINTS_MIRROR], np.arange(67))
    assert sorted(i for region in REGIONS for i in range(67)[region]) == list(range(67))
    for region in REGIONS:
        assert set(LIP_POINTS_MIRROR[region]) == set(range(67)[region])


def test_the_mirror_swaps_left_and_right_of_a_face():
    from viseme.face3d.interface import load_face_model
    from viseme.face3d.lips import lip_motion

    model = load_face_model()
    head = model.landmark_points(model.mean) * np.array([100, -100, -100])
    points = lip_motion(head[None], np.zeros(1)).points[0]
    mirrored = points[LIP_POINTS_MIRROR] * np.array([-1, 1, 1])
    assert np.linalg.norm(mirrored - points, axis=-1).max() < 0.08  # a face is not quite symmetric; lips are .6 wide


def test_another_face_keeps_shape_mean_and_seed():
    points = _clip().points
    one, two = (other_face(points, AugmentConfig(), np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert one.shape == points.shape
    np.testing.assert_allclose(one.mean(0), 0, atol=1e-5)
    assert not np.allclose(one, other_face(points, AugmentConfig(), np.random.default_rng(6)))
    assert other_face(points[:, :50], AugmentConfig(), np.random.default_rng(5), landmarks=False).shape == (75, 50, 3)


@pytest.mark.parametrize("seed", range(6))
def test_a_batch_has_its_shapes_and_is_the_same_for_the_same_seed(seed):
    clips = [_clip(i) for i in range(4)]
    before = [c.points.copy() for c in clips]
    one, two = (draw_batch(clips, [0, 1, 2, 3, 3], 26, AugmentConfig(), np.random.default_rng(seed)) for _ in range(2))
    assert one.points.shape == (5, 26, 67, 3)
    assert one.mels.shape[0] == 5
    assert one.mels.shape[1] % 4 == 0
    assert one.mels.shape[2] == 40
    assert 26 - 12 <= one.mels.shape[1] // 4 <= 26 + 30
    assert -6 <= one.lead < 16
    assert one.points.dtype == one.mels.dtype == torch.float32
    assert torch.isfinite(one.points).all()
    assert torch.isfinite(one.mels).all()
    torch.testing.assert_close(one.points.mean(1), torch.zeros(5, 67, 3), atol=1e-5, rtol=0)
    assert torch.equal(one.points, two.points)
    assert torch.equal(one.mels, two.mels)
    for clip, points in zip(clips, before):
        np.testing.assert_array_equal(clip.points, points)


@pytest.mark.parametrize("delay", [0.0, 0.12])
@pytest.mark.parametrize("audio_start", [0.0, -0.2])
def test_frame_step_i_belongs_to_audio_step_i_plus_lead(delay, audio_start):
    """A click in the audio and a jump of the lips at the same instant meet at the promised steps."""
    clip = _clip(1, num=100, audio_start=audio_start, delay=delay)
    moment = 2.0
    points = np.zeros_like(clip.points)
    points[clip.times >= moment - 1e-9] = 1.0
    audio = np.full_like(clip.audio, -9)
    audio[round((moment - (audio_start - delay)) * 100 - 0.5) :] = 3
    clip = replace(clip, points=points, audio=audio)
    seen = 0
    for seed in range(30):
        batch = draw_batch([clip], [0], 40, PLAIN, np.random.default_rng(seed), mirror=False)
        lips, mels = batch.points[0, :, 0, 0], batch.mels[0].mean(1)
        jump, click = torch.diff(lips).abs().argmax(), torch.diff(mels).argmax()
        if torch.diff(lips).abs().max() < 0.5 or torch.diff(mels).max() < 0.5:
            continue  # the instant lies outside one of the crops
        seen += 1
        # lip step i spans frames 4 (i + lead) + 1.5; both changes lie between a sample and the next
        assert abs((float(jump) + 0.5) - ((float(click) + 0.5 - 1.5) / 4 - batch.lead)) < 1.1
    assert seen > 5
