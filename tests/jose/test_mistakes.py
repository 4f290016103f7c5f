"""What people write by mistake is answered with what to write instead."""

from datetime import datetime, timedelta

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
    ("a list of keys", lambda: verify("a.b.c", [KEY]), TypeError, r"KeySet\(\[\.\.\.\]\)"),
    ("None as the key", lambda: verify("a.b.c", None), TypeError, r"Key\.generate"),
    ("a public key to sign with", lambda: sign({}, PAIR.public(), lifetime=60), TypeError, "private key"),
    ("a PEM as a secret", lambda: mapae.Key.from_secret(PEM, "HS256"), KeyRefused, r"Key\.from_pem"),
    ("a short secret", lambda: mapae.Key.from_secret(b"short", "HS256"), KeyRefused, r'Key\.generate\("HS256"\)'),
    ("a secret in text", lambda: mapae.Key.from_secret("x" * 40, "HS256"), TypeError, r"bytes\.fromhex"),
    ("JWK text", lambda: mapae.Key.from_jwk('{"kty":"EC"}'), TypeError, r"json\.loads"),
    ("an RSA key without alg", lambda: mapae.Key.from_jwk({"kty": "RSA", "n": "", "e": ""}), KeyRefused, 'alg="RS256"'),
    ("a naive datetime", lambda: sign({"exp": NAIVE}), ClaimRefused, r"datetime\.now\(UTC\)"),
    ("NaN", lambda: sign({"x": float("nan")}, lifetime=60), Malformed, "NaN.*write None"),
    ("a date as a claim", lambda: sign({"x": NAIVE}, lifetime=60), Malformed, "yourself"),
    ("bytes as a claim", lambda: sign({"x": b""}, lifetime=60), Malformed, "bytes; write it as"),
    (
        "a subject that is a number",
        lambda: sign({"sub": 42}, lifetime=60),
        ClaimRefused,
        'sub: must be a string.*"42", not 42',
    ),
    ("no exp", lambda: sign({"sub": "u"}), ClaimRefused, "lifetime=900"),
    ("exp as text", lambda: sign({"exp": "1245678900"}), ClaimRefused, "NumericDate.*without quotation marks.*text$"),
    ("exp in milliseconds", lambda: sign({"exp": 1_900_000_000_000}), ClaimRefused, "seconds, not milliseconds"),
    ("exp in the past", lambda: sign({"exp": 1}), ClaimRefused, "past"),
    ("claims as text", lambda: sign("sub", lifetime=60), TypeError, "claims are a dict"),
    ("algorithms=", lambda: verify("a.b.c", algorithms=["HS256"]), TypeError, "exactly one algorithm"),
    (
        "an audience that is a number",
        lambda: sign({}, lifetime=60, audience=5),
        ClaimRefused,
        "aud: must be a string or",
    ),
    ("seconds as a timedelta", lambda: verify("a.b.c", leeway=timedelta(seconds=5)), TypeError, r"total_seconds\(\)"),
    ("an age as a timedelta", lambda: verify("a.b.c", max_age=timedelta(hours=1)), TypeError, r"total_seconds\(\)"),
    ("a negative leeway", lambda: verify("a.b.c", leeway=-1), ValueError, "not negative"),
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


def test_one_required_claim_may_be_written_without_brackets():
    token = sign({"sub": "u"}, lifetime=60)
    assert verify(token, required="sub").sub == "u"
    with pytest.raises(ClaimRefused, match="scope: is required and missing"):
        verify(token, required="scope")
