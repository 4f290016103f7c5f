"""Whoever asks much sooner than told is known for it, in a fixed room of memory."""

import pytest

from mapae.admission.appointments import CELLS, GRACE_MS, Appointments


def test_whoever_was_never_told_does_not_come_too_soon():
    assert Appointments().early_ms(7, 1_000) == 0


@pytest.mark.parametrize(
    ("now_ms", "early_ms"), [(1_000, 30_000), (30_000, 1_000), (31_000 - GRACE_MS, 0), (40_000, 0)]
)
def test_whoever_was_told_comes_too_soon_until_shortly_before_the_moment(now_ms, early_ms):
    appointments = Appointments()
    appointments.make(7, 31_000)
    assert appointments.early_ms(7, now_ms) == early_ms


def test_another_in_the_same_cell_takes_it_over_and_is_not_taken_for_the_first():
    appointments = Appointments()
    appointments.make(7, 31_000)
    assert appointments.early_ms(7 + CELLS, 1_000) == 0
    appointments.make(7 + CELLS, 99_000)
    assert appointments.early_ms(7, 1_000) == 0
    assert appointments.early_ms(7 + CELLS, 1_000) == 98_000
