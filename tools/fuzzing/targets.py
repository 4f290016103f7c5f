"""One target for each parser: octets in, and an `AssertionError` where a promise is broken.

The promises: nothing but the documented error escapes; what is accepted was signed, or is what an independent reading
says it is. That no input takes long is watched from outside (`tools/fuzz.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import isfinite
from typing import Any, cast

import msgspec

from fuzzing import seeds
from fuzzing.seeds import AUDIENCE, ISSUER, NOW
from mapae.errors import KeyRefused, MapaeError, RefreshRefused, TokenError
from mapae.jose import base64url, claims, detached, dpop, jwe, lint, nested, sd_jwt, status_list, strict_json
from mapae.jose.claims import Claims
from mapae.jose.glance import glance_for
from mapae.jose.inspect import inspect_token
from mapae.jose.issuers import Issuer
from mapae.jose.jwks import KeySet
from mapae.jose.key import Key
from mapae.jose.policy import Policy
from mapae.jose.unverified import read_unverified
from mapae.jose.verifier import ANY, Verifier
from mapae.sessions import refresh, server_session


@dataclass(frozen=True, slots=True)
class Target:
    """A parser under fuzzing.

    Attributes:
        name: as the command line says it.
        run: takes any octets; raises `AssertionError` when a promise is broken.
        seeds: octets to start from.
    """

    name: str
    run: Callable[[bytes], object]
    seeds: Callable[[], Iterable[bytes]]


def text_of(octets: bytes) -> str | bytes:
    """Take octets as text where they are text, so that both kinds of arguments are tried."""
    try:
        return octets.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return octets


def either(octets: bytes) -> str | bytes:
    """Take octets as a token, or as the parts of one."""
    return seeds.joined(octets) if octets[:1] == b"{" else text_of(octets)


def refused(call: Callable[[], object], error: type[MapaeError] = TokenError) -> bool:
    """Call, and say whether the documented error came; any other error goes through to the fuzzer."""
    try:
        call()
    except error:
        return True
    return False


# Signed tokens ---------------------------------------------------------------------------------------------------------


_PUBLIC = KeySet([key.public() for name, key in seeds.keys().items() if name != "HS256"])
_SECRET = seeds.keys()["HS256"]
_ENDS = {"padded": NOW + 60, "int_sub": NOW + 60, "EdDSA": NOW + 60}
_VERIFIERS = (
    Verifier(_SECRET, issuer=ISSUER, audience=AUDIENCE),
    Verifier(_PUBLIC, issuer=ISSUER, audience=AUDIENCE),
    Verifier.for_issuers({ISSUER: _PUBLIC, "https://other.example": Issuer(_SECRET, AUDIENCE)}, audience=AUDIENCE),
)
_LENIENT = Verifier(_PUBLIC, issuer=ANY, audience=ANY, quirks=_ENDS, memo_bytes=0)
_RULES = {"issuer": ISSUER, "audience": AUDIENCE, "required": ["exp"], "memo_bytes": 0}
_BY_THE_RULES = Verifier(_SECRET, **_RULES)
_OF_ANY_LENGTH = Verifier(_SECRET, **_RULES, max_length=10**6)


class _Plain(msgspec.Struct, frozen=True):
    iss: str
    aud: str
    exp: int
    iat: int


_TYPED = Verifier(_SECRET, issuer=ISSUER, audience=AUDIENCE, claims=_Plain, memo_bytes=0)
_GOOD = {"iss": ISSUER, "aud": AUDIENCE, "exp": NOW + 60, "iat": NOW}
_SIGNED = {case["token"] for case in seeds.cases() if case["code"] is None}


def jws(octets: bytes) -> None:
    """Verify a text that nobody signed, unless it is one of the signed ones to the letter."""
    token = either(octets)
    for verifier in _VERIFIERS:
        if not refused(lambda verifier=verifier: verifier.check(token, now=NOW)):  # type: ignore[misc]
            assert (token if isinstance(token, str) else token.decode()) in _SIGNED, "accepted, and nobody signed it"
    refused(lambda: _LENIENT.check(token, now=NOW))


def signed(octets: bytes) -> None:
    """Sign any header and payload, and compare the verdict with an independent reading of the rules."""
    header, _, payload = octets.partition(seeds.PARTS)
    if not payload:
        header, payload = b'{"alg":"HS256"}', octets
    token = _signed_token(header, payload)
    accepted = not refused(lambda: _VERIFIERS[0].check(token, now=NOW))
    assert accepted != refused(lambda: _BY_THE_RULES.check(token, now=NOW)), "a glance and the rules disagree"
    assert accepted or refused(lambda: _TYPED.check(token, now=NOW)), "a type of claims lets more pass"
    shaped = _look_at_a_known_shape(payload)
    if shaped is not None:
        assert dict(shaped) == _read(payload), "a known shape reads something else"
        plain = _signed_token(b'{"alg":"HS256"}', payload)
        assert not refused(lambda: _OF_ANY_LENGTH.check(plain, now=NOW)), "a known shape lets more pass"
    if accepted:
        members, said = _read(payload), _read(header)
        assert said is not None, "a header that is no JSON object with single names"
        assert said.get("alg") == "HS256", "another algorithm"
        assert not {"crit", "b64", "enc", "zip"} & said.keys(), "a header parameter that may not be there"
        assert members is not None, "a payload that is no JSON object with single names"
        _assert_in_time(members)
        aud = members["aud"] if isinstance(members["aud"], list) else [members["aud"]]
        assert members["iss"] == ISSUER, "another issuer"
        assert AUDIENCE in aud, "another audience"


def _signed_token(header: bytes, payload: bytes) -> str:
    message = f"{base64url.encode(header)}.{base64url.encode(payload)}"
    return f"{message}.{_SECRET.make_signature(message.encode())}"  # type: ignore[attr-defined]


def _look_at_a_known_shape(payload: bytes) -> Claims | None:
    """Look at a payload after two others with the same names."""
    try:
        names = json.loads(payload)
    except (ValueError, RecursionError):
        names = {}
    good = dict.fromkeys(names if isinstance(names, dict) else (), "x") | _GOOD
    glance, _times = glance_for(Claims, Policy(ISSUER, AUDIENCE))
    for _ in range(2):
        glance(json.dumps(good).encode(), NOW)
    return cast("Claims | None", glance(payload, NOW))


def _read(octets: bytes) -> dict[str, Any] | None:
    """Read JSON by the standard library, as strictly as it can be told to."""

    def single(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) != len(pairs):
            raise ValueError
        return members

    try:
        value = json.loads(octets.decode("utf-8"), object_pairs_hook=single, parse_constant=float)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _assert_in_time(members: dict[str, Any]) -> None:
    for name in ("exp", "nbf", "iat"):
        if name in members:
            date = members[name]
            assert isinstance(date, int | float), f"{name} is no number"
            assert not isinstance(date, bool), f"{name} is a boolean"
            assert isfinite(date), f"{name} is not finite"
            assert abs(date) <= claims.MAX_DATE, f"{name} is beyond the year 9999"
    assert members["exp"] + 5 > NOW, "expired"
    assert members.get("nbf", 0) - 5 <= NOW, "not yet valid"
    assert members.get("iat", 0) - 5 <= NOW, "from the future"


def unverified(octets: bytes) -> None:
    refused(lambda: read_unverified(either(octets)))


def look(octets: bytes) -> None:
    """The inspector and the lint: they refuse nothing, and raise nothing."""
    token = either(octets)
    text = token if isinstance(token, str) else token.decode("latin-1")
    inspection = inspect_token(text, now=NOW)
    assert all(isinstance(finding, lint.Finding) for finding in inspection.findings)


# Keys ------------------------------------------------------------------------------------------------------------------


def jwk(octets: bytes) -> None:
    try:
        value = json.loads(octets)
    except (ValueError, RecursionError):
        return
    if isinstance(value, dict):
        _import(lambda: Key.from_jwk(value))
        _import(lambda: Key.from_jwk(value, "RS256"))


def _import(read: Callable[[], Key]) -> None:
    """Import; what comes out has one algorithm, and does not change on a second way through."""
    try:
        key = read()
    except KeyRefused:
        return
    again = Key.from_jwk(key.to_jwk(private=key.is_private))
    assert (again.alg, again.thumbprint()) == (key.alg, key.thumbprint()), "a key that changes when it is written"


def jwk_set(octets: bytes) -> None:
    for private in (False, True):
        refused(lambda private=private: KeySet.from_jwks(octets, rsa_alg="RS256", private=private), KeyRefused)  # type: ignore[misc]
    refused(lambda: KeySet.from_jwks(octets.decode("utf-8", "replace")), KeyRefused)


_READERS: dict[bytes, Callable[..., Key]] = {b"p": Key.from_pem, b"d": Key.from_der, b"s": Key.from_ssh}


def key_file(octets: bytes) -> None:
    read = _READERS.get(octets[:1], Key.from_x509)
    for alg in (None, "RS256"):
        _import(lambda alg=alg: read(octets[1:], alg))  # type: ignore[misc]
    refused(lambda: Key.from_secret(octets[1:], "HS256"), KeyRefused)


# Companions ------------------------------------------------------------------------------------------------------------


_ENCRYPTED = {octets for octets in seeds.encrypted() if octets.count(b".") == 4}


def encrypted(octets: bytes) -> None:
    token = either(octets)
    if not refused(lambda: jwe.decrypt(token, seeds.decrypt_key())):
        assert jwe.decrypt(token, seeds.decrypt_key()) == b"text", "decrypted, and nobody encrypted it"


_NESTED = nested.NestedVerifier(seeds.decrypt_key(), _VERIFIERS[1])


def nested_token(octets: bytes) -> None:
    """Whatever is inside: encrypt any octets as a token, and open them."""
    if len(octets) <= nested.MAX_TOKEN // 2:
        token = jwe.write_jwe(octets, seeds.decrypt_key(), typ=None, cty="JWT")
        if not refused(lambda: _NESTED.check(token, now=NOW)):
            assert octets.decode() in _SIGNED, "accepted, and nobody signed it"
    refused(lambda: _NESTED.check(either(octets), now=NOW))


_PROOFS = dpop.ProofVerifier(replays=None)


def proof(octets: bytes) -> None:
    refused(lambda: _PROOFS.check(either(octets), htm="POST", htu=seeds.URI, now=NOW))
    if octets[:1] == b"{" and seeds.PARTS not in octets:
        header = {"typ": dpop.TYP, "alg": "ES256", "jwk": seeds.keys()["ES256"].public().to_jwk()}
        message = f"{base64url.encode(strict_json.encode(header))}.{base64url.encode(octets)}"
        text = f"{message}.{seeds.keys()['ES256'].make_signature(message.encode())}"  # type: ignore[attr-defined]
        if not refused(lambda: _PROOFS.check(text, htm="POST", htu=seeds.URI, now=NOW)):
            members = _read(octets)
            assert members is not None
            assert members["htm"] == "POST", "made for another method"
            assert NOW - 65 <= members["iat"] <= NOW + 5, "made at another time"


_PRESENTATIONS = tuple(
    sd_jwt.SdJwtVerifier(Verifier(_PUBLIC, issuer=ANY, audience=ANY, typ=sd_jwt.TYP, memo_bytes=0), key_binding=binding)
    for binding in (None, AUDIENCE)
)


def presentation(octets: bytes) -> None:
    text = text_of(octets)
    for verifier in _PRESENTATIONS:
        refused(lambda verifier=verifier: verifier.check(text, now=NOW, nonce=seeds.NONCE))  # type: ignore[misc]
    if isinstance(text, str):
        refused(lambda: sd_jwt.read_held(text))


_UNENCODED = set(seeds.detached_signatures())


def apart(octets: bytes) -> None:
    token, key = text_of(octets), seeds.keys()["ES256"]
    if not refused(lambda: detached.verify_detached(token, seeds.PAYLOAD, key)):
        assert octets.count(b"..") == 1
    if not refused(lambda: detached.verify_unencoded(token, key)):
        assert octets in _UNENCODED, "accepted, and nobody signed it"


def status(octets: bytes) -> None:
    try:
        members = strict_json.read_object(octets, "payload")
    except TokenError:
        refused(lambda: status_list.unpack(octets, 65536))
        return
    refused(lambda: status_list.reference_of(members))
    uri = members.get("sub")
    if isinstance(uri, str):
        refused(lambda: status_list.read_status_list(members, uri=uri, now=NOW, max_size=65536).status(3))


_WRITTEN = {*seeds.refresh_tokens(), *seeds.session_tokens()}


def refresh_token(octets: bytes) -> None:
    text = octets.decode("utf-8", "surrogateescape")
    if not refused(lambda: refresh.read_token(text, seeds.REFRESH_KEY), RefreshRefused):
        assert octets in _WRITTEN, "accepted, and this server did not make it"


def session_token(octets: bytes) -> None:
    text = octets.decode("utf-8", "surrogateescape")
    if not refused(lambda: server_session.read_session_token(text, seeds.REFRESH_KEY)):
        assert octets in _WRITTEN, "accepted, and this server did not make it"


# Small parts -----------------------------------------------------------------------------------------------------------


def strict(octets: bytes) -> None:
    """The strict reader accepts less than the standard library, and reads the same."""
    if not refused(lambda: strict_json.read_object(octets, "text")):
        members = _read(octets)
        assert members is not None, "accepted, and the standard library finds a duplicate or no object"
        assert members == strict_json.read_object(octets, "text"), "read otherwise than by the standard library"
        assert strict_json.read_object(strict_json.encode(members), "text") == members


def date(octets: bytes) -> None:
    try:
        value = json.loads(octets)
    except (ValueError, RecursionError):
        return
    good = type(value) in {int, float} and isfinite(value) and abs(value) <= claims.MAX_DATE
    assert refused(lambda: claims.check_date(value, "exp")) != good


def base64(octets: bytes) -> None:
    text = octets.decode("utf-8", "surrogateescape")
    if not refused(lambda: base64url.decode(text)):
        assert base64url.encode(base64url.decode(text)) == text, "two texts for the same octets"
    assert base64url.decode(base64url.encode(octets)) == octets


TARGETS = {
    target.name: target
    for target in (
        Target("jws", jws, seeds.tokens),
        Target("signed", signed, lambda: [*seeds.segments(1), *seeds.tokens()]),
        Target("unverified", unverified, seeds.tokens),
        Target("inspect", look, seeds.tokens),
        Target("jwk", jwk, seeds.jwk_texts),
        Target("jwks", jwk_set, seeds.jwks_texts),
        Target("key-file", key_file, seeds.key_files),
        Target("jwe", encrypted, seeds.encrypted),
        Target("nested", nested_token, seeds.nested_tokens),
        Target("dpop", proof, seeds.proofs),
        Target("sd-jwt", presentation, seeds.sd_jwts),
        Target("detached", apart, seeds.detached_signatures),
        Target("status-list", status, seeds.status_claims),
        Target("refresh", refresh_token, seeds.refresh_tokens),
        Target("session", session_token, seeds.session_tokens),
        Target("json", strict, lambda: [*seeds.segments(0), *seeds.segments(1)]),
        Target("date", date, seeds.dates),
        Target("base64url", base64, seeds.tokens),
    )
}
