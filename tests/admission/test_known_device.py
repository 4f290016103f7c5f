"""A browser that signed in before is known to that account, and to no other; nothing else passes for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapae.admission.attempts import PER_ACCOUNT, wait_ms
from mapae.admission.known_device import (
    DEVICE_LENGTH,
    KNOWN_FOR,
    MOST_PROOFS,
    PER_DEVICE,
    PER_KNOWN,
    recognise,
    remember,
)
from mapae.jose.base64url import decode, encode

KEY, NOW = bytes(range(32)), 1_800_000_000


def named(number):
    return number.to_bytes(DEVICE_LENGTH, "big")


def proof(account="jane", presented="", *, number=1, key=KEY, now=NOW):
    return remember(presented, account, device=named(number), key=key, now=now)


def known(presented, account="jane", *, key=KEY, now=NOW):
    return recognise(presented, account, key=key, now=now)


def test_a_proof_makes_its_device_known_to_its_account():
    assert known(proof()) == encode(named(1))
    assert known(proof()) != known(proof(number=2))


@pytest.mark.parametrize(
    ("presented", "changes"),
    [
        ("", {}),
        (proof("kim"), {}),
        (proof(""), {}),
        (proof(), {"account": ""}),
        (proof(key=bytes(32)), {}),
        (proof(), {"now": NOW + KNOWN_FOR}),
        (proof(now=NOW + 1), {}),
        (proof() + "=", {}),
        (proof()[:-1], {}),
        (" " + proof(), {}),
        ("." * MOST_PROOFS + proof(), {}),
    ],
    ids=["none", "of another account", "of nobody", "for nobody", "of another server", "old", "of the future",
         "padded", "cut", "with a space", "too far behind"],
)  # fmt: skip
def test_whatever_is_not_a_good_proof_for_the_account_makes_a_stranger(presented, changes):
    assert known(presented, **changes) is None


def test_a_proof_lasts_to_its_last_second():
    assert known(proof(), now=NOW + KNOWN_FOR - 1) is not None


@pytest.mark.parametrize("place", range(DEVICE_LENGTH + 4 + 16))
def test_no_octet_of_a_proof_can_be_changed(place):
    octets = bytearray(decode(proof()))
    octets[place] ^= 1
    assert known(encode(bytes(octets))) is None


@given(st.text(max_size=300))
def test_any_text_makes_a_stranger_and_can_be_followed_by_a_proof(text):
    assert known(text) is None
    assert known(proof(presented=text)) == encode(named(1))


def test_a_device_that_is_known_keeps_its_name_and_stays_known_for_longer():
    again = proof(presented=proof(), number=2, now=NOW + 1_000)
    assert known(again, now=NOW + KNOWN_FOR) == encode(named(1))


def test_one_browser_is_known_to_several_accounts_and_the_one_used_longest_ago_goes_first():
    presented = ""
    for number in range(MOST_PROOFS + 1):
        presented = proof(f"account {number}", presented, number=number)
    assert known(presented, "account 0") is None
    assert all(known(presented, f"account {number}") for number in range(1, MOST_PROOFS + 1))
    assert presented.count(".") == MOST_PROOFS - 1
    again = proof("account 2", presented)
    assert again.count(".") == MOST_PROOFS - 1
    assert again.startswith(presented.split(".")[2][:16])


def test_p7_known_devices_and_strangers_together_get_no_more_than_a_hundred_guesses_before_a_days_rest():
    assert PER_ACCOUNT.limit + PER_KNOWN.limit <= 100
    assert PER_DEVICE.limit * 2 <= PER_KNOWN.limit, "one stolen proof must not use up what the others have"


@pytest.mark.parametrize(("policy", "most"), [(PER_DEVICE, 10), (PER_KNOWN, 20)])
def test_a_known_device_does_not_wait_between_its_mistakes_until_its_budget_is_used_up(policy, most):
    waits = [wait_ms(failures, NOW, now_ms=NOW, policy=policy) for failures in range(most + 2)]
    assert waits == [0] * most + [86_400_000] * 2
