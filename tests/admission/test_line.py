"""Places and counts: merged in any order, asked in any order."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapae.admission.arrivals import ArrivalClock
from mapae.admission.gate import HASTE, NOTICE_MS, GateState, Report, advance
from mapae.admission.line import BUCKET, Arrivals, Line, place_of
from mapae.admission.waiting import LEAST_INTERVAL, MOST_INTERVAL, estimate, interval

REPORTS = st.lists(
    st.builds(Arrivals, st.sampled_from("abc"), st.integers(100, 120), st.integers(1, 9)), min_size=1, max_size=40
)


@given(REPORTS, st.randoms())
@pytest.mark.slow
def test_counts_merge_to_the_same_line_in_any_order_however_often_they_come(reports, order):
    once, again = Line(), Line()
    once.merge(reports)
    shuffled = [*reports, *reports]
    order.shuffle(shuffled)
    for each in shuffled:
        again.merge([each])
    greatest = {}
    for node, bucket, people in reports:
        greatest[node, bucket] = max(people, greatest.get((node, bucket), 0))
    assert once.total == again.total == sum(greatest.values())
    for place in range(99 * BUCKET, 122 * BUCKET, BUCKET // 4):
        assert once.before(place) == again.before(place)


@given(REPORTS, st.floats(0, 50))
@pytest.mark.slow
def test_a_place_so_many_people_on_has_so_many_people_before_it(reports, people):
    line = Line()
    line.merge(reports)
    start = 100 * BUCKET
    reached = line.advanced(start, people)
    if reached is None:
        assert line.beyond(start) < people
    else:
        most = max(line._counts)
        assert people <= line.before(reached) - line.before(start) + 1e-6 <= people + 1e-5 * most + 1e-6


@given(REPORTS, st.integers(100, 121))
@pytest.mark.slow
def test_forgetting_changes_no_answer_about_what_is_left(reports, floor):
    whole, rest = Line(), Line()
    whole.merge(reports)
    rest.merge(reports)
    rest.forget(floor * BUCKET)
    rest.merge(reports)  # late repetitions
    for place in range(floor * BUCKET, 123 * BUCKET, BUCKET // 2):
        assert rest.beyond(place) == pytest.approx(whole.beyond(place))


def test_everybody_of_one_tenth_of_a_second_has_a_random_place_in_it():
    places = [place_of(1_234_567, random.Random(seed).randrange(1 << 64)) for seed in range(300)]
    assert {place // BUCKET for place in places} == {12_345}
    assert len({place % BUCKET // (BUCKET // 10) for place in places}) == 10


def test_the_clock_of_arrivals_is_never_set_back_and_finds_back_to_its_source():
    clock = ArrivalClock()
    clock.correct(1_000_000, monotonic=0)
    shown = [clock.now_ms(at) for at in range(10)]
    clock.correct(1_009_000, monotonic=10)  # the source was set back by a second
    shown += [clock.now_ms(at) for at in range(10, 40)]
    assert shown == sorted(set(shown))
    assert clock.now_ms(40) == 1_039_000
    clock.correct(5_000_000, monotonic=41)
    assert clock.now_ms(41) == 5_000_000
    assert clock.now_ms(40) == 5_000_000
    clock.raise_to(6_000_000, monotonic=41)
    assert clock.now_ms(41) == 6_000_000


def report(**given):
    fields = {"node": "a", "seen_ms": 0, "capacity": 10.0, "queued": 0, "idle": 0.0, "room": 20}
    return Report(**(fields | {"passed": 0, "shown": 0, "typed_ms": 0} | given))


def test_a_decision_counts_only_after_everybody_can_have_read_it():
    line = Line()
    line.merge([Arrivals("a", 10, 100)])
    before = GateState(version=4, tau=1, next_tau=10 * BUCKET, next_from_ms=1_000)
    decided = advance(before, line, [report(seen_ms=2_000)], now_ms=2_000)
    assert (decided.version, decided.tau) == (5, before.next_tau)
    assert decided.tau_at(2_000 + NOTICE_MS - 1) == decided.tau < decided.next_tau == decided.tau_at(2_000 + NOTICE_MS)


@pytest.mark.parametrize(
    ("state", "reports"),
    [
        (GateState(mode="closed"), [report(seen_ms=50_000)]),
        (GateState(mode="closed", opens_ms=50_001), [report(seen_ms=50_000)]),
        (GateState(), []),
        (GateState(), [report(seen_ms=40_000)]),
    ],
    ids=["closed", "not open yet", "no node", "no node that lives"],
)
def test_nobody_is_let_in_while_the_gate_is_closed_or_nobody_hashes(state, reports):
    line = Line()
    line.merge([Arrivals("a", 10, 100)])
    assert advance(state, line, reports, now_ms=50_000).next_tau == state.next_tau


def test_idle_threads_have_more_people_let_in_and_a_full_queue_fewer():
    line = Line()
    line.merge([Arrivals("a", 10, 1_000)])
    state = GateState(window=40.0, called=42.0, pace=10.0, rate=10.0, ticked_ms=100_000, next_from_ms=100_500)
    let_in = {}
    for name, measured in {"idle": {"idle": 1.0}, "content": {"queued": 8}, "full": {"queued": 20}}.items():
        decided = advance(state, line, [report(seen_ms=100_700, **measured)], now_ms=100_700)
        let_in[name] = line.before(decided.next_tau)
    assert let_in["idle"] > let_in["content"] > let_in["full"]


def test_what_cannot_be_let_in_now_is_not_saved_up_for_later():
    """A line that may not go faster had windows of minutes saved up, and all of them came when it might."""
    line = Line()
    line.merge([Arrivals("a", 10, 100_000)])
    state = GateState(window=40.0, pace=10.0, rate=10.0, ticked_ms=100_000, next_from_ms=100_500)
    for at_ms in range(100_700, 160_000, 600):
        state = advance(state, line, [report(seen_ms=at_ms, idle=1.0)], now_ms=at_ms)
    saved = state.window - state.called
    assert 0 < saved <= HASTE * state.pace * 4.0


@given(st.floats(0, 1e9), st.floats(0, 1e4), st.floats(0, 1e6), st.floats(0, 1, exclude_max=True))
def test_everybody_is_told_to_ask_again_after_a_second_to_a_minute(ahead, pace, opens_in, lot):
    assert LEAST_INTERVAL <= interval(ahead, pace=pace, opens_in=opens_in, lot=lot) <= MOST_INTERVAL


def test_an_estimate_is_a_range_and_there_is_none_while_the_line_stands_still():
    least, most = estimate(1_000, rate=10, opens_in=0)
    assert least < 100 < most
    assert estimate(1_000, rate=0, opens_in=0) is None
