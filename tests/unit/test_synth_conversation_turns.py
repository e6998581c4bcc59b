"""The timeline: nobody speaks over themselves, never three at once, shots fill the time, acts stay in their spans."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viseme.synthetic.articulation import JAW_FULL_MM
from viseme.synthetic.motion import move
from viseme.synthetic.nonspeech_motion import ACTS, Act, enact, plan_acts, turned
from viseme.synthetic.turns import (
    Manners,
    Saying,
    common,
    direct,
    merged,
    outside,
    take_turns,
    total,
)

LENGTHS = st.lists(st.lists(st.floats(0.2, 4.0), max_size=12), min_size=1, max_size=5)


def most_at_once(sayings: list[Saying]) -> int:
    steps = sorted([(s.start, 1) for s in sayings] + [(s.end, -1) for s in sayings], key=lambda x: (x[0], x[1]))
    return max(itertools.accumulate((change for _, change in steps)), default=0)


def over_oneself(sayings: list[Saying]) -> list[tuple[Saying, Saying]]:
    faults = []
    for voice in {s.voice for s in sayings}:
        own = sorted((s for s in sayings if s.voice == voice), key=lambda s: s.start)
        faults += [(one, two) for one, two in itertools.pairwise(own) if two.start < one.end]
    return faults


@given(LENGTHS, st.integers(0, 2**31), st.floats(0, 1), st.floats(0, 1), st.floats(-1.5, 2))
@settings(deadline=None, max_examples=60)
def test_turns_keep_the_rules(lengths, seed, overlap, assent, start):
    manners = Manners(overlap=overlap, silence=(1 - overlap) / 2, assent=assent)
    sayings = take_turns(lengths, 20.0, np.random.default_rng(seed), manners=manners, start=start)
    assert over_oneself(sayings) == []
    assert most_at_once(sayings) <= 2
    assert len({(s.voice, s.phrase) for s in sayings}) == len(sayings)
    assert all(start <= s.start < 20.0 for s in sayings)
    assert all(s.end - s.start == pytest.approx(lengths[s.voice][s.phrase]) for s in sayings)
    assert sayings == sorted(sayings, key=lambda s: (s.start, s.voice))


def test_breaking_the_rules_would_be_noticed():
    one, two, three = (Saying(voice=v, phrase=0, start=0.1 * v, end=2.0) for v in range(3))
    assert most_at_once([one, two, three]) == 3
    assert len(over_oneself([one, Saying(voice=0, phrase=1, start=1.0, end=3.0)])) == 1


def test_who_has_no_weight_is_silent_and_the_seed_decides():
    lengths = [[1.0, 2.0, 1.5]] * 3
    one = take_turns(lengths, 30.0, np.random.default_rng(5), weights=[1, 0, 2])
    assert {s.voice for s in one} == {0, 2}
    assert one == take_turns(lengths, 30.0, np.random.default_rng(5), weights=[1, 0, 2])
    assert take_turns(lengths, 30.0, np.random.default_rng(5), weights=[0, 0, 0]) == []


def test_manners_make_overlaps_and_silences():
    lengths = [[2.0] * 60] * 3

    def both(manners: Manners) -> tuple[float, float]:
        sayings = take_turns(lengths, 100.0, np.random.default_rng(2), manners=manners)
        spans = [(s.start, s.end) for s in sayings]
        return sum(b - a for a, b in spans) - total(spans), total(outside(spans, 0, 100))

    plain = both(Manners(overlap=0, silence=0, assent=0))
    assert plain[0] == 0
    assert both(Manners(overlap=0.9, silence=0, assent=0))[0] > 5
    assert both(Manners(overlap=0, silence=0.9, assent=0))[1] > plain[1] + 15


def test_a_listener_says_yes_within_the_turn():
    lengths = [[3.0] * 10, [0.4] * 10]
    sayings = take_turns(lengths, 30.0, np.random.default_rng(0), manners=Manners(assent=1.0, overlap=0))
    turns = [s for s in sayings if s.voice == 0]
    yes = [s for s in sayings if s.voice == 1]
    assert yes
    assert all(any(t.start < y.start and y.end < t.end + 3.5 for t in turns) for y in yes)


SPANS = st.lists(st.tuples(st.floats(0, 10), st.floats(0, 5)).map(lambda p: (p[0], p[0] + p[1])), max_size=8)


@given(SPANS, SPANS)
@settings(deadline=None, max_examples=50)
def test_spans_are_sets_of_instants(one, two):
    both, left = common(one, two), outside(one, 0.0, 20.0)
    assert total(both) <= min(total(one), total(two)) + 1e-9
    assert total(left) + total(one) == pytest.approx(20.0)
    assert total(common(left, one)) == pytest.approx(0.0)
    assert all(b[0] > a[1] for a, b in itertools.pairwise(merged(one)))


@given(st.integers(1, 5), st.floats(3, 40), st.integers(0, 2**31))
@settings(deadline=None, max_examples=50)
def test_shots_fill_the_time_and_differ(num, seconds, seed):
    rng = np.random.default_rng(seed)
    sayings = take_turns([[2.0] * 9] * (num + 1), seconds, rng)
    shots = direct(sayings, num, seconds, rng)
    assert shots[0].start == 0.0
    assert shots[-1].end == pytest.approx(seconds)
    for one, two in itertools.pairwise(shots):
        assert one.end == two.start
        assert one.view != two.view
    assert all(shot.end - shot.start >= min(1.5, seconds) - 1e-9 for shot in shots)
    assert all(set(shot.view) <= set(range(num)) and list(shot.view) == sorted(shot.view) for shot in shots)
    assert [s.view for s in direct(sayings, num, seconds, rng, cuts=False)] == [tuple(range(num))]


def test_cameras_follow_the_speaker_and_cut_away():
    sayings = [Saying(voice=1, phrase=0, start=0.0, end=300.0)]
    close = direct(sayings, 3, 300.0, np.random.default_rng(1), away=0.0, group=0.0, empty=0.0)
    assert all(1 in shot.view for shot in close if len(shot.view) < 3)
    away = direct(sayings, 3, 300.0, np.random.default_rng(1), away=1.0, group=0.0, empty=0.0)
    assert sum(1 not in shot.view for shot in away) == len(away)


def test_acts_stay_in_quiet_spans_and_apart():
    quiet = [(0.0, 8.0), (9.0, 9.3), (12.0, 40.0)]
    seen = set()
    for seed in range(20):
        acts = plan_acts(quiet, np.random.default_rng(seed), activity=2.0, chewing=seed % 2 == 0)
        seen |= {a.kind for a in acts}
        assert all(any(low < a.start < a.end < high for low, high in quiet) for a in acts)
        assert all(two.start > one.end for one, two in itertools.pairwise(acts))
    assert seen == set(ACTS)
    assert plan_acts(quiet, np.random.default_rng(0), activity=0.0) == []


@pytest.mark.parametrize("kind", [k for k in ACTS if k != "mouthing"])
def test_an_act_moves_the_face_in_its_span_alone(kind):
    still = move([], np.arange(0, 6, 0.04), seed=3)
    acted = enact(still, [Act(kind=kind, start=2.0, end=4.0, seed=1)])
    names = {*still.units, *acted.units}
    zero = np.zeros(len(still.times))
    change = sum(np.abs(acted.units.get(n, zero) - still.units.get(n, zero)) for n in names)
    change = change + np.abs(acted.pose - still.pose).sum(1)
    inside = (still.times > 2.0) & (still.times < 4.0)
    assert change[inside].max() > 0.03
    assert change[~inside].max() == 0
    assert np.abs(np.diff(acted.units["jawOpen"])).max() < 0.2  # no jumps at the ends
    jaw = acted.units["jawOpen"] - acted.units["mouthClose"] - (still.units["jawOpen"] - still.units["mouthClose"])
    assert (acted.gap_mm - still.gap_mm) == pytest.approx(JAW_FULL_MM * np.maximum(jaw, 0), abs=0.5)


def test_people_turn_to_whoever_speaks():
    times = np.arange(0, 10, 0.04)
    yaw = turned(times, 1, [(0.0, 4.0, 0), (5.0, 9.0, 2)], np.random.default_rng(0))
    assert yaw[(times > 1.5) & (times < 3.5)].max() < -0.03  # the one at image left
    assert yaw[(times > 6.5) & (times < 8.5)].min() > 0.03
    assert np.abs(np.diff(yaw)).max() < 0.1
