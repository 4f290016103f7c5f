"""Promises of sealing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapae.errors import KeyRefused
from mapae.keys.sealing import derive, seal, unseal

MASTER, OTHER = bytes(range(32)), bytes(range(1, 33))


@given(st.binary())
def test_what_was_sealed_is_opened_again(plaintext):
    assert unseal(MASTER, seal(MASTER, plaintext, purpose="a"), purpose="a") == plaintext


@pytest.mark.parametrize(("master", "purpose"), [(OTHER, "a"), (MASTER, "b")], ids=["other secret", "other purpose"])
def test_nothing_opens_with_another_secret_or_for_another_purpose(master, purpose):
    with pytest.raises(KeyRefused, match="another master secret"):
        unseal(master, seal(MASTER, b"private", purpose="a"), purpose=purpose)


@given(st.integers(0, 38), st.integers(1, 255))
def test_a_touched_byte_is_noticed(place, change):
    sealed = bytearray(seal(MASTER, b"0123456789", purpose="a"))
    sealed[place] ^= change
    with pytest.raises(KeyRefused):
        unseal(MASTER, bytes(sealed), purpose="a")


@given(st.binary(max_size=40))
def test_any_bytes_at_all_are_refused(sealed):
    with pytest.raises(KeyRefused):
        unseal(MASTER, sealed, purpose="a")


def test_the_plaintext_does_not_show_and_two_seals_differ():
    one, two = seal(MASTER, b"private", purpose="a"), seal(MASTER, b"private", purpose="a")
    assert one != two
    assert b"private" not in one


def test_a_purpose_gives_a_key_of_its_own_always_the_same():
    assert derive(MASTER, "a") == derive(MASTER, "a")
    assert len({derive(MASTER, "a"), derive(MASTER, "b"), derive(OTHER, "a")}) == 3
    assert len(derive(MASTER, "a", 64)) == 64


def test_a_short_master_secret_is_refused():
    with pytest.raises(KeyRefused, match="16 bytes"):
        derive(bytes(16), "a")
