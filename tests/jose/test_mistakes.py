"""What people write by mistake is answered with what to write instead."""

from datetime import datetime

import pytest

import mapae
from mapae.errors import ClaimRefused, KeyRefused, Malformed

KEY = mapae.Key.generate("HS256")
PAIR = mapae.Key.generate("ES256")
PEM = PAIR.to_pem()
NAIVE = datetime(2030, 1, 1)  # noqa: DTZ001 (the mistake)


def sign(claims, key=KEY, **options):
    return mapae.sign(claims, key, **options)


def verify(token, key=KEY, **options):
    return mapae.verify(token, key, **({"issuer": None, "audience": None} | options))


MISTAKES = [
    ("a secret as text", lambda: sign({}, "secret", lifetime=60), TypeError, r"Key\.from_secret\(bytes"),
    ("a secret as bytes", lambda: sign({}, b"secret", lifetime=60), TypeError, r"Key\.from_secret\(secret"),
    ("a PEM as the key", lambda: sign({}, PEM.decode(), lifetime=60), TypeError, r"Key\.from_pem\(text\)"),
    ("a PEM in bytes as the key", lambda: verify("a.b.c", PEM), TypeError, r"Key\.from_pem\(pem\)"),
    ("a JWK as the key", lambda: verify("a.b.c", PAIR.to_jwk()), TypeError, r"Key\.from_jwk\(jwk\)"),
    ("a JWKS as the keys", lambda: verify("a.b.c", {"keys": []}), TypeError, r"KeySet\.from_jwks\(jwks\)"),
    ("a list of keys", lambda: verify("a.b.c", [KEY]), TypeError, r"KeySet|Key\."),
    ("None as the key", lambda: verify("a.b.c", None), TypeError, r"Key\.generate"),
    ("a public key to sign with", lambda: sign({}, PAIR.public(), lifetime=60), TypeError, "private key"),
    ("a PEM as a secret", lambda: mapae.Key.from_secret(PEM, "HS256"), KeyRefused, r"Key\.from_pem"),
    ("a short secret", lambda: mapae.Key.from_secret(b"short", "HS256"), KeyRefused, r'Key\.generate\("HS256"\)'),
    ("a secret in text", lambda: mapae.Key.from_secret("x" * 40, "HS256"), TypeError, r"bytes\.fromhex"),
    ("JWK text", lambda: mapae.Key.from_jwk('{"kty":"EC"}'), TypeError, r"json\.loads"),
    ("an RSA key without alg", lambda: mapae.Key.from_jwk({"kty": "RSA", "n": "", "e": ""}), KeyRefused, 'alg="RS256"'),
    ("a naive datetime", lambda: sign({"exp": NAIVE}), ClaimRefused, r"datetime\.now\(UTC\)"),
    ("NaN", lambda: sign({"x": float("nan")}, lifetime=60), Malformed, "NaN"),
    ("a date as a claim", lambda: sign({"x": NAIVE}, lifetime=60), Malformed, "yourself"),
    ("bytes as a claim", lambda: sign({"x": b""}, lifetime=60), Malformed, "bytes; write it as"),
    ("a subject that is a number", lambda: sign({"sub": 42}, lifetime=60), ClaimRefused, "sub: must be a string"),
    ("no exp", lambda: sign({"sub": "u"}), ClaimRefused, "lifetime=900"),
    ("exp as text", lambda: sign({"exp": "1245678900"}), ClaimRefused, "NumericDate.*RFC 7519 section 2.*text"),
    ("exp in milliseconds", lambda: sign({"exp": 1_900_000_000_000}), ClaimRefused, "seconds, not milliseconds"),
    ("exp in the past", lambda: sign({"exp": 1}), ClaimRefused, "past"),
    ("claims as text", lambda: sign("sub", lifetime=60), TypeError, "claims are a dict"),
    ("algorithms=", lambda: verify("a.b.c", algorithms=["HS256"]), TypeError, "algorithms"),
    ("algorithm=", lambda: sign({}, lifetime=60, algorithm="HS256"), TypeError, "algorithm"),
    ("no issuer", lambda: mapae.verify("a.b.c", KEY, audience="api"), TypeError, "issuer"),
    ("no audience", lambda: mapae.verify("a.b.c", KEY, issuer="i"), TypeError, "audience"),
    ("an empty audience", lambda: verify("a.b.c", audience=""), ValueError, "audience=.*ANY"),
    ("no token", lambda: verify(None), TypeError, "str or bytes"),
    ("the whole header", lambda: verify("Bearer a.b.c"), Malformed, "Bearer"),
    ("half a token", lambda: verify("a"), Malformed, "this has no dot$"),
    ("two thirds of a token", lambda: verify("a.b"), Malformed, "this has 1 dot$"),
    ("a token and a half", lambda: verify("a.b.c.d"), Malformed, "this has 3 dots$"),
    ("an encrypted token", lambda: verify("a.b.c.d.e"), Malformed, "JWE"),
    ("an algorithm that is none", lambda: mapae.Key.generate("none"), KeyRefused, "one of HS256"),
]


@pytest.mark.parametrize(("call", "error", "words"), [row[1:] for row in MISTAKES], ids=[row[0] for row in MISTAKES])
def test_a_mistake_is_answered_with_the_cure(call, error, words):
    with pytest.raises(error, match=words):
        call()
