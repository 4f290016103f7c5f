"""Whoever was let in and finds the hash queue full is told one moment, and no more of them come than can be served."""

from itertools import pairwise
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapae.admission.bookings import FIRST_SECONDS, MOST_SECONDS, Bookings


def test_one_comes_back_after_the_other_as_fast_as_the_queue_empties():
    bookings = Bookings()
    told = [bookings.book(b"%d" % each, 100.0, capacity=4.0) for each in range(5)]
    assert told == pytest.approx([FIRST_SECONDS + 0.25 * each for each in range(1, 6)])


def test_whoever_asks_before_the_moment_is_told_the_same_one_and_takes_nobody_elses():
    bookings = Bookings()
    first = bookings.book(b"a", 100.0, capacity=1.0)
    assert bookings.book(b"a", 100.5, capacity=1.0) == first - 0.5
    assert bookings.book(b"b", 100.5, capacity=1.0) == first + 1.0 - 0.5


def test_whoever_comes_back_and_finds_it_full_again_comes_after_those_who_were_told_meanwhile():
    bookings = Bookings()
    first = bookings.book(b"a", 100.0, capacity=1.0)
    second = bookings.book(b"b", 100.0, capacity=1.0)
    assert bookings.book(b"a", 100.0 + first, capacity=1.0) == pytest.approx(second + 1.0 - first)


def test_nobody_is_told_more_than_a_minute_however_slow_the_hashes_seem():
    bookings = Bookings()
    told = [bookings.book(b"%d" % each, 0.0, capacity=0.001) for each in range(100)]
    assert max(told) == MOST_SECONDS
    assert bookings.book(b"late", 2 * MOST_SECONDS, capacity=10.0) == pytest.approx(FIRST_SECONDS + 0.1)


def test_those_whose_moment_has_passed_are_forgotten():
    bookings = Bookings()
    for each in range(1_000):
        bookings.book(b"%d" % each, each * 10.0, capacity=1.0)
    assert len(bookings) == 1


@given(
    st.floats(0.5, 500.0),
    st.lists(st.tuples(st.integers(0, 40), st.floats(0.0, 2.0)), max_size=80),
)
def test_whoever_knocks_how_often_no_more_moments_are_told_than_there_is_capacity(capacity, knocks):
    bookings, now, moments = Bookings(), 50.0, set()
    for holder, passed in knocks:
        now += passed
        seconds = bookings.book(str(holder), now, capacity=capacity)
        assert 0 < seconds <= MOST_SECONDS
        if seconds < MOST_SECONDS:
            moments.add(round(now + seconds, 6))
    told = sorted(moments)
    for first, last in pairwise(told):
        assert last - first >= 1 / capacity - 1e-5
    assert len(told) <= ceil((told[-1] - told[0]) * capacity + 1) if told else True
