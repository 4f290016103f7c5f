"""Several issuers, quirks with an end, and a policy in words."""

import base64
from datetime import UTC, datetime

import pytest

import mapae
from mapae.errors import (
    AlgorithmRefused,
    ClaimRefused,
    Malformed,
    SignatureRefused,
    TokenError,
    TooLarge,
    WrongAudience,
    WrongIssuer,
)
from mapae.jose.issuers import Issuer, choose
from mapae.jose.jwks import KeySet
from mapae.jose.jwt import sign
from mapae.jose.key import Key
from mapae.jose.policy import ANY
from mapae.jose.verifier import Verifier

NOW = 1_800_000_000
A, B = "https://a.example", "https://b.example"
KEY_A, KEY_B = Key.generate("ES256"), Key.generate("Ed25519")


def signed(issuer, key, **claims):
    return sign({"sub": "u", **claims}, key, now=NOW, issuer=issuer, audience="api", lifetime=900)


@pytest.fixture
def both():
    return Verifier.for_issuers({A: KEY_A.public(), B: KeySet([KEY_B.public()])}, audience="api")


def test_each_issuer_is_verified_with_its_own_keys(both):
    for issuer, key in ((A, KEY_A), (B, KEY_B)):
        for _ in range(2):
            assert both.check(signed(issuer, key), now=NOW).iss == issuer


def test_a_key_of_one_issuer_signs_for_no_other(both):
    with pytest.raises((SignatureRefused, AlgorithmRefused)):
        both.check(signed(A, KEY_B), now=NOW)
    with pytest.raises(TokenError):
        both.check(signed(B, KEY_A), now=NOW)
    with pytest.raises(SignatureRefused):
        Verifier.for_issuers({A: KEY_A, B: Key.generate("ES256")}, audience="api").check(signed(B, KEY_A), now=NOW)


def test_an_issuer_that_nobody_named_is_refused(both, forge):
    for token in (
        signed("https://c.example", KEY_A),
        forge(None, {"exp": NOW + 9}),
        forge(None, b"[]"),
        forge(None, b"{"),
    ):
        with pytest.raises(WrongIssuer):
            both.check(token, now=NOW)
    for token in ("", "a.b", "a.b.c.d.e", "a.!.c", "." * 100_000, "é.é.é"):
        with pytest.raises(TokenError):
            both.check(token, now=NOW)


def test_an_issuer_named_twice_in_a_token_is_refused(forge):
    secret = Key.from_secret(bytes(range(32)), "HS256")
    verifier = Verifier.for_issuers({A: secret, B: secret}, audience=None)
    payload = b'{"iss":"https://a.example","exp":1800000900,"iss":"https://b.example"}'
    with pytest.raises(Malformed):
        verifier.check(forge(None, payload), now=NOW)


def test_an_issuer_may_have_its_own_audience_and_quirks():
    verifier = Verifier.for_issuers({A: Issuer(KEY_A, audience="other"), B: KEY_B}, audience="api")
    verifier.check(signed(B, KEY_B), now=NOW)
    with pytest.raises(WrongAudience):
        verifier.check(signed(A, KEY_A), now=NOW)
    assert "other" in verifier.explain()
    assert A in verifier.explain()


def test_several_issuers_have_no_single_set_of_keys(both):
    with pytest.raises(TypeError):
        both.use_keys(KEY_A)
    with pytest.raises(ValueError, match="at least one"):
        Verifier.for_issuers({}, audience="api")
    with pytest.raises(TypeError):
        Verifier.for_issuers({A: "secret"}, audience="api")


def test_the_front_door_has_it_too():
    key = mapae.Key.generate("ES256")
    verifier = mapae.Verifier.for_issuers({A: mapae.Issuer(key)}, audience="api")
    token = mapae.sign({}, key, issuer=A, audience="api", lifetime=60)
    assert verifier.verify(token).iss == A


END = NOW + 100


def lenient(key, *names, **options):
    return Verifier(key, issuer=ANY, audience=ANY, quirks=dict.fromkeys(names, END), **options)


def test_padded_segments_are_read_until_the_end_of_the_quirk(key, forge):
    import base64
    import hashlib
    import hmac

    head, body = (base64.urlsafe_b64encode(raw).decode() for raw in (b'{"alg":"HS256" }', b'{"exp":1800000900} '))
    assert head.endswith("=")
    assert body.endswith("=")
    mac = hmac.new(bytes(range(32)), f"{head}.{body}".encode(), hashlib.sha256).digest()
    token = f"{head}.{body}.{base64.urlsafe_b64encode(mac).decode()}"
    verifier = lenient(key, "padded")
    for _ in range(2):
        verifier.check(token, now=END - 1)
        verifier.check(forge(), now=END - 1)
    for late in (END, END + 1, float("nan")):
        with pytest.raises(TokenError):
            verifier.check(token, now=late)
    for wrong in (token + "=", token.replace("=", "==", 1), token.replace("=.", "=a.", 1)):
        with pytest.raises(TokenError):
            verifier.check(wrong, now=NOW)


@pytest.mark.parametrize("kind", [mapae.Claims, None])
def test_a_numeric_subject_is_read_as_text_until_the_end_of_the_quirk(key, forge, kind):
    import msgspec

    class Subject(msgspec.Struct, frozen=True):
        sub: str

    verifier = lenient(key, "int_sub", claims=kind or Subject)
    token = forge(None, {"exp": NOW + 900, "sub": 42})
    for _ in range(2):
        assert verifier.check(token, now=NOW).sub == "42"
    with pytest.raises(ClaimRefused):
        verifier.check(token, now=END)
    for wrong in (True, 4.2, None, [42]):
        with pytest.raises(ClaimRefused):
            verifier.check(forge(None, {"exp": NOW + 900, "sub": wrong}), now=NOW)


@pytest.mark.parametrize("in_a_set", [False, True])
def test_the_older_name_of_ed25519_is_accepted_until_the_end_of_the_quirk(in_a_set):
    old = Key.from_jwk(KEY_B.to_jwk(private=True) | {"alg": "EdDSA"})
    keys = KeySet([KEY_B, KEY_A]) if in_a_set else KEY_B
    verifier = lenient(keys, "EdDSA")
    for _ in range(2):
        verifier.check(signed(A, old), now=NOW)
        verifier.check(signed(A, KEY_B), now=NOW)
    with pytest.raises(AlgorithmRefused):
        verifier.check(signed(A, old), now=END)
    with pytest.raises(AlgorithmRefused):
        lenient(KEY_A, "EdDSA").check(signed(A, old), now=NOW)
    verifier.check(signed(A, KEY_B), now=END)


def test_quirks_end_one_by_one(key, forge):
    verifier = Verifier(key, issuer=ANY, audience=ANY, quirks={"padded": END, "int_sub": END + 100})
    token = forge(None, {"exp": NOW + 900, "sub": 42})
    for moment in (NOW, END + 50, NOW):
        verifier.check(token, now=moment)
    with pytest.raises(ClaimRefused):
        verifier.check(token, now=END + 100)
    verifier.use_keys(Key.generate("HS256"))
    for moment in (NOW, END, END + 100):
        with pytest.raises(TokenError):
            verifier.check(token, now=moment)


@pytest.mark.parametrize(
    "quirks",
    [{"unknown": END}, {"padded": None}, {"padded": "2027-01-01"}, {"padded": True}, {"padded": datetime(2027, 1, 1)}],  # noqa: DTZ001
    ids=["unknown", "no end", "text", "bool", "naive"],
)
def test_a_quirk_has_a_name_and_an_end(key, quirks):
    with pytest.raises(ValueError, match="quirk"):
        Verifier(key, issuer=ANY, audience=ANY, quirks=quirks)


def test_a_policy_explains_itself_in_words():
    words = Verifier(
        KeySet([KEY_A, KEY_B], signing=KEY_A),
        issuer=A,
        audience=["api", "web"],
        typ="at+jwt",
        leeway=7,
        required=["sub", "scope"],
        max_age=600,
        max_length=9000,
        memo_bytes=123_456,
        revocation=print,
        quirks={"padded": datetime(2027, 5, 6, 7, 8, tzinfo=UTC)},
    ).explain()
    for word in (
        "2 keys (ES256, Ed25519)",
        "at+jwt",
        A,
        "api or web",
        "7 seconds",
        "scope, sub",
        "600 seconds",
        "9000 characters",
        "123456 bytes",
        "revoked",
        "2027-05-06 07:08 UTC",
        "padded",
    ):
        assert word in words
    plain = Verifier(KEY_A, issuer=None, audience=ANY, memo_bytes=0).explain()
    for word in (f"ES256 key {KEY_A.kid}", "without iss", "anyone", "every time", "JWT, or none"):
        assert word in plain


def test_the_front_door_takes_quirks(forge, key):
    import time

    token = forge(None, {"exp": int(time.time()) + 900, "sub": 42})
    end = datetime.fromtimestamp(time.time() + 100, UTC)
    for _ in range(2):
        claims = mapae.verify(token, key, issuer=ANY, audience=ANY, quirks={"int_sub": end})
        assert claims.sub == "42"


def payload(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_a_name_that_cannot_be_read_chooses_nobody():
    deep = b'{"x":' + b"[" * 40_000 + b"]" * 5 + b"}"
    for raw in (b"[]", b'{"iss":5}', b'{"iss":"\xff"}', b'{"\xff":1}', b'{"x":"\xff"}', deep):
        body = payload(raw)
        with pytest.raises(WrongIssuer) as refused:
            choose({"X": 1, "b": 2}, f"a.{body}.c")
        assert refused.value.claim == "iss"
        assert choose({"": 1}, f"a.{body}.c") == 1  # whose own check then refuses it
    for body in ("!", "A", "AB", "AA+A"):
        with pytest.raises(Malformed, match=r"^the payload "):
            choose({"": 1}, f"a.{body}.c")
    for shape in ("a", "a.b", "a.b.c.d", "..."):
        with pytest.raises(Malformed):
            choose({"": 1}, shape)


def test_the_name_is_read_of_a_padded_token_too():
    for end in ("", "=", "=="):  # whether padding is accepted is for the issuer's own check
        assert choose({"b": 2}, "a." + payload(b'{"iss":"b"}') + end + ".c") == 2


def test_the_longest_token_of_which_a_name_is_read():
    text = "a." + payload(b'{"iss":"b"}') + "."
    assert choose({"b": 2}, text + "c" * (65_536 - len(text))) == 2
    with pytest.raises(TooLarge):
        choose({"b": 2}, text + "c" * (65_537 - len(text)))
