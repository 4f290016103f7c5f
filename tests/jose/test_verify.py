"""Verifying: one promise a test; the attack classes have their own file."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapae.errors import (
    AlgorithmRefused,
    ClaimRefused,
    Expired,
    KeyUnknown,
    Malformed,
    NotYetValid,
    Revoked,
    SignatureRefused,
    TokenError,
    TooLarge,
    WrongAudience,
    WrongIssuer,
    WrongKind,
)
from mapae.jose.jwks import KeySet
from mapae.jose.jwt import sign
from mapae.jose.key import Key
from mapae.jose.policy import ANY
from mapae.jose.verifier import Verifier

NOW = 1_800_000_000


def test_a_good_token_gives_its_claims(check, forge, good):
    claims = check(forge())
    assert dict(claims) == good
    assert check(forge().encode()) == claims
    assert claims.sub == "user-42"
    assert claims.aud == ("api",)
    assert claims.expires_at.timestamp() == good["exp"]
    assert claims.issued_at.timestamp() == good["iat"]
    assert claims.not_before is None


@pytest.mark.parametrize("memo_bytes", [0, 10_000])
def test_a_token_ends_at_exp_plus_leeway(key, forge, good, memo_bytes):
    verifier = Verifier(key, issuer=ANY, audience=ANY, leeway=5, memo_bytes=memo_bytes)
    token = forge()
    verifier.check(token, now=good["exp"] + 4.999)
    for late in (good["exp"] + 5, good["exp"] + 1e9, math.inf, math.nan):
        with pytest.raises(Expired) as refused:
            verifier.check(token, now=late)
        assert refused.value.claim == "exp"
    verifier.check(token, now=good["exp"] + 4.999)


@pytest.mark.parametrize("memo_bytes", [0, 10_000])
@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_a_token_begins_at_nbf_and_iat_minus_leeway(key, forge, good, claim, memo_bytes):
    verifier = Verifier(key, issuer=ANY, audience=ANY, leeway=5, memo_bytes=memo_bytes)
    token = forge(None, {**good, claim: NOW + 100})
    verifier.check(token, now=NOW + 95)
    for early in (NOW + 94.9, 0, -math.inf):
        with pytest.raises(NotYetValid):
            verifier.check(token, now=early)
    verifier.check(token, now=NOW + 95)


@pytest.mark.parametrize("memo_bytes", [0, 10_000])
def test_max_age_counts_from_iat_which_then_must_be_there(key, forge, good, memo_bytes):
    verifier = Verifier(key, issuer=ANY, audience=ANY, max_age=60, memo_bytes=memo_bytes)
    verifier.check(forge(), now=NOW + 64)
    for late in (NOW + 65, math.nan):
        with pytest.raises(Expired):
            verifier.check(forge(), now=late)
    payload = {name: value for name, value in good.items() if name != "iat"}
    with pytest.raises(ClaimRefused, match="iat"):
        verifier.check(forge(None, payload), now=NOW)
    Verifier(key, issuer=ANY, audience=ANY).check(forge(None, payload), now=NOW)


@pytest.mark.parametrize(
    "case",
    [
        ("i", "i", True),
        ("i", "j", False),
        ("i", "", False),
        ("issuer", "i", False),
        ("i", None, False),
        (("i", "j"), "j", True),
        (("i", "j"), "k", False),
        (None, None, True),
        (None, "i", False),
        (ANY, "i", True),
        (ANY, None, True),
    ],
)
def test_the_issuer_is_the_expected_one(check, forge, good, case):
    expected, iss, accepted = case
    payload = {**good, "iss": iss} if iss is not None else {name: good[name] for name in good if name != "iss"}
    if accepted:
        check(forge(None, payload), issuer=expected)
    else:
        with pytest.raises(WrongIssuer):
            check(forge(None, payload), issuer=expected)


@pytest.mark.parametrize(
    "case",
    [
        ("api", "api", True),
        ("api", ["web", "api"], True),
        ("api", "web", False),
        ("api", ["web"], False),
        ("api", "apis", False),
        ("api", None, False),
        (["api", "web"], "web", True),
        (["api", "web"], ["x", "web"], True),
        (["api", "web"], "x", False),
        (None, None, True),
        (None, "api", False),
        (None, ["api"], False),
        (ANY, "x", True),
        (ANY, None, True),
    ],
)
def test_the_audience_is_named(check, forge, good, case):
    expected, aud, accepted = case
    payload = {**good, "aud": aud} if aud is not None else {name: good[name] for name in good if name != "aud"}
    if accepted:
        check(forge(None, payload), audience=expected)
    else:
        with pytest.raises(WrongAudience):
            check(forge(None, payload), audience=expected)


@pytest.mark.parametrize(
    ("expected", "typ", "accepted"),
    [
        (None, None, True),
        (None, "JWT", True),
        (None, "jwt", True),
        (None, "application/jwt", True),
        (None, "at+jwt", False),
        (None, "dpop+jwt", False),
        ("at+jwt", "at+jwt", True),
        ("at+jwt", "AT+JWT", True),
        ("at+jwt", "application/at+jwt", True),
        ("at+jwt", "text/at+jwt", False),
        ("at+jwt", "JWT", False),
        ("at+jwt", None, False),
        ("at+jwt", "logout+jwt", False),
        ("JWT", "JWT", True),
        ("JWT", None, False),
    ],
)
def test_a26_the_kind_is_the_expected_one(check, forge, expected, typ, accepted):
    token = forge({"alg": "HS256"} | ({} if typ is None else {"typ": typ}))
    if accepted:
        check(token, typ=expected)
    else:
        with pytest.raises(WrongKind):
            check(token, typ=expected)


def test_required_claims_must_be_there(check, forge, good):
    check(forge(), required=("sub", "jti"))
    with pytest.raises(ClaimRefused) as refused:
        check(forge(), required=["scope"])
    assert refused.value.claim == "scope"


def test_the_revocation_hook_is_asked_at_every_check(key, forge):
    refused: set[str] = set()

    def hook(claims):
        if claims.jti in refused:
            raise Revoked("revoked")

    for memo_bytes in (0, 100_000):
        refused.clear()
        verifier = Verifier(key, issuer=ANY, audience=ANY, revocation=hook, memo_bytes=memo_bytes)
        verifier.check(forge(), now=NOW)
        verifier.check(forge(), now=NOW)
        refused.add("t-1")
        with pytest.raises(Revoked):
            verifier.check(forge(), now=NOW)


def test_the_key_is_found_by_kid(forge):
    keys = [Key.from_secret(bytes([n]) * 32, "HS256", kid=f"k{n}") for n in range(3)]
    verifier = Verifier(KeySet(keys), issuer=ANY, audience=ANY, memo_bytes=0)
    for n in range(3):
        token = forge({"alg": "HS256", "kid": f"k{n}"}, None, bytes([n]) * 32)
        for _ in range(2):
            verifier.check(token, now=NOW)
    with pytest.raises(SignatureRefused):
        verifier.check(forge({"alg": "HS256", "kid": "k1"}, None, bytes([2]) * 32), now=NOW)
    with pytest.raises(KeyUnknown):
        verifier.check(forge({"alg": "HS256", "kid": "k9"}, None, bytes([2]) * 32), now=NOW)
    with pytest.raises(KeyUnknown):
        verifier.check(forge({"alg": "HS256"}, None, bytes([2]) * 32), now=NOW)


def test_new_keys_end_the_trust_in_the_former_ones(key, forge):
    verifier = Verifier(key, issuer=ANY, audience=ANY)
    token = forge()
    verifier.check(token, now=NOW)
    verifier.use_keys(Key.generate("HS256"))
    with pytest.raises(SignatureRefused):
        verifier.check(token, now=NOW)
    verifier.use_keys(KeySet([Key.generate("ES256")]))
    with pytest.raises(AlgorithmRefused):
        verifier.check(token, now=NOW)
    verifier.use_keys(key)
    verifier.check(token, now=NOW)


@pytest.mark.parametrize("wrong", ["secret", b"secret", None, {"keys": []}, 5])
def test_what_is_no_key_is_a_type_error_with_the_cure(wrong, key):
    with pytest.raises(TypeError, match=r"Key\.|KeySet\."):
        Verifier(wrong, issuer=ANY, audience=ANY)
    with pytest.raises(TypeError):
        Verifier(key, issuer=ANY, audience=ANY).use_keys(wrong)


@pytest.mark.parametrize("options", [{"leeway": -1}, {"max_age": -1}, {"max_length": -1}, {"memo_bytes": -1}])
def test_numbers_of_a_policy_are_not_negative(key, options):
    with pytest.raises(ValueError, match="negative"):
        Verifier(key, issuer=ANY, audience=ANY, **options)


@pytest.mark.parametrize("wrong", ["", [], [""], [5], ["a", None]])
def test_an_expected_name_is_text(key, wrong):
    with pytest.raises(ValueError, match="issuer="):
        Verifier(key, issuer=wrong, audience=ANY)
    with pytest.raises(ValueError, match="audience="):
        Verifier(key, issuer=ANY, audience=wrong)


def test_issuer_and_audience_cannot_be_forgotten(key):
    with pytest.raises(TypeError):
        Verifier(key)
    with pytest.raises(TypeError):
        Verifier(key, issuer="i")


@pytest.mark.parametrize("token", [None, 5, ["a"], {}, bytearray(b"a.b.c"), memoryview(b"a.b.c")])
def test_what_is_no_text_is_a_type_error(check, token):
    with pytest.raises(TypeError, match="str or bytes"):
        check(token)


def test_a_token_over_the_limit_is_refused_before_anything_is_spent(check, forge):
    for token in ("a" * 1_000_000, "." * 1_000_000, forge() + "A" * 20_000):
        with pytest.raises(TooLarge):
            check(token)
    with pytest.raises(TooLarge):
        check(forge(), max_length=100)


@given(st.text() | st.binary() | st.text(alphabet='abcAZ09-_.={}" \n', min_size=3))
def test_any_text_gives_claims_or_a_token_error(token):
    verifier = Verifier(HMAC, issuer=ANY, audience=ANY)
    with pytest.raises(TokenError):
        verifier.check(token, now=NOW)


HMAC = Key.from_secret(bytes(range(32)), "HS256")
MIXED = KeySet([Key.generate(alg) for alg in ("ES256", "Ed25519", "ES512", "Ed448", "ML-DSA-44")])
HEADERS = st.fixed_dictionaries(
    {"alg": st.sampled_from(["HS256", *(key.alg for key in MIXED)])},
    optional={
        "typ": st.sampled_from(["JWT", "at+jwt", 5]),
        "kid": st.sampled_from([key.kid for key in MIXED if key.kid]) | st.text(max_size=4),
        "crit": st.lists(st.text(max_size=3), max_size=2),
    },
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda i: st.lists(i, max_size=3)
)
PAYLOADS = st.dictionaries(
    st.sampled_from(["exp", "nbf", "iat", "iss", "aud", "sub", "jti", "x"]), JSON | st.just(NOW + 60), max_size=6
)


@given(HEADERS, PAYLOADS | st.binary(), st.booleans())
@pytest.mark.slow
def test_any_signed_payload_gives_claims_or_a_token_error(forge, header, payload, signed):
    token = forge(header, payload)
    if not signed:
        token = token[: token.rindex(".") + 1] + "A" * 86
    try:
        keys = HMAC if header["alg"] == "HS256" else MIXED
        claims = Verifier(keys, issuer=ANY, audience=ANY).check(token, now=NOW)
    except TokenError:
        return
    assert signed
    assert claims.exp + 5 > NOW


@given(st.integers(0, 200), st.sampled_from("ABCZaz09-_.=+/ \n\x00é\u200b\ud800"), st.booleans())
def test_a_token_changed_anywhere_is_refused(place, character, insert):
    token = TOKEN
    place %= len(token)
    changed = token[:place] + character + token[place + (0 if insert else 1) :]
    if changed == token:
        return
    with pytest.raises(TokenError):
        Verifier(HMAC, issuer=ANY, audience=ANY).check(changed, now=NOW)


TOKEN = sign({"sub": "u"}, HMAC, now=NOW, lifetime=60)


def test_the_token_of_the_note_with_exp_as_text_is_refused_with_the_reason(check, forge):
    with pytest.raises(ClaimRefused, match=r"NumericDate.*RFC 7519 section 2") as refused:
        check(forge(None, b'{"exp":"1245678900"}'))
    assert (refused.value.claim, refused.value.code) == ("exp", "token_claim")


def test_claims_cannot_be_changed(check, forge, good):
    claims = check(forge(None, {**good, "a": {"b": [1, {"c": 2}]}}))
    for change in (
        lambda: setattr(claims, "sub", "x"),
        lambda: setattr(claims, "_members", {}),
        lambda: delattr(claims, "_members"),
        lambda: claims.__setitem__("sub", "x"),
        lambda: claims["a"].__setitem__("b", 1),
        lambda: claims["a"]["b"].append(1),
        lambda: claims["a"]["b"][1].__setitem__("c", 1),
    ):
        with pytest.raises((AttributeError, TypeError)):
            change()
    copy = claims.to_dict()
    copy["a"]["b"].append(3)
    assert claims["a"]["b"] == (1, {"c": 2})


def test_the_repr_of_claims_shows_names_only(check, forge):
    assert repr(check(forge())) == "<Claims iss sub aud exp iat jti>"


def test_malformed_shapes_say_what_they_are(check):
    for token, words in (
        ("a.b.c.d.e", "JWE"),
        ('{"payload":"x"}', "serialization"),
        ("Bearer eyJ.eyJ.eyJ", "Bearer"),
        ("", "no dot"),
        ("a.b", "1 dot$"),
        ("..", "segment"),
        ("a..c", "segment"),
    ):
        with pytest.raises(Malformed, match=words):
            check(token)
