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
from mapae.jose.signer import Signer, _Ordinary
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


def in_short(token):
    """Say whether a token was signed the short way: what all tokens share comes first in it."""
    return next(iter(read_unverified(token).payload)) == "iss"


@pytest.mark.parametrize("claims", [{"sub": "u"}, {"sub": "u", "n": 1, "z": None, "b": True}], ids=str)
def test_what_was_signed_in_full_is_signed_the_short_way_from_then_on(claims):
    prepared = signer()
    tokens = [prepared.sign_at(claims, now=NOW) for _ in range(3)]
    assert [in_short(token) for token in tokens] == [False, True, True]
    assert [members(token) for token in tokens] == [members(sign(claims, KEY, now=NOW, **SHARED))] * 3


@pytest.mark.parametrize(
    "claims",
    [{"iss": "https://id.example"}, {"aud": "api"}, {"iat": NOW - 9}, {"nbf": NOW}, {"x": ["a"]}, {"x": 1.5}],
    ids=str,
)
def test_what_the_short_way_could_not_write_once_or_exactly_is_always_signed_in_full(claims):
    prepared = signer()
    for _ in range(3):
        token = prepared.sign_at({"sub": "u", **claims}, now=NOW)
        assert not in_short(token)
        assert members(token) == members(sign({"sub": "u", **claims}, KEY, now=NOW, **SHARED))


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ({"sub": "u", "x": "text"}, {"sub": 5, "x": "text"}),
        ({"sub": "u", "jti": "j"}, {"sub": 5, "jti": 5}),
        ({"x": ["a"]}, {"x": [b"octets"]}),
        ({"x": {"a": 1}}, {"x": {5: 1}}),
        ({"n": 1.5}, {"n": float("nan")}),
    ],
    ids=str,
)
def test_what_was_signed_before_lets_nothing_else_through(first, then):
    prepared = signer()
    for _ in range(3):
        prepared.sign_at(first, now=NOW)
    with pytest.raises(TokenError):
        prepared.sign_at(then, now=NOW)


def test_an_id_of_the_claims_own_is_kept():
    prepared = signer()
    for name in ("one", "two", "three"):
        assert read_unverified(prepared.sign_at({"sub": "u", "jti": name}, now=NOW)).payload["jti"] == name


def test_no_token_is_longer_than_a_verifier_reads_and_the_longest_is_signed():
    lengths = set()
    for typ in ("J", "JW", "JWT"):
        prepared = signer(typ=typ)
        prepared.sign_at({"x": ""}, now=NOW)
        for size in range(12_030, 12_080):
            try:
                token = prepared.sign_at({"x": "y" * size}, now=NOW)
            except TooLarge:
                continue
            assert in_short(token)
            lengths.add(len(token))
    assert max(lengths) == 16384


def test_names_and_types_are_remembered_and_no_value_up_to_a_limit():
    ordinary = _Ordinary()
    ordinary.learn({"sub": "u", "x": "secret"})
    ordinary.learn({"n": 1})
    assert ordinary.shapes == {("sub", "x", str, str), ("n", int)}
    assert ordinary.texts == ["sub", "x"]
    counts = []
    for number in range(300):
        ordinary.learn({f"claim-{number}": "x"})
        counts.append(len(ordinary.shapes))
    assert (max(counts), counts[-1]) == (256, 300 + 2 - 256)


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


def test_a_signer_says_what_is_wrong_with_what_its_tokens_share():
    with pytest.raises(ClaimRefused) as refused:
        signer(lifetime=MAX_DATE + 1)
    assert refused.value.claim == "exp"
    assert signer(lifetime=MAX_DATE).sign_at({}, now=0)
    with pytest.raises(Malformed, match=r"^the payload holds text"):
        signer(issuer="\ud800")


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
