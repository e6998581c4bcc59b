"""Conversations from end to end: audio where the truth says, lips that move when they should, films and their truth."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from viseme.cli.main import main
from viseme.core.errors import ConfigError
from viseme.media import read_frames
from viseme.synthetic import conversation, espeak_available
from viseme.synthetic.conversation import (
    HELD_OUT_LANGUAGES,
    HELD_OUT_SEED,
    HELD_OUT_SPEAKERS,
    HELD_OUT_VARIANTS,
    STATES,
    Conversation,
    Participant,
    Segment,
    conversation_tracks,
    plan_conversation,
)
from viseme.synthetic.conversation.drawing import draw
from viseme.synthetic.conversation.film import film_conversation
from viseme.synthetic.conversation.plan import camera_places
from viseme.synthetic.conversation.voices import draw_voices
from viseme.synthetic.phonemes import SAMPLE_RATE
from viseme.synthetic.style import Style
from viseme.synthetic.turns import Shot, common, merged, total
from viseme.synthetic.voices import VOICES, VoiceMissing

pytestmark = pytest.mark.skipif(not espeak_available(), reason="espeak-ng is not installed (apt-get install espeak-ng)")
QUICK = {"recorded": 0.0, "seconds": 8.0}


def lip_gap(track: conversation.FaceTrack) -> np.ndarray:
    points = track.landmarks
    eyes = np.linalg.norm(points[:, 33] - points[:, 263], axis=1)
    return np.linalg.norm(points[:, 13] - points[:, 14], axis=1) / eyes


def test_seeded_and_consistent():
    for seed in range(4):
        one, two = (conversation_tracks(seed, **QUICK) for _ in range(2))
        assert np.array_equal(one.audio, two.audio)
        assert all(np.array_equal(a.landmarks, b.landmarks) for a, b in zip(one.tracks, two.tracks, strict=True))
        assert 2 <= len(one.people) <= 4
        assert len({p.voice.voice for p in one.people}) == len(one.people)
        assert one.audio.dtype == np.float32
        assert np.isfinite(one.audio).all()
        assert 0 < np.abs(one.audio).max() < 1
        assert len(one.audio) == pytest.approx(one.seconds * SAMPLE_RATE, abs=1)
        for track in one.tracks:
            assert track.landmarks.shape == (len(track.times), 478, 3)
            assert np.isfinite(track.landmarks).all()
            assert np.array_equal(track.state, one.states(track.person, track.times))
            shot = one.shots[track.shot]
            assert track.person in shot.view
            assert shot.start <= track.times[0] + 1e-9
            assert track.times[-1] < shot.end
        shown = sum(len(t.times) for t in one.tracks)
        assert shown == sum(len(s.view) * int(((one.times >= s.start) & (one.times < s.end)).sum()) for s in one.shots)


def test_every_voiced_instant_has_an_owner_and_silence_is_silent():
    for seed in range(8):
        talk = plan_conversation(seed, **QUICK)
        voiced = merged([(s.start + talk.audio_delay, s.end + talk.audio_delay) for s in talk.segments], gap=1.2)
        level = np.abs(talk.audio)
        at = np.arange(len(level)) / SAMPLE_RATE
        silent = np.ones(len(level), bool)
        for start, end in voiced:
            silent &= (at < start - 0.05) | (at > end + 0.3)
        if talk.over == "nothing" and silent.sum() > SAMPLE_RATE // 2:
            # what a room still echoes is far below the voice
            assert np.sqrt(np.mean(level[silent] ** 2)) < 0.12 * np.sqrt(np.mean(level[~silent] ** 2))
        for index, person in enumerate(talk.people):
            own = [(s.start, s.end) for s in talk.segments if s.person == index]
            kinds = {s.kind for s in talk.segments if s.person == index}
            assert kinds <= {"dubbed" if person.dubbed else "speech"}
            if not person.dubbed:
                assert np.allclose(merged(own), merged(talk.lips[index]))
            assert total(common(talk.lips[index], talk.mouthed[index])) == 0
        assert {s.kind for s in talk.segments if s.person is None} <= {"offscreen"}


@pytest.mark.parametrize("delay", [-0.3, 0.0, 0.25])
def test_the_audio_lies_where_the_truth_says(delay):
    """A voice alone, against what its lips say as audio."""
    talk = plan_conversation(4, num_people=1, audio_delay=delay, dubbing=0.0, **QUICK)
    assert talk.audio_delay == delay
    lips = np.abs(talk.effort[0][: len(talk.audio)]) * talk.states(0, np.arange(len(talk.audio)) / SAMPLE_RATE)
    step = SAMPLE_RATE // 200
    one, two = (np.abs(x[: len(x) // step * step]).reshape(-1, step).mean(1) for x in (lips, talk.audio))
    likeness = np.correlate(two - two.mean(), one - one.mean(), "full")
    assert (int(likeness.argmax()) - len(one) + 1) / 200 == pytest.approx(delay, abs=0.0151)


def test_lips_move_when_they_speak_and_seldom_else():
    moving: dict[str, list[np.ndarray]] = {"spoken": [], "quiet": []}
    for seed in range(20, 28):
        talk = conversation_tracks(seed, dubbing=0.0, **QUICK)
        for track in talk.tracks:
            change = np.abs(np.gradient(lip_gap(track), track.times))
            idle = track.state == 0
            for act in talk.acts[track.person]:
                idle &= (track.times < act.start) | (track.times > act.end)
            moving["spoken"].append(change[track.state == STATES.index("speaking")])
            moving["quiet"].append(change[idle])
    spoken, quiet = (np.median(np.concatenate(x)) for x in moving.values())
    assert spoken > 2.5 * quiet


def test_dubbed_lips_say_something_else():
    found = set()
    for seed in range(9):
        talk = plan_conversation(seed, dubbing=1.0, **QUICK)
        for index, person in enumerate(talk.people):
            own = [(s.start, s.end) for s in talk.segments if s.person == index]
            if not person.dubbed or not own:
                continue
            found.add(person.dubbed)
            assert talk.lips[index]
            assert set(talk.states(index, talk.times)) <= {0, STATES.index("dubbed")}
            if person.dubbed == "shifted":
                late = [a - b for (a, _), (b, _) in zip(merged(own), talk.lips[index], strict=True)]
                assert late == pytest.approx([person.shift] * len(late))
                assert 0.45 <= abs(person.shift) <= 1.2
            else:
                assert person.shift == 0
    assert found == {"mismatched", "shifted"}


def test_voices_are_held_out_by_seed():
    for seed in range(12):
        for base, expected in ((seed, False), (HELD_OUT_SEED + seed, True)):
            voices, outer = draw_voices(np.random.default_rng(base), 4, expected, 0.5), None
            for voice in [*voices, *([outer] if outer else [])]:
                if voice.voice in VOICES:
                    assert (VOICES[voice.voice].speaker in HELD_OUT_SPEAKERS) == expected
                else:
                    language, _, variant = voice.voice.partition("+")
                    assert (language in HELD_OUT_LANGUAGES) == expected
                    assert (variant in HELD_OUT_VARIANTS) == expected
    tested = plan_conversation(HELD_OUT_SEED + 3, **QUICK)
    assert all(p.voice.language in HELD_OUT_LANGUAGES for p in tested.people)


def drawn(**changes) -> Conversation:
    """Two people; the first speaks 0 to 4 s, a narrator 4 to 6 s; the camera leaves the first at 2 s."""
    plain = plan_conversation(0, num_people=2, seconds=6.0, audio_delay=0.0, dubbing=0.0, recorded=0.0)
    shots = (Shot(start=0.0, end=2.0, view=(0, 1)), Shot(start=2.0, end=6.0, view=(1,)))
    segments = (
        Segment(start=0.0, end=4.0, person=0, kind="speech"),
        Segment(start=4.0, end=5.5, person=None, kind="offscreen"),
    )
    return replace(plain, shots=shots, segments=segments, **changes)


def test_a_voice_without_a_face_by_hand():
    assert drawn().unseen_voice() == [(2.0, 5.5)]
    assert drawn().cuts == [2.0]
    late = drawn(audio_delay=0.5).unseen_voice()
    assert late == [(2.0, 6.0)]
    seen = replace(drawn(), shots=(Shot(start=0.0, end=6.0, view=(0, 1)),))
    assert seen.unseen_voice() == [(4.0, 5.5)]


def test_quick_enough_to_train_on():
    plan = plan_conversation(1, num_people=3, seconds=12.0, recorded=0.0)
    conversation_tracks(1, num_people=3, recorded=0.0)
    begin = time.process_time()
    conversation_tracks(1, num_people=3, seconds=12.0, recorded=0.0)
    assert time.process_time() - begin < 2.0  # .2 s where nothing else runs
    assert len(plan.people) == 3


@pytest.mark.parametrize(
    "wrong", [{"num_people": 0}, {"seconds": 0.1}, {"audio_delay": 3.0}, {"width": 640}, {"dubbing": 2.0}]
)
def test_wrong_values_are_named(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        plan_conversation(0, **wrong)


def test_a_film_and_its_truth(tmp_path):
    done = []
    result = film_conversation(
        tmp_path / "a.mp4",
        3,
        num_people=2,
        seconds=2.0,
        width=160,
        height=90,
        rate=Fraction(10),
        recorded=0.0,
        antialias=1,
        cuts=True,
        progress=lambda at, of: done.append((at, of)),
    )
    truth = json.loads((tmp_path / "a.json").read_text())
    assert truth == json.loads(json.dumps(result.to_json()))
    assert truth["schema"] == "viseme.conversation/1"
    assert done[-1] == (20, 20) == (truth["num_frames"],) * 2
    assert sum(1 for _ in read_frames(tmp_path / "a.mp4")) == 20
    assert {t["person"] for t in truth["tracks"]} <= {0, 1}
    for track in truth["tracks"]:
        assert all(0 <= row[5] <= 2 and row[1] < row[3] and row[2] < row[4] for row in track["boxes"])
        assert all(two[0] - one[0] == pytest.approx(0.2, abs=0.11) for one, two in pairwise(track["boxes"]))
    with pytest.raises(ConfigError, match="seconds"):
        film_conversation(tmp_path / "b.mp4", result.conversation, seconds=3.0)
    assert not (tmp_path / "b.mp4").exists()


def test_frames_show_faces_where_the_truth_says_and_cut_where_it_says(tmp_path):
    talk = replace(
        plan_conversation(8, num_people=2, seconds=2.0, width=320, height=180, rate=Fraction(5), recorded=0.0),
        shots=(Shot(start=0.0, end=1.0, view=(0, 1)), Shot(start=1.0, end=2.0, view=(1,))),
    )
    talk = replace(talk, places={s.view: camera_places(s.view, 320, 180, 8) for s in talk.shots})
    frames = np.stack(list(draw(talk, antialias=1, noise=0.0))).astype(int)
    assert frames.shape == (10, 180, 320, 3)
    change = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2, 3))
    assert int(change.argmax()) == 4
    assert change[4] > 4 * np.delete(change, 4).max()
    for person, place in zip((0, 1), talk.places[0, 1]):
        x, y = place.centre
        empty = frames[0, 2:8, 2:-2].mean(axis=(0, 1))
        assert np.abs(frames[0, y - 4 : y + 4, x - 4 : x + 4].mean(axis=(0, 1)) - empty).sum() > 15, person


def test_the_command(tmp_path, capfd):
    words = ["--seconds", "1", "--width", "96", "--height", "64", "--fps", "5", "--people", "2", "--recorded", "0"]
    assert main(["synth", "conversation", str(tmp_path / "c.mkv"), *words, "--still"]) == 0
    out = capfd.readouterr().out
    assert "96 x 64" in out
    assert "person 1" in out
    assert (tmp_path / "c.json").exists()


def test_without_recorded_voices_espeak_speaks_and_it_is_said_once(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr("viseme.synthetic.conversation.voices.voice_available", lambda name: False)
    words = ["--seconds", "1", "--width", "96", "--height", "64", "--fps", "5", "--people", "3", "--recorded", "1"]
    assert main(["synth", "conversation", str(tmp_path / "c.mkv"), *words, "--still"]) == 0
    err = capfd.readouterr().err
    assert err.count("not installed") == 1
    assert "espeak-ng speaks instead" in err
    assert ":" not in "".join(p["voice"] for p in json.loads((tmp_path / "c.json").read_text())["people"])
    assert main(["synth", "conversation", str(tmp_path / "c.mkv"), *words, "--still"]) == 1
    assert "exists; add --overwrite" in capfd.readouterr().err


def test_training_data_never_change_with_what_is_installed(monkeypatch):
    monkeypatch.setattr("viseme.synthetic.engines.voice_available", lambda name: False)
    with pytest.raises(VoiceMissing):
        plan_conversation(3, seconds=2.0, recorded=1.0)


def test_without_espeak_one_line_says_what_to_install(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr("viseme.synthetic.espeak._LIBRARIES", ())
    monkeypatch.setattr("viseme.synthetic.espeak._espeak", {})
    for command in (["synth"], ["synth", "conversation"]):
        assert main([*command, str(tmp_path / "c.mp4"), "--seconds", "1"]) == 1
        err = capfd.readouterr().err.strip()
        assert "apt-get install espeak-ng" in err
        assert len(err.splitlines()) == 1


def test_a_participant_is_plain_data():
    voice = plan_conversation(0, **QUICK).people[0].voice
    assert Participant(identity=1, seed=2, style=Style(), voice=voice).dubbed == ""
