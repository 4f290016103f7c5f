"""Promises of the key schedule."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapae.errors import KeyRefused, NotFound
from mapae.keys.schedule import (
    Destroy,
    KeyPolicy,
    Make,
    Move,
    SigningKey,
    phase,
    plan,
    published,
    retire,
    rotate,
    signing_key,
)

POLICY = KeyPolicy(alg="ES256", token_ms=610, signs_for_ms=9_000, announced_for_ms=1_000)


def made(kid, follows, sign_from_ms, *, created_ms=0, alg="ES256", **dates):
    return SigningKey(kid, follows, alg, {"kid": kid}, b"sealed", created_ms, sign_from_ms, **dates)


def carried_out(keys, actions, now_ms):
    """Return the rows after `actions`, as storage and the flow carry them out."""
    rows = {key.kid: key for key in keys}
    for action in actions:
        match action:
            case Make(follows, alg, sign_from_ms):
                assert all(key.follows != follows for key in rows.values())
                kid = f"k{len(rows)}"
                rows[kid] = made(kid, follows, sign_from_ms, created_ms=now_ms, alg=alg)
            case Move(before, after) | Destroy(before, after):
                assert rows[before.kid] == before
                rows[before.kid] = after
    return list(rows.values())


def after(keys, now_ms, rule=plan, **options):
    return carried_out(keys, rule(keys, now_ms, POLICY, **options), now_ms)


FIRST = made("k0", "", 0)
CHAIN = [
    replace(FIRST, sign_until_ms=9_000, destroy_ms=9_000 + 1_610),
    made("k1", "k0", 9_000, created_ms=8_000),
]


@pytest.mark.parametrize(
    ("now_ms", "first", "second"),
    [
        (8_000, "signing", "announced"),
        (8_999, "signing", "announced"),
        (9_000, "retiring", "signing"),
        (10_609, "retiring", "signing"),
        (10_610, "destroyed", "signing"),
    ],
)
def test_a_key_is_announced_then_signs_then_retires_then_is_destroyed(now_ms, first, second):
    assert [phase(key, now_ms) for key in CHAIN] == [first, second]


def test_the_first_key_signs_at_once():
    (key,) = after([], 5_000)
    assert (key.sign_from_ms, key.follows) == (5_000, "")


def test_the_next_key_is_announced_in_time_and_takes_over_on_the_day():
    assert after([FIRST], 7_999) == [FIRST]
    assert after([FIRST], 8_000) == CHAIN


def test_a_key_that_nobody_followed_in_time_goes_on_signing_until_the_next_was_announced_long_enough():
    keys = after([FIRST], 50_000)
    assert signing_key(keys, 50_999).kid == "k0"
    assert signing_key(keys, 51_000).kid == "k1"


def test_a_plan_that_was_carried_out_asks_for_nothing_more():
    assert plan(CHAIN, 8_500, POLICY) == []


def test_the_private_part_goes_when_nothing_it_signed_can_be_valid():
    (action,) = plan(CHAIN, 10_610, POLICY)
    assert isinstance(action, Destroy)
    assert (action.after.kid, action.after.sealed) == ("k0", b"")
    assert [key.kid for key in published(CHAIN, 10_610)] == ["k1"]


def test_another_algorithm_takes_over_after_its_announcement():
    keys = carried_out([FIRST], plan([FIRST], 100, replace(POLICY, alg="Ed25519")), 100)
    assert [key.alg for key in keys] == ["ES256", "Ed25519"]
    assert signing_key(keys, 1_099).alg == "ES256"
    assert signing_key(keys, 1_100).alg == "Ed25519"


def test_rotating_now_announces_a_key_first():
    keys = after([FIRST], 3_000, rotate)
    assert signing_key(keys, 3_999).kid == "k0"
    assert signing_key(keys, 4_000).kid == "k1"


def test_rotating_now_brings_an_announced_key_forward_but_not_before_it_could_be_known():
    waiting = [replace(CHAIN[0], sign_until_ms=30_000, destroy_ms=31_610), replace(CHAIN[1], sign_from_ms=30_000)]
    keys = after(waiting, 8_400, rotate)
    assert (keys[0].sign_until_ms, keys[0].destroy_ms, keys[1].sign_from_ms) == (9_000, 10_610, 9_000)
    assert after(keys, 8_500, rotate) == keys


def test_rotating_now_brings_a_key_forward_past_one_that_was_withdrawn():
    keys = after(CHAIN, 8_500, lambda *rest: retire(rest[0], "k1", *rest[1:]))
    keys = after(keys, 9_000, rotate, forced=True)
    assert signing_key(keys, 9_000).kid == "k2"
    assert phase(keys[0], 9_000) == "retiring"


def test_a_forced_rotation_signs_with_the_next_key_at_once():
    assert signing_key(after([FIRST], 3_000, rotate, forced=True), 3_000).kid == "k1"
    assert signing_key(after(CHAIN, 8_001, rotate, forced=True), 8_001).kid == "k1"


def test_rotating_without_any_key_makes_the_first():
    assert rotate([], 5, POLICY) == [Make("", "ES256", 5)]


@pytest.mark.parametrize("keys", [[FIRST], CHAIN], ids=["alone", "followed"])
def test_a_leaked_signing_key_is_gone_at_once_and_another_signs(keys):
    rows = after(keys, 8_500, lambda *rest: retire(rest[0], "k0", *rest[1:]))
    assert [key.kid for key in published(rows, 8_500)] == ["k1"]
    assert signing_key(rows, 8_500).kid == "k1"


def test_a_leaked_announced_key_is_replaced_by_another_announced_one():
    rows = after(CHAIN, 8_500, lambda *rest: retire(rest[0], "k1", *rest[1:]))
    assert signing_key(rows, 9_499).kid == "k0"
    assert signing_key(rows, 9_500).kid == "k2"


def test_a_leaked_retiring_key_only_goes():
    rows = after(CHAIN, 9_500, lambda *rest: retire(rest[0], "k0", *rest[1:]))
    assert rows[1:] == CHAIN[1:]
    assert published(rows, 9_500) == CHAIN[1:]


def test_a_retired_key_that_was_not_followed_is_followed_by_the_plan():
    gone = replace(FIRST, sealed=b"", sign_until_ms=10, destroy_ms=10)
    assert plan([gone], 20, POLICY) == [Make("k0", "ES256", 20)]
    assert rotate([gone], 20, POLICY) == [Make("k0", "ES256", 20)]


@pytest.mark.parametrize("kid", ["unknown", "k0"])
def test_only_a_living_key_can_be_retired(kid):
    with pytest.raises(NotFound):
        retire(CHAIN, kid, 20_000, POLICY)


def test_a_node_whose_clock_is_behind_signs_with_the_announced_first_key():
    assert signing_key([made("k0", "", 60_000)], 30_000).kid == "k0"


def test_without_a_key_nothing_is_signed():
    with pytest.raises(KeyRefused, match="mapae key new"):
        signing_key([], 0)


@pytest.mark.parametrize("wrong", [{"token_ms": 0}, {"signs_for_ms": 0}, {"announced_for_ms": -1}])
def test_a_policy_without_time_is_a_mistake(wrong):
    with pytest.raises(ValueError, match="must"):
        replace(POLICY, **wrong)


# The promise of the module: any moment, any schedule, any view that is not too old.

POLICIES = st.builds(
    KeyPolicy,
    alg=st.just("ES256"),
    token_ms=st.integers(1, 400),
    signs_for_ms=st.integers(1, 900),
    announced_for_ms=st.integers(0, 300),
)
STEPS = st.lists(st.tuples(st.integers(0, 700), st.sampled_from(["plan", "rotate", "withdraw"])), max_size=12)


def history_of(policy, steps):
    """Return (moment, rows) pairs, what the database holds from each moment on, and the kids that were withdrawn."""
    now, rows = 0, carried_out([], plan([], 0, policy), 0)
    history, withdrawn = [(0, rows)], set()
    for pause, what in steps:
        now += pause
        if what == "withdraw":  # an announced key, that is: a leaked signing key is outside the promise
            announced = [key for key in rows if phase(key, now) == "announced"]
            actions = retire(rows, announced[0].kid, now, policy) if announced else []
            withdrawn |= {key.kid for key in announced[:1]}
        else:
            actions = {"plan": plan, "rotate": rotate}[what](rows, now, policy)
        rows = carried_out(rows, actions, now)
        history.append((now, rows))
    return history, withdrawn


def view_at(history, moment):
    return next(rows for since, rows in reversed(history) if since <= moment)


def turning_points(history):
    """Return the moments at which something happens, and those beside them: what is wrong shows there."""
    dates = {since for since, _ in history}
    for _, rows in history:
        for key in rows:
            dates |= {key.created_ms, key.sign_from_ms, key.sign_until_ms or 0, key.destroy_ms or 0}
    return sorted({date + beside for date in dates for beside in (-1, 0, 1)})


@settings(max_examples=2 * settings().max_examples)
@given(POLICIES, STEPS)
@pytest.mark.slow
def test_no_valid_token_is_refused_during_a_rotation(policy, steps):
    history, withdrawn = history_of(policy, steps)
    oldest = policy.announced_for_ms
    moments = turning_points(history)
    # The first key is known to everybody from `oldest` on. Late signers sign just before they look again.
    for signed in {max(oldest, moment + late) for moment in moments for late in (0, oldest)}:
        for signer in (view_at(history, signed - oldest), view_at(history, signed)):
            kid = signing_key(signer, signed).kid
            for checked in (signed, signed + policy.token_ms - 1):
                for verifier in (view_at(history, checked - oldest), view_at(history, checked)):
                    assert kid in withdrawn | {key.kid for key in published(verifier, checked)}, (signed, checked)


@settings(max_examples=2 * settings().max_examples)
@given(POLICIES, STEPS, st.data())
@pytest.mark.slow
def test_somebody_always_signs(policy, steps, data):
    history, _ = history_of(policy, steps)
    moment = data.draw(st.integers(0, history[-1][0] + 5_000))
    assert phase(signing_key(view_at(history, moment), moment), moment) == "signing"
