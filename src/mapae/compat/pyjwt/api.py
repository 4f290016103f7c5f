"""`encode`, `decode` and their company, as PyJWT has them, with the strictness of this library."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timedelta
from importlib import import_module
from time import time
from typing import Any

from mapae.compat.pyjwt.claims import Demands, check_claims
from mapae.compat.pyjwt.exceptions import DecodeError, InvalidAlgorithmError, Missing, translating
from mapae.compat.pyjwt.keys import Accepted, Leniency, end_of_day, prepared
from mapae.errors import ClaimRefused, TooLarge
from mapae.jose.algorithms import ALGORITHMS
from mapae.jose.base64url import decode as decode_segment
from mapae.jose.base64url import encode as encode_segment
from mapae.jose.claims import check_registered
from mapae.jose.header import check_header, read_header
from mapae.jose.jws import MAX_TOKEN, verify_octets
from mapae.jose.key import SecretKey, SigningKey
from mapae.jose.strict_json import read_object
from mapae.jose.unverified import Unverified, as_text, read_unverified

_UNSET = "\x00"


class Calls:
    """The calls, under one policy for what is old; the module's own are those of the strict one.

    Attributes:
        leniency: what is allowed for a while.
    """

    __slots__ = ("leniency",)

    def __init__(self, leniency: Leniency) -> None:
        """Take a policy."""
        self.leniency = leniency

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 (an exception class, mostly)
        """Return what the module offers beside these calls, so that `jwt = pyjwt.legacy(...)` is enough."""
        module = import_module("mapae.compat.pyjwt")
        if name in module.__all__:
            return getattr(module, name)
        raise AttributeError(f"mapae.compat.pyjwt has no {name}")

    def encode(  # noqa: PLR0917 (the order of PyJWT)
        self,
        payload: dict[str, Any],
        key: Any,  # noqa: ANN401 (a secret, PEM text, a key object, a PyJWK or a Key)
        algorithm: str | None = _UNSET,
        headers: Mapping[str, Any] | None = None,
        json_encoder: type[json.JSONEncoder] | None = None,
        sort_headers: bool = True,
    ) -> str:
        """Sign claims and return the compact token, letter for letter as PyJWT writes it.

        Args:
            payload: the claims; dates may be a datetime with a zone. It is not changed.
            key: what signs.
            algorithm: by name; HS256, or that of a `PyJWK` or `Key`, when left out.
            headers: further header parameters; an `alg` among them wins.
            json_encoder: writes values that JSON does not have.
            sort_headers: whether the header's members are in the order of their names.

        Raises:
            TypeError: the payload is no dict, or the key no key.
            PyJWTError: `decode` would refuse the token, or the key must not be used.
            NotImplementedError: there is no such algorithm.
        """
        if not isinstance(payload, dict):
            raise TypeError(f"the payload is a dict, not {type(payload).__name__}")
        if "iss" in payload and not isinstance(payload["iss"], str):
            raise TypeError("iss is a text")
        header: dict[str, Any] = {"typ": "JWT", "alg": _algorithm(algorithm, key, headers)} | dict(headers or {})
        if not header["typ"]:
            del header["typ"]
        with translating():
            members = _dated(payload)
            check_registered(members)
            now = time()
            if "exp" not in members and now >= self.leniency.no_expiry_until:
                raise Missing(_NO_EXP, claim="exp")
            octets = json.dumps(members, separators=(",", ":"), cls=json_encoder).encode()
            read_object(octets, "payload")
            check_header(header)
            signing = prepared(key, header["alg"], self.leniency, now=now)
            if not isinstance(signing, SecretKey | SigningKey):
                raise TypeError("this is a public key: it verifies, it cannot sign; use the private key")
            first = json.dumps(header, separators=(",", ":"), cls=json_encoder, sort_keys=sort_headers).encode()
            read_object(first, "header")
            signing_input = f"{encode_segment(first)}.{encode_segment(octets)}"
            token = f"{signing_input}.{signing.make_signature(signing_input.encode())}"
            if len(token) > MAX_TOKEN:
                raise TooLarge(f"the token would have more than {MAX_TOKEN} characters")
        return token

    def decode(
        self,
        jwt: str | bytes,
        key: Any = "",  # noqa: ANN401 (as above)
        algorithms: Collection[str] | None = None,
        options: Mapping[str, Any] | None = None,
        *,
        audience: str | Iterable[str] | None = None,
        issuer: str | Collection[str] | None = None,
        subject: str | None = None,
        leeway: float | timedelta = 0,
    ) -> dict[str, Any]:
        """Verify a token and return its claims.

        Args:
            jwt: the token.
            key: what its signature is checked with.
            algorithms: the accepted ones; needed unless `key` is a `PyJWK` or a `Key`.
            options: `verify_signature`, `verify_exp` and so on, `require`, `strict_aud`.
            audience: the accepted `aud`, or several; when left out, only tokens without `aud`.
            issuer: the accepted `iss`, or several; when left out, any.
            subject: the accepted `sub`; when left out, any.
            leeway: seconds by which clocks may differ.

        Raises:
            InvalidTokenError: the token is not accepted; the subclass says why.
            InvalidKeyError: the key must not be used.
            TypeError: an argument has a wrong type, or an option is unknown.
        """
        whole = self.decode_complete(
            jwt, key, algorithms, options, audience=audience, issuer=issuer, subject=subject, leeway=leeway
        )
        claims: dict[str, Any] = whole["payload"]
        return claims

    def decode_complete(
        self,
        jwt: str | bytes,
        key: Any = "",  # noqa: ANN401 (as above)
        algorithms: Collection[str] | None = None,
        options: Mapping[str, Any] | None = None,
        *,
        audience: str | Iterable[str] | None = None,
        issuer: str | Collection[str] | None = None,
        subject: str | None = None,
        leeway: float | timedelta = 0,
    ) -> dict[str, Any]:
        """As `decode`, and return the header, the payload and the octets of the signature.

        Raises:
            InvalidTokenError: the token is not accepted; the subclass says why.
            InvalidKeyError: the key must not be used.
            TypeError: an argument has a wrong type, or an option is unknown.
        """
        demands = Demands.of(options, audience=audience, issuer=issuer, subject=subject, leeway=leeway)
        if isinstance(algorithms, str):
            raise TypeError(f'algorithms= takes several: write algorithms=["{algorithms}"]')
        accepted = algorithms or _of_key(key)
        if demands.signature and not accepted:
            raise DecodeError('name the accepted algorithms, such as algorithms=["HS256"], or hand over a PyJWK')
        now = time()
        with translating():
            read = _parts(jwt)
            payload = read.payload
            if demands.signature:
                source = Accepted(key, accepted or (), self.leniency, now)
                payload = read_object(verify_octets(jwt, source).payload, "payload")
            needs_expiry = demands.signature and now >= self.leniency.no_expiry_until
            check_claims(payload, demands, now=now, needs_expiry=needs_expiry)
        return {"header": dict(read.header), "payload": dict(payload), "signature": read.signature}


_NO_EXP = (
    ": it would be good for ever, also for a thief. Add one, such as "
    '{"exp": datetime.now(UTC) + timedelta(minutes=10)}, or write pyjwt.legacy(no_expiry_until="YYYY-MM-DD")'
)


def get_unverified_header(jwt: str | bytes) -> dict[str, Any]:
    """Return the header of a token; anybody may have written it.

    Raises:
        DecodeError: it is no token.
    """
    with translating():
        if not isinstance(jwt, str | bytes):
            raise _no_token(jwt)
        segments = as_text(jwt).split(".")
        if len(segments) != 3:
            raise DecodeError("a token has three segments with two dots between them")
        header = read_header(segments[0])
        for segment in segments[1:]:
            decode_segment(segment)
        if "kid" in header or "crit" in header:
            check_header({"alg": ""} | header)
    return header


def legacy(*, short_keys_until: str | date | None = None, no_expiry_until: str | date | None = None) -> Calls:
    """Return the calls under a policy that accepts, for a while, what is no longer good.

    Example:
        jwt = pyjwt.legacy(short_keys_until="2027-06-30")
        claims = jwt.decode(token, "short", algorithms=["HS256"])

    Args:
        short_keys_until: the last day (UTC) of secrets shorter than their hash; each use warns.
        no_expiry_until: the last day (UTC) of tokens without `exp`.

    Raises:
        ValueError: a date is none, or no date is given.
    """
    if short_keys_until is None and no_expiry_until is None:
        raise ValueError('name what is allowed and until when, such as short_keys_until="2027-06-30"')
    return Calls(Leniency(end_of_day(short_keys_until), end_of_day(no_expiry_until)))


def _parts(jwt: object) -> Unverified:
    if not isinstance(jwt, str | bytes):
        raise _no_token(jwt)
    text = as_text(jwt)
    if len(text) > MAX_TOKEN:
        raise TooLarge(f"the token has more than {MAX_TOKEN} characters")
    return read_unverified(text)


def _no_token(jwt: object) -> DecodeError:
    return DecodeError(f"a token is str or bytes, not {type(jwt).__name__}")


def _of_key(key: object) -> tuple[str, ...]:
    own = getattr(key, "mapae_key", key)
    alg = getattr(own, "alg", None)
    return (alg,) if isinstance(alg, str) else ()


def _algorithm(algorithm: str | None, key: object, headers: Mapping[str, Any] | None) -> str:
    of_key = _of_key(key)
    chosen: Any = (headers or {}).get("alg") or algorithm
    if chosen == _UNSET or (chosen is None and of_key):
        chosen = of_key[0] if of_key else "HS256"
    if chosen is None or str(chosen).lower() == "none":
        raise InvalidAlgorithmError('a token is always signed here; name an algorithm, such as algorithm="HS256"')
    if chosen not in ALGORITHMS:
        raise NotImplementedError(f"there is no such algorithm here; there are {', '.join(ALGORITHMS)}")
    return str(chosen)


def _dated(payload: Mapping[str, Any]) -> dict[str, Any]:
    members = dict(payload)
    for claim in ("exp", "iat", "nbf"):
        moment = members.get(claim)
        if isinstance(moment, datetime):
            if moment.tzinfo is None:
                raise ClaimRefused(
                    "a datetime without a zone means different moments to different people; write datetime.now(UTC)",
                    claim=claim,
                )
            members[claim] = int(moment.timestamp())
    return members
