"""Crops that hide nothing and reveal no cut: what a training clip goes through."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from viseme.audio.bands import NUM_BANDS
from viseme.audio.clock import frame_centre
from viseme.faces.schemes import LIP_POINTS_MIRROR
from viseme.sync.augment.config import AugmentConfig
from viseme.sync.augment.crops import draw_frames, draw_points
from viseme.sync.augment.lips import REGIONS, other_face
from viseme.sync.clips import Clip

PLAIN = AugmentConfig(
    stretch=(1.0, 1.0), warp=(1.0, 1.0), mixing=0, region_gain=0, frozen=0, hidden=0, reverb=0, noise=0, codec=0
)


def _clip(seed: int = 0, *, num: int = 75, first: int = 0, delay: float = 0.0) -> Clip:
    rng = np.random.default_rng(seed)
    times = np.arange(num) * 0.04
    track = np.sin(times[:, None, None] * rng.uniform(5, 20, (1, 67, 3))) * 0.02
    audio = rng.normal(-2, 1, (num * 4 + 20, NUM_BANDS)).astype(np.float16)
    return Clip(
        name=f"{seed}",
        speaker=f"grid_{seed}",
        times=times,
        video=track.astype(np.float32),
        audio=audio,
        first_audio_frame=first,
        level=2.0,
        delay=delay,
    )


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
    points = _clip().video
    one, two = (other_face(points, AugmentConfig(), np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert one.shape == points.shape
    np.testing.assert_allclose(one.mean(0), 0, atol=1e-5)
    assert not np.allclose(one, other_face(points, AugmentConfig(), np.random.default_rng(6)))
    assert other_face(points[:, :50], AugmentConfig(), np.random.default_rng(5), landmarks=False).shape == (75, 50, 3)


@pytest.mark.parametrize("seed", range(6))
def test_a_batch_has_its_shapes_and_is_the_same_for_the_same_seed(seed):
    clips = [_clip(i) for i in range(4)]
    before = [c.video.copy() for c in clips]
    one, two = (draw_points([*clips, clips[3]], 26, AugmentConfig(), np.random.default_rng(seed)) for _ in range(2))
    assert one.video.shape == (5, 26, 67, 3)
    assert one.mels.shape[0] == 5
    assert one.mels.shape[1] % 4 == 0
    assert one.mels.shape[2] == 40
    assert 26 - 12 <= one.mels.shape[1] // 4 <= 26 + 30
    assert -6 <= one.lead < 16
    assert one.video.dtype == one.mels.dtype == np.float32
    assert np.isfinite(one.video).all()
    assert np.isfinite(one.mels).all()
    np.testing.assert_allclose(one.video.mean(1), 0, atol=1e-5)
    np.testing.assert_array_equal(one.video, two.video)
    np.testing.assert_array_equal(one.mels, two.mels)
    for clip, points in zip(clips, before):
        np.testing.assert_array_equal(clip.video, points)


@pytest.mark.parametrize("delay", [0.0, 0.12])
@pytest.mark.parametrize("first", [0, -20])
def test_video_step_i_belongs_to_audio_step_i_plus_lead(delay, first):
    """A click in the audio and a jump of the lips at the same instant meet at the promised steps."""
    clip = _clip(1, num=100, first=first, delay=delay)
    moment = 2.0
    points = np.zeros_like(clip.video)
    points[clip.times >= moment - 1e-9] = 1.0
    audio = np.full_like(clip.audio, -9)
    audio[round((moment - (frame_centre(first) - delay)) * 100) :] = 3
    clip = replace(clip, video=points, audio=audio)
    seen = 0
    for seed in range(30):
        batch = draw_points([clip], 40, PLAIN, np.random.default_rng(seed), landmarks=False)
        lips, mels = np.diff(batch.video[0, :, 0, 0]), np.diff(batch.mels[0].mean(1))
        if np.abs(lips).max() < 0.5 or mels.max() < 0.5:
            continue  # the instant lies outside one of the crops
        seen += 1
        # lip step i spans frames 4 (i + lead) + 1.5; both changes lie between a sample and the next
        assert abs((np.abs(lips).argmax() + 0.5) - ((mels.argmax() + 0.5 - 1.5) / 4 - batch.lead)) < 1.1
    assert seen > 5


def test_frames_stay_frames_and_the_same_seed_gives_the_same_batch():
    raw = np.random.default_rng(0).integers(0, 256, (75, 3, 48, 48), dtype=np.uint8)
    clip = replace(_clip(), video=raw.copy())
    one, two = (draw_frames([clip, clip], 26, AugmentConfig(), np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(one.video, two.video)
    np.testing.assert_array_equal(one.mels, two.mels)
    assert one.video.min() >= 0
    assert one.video.max() <= 1
    assert one.video.dtype == np.float32
    np.testing.assert_array_equal(clip.video, raw, err_msg="the clip itself was touched")
