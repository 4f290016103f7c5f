"""Proofs of possession for requests (RFC 9449)."""

import contextlib
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapae.errors import (
    AlgorithmRefused,
    Busy,
    ClaimRefused,
    Expired,
    Malformed,
    NonceRequired,
    NotYetValid,
    Replayed,
    SignatureRefused,
    TokenError,
    TooLarge,
    WrongKind,
)
from mapae.jose.base64url import decode, encode
from mapae.jose.dpop import TYP, Nonces, ProofVerifier, Replays, bound_key, make_proof
from mapae.jose.http_uri import normal_uri
from mapae.jose.jws import sign_octets
from mapae.jose.jwt import sign
from mapae.jose.key import Key
from mapae.jose.verifier import Verifier

NOW = 1_800_000_000
KEY = Key.generate("ES256")
URI = "https://api.example/things"
TOKEN = "an.access.token"
VERIFIER = ProofVerifier(replays=None)


def make(**changes):
    return make_proof(KEY, **({"htm": "GET", "htu": URI, "now": NOW} | changes))


def check(proof, verifier=VERIFIER, **changes):
    return verifier.check(proof, **({"htm": "GET", "htu": URI, "now": NOW} | changes))


def forged(claims=None, header=None, key=KEY):
    """A proof of any content under a good signature."""
    members = {"jti": "j", "htm": "GET", "htu": URI, "iat": NOW} | (claims or {})
    members = {name: value for name, value in members.items() if value is not ...}
    head = {"alg": key.alg, "typ": TYP, "jwk": {n: v for n, v in KEY.to_jwk().items() if n in {"crv", "kty", "x", "y"}}}
    head = {name: value for name, value in (head | (header or {})).items() if value is not ...}
    signing_input = f"{encode(json.dumps(head).encode())}.{encode(json.dumps(members).encode())}"
    return f"{signing_input}.{key.make_signature(signing_input.encode())}"


@pytest.mark.slow
@pytest.mark.parametrize(
    "alg", ["ES256", "ES384", "ES512", "ES256K", "Ed25519", "Ed448", "PS256", "RS256", "ML-DSA-44"]
)
def test_a_proof_is_accepted_for_its_request(alg):
    key = Key.generate(alg, bits=2048)
    proof = make_proof(key, htm="POST", htu=URI + "?q=1#f", now=NOW, access_token=TOKEN, nonce="n", jti="id-1")
    seen = check(proof, htm="POST", access_token=TOKEN, jkt=key.thumbprint())
    assert (seen.jkt, seen.jti, seen.iat, seen.nonce) == (key.thumbprint(), "id-1", NOW, "n")
    assert seen.key.thumbprint() == key.thumbprint()
    header, claims = (json.loads(decode(segment)) for segment in proof.split(".")[:2])
    assert header["typ"] == "dpop+jwt"
    assert "d" not in header["jwk"]
    assert claims["htu"] == URI
    assert claims["ath"] == encode(hashlib.sha256(TOKEN.encode()).digest())


def test_the_proof_of_the_rfc_is_accepted():
    """RFC 9449 §4.2: the values of figure 2."""
    proof = (
        "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0Rs"
        "cEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2"
        "In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2Vu"
        "IiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
    )
    seen = VERIFIER.check(proof, htm="POST", htu="https://server.example.com/token", now=1562262616)
    assert seen.jti == "-BwC3ESc6acc2lTc"
    assert seen.jkt == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


@pytest.mark.parametrize(
    ("changes", "error", "claim"),
    [
        ({"htm": "POST"}, ClaimRefused, "htm"),
        ({"htm": "get"}, ClaimRefused, "htm"),
        ({"htu": URI + "/"}, ClaimRefused, "htu"),
        ({"htu": "http://api.example/things"}, ClaimRefused, "htu"),
        ({"htu": "https://api.example:8443/things"}, ClaimRefused, "htu"),
        ({"htu": "https://other.example/things"}, ClaimRefused, "htu"),
        ({"now": NOW + 66}, Expired, "iat"),
        ({"now": NOW - 6}, NotYetValid, "iat"),
        ({"now": float("nan")}, TokenError, "iat"),
        ({"access_token": "another.access.token"}, ClaimRefused, "ath"),
        ({"jkt": Key.generate("ES256").thumbprint()}, ClaimRefused, "jwk"),
        ({"jkt": ""}, ClaimRefused, "jwk"),
        ({"jkt": "é"}, ClaimRefused, "jwk"),
    ],
)
def test_a_proof_for_something_else_is_refused(changes, error, claim):
    with pytest.raises(error) as refused:
        check(make(access_token=TOKEN), **changes)
    assert refused.value.claim == claim


@pytest.mark.parametrize("now", [NOW - 5, NOW, NOW + 65])
def test_the_window_is_as_wide_as_it_says(now):
    assert check(make(), now=now).iat == NOW


def test_a_proof_without_a_token_serves_no_token():
    with pytest.raises(ClaimRefused) as refused:
        check(make(), access_token=TOKEN)
    assert refused.value.claim == "ath"


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"jti": ...}, ClaimRefused),
        ({"jti": ""}, ClaimRefused),
        ({"jti": 5}, ClaimRefused),
        ({"jti": "x" * 257}, ClaimRefused),
        ({"htm": ...}, ClaimRefused),
        ({"htm": ["GET"]}, ClaimRefused),
        ({"htu": ...}, ClaimRefused),
        ({"htu": 5}, ClaimRefused),
        ({"htu": "things"}, ClaimRefused),
        ({"htu": "https://user@api.example/things"}, ClaimRefused),
        ({"htu": "https://api.example/%zz"}, ClaimRefused),
        ({"iat": ...}, ClaimRefused),
        ({"iat": str(NOW)}, ClaimRefused),
        ({"iat": True}, ClaimRefused),
        ({"iat": NOW * 1000}, ClaimRefused),
        ({"iat": NOW + 3600}, NotYetValid),
        ({"iat": NOW - 3600}, Expired),
        ({"exp": NOW - 10}, Expired),
        ({"exp": "soon"}, ClaimRefused),
        ({"nbf": NOW + 10}, NotYetValid),
        ({"nonce": 5}, ClaimRefused),
    ],
)
def test_a_claim_that_breaks_a_rule_is_refused(claims, error):
    with pytest.raises(error):
        check(forged(claims))


def jwk_of(key, **more):
    return {
        n: v for n, v in key.to_jwk(private=more.pop("private", False)).items() if n not in {"alg", "use", "kid"}
    } | more


@pytest.mark.parametrize(
    ("header", "error"),
    [
        ({"typ": ...}, WrongKind),
        ({"typ": "JWT"}, WrongKind),
        ({"typ": 5}, WrongKind),
        ({"alg": ...}, AlgorithmRefused),
        ({"alg": "none"}, AlgorithmRefused),
        ({"alg": "HS256"}, AlgorithmRefused),
        ({"alg": ["ES256"]}, AlgorithmRefused),
        ({"alg": "ES384"}, Malformed),
        ({"jwk": ...}, Malformed),
        ({"jwk": "text"}, Malformed),
        ({"jwk": {}}, Malformed),
        ({"jwk": jwk_of(KEY, private=True)}, Malformed),
        ({"jwk": jwk_of(KEY, d="")}, Malformed),
        ({"jwk": jwk_of(KEY, k="AAAA")}, Malformed),
        ({"jwk": {"kty": "oct", "k": encode(bytes(32))}}, Malformed),
        ({"jwk": jwk_of(KEY, use="enc")}, Malformed),
        ({"jwk": jwk_of(KEY, alg="ES384")}, Malformed),
        ({"jwk": jwk_of(Key.generate("ES256"))}, SignatureRefused),
        ({"crit": ["exp"]}, Malformed),
        ({"b64": False}, Malformed),
        ({"enc": "A256GCM"}, Malformed),
        ({"cty": "JWT"}, Malformed),
    ],
)
def test_a_header_that_breaks_a_rule_is_refused(header, error):
    with pytest.raises(error):
        check(forged(header=header))


def test_a_weak_key_proves_nothing():
    small = {"kty": "OKP", "crv": "Ed25519", "x": encode(b"\x01" + bytes(31))}
    signature = encode(b"\x01" + bytes(63))
    head = encode(json.dumps({"alg": "Ed25519", "typ": TYP, "jwk": small}).encode())
    with pytest.raises(Malformed, match="small order"):
        check(f"{head}.{encode(b'{}')}.{signature}")


def test_only_the_named_algorithms_are_accepted():
    with pytest.raises(AlgorithmRefused):
        check(make(), ProofVerifier(replays=None, algs=["Ed25519"]))
    for algs in ([], ["HS256"], ["none"]):
        with pytest.raises(ValueError, match="algorithms"):
            ProofVerifier(replays=None, algs=algs)
    with pytest.raises(ValueError, match="negative"):
        ProofVerifier(replays=None, max_age=-1)


def test_a_proof_is_no_access_token_and_the_other_way_round():
    with pytest.raises(TokenError):
        Verifier(KEY, issuer=None, audience=None).check(make(), now=NOW)
    with pytest.raises(WrongKind):
        check(sign({}, KEY, now=NOW, lifetime=60))


def test_sizes_are_bounded():
    with pytest.raises(TooLarge):
        check(sign_octets(bytes(9000), KEY, header={"typ": TYP, "jwk": jwk_of(KEY)}))


@pytest.mark.parametrize(
    "odd", [{"htm": ""}, {"htu": "things"}, {"access_token": "é"}, {"nonce": ""}, {"jti": "x" * 300}]
)
def test_no_proof_is_made_that_would_be_refused(odd):
    with pytest.raises(ClaimRefused):
        make(**odd)
    for key in (KEY.public(), Key.generate("HS256"), "key"):
        with pytest.raises(TypeError):
            make_proof(key, htm="GET", htu=URI, now=NOW)


@given(st.text() | st.binary() | st.from_regex(r"\A[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\Z"))
@pytest.mark.slow
def test_any_text_gives_a_proof_or_a_token_error(text):
    with contextlib.suppress(TokenError):
        check(text)


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=4)


@given(
    st.dictionaries(st.sampled_from(["jti", "htm", "htu", "iat", "ath", "nonce", "exp", "nbf"]), JSON),
    st.dictionaries(st.sampled_from(["typ", "jwk", "kid", "crit", "cty"]), JSON),
)
@pytest.mark.slow
def test_any_content_gives_a_proof_or_a_token_error(claims, header):
    with contextlib.suppress(TokenError):
        check(forged(claims, header), access_token=TOKEN)


# Nonces ---------------------------------------------------------------------------------------------------------------


def test_a_nonce_is_accepted_for_two_periods():
    nonces = Nonces(bytes(32), lifetime=60)
    start = NOW - NOW % 60
    nonce = nonces.current(now=start)
    for now in (start, start + 59, start + 60, start + 119):
        nonces.check(nonce, now=now)
    for now in (start - 1, start + 120):
        with pytest.raises(NonceRequired):
            nonces.check(nonce, now=now)
    for other in (None, "", "é", 5, nonce + "A", Nonces(bytes(31) + b"\x01").current(now=start)):
        with pytest.raises(NonceRequired):
            nonces.check(other, now=start)


def test_a_verifier_with_nonces_asks_for_one():
    nonces = Nonces(bytes(32))
    verifier = ProofVerifier(replays=None, nonces=nonces)
    with pytest.raises(NonceRequired):
        check(make(), verifier)
    assert check(make(nonce=nonces.current(now=NOW)), verifier).nonce == nonces.current(now=NOW)


def test_a_secret_of_nonces_is_long_and_random():
    with pytest.raises(TypeError, match="token_bytes"):
        Nonces("secret")
    with pytest.raises(ValueError, match="32"):
        Nonces(bytes(31))
    with pytest.raises(ValueError, match="second"):
        Nonces(bytes(32), lifetime=0)


# Replays --------------------------------------------------------------------------------------------------------------


def test_a_proof_serves_once():
    verifier = ProofVerifier(replays=Replays())
    proof = make()
    check(proof, verifier)
    for now in (NOW, NOW + 65):
        with pytest.raises(Replayed):
            check(proof, verifier, now=now)
    with pytest.raises(Expired):
        check(proof, verifier, now=NOW + 66)


def test_a_twin_signature_is_the_same_proof():
    """With (r, n - s) the signature is another and still good; the proof is told by its id."""
    verifier = ProofVerifier(replays=Replays())
    proof = make()
    check(proof, verifier)
    signing_input, _, signature = proof.rpartition(".")
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    raw = decode(signature)
    twin = raw[:32] + (order - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    with pytest.raises(Replayed):
        check(f"{signing_input}.{encode(twin)}", verifier)


def test_a_refused_proof_is_not_used_up():
    verifier = ProofVerifier(replays=Replays())
    proof = make()
    with pytest.raises(ClaimRefused):
        check(proof, verifier, htm="POST")
    check(proof, verifier)


def test_two_keys_may_choose_the_same_id():
    replays = Replays()
    verifier = ProofVerifier(replays=replays)
    check(make(jti="1"), verifier)
    check(make_proof(Key.generate("ES256"), htm="GET", htu=URI, now=NOW, jti="1"), verifier)
    assert len(replays) == 2


def test_a_full_memory_turns_new_proofs_away_and_forgets_none():
    replays = Replays(capacity=2)
    replays.use("a", until=NOW + 10, now=NOW)
    replays.use("b", until=NOW + 20, now=NOW)
    with pytest.raises(Busy) as busy:
        replays.use("c", until=NOW + 30, now=NOW)
    assert busy.value.retry_after == 10
    with pytest.raises(Replayed):
        replays.use("a", until=NOW + 10, now=NOW + 10)
    replays.use("c", until=NOW + 30, now=NOW + 11)
    assert len(replays) == 2
    with pytest.raises(ValueError, match="capacity"):
        Replays(capacity=0)


def test_a_clock_set_back_brings_no_proof_back():
    replays = Replays()
    replays.use("a", until=NOW + 10, now=NOW)
    replays.forget(NOW + 11)
    assert len(replays) == 0
    with pytest.raises(Replayed):
        replays.use("a", until=NOW + 10, now=NOW)
    replays.use("b", until=NOW + 11, now=NOW)


def test_parts_are_kept_apart():
    replays = Replays()
    replays.use("ab", "c", until=NOW, now=NOW)
    replays.use("a", "bc", until=NOW, now=NOW)
    assert len(replays) == 2


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 20), st.integers(0, 3)), max_size=40))
def test_each_use_passes_once_while_it_could_pass(uses):
    """Against a list that forgets nothing: whatever passes was never there before."""
    replays, passed, now = Replays(capacity=1000), set(), 0
    for name, until, later in uses:
        now += later
        if until < now:
            continue
        try:
            replays.use(str(name), until=until, now=now)
        except Replayed:
            assert (name, until) in passed
        else:
            assert (name, until) not in passed
            passed.add((name, until))


# URIs and claims ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "normal"),
    [
        ("https://API.Example:443/a", "https://api.example/a"),
        ("HTTP://api.example:80", "http://api.example/"),
        ("http://api.example:0080/", "http://api.example/"),
        ("http://api.example:443/", "http://api.example:443/"),
        ("http://api.example:0/", "http://api.example:0/"),
        ("http://api.example:/", "http://api.example/"),
        ("https://api.example?x=1", "https://api.example/"),
        ("https://api.example/a?x=/..#/..", "https://api.example/a"),
        ("https://api.example/%7euser/%2f%c3%a9", "https://api.example/~user/%2F%C3%A9"),
        ("https://api.example/a/./b/../c", "https://api.example/a/c"),
        ("https://api.example/a/%2e%2e/b", "https://api.example/b"),
        ("https://api.example/../..", "https://api.example/"),
        ("https://api.example/a/b/..", "https://api.example/a/"),
        ("https://api.example/a//b/", "https://api.example/a//b/"),
        ("http://[::1]:8100/v1", "http://[::1]:8100/v1"),
    ],
)
def test_a_uri_has_one_normal_form(uri, normal):
    assert normal_uri(uri) == normal == normal_uri(normal)


@pytest.mark.parametrize(
    "uri",
    ["", "/things", "api.example", "ftp://api.example/", "https:///a", "https://a b/", "https://é/", "https://a:port/",
     "https://a/é", "https://a/%", "https://a/%1", "https://a@b/", "https://a:1:2/", "https://a\n/", "x" * 5000, None,
     b"https://a/"],
)  # fmt: skip
def test_a_text_that_is_no_uri_is_refused(uri):
    with pytest.raises(ClaimRefused):
        normal_uri(uri)


@given(st.text(), st.text())
def test_the_normal_form_is_stable(host, path):
    with contextlib.suppress(ClaimRefused):
        normal = normal_uri(f"https://{host}/{path}")
        assert normal_uri(normal) == normal


def test_the_key_of_a_token_is_read_from_its_claims():
    assert bound_key({"cnf": {"jkt": "thumb"}}) == "thumb"
    for claims in ({}, {"cnf": "thumb"}, {"cnf": {}}, {"cnf": {"jkt": 5}}, {"cnf": {"jkt": ""}}):
        with pytest.raises(ClaimRefused):
            bound_key(claims)
    token = sign({"cnf": {"jkt": KEY.thumbprint()}}, KEY, now=NOW, lifetime=60)
    claims = Verifier(KEY, issuer=None, audience=None).check(token, now=NOW)
    assert bound_key(claims) == KEY.thumbprint()
