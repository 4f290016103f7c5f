"""Sign claims as a JWT (RFC 7519 §7.1): nothing is signed that `verifier` would refuse."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import is_dataclass
from datetime import datetime, timedelta
from secrets import token_bytes
from typing import Any, cast

import msgspec

from mapae.errors import ClaimRefused, Malformed, TooLarge
from mapae.jose.base64url import encode, encode_octets
from mapae.jose.claims import MAX_DATE, check_date, check_registered
from mapae.jose.header import MAX_HEADER
from mapae.jose.jwks import KeySet
from mapae.jose.jws import MAX_TOKEN
from mapae.jose.key import Key, PrivateKey, SecretKey, SigningKey, refuse_other_than_key
from mapae.jose.strict_json import PLAIN, plain, write_object

LEEWAY = 5
_DATES = ("exp", "nbf", "iat")
# Names and types of claims that were examined before, without any value: an application signs the same few shapes.
_ORDINARY: set[tuple[Any, ...]] = set()


def sign(
    claims: Any,
    key: Key | KeySet,
    *,
    now: int,
    jti: str | None = None,
    issuer: str | None = None,
    audience: str | Sequence[str] | None = None,
    lifetime: int | timedelta | None = None,
    typ: str | None = "JWT",
) -> str:
    """Sign claims and return the compact token.

    `iat`, `jti`, `exp`, and where given `iss` and `aud`, are added; the caller's own claims are never changed.

    Args:
        claims: a mapping, a msgspec.Struct or a dataclass.
        key: a private or secret key, or a set that has a signing key.
        now: seconds since 1970.
        jti: the token's id; 128 random bits when left out.
        issuer: becomes `iss`.
        audience: becomes `aud`, one or several.
        lifetime: seconds (or a timedelta) until `exp`; needed unless the claims have `exp`.
        typ: the kind of token in the header; None leaves it out.

    Raises:
        ClaimRefused: a claim is missing or has a wrong type or value.
        Malformed: the claims hold something that JSON cannot carry exactly.
        TooLarge: the token would have more than 16384 characters.
        TypeError: the key is not a key, or cannot sign.
    """
    return sign_at(claims, key, now, jti, issuer, audience, lifetime, typ)


def sign_at(  # noqa: PLR0917 (for `sign` and the front door: names would cost a tenth of the work)
    claims: Any,
    key: Key | KeySet,
    now: int,
    jti: str | None,
    issuer: str | None,
    audience: str | Sequence[str] | None,
    lifetime: int | timedelta | None,
    typ: str | None,
) -> str:
    """Do what `sign` promises, by place instead of by name."""
    kind = type(key)
    signing: PrivateKey = key if kind is SecretKey or kind is SigningKey else signing_key(key)  # type: ignore[assignment]
    members = {**claims} if type(claims) is dict else members_of(claims)
    if issuer is not None:
        _add(members, "iss", issuer)
    if audience is not None:
        _add(members, "aud", audience_of(audience))
    if jti is not None:
        _add(members, "jti", jti)
    elif "jti" not in members:
        members["jti"] = new_jti()
    exp, iat = members.get("exp"), members.get("iat")
    if lifetime is not None or not (type(exp) is type(iat) is int and 0 <= iat <= now < exp <= MAX_DATE):
        _add_dates(members, now, lifetime)
    shape = (*members, *map(type, members.values()))
    if shape not in _ORDINARY:
        members = _examined(members, shape)
    header = signing.headers.get(typ) or header_of(signing, typ)
    signing_input = header + encode_octets(write_object(members, "payload"))
    token = (signing_input + signing.dotted_signature(signing_input)).decode()
    if len(token) > MAX_TOKEN:
        raise TooLarge(f"the token would have more than {MAX_TOKEN} characters")
    return token


def audience_of(audience: Any) -> Any:
    """Return an audience as JSON has it: one text, or a list; what is neither is for the rules to refuse."""
    return list(audience) if isinstance(audience, Collection) and not isinstance(audience, str) else audience


def new_jti() -> str:
    """Make an id that no other token has: 128 random bits."""
    return encode(token_bytes(16))


def _examined(members: dict[str, Any], shape: tuple[Any, ...]) -> dict[str, Any]:
    """Check names and types, and remember the shape if they are all that there is to check."""
    check_registered(members)
    ordinary = PLAIN.issuperset(map(type, members.values())) and all(type(name) is str for name in members)
    if not ordinary:
        return cast("dict[str, Any]", plain(members, "payload"))
    if "nbf" not in members and len(members) <= 32:
        if len(_ORDINARY) >= 256:
            _ORDINARY.clear()
        _ORDINARY.add(shape)
    return members


def signing_key(key: Key | KeySet) -> PrivateKey:
    """Return the key that signs.

    Raises:
        TypeError: there is none, or something else stands where a key belongs.
    """
    if isinstance(key, PrivateKey):
        return key
    if isinstance(key, KeySet):
        if key.signing is None:
            raise TypeError("this KeySet has no signing key; write KeySet([...], signing=key)")
        return key.signing  # type: ignore[return-value] # the set has checked that it can sign
    refuse_other_than_key(key)
    raise TypeError("this is a public key: it verifies, it cannot sign; use the private key")


def members_of(claims: Any) -> dict[str, Any]:
    """Return claims as a new dict.

    Raises:
        TypeError: they are neither a mapping nor a msgspec.Struct nor a dataclass.
    """
    if isinstance(claims, Mapping):
        return dict(claims)
    if isinstance(claims, msgspec.Struct) or (is_dataclass(claims) and not isinstance(claims, type)):
        members = msgspec.to_builtins(claims)
        if isinstance(members, dict):
            return members
    raise TypeError(f"claims are a dict, a msgspec.Struct or a dataclass, not {type(claims).__name__}")


def _add(members: dict[str, Any], name: str, value: object) -> None:
    if members.setdefault(name, value) != value:
        raise ClaimRefused("the claims already have another value than the argument", claim=name)


def _add_dates(members: dict[str, Any], now: int, lifetime: int | timedelta | None) -> None:
    for name in _DATES:
        if isinstance(members.get(name), datetime):
            members[name] = _seconds(members[name], name)
    members.setdefault("iat", now)
    if lifetime is not None:
        if "exp" in members:
            raise ClaimRefused("the claims have exp already; leave lifetime= out", claim="exp")
        members["exp"] = now + seconds_of(lifetime)
    elif "exp" not in members:
        raise ClaimRefused("a token must expire; write lifetime=900 (seconds) or give exp in the claims", claim="exp")
    if check_date(members["exp"], "exp") <= now:
        raise ClaimRefused("lies in the past; the token would be refused", claim="exp")
    if check_date(members["iat"], "iat") > now + LEEWAY:
        raise ClaimRefused("lies in the future; the token would be refused", claim="iat")


def _seconds(moment: datetime, claim: str) -> int:
    if moment.tzinfo is None:
        raise ClaimRefused("a datetime without a zone is ambiguous; write datetime.now(UTC), or seconds", claim=claim)
    return int(moment.timestamp())


def seconds_of(lifetime: int | timedelta) -> int:
    """Return a lifetime in seconds.

    Raises:
        ClaimRefused: it is no positive whole number of seconds.
    """
    seconds = int(lifetime.total_seconds()) if isinstance(lifetime, timedelta) else lifetime
    if type(seconds) is not int or seconds <= 0:
        raise ClaimRefused("lifetime= is a positive whole number of seconds, or a timedelta", claim="exp")
    return seconds


def header_of(key: PrivateKey, typ: str | None) -> bytes:
    """Write the header segment for a kind of token, with its dot, and remember it with the key.

    Raises:
        Malformed: `typ` is no media type.
        TooLarge: the header would be too long.
    """
    members = {"alg": key.alg}
    if typ is not None:
        if not typ or not typ.isascii() or not typ.isprintable():
            raise Malformed("must be a media type, such as JWT or at+jwt", claim="typ")
        members["typ"] = typ
    if key.kid is not None:
        members["kid"] = key.kid
    segment = encode_octets(write_object(members, "header")) + b"."
    if len(segment) > MAX_HEADER + 1:
        raise TooLarge(f"the header would have more than {MAX_HEADER} characters")
    if len(key.headers) < 16:
        key.headers[typ] = segment
    return segment
