"""Signing: what is added, what is refused, and that verify takes all that sign makes."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapae.errors import ClaimRefused, Malformed, TokenError, TooLarge
from mapae.jose.claims import MAX_DATE, Claims
from mapae.jose.jwks import KeySet
from mapae.jose.jwt import _ORDINARY as REMEMBERED
from mapae.jose.jwt import sign
from mapae.jose.key import Key
from mapae.jose.policy import ANY
from mapae.jose.unverified import read_unverified
from mapae.jose.verifier import Verifier

NOW = 1_800_000_000
KEY = Key.generate("HS256")
OPEN = Verifier(KEY, issuer=ANY, audience=ANY, memo_bytes=0)


def test_iat_jti_exp_iss_and_aud_are_added():
    token = sign({"sub": "u"}, KEY, now=NOW, issuer="https://id.example", audience=["a", "b"], lifetime=60)
    claims = OPEN.check(token, now=NOW)
    assert (claims.iss, claims.sub, claims.aud) == ("https://id.example", "u", ("a", "b"))
    assert (claims.iat, claims.exp) == (NOW, NOW + 60)
    assert len(claims.jti) == 22
    assert read_unverified(token).header == {"alg": "HS256", "typ": "JWT", "kid": KEY.kid}


def test_each_token_has_its_own_jti_unless_one_is_given():
    jtis = {OPEN.check(sign({}, KEY, now=NOW, lifetime=60), now=NOW).jti for _ in range(20)}
    assert len(jtis) == 20
    assert OPEN.check(sign({"jti": "x"}, KEY, now=NOW, lifetime=60), now=NOW).jti == "x"
    assert OPEN.check(sign({}, KEY, now=NOW, lifetime=60, jti="y"), now=NOW).jti == "y"


def test_a40_the_callers_claims_are_not_changed():
    claims = {"sub": "u", "nested": {"a": [1]}, "nbf": datetime(2026, 1, 1, tzinfo=UTC)}
    before = repr(claims)
    sign(claims, KEY, now=NOW, issuer="i", audience="a", lifetime=60)
    assert repr(claims) == before


def test_a_header_without_typ_or_kid_can_be_written():
    token = sign({}, Key.from_secret(bytes(32), "HS256"), now=NOW, lifetime=60, typ=None)
    assert read_unverified(token).header == {"alg": "HS256"}


def test_a_key_set_signs_with_its_signing_key():
    first, second = Key.generate("ES256"), Key.generate("ES256")
    keys = KeySet([first, second], signing=second)
    token = sign({"sub": "u"}, keys, now=NOW, lifetime=60)
    assert read_unverified(token).header["kid"] == second.kid
    assert Verifier(keys, issuer=None, audience=None).check(token, now=NOW).sub == "u"
    with pytest.raises(TypeError, match="signing="):
        sign({}, KeySet([first, second]), now=NOW, lifetime=60)


@pytest.mark.parametrize(
    ("wrong", "cure"),
    [
        ("secret", r"Key\.from_secret"),
        (b"x" * 32, r"Key\.from_secret"),
        ("-----BEGIN PUBLIC KEY-----", r"Key\.from_pem"),
        ({"kty": "oct"}, r"Key\.from_jwk"),
        (None, r"Key\.generate"),
        (Key.generate("ES256").public(), "private key"),
    ],
)
def test_what_is_no_signing_key_is_a_type_error_with_the_cure(wrong, cure):
    with pytest.raises(TypeError, match=cure):
        sign({}, wrong, now=NOW, lifetime=60)


class Typed(msgspec.Struct, frozen=True):
    sub: str
    roles: tuple[str, ...]


class Listed(msgspec.Struct, array_like=True):
    sub: str


@dataclass
class Plain:
    sub: str
    roles: list[str]


@pytest.mark.parametrize("claims", [None, "sub", ["sub"], 5, b"{}", object, set(), Plain, Typed, Listed("u")])
def test_what_is_no_claims_is_a_type_error(claims):
    for wrong in (claims, object()):
        with pytest.raises(TypeError, match="claims are"):
            sign(wrong, KEY, now=NOW, lifetime=60)


@pytest.mark.parametrize("claims", [Typed("u", ("a",)), Plain("u", ["a"]), Claims({"sub": "u", "roles": ("a",)})])
def test_typed_claims_are_signed_as_their_members(claims):
    read = OPEN.check(sign(claims, KEY, now=NOW, lifetime=60), now=NOW)
    assert (read["sub"], read["roles"]) == ("u", ("a",))


def test_verified_claims_can_be_signed_again():
    read = OPEN.check(sign({"a": {"b": [1, {"c": None}]}, "exp": NOW + 60}, KEY, now=NOW), now=NOW)
    assert OPEN.check(sign(read, KEY, now=NOW), now=NOW) == read


def test_dates_may_be_aware_datetimes_and_lifetimes_timedeltas():
    seoul = timezone(timedelta(hours=9))
    moment = datetime.fromtimestamp(NOW + 60, seoul)
    assert OPEN.check(sign({"exp": moment}, KEY, now=NOW), now=NOW).exp == NOW + 60
    assert OPEN.check(sign({}, KEY, now=NOW, lifetime=timedelta(minutes=2)), now=NOW).exp == NOW + 120


def test_a42_a_naive_datetime_is_refused_with_the_cure():
    naive = datetime.fromtimestamp(NOW, UTC).replace(tzinfo=None)
    for claim in ("exp", "nbf", "iat"):
        with pytest.raises(ClaimRefused, match=r"datetime\.now\(UTC\)") as refused:
            sign({claim: naive}, KEY, now=NOW, lifetime=None if claim == "exp" else 60)
        assert refused.value.claim == claim


class Role(StrEnum):
    ADMIN = "admin"


@pytest.mark.parametrize(
    ("claims", "claim"),
    [
        ({"exp": "1245678900"}, "exp"),
        ({"exp": True}, "exp"),
        ({"exp": None}, "exp"),
        ({"exp": float("nan")}, "exp"),
        ({"exp": float("inf")}, "exp"),
        ({"exp": MAX_DATE + 1}, "exp"),
        ({"exp": NOW * 1000}, "exp"),
        ({"exp": NOW}, "exp"),
        ({"exp": NOW + 60, "nbf": "1"}, "nbf"),
        ({"exp": NOW + 60, "nbf": False}, "nbf"),
        ({"exp": NOW + 60, "iat": [NOW]}, "iat"),
        ({"exp": NOW + 60, "iat": NOW + 60}, "iat"),
        ({"exp": NOW + 60, "sub": 42}, "sub"),
        ({"exp": NOW + 60, "sub": None}, "sub"),
        ({"exp": NOW + 60, "iss": ["i"]}, "iss"),
        ({"exp": NOW + 60, "jti": UUID(int=4)}, "jti"),
        ({"exp": NOW + 60, "aud": []}, "aud"),
        ({"exp": NOW + 60, "aud": ["a", 1]}, "aud"),
        ({"exp": NOW + 60, "aud": None}, "aud"),
        ({}, "exp"),
    ],
    ids=str,
)
def test_sign_refuses_the_claims_that_verify_refuses(claims, claim):
    with pytest.raises(ClaimRefused) as refused:
        sign(claims, KEY, now=NOW)
    assert refused.value.claim == claim


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("-inf"),
        "\ud800",
        b"octets",
        {1, 2},
        {1: "a"},
        uuid4(),
        datetime(2026, 1, 1, tzinfo=UTC),
        Role.ADMIN,
    ],
    ids=lambda value: type(value).__name__,
)
def test_sign_refuses_what_json_would_silently_change(value):
    for claims in ({"x": value}, {"x": [value]}, {"x": {"y": value}}):
        with pytest.raises(Malformed):
            sign(claims, KEY, now=NOW, lifetime=60)
    with pytest.raises(Malformed):
        sign({5: "x"}, KEY, now=NOW, lifetime=60)
    with pytest.raises(Malformed, match=r"^the payload holds text"):
        sign({"x": "\ud800"}, KEY, now=NOW, lifetime=60)


def test_dates_are_judged_to_the_second_however_often_such_claims_were_signed():
    whole = {"exp": NOW + 60, "iat": NOW}
    for change in (
        {},
        {"exp": NOW + 1},
        {"exp": MAX_DATE},
        {"iat": NOW + 5},
        {"iat": 0},
        {"iat": -1},
        {"iat": NOW - 1},
    ):
        claims = whole | change
        assert OPEN.check(sign(claims, KEY, now=NOW), now=NOW)["exp"] == claims["exp"]
    for change in (
        {"exp": NOW}, {"exp": NOW - 1}, {"exp": MAX_DATE + 1}, {"exp": 0, "iat": 1},
        {"iat": NOW + 6}, {"iat": -MAX_DATE - 1},
    ):  # fmt: skip
        with pytest.raises(ClaimRefused) as refused:
            sign(whole | change, KEY, now=NOW)
        assert refused.value.claim == next(iter(change))
    with pytest.raises(ClaimRefused, match="leave lifetime= out"):
        sign(whole, KEY, now=NOW, lifetime=60)
    with pytest.raises(ClaimRefused, match="a token must expire"):
        sign({"iat": NOW}, KEY, now=NOW)
    sign({"exp": NOW + 60, "nbf": NOW}, KEY, now=NOW)
    with pytest.raises(ClaimRefused) as refused:
        sign({"exp": NOW + 60, "nbf": MAX_DATE + 1}, KEY, now=NOW)
    assert refused.value.claim == "nbf"


def test_names_and_types_are_remembered_up_to_a_limit_and_no_value():
    REMEMBERED.clear()
    sign({"x": "secret"}, KEY, now=NOW, lifetime=60)
    assert set(REMEMBERED) == {("x", "jti", "iat", "exp", str, str, int, int)}
    for more, kept in ((28, True), (29, False)):
        REMEMBERED.clear()
        sign({str(number): None for number in range(more)}, KEY, now=NOW, lifetime=60, jti="j", issuer="i")
        assert bool(REMEMBERED) is kept
    REMEMBERED.clear()
    counts = set()
    for number in range(300):
        sign({str(number): ""}, KEY, now=NOW, lifetime=60)
        counts.add(len(REMEMBERED))
    assert (max(counts), len(REMEMBERED)) == (256, 300 - 256)


def test_headers_are_remembered_up_to_a_limit():
    key = Key.generate("HS256")
    for number in range(20):
        for _ in range(2):
            token = sign({}, key, now=NOW, lifetime=60, typ=f"kind-{number}")
            assert read_unverified(token).header["typ"] == f"kind-{number}"
    assert len(key.headers) == 16


def test_exp_and_lifetime_exclude_each_other_and_one_is_needed():
    for claims, lifetime, words in (
        ({"sub": "u"}, None, "lifetime=900"),
        ({"exp": NOW + 60}, 60, "leave lifetime= out"),
        *(({}, wrong, "lifetime=") for wrong in (0, -1, 1.5, True, "900", timedelta(0))),
    ):
        with pytest.raises(ClaimRefused, match=words) as refused:
            sign(claims, KEY, now=NOW, lifetime=lifetime)
        assert refused.value.claim == "exp"
    assert OPEN.check(sign({}, KEY, now=NOW, lifetime=1), now=NOW).exp == NOW + 1


def test_an_argument_never_overrules_a_claim():
    sign({"iss": "i"}, KEY, now=NOW, lifetime=60, issuer="i")
    for claims, options in (
        ({"iss": "i"}, {"issuer": "j"}),
        ({"aud": "a"}, {"audience": "b"}),
        ({"jti": "a"}, {"jti": "b"}),
    ):
        with pytest.raises(ClaimRefused, match="another value") as refused:
            sign(claims, KEY, now=NOW, lifetime=60, **options)
        assert refused.value.claim == next(iter(claims))


def test_an_audience_is_a_text_or_several():
    for audience, read in (("a", ("a",)), (("a", "b"), ("a", "b")), ({"a"}, ("a",))):
        assert OPEN.check(sign({}, KEY, now=NOW, lifetime=60, audience=audience), now=NOW).aud == read
    for audience in (5, [], [5], object()):
        with pytest.raises(ClaimRefused) as refused:
            sign({}, KEY, now=NOW, lifetime=60, audience=audience)
        assert refused.value.claim == "aud"


def test_a_token_that_would_be_too_large_is_not_made():
    lengths = set()
    for typ in ("J", "JW", "JWT"):
        for size in range(12_030, 12_080):
            try:
                lengths.add(len(sign({"x": "y" * size}, KEY, now=NOW, lifetime=60, issuer="a" * 32, typ=typ)))
            except TooLarge:
                continue
    assert max(lengths) == 16384
    with pytest.raises(TooLarge):
        sign({"x": "y" * 20_000}, KEY, now=NOW, lifetime=60)


def test_a_header_is_no_longer_than_a_verifier_reads():
    lengths = set()
    for size in range(6060, 6110):
        try:
            token = sign({}, KEY, now=NOW, lifetime=60, typ="a" * size)
        except TooLarge:
            continue
        lengths.add(token.index("."))
    assert max(lengths) == 8192


@pytest.mark.parametrize("typ", ["", "a\nb", "타입"])
def test_a_kind_is_a_media_type(typ):
    with pytest.raises(Malformed) as refused:
        sign({}, KEY, now=NOW, lifetime=60, typ=typ)
    assert refused.value.claim == "typ"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["exp", "nbf", "iat", "iss", "sub", "aud", "jti", "scope", ""])


@given(st.dictionaries(NAMES, JSON | st.integers(NOW - 10, NOW + 10), max_size=6), st.sampled_from([None, 60]))
@pytest.mark.slow
def test_whatever_sign_makes_is_verified_and_unchanged(claims, lifetime):
    try:
        token = sign(claims, KEY, now=NOW, lifetime=lifetime)
    except TokenError:
        return
    start = max(NOW, claims.get("nbf", NOW))
    try:
        read = OPEN.check(token, now=start).to_dict()
    except TokenError as refused:
        if "nbf" not in claims:  # a token for later, whose life would end before it begins
            raise AssertionError("sign made what verify refuses") from refused
        return
    assert {name: read[name] for name in claims} == claims
