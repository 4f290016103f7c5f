"""The place of a session in the token status lists, in its id."""

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapae.jose.base64url import encode
from mapae.jose.status_list import read_status_list
from mapae.sessions.status_place import LIST_SIZE, MOST_LISTS, NONCE_BYTES, Place, packed, read_place, write_sid

KEY = secrets.token_bytes(32)
PLACES = st.builds(Place, st.integers(0, MOST_LISTS - 1), st.integers(0, LIST_SIZE - 1))
NONCES = st.binary(min_size=NONCE_BYTES, max_size=NONCE_BYTES)


@given(PLACES, NONCES)
def test_the_place_is_read_from_the_id_by_whoever_has_the_key(place, nonce):
    sid = write_sid(place, nonce, KEY)
    assert len(sid) == 22
    assert read_place(sid, KEY) == place
    assert read_place(sid, b"another key") is None


@given(st.binary(min_size=16, max_size=16).map(encode) | st.text())
def test_an_id_that_was_made_without_a_place_has_none(sid):
    assert read_place(sid, KEY) is None


def test_ids_of_neighbours_have_nothing_in_common():
    ids = [write_sid(Place(0, index), secrets.token_bytes(NONCE_BYTES), KEY) for index in range(200)]
    for at in range(20):
        assert len({sid[at] for sid in ids}) > 20, "a letter of the id tells the place"


@pytest.mark.parametrize(
    ("place", "nonce"),
    [(Place(-1, 0), bytes(6)), (Place(0, LIST_SIZE), bytes(6)), (Place(MOST_LISTS, 0), bytes(6)), (Place(0, 0), b"")],
)
def test_there_is_no_id_for_an_impossible_place(place, nonce):
    with pytest.raises(ValueError, match="a place has"):
        write_sid(place, nonce, KEY)


@given(st.sets(st.integers(0, LIST_SIZE - 1), max_size=50))
def test_a_packed_list_is_read_back_bit_by_bit(revoked):
    claims = {"sub": "u", "iat": 1, "status_list": {"bits": 1, "lst": packed(revoked)}}
    status_list = read_status_list(claims, uri="u", now=1)
    assert len(status_list) == LIST_SIZE
    assert {
        index
        for at, octet in enumerate(status_list.octets)
        if octet
        for index in range(at * 8, at * 8 + 8)
        if status_list.status(index)
    } == revoked
