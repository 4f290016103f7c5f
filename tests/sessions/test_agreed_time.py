"""A wall clock that jumps changes the time that a node takes it to be by no more than clocks may differ."""

import pytest

from mapae.sessions.agreed_time import AgreedTime

MOST = 5


def agreed():
    time = AgreedTime(MOST)
    time.compare(1000, asked=999, answered=1002, sent=50, received=53)
    return time


@pytest.mark.parametrize(
    ("wall", "kept"), [(1010, 1010), (1014, 1014), (1020, 1015), (5000, 1015), (1008, 1008), (990, 1008), (0, 1008)]
)
def test_the_wall_clock_counts_as_far_as_it_agrees(wall, kept):
    # Ten seconds after the answer it is between 1010 and 1013 there.
    assert agreed().kept(wall, monotonic=63) == kept


def test_before_the_first_comparison_the_wall_clock_is_believed():
    assert AgreedTime(MOST).kept(7, monotonic=1e9) == 7


@pytest.mark.parametrize(
    ("asked", "answered", "ahead"), [(1000, 1001, 0), (1004, 1004, 4), (990, 994, -6), (1006, 1007, 6)]
)
def test_only_what_is_sure_counts_as_a_difference(asked, answered, ahead):
    time = AgreedTime(MOST)
    time.compare(1000, asked=asked, answered=answered, sent=0, received=1)
    assert time.ahead == ahead
    assert time.agrees is (abs(ahead) <= MOST)


def test_a_clock_that_jumped_is_measured_by_what_was_agreed_on_before():
    time = agreed()
    time.compare(1100, asked=1110, answered=1111, sent=150, received=151)
    assert not time.agrees
    assert time.kept(1111, monotonic=151) == 1000 + (151 - 53) + MOST


@pytest.mark.parametrize(("wall", "kept"), [(1000, 1000), (1004, 1004), (1008, 1005), (999, 1000), (0, 1000)])
def test_where_an_answer_took_long_a_clock_that_may_be_right_is_left_alone(wall, kept):
    time = AgreedTime(MOST)
    time.compare(1000, asked=980, answered=1000, sent=30, received=50)  # somewhere between 1000 and 1020 there by now
    assert time.kept(wall, monotonic=50) == kept
