"""Failed sign-ins slow down; nobody is locked out by somebody else (NIST SP 800-63B-4 §3.2.2)."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapae.admission.attempts import (
    PER_ACCOUNT,
    PER_ADDRESS,
    AttemptPolicy,
    Attempts,
    address_subject,
    email_subject,
    wait_ms,
)

MINUTE_MS = 60_000
DAY_MS = 1_440 * MINUTE_MS


def wait(failures, *, since_ms=0, policy=PER_ACCOUNT):
    return wait_ms(failures, 1_000_000, now_ms=1_000_000 + since_ms, policy=policy)


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, 0), (1, 0), (5, 0), (6, 1), (7, 2), (8, 4), (15, 512), (16, 900), (17, 900), (79, 900), (80, 86_400)],
)
def test_p7_the_wait_grows_and_has_an_end(failures, seconds):
    assert wait(failures) == seconds * 1_000


def test_p7_an_attacker_who_never_sleeps_gets_fewer_than_a_hundred_guesses_before_a_days_rest():
    now_ms, counted, guesses = 0, Attempts(), []
    while now_ms < 7 * DAY_MS:
        now_ms += wait_ms(counted.failures, counted.last_failed_ms, now_ms=now_ms, policy=PER_ACCOUNT)
        guesses.append(now_ms)
        rested = counted.last_failed_ms is not None and now_ms - counted.last_failed_ms >= PER_ACCOUNT.rest_ms
        counted = Attempts(1 if rested else counted.failures + 1, now_ms)  # as the table counts
    rests = [later - earlier for earlier, later in pairwise(guesses)]
    runs, run = [], 1
    for rest in rests:
        if rest >= DAY_MS:
            runs.append(run)
            run = 0
        run += 1
    assert runs
    assert max(runs) == 80


def test_p7_waiting_is_enough_to_get_in_again():
    assert wait(100, since_ms=DAY_MS) == 0
    assert wait(16, since_ms=15 * MINUTE_MS) == 0
    assert wait(16, since_ms=15 * MINUTE_MS - 1) == 1


def test_p7_a_count_that_has_not_begun_costs_no_wait():
    assert wait_ms(0, None, now_ms=0, policy=PER_ACCOUNT) == 0


def test_an_office_behind_one_address_may_fail_more_often():
    assert wait(20, policy=PER_ADDRESS) == 0 < wait(20, policy=PER_ACCOUNT)


@given(st.integers(0, 10**9), st.integers(-DAY_MS, 10 * DAY_MS))
def test_the_wait_is_never_negative_and_never_longer_than_the_rest(failures, since_ms):
    assert 0 <= wait(failures, since_ms=since_ms) <= PER_ACCOUNT.rest_ms


@given(st.integers(0, 98))
def test_one_more_failure_never_shortens_the_wait(failures):
    assert wait(failures) <= wait(failures + 1)


@pytest.mark.parametrize(
    ("address", "subject"),
    [
        ("203.0.113.7", "a:203.0.113.7"),
        ("::ffff:203.0.113.7", "a:203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "a:2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "a:2001:db8:1:2::/64"),
        ("fe80::1%eth0", "a:fe80::/64"),
        ("", "a:unknown"),
        ("not an address", "a:unknown"),
    ],
)
def test_a_network_is_counted_as_one(address, subject):
    assert address_subject(address) == subject


def test_an_e_mail_is_counted_without_being_kept():
    subject = email_subject("someone@example.com")
    assert subject == email_subject("someone@example.com") != email_subject("another@example.com")
    assert "someone" not in subject


@pytest.mark.parametrize(
    "waits",
    [{"free": -1}, {"free": 100}, {"free": 1, "first_wait_ms": 0}, {"free": 1, "longest_wait_ms": 2 * DAY_MS}],
    ids=str,
)
def test_a_policy_out_of_order_is_a_mistake(waits):
    with pytest.raises(ValueError, match="must be"):
        AttemptPolicy(**waits)
