"""The same calls to PyJWT and to ours: the same answers, but for the rows of `differences`."""

import base64
import inspect
import json
import warnings
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import jwt as theirs
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

import mapae
import mapae.compat.pyjwt as ours
from mapae.compat.pyjwt.differences import DIFFERENCES, rows
from mapae.errors import Expired, MapaeError

pytestmark = pytest.mark.slow

DOCS = Path(__file__).resolve().parents[2] / "docs"
NOW = int(datetime.now(UTC).timestamp())
SECRET = "0123456789abcdef0123456789abcdef"
LONG = SECRET * 2
OTHER = "fedcba9876543210fedcba9876543210"
GOOD = {"sub": "user-42", "exp": NOW + 600}


def pem(private):
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_pem(private):
    return private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


RSA, SMALL = rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 1024)
EC, ED = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()
SSH = ED.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
OCT = {"kty": "oct", "k": base64.urlsafe_b64encode(SECRET.encode()).rstrip(b"=").decode(), "kid": "o", "alg": "HS256"}
RSA_JWK = {**mapae.Key.from_pem(pem(RSA), "RS256", kid="r").public().to_jwk()}
GUESSED = {name: value for name, value in RSA_JWK.items() if name != "alg"}


def outcome(call, jwt):
    """What a call returns, or the name of what it raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return call(jwt)
        except Exception as error:  # noqa: BLE001 (which one it is, is what is compared)
            return type(error).__name__


def raw(payload, header=b'{"alg":"HS256","typ":"JWT"}', secret=SECRET):
    """A token of any octets, signed as if nothing were wrong."""
    import hashlib
    import hmac

    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    segments = [base64.urlsafe_b64encode(octets).rstrip(b"=") for octets in (header, body)]
    mac = hmac.new(secret.encode(), b".".join(segments), hashlib.sha256).digest()
    return b".".join([*segments, base64.urlsafe_b64encode(mac).rstrip(b"=")]).decode()


def decodes(payload=None, key=SECRET, **arguments):
    token = raw({**GOOD, **(payload or {})})
    return lambda jwt: jwt.decode(token, key, **{"algorithms": ["HS256"]} | arguments)


def encodes(payload=None, key=SECRET, *positional, **arguments):
    return lambda jwt: jwt.encode({**GOOD, **(payload or {})}, key, *positional, **arguments)


def through(private, public, alg):
    """Sign with PyJWT, verify with the one under test, and the other way round."""

    def call(jwt):
        signed = [each.encode(GOOD, private, algorithm=alg) for each in (theirs, jwt)]
        return [jwt.decode(token, public, algorithms=[alg]) for token in signed]

    return call


class Words(json.JSONEncoder):
    def default(self, value):
        return str(value)


SAME = {
    "encode": encodes(),
    "encode with more claims": encodes({"iss": "i", "aud": ["a", "b"], "n": [1, 2.5, None, {"x": "ü"}]}),
    "encode with bytes as secret": encodes(None, SECRET.encode()),
    "encode by position": encodes(None, LONG, "HS512"),
    "encode HS384": encodes(None, LONG, algorithm="HS384"),
    "encode with a zone": encodes({"exp": datetime.fromtimestamp(NOW + 600, timezone(timedelta(hours=9)))}),
    "encode with headers": encodes(None, SECRET, headers={"kid": "k1", "x": 1}),
    "encode with another typ": encodes(None, SECRET, headers={"typ": "at+jwt"}),
    "encode without typ": encodes(None, SECRET, headers={"typ": None}),
    "encode with headers as they come": encodes(None, SECRET, headers={"a": 1}, sort_headers=False),
    "encode with the algorithm in the headers": encodes(None, LONG, headers={"alg": "HS512"}),
    "encode with an encoder": encodes({"path": Path("/x")}, SECRET, json_encoder=Words),
    "encode RS256": encodes(None, pem(RSA), "RS256"),
    "encode EdDSA": encodes(None, pem(ED), "EdDSA"),
    "encode with a key object": encodes(None, RSA, algorithm="RS256"),
    "encode with a PyJWK": lambda jwt: jwt.encode(GOOD, jwt.PyJWK(OCT)),
    "encode something else than a dict": lambda jwt: jwt.encode([GOOD], SECRET),
    "encode an iss that is no text": encodes({"iss": 7}),
    "encode with an unknown algorithm": encodes(None, SECRET, algorithm="HS1"),
    "encode with a kid that is no text": encodes(None, SECRET, headers={"kid": 1}),
    "encode with an empty secret": encodes(None, ""),
    "encode with a PEM as secret": encodes(None, public_pem(RSA)),
    "encode with no key": encodes(None, None),
    "encode with a secret where a PEM belongs": encodes(None, SECRET, algorithm="RS256"),
    "decode": decodes(),
    "decode bytes": lambda jwt: jwt.decode(raw(GOOD).encode(), SECRET, algorithms=["HS256"]),
    "decode by position": lambda jwt: jwt.decode(raw(GOOD), SECRET, ["HS256"], {"require": ["exp"]}),
    "decode RS256": through(pem(RSA), public_pem(RSA), "RS256"),
    "decode PS256": through(pem(RSA), public_pem(RSA), "PS256"),
    "decode ES256": through(pem(EC), public_pem(EC), "ES256"),
    "decode EdDSA": through(pem(ED), public_pem(ED), "EdDSA"),
    "decode with text as PEM": through(pem(EC).decode(), public_pem(EC).decode(), "ES256"),
    "decode with key objects": through(EC, EC.public_key(), "ES256"),
    "decode with an OpenSSH key": through(pem(ED), SSH, "EdDSA"),
    "decode with the private key": through(pem(EC), pem(EC), "ES256"),
    "decode with a PyJWK": lambda jwt: jwt.decode(theirs.encode(GOOD, RSA, "RS256"), jwt.PyJWK(RSA_JWK)),
    "decode with a PyJWK that says no alg": lambda jwt: jwt.decode(
        theirs.encode(GOOD, RSA, "RS256"), jwt.PyJWK(GUESSED)
    ),
    "decode with a PyJWK and its algorithm": lambda jwt: jwt.decode(
        theirs.encode(GOOD, RSA, "PS256"), jwt.PyJWK(GUESSED, "PS256"), algorithms=["PS256"]
    ),
    "decode with the key of a PyJWK": lambda jwt: jwt.decode(
        theirs.encode(GOOD, RSA, "RS256"), jwt.PyJWK(RSA_JWK).key, algorithms=["RS256"]
    ),
    "decode another algorithm than the PyJWK's": lambda jwt: jwt.decode(
        theirs.encode(GOOD, RSA, "PS256"), jwt.PyJWK(RSA_JWK), algorithms=["PS256", "RS256"]
    ),
    "decode_complete": lambda jwt: jwt.decode_complete(raw(GOOD), SECRET, algorithms=["HS256"]),
    "decode without algorithms": lambda jwt: jwt.decode(raw(GOOD), SECRET),
    "decode another algorithm": decodes(algorithms=["HS512"]),
    "decode with another secret": decodes(key=OTHER),
    "decode with a PEM as secret": decodes(key=public_pem(RSA)),
    "decode with an empty secret": decodes(key=""),
    "decode rubbish": lambda jwt: jwt.decode("rubbish", SECRET, algorithms=["HS256"]),
    "decode nothing": lambda jwt: jwt.decode(None, SECRET, algorithms=["HS256"]),
    "decode an array": lambda jwt: jwt.decode(raw(b"[]"), SECRET, algorithms=["HS256"]),
    "decode no JSON": lambda jwt: jwt.decode(raw(b"{"), SECRET, algorithms=["HS256"]),
    "decode expired": decodes({"exp": NOW - 10}),
    "decode expired within the leeway": decodes({"exp": NOW - 10}, leeway=60),
    "decode expired within the leeway as a timedelta": decodes({"exp": NOW - 10}, leeway=timedelta(minutes=1)),
    "decode expired, not looking": decodes({"exp": NOW - 10}, options={"verify_exp": False}),
    "decode before nbf": decodes({"nbf": NOW + 60}),
    "decode before nbf, not looking": decodes({"nbf": NOW + 60}, options={"verify_nbf": False}),
    "decode before iat": decodes({"iat": NOW + 60}),
    "decode before iat, not looking": decodes({"iat": NOW + 60}, options={"verify_iat": False}),
    "decode an iat that is no number": decodes({"iat": "soon"}),
    "decode an nbf that is no number": decodes({"nbf": "soon"}),
    "decode an exp that is no number": decodes({"exp": "soon"}),
    "decode an exp that is an array": decodes({"exp": [NOW + 9]}),
    "decode aud": decodes({"aud": "a"}, audience="a"),
    "decode aud of several": decodes({"aud": ["a", "b"]}, audience=["b", "c"]),
    "decode aud of a set": decodes({"aud": ["a", "b"]}, audience={"b"}),
    "decode another aud": decodes({"aud": "a"}, audience="b"),
    "decode an aud nobody expects": decodes({"aud": "a"}),
    "decode an aud nobody expects, not looking": decodes({"aud": "a"}, options={"verify_aud": False}),
    "decode a missing aud": decodes(audience="a"),
    "decode an aud of numbers": decodes({"aud": [1]}, audience="a"),
    "decode a strict aud": decodes({"aud": "a"}, audience="a", options={"strict_aud": True}),
    "decode a strict aud in an array": decodes({"aud": ["a"]}, audience="a", options={"strict_aud": True}),
    "decode a strict aud of several": decodes({"aud": "a"}, audience=["a"], options={"strict_aud": True}),
    "decode with a number as audience": decodes({"aud": "a"}, audience=7),
    "decode iss": decodes({"iss": "i"}, issuer="i"),
    "decode iss of several": decodes({"iss": "i"}, issuer=["j", "i"]),
    "decode another iss": decodes({"iss": "i"}, issuer="ii"),
    "decode another iss of several": decodes({"iss": "i"}, issuer=["j"]),
    "decode another iss, not looking": decodes({"iss": "i"}, issuer="j", options={"verify_iss": False}),
    "decode any iss": decodes({"iss": "i"}),
    "decode a missing iss": decodes(issuer="i"),
    "decode an iss that is no text": decodes({"iss": 7}, issuer="i"),
    "decode sub": decodes(subject="user-42"),
    "decode another sub": decodes(subject="user-43"),
    "decode a sub that is no text": decodes({"sub": 42}),
    "decode a sub that is no text, not looking": decodes({"sub": 42}, options={"verify_sub": False}),
    "decode a jti that is no text": decodes({"jti": 42}),
    "decode require": decodes({"iat": NOW}, options={"require": ["exp", "iat"]}),
    "decode a missing claim that is required": decodes(options={"require": ["exp", "nbf"]}),
    "decode a null claim that is required": decodes({"x": None}, options={"require": ["x"]}),
    "decode without a signature": decodes(key="", options={"verify_signature": False}),
    "decode without a signature, expired": decodes({"exp": NOW - 9}, key="", options={"verify_signature": False}),
    "decode without a signature, but the date": decodes(
        {"exp": NOW - 9}, key="", options={"verify_signature": False, "verify_exp": True}
    ),
    "decode with a minimum of key length": decodes(options={"enforce_minimum_key_length": True}),
    "decode a critical extension": lambda jwt: jwt.decode(
        raw(GOOD, b'{"alg":"HS256","crit":["x"],"x":1}'), SECRET, algorithms=["HS256"]
    )
    and None,
    "get_unverified_header": lambda jwt: jwt.get_unverified_header(raw(GOOD, b'{"alg":"HS256","kid":"k"}')),
    "get_unverified_header without alg": lambda jwt: jwt.get_unverified_header(raw(GOOD, b'{"kid":"k"}')),
    "get_unverified_header of rubbish": lambda jwt: jwt.get_unverified_header("rubbish"),
    "get_unverified_header of two segments": lambda jwt: jwt.get_unverified_header("e30.e30"),
    "PyJWK": lambda jwt: (jwk := jwt.PyJWK(RSA_JWK)) and (jwk.key_id, jwk.key_type, jwk.public_key_use),
    "PyJWK from JSON": lambda jwt: jwt.PyJWK.from_json(json.dumps(RSA_JWK)).algorithm_name,
    "PyJWK from a dict": lambda jwt: jwt.PyJWK.from_dict(GUESSED, algorithm="PS256").algorithm_name,
    "PyJWK of a secret": lambda jwt: jwt.PyJWK(OCT).key,
    "PyJWK without kty": lambda jwt: jwt.PyJWK({"k": "x"}),
    "PyJWK of an unknown kty": lambda jwt: jwt.PyJWK({"kty": "XYZ"}),
    "PyJWKSet": lambda jwt: [key.key_id for key in jwt.PyJWKSet.from_dict({"keys": [RSA_JWK, OCT]})],
    "PyJWKSet from JSON": lambda jwt: jwt.PyJWKSet.from_json(json.dumps({"keys": [RSA_JWK]}))["r"].key_id,
    "PyJWKSet with something unknown": lambda jwt: len(jwt.PyJWKSet([RSA_JWK, {"kty": "XYZ"}, 7]).keys),
    "PyJWKSet without an array": lambda jwt: jwt.PyJWKSet({"r": RSA_JWK}),
    "PyJWKSet of nothing": lambda jwt: jwt.PyJWKSet([]),
    "PyJWKSet of nothing usable": lambda jwt: jwt.PyJWKSet([{"kty": "XYZ"}]),
    "PyJWKSet without that kid": lambda jwt: jwt.PyJWKSet([RSA_JWK])["x"],
    "PyJWKClient of a file": lambda jwt: jwt.PyJWKClient("file:///etc/passwd"),
    "PyJWKClient without a lifespan": lambda jwt: jwt.PyJWKClient("https://id.example/", lifespan=0),
    "PyJWKClient with a cool-down below zero": lambda jwt: jwt.PyJWKClient("https://id.example/", cooldown_duration=-1),
}  # fmt: skip

NO_EXP = raw({"sub": "user-42"})
DIFFERENT = {
    "short_secret": ([encodes(None, "secret"), decodes(key="secret")], ["InvalidKeyError", "InvalidKeyError"]),
    "encode_without_exp": ([lambda jwt: jwt.encode({"sub": "x"}, SECRET)], ["MissingRequiredClaimError"]),
    "decode_without_exp": (
        [lambda jwt: jwt.decode(NO_EXP, SECRET, algorithms=["HS256"])], ["MissingRequiredClaimError"],
    ),
    "none": (
        [encodes(None, None, algorithm="none"), encodes(None, None, algorithm=None),
         lambda jwt: jwt.decode(theirs.encode(GOOD, None, "none"), SECRET, algorithms=["none", "HS256"])],
        ["InvalidAlgorithmError"] * 3,
    ),
    "naive_datetime": ([encodes({"exp": datetime(2040, 1, 1)})], ["DecodeError"]),  # noqa: DTZ001
    "sub_is_a_number": (
        [encodes({"sub": 42}), encodes({"jti": 42})], ["InvalidSubjectError", "InvalidJTIError"],
    ),
    "exp_is_text": ([decodes({"exp": "1900000000"})], ["DecodeError"]),
    "aud_is_empty": ([decodes({"aud": []}), decodes({"aud": None})], ["InvalidAudienceError"] * 2),
    "padded": ([lambda jwt: jwt.decode(raw(GOOD) + "=", SECRET, algorithms=["HS256"])], ["DecodeError"]),
    "claim_twice": (
        [lambda jwt: jwt.decode(raw(b'{"exp":%d,"a":1,"a":2}' % (NOW + 9)), SECRET, algorithms=["HS256"])],
        ["DecodeError"],
    ),
    "not_a_number": (
        [encodes({"x": float("nan")}),
         lambda jwt: jwt.decode(raw(b'{"exp":%d,"x":Infinity}' % (NOW + 9)), SECRET, algorithms=["HS256"])],
        ["DecodeError"] * 2,
    ),
    "too_large": ([encodes({"x": "x" * 20_000}), decodes({"x": "x" * 20_000})], ["DecodeError"] * 2),
    "detached_payload": (
        [lambda jwt: jwt.decode(detached(), SECRET, algorithms=["HS256"], detached_payload=json.dumps(GOOD).encode()),
         encodes(None, SECRET, headers={"b64": False})],
        ["TypeError", "DecodeError"],
    ),
    "unknown_option": ([decodes(options={"verify_expiry": False})], ["TypeError"]),
    "algorithms_is_text": ([decodes(algorithms="HS256")], ["TypeError"]),
    "small_rsa": ([encodes(None, pem(SMALL), algorithm="RS256")], ["InvalidKeyError"]),
    "client_by_http": ([lambda jwt: jwt.PyJWKClient("http://id.example/jwks") and "made"], ["PyJWKClientError"]),
}  # fmt: skip


def detached():
    return theirs.PyJWS().encode(json.dumps(GOOD).encode(), SECRET, headers={"b64": False})


@pytest.mark.parametrize("name", SAME)
def test_both_libraries_answer_alike(name):
    expected, found = outcome(SAME[name], theirs), outcome(SAME[name], ours)
    if expected == "InvalidTokenError":
        expected = "DecodeError"  # a subclass of it: whoever catches theirs catches ours
    assert found == expected


@pytest.mark.parametrize("name", DIFFERENT)
def test_a_difference_is_what_its_row_says(name):
    calls, expected = DIFFERENT[name]
    assert [outcome(call, ours) for call in calls] == expected
    theirs_said = [outcome(call, theirs) for call in calls]
    assert all(said != refusal for said, refusal in zip(theirs_said, expected, strict=True))


def test_every_difference_has_its_row_and_its_test():
    assert [each.name for each in DIFFERENCES] == list(DIFFERENT)


@pytest.mark.parametrize(("page", "language"), [("do/from-pyjwt.md", "en"), ("ko/do/from-pyjwt.md", "ko")])
def test_the_documentation_shows_every_row(page, language):
    text = (DOCS / page).read_text()
    assert [row for row in rows(language) if row not in text] == []


# The exceptions -------------------------------------------------------------------------------------------------------


def exceptions_of(module):
    return {
        name: [base.__name__ for base in kind.__mro__]
        for name, kind in vars(module).items()
        if inspect.isclass(kind) and issubclass(kind, module.PyJWTError) and name != "Missing"
    }


def test_the_exceptions_have_the_names_and_the_family_of_pyjwt():
    assert exceptions_of(ours.exceptions) == exceptions_of(theirs.exceptions)
    top = {name for name in theirs.__all__ if name in exceptions_of(theirs.exceptions)}
    assert top <= set(ours.__all__)


def test_an_exception_carries_our_error_and_its_code():
    with pytest.raises(ours.ExpiredSignatureError) as raised:
        decodes({"exp": NOW - 10})(ours)
    assert isinstance(raised.value.__cause__, Expired)
    assert raised.value.code == "token_expired"


@pytest.mark.parametrize("name", [name for name in SAME if name.startswith(("decode", "encode"))])
def test_no_message_holds_the_secret_or_the_token(name):
    try:
        SAME[name](ours)
    except Exception as error:  # noqa: BLE001
        told = f"{error} {error.__cause__}"
        assert not [each for each in (SECRET, OTHER, raw(GOOD).split(".")[1], "user-42") if each in told]


@given(st.one_of(st.text(), st.binary(), st.none(), st.integers(), st.builds(raw, st.binary())))
def test_whatever_is_decoded_gives_claims_or_an_exception_of_pyjwt(token):
    with suppress(ours.PyJWTError):
        assert isinstance(ours.decode(token, SECRET, algorithms=["HS256"]), dict)


NAMES = st.text(max_size=5).filter(lambda name: name not in {"exp", "nbf", "iat", "aud", "iss", "sub", "jti"})
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)


@given(st.dictionaries(NAMES, VALUES | st.lists(VALUES, max_size=3), max_size=4))
def test_what_one_library_writes_the_other_reads(claims):
    claims |= {"exp": NOW + 600}
    try:
        token = ours.encode(claims, SECRET)
    except ours.PyJWTError:
        return
    assert token == theirs.encode(claims, SECRET)
    assert (
        theirs.decode(token, SECRET, algorithms=["HS256"]) == ours.decode(token, SECRET, algorithms=["HS256"]) == claims
    )


# What is allowed for a while ------------------------------------------------------------------------------------------


def test_short_secrets_are_accepted_until_the_day_that_was_named_and_each_use_warns():
    legacy = ours.legacy(short_keys_until=datetime.now(UTC).date())
    token = theirs_quietly("secret")
    with pytest.warns(ours.InsecureKeyLengthWarning, match="only until"):
        assert legacy.decode(token, "secret", algorithms=["HS256"]) == GOOD
    with pytest.warns(ours.InsecureKeyLengthWarning):
        assert legacy.encode(GOOD, "secret") == token
    ended = ours.legacy(short_keys_until=(datetime.now(UTC) - timedelta(days=1)).date())
    with pytest.raises(ours.InvalidKeyError, match="legacy"):
        ended.decode(token, "secret", algorithms=["HS256"])
    with pytest.raises(ours.InvalidKeyError, match="empty"):
        legacy.encode(GOOD, "")


def theirs_quietly(secret):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return theirs.encode(GOOD, secret)


def test_tokens_without_exp_are_accepted_until_the_day_that_was_named():
    legacy = ours.legacy(no_expiry_until="2999-12-31")
    assert legacy.decode(legacy.encode({"sub": "a"}, SECRET), SECRET, algorithms=["HS256"]) == {"sub": "a"}
    with pytest.raises(ours.MissingRequiredClaimError, match="thief"):
        ours.legacy(no_expiry_until="2020-01-01").decode(NO_EXP, SECRET, algorithms=["HS256"])


def test_a_legacy_policy_takes_the_place_of_the_module():
    legacy = ours.legacy(short_keys_until="2999-12-31")
    assert legacy.ExpiredSignatureError is ours.ExpiredSignatureError
    assert legacy.get_unverified_header(raw(GOOD))["alg"] == "HS256"
    with pytest.raises(AttributeError):
        legacy.register_algorithm  # noqa: B018


@pytest.mark.parametrize(
    "wrong",
    [{}, {"short_keys_until": "soon"}, {"short_keys_until": "2027-06-30T12:00"}, {"no_expiry_until": ""}],
    ids=str,
)
def test_a_legacy_policy_needs_a_day(wrong):
    with pytest.raises(ValueError, match=r"until|date|day|Invalid"):
        ours.legacy(**wrong)


def test_our_own_keys_are_taken_too():
    key = mapae.Key.generate("Ed25519")
    assert ours.decode(ours.encode(GOOD, key), key.public()) == GOOD
    with pytest.raises(TypeError, match="public key"):
        ours.encode(GOOD, key.public())
    assert issubclass(MapaeError, Exception)
    assert not issubclass(ours.PyJWTError, MapaeError)
