"""Every registered visual input runs through every command that compares lips with audio, from files and arrays."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

import viseme
from media_files import piped
from random_weights import sync_weights
from short_clip import short_clip, write_film
from viseme.core.errors import ConfigError
from viseme.faces.crop_recorder import CropRecorder
from viseme.speakers.live import find_speakers_live
from viseme.sync import comparer
from viseme.sync.checkpoint import load_sync_weights
from viseme.sync.embeddings import embed_lips, without_mean
from viseme.sync.inputs.interface import visual_inputs

NUM_FRAMES = 45
INPUTS = sorted(visual_inputs)


@pytest.fixture(scope="module")
def clip() -> dict:
    """A synthetic talker in memory: frames, times, samples and rate."""
    return short_clip(NUM_FRAMES)


@pytest.fixture(scope="module")
def film(clip: dict, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a file that can be read as a stream."""
    return write_film(tmp_path_factory.mktemp("film") / "film.mkv", clip)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Tiny random networks of every input."""
    folder = tmp_path_factory.mktemp("weights")
    return {mode: sync_weights(folder / f"{mode}.safetensors", mode) for mode in INPUTS}


@pytest.mark.parametrize("mode", INPUTS)
def test_an_input_says_what_it_makes(mode: str, clip: dict, weights: dict[str, Path]) -> None:
    """Shape, type and whether pixels are needed, from a track with and without images; and networks embed it."""
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
    (lips,) = embed_lips(load_sync_weights(weights[mode]).models, without_mean(seen))
    assert lips.shape == (len(seen), 8)
    assert np.isfinite(lips).all()
    assert lips.std(0).max() > 0, "every frame is embedded alike"


def viseme_frames(clip: dict):
    from viseme.media.source import ArraySource

    return ArraySource(**clip).frames(max_side=640)


@pytest.mark.parametrize("mode", INPUTS)
def test_check_runs_on_arrays_and_files_alike(mode: str, clip: dict, film: Path, weights: dict[str, Path]) -> None:
    found = viseme.check(**clip, weights=weights[mode], evidence=True)
    assert found.input_mode == mode
    assert [len(found.tracks), found.tracks[0].num_frames] == [1, NUM_FRAMES]
    assert found.evidence is not None
    scores, posterior = found.evidence.curve_scores, found.evidence.curve_posterior
    assert found.evidence.curve_delays[[0, -1]] == pytest.approx([-2, 2])
    assert np.isfinite(scores).sum() > 200, "less than a second either way was compared"
    overlap = NUM_FRAMES - 25 * abs(found.evidence.curve_delays[np.argmax(posterior)])
    assert found.estimate.num_windows == pytest.approx(overlap, abs=2), "every frame with audio at that delay counts"
    again = viseme.check(**clip, weights=weights[mode], evidence=True)
    assert again.estimate == found.estimate
    np.testing.assert_array_equal(again.evidence.curve_scores, scores)
    with pytest.raises(ConfigError, match=f"sees {mode}"):
        viseme.check(**clip, weights=weights[mode], input="beta" if mode != "beta" else "mesh")
    if mode in ("landmarks", "raw"):  # one that needs pixels and one that does not
        again = viseme.check(film, weights=weights[mode], evidence=True)
        assert again.evidence is not None
        known = np.isfinite(scores) & np.isfinite(again.evidence.curve_scores)
        assert np.corrcoef(scores[known], again.evidence.curve_scores[known])[0, 1] > 0.9  # the file is compressed


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
