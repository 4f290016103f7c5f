"""Each refusal names what caused it: the claim or header parameter, and the reason in words. Limits are exact."""

import json

import pytest

from mapae.errors import (
    AlgorithmRefused,
    ClaimRefused,
    Expired,
    KeyUnknown,
    Malformed,
    NotYetValid,
    TokenError,
    TooLarge,
    WrongAudience,
    WrongIssuer,
    WrongKind,
)
from mapae.jose.base64url import encode
from mapae.jose.jwks import KeySet
from mapae.jose.jws import MAX_TOKEN, sign_octets, verify_octets
from mapae.jose.key import Key
from mapae.jose.policy import ANY
from mapae.jose.unverified import MAX_UNVERIFIED, read_unverified
from mapae.jose.verifier import Verifier

NOW = 1_800_000_000
GOOD = {"iss": "https://id.example", "sub": "user-42", "aud": "api", "exp": NOW + 900, "iat": NOW, "jti": "t-1"}
LEFT_OUT = ...  # its name is the same in every process, so the names of the tests are too


def payload(**changes):
    return {name: value for name, value in (GOOD | changes).items() if value is not LEFT_OUT}


HEADERS = [
    ({"alg": None}, AlgorithmRefused, "alg", "must name its algorithm in a string"),
    ({"alg": "HS512"}, AlgorithmRefused, "alg", "does not name the algorithm of the key"),
    ({"crit": ["exp"]}, Malformed, "crit", "no extension is understood"),
    ({"b64": True}, Malformed, "b64", "encoded payload"),
    ({"enc": "A256GCM"}, Malformed, "enc", "belongs to an encrypted token"),
    ({"zip": "DEF"}, Malformed, "zip", "belongs to an encrypted token"),
    ({"cty": "JWT"}, Malformed, "cty", "nested"),
    ({"cty": "application/jwt"}, Malformed, "cty", "nested"),
    ({"kid": ""}, Malformed, "kid", "1 to 256 printable"),
    ({"kid": "k" * 257}, Malformed, "kid", "1 to 256 printable"),
    ({"kid": 5}, Malformed, "kid", "1 to 256 printable"),
    ({"typ": 5}, Malformed, "typ", "names a media type"),
    ({"typ": ""}, Malformed, "typ", "names a media type"),
    ({"typ": "at+jwt"}, WrongKind, "typ", "special kind"),
]


@pytest.mark.parametrize("case", HEADERS, ids=lambda case: str(case[0]))
def test_a_refused_header_names_the_parameter(check, forge, case):
    parameters, error, claim, words = case
    with pytest.raises(error, match=words) as refused:
        check(forge({"alg": "HS256"} | parameters))
    assert (type(refused.value), refused.value.claim) == (error, claim)


@pytest.mark.parametrize("cty", ["text/plain", "JWT2", "X", "NONE"])
def test_another_content_type_is_no_reason_to_refuse(check, forge, cty):
    assert check(forge({"alg": "HS256", "cty": cty})).sub == "user-42"


CLAIMS = [
    ({"exp": LEFT_OUT}, {}, ClaimRefused, "exp", "required and missing"),
    ({"exp": NOW - 5}, {}, Expired, "exp", "has expired"),
    ({"exp": "9"}, {}, ClaimRefused, "exp", "this is text$"),
    ({"exp": None}, {}, ClaimRefused, "exp", "this is no number$"),
    ({"exp": [1]}, {}, ClaimRefused, "exp", "this is no number$"),
    ({"exp": True}, {}, ClaimRefused, "exp", "this is no number$"),
    ({"exp": 253402300800}, {}, ClaimRefused, "exp", "not milliseconds"),
    ({"iat": NOW + 6}, {}, NotYetValid, None, "not valid yet"),
    ({"iat": "9"}, {}, ClaimRefused, "iat", "this is text$"),
    ({"iat": LEFT_OUT}, {"max_age": 60}, ClaimRefused, "iat", "required and missing"),
    ({"iat": NOW - 65}, {"max_age": 60}, Expired, "iat", "older than 60 seconds"),
    ({"nbf": NOW + 6}, {}, NotYetValid, None, "not valid yet"),
    ({"nbf": "9"}, {}, ClaimRefused, "nbf", "this is text$"),
    ({"nbf": -253402300800}, {}, ClaimRefused, "nbf", "not milliseconds"),
    ({"iss": LEFT_OUT}, {}, WrongIssuer, "iss", "iss: missing"),
    ({"iss": "https://other.example"}, {}, WrongIssuer, "iss", "not the expected issuer"),
    ({"iss": "https://id.example"}, {"issuer": None}, WrongIssuer, "iss", "no issuer is expected"),
    ({"iss": 5}, {"issuer": ANY}, ClaimRefused, "iss", "must be a string"),
    ({"aud": LEFT_OUT}, {}, WrongAudience, "aud", "aud: missing"),
    ({"aud": "web"}, {}, WrongAudience, "aud", "does not name this audience"),
    ({"aud": ["web"]}, {}, WrongAudience, "aud", "does not name this audience"),
    ({"aud": "api"}, {"audience": None}, WrongAudience, "aud", "no audience is expected"),
    ({"aud": []}, {"audience": ANY}, ClaimRefused, "aud", "non-empty array"),
    ({"aud": ["api", 5]}, {}, ClaimRefused, "aud", "non-empty array"),
    ({"aud": None}, {"audience": ANY}, ClaimRefused, "aud", "non-empty array"),
    ({"sub": 5}, {}, ClaimRefused, "sub", "must be a string"),
    ({"jti": 5}, {}, ClaimRefused, "jti", "must be a string"),
    ({}, {"required": ["scope"]}, ClaimRefused, "scope", "missing"),
    ({}, {"typ": "at+jwt"}, WrongKind, "typ", "expected kind is at\\+jwt"),
]


@pytest.mark.parametrize("case", CLAIMS, ids=lambda case: f"{case[0]}-{case[1]}")
def test_a_refused_payload_names_the_claim(check, forge, case):
    changes, policy, error, claim, words = case
    with pytest.raises(error, match=words) as refused:
        check(forge(None, payload(**changes)), **policy)
    assert (type(refused.value), refused.value.claim) == (error, claim)


def test_dates_that_are_not_finite_never_come_in_by_another_way(check, forge):
    for text in (b"1e999", b"-1e999", b"NaN", b"Infinity", b"-Infinity"):
        for name in (b"exp", b"nbf", b"iat"):
            octets = json.dumps(payload(exp=LEFT_OUT, iat=LEFT_OUT)).encode()[:-1] + b',"%s":%s}' % (name, text)
            with pytest.raises(TokenError):
                check(forge(None, octets), issuer=ANY, audience=ANY)


SHAPES = [
    ("", "no dot"),
    ("a.b", "1 dot$"),
    ("a.b.c.d", "3 dots"),
    ("a.b.c.d.e", "encrypted token"),
    ("..", "empty segment"),
    ("a..c", "empty segment"),
    (".b.c", "header is not a JSON object|header is not JSON"),
    ("é.b.c", "outside base64url"),
    (" {}", "JSON serialization"),
    ("Bearer a.b.c", "Bearer"),
    ("eyJ!.b.c", "header holds a character"),
    ("A.b.c", "header is not canonical"),
]


@pytest.mark.parametrize(("token", "words"), SHAPES)
def test_a_text_that_is_no_token_is_told_what_it_is(check, token, words):
    with pytest.raises(Malformed, match=words):
        check(token)


def test_each_segment_is_named_where_it_is_not_base64url(check, forge, key):
    head, body, _ = forge().split(".")
    for changed, words in (("!" + body[1:], "payload holds"), (body + "=", "payload is not canonical")):
        message = f"{head}.{changed}"
        with pytest.raises(Malformed, match=words):
            check(f"{message}.{key.make_signature(message.encode())}")
        with pytest.raises(Malformed, match=words):
            verify_octets(f"{message}.{key.make_signature(message.encode())}", key)
        with pytest.raises(Malformed, match=words):
            read_unverified(f"{message}.AA")
    with pytest.raises(Malformed, match="signature"):
        read_unverified(f"{head}.{body}.A")
    for octets, words in ((b"[]", "payload is not a JSON object"), (b'{"a":1,"a":1}', "payload holds a member twice")):
        with pytest.raises(Malformed, match=words):
            check(forge(None, octets))
        with pytest.raises(Malformed, match=words):
            read_unverified(forge(None, octets))
    with pytest.raises(Malformed, match="header holds a member twice"):
        check(forge(b'{"alg":"HS256","alg":"HS256"}'))


# Limits -------------------------------------------------------------------------------------------------------------


def of_length(key, length):
    """Sign a token of exactly this many characters."""
    for lead in ("", "x"):  # no segment has 1 character beyond groups of 4
        head = encode(json.dumps({"alg": "HS256", "x": lead}).encode())
        characters = length - len(head) - 43 - 2
        claims = json.dumps({**GOOD, "pad": ""}).encode()
        claims = claims.replace(b'"pad": "', b'"pad": "' + b"x" * (characters * 3 // 4 - len(claims)))
        message = f"{head}.{encode(claims)}"
        token = f"{message}.{key.make_signature(message.encode())}"
        if len(token) == length:
            return token
    raise AssertionError(f"no token of {length} characters")


@pytest.mark.parametrize("length", [MAX_TOKEN, 1000])
def test_a_token_may_have_as_many_characters_as_the_limit_says(key, length):
    verifier = Verifier(key, issuer=ANY, audience=ANY, max_length=length)
    assert verifier.check(of_length(key, length), now=NOW).sub == "user-42"
    assert verify_octets(of_length(key, length), key, max_length=length).payload
    for longer in (length + 1, length + 2):
        token = of_length(key, longer)
        with pytest.raises(TooLarge, match=str(length)):
            verifier.check(token, now=NOW)
        with pytest.raises(TooLarge, match=str(length)):
            verify_octets(token, key, max_length=length)


def test_the_limit_is_16384_characters_where_nobody_says_another(key):
    assert Verifier(key, issuer=ANY, audience=ANY).check(of_length(key, 16384), now=NOW)
    assert verify_octets(of_length(key, 16384), key)
    with pytest.raises(TooLarge):
        Verifier(key, issuer=ANY, audience=ANY).check(of_length(key, 16385), now=NOW)
    with pytest.raises(TooLarge):
        verify_octets(of_length(key, 16385), key)


def test_a_header_may_have_8192_characters(check, forge):
    header = {"alg": "HS256", "x": ""}
    header["x"] = "x" * (6144 - len(json.dumps(header, separators=(",", ":"))))
    assert len(forge(header).split(".")[0]) == 8192
    assert check(forge(header)).sub == "user-42"
    header["x"] += "x"
    with pytest.raises(TooLarge, match="8192"):
        check(forge(header))


def test_a_kid_may_have_1_to_256_characters(forge):
    for kid in ("k", "k" * 256, "키 하나"):
        key = Key.from_secret(bytes(range(32)), "HS256", kid=kid)
        verifier = Verifier(KeySet([key]), issuer=ANY, audience=ANY)
        assert verifier.check(forge({"alg": "HS256", "kid": kid}), now=NOW)
    with pytest.raises(KeyUnknown) as refused:
        verifier.check(forge({"alg": "HS256", "kid": "other"}), now=NOW)
    assert refused.value.claim == "kid"


def test_a_token_that_is_only_read_may_have_65536_characters():
    head, claims = encode(b"{}"), encode(b'{"x":"' + b"x" * 49131 + b'"}')
    longest = f"{head}.{claims}.{'A' * (MAX_UNVERIFIED - len(head) - len(claims) - 2)}"
    assert len(longest) == MAX_UNVERIFIED == 65536
    assert read_unverified(longest).header == {}
    with pytest.raises(TooLarge, match="65536"):
        read_unverified(longest + "AAAA")


def test_a_signature_around_octets_says_only_what_its_key_says():
    key = Key.generate("HS256", kid="k")
    token = sign_octets(b"octets", key)
    assert "octets" not in repr(verify_octets(token, key))
    assert dict(verify_octets(token, key).header) == {"alg": "HS256", "kid": "k"}
    without = Key.from_secret(bytes(range(32)), "HS256")
    assert dict(verify_octets(sign_octets(b"octets", without), without).header) == {"alg": "HS256"}
    with pytest.raises(Malformed, match="another value") as refused:
        sign_octets(b"octets", key, header={"kid": "other"})
    assert refused.value.claim == "kid"
    with pytest.raises(Malformed):
        verify_octets(token.replace(".", ".x.", 1), key)
    with pytest.raises(Malformed, match="outside base64url"):
        verify_octets(token.replace(".", ".\ud800", 1), key)
    with pytest.raises(Malformed, match="outside base64url"):
        verify_octets("é" + token[1:], key)
