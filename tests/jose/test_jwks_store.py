"""What is done with the keys of another server at a given moment: no clock, no network, only values."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapae.jose.jwks import KeySet
from mapae.jose.jwks_store import (
    Absent,
    Bounds,
    Depart,
    Join,
    Refuse,
    Store,
    Use,
    arrival,
    crash,
    depart,
    land,
    look,
    search,
    seeded,
)
from mapae.jose.key import Key

OLD = KeySet([Key.generate("Ed25519", kid="old").public()])
NEW = KeySet([*OLD, Key.generate("Ed25519", kid="new").public()])
BOUNDS = Bounds(lifetime=300, max_stale=1000, cool_down=30, unknown_for=100, timeout=5, max_unknown=3)


def landed(keys=OLD, *, at=0.0, lifetime=None, etag=None, store=None):
    """The store after a fetch that began at `at` and took one second."""
    store, decision = depart(store or Store(BOUNDS), now=at)
    return land(store, decision.flight, keys, now=at + 1, lifetime=lifetime, etag=etag)


def crashed(store, *, at, retry_after=None):
    store, decision = depart(store, now=at)
    return crash(store, decision.flight, "no", now=at + 1, retry_after=retry_after)


def test_the_first_look_departs_and_waits():
    store, decision = look(Store(BOUNDS), now=10)
    assert isinstance(decision, Depart)
    assert decision.keys is None
    assert (decision.flight.number, decision.flight.deadline) == (1, 15)
    assert store.flight == decision.flight


def test_a_second_look_joins_the_flight_of_the_first():
    store, first = look(Store(BOUNDS), now=10)
    store, second = look(store, now=14.9)
    assert second == Join(first.flight)
    assert store.flights == 1


def test_fresh_keys_are_used_without_another_thought():
    store = landed()
    assert look(store, now=300.9) == (store, Use(OLD))


def test_stale_keys_are_used_while_one_flight_brings_new_ones():
    store, decision = look(landed(), now=302)
    assert isinstance(decision, Depart)
    assert decision.keys is OLD
    assert look(store, now=303) == (store, Use(OLD))
    store = land(store, decision.flight, NEW, now=304, lifetime=None, etag=None)
    assert look(store, now=305)[1] == Use(NEW)


def test_stale_keys_are_used_while_the_source_fails_up_to_the_maximum():
    store = crashed(landed(), at=302)
    assert look(store, now=303.5)[1] == Use(OLD)
    last = 1 + 300 + 1000
    assert isinstance(look(crashed(store, at=last - 3), now=last - 0.1)[1], Use)
    assert look(crashed(store, at=last - 2), now=last)[1] == Refuse("no", 1)


def test_a_failing_source_is_left_alone_longer_each_time_up_to_the_maximum():
    store, pauses = Store(BOUNDS), []
    for attempt in range(9):
        store = crashed(store, at=attempt * 1000)
        pauses.append(store.retry_at - attempt * 1000 - 1)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert landed(store=store, at=9000).retry_at < 0


@pytest.mark.parametrize(("said", "pause"), [(None, 1), (0, 1), (10, 10), (10_000, 60)])
def test_the_source_may_ask_to_be_left_alone_within_bounds(said, pause):
    assert crashed(Store(BOUNDS), at=0, retry_after=said).retry_at == 1 + pause


@pytest.mark.parametrize(("said", "lifetime"), [(None, 300), (0, 30), (60, 60), (10**9, 86_400)])
def test_an_answer_says_how_long_it_is_fresh_within_bounds(said, lifetime):
    assert landed(lifetime=said).fresh_until == 1 + lifetime


def test_a_flight_past_its_deadline_is_given_up_and_what_it_brings_later_is_dropped():
    store, decision = look(Store(BOUNDS), now=10)
    store, refused = arrival(store, decision.flight, now=15)
    assert isinstance(refused, Refuse)
    assert (store.flight, store.failures) == (None, 1)
    late = land(store, decision.flight, OLD, now=16, lifetime=None, etag=None)
    assert late.keys is None
    store, again = look(store, now=16.1)
    assert isinstance(again, Depart)
    assert crash(store, decision.flight, "late", now=17) == store, "it says nothing about the next flight"


def test_keys_that_say_the_same_stay_the_same_object():
    store = landed(store=landed(), at=400, keys=KeySet.from_jwks(OLD.to_jwks()))
    assert store.keys is OLD
    assert store.fresh_until == 701


def test_an_answer_without_news_confirms_the_keys_and_keeps_the_validator():
    store = landed(None, at=400, store=landed(etag='"1"'))
    assert (store.keys, store.etag, store.fresh_until) == (OLD, '"1"', 701)


def test_a_set_that_became_empty_is_believed():
    assert look(landed(KeySet([]), at=400, store=landed()), now=402)[1].keys.keys == ()


# Unknown kids ---------------------------------------------------------------------------------------------------------


def test_an_unknown_kid_departs_and_waits():
    store, decision = search(landed(), "new", since=50, now=50)
    assert isinstance(decision, Depart)
    assert decision.keys is None, "what it waits for is not in the keys at hand"
    store = land(store, decision.flight, NEW, now=51, lifetime=None, etag=None)
    assert arrival(store, decision.flight, now=51, kid="new")[1] == Use(NEW)


def test_a_kid_that_came_meanwhile_is_used():
    assert search(landed(NEW), "new", since=0, now=5)[1] == Use(NEW)


def test_a_set_asked_for_after_the_verification_began_is_conclusive():
    store, decision = search(landed(at=10), "new", since=10, now=12)
    assert decision == Absent(OLD)
    assert store.flights == 1


def after_a_vain_search(kid="x"):
    store, decision = search(landed(), kid, since=50, now=50)
    store = land(store, decision.flight, None, now=51, lifetime=None, etag=None)
    return arrival(store, decision.flight, now=51, kid=kid)[0]


@pytest.mark.parametrize(
    ("kid", "now", "found"),
    [("y", 79.9, Absent), ("y", 80, Depart), ("x", 80, Absent), ("x", 150.9, Absent), ("x", 151, Depart)],
)
def test_after_a_vain_search_all_unknown_kids_cool_down_and_the_kid_itself_longer(kid, now, found):
    assert isinstance(search(after_a_vain_search(), kid, since=now, now=now)[1], found)


def test_a_fetch_for_freshness_does_not_start_the_cool_down():
    assert isinstance(search(landed(at=10), "new", since=11.5, now=11.5)[1], Depart)


def test_new_keys_let_every_kid_be_looked_for_again():
    assert after_a_vain_search().unknown.keys() == {"x"}
    assert landed(NEW, at=60, store=after_a_vain_search()).unknown == {}


def test_while_the_source_fails_nothing_can_be_said_about_an_unknown_kid():
    store, decision = search(landed(), "new", since=50, now=50)
    store = crash(store, decision.flight, "no", now=51)
    assert arrival(store, decision.flight, now=51, kid="new")[1] == Refuse("no", 1)
    assert search(store, "new", since=51.5, now=51.5)[1] == Refuse("no", 0.5)
    assert isinstance(search(store, "new", since=52, now=52)[1], Depart), "the pause has ended, and nothing was learnt"
    assert look(store, now=51.5)[1] == Use(OLD), "the known keys do not suffer"


def test_kids_searched_in_vain_are_remembered_within_a_bound():
    store = landed(at=100)
    for kid in "abcdef":
        store, decision = search(store, kid, since=100, now=102)
        assert decision == Absent(OLD)
    assert list(store.unknown) == ["d", "e", "f"]


def test_keys_from_elsewhere_are_stale_from_the_start():
    _, decision = look(seeded(BOUNDS, OLD, now=0), now=0)
    assert isinstance(decision, Depart)
    assert decision.keys is OLD
    assert isinstance(look(seeded(BOUNDS, OLD, now=0), now=1000)[1], Depart)
    assert look(seeded(BOUNDS, OLD, now=0), now=1000)[1].keys is None
    assert seeded(BOUNDS, None, now=0) == Store(BOUNDS)


@pytest.mark.parametrize(
    "wrong", [{"lifetime": -1}, {"timeout": 0}, {"cool_down": float("nan")}, {"max_stale": float("inf")},
              {"min_lifetime": 2, "max_lifetime": 1}],
    ids=str,
)  # fmt: skip
def test_bounds_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=r"bounds|at most"):
        Bounds(**wrong)


# Any order of events --------------------------------------------------------------------------------------------------

KIDS = st.sampled_from(["old", "new", "x", "y"])
EVENTS = st.sampled_from(["look", "search", "land old", "land new", "crash"])


def happens(store, event, kid, now, flying):
    """One event; returns the store after it, and the decision where there was one."""
    match event:
        case "look":
            return look(store, now=now)
        case "search":
            return search(store, kid, since=now, now=now)
        case "crash":
            return (crash(store, flying, "no", now=now) if flying else store), None
        case _:
            keys = NEW if event == "land new" else OLD
            return (land(store, flying, keys, now=now, lifetime=None, etag=None) if flying else store), None


@given(st.lists(st.tuples(EVENTS, st.floats(0, 2000), KIDS), max_size=40))
def test_in_any_order_of_events_there_is_one_flight_and_the_bounds_hold(events):
    store, now, flying = Store(BOUNDS), 0.0, None
    for event, later, kid in events:
        now += later
        before = store
        store, decision = happens(store, event, kid, now, flying)
        match decision:
            case Depart(flight):
                assert before.flight is None or now >= before.flight.deadline, "never a second flight"
                assert now >= before.retry_at, "never during a pause"
                flying = flight
            case Use(keys):
                assert now < store.usable_until
                assert event == "look" or kid in keys
            case Absent(keys):
                assert kid not in keys
            case Refuse():
                assert decision.retry_after > 0
        assert len(store.unknown) <= BOUNDS.max_unknown
        assert store.retry_at - now <= BOUNDS.max_pause
        assert store.landed <= store.flights


@given(st.lists(st.tuples(st.floats(0, 20), st.text(min_size=1, max_size=2)), min_size=2, max_size=40))
def test_however_many_kids_are_invented_the_source_is_asked_once_per_cool_down(questions):
    store, now, asked = landed(lifetime=10_000), 10.0, []
    for later, kid in questions:
        now += later
        store, decision = search(store, kid, since=now, now=now)
        if isinstance(decision, Depart):
            asked.append(now)
            store = land(store, decision.flight, None, now=now, lifetime=10_000, etag=None)
    assert all(second - first >= BOUNDS.cool_down for first, second in pairwise(asked))


@given(st.floats(0, 10_000), st.integers(0, 30))
def test_a_decision_never_changes_the_store_it_was_given(now, failures):
    store = replace(landed(), failures=failures)
    copy = replace(store)
    look(store, now=now)
    search(store, "x", since=now, now=now)
    crashed(store, at=now)
    assert store == copy
