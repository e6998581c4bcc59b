"""`viseme score` on the first second of a bundled sample: the same, changed, and damaged in known ways."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import viseme
from schemas import validate
from short_clip import short_clip, write_film
from viseme.cli.main import main
from viseme.core.scores import FailureCause
from viseme.media.source import ArraySource
from viseme.metrics.clip_score import ClipSources, score_sources
from viseme.metrics.metric_choice import MetricOptions, MetricSet, metric_set
from viseme.metrics.speech_similarity_metric import SpeechSimilarityMetric

NUM_FRAMES = 25
METRICS = ("ssim", "psnr", "lmd_px@256", "lve", "fdd", "vsc")


def source(frames: np.ndarray, times: np.ndarray | None = None, samples: np.ndarray | None = None) -> ArraySource:
    told = short_clip(NUM_FRAMES)
    times = told["times"][: len(frames)] if times is None else times
    return ArraySource(frames, times, told["samples"] if samples is None else samples, told["rate"])


class Expert:
    """Says what it was given: the mean of a mouth, and the first value of the audio."""

    id, input, width = "stub@0", "pixel", 2

    def encode(self, audio=None, video=None, layer=None) -> np.ndarray:
        seen = 0 if video is None else video.mean((1, 2)) - 1
        heard = 0 if audio is None else audio[:, 0]
        return np.stack(np.broadcast_arrays(np.ones(len(audio if video is None else video)), seen, heard), 1)


def scored(
    frames: np.ndarray,
    times: np.ndarray | None = None,
    metrics: MetricSet | None = None,
    samples: np.ndarray | None = None,
) -> viseme.ClipScore:
    real = source(short_clip(NUM_FRAMES)["frames"])
    generated = source(frames, times, samples)
    sources = ClipSources(
        name="a",
        file="a.mp4",
        generated=generated,
        reference=real,
        heard=generated,
        reference_heard=real,
        mismatched=None,
        has_reference=True,
    )
    return score_sources(sources, metrics or metric_set(MetricOptions(names=METRICS)))


def test_the_same_frames_are_perfect_and_a_still_face_is_not() -> None:
    found = scored(short_clip(NUM_FRAMES)["frames"])
    assert {n: found.metrics[n].value for n in ("psnr", "lmd_px@256")} == {"psnr": 100.0, "lmd_px@256": 0.0}
    assert found.metrics["ssim"].value == pytest.approx(1.0, abs=1e-6)
    assert found.num_pairs == found.metrics["ssim"].num_frames == NUM_FRAMES
    assert found.anchors["still_face"]["ssim"] < 0.99
    assert found.anchors["shifted"]["lmd_px@256"] > 0.1
    assert (found.metrics["lve"].value, found.metrics["fdd"].value) == pytest.approx((0, 0), abs=1e-6)
    assert found.anchors["still_face"]["lve"] > found.anchors["shifted"]["lve"] * 0.3 > 0.05
    assert {"vsc", "lve"} < set(found.metrics), "what is named is measured"
    assert {"ssim@face256", "vsd"}.isdisjoint(found.metrics), "and nothing else"
    assert [face.num_frames for face in found.faces] == [NUM_FRAMES]
    validate("score", found.to_json())


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda f: np.full_like(f, 90), FailureCause.NO_FACE),
        (lambda f: f[:1], FailureCause.ONE_FRAME),
        (lambda f: f[:-4], FailureCause.LENGTHS_DIFFER),
    ],
    ids=["no face", "one frame", "shorter"],
)
def test_what_is_wrong_is_a_cause_and_the_floor_is_known(change, cause) -> None:
    found = scored(change(short_clip(NUM_FRAMES)["frames"]))
    assert found.metrics["ssim"].failure is cause
    assert "ssim" in found.anchors["still_face"]
    assert found.message


def test_silence_and_a_held_frame_cost_what_needs_audio_and_nothing_else() -> None:
    clip = short_clip(NUM_FRAMES)
    for frames, samples, cause in (
        (clip["frames"], np.zeros_like(clip["samples"]), FailureCause.SILENT),
        (clip["frames"][:1].repeat(NUM_FRAMES, 0), clip["samples"], FailureCause.STILL_IMAGE),
    ):
        found = scored(frames, metrics=metric_set(MetricOptions(names=("psnr", "vsc"))), samples=samples)
        assert found.metrics["vsc"].failure is cause
        assert found.metrics["psnr"].value is not None
        assert found.failures == (cause,)


def test_a_speech_expert_has_its_anchors() -> None:
    found = scored(short_clip(NUM_FRAMES)["frames"], metrics=MetricSet([], [], [SpeechSimilarityMetric(Expert())]))
    assert found.metrics["avs_v[stub@0]"].value == pytest.approx(1)
    assert found.anchors["reference"]["avs_u[stub@0]"] == pytest.approx(found.metrics["avs_u[stub@0]"].value)
    assert found.anchors["still_face"]["avs_v[stub@0]"] < 1
    assert set(found.anchors["audio_only"]) == {
        f"avs_{letter}{kind}[stub@0]" for letter in "mv" for kind in ("", "_of_means")
    }
    assert set(found.anchors["mismatched_audio"]) == {"avs_u[stub@0]", "avs_u_of_means[stub@0]"}


def test_other_frame_rates_are_refused_in_words() -> None:
    clip = short_clip(NUM_FRAMES)
    found = scored(clip["frames"], clip["times"] * 1.25)
    assert found.metrics["ssim"].failure is FailureCause.FRAME_RATES_DIFFER
    assert "convert one of the videos" in found.message


def test_a_folder_with_a_good_a_broken_and_a_missing_clip(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    made, real = tmp_path / "made", tmp_path / "real"
    for folder in (made, real):
        folder.mkdir()
    film = write_film(real / "a.mkv", short_clip(NUM_FRAMES)).read_bytes()
    (made / "a.mkv").write_bytes(film)
    (real / "b.mkv").write_bytes(film)
    (made / "b.mkv").write_bytes(b"no media at all")
    (real / "c.mkv").write_bytes(film)
    log = tmp_path / "scores.jsonl"
    arguments = ["score", str(made), "--reference", str(real), "--metrics", "psnr", "--json", "--resume", str(log)]
    assert main(arguments) == 1
    answer = json.loads(capfd.readouterr().out)
    validate("score", answer)
    assert answer["failures"] == {"unreadable": 1, "missing_partner": 1}
    assert answer["metrics"]["psnr"]["valid"] == 100.0 > answer["metrics"]["psnr"]["value"]
    assert [c["name"] for c in answer["clips"]] == ["a", "b", "c"]
    lines = log.read_text().splitlines()
    assert len(lines) == 3
    again = viseme.score(made, real, metrics=["psnr"], resume=log)
    assert again["psnr"].value == pytest.approx(answer["metrics"]["psnr"]["value"], abs=1e-4)
    assert log.read_text().splitlines() == lines, "nothing was scored a second time"
