"""The JOSE header of a signed token (RFC 7515 §4, RFC 8725 §3.1, §3.10, §3.11)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mapae.errors import AlgorithmRefused, Malformed, TooLarge, WrongKind
from mapae.jose.base64url import decode
from mapae.jose.strict_json import read_object

MAX_HEADER = 8192
MAX_KID = 256


@dataclass(frozen=True, slots=True)
class Header:
    """What verification needs of a header; nothing in it is ever fetched or trusted as a key."""

    alg: str
    kid: str | None
    typ: str | None


def read_header(segment: str) -> dict[str, Any]:
    """Read a header segment as a JSON object.

    Raises:
        TooLarge: it has more than 8192 characters.
        Malformed: it is not the canonical base64url of a strict JSON object.
    """
    if len(segment) > MAX_HEADER:
        raise TooLarge(f"the header has more than {MAX_HEADER} characters")
    return read_object(decode(segment, "header"), "header")


def check_header(members: Mapping[str, Any]) -> Header:
    """Check the parameters that decide how a token is verified.

    Raises:
        AlgorithmRefused: `alg` is missing or not a string.
        Malformed: the header needs an extension (`crit`), is that of an encrypted or unencoded token, or has a
            parameter of a wrong type.
    """
    alg = members.get("alg")
    if not isinstance(alg, str):
        raise AlgorithmRefused("the header must name its algorithm in a string (RFC 7515 section 4.1.1)", claim="alg")
    if "crit" in members:
        raise Malformed(
            "no extension is understood here, so none may be critical (RFC 7515 section 4.1.11)", claim="crit"
        )
    if "b64" in members:
        raise Malformed("a JWT has an encoded payload (RFC 7797 section 7)", claim="b64")
    for name in ("enc", "zip"):
        if name in members:
            raise Malformed("this belongs to an encrypted token, and this one is signed", claim=name)
    if str(members.get("cty", "")).upper() in {"JWT", "APPLICATION/JWT"}:
        raise Malformed("a token nested in a token is not accepted here", claim="cty")
    return Header(alg, _kid(members), _typ(members))


def _kid(members: Mapping[str, Any]) -> str | None:
    if "kid" not in members:
        return None
    kid = members["kid"]
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID or not kid.isprintable():
        raise Malformed(f"it must be a string of 1 to {MAX_KID} printable characters", claim="kid")
    return kid


def _typ(members: Mapping[str, Any]) -> str | None:
    if "typ" not in members:
        return None
    typ = members["typ"]
    if not isinstance(typ, str) or not typ:
        raise Malformed("it must be a string that names a media type", claim="typ")
    return typ


def media_type(typ: str) -> str:
    """Write a `typ` in full and in lower case: without a slash it stands for "application/..." (RFC 7515 §4.1.9)."""
    lower = typ.lower()
    return lower if "/" in lower else f"application/{lower}"


def check_kind(typ: str | None, expected: str | None) -> None:
    """Check that a token is of the expected kind.

    Args:
        typ: the token's `typ`.
        expected: the only accepted `typ`; None accepts a token without one, or with "JWT", which says nothing.

    Raises:
        WrongKind: it is another kind of token.
    """
    if expected is None:
        if typ is not None and media_type(typ) != "application/jwt":
            raise WrongKind("a token of a special kind; name the kind with typ= to accept it", claim="typ")
    elif typ is None or media_type(typ) != media_type(expected):
        raise WrongKind(f"the expected kind is {expected}", claim="typ")
