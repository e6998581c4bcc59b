"""`find_speakers` from a file to every output, on the packaged samples."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from viseme.cli.main import main
from viseme.core.errors import NoAudio, NoVideo
from viseme.core.speakers import FaceState, SpeakersResult, VoiceState
from viseme.media import VideoWriter, probe, read_frames
from viseme.speakers.overlay import write_overlay
from viseme.speakers.pipeline import find_speakers
from viseme.weights import assets_folder

SAMPLES = assets_folder() / "samples"
LATE = SAMPLES / "sample_late_137ms.mp4"
IN_SYNC = SAMPLES / "sample_in_sync.mp4"


@pytest.fixture(scope="module")
def late() -> SpeakersResult:
    return find_speakers(LATE)


def spoken(name: str) -> tuple[float, float]:
    truth = json.loads((SAMPLES / "truth.json").read_text(encoding="utf-8"))[name]["phonemes"]
    return truth[0]["start"], truth[-1]["end"]


def test_the_speaker_is_found_where_the_lips_speak(late: SpeakersResult) -> None:
    start, end = spoken(LATE.name)
    assert late.delay_taken_out == pytest.approx(0.137, abs=0.02)
    (face,) = late.faces
    times = face.times
    state = np.zeros(len(times), bool)
    for s in face.segments:
        state |= (times >= s.start) & (times < s.end) & (s.state is FaceState.SPEAKING)
    inside = (times > start + 0.2) & (times < end - 0.2)
    assert state[inside].mean() > 0.95
    assert face.seconds(FaceState.SPEAKING) < end - start + 1.0
    assert face.person == 0
    assert face.person_confidence == 1


def test_the_voice_stands_where_the_lips_are(late: SpeakersResult) -> None:
    """Audio 137 ms late is moved back on the clock of the frame."""
    start, end = spoken(LATE.name)
    assert {v.state for v in late.voice} == {VoiceState.ONSCREEN}
    assert late.voice[0].start == pytest.approx(start, abs=0.2)
    assert late.voice[-1].end == pytest.approx(end, abs=0.3)
    assert late.voice[0].speakers == (0,)


def test_mismatched_audio_is_not_spoken(late: SpeakersResult) -> None:
    mismatched = find_speakers(LATE, audio=IN_SYNC)
    assert mismatched.faces[0].scores.mean() < late.faces[0].scores.mean() - 2
    assert mismatched.faces[0].seconds(FaceState.SPEAKING) < 0.5 * late.faces[0].seconds(FaceState.SPEAKING)
    assert all(v.state is not VoiceState.ONSCREEN for v in mismatched.voice if v.end - v.start > 1.5)


@pytest.mark.slow
def test_alignment_matters(late: SpeakersResult) -> None:
    recorded = find_speakers(LATE, align="none", scorer="cosine")
    aligned = find_speakers(LATE, align="track", scorer="cosine")
    assert recorded.delay_taken_out == 0
    assert np.median(aligned.faces[0].scores) > np.median(recorded.faces[0].scores) + 0.05


def test_the_overlay_has_every_frame_and_the_audio(late: SpeakersResult, tmp_path: Path) -> None:
    out = tmp_path / "seen.mp4"
    write_overlay(late, out)
    info = probe(out)
    assert info.audio
    before, after = list(read_frames(LATE)), list(read_frames(out))
    assert [p.time for p in after] == pytest.approx([p.time for p in before], abs=1e-3)
    height = before[0].image.shape[0]
    middle = after[60].image
    green = (middle[..., 1].astype(int) - middle[..., 0] > 60) & (middle[..., 1] > 120)
    assert green[:height].sum() > 500, "no box is drawn around the speaker"
    assert green[height:].sum() > 200, "the voice is not drawn"


def test_the_command_writes_every_format(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    names = {"csv": "a.csv", "rttm": "a.rttm", "srt": "a.srt", "vtt": "a.vtt", "ava": "ava.csv", "report": "a.html"}
    options = [word for name, file in names.items() for word in (f"--{name}", str(tmp_path / file))]
    assert main(["find-speakers", str(IN_SYNC), "--json", *options]) == 0
    answer = json.loads(capfd.readouterr().out)
    assert answer["schema"] == "viseme.speakers/1"
    assert all((tmp_path / file).stat().st_size > 20 for file in names.values())


def test_files_without_frame_or_audio_are_refused(tmp_path: Path) -> None:
    silent = tmp_path / "silent.mp4"
    with VideoWriter(silent, width=64, height=64, rate=25) as video:
        for _ in range(5):
            video.write(np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(NoAudio, match="--audio"):
        find_speakers(silent)
    with pytest.raises(NoVideo):
        find_speakers(_audio_only(tmp_path))


def test_a_video_without_faces_has_a_voice_of_nobody(tmp_path: Path) -> None:
    blank = tmp_path / "blank.mp4"
    with VideoWriter(blank, width=64, height=64, rate=25) as video:
        for _ in range(120):
            video.write(np.full((64, 64, 3), 90, np.uint8))
    found = find_speakers(blank, audio=IN_SYNC)
    assert found.faces == ()
    assert {v.state for v in found.voice} == {VoiceState.OFFSCREEN}


def _audio_only(folder: Path) -> Path:
    import wave

    path = folder / "audio.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(b"\0\0" * 16000)
    return path
