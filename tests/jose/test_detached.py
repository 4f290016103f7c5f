"""Signatures over octets that are apart or unencoded (RFC 7797), and nothing of it in a JWT."""

import contextlib
import functools
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapae.errors import AlgorithmRefused, Malformed, SignatureRefused, TokenError, TooLarge, WrongKind
from mapae.jose.base64url import decode, encode
from mapae.jose.detached import sign_detached, sign_unencoded, verify_detached, verify_unencoded
from mapae.jose.jwks import KeySet
from mapae.jose.jwt import sign
from mapae.jose.key import Key
from mapae.jose.verifier import Verifier

pytestmark = pytest.mark.slow  # finished and apart from everyday work

NOW = 1_800_000_000
KEY = Key.generate("Ed25519")
VECTORS = Path(os.environ.get("MAPAE_VECTORS", Path(__file__).resolve().parents[3] / "shared" / "vectors"))
RFC_KEY = Key.from_jwk(
    {
        "kty": "oct",
        "alg": "HS256",
        "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    }
)


def vector(name):
    file = VECTORS / "jose-cookbook" / "rfc7797" / name
    if not file.exists():
        pytest.skip(f"no vectors: jose-cookbook/rfc7797/{name} is not in MAPAE_VECTORS")
    return json.loads(file.read_text())


@functools.cache
def key_for(alg):
    return Key.generate(alg, bits=2048)


def by_hand(header, payload, *, signed=None, key=KEY, inside=""):
    """A token with any header; `signed` is what the signature covers after the first dot."""
    segment = encode(json.dumps({"alg": key.alg, **header}).encode())
    return f"{segment}.{inside}.{key.make_signature(segment.encode() + b'.' + (payload if signed is None else signed))}"


@pytest.mark.parametrize("alg", ["HS256", "Ed25519", "ES256", "PS256"])
@pytest.mark.parametrize("encoded", [False, True])
@pytest.mark.parametrize("payload", [b"", b"text", bytes(range(256)), b"a.b.c", b"x" * 1_000_000])
def test_octets_are_verified_apart_from_their_signature(alg, encoded, payload):
    key = key_for(alg)
    signature = sign_detached(payload, key, encoded=encoded)
    assert verify_detached(signature, payload, key).kid == key.kid
    assert verify_detached(signature.encode(), payload, KeySet([key])).typ == "JOSE"
    header = json.loads(decode(signature.split(".")[0]))
    assert ("b64" in header, header.get("crit")) == ((False, None) if encoded else (True, ["b64"]))
    for other in (payload + b" ", encode(payload).encode() + b"x", payload[1:] + b"!"):
        with pytest.raises(SignatureRefused):
            verify_detached(signature, other, key)


def test_the_examples_of_rfc_7797_section_4_are_verified():
    """Both have the same key and payload; the first header says nothing, the second says b64 and crit."""
    plain = "eyJhbGciOiJIUzI1NiJ9..5mvfOroL-g7HyqJoozehmsaqmvTYGEq5jTI1gVvoEoQ"
    raw = "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19..A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY"
    verify_detached(plain, b"$.02", RFC_KEY)
    verify_detached(raw, b"$.02", RFC_KEY)
    for token in (plain, raw):
        with pytest.raises(SignatureRefused):
            verify_detached(token, b"$.03", RFC_KEY)


def test_the_cookbook_has_an_unencoded_payload_in_its_place():
    case = vector("hmac-sha2_b64_false.json")
    key = Key.from_jwk(case["input"]["key"])
    assert verify_unencoded(case["output"]["compact"], key).decode() == case["input"]["payload"]


def test_the_cookbook_example_without_crit_is_refused():
    """Its text says that b64 is critical, its encoded header leaves it out: RFC 7797 section 6 wants it there."""
    case = vector("4.2.hmac-sha2_b64_false.json")
    flat = case["output"]["json_flat"]
    key = Key.from_jwk(case["input"]["key"])
    with pytest.raises(Malformed, match="crit"):
        verify_detached(f"{flat['protected']}..{flat['signature']}", flat["payload"].encode(), key)


def test_unencoded_text_stands_in_the_token():
    token = sign_unencoded(b"amount=5 to=alice", KEY)
    assert token.split(".")[1] == "amount=5 to=alice"
    assert verify_unencoded(token, KEY.public()) == b"amount=5 to=alice"
    with pytest.raises(SignatureRefused):
        verify_unencoded(token.replace("alice", "mallo"), KEY)


@pytest.mark.parametrize("payload", [b"", b"a.b", b"tab\t", b"line\n", "é".encode(), b"\x7f"])
def test_text_that_cannot_stand_there_is_refused(payload):
    with pytest.raises(Malformed):
        sign_unencoded(payload, KEY)
    inside = payload.decode()
    with pytest.raises(Malformed):
        verify_unencoded(by_hand({"b64": False, "crit": ["b64"]}, payload, inside=inside), KEY)


@pytest.mark.parametrize(
    "header",
    [
        {"b64": False},
        {"b64": False, "crit": []},
        {"b64": False, "crit": ["b64", "b64"]},
        {"b64": False, "crit": ["exp"]},
        {"b64": False, "crit": ["b64", "exp"], "exp": 5},
        {"b64": False, "crit": "b64"},
        {"b64": False, "crit": None},
        {"b64": None, "crit": ["b64"]},
        {"b64": 0, "crit": ["b64"]},
        {"b64": "false", "crit": ["b64"]},
        {"crit": ["b64"]},
        {"crit": ["exp"]},
        {"enc": "A256GCM"},
        {"cty": "JWT"},
        {"typ": 5},
        {"kid": 5},
    ],
)
def test_a_header_that_breaks_a_rule_is_refused(header):
    for signed in (b"payload", encode(b"payload").encode()):
        with pytest.raises(Malformed):
            verify_detached(by_hand(header, b"payload", signed=signed), b"payload", KEY)


def test_b64_true_is_an_encoded_payload():
    header = {"b64": True, "crit": ["b64"]}
    verify_detached(by_hand(header, b"x", signed=encode(b"x").encode()), b"x", KEY)
    with pytest.raises(SignatureRefused):
        verify_detached(by_hand(header, b"x"), b"x", KEY)
    with pytest.raises(Malformed, match="b64"):
        verify_unencoded(by_hand(header, b"x", inside="x"), KEY)


def test_the_two_spellings_of_a_payload_are_not_mixed_up():
    """What is signed raw is not accepted as encoded: the header is part of the signature."""
    raw = sign_detached(encode(b"x").encode(), KEY)
    with pytest.raises(SignatureRefused):
        verify_detached(raw, b"x", KEY)


def test_kinds_are_kept_apart():
    signature = sign_detached(b"x", KEY, typ="receipt+jose")
    assert verify_detached(signature, b"x", KEY, typ="application/receipt+jose").typ == "receipt+jose"
    with pytest.raises(WrongKind):
        verify_detached(signature, b"x", KEY)
    with pytest.raises(WrongKind):
        verify_detached(sign_detached(b"x", KEY), b"x", KEY, typ="receipt+jose")
    with pytest.raises(WrongKind):
        verify_detached(by_hand({}, b"x", signed=b"eA"), b"x", KEY, typ="receipt+jose")
    for typ in ("", "é", "a\n", 5, "JWT", "application/jwt", "at+jwt", "DPOP+JWT"):
        with pytest.raises(Malformed):
            sign_detached(b"x", KEY, typ=typ)


def test_no_token_is_made_by_signing_octets():
    """Who gets any octets signed must not end up with claims."""
    claims = json.dumps({"sub": "admin", "exp": NOW + 60}).encode()
    verifier = Verifier(KEY, issuer=None, audience=None)
    for encoded in (True, False):
        header, _, signature = sign_detached(claims, KEY, encoded=encoded).partition("..")
        with pytest.raises(TokenError):
            verifier.check(f"{header}.{encode(claims)}.{signature}", now=NOW)
    token = sign({}, KEY, now=NOW, lifetime=60)
    header, payload, signature = token.split(".")
    with pytest.raises(WrongKind):
        verify_detached(f"{header}..{signature}", decode(payload), KEY)


@pytest.mark.parametrize("header", [{"b64": False, "crit": ["b64"]}, {"b64": False}, {"b64": True, "crit": ["b64"]}])
def test_a16_an_unencoded_payload_is_no_jwt(header):
    claims = json.dumps({"exp": NOW + 60}).encode()
    verifier = Verifier(KEY, issuer=None, audience=None)
    for inside, signed in ((encode(claims), claims), (encode(claims), encode(claims).encode())):
        with pytest.raises(Malformed):
            verifier.check(by_hand(header, claims, signed=signed, inside=inside), now=NOW)


def test_another_algorithm_or_shape_is_refused():
    signature = sign_detached(b"x", KEY)
    with pytest.raises(AlgorithmRefused):
        verify_detached(signature, b"x", Key.generate("ES256"))
    for text in ("", "a.b", "..", signature + ".", signature.replace("..", ".eA."), signature + "=", "é.."):
        with pytest.raises(TokenError):
            verify_detached(text, b"x", KEY)
    for text in ("x" * 20_000, "." * 20_000):
        with pytest.raises(TooLarge):
            verify_detached(text, b"x", KEY)
    with pytest.raises(TooLarge):
        sign_unencoded(b"x" * 70_000, KEY)
    with pytest.raises(TooLarge):
        verify_unencoded("x" * 90_000, KEY)


def test_a_wrong_argument_says_what_to_write():
    for attempt, says in [
        (lambda: sign_detached("text", KEY), "encode"),
        (lambda: verify_detached(sign_detached(b"x", KEY), "x", KEY), "encode"),
        (lambda: sign_unencoded("text", KEY), "encode"),
        (lambda: sign_detached(b"x", KEY.public()), "private key"),
        (lambda: sign_detached(b"x", "key"), "Key.from"),
        (lambda: verify_detached(5, b"x", KEY), "str or bytes"),
    ]:
        with pytest.raises(TypeError, match=says):
            attempt()


@given(st.text() | st.binary() | st.from_regex(r"\A[A-Za-z0-9_-]+\.[ -~]*\.[A-Za-z0-9_-]*\Z"), st.binary())
def test_any_text_is_verified_or_a_token_error(text, payload):
    with contextlib.suppress(TokenError):
        verify_detached(text, payload, KEY)
    with contextlib.suppress(TokenError):
        verify_unencoded(text, KEY)


@given(st.binary(), st.booleans())
def test_any_octets_come_back(payload, encoded):
    verify_detached(sign_detached(payload, KEY, encoded=encoded), payload, KEY)
