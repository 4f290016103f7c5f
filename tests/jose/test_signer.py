"""A prepared signer makes the same tokens as `sign`, and refuses the same claims with the same words."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mapae
from mapae.errors import ClaimRefused, Malformed, TokenError, TooLarge
from mapae.jose.claims import MAX_DATE
from mapae.jose.jwt import sign
from mapae.jose.key import Key
from mapae.jose.policy import ANY
from mapae.jose.signer import Signer
from mapae.jose.unverified import read_unverified
from mapae.jose.verifier import Verifier

NOW = 1_800_000_000
KEY = Key.generate("HS256")
SHARED = {"issuer": "https://id.example", "audience": "api", "lifetime": 60}
OPEN = Verifier(KEY, issuer=ANY, audience=ANY, memo_bytes=0)


def signer(key=KEY, **options):
    return Signer(key, **(SHARED | options))


def members(token):
    return {name: value for name, value in read_unverified(token).payload.items() if name != "jti"}


@pytest.mark.slow
@pytest.mark.parametrize("alg", ["HS256", "HS384", "RS256", "PS256", "ES256", "ES512", "Ed25519", "ML-DSA-44"])
def test_each_algorithm_signs_the_short_way_too(alg):
    key = Key.generate(alg, bits=2048)
    prepared = signer(key)
    verifier = Verifier(key, issuer="https://id.example", audience="api")
    tokens = [prepared.sign_at({"sub": f"user-{number}"}, now=NOW) for number in range(5)]
    assert [verifier.check(token, now=NOW).sub for token in tokens] == [f"user-{number}" for number in range(5)]
    assert read_unverified(tokens[0]).header == read_unverified(tokens[4]).header
    assert len({verifier.check(token, now=NOW).jti for token in tokens}) == 5


def test_dates_move_on_with_the_clock_in_both_directions():
    prepared = signer()
    for now in (NOW, NOW, NOW + 0.9, NOW + 1, NOW + 5000, NOW - 3, NOW - 3 + 0.5):
        for _ in range(3):
            claims = OPEN.check(prepared.sign_at({"sub": "u"}, now=now), now=now)
            assert (claims.iat, claims.exp) == (int(now), int(now) + 60)


@dataclass
class Plain:
    sub: str
    level: int


class Typed(msgspec.Struct):
    sub: str
    level: int


@pytest.mark.parametrize(
    "claims", [{"sub": "u", "level": 3}, Plain("u", 3), Typed("u", 3)], ids=lambda c: type(c).__name__
)
def test_claims_of_every_kind_are_signed_and_not_changed(claims):
    prepared, before = signer(), repr(claims)
    for _ in range(3):
        read = OPEN.check(prepared.sign_at(claims, now=NOW), now=NOW)
        assert (read.sub, read["level"], read.iss, read.aud) == ("u", 3, "https://id.example", ("api",))
    assert repr(claims) == before


def test_what_is_left_out_is_not_there():
    prepared = signer(issuer=None, audience=None, typ=None)
    for _ in range(3):
        token = prepared.sign_at({}, now=NOW)
        assert set(read_unverified(token).payload) == {"iat", "exp", "jti"}
        assert "typ" not in read_unverified(token).header


class Role(StrEnum):
    ADMIN = "admin"


class Text(str):
    __slots__ = ()


FIRST = {"sub": "u", "x": "text", "n": 1}
REFUSED = [
    ({"sub": 5, "x": "text", "n": 1}, ClaimRefused),
    ({"sub": None, "x": "text", "n": 1}, ClaimRefused),
    ({"sub": "u", "x": Role.ADMIN, "n": 1}, Malformed),
    ({"sub": "u", "x": Text("t"), "n": 1}, Malformed),
    ({"sub": "u", "x": b"octets", "n": 1}, Malformed),
    ({"sub": "u", "x": datetime(2026, 1, 1, tzinfo=UTC), "n": 1}, Malformed),
    ({"sub": "u", "x": "\ud800", "n": 1}, Malformed),
    ({"sub": "u", "x": "text", "n": float("nan")}, Malformed),
    ({"sub": "u", "x": "y" * 20_000, "n": 1}, TooLarge),
    ({"sub": "u", "x": "text", 5: 1}, Malformed),
    ({"iss": "other"}, ClaimRefused),
    ({"aud": "other"}, ClaimRefused),
    ({"exp": NOW + 5}, ClaimRefused),
    ({"iat": NOW + 600}, ClaimRefused),
    ({"nbf": "soon"}, ClaimRefused),
    ({"jti": 5}, ClaimRefused),
]


@pytest.mark.parametrize(("claims", "kind"), REFUSED, ids=str)
def test_what_sign_refuses_is_refused_in_the_same_words_also_the_second_time(claims, kind):
    prepared = signer()
    for _ in range(2):
        prepared.sign_at(FIRST, now=NOW)
        prepared.sign_at({"sub": "u", "x": "text"}, now=NOW)
        with pytest.raises(kind) as refused:
            prepared.sign_at(claims, now=NOW)
        with pytest.raises(kind) as by_sign:
            sign(claims, KEY, now=NOW, **SHARED)
        assert str(refused.value) == str(by_sign.value)


def test_a_claim_that_says_the_same_as_the_signer_is_no_contradiction():
    prepared = signer(audience=["a", "b"])
    for _ in range(2):
        token = prepared.sign_at({"iss": "https://id.example", "aud": ["a", "b"], "iat": NOW - 9, "nbf": NOW}, now=NOW)
        claims = OPEN.check(token, now=NOW)
        assert (claims.iss, claims.aud, claims.iat, claims.nbf) == ("https://id.example", ("a", "b"), NOW - 9, NOW)


@pytest.mark.slow
def test_more_shapes_than_are_remembered_are_signed_too():
    prepared = signer()
    for number in [*range(600), *range(600)]:
        token = prepared.sign_at({f"claim-{number}": "x"}, now=NOW)
        assert members(token)[f"claim-{number}"] == "x"


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"lifetime": 0}, ClaimRefused),
        ({"lifetime": True}, ClaimRefused),
        ({"lifetime": None}, ClaimRefused),
        ({"lifetime": MAX_DATE + 1}, ClaimRefused),
        ({"issuer": 5}, ClaimRefused),
        ({"audience": []}, ClaimRefused),
        ({"audience": ["a", 5]}, ClaimRefused),
        ({"typ": ""}, Malformed),
        ({"key": b"secret"}, TypeError),
        ({"key": Key.generate("ES256", kid="one").public()}, TypeError),
        ({"key": mapae.KeySet([Key.generate("ES256"), Key.generate("ES256")])}, TypeError),
    ],
    ids=str,
)
def test_a_signer_that_could_sign_nothing_is_not_made(options, kind):
    with pytest.raises(kind):
        signer(**options)


@pytest.mark.parametrize("claims", [None, "sub", ["sub"], 5, b"{}"])
def test_what_is_no_claims_is_a_type_error(claims):
    with pytest.raises(TypeError, match="claims are"):
        signer().sign_at(claims, now=NOW)


def test_a_set_signs_with_its_signing_key_and_a_lifetime_may_be_a_timedelta():
    first, second = Key.generate("ES256"), Key.generate("ES256")
    prepared = signer(mapae.KeySet([first, second], signing=second), lifetime=timedelta(minutes=2))
    token = prepared.sign_at({}, now=NOW)
    assert read_unverified(token).header["kid"] == second.kid
    assert read_unverified(token).payload["exp"] == NOW + 120


VALUES = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text() | st.just(["a"])
NAMES = st.sampled_from(["exp", "nbf", "iat", "iss", "sub", "aud", "jti", "scope", "", "n"])
PREPARED = signer()


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_a_signer_and_sign_agree_on_any_claims(claims):
    try:
        expected = members(sign(claims, KEY, now=NOW, **SHARED))
    except TokenError as refused:
        expected = str(refused)
    for _ in range(2):
        try:
            made = members(PREPARED.sign_at(claims, now=NOW))
        except TokenError as refused:
            made = str(refused)
        assert made == expected


def test_the_front_door_reads_the_clock():
    prepared = mapae.Signer(KEY, **SHARED)
    for _ in range(2):
        claims = mapae.verify(prepared.sign({"sub": "u"}), KEY, issuer="https://id.example", audience="api")
        assert claims.sub == "u"
        assert abs(claims.iat - time.time()) < 5


@pytest.mark.parametrize("text", ["{", "{{a}{", '{"exp":1}', "~>?" * 3, "a~~>", "??>", "\u00ff\u00fe", "=" * 4])
def test_any_text_is_signed_the_short_way_as_in_full(text):
    prepared = signer()
    for length in range(4):  # so that each character comes to stand at each place of a group of base64
        for _ in range(3):
            assert members(prepared.sign_at({"sub": "u" * length, "x": text}, now=NOW))["x"] == text
