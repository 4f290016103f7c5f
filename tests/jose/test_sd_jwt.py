"""Selective disclosure: issue, present, verify (RFC 9901)."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapae.errors import (
    AlgorithmRefused,
    ClaimRefused,
    Expired,
    Malformed,
    NotYetValid,
    SignatureRefused,
    TokenError,
    TooLarge,
    WrongIssuer,
    WrongKind,
)
from mapae.jose.base64url import decode, encode
from mapae.jose.disclosures import Concealer, digest_of, read_disclosure, unfold, write_disclosure
from mapae.jose.jws import sign_octets
from mapae.jose.jwt import sign
from mapae.jose.key import Key
from mapae.jose.sd_jwt import KEY_BINDING, TYP, SdJwtVerifier, Selective, issue, present, read_held
from mapae.jose.verifier import Verifier

pytestmark = pytest.mark.slow  # finished and apart from everyday work

NOW = 1_800_000_000
ISSUER, HOLDER = Key.generate("ES256"), Key.generate("Ed25519")
INNER = Verifier(ISSUER.public(), issuer="https://id.example", audience=None, typ=TYP)
PLAIN = SdJwtVerifier(INNER, key_binding=None)
BOUND = SdJwtVerifier(INNER, key_binding="https://shop.example")
CLAIMS = {
    "sub": "user-42",
    "birthdate": Selective("2000-01-01"),
    "address": Selective({"street": Selective("Main St 1"), "city": "Seoul"}),
    "nationalities": [Selective("KR"), "DE", Selective({"code": "US", "since": Selective(2020)})],
    "open": {"inside": Selective([1, 2, Selective(3)])},
}
FULL = {
    "sub": "user-42",
    "birthdate": "2000-01-01",
    "address": {"street": "Main St 1", "city": "Seoul"},
    "nationalities": ["KR", "DE", {"code": "US", "since": 2020}],
    "open": {"inside": [1, 2, 3]},
}
PLACES = {
    "/birthdate", "/address", "/address/street", "/nationalities/0", "/nationalities/2", "/nationalities/2/since",
    "/open/inside", "/open/inside/2",
}  # fmt: skip


REST = {"nationalities": ["DE"], "open": {}}


def issued(claims=None, **options):
    options = {"now": NOW, "issuer": "https://id.example", "lifetime": 900, "holder": HOLDER.public()} | options
    return issue(CLAIMS if claims is None else claims, ISSUER, **options)


def shown(reveal, **options):
    return present(issued(), reveal, **options)


def bound(reveal=(), **options):
    proof = {"key": HOLDER, "audience": "https://shop.example", "nonce": "n-1", "now": NOW} | options
    return present(issued(), reveal, **proof)


def own(claims):
    return {name: claims[name] for name in claims if name in FULL}


def by_hand(payload, *disclosures, typ=TYP):
    """An SD-JWT of any content under a good signature."""
    payload = {"iss": "https://id.example", "exp": NOW + 900} | payload
    signed = sign_octets(json.dumps(payload).encode(), ISSUER, header={"typ": typ})
    return "~".join([signed, *disclosures, ""])


def disclosed(*parts):
    return write_disclosure(list(parts)).text


def test_a_holder_sees_all_and_what_may_be_left_out():
    held = read_held(issued())
    assert own(held.claims) == FULL
    assert set(held.selectable) == PLACES


@pytest.mark.parametrize("sd_alg", ["sha-256", "sha-384", "sha-512"])
@pytest.mark.parametrize("decoys", [0, 3])
def test_all_that_is_shown_is_verified(sd_alg, decoys):
    sd_jwt = issued(sd_alg=sd_alg, decoys=decoys)
    seen = PLAIN.check(present(sd_jwt, read_held(sd_jwt).selectable), now=NOW)
    assert own(seen.claims.to_dict()) == FULL
    assert set(seen.disclosed) == PLACES
    assert seen.holder is None
    assert not any("_sd" in str(name) for name in seen.claims)


@pytest.mark.parametrize(
    ("reveal", "claims"),
    [
        ([], {"sub": "user-42", "nationalities": ["DE"], "open": {}}),
        (["/birthdate"], {"sub": "user-42", "birthdate": "2000-01-01", "nationalities": ["DE"], "open": {}}),
        (["/address"], {"sub": "user-42", "address": {"city": "Seoul"}, "nationalities": ["DE"], "open": {}}),
        (
            ["/address/street"],
            {
                "sub": "user-42",
                "address": {"street": "Main St 1", "city": "Seoul"},
                "nationalities": ["DE"],
                "open": {},
            },
        ),
        (["/nationalities/0"], {"sub": "user-42", "nationalities": ["KR", "DE"], "open": {}}),
        (
            ["/nationalities/2/since"],
            {"sub": "user-42", "nationalities": ["DE", {"code": "US", "since": 2020}], "open": {}},
        ),
        (["/open/inside"], {"sub": "user-42", "nationalities": ["DE"], "open": {"inside": [1, 2]}}),
    ],
)
def test_what_is_left_out_stays_hidden(reveal, claims):
    presentation = shown(reveal)
    seen = PLAIN.check(presentation, now=NOW)
    assert own(seen.claims.to_dict()) == claims
    hidden = {value for value in ("2000-01-01", "Main St 1", "KR") if value not in str(claims)}
    assert not any(value in str(own(seen.claims.to_dict())) for value in hidden)  # a jti may spell KR by chance


def test_what_was_presented_is_presented_again_in_part():
    part = shown(["/address/street", "/birthdate"])
    assert set(read_held(part).selectable) == {"/address", "/address/street", "/birthdate"}
    assert own(read_held(present(part, ["/birthdate"])).claims)["birthdate"] == "2000-01-01"


def test_decoys_hide_the_number_of_claims():
    def digests(decoys):
        payload = json.loads(decode(issued(decoys=decoys).split(".")[1]))
        return len(payload["_sd"]), len(payload["nationalities"])

    assert digests(0) == (2, 3)
    assert digests(5) == (7, 8)


def test_the_policy_of_the_issuer_is_checked():
    presentation = shown(["/birthdate"])
    with pytest.raises(Expired):
        PLAIN.check(presentation, now=NOW + 1000)
    with pytest.raises(WrongIssuer):
        SdJwtVerifier(Verifier(ISSUER, issuer="x", audience=None, typ=TYP), key_binding=None).check(
            presentation, now=NOW
        )
    with pytest.raises(WrongKind):
        SdJwtVerifier(Verifier(ISSUER, issuer=None, audience=None), key_binding=None).check(presentation, now=NOW)
    other = Verifier(Key.generate("ES256"), issuer="https://id.example", audience=None, typ=TYP)
    with pytest.raises(SignatureRefused):
        SdJwtVerifier(other, key_binding=None).check(presentation, now=NOW)
    with pytest.raises(TypeError, match="Verifier"):
        SdJwtVerifier(ISSUER, key_binding=None)
    with pytest.raises(ValueError, match="negative"):
        SdJwtVerifier(INNER, key_binding=None, max_age=-1)


def test_an_sd_jwt_is_no_access_token():
    with pytest.raises(TokenError):
        Verifier(ISSUER, issuer="https://id.example", audience=None).check(issued().split("~")[0], now=NOW)


# Key binding ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alg", ["ES256", "ES512", "Ed25519", "PS256", "RS256", "ML-DSA-44"])
def test_a_presentation_is_bound_to_the_key_of_its_holder(alg):
    key = Key.generate(alg, bits=2048)
    proof = {"key": key, "audience": "https://shop.example", "nonce": "n-1", "now": NOW}
    presentation = present(issued(holder=key.public()), ["/birthdate"], **proof)
    seen = BOUND.check(presentation, now=NOW, nonce="n-1")
    assert seen.holder.thumbprint() == key.thumbprint()
    assert seen.claims["birthdate"] == "2000-01-01"


@pytest.mark.parametrize(
    ("change", "error", "claim"),
    [
        ({"audience": "https://other.example"}, ClaimRefused, "aud"),
        ({"nonce": "n-2"}, ClaimRefused, "nonce"),
        ({"key": Key.generate("Ed25519")}, SignatureRefused, None),
        ({"key": Key.generate("ES256")}, Malformed, "jwk"),
        ({"now": NOW - 306}, Expired, "iat"),
        ({"now": NOW + 6}, NotYetValid, "iat"),
    ],
)
def test_a_key_binding_for_something_else_is_refused(change, error, claim):
    with pytest.raises(error) as refused:
        BOUND.check(bound(**change), now=NOW, nonce="n-1")
    assert refused.value.claim == claim


def test_a_key_binding_covers_exactly_what_is_shown():
    presentation = bound(["/birthdate"])
    front, _, binding = presentation.rpartition("~")
    fewer = "~".join([*front.split("~")[:-1], binding])
    more = "~".join([front, issued().split("~")[1], binding])
    for changed in (fewer, more):
        with pytest.raises(TokenError):
            BOUND.check(changed, now=NOW, nonce="n-1")
    with pytest.raises(ClaimRefused, match="sd_hash"):
        BOUND.check(fewer, now=NOW, nonce="n-1")


def test_a_key_binding_is_there_exactly_where_it_is_asked_for():
    with pytest.raises(Malformed, match="missing"):
        BOUND.check(shown([]), now=NOW, nonce="n-1")
    with pytest.raises(Malformed, match="none was asked for"):
        PLAIN.check(bound(), now=NOW)
    for nonce in (None, ""):
        with pytest.raises(ValueError, match="nonce="):
            BOUND.check(bound(), now=NOW, nonce=nonce)
    with pytest.raises(Malformed, match="before"):
        present(bound(), [])


@pytest.mark.parametrize(
    ("claims", "header"),
    [
        ({"iat": None}, {}),
        ({"iat": "now"}, {}),
        ({"aud": ["https://shop.example"]}, {}),
        ({"nonce": None}, {}),
        ({"sd_hash": ""}, {}),
        ({"sd_hash": 5}, {}),
        ({"exp": NOW - 60}, {}),
        ({}, {"typ": "JWT"}),
        ({}, {"typ": None}),
        ({}, {"crit": ["exp"]}),
    ],
)
def test_a_key_binding_that_breaks_a_rule_is_refused(claims, header):
    front = shown([])
    good = {"iat": NOW, "aud": "https://shop.example", "nonce": "n-1", "sd_hash": digest_of(front, "sha-256")}
    right = {"alg": "Ed25519", "typ": KEY_BINDING}
    head = {name: value for name, value in (right | header).items() if value is not None}
    body = {name: value for name, value in (good | claims).items() if value is not None}

    def binding(head, body):
        signing_input = f"{encode(json.dumps(head).encode())}.{encode(json.dumps(body).encode())}"
        return f"{signing_input}.{HOLDER.make_signature(signing_input.encode())}"

    assert BOUND.check(front + binding(right, good), now=NOW, nonce="n-1").holder
    with pytest.raises(TokenError):
        BOUND.check(front + binding(head, body), now=NOW, nonce="n-1")


def test_no_secret_binds_a_presentation():
    shared = Key.generate("HS256")
    front = by_hand({"cnf": {"jwk": shared.to_jwk(private=True)}})
    good = {"iat": NOW, "aud": "https://shop.example", "nonce": "n-1", "sd_hash": digest_of(front, "sha-256")}
    binding = sign_octets(json.dumps(good).encode(), shared, header={"typ": KEY_BINDING})
    with pytest.raises(AlgorithmRefused):
        BOUND.check(front + binding, now=NOW, nonce="n-1")
    for cnf in ({}, {"cnf": "key"}, {"cnf": {}}, {"cnf": {"jwk": HOLDER.to_jwk(private=True)}}):
        front = by_hand(cnf)
        binding = sign_octets(json.dumps(good).encode(), HOLDER, header={"typ": KEY_BINDING})
        with pytest.raises(TokenError):
            BOUND.check(front + binding, now=NOW, nonce="n-1")


# The strict rules -----------------------------------------------------------------------------------------------------

NAME = disclosed("salt", "name", "value")
ELEMENT = disclosed("salt", "value")
D_NAME, D_ELEMENT = (digest_of(text, "sha-256") for text in (NAME, ELEMENT))


def test_what_is_written_by_hand_is_verified_too():
    seen = PLAIN.check(by_hand({"_sd": [D_NAME], "list": [{"...": D_ELEMENT}]}, NAME, ELEMENT), now=NOW)
    assert (seen.claims["name"], seen.claims["list"]) == ("value", ("value",))


@pytest.mark.parametrize(
    ("payload", "disclosures"),
    [
        ({}, [NAME]),
        ({"_sd": ["x" * 43]}, [NAME]),
        ({"_sd": [D_NAME]}, [NAME, NAME]),
        ({"_sd": [D_NAME, D_NAME]}, [NAME]),
        ({"_sd": [D_NAME, D_NAME]}, []),
        ({"_sd": [D_NAME], "inner": {"_sd": [D_NAME]}}, [NAME]),
        ({"_sd": [D_NAME], "list": [{"...": D_NAME}]}, [NAME]),
        ({"_sd": [D_NAME], "name": "open"}, [NAME]),
        ({"_sd": [D_ELEMENT]}, [ELEMENT]),
        ({"list": [{"...": D_NAME}]}, [NAME]),
        ({"list": [{"...": D_ELEMENT, "beside": 1}]}, [ELEMENT]),
        ({"list": [{"...": 5}]}, []),
        ({"object": {"...": D_ELEMENT}}, [ELEMENT]),
        ({"_sd": D_NAME}, [NAME]),
        ({"_sd": [5]}, []),
        ({"_sd": {}}, []),
        ({"_sd": None}, []),
        ({"_sd_alg": "sha-1"}, []),
        ({"_sd_alg": "md5"}, []),
        ({"_sd_alg": None}, []),
        ({"_sd_alg": ["sha-256"]}, []),
        ({"inner": {"_sd_alg": "sha-256"}}, []),
        ({"_sd": [D_NAME], "_sd_alg": "sha-512"}, [NAME]),
        ({}, [""]),
        ({}, ["!"]),
        ({}, [encode(b"{}")]),
        ({}, [encode(b'["salt"]')]),
        ({}, [encode(b'["salt","name","value","more"]')]),
        ({}, [encode(b'[5,"name","value"]')]),
        ({}, [encode(b'["salt",5,"value"]')]),
        ({}, [encode(b'["salt","name",NaN]')]),
        ({}, [encode(b'["salt","name",{"a":1,"a":2}]')]),
        ({}, [encode(b'["salt","name",1],"e":2')]),
        ({}, [encode(b"\xef\xbb\xbf[]")]),
    ],
)
def test_a_digest_or_disclosure_out_of_place_is_refused(payload, disclosures):
    with pytest.raises(TokenError):
        PLAIN.check(by_hand(payload, *disclosures), now=NOW)


@pytest.mark.parametrize("name", ["_sd", "...", "_sd_alg"])
def test_a_reserved_name_is_no_claim(name):
    text = encode(json.dumps(["salt", name, "value"]).encode())
    with pytest.raises(Malformed):
        read_disclosure(text)
    for claims in ({name: 1}, {"a": [{name: Selective(1)}]}, {"a": Selective({name: 1})}):
        with pytest.raises(Malformed):
            issued(claims)


@pytest.mark.parametrize("name", ["iss", "aud", "exp", "nbf", "cnf", "status", "vct"])
def test_what_decides_about_the_whole_is_never_hidden(name):
    hidden = disclosed("salt", name, "value")
    payload = {"_sd": [digest_of(hidden, "sha-256")]}
    with pytest.raises(TokenError):
        PLAIN.check(by_hand(payload, hidden), now=NOW)
    with pytest.raises(ClaimRefused):
        issued({name: Selective("value")}, holder=None)
    inside = disclosed("salt", name, "value")
    seen = PLAIN.check(by_hand({"inner": {"_sd": [digest_of(inside, "sha-256")]}}, inside), now=NOW)
    assert seen.claims["inner"][name] == "value"


def test_disclosed_claims_have_the_types_of_their_names():
    hidden = disclosed("salt", "iat", "yesterday")
    with pytest.raises(ClaimRefused):
        PLAIN.check(by_hand({"_sd": [digest_of(hidden, "sha-256")]}, hidden), now=NOW)


def test_disclosures_do_not_nest_without_end():
    texts, digest = [], None
    for level in range(40):
        value = {} if digest is None else {"_sd": [digest]}
        texts.append(disclosed("salt", f"n{level}", value))
        digest = digest_of(texts[-1], "sha-256")
    with pytest.raises(Malformed, match="deeper"):
        PLAIN.check(by_hand({"_sd": [digest]}, *texts), now=NOW)


def test_a_disclosure_cannot_hold_itself():
    """It would need its own digest; the nearest thing is two that name each other, and those cannot be made either."""
    loop = disclosed("salt", "name", {"_sd": [D_NAME]})
    with pytest.raises(Malformed):
        PLAIN.check(by_hand({"_sd": [digest_of(loop, "sha-256"), D_NAME]}, loop, NAME), now=NOW)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", Malformed),
        ("~", Malformed),
        ("a.b.c", Malformed),
        ("a.b~", Malformed),
        (issued().split("~")[0], Malformed),
        ("x" * 300_000, TooLarge),
        (issued() + "~" * 1100, TooLarge),
        (issued()[:-1] + "A" * 17_000 + "~", TooLarge),
        (issued()[:-1] + "é~", Malformed),
    ],
)
def test_a_text_of_another_shape_is_refused(text, error):
    with pytest.raises(error):
        PLAIN.check(text, now=NOW)


def test_a_wrong_argument_says_what_to_write():
    for attempt, error in [
        (lambda: issue(CLAIMS, ISSUER.public(), now=NOW, lifetime=9), TypeError),
        (lambda: issue(CLAIMS, Key.generate("HS256"), now=NOW, lifetime=9), TypeError),
        (lambda: issue(CLAIMS, "key", now=NOW, lifetime=9), TypeError),
        (lambda: issued(holder="key"), TypeError),
        (lambda: issued(sd_alg="md5"), ValueError),
        (lambda: issued(decoys=-1), ValueError),
        (lambda: issued({"cnf": {}}), ClaimRefused),
        (lambda: issued(lifetime=None), ClaimRefused),
        (lambda: issued({"a": Selective(float("nan"))}), Malformed),
        (lambda: shown(["/nothing"]), ValueError),
        (lambda: shown("/birthdate"), ValueError),
        (lambda: shown([], key=HOLDER), ValueError),
        (lambda: bound(audience=5), ClaimRefused),
        (lambda: bound(key=HOLDER.public()), TypeError),
        (lambda: bound(key="key"), TypeError),
    ]:
        with pytest.raises(error):
            attempt()
    assert "2000-01-01" not in repr(Selective("2000-01-01"))
    assert "value" not in repr(read_disclosure(NAME))


# Properties -----------------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "c/d", "e~f", "", "é"])
LEAVES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5)
TREES = st.recursive(
    LEAVES | LEAVES.map(Selective),
    lambda inner: (
        st.lists(inner | inner.map(Selective), max_size=4)
        | st.dictionaries(NAMES, inner | inner.map(Selective), max_size=4)
    ),
    max_leaves=12,
)


def bare(value):
    if isinstance(value, Selective):
        return bare(value.value)
    if isinstance(value, dict):
        return {name: bare(member) for name, member in value.items()}
    if isinstance(value, list):
        return [bare(member) for member in value]
    return value


@given(st.dictionaries(NAMES, TREES, max_size=4), st.integers(0, 2), st.data())
def test_what_is_hidden_comes_back_and_only_that(claims, decoys, data):
    def settled(value):  # a Selective directly around another one is one
        if isinstance(value, Selective):
            inner = settled(value.value)
            return inner if isinstance(inner, Selective) else Selective(inner)
        if isinstance(value, dict):
            return {name: settled(member) for name, member in value.items()}
        return [settled(member) for member in value] if isinstance(value, list) else value

    claims = settled(claims)
    concealer = Concealer("sha-256", decoys)
    payload = concealer.conceal(claims)
    full = unfold(payload, concealer.disclosures)
    assert full.claims == bare(claims)
    assert len(full.disclosed) == len(concealer.disclosures)
    chosen = data.draw(st.sets(st.sampled_from(sorted(full.disclosed)))) if full.disclosed else set()
    wanted = {each.text for place in chosen for each in full.disclosed[place]}
    part = unfold(payload, [each for each in concealer.disclosures if each.text in wanted])
    assert len(part.disclosed) == len(wanted)


@given(st.text() | st.binary() | st.from_regex(r"\A[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){2}(~[A-Za-z0-9_-]*)+\Z"))
def test_any_text_gives_claims_or_a_token_error(text):
    with contextlib.suppress(TokenError):
        PLAIN.check(text, now=NOW)
    with contextlib.suppress(TokenError):
        BOUND.check(text, now=NOW, nonce="n")


HOSTILE = st.recursive(
    LEAVES | st.sampled_from([D_NAME, D_ELEMENT]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["_sd", "...", "_sd_alg", "a"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(["_sd", "_sd_alg", "a", "cnf", "name"]), HOSTILE),
    st.sets(st.sampled_from([NAME, ELEMENT])),
)
def test_any_payload_gives_claims_or_a_token_error(payload, disclosures):
    with contextlib.suppress(TokenError):
        PLAIN.check(by_hand(payload, *disclosures), now=NOW)


# The RFC's own values -------------------------------------------------------------------------------------------------

RFC_ISSUER = Key.from_jwk(
    {
        "kty": "EC",
        "crv": "P-256",
        "x": "b28d4MwZMjw8-00CG4xfnn9SLMVMM19SlqZpVb_uNtQ",
        "y": "Xv5zWwuoaTgdS6hV43yI6gBwTnjukmFQQnJ_kCxzqk8",
    }
)
RFC_INNER = Verifier(RFC_ISSUER, issuer="https://issuer.example.com", audience=None, typ="example+sd-jwt")
RFC_SIGNED = (
    "eyJhbGciOiAiRVMyNTYiLCAidHlwIjogImV4YW1wbGUrc2Qtand0In0."
    "eyJfc2QiOiBbIkNyUWU3UzVrcUJBSHQtbk1ZWGdjNmJkdDJTSDVhVFkxc1VfTS1QZ2tqUEki"
    "LCAiSnpZakg0c3ZsaUgwUjNQeUVNZmVadTZKdDY5dTVxZWhabzdGN0VQWWxTRSIsICJQb3JGYnBLdVZ1Nnh5bUphZ3ZrRnNGWEFiUm9jMkpHbEFV"
    "QTJCQTRvN2NJIiwgIlRHZjRvTGJnd2Q1SlFhSHlLVlFaVTlVZEdFMHc1cnREc3JaemZVYW9tTG8iLCAiWFFfM2tQS3QxWHlYN0tBTmtxVlI2eVoy"
    "VmE1TnJQSXZQWWJ5TXZSS0JNTSIsICJYekZyendzY002R242Q0pEYzZ2Vks4QmtNbmZHOHZPU0tmcFBJWmRBZmRFIiwgImdiT3NJNEVkcTJ4Mkt3"
    "LXc1d1BFemFrb2I5aFYxY1JEMEFUTjNvUUw5Sk0iLCAianN1OXlWdWx3UVFsaEZsTV8zSmx6TWFTRnpnbGhRRzBEcGZheVF3TFVLNCJdLCAiaXNz"
    "IjogImh0dHBzOi8vaXNzdWVyLmV4YW1wbGUuY29tIiwgImlhdCI6IDE2ODMwMDAwMDAsICJleHAiOiAxODgzMDAwMDAwLCAic3ViIjogInVzZXJf"
    "NDIiLCAibmF0aW9uYWxpdGllcyI6IFt7Ii4uLiI6ICJwRm5kamtaX1ZDem15VGE2VWpsWm8zZGgta284YUlLUWM5RGxHemhhVllvIn0sIHsiLi4u"
    "IjogIjdDZjZKa1B1ZHJ5M2xjYndIZ2VaOGtoQXYxVTFPU2xlclAwVmtCSnJXWjAifV0sICJfc2RfYWxnIjogInNoYS0yNTYiLCAiY25mIjogeyJq"
    "d2siOiB7Imt0eSI6ICJFQyIsICJjcnYiOiAiUC0yNTYiLCAieCI6ICJUQ0FFUjE5WnZ1M09IRjRqNFc0dmZTVm9ISVAxSUxpbERsczd2Q2VHZW1j"
    "IiwgInkiOiAiWnhqaVdXYlpNUUdIVldLVlE0aGJTSWlyc1ZmdWVjQ0U2dDRqVDlGMkhaUSJ9fX0."
    "MczwjBFGtzf-6WMT-hIvYbkb11NrV1WMO-jTijpMPNbswNzZ87wY2uHz-CXo6R04b7jYrpj9mNRAvVssXou1iw"
)
RFC_DISCLOSURES = {
    "/given_name": "WyIyR0xDNDJzS1F2ZUNmR2ZyeU5STjl3IiwgImdpdmVuX25hbWUiLCAiSm9obiJd",
    "/family_name": "WyJlbHVWNU9nM2dTTklJOEVZbnN4QV9BIiwgImZhbWlseV9uYW1lIiwgIkRvZSJd",
    "/email": "WyI2SWo3dE0tYTVpVlBHYm9TNXRtdlZBIiwgImVtYWlsIiwgImpvaG5kb2VAZXhhbXBsZS5jb20iXQ",
    "/phone_number": "WyJlSThaV205UW5LUHBOUGVOZW5IZGhRIiwgInBob25lX251bWJlciIsICIrMS0yMDItNTU1LTAxMDEiXQ",
    "/phone_number_verified": "WyJRZ19PNjR6cUF4ZTQxMmExMDhpcm9BIiwgInBob25lX251bWJlcl92ZXJpZmllZCIsIHRydWVd",
    "/address": "WyJBSngtMDk1VlBycFR0TjRRTU9xUk9BIiwgImFkZHJlc3MiLCB7InN0cmVldF9hZGRyZXNzIjogIjEyMyBNYWluIFN0IiwgImxv"
    "Y2FsaXR5IjogIkFueXRvd24iLCAicmVnaW9uIjogIkFueXN0YXRlIiwgImNvdW50cnkiOiAiVVMifV0",
    "/birthdate": "WyJQYzMzSk0yTGNoY1VfbEhnZ3ZfdWZRIiwgImJpcnRoZGF0ZSIsICIxOTQwLTAxLTAxIl0",
    "/updated_at": "WyJHMDJOU3JRZmpGWFE3SW8wOXN5YWpBIiwgInVwZGF0ZWRfYXQiLCAxNTcwMDAwMDAwXQ",
    "/nationalities/0": "WyJsa2x4RjVqTVlsR1RQVW92TU5JdkNBIiwgIlVTIl0",
    "/nationalities/1": "WyJuUHVvUW5rUkZxM0JJZUFtN0FuWEZBIiwgIkRFIl0",
}
RFC_KEY_BINDING = (
    "eyJhbGciOiAiRVMyNTYiLCAidHlwIjogImtiK2p3dCJ9."
    "eyJub25jZSI6ICIxMjM0NTY3ODkwIiwgImF1ZCI6ICJodHRwczovL3ZlcmlmaWVyLmV4YW1wbGUub3JnIiwgImlhdCI6IDE3NDg1MzcyNDQsICJz"
    "ZF9oYXNoIjogIjBfQWYtMkItRWhMV1g1eWRoX3cyeHp3bU82aU02NkJfMlFDRWFuSTRmVVkifQ."
    "T3SIus2OidNl41nmVkTZVCKKhOAX97aOldMyHFiYjHm261eLiJ1YiuONFiMN8QlCmYzDlBLAdPvrXh52KaLgUQ"
)
RFC_NOW = 1748537244


def test_rfc_section_5_1_is_read_as_the_rfc_reads_it():
    held = read_held("~".join([RFC_SIGNED, *RFC_DISCLOSURES.values(), ""]))
    assert set(held.selectable) == set(RFC_DISCLOSURES)
    assert held.claims["nationalities"] == ["US", "DE"]
    assert (held.claims["email"], held.claims["updated_at"]) == ("johndoe@example.com", 1570000000)


def test_rfc_section_5_2_is_verified_with_its_key_binding():
    shown_places = ["/family_name", "/address", "/given_name", "/nationalities/0"]
    presentation = "~".join([RFC_SIGNED, *(RFC_DISCLOSURES[place] for place in shown_places), RFC_KEY_BINDING])
    verifier = SdJwtVerifier(RFC_INNER, key_binding="https://verifier.example.org")
    seen = verifier.check(presentation, now=RFC_NOW, nonce="1234567890")
    assert seen.claims.to_dict() == {
        "iss": "https://issuer.example.com",
        "iat": 1683000000,
        "exp": 1883000000,
        "sub": "user_42",
        "nationalities": ["US"],
        "cnf": {"jwk": {name: seen.claims["cnf"]["jwk"][name] for name in ("kty", "crv", "x", "y")}},
        "family_name": "Doe",
        "address": {"street_address": "123 Main St", "locality": "Anytown", "region": "Anystate", "country": "US"},
        "given_name": "John",
    }
    with pytest.raises(ClaimRefused):
        verifier.check(presentation, now=RFC_NOW, nonce="other")


def test_rfc_section_6_3_discloses_step_by_step():
    address = (
        "WyJRZ19PNjR6cUF4ZTQxMmExMDhpcm9BIiwgImFkZHJlc3MiLCB7Il9zZCI6IFsiNnZoOWJxLXpTNEdLTV83R3BnZ1ZiWXp6dTZvT0dYcm1OVkdQ"
        "SFA3NVVkMCIsICI5Z2pWdVh0ZEZST0NnUnJ0TmNHVVhtRjY1cmRlemlfNkVyX2o3NmttWXlNIiwgIktVUkRQaDRaQzE5LTN0aXotRGYzOVY4ZWlk"
        "eTFvVjNhM0gxRGEyTjBnODgiLCAiV045cjlkQ0JKOEhUQ3NTMmpLQVN4VGpFeVc1bTV4NjVfWl8ycm8yamZYTSJdfV0"
    )
    region = "WyI2SWo3dE0tYTVpVlBHYm9TNXRtdlZBIiwgInJlZ2lvbiIsICJTYWNoc2VuLUFuaGFsdCJd"
    payload = {"_sd": ["HvrKX6fPV0v9K_yCVFBiLFHsMaxcD_114Em6VT8x1lg"], "_sd_alg": "sha-256"}
    assert read_disclosure(region).digest("sha-256") == "KURDPh4ZC19-3tiz-Df39V8eidy1oV3a3H1Da2N0g88"
    assert unfold(payload, map(read_disclosure, [address, region])).claims == {"address": {"region": "Sachsen-Anhalt"}}
    assert unfold(payload, [read_disclosure(address)]).claims == {"address": {}}
    assert unfold(payload, []).claims == {}
    with pytest.raises(Malformed):
        unfold(payload, [read_disclosure(region)])


def test_the_same_signature_serves_no_other_kind():
    with pytest.raises(WrongKind):
        PLAIN.check(sign({}, ISSUER, now=NOW, issuer="https://id.example", lifetime=60) + "~", now=NOW)
