"""One network cannot make the line long with tickets; whoever shares it waits a little and is never locked out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapae.admission.gate import HASTE
from mapae.admission.places import AT_ONCE_SECONDS, LEAST_AT_ONCE, SHARE, Places


def taken(places, network="a", *, capacity=10.0, seconds=0.0, knocks=2_000, since_ms=1_000_000):
    """Knock at an even pace for so long; return how many places were got."""
    return sum(
        places.take(network, capacity=capacity, now_ms=since_ms + int(seconds * 1_000 * each / knocks)) == 0
        for each in range(knocks)
    )


def test_an_office_gets_its_places_at_once_and_another_network_is_not_affected():
    places = Places()
    assert taken(places) == AT_ONCE_SECONDS * 10
    assert taken(places, "b") == AT_ONCE_SECONDS * 10


def test_a_slow_machine_too_gives_a_few_places_at_once():
    assert taken(Places(), capacity=0.1) == LEAST_AT_ONCE


def test_whoever_goes_on_taking_gets_a_quarter_of_the_capacity():
    assert taken(Places(), seconds=600) == pytest.approx(AT_ONCE_SECONDS * 10 + SHARE * 10 * 600, abs=3)


def test_so_the_line_becomes_no_longer_than_ten_seconds_and_a_sixth():
    assert AT_ONCE_SECONDS / HASTE == 10
    assert SHARE / HASTE <= 1 / 6


def test_whoever_is_told_to_wait_gets_a_place_after_that_and_knocking_makes_it_no_longer():
    places = Places()
    taken(places)
    told = places.take("a", capacity=10, now_ms=1_000_000)
    assert 0 < told <= 1 / (SHARE * 10)
    taken(places, knocks=500)
    assert places.take("a", capacity=10, now_ms=1_000_000 + int(told * 1_000) + 1) == 0


@given(st.floats(0, 1_000), st.lists(st.integers(0, 10_000), max_size=60).map(sorted))
def test_the_wait_is_never_longer_than_the_way_to_the_next_place(capacity, moments):
    places = Places()
    for now_ms in moments:
        assert 0 <= places.take("a", capacity=capacity, now_ms=now_ms) <= 1 / (SHARE * max(capacity, 0.1)) + 1e-6


def test_memory_is_bounded():
    places = Places()
    for number in range(20_100):
        places.take(f"{number}", capacity=10, now_ms=1)
    assert len(places._rested_ms) == 20_000
