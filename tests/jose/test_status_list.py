"""Reading token status lists."""

import contextlib
import time
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapae.errors import ClaimRefused, Expired, Malformed, TokenError, TooLarge
from mapae.jose.base64url import encode
from mapae.jose.jwt import sign
from mapae.jose.key import Key
from mapae.jose.status_list import TYP, Reference, Status, read_status_list, reference_of, unpack
from mapae.jose.verifier import Verifier

pytestmark = pytest.mark.slow  # finished and apart from everyday work

NOW = 1_800_000_000
URI = "https://id.example/statuslists/1"
ONE_BIT = "eNrbuRgAAhcBXQ"
TWO_BITS = "eNo76fITAAPfAgc"


def listing(bits=1, lst=ONE_BIT, **more):
    claims = {"sub": URI, "iat": NOW, "status_list": {"bits": bits, "lst": lst}} | more
    return {name: value for name, value in claims.items() if value is not ...}


def read(claims, **options):
    return read_status_list(claims, **({"uri": URI, "now": NOW} | options))


def packed(octets):
    return encode(zlib.compress(octets, 9))


@pytest.mark.parametrize(
    ("bits", "lst", "statuses"),
    [
        (1, ONE_BIT, [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]),
        (2, TWO_BITS, [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]),
    ],
)
def test_the_examples_of_the_draft_are_read(bits, lst, statuses):
    found = read(listing(bits, lst))
    assert [found.status(index) for index in range(len(found))] == statuses
    assert found.status(0) == Status.INVALID


@given(st.sampled_from([1, 2, 4, 8]), st.data())
def test_each_entry_is_read_as_it_was_written(bits, data):
    per = 8 // bits
    statuses = data.draw(st.lists(st.integers(0, 2**bits - 1), min_size=per, max_size=80))
    statuses = statuses[: len(statuses) // per * per]
    octets = bytes(
        sum(status << bits * place for place, status in enumerate(statuses[start : start + per]))
        for start in range(0, len(statuses), per)
    )
    found = read(listing(bits, packed(octets)))
    assert [found.status(index) for index in range(len(found))] == statuses


@pytest.mark.parametrize("index", [16, 10**12, -1, True, "0", 1.0, None])
def test_an_entry_that_is_not_there_says_nothing(index):
    with pytest.raises(ClaimRefused):
        read(listing()).status(index)


def test_a_list_goes_from_its_issuer_to_a_status():
    key = Key.generate("ES256")
    holder = sign({"status": {"status_list": {"idx": 3, "uri": URI}}}, key, now=NOW, lifetime=600)
    claims = Verifier(key, issuer=None, audience=None).check(holder, now=NOW)
    reference = reference_of(claims)
    assert reference == Reference(URI, 3)
    token = sign(listing(ttl=300), key, now=NOW, lifetime=3600, typ=TYP)
    lists = Verifier(key, issuer=None, audience=None, typ=TYP)
    found = read_status_list(lists.check(token, now=NOW), uri=reference.uri, now=NOW)
    assert found.status(reference.index) == Status.INVALID
    assert (found.issued, found.fresh_until) == (NOW, NOW + 300)


@pytest.mark.parametrize(
    ("more", "fresh_until"),
    [({}, None), ({"exp": NOW + 5}, NOW + 5), ({"ttl": 9}, NOW + 9), ({"exp": NOW + 5, "ttl": 9}, NOW + 5)],
)
def test_a_list_says_how_long_it_is_fresh(more, fresh_until):
    assert read(listing(**more)).fresh_until == fresh_until


def test_an_old_list_is_refused():
    for claims, options in [
        (listing(exp=NOW), {}),
        (listing(ttl=60), {"fetched": NOW - 60}),
        (listing(ttl=60, exp=NOW + 900), {"fetched": NOW - 61}),
        (listing(exp=NOW + 900), {"now": float("nan")}),
    ]:
        with pytest.raises(Expired):
            read(claims, **options)
    assert read(listing(ttl=60), fetched=NOW - 59).fresh_until == NOW + 1


@pytest.mark.parametrize(
    ("more", "claim"),
    [
        ({"sub": ...}, "sub"),
        ({"sub": 5}, "sub"),
        ({"sub": URI + "/"}, "sub"),
        ({"iat": ...}, "iat"),
        ({"iat": "now"}, "iat"),
        ({"exp": "soon"}, "exp"),
        ({"ttl": 0}, "ttl"),
        ({"ttl": -1}, "ttl"),
        ({"ttl": True}, "ttl"),
        ({"ttl": "60"}, "ttl"),
        ({"ttl": 1e300}, "ttl"),
        ({"status_list": ...}, "status_list"),
        ({"status_list": []}, "status_list"),
        ({"status_list": {"lst": ONE_BIT}}, "status_list"),
        ({"status_list": {"bits": 3, "lst": ONE_BIT}}, "status_list"),
        ({"status_list": {"bits": 0, "lst": ONE_BIT}}, "status_list"),
        ({"status_list": {"bits": True, "lst": ONE_BIT}}, "status_list"),
        ({"status_list": {"bits": "1", "lst": ONE_BIT}}, "status_list"),
        ({"status_list": {"bits": 1}}, "status_list"),
        ({"status_list": {"bits": 1, "lst": 5}}, "status_list"),
    ],
)
def test_a_claim_that_breaks_a_rule_is_refused(more, claim):
    with pytest.raises(ClaimRefused) as refused:
        read(listing(**more))
    assert refused.value.claim == claim


@pytest.mark.parametrize(
    "lst",
    ["", "!", ONE_BIT + "=", ONE_BIT[:-4], encode(b"text"), packed(b"x") + "AAAA", encode(zlib.compress(b"x")[2:-4])],
)
def test_what_is_no_complete_zlib_stream_is_refused(lst):
    with pytest.raises(Malformed):
        read(listing(lst=lst))


def test_a30_a_bomb_is_refused_before_it_goes_off():
    bomb = packed(bytes(50_000_000))
    tracemalloc.start()
    began = time.perf_counter()
    with pytest.raises(TooLarge):
        read(listing(lst=bomb))
    took, peak = time.perf_counter() - began, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert took < 1
    assert peak < 20_000_000


def test_the_greatest_size_is_exact():
    stream = zlib.compress(bytes(100))
    assert unpack(stream, 100) == bytes(100)
    with pytest.raises(TooLarge):
        unpack(stream, 99)


def test_a_token_without_a_status_names_no_list():
    assert reference_of({}) is None
    assert reference_of({"status": {"another_way": {}}}) is None
    for status in (
        None, {}, "x", {"status_list": None}, {"status_list": {}}, {"status_list": {"idx": 1}},
        {"status_list": {"idx": -1, "uri": URI}}, {"status_list": {"idx": True, "uri": URI}},
        {"status_list": {"idx": 1, "uri": ""}}, {"status_list": {"idx": "1", "uri": URI}},
    ):  # fmt: skip
        with pytest.raises(ClaimRefused):
            reference_of({"status": status})


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=4)


@given(
    st.dictionaries(st.sampled_from(["sub", "iat", "exp", "ttl"]), JSON | st.just(URI) | st.just(NOW)),
    st.dictionaries(st.sampled_from(["bits", "lst"]), JSON | st.just(1) | st.binary().map(encode)),
)
def test_any_claims_give_a_list_or_a_token_error(claims, inner):
    with contextlib.suppress(TokenError):
        read({**listing(), **claims, "status_list": inner})
    with contextlib.suppress(TokenError):
        reference_of({"status": inner})
