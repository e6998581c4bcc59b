"""Every registered visual input runs through every command that compares lips with audio, from files and arrays."""

from __future__ import annotations

from contextlib import closing
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from test_media_live import piped

import viseme
from viseme.core.errors import ConfigError
from viseme.faces.crop_recorder import CropRecorder
from viseme.media import VideoWriter, read_audio, read_frames
from viseme.speakers.live import find_speakers_live
from viseme.sync import comparer
from viseme.sync.checkpoint import Calibration
from viseme.sync.export import save_sync_weights
from viseme.sync.inputs.interface import visual_inputs
from viseme.sync.models.pixel_stream import PixelStream
from viseme.sync.models.two_stream import TwoStream
from viseme.weights import assets_folder

NUM_FRAMES = 45
INPUTS = sorted(visual_inputs)


@pytest.fixture(scope="module")
def clip() -> dict:
    """A synthetic talker in memory: frames, times, samples and rate."""
    path = assets_folder() / "samples" / "sample_in_sync.mp4"
    shown = [frame for frame, _ in zip(read_frames(path), range(NUM_FRAMES))]
    samples = np.concatenate([block.samples for block in read_audio(path)])
    times = np.array([float(frame.time) for frame in shown])
    return {
        "frames": np.stack([frame.image for frame in shown]),
        "times": times,
        "samples": samples[: round(times[-1] * 16_000)],
        "rate": 16_000,
    }


@pytest.fixture(scope="module")
def film(clip: dict, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a file that can be read as a stream."""
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    height, width = clip["frames"].shape[1:3]
    with VideoWriter(path, width=width, height=height, rate=25, audio_rate=16_000) as video:
        for image, time in zip(clip["frames"], clip["times"]):
            video.write(image, Fraction(float(time)).limit_denominator(1000))
        video.write_audio(clip["samples"], Fraction(0))
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Tiny random networks of every input."""
    folder, found = tmp_path_factory.mktemp("weights"), {}
    small = {"width": 16, "embedding": 8, "video_dilations": (1,), "audio_dilations": (1,)}
    for mode in INPUTS:
        torch.manual_seed(0)
        shape = visual_inputs[mode].shape  # type: ignore[attr-defined]
        if len(shape) == 2:
            network, model = TwoStream(TwoStream.Config(num_points=shape[0], **small)), "two-stream"
        else:
            stream = TwoStream.Config(num_points=4, **small)
            config = PixelStream.Config(channels=shape[0], size=shape[1], widths=(4, 4, 8, 8), stream=stream)
            network, model = PixelStream(config), "pixel-stream"
        found[mode] = folder / f"{mode}.safetensors"
        save_sync_weights(found[mode], [network], input_mode=mode, calibration=Calibration(), card={}, model=model)
    return found


@pytest.mark.parametrize("mode", INPUTS)
def test_an_input_says_what_it_makes(mode: str, clip: dict) -> None:
    """Shape, type and whether pixels are needed, from a track with and without images."""
    from viseme.faces import FaceTrackChunk, tracker

    visual = visual_inputs[mode]()
    with CropRecorder() as recorder:
        source = viseme_frames(clip)
        (chunk,) = [
            c for c in tracker["mediapipe"]().track(source, observers=[recorder]) if isinstance(c, FaceTrackChunk)
        ]
        track = comparer.replace(chunk.track, images=recorder.images(chunk.track_id, chunk.times))
        seen = visual.of_track(track)
        assert seen.shape == (len(chunk.times), *visual.shape)
        assert seen.dtype == visual.dtype
        assert np.std(seen.astype(float), 0).max() > 0, "nothing moves"
        if visual.needs_pixels:
            with pytest.raises(ValueError, match="images"):
                visual.of_track(chunk.track)
        else:
            np.testing.assert_array_equal(visual.of_track(chunk.track), seen)


def viseme_frames(clip: dict):
    from viseme.media.source import ArraySource

    return ArraySource(**clip).frames(max_side=640)


@pytest.mark.parametrize("mode", INPUTS)
def test_check_runs_on_arrays_and_files_alike(mode: str, clip: dict, film: Path, weights: dict[str, Path]) -> None:
    found = viseme.check(**clip, weights=weights[mode], evidence=True)
    assert found.input_mode == mode
    assert found.estimate.num_windows > 0
    assert [len(found.tracks), found.tracks[0].num_frames] == [1, NUM_FRAMES]
    assert found.evidence is not None
    assert np.isfinite(found.evidence.curve_scores).any()
    with pytest.raises(ConfigError, match=f"sees {mode}"):
        viseme.check(**clip, weights=weights[mode], input="beta" if mode != "beta" else "mesh")
    if mode in ("landmarks", "raw"):  # one that needs pixels and one that does not
        again = viseme.check(film, weights=weights[mode], evidence=True)
        assert again.evidence is not None
        scores = found.evidence.curve_scores, again.evidence.curve_scores
        known = np.isfinite(scores[0]) & np.isfinite(scores[1])
        assert np.corrcoef(scores[0][known], scores[1][known])[0, 1] > 0.9  # the file is compressed


@pytest.mark.parametrize("mode", INPUTS)
def test_find_speakers_runs(mode: str, clip: dict, weights: dict[str, Path]) -> None:
    found = viseme.find_speakers(**clip, weights=weights[mode], scorer="evidence")
    (face,) = found.faces
    assert np.isfinite(face.scores).all()
    assert len(face.scores) == pytest.approx(NUM_FRAMES, abs=12)
    assert found.weights.startswith(mode)


@pytest.mark.parametrize("mode", INPUTS)
def test_find_speakers_live_runs(mode: str, film: Path, weights: dict[str, Path]) -> None:
    with (
        open(piped(film.read_bytes()), "rb") as file,
        closing(find_speakers_live(file, weights=weights[mode], scorer="evidence", keep_frames=True)) as steps,
    ):
        told = list(steps)
        assert steps.header.context_s > 1
    assert told
    assert {face.id for step in told for face in step.faces} == {0}
    assert all(np.isfinite(face.score) for step in told for face in step.faces)


def test_a_file_is_decoded_once_whatever_the_input(
    film: Path, weights: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from viseme.media import source

    opened, read = [], source.read_frames

    def counted(*arguments, **options):
        opened.append(arguments)
        return read(*arguments, **options)

    monkeypatch.setattr(source, "read_frames", counted)
    viseme.check(film, weights=weights["raw"])
    assert len(opened) == 1


def test_arrays_and_a_file_are_not_mixed(clip: dict, film: Path) -> None:
    with pytest.raises(ValueError, match="not both"):
        viseme.check(film, **clip)
    with pytest.raises(ValueError, match="missing"):
        viseme.find_speakers(frames=clip["frames"])
